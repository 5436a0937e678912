// transcode/fragment_scan.h - reads what a muxer writes while it goes by: where each sample lies,
// its bytes and CRC. So a part's document says what is in the file, not what we meant to put there.
#pragma once

#include "base/hash.h"
#include "base/str.h"
#include "transcode/track.h"

enum { FRAGMENT_HEAD_BYTES_MAX = 8 << 20 };  // of boxes before mdat's payload

// Hand `writer` to the muxer: it passes every byte on to `inner` and never publishes. First the
// init segment goes by, then one fragment at a time. Threads: one at a time.
struct fragment_scan {
    struct sr_writer writer;
    struct sr_writer *inner;  // borrowed
    uint64_t offset;          // of the next byte in the file
    struct sr_sha256 *hash;   // of the init segment, while it goes by
    struct sr_err err;        // what went wrong in `writer`, where the muxer only sees a failure
    bool has_failed;
    // The fragment that goes by.
    struct track_sample *samples;  // borrowed: bytes and crc32 are filled
    size_t sample_count;
    struct sr_str head;  // its boxes up to mdat's payload
    bool is_in_payload;
    uint64_t fragment_offset, data_offset;
    int64_t start_dts;  // tfdt
    uint32_t sequence;  // mfhd
    size_t sample_index;
    uint64_t sample_rest;  // bytes of the sample that are still to come
};

SR_MUST_USE bool fragment_scan_init(struct fragment_scan *scan, struct sr_writer *inner,
                                    struct sr_err *err);
void fragment_scan_done(struct fragment_scan *scan);
SR_DEFINE_AUTO_VALUE(fragment_scan, struct fragment_scan, fragment_scan_done);

// The init segment has gone by.
SR_MUST_USE bool fragment_scan_end_init(struct fragment_scan *scan, uint64_t *ret_bytes,
                                        char sha256[SR_SHA256_HEX], struct sr_err *err);
// A fragment with these samples will go by.
void fragment_scan_begin(struct fragment_scan *scan, struct track_sample *samples,
                         size_t sample_count);
// It has: fills offset, bytes, data_offset. INTERNAL when it is not whole.
SR_MUST_USE bool fragment_scan_end(struct fragment_scan *scan, struct track_fragment *ret,
                                   struct sr_err *err);
