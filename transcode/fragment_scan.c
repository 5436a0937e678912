#include "transcode/fragment_scan.h"

#include <inttypes.h>
#include <libavutil/crc.h>
#include <string.h>

#include "transcode/box.h"

static uint32_t crc_start(void)
{
    return UINT32_MAX;
}

static uint32_t crc_add(uint32_t crc, const uint8_t *data, size_t bytes)
{
    return av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), crc, data, bytes);
}

static uint32_t crc_end(uint32_t crc)
{
    return crc ^ UINT32_MAX;
}

// The boxes before the payload ------------------------------------------------------------------

enum {
    TRUN_DATA_OFFSET = 1,
    TRUN_FIRST_FLAGS = 4,
    TRUN_DURATION = 0x100,
    TRUN_SIZE = 0x200,
    TRUN_FLAGS = 0x400,
    TRUN_COMPOSITION = 0x800
};
enum { TFHD_BASE_OFFSET = 1, TFHD_DESCRIPTION = 2, TFHD_DURATION = 8, TFHD_SIZE = 0x10 };

// Spec: ISO/IEC 14496-12 8.8.7: the size that samples have when the run lists none.
static bool default_size(const struct box *tfhd, uint32_t *ret_size)
{
    if (tfhd->body_bytes < 8)
        return false;
    const uint32_t flags = box_get_u32(tfhd->body) & 0xffffff;
    const size_t at = 8U + (flags & TFHD_BASE_OFFSET ? 8U : 0U) +
                      (flags & TFHD_DESCRIPTION ? 4U : 0U) + (flags & TFHD_DURATION ? 4U : 0U);
    *ret_size = 0;
    if (!(flags & TFHD_SIZE))
        return true;
    if (tfhd->body_bytes < at + 4)
        return false;
    *ret_size = box_get_u32(tfhd->body + at);
    return true;
}

// Spec: ISO/IEC 14496-12 8.8.8. Fills the samples' sizes; *ret_offset is from the start of moof.
static bool read_run(struct fragment_scan *scan, const struct box *trun, uint32_t size,
                     uint32_t *ret_offset)
{
    if (trun->body_bytes < 12)
        return false;
    const uint32_t flags = box_get_u32(trun->body) & 0xffffff;
    const size_t item = (flags & TRUN_DURATION ? 4U : 0U) + (flags & TRUN_SIZE ? 4U : 0U) +
                        (flags & TRUN_FLAGS ? 4U : 0U) + (flags & TRUN_COMPOSITION ? 4U : 0U);
    const size_t size_at = flags & TRUN_DURATION ? 4 : 0;
    const size_t head = 12 + (flags & TRUN_FIRST_FLAGS ? 4 : 0);
    if (!(flags & TRUN_DATA_OFFSET) || box_get_u32(trun->body + 4) != scan->sample_count ||
        trun->body_bytes != head + item * scan->sample_count)
        return false;
    *ret_offset = box_get_u32(trun->body + 8);
    for (size_t i = 0; i < scan->sample_count; i++) {
        const uint8_t *at = trun->body + head + i * item;
        scan->samples[i].bytes = flags & TRUN_SIZE ? box_get_u32(at + size_at) : size;
    }
    return true;
}

static bool read_times(struct fragment_scan *scan, const struct box *tfdt, const struct box *mfhd)
{
    const bool is_long = tfdt->body_bytes >= 12 && tfdt->body[0] == 1;
    if (tfdt->body_bytes < 8 || mfhd->body_bytes < 8)
        return false;
    uint64_t dts = box_get_u32(tfdt->body + 4);
    if (is_long)
        dts = dts << 32 | box_get_u32(tfdt->body + 8);
    scan->start_dts = (int64_t)dts;
    scan->sequence = box_get_u32(mfhd->body + 4);
    return dts <= INT64_MAX;
}

