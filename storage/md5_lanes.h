// storage/md5_lanes.h - MD5 of several bodies side by side, in the lanes of vector registers.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

enum { MD5_LANES_MAX = 4 };

struct md5_lane {
    const void *data;
    size_t bytes;
    uint8_t digest[SR_MD5_BYTES];  // filled in
};

// The digests of `count` bodies, which may have any lengths; 1 <= count <= MD5_LANES_MAX. Each step
// of MD5 needs the one before, so that one body leaves most of a core idle: several of one length
// take little longer than one. For one alone there is sr_md5().
// Threads: pure; any thread.
// Spec:    RFC 1321.
void md5_lanes(struct md5_lane lane[], size_t count);
