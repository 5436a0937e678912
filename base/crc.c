#include "base/crc.h"

#include <string.h>

static const struct kind {
    uint64_t polynomial;  // with its bits reversed
    size_t bytes;
} kinds[SR_CRC_KINDS] = {
    [SR_CRC32] = { 0xEDB88320, 4 },
    [SR_CRC32C] = { 0x82F63B78, 4 },
    [SR_CRC64NVME] = { 0x9A6C9329AC4BC9B5, 8 },
};

static uint64_t all_ones(enum sr_crc_kind kind)
{
    return UINT64_MAX >> (64 - 8 * kinds[kind].bytes);
}

void sr_crc_again(struct sr_crc *crc)
{
    crc->value = all_ones(crc->kind);
}

// table[n][b]: what byte b does to the sum when n zero bytes follow it.
void sr_crc_begin(struct sr_crc *crc, enum sr_crc_kind kind)
{
    crc->kind = kind;
    for (uint64_t b = 0; b < 256; b++) {
        uint64_t x = b;
        for (int bit = 0; bit < 8; bit++)
            x = x & 1 ? x >> 1 ^ kinds[kind].polynomial : x >> 1;
        crc->table[0][b] = x;
    }
    for (size_t n = 1; n < 8; n++) {
        for (size_t b = 0; b < 256; b++) {
            const uint64_t x = crc->table[n - 1][b];
            crc->table[n][b] = x >> 8 ^ crc->table[0][x & 0xFF];
        }
    }
    sr_crc_again(crc);
}

static uint64_t little_endian(const uint8_t *data)
{
    uint64_t x = 0;
    for (int i = 7; i >= 0; i--)
        x = x << 8 | data[i];
    return x;
}

// Eight bytes at a time, each through the table for those that follow it.
void sr_crc_add(struct sr_crc *crc, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    uint64_t value = crc->value;
    for (; bytes >= 8; bytes -= 8, at += 8) {
        const uint64_t x = value ^ little_endian(at);
        value = crc->table[7][x & 0xFF] ^ crc->table[6][x >> 8 & 0xFF] ^
                crc->table[5][x >> 16 & 0xFF] ^ crc->table[4][x >> 24 & 0xFF] ^
                crc->table[3][x >> 32 & 0xFF] ^ crc->table[2][x >> 40 & 0xFF] ^
                crc->table[1][x >> 48 & 0xFF] ^ crc->table[0][x >> 56];
    }
    for (; bytes; bytes--)
        value = value >> 8 ^ crc->table[0][(value ^ *at++) & 0xFF];
    crc->value = value;
}

size_t sr_crc_end(const struct sr_crc *crc, uint8_t sum[8])
{
    const size_t bytes = kinds[crc->kind].bytes;
    const uint64_t value = crc->value ^ all_ones(crc->kind);
    for (size_t i = 0; i < bytes; i++)
        sum[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return bytes;
}