static bool read_moof(struct fragment_scan *scan, const struct box *moof)
{
    struct box mfhd, traf, tfhd, tfdt, trun;
    if (!box_child(moof, "mfhd", &mfhd) || !box_child(moof, "traf", &traf) ||
        !box_child(&traf, "tfhd", &tfhd) || !box_child(&traf, "tfdt", &tfdt) ||
        !box_child(&traf, "trun", &trun))
        return false;
    uint32_t size, offset;
    if (!default_size(&tfhd, &size) || !read_run(scan, &trun, size, &offset) ||
        !read_times(scan, &tfdt, &mfhd))
        return false;
    const uint64_t moof_at = (uint64_t)(moof->start - (const uint8_t *)sr_str_text(&scan->head));
    return scan->fragment_offset + moof_at + offset == scan->data_offset;
}

// All boxes before the payload are here, and mdat's header.
static bool read_head(struct fragment_scan *scan, uint64_t payload_bytes)
{
    const uint8_t *data = (const uint8_t *)sr_str_text(&scan->head);
    struct box moof;
    if (!box_find(data, scan->head.bytes, "moof", &moof) || !read_moof(scan, &moof))
        return sr_fail(&scan->err, SR_ERR_INTERNAL, "the muxer wrote a fragment of another shape");
    uint64_t sum = 0;
    for (size_t i = 0; i < scan->sample_count; i++)
        sum += scan->samples[i].bytes;
    if (sum != payload_bytes)
        return sr_fail(&scan->err, SR_ERR_INTERNAL,
                       "samples of %" PRIu64 " bytes in a fragment of %" PRIu64, sum,
                       payload_bytes);
    scan->is_in_payload = true;
    scan->sample_index = 0;
    scan->sample_rest = scan->sample_count ? scan->samples[0].bytes : 0;
    if (scan->sample_count)
        scan->samples[0].crc32 = crc_start();
    return true;
}

// Going by
// -----------------------------------------------------------------------------------------

// How many bytes of head are wanted before we know more, from what is there. 0: all are here,
// *ret_payload is the size of what follows.
static size_t head_wants(const struct fragment_scan *scan, uint64_t *ret_payload)
{
    const uint8_t *data = (const uint8_t *)sr_str_text(&scan->head);
    size_t at = 0;
    for (;;) {
        if (scan->head.bytes - at < 8)
            return at + 8;
        uint64_t size = box_get_u32(data + at);
        size_t header = 8;
        if (size == 1) {
            if (scan->head.bytes - at < 16)
                return at + 16;
            size = (uint64_t)box_get_u32(data + at + 8) << 32 | box_get_u32(data + at + 12);
            header = 16;
        }
        if (size < header ||
            (size > FRAGMENT_HEAD_BYTES_MAX && memcmp(data + at + 4, "mdat", 4) != 0))
            return SIZE_MAX;
        if (memcmp(data + at + 4, "mdat", 4) == 0) {
            *ret_payload = size - header;
            return scan->head.bytes < at + header ? at + header : 0;
        }
        at += (size_t)size;
        if (at > FRAGMENT_HEAD_BYTES_MAX)
            return SIZE_MAX;
        if (at > scan->head.bytes)
            return at;
    }
}

// Takes what belongs to the head off the front of *data.
static bool take_head(struct fragment_scan *scan, const uint8_t **data, size_t *bytes)
{
    uint64_t payload = 0;
    size_t wants;
    while ((wants = head_wants(scan, &payload)) != 0) {
        if (wants == SIZE_MAX)
            return sr_fail(&scan->err, SR_ERR_INTERNAL, "the muxer wrote no fragment");
        size_t take = wants - scan->head.bytes;
        if (take > *bytes)
            take = *bytes;
        if (take == 0)
            return true;
        if (!sr_str_add_bytes(&scan->head, *data, take, &scan->err))
            return false;
        *data += take;
        *bytes -= take;
    }
    scan->data_offset = scan->fragment_offset + scan->head.bytes;
    return read_head(scan, payload);
}

