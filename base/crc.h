// base/crc.h - cyclic redundancy checks: CRC-32, CRC-32C and CRC-64/NVME.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum sr_crc_kind { SR_CRC32, SR_CRC32C, SR_CRC64NVME, SR_CRC_KINDS };

// A sum in progress, with its tables (16 KiB): what is not const is nobody else's.
struct sr_crc {
    enum sr_crc_kind kind;
    uint64_t value;
    uint64_t table[8][256];
};
// Threads: pure; a sum belongs to one thread at a time.
// Spec:    the catalogue of parametrised CRCs: CRC-32/ISO-HDLC, CRC-32/ISCSI, CRC-64/NVME.
void sr_crc_begin(struct sr_crc *crc, enum sr_crc_kind kind);
void sr_crc_again(struct sr_crc *crc);  // from the start, the kind stays
void sr_crc_add(struct sr_crc *crc, const void *data, size_t bytes);
// The sum so far, most significant byte first; gives how many bytes it has (4 or 8).
size_t sr_crc_end(const struct sr_crc *crc, uint8_t sum[8]);
