#include "pipeline/verify_whole.h"

#include <inttypes.h>
#include <string.h>

#include "transcode/box.h"

enum { BOXES_MAX = 1 << 20 };  // of a file made to keep us busy, the rest is not looked at

static bool is_one_of(const uint8_t type[4], const char *types)
{
    for (const char *at = types; *at; at += 4) {
        if (memcmp(type, at, 4) == 0)
            return true;
    }
    return false;
}

// Spec: ISO/IEC 14496-12 4.2. 0: the rest of the file.
static uint64_t box_bytes(const uint8_t head[16])
{
    const uint32_t bytes = box_get_u32(head);
    return bytes == 1 ? (uint64_t)box_get_u32(head + 8) << 32 | box_get_u32(head + 12) : bytes;
}

bool verify_whole(const struct sr_reader *file, struct verify_result *result, struct sr_err *err)
{
    const uint64_t end = sr_reader_size(file);
    uint64_t offset = 0;
    for (int i = 0; i < BOXES_MAX && end - offset >= 8; i++) {
        uint8_t head[16] = { 0 };
        const uint64_t left = end - offset;
        if (!sr_read_exact(file, offset, head, left < sizeof(head) ? (size_t)left : sizeof(head),
                           err))
            return false;
        const uint64_t bytes = box_bytes(head);
        if ((i == 0 && !is_one_of(head + 4, "ftypstyp")) || bytes < 8)
            return true;     // no MP4, or its last box
        if (bytes > left) {  // else it is somebody's who put what he likes behind it
            if (is_one_of(head + 4, "mdatmoovmoof"))
                verify_find(result, 0,
                            "the file ends within \"%.4s\": %" PRIu64 " bytes are missing",
                            (const char *)head + 4, bytes - left);
            return true;
        }
        offset += bytes;
    }
    return true;
}