static bool take_payload(struct fragment_scan *scan, const uint8_t *data, size_t bytes)
{
    while (scan->sample_index < scan->sample_count) {
        struct track_sample *sample = &scan->samples[scan->sample_index];
        const size_t take = scan->sample_rest < bytes ? (size_t)scan->sample_rest : bytes;
        sample->crc32 = crc_add(sample->crc32, data, take);
        data += take;
        bytes -= take;
        scan->sample_rest -= take;
        if (scan->sample_rest > 0)
            return true;
        sample->crc32 = crc_end(sample->crc32);
        if (++scan->sample_index < scan->sample_count) {
            scan->sample_rest = sample[1].bytes;
            sample[1].crc32 = crc_start();
        }
    }
    if (bytes > 0)
        return sr_fail(&scan->err, SR_ERR_INTERNAL, "the muxer wrote %zu bytes after the samples",
                       bytes);
    return true;
}

static bool look(struct fragment_scan *scan, const uint8_t *data, size_t bytes)
{
    if (scan->hash)
        return sr_sha256_add(scan->hash, data, bytes, &scan->err);
    if (!scan->is_in_payload && !take_head(scan, &data, &bytes))
        return false;
    return !scan->is_in_payload || take_payload(scan, data, bytes);
}

static bool scan_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    struct fragment_scan *scan = self;
    if (!scan->has_failed) {
        scan->has_failed =
            !look(scan, data, bytes) || !sr_write(scan->inner, data, bytes, &scan->err);
        scan->offset += bytes;
    }
    if (scan->has_failed)
        *err = scan->err;
    return !scan->has_failed;
}

static bool scan_rewrite_head(void *self, uint64_t offset, const void *data, size_t bytes,
                              struct sr_err *err)
{
    (void)self;
    (void)offset;
    (void)data;
    (void)bytes;
    return sr_fail(err, SR_ERR_UNSUPPORTED, "fragments are written once");
}

static bool scan_publish(void *self, struct sr_err *err)
{
    (void)self;
    return sr_fail(err, SR_ERR_UNSUPPORTED, "publishing is the caller's");
}

static void scan_discard(void *self)
{
    (void)self;  // owns nothing
}

// Phases
// -------------------------------------------------------------------------------------------

bool fragment_scan_init(struct fragment_scan *scan, struct sr_writer *inner, struct sr_err *err)
{
    static const struct sr_writer_ops ops = { scan_write, scan_rewrite_head, scan_publish,
                                              scan_discard };
    *scan = (struct fragment_scan){ .writer = { &ops, scan }, .inner = inner };
    return sr_sha256_new(&scan->hash, err);
}

void fragment_scan_done(struct fragment_scan *scan)
{
    sr_sha256_free(scan->hash);
    sr_str_done(&scan->head);
    scan->hash = NULL;
}

bool fragment_scan_end_init(struct fragment_scan *scan, uint64_t *ret_bytes,
                            char sha256[SR_SHA256_HEX], struct sr_err *err)
{
    if (scan->has_failed) {
        *err = scan->err;
        return false;
    }
    uint8_t digest[SR_SHA256_BYTES];
    if (!sr_sha256_end(scan->hash, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), sha256);
    sr_sha256_free(sr_take(scan->hash));
    *ret_bytes = scan->offset;
    return true;
}

void fragment_scan_begin(struct fragment_scan *scan, struct track_sample *samples,
                         size_t sample_count)
{
    scan->samples = samples;
    scan->sample_count = sample_count;
    scan->head.bytes = 0;  // its memory is used again
    scan->is_in_payload = false;
    scan->fragment_offset = scan->offset;
}

bool fragment_scan_end(struct fragment_scan *scan, struct track_fragment *ret, struct sr_err *err)
{
    if (scan->has_failed) {
        *err = scan->err;
        return false;
    }
    if (!scan->is_in_payload || scan->sample_index != scan->sample_count)
        return sr_fail(err, SR_ERR_INTERNAL, "the muxer wrote half a fragment");
    ret->offset = scan->fragment_offset;
    ret->bytes = scan->offset - scan->fragment_offset;
    ret->data_offset = scan->data_offset;
    return true;
}
