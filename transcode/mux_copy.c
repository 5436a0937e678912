// Samples from the parts' files to the writer, each against its CRC.
#include <inttypes.h>
#include <libavutil/crc.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/hash.h"
#include "transcode/mux_priv.h"

bool mux_copier_init(struct mux_copier *copier, const struct mux_params *params, struct sr_err *err)
{
    *copier = (struct mux_copier){ .params = params, .buffer_bytes = MUX_COPY_BYTES };
    for (size_t i = 0; i < params->track_count; i++) {
        for (size_t j = 0; j < params->tracks[i].part_count; j++) {
            const struct track_part *part = params->tracks[i].parts[j].part;
            for (size_t k = 0; k < part->sample_count; k++) {
                if (part->samples[k].bytes > copier->buffer_bytes)
                    copier->buffer_bytes = part->samples[k].bytes;
            }
        }
    }
    if (params->budget &&
        !sr_budget_take(params->budget, copier->buffer_bytes, params->cancel, err))
        return false;
    copier->holds_budget = params->budget;
    copier->buffer = malloc(copier->buffer_bytes);
    if (!copier->buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu bytes of samples", copier->buffer_bytes);
    return true;
}

void mux_copier_done(struct mux_copier *copier)
{
    if (!copier->params)
        return;
    for (size_t i = 0; i < copier->params->track_count; i++)
        sr_reader_close(&copier->at[i].reader);
    free(copier->buffer);
    if (copier->holds_budget)
        sr_budget_give(copier->params->budget, copier->buffer_bytes);
    *copier = (struct mux_copier){ 0 };
}

// A part that ends early is not what its document says; elsewhere that would be a source that ends
// early.
static bool read_part(const struct sr_reader *reader, uint64_t offset, void *buffer, size_t bytes,
                      struct sr_err *err)
{
    if (sr_read_exact(reader, offset, buffer, bytes, err))
        return true;
    if (err->code == SR_ERR_INPUT)
        err->code = SR_ERR_VERIFY;
    return false;
}

static bool check_init(struct mux_copier *copier, const struct sr_reader *reader,
                       const struct track_part *part, struct sr_err *err)
{
    if (part->init_bytes == 0 || part->init_bytes > MUX_COPY_BYTES)
        return sr_fail(err, SR_ERR_VERIFY, "an init segment of %" PRIu64 " bytes",
                       part->init_bytes);
    uint8_t digest[SR_SHA256_BYTES];
    char hex[SR_SHA256_HEX];
    if (!read_part(reader, 0, copier->buffer, (size_t)part->init_bytes, err) ||
        !sr_sha256(copier->buffer, (size_t)part->init_bytes, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), hex);
    if (strcmp(hex, part->init_sha256) != 0)
        return sr_fail(err, SR_ERR_VERIFY, "its codec header is not what its document says");
    return true;
}

bool mux_copier_open(struct mux_copier *copier, size_t track, size_t part, struct sr_err *err)
{
    struct mux_copier_track *at = &copier->at[track];
    if (at->reader.ops && at->part == part)
        return true;
    sr_reader_close(&at->reader);
    const struct mux_part *const next = &copier->params->tracks[track].parts[part];
    *at = (struct mux_copier_track){ .part = part };
    if (!next->open(next->self, &at->reader, err) ||
        !check_init(copier, &at->reader, next->part, err))
        return sr_err_wrap(err, "segment %zu: track %zu", part + 1, track + 1);
    at->offset = next->part->fragments[0].data_offset;
    return true;
}

// As many of the next samples as lie together and fit in the buffer.
static size_t gather(const struct mux_copier *copier, const struct mux_copier_track *at,
                     const struct track_part *part, size_t count, size_t *ret_bytes)
{
    const struct track_fragment *fragment = &part->fragments[at->fragment];
    const size_t end = fragment->first_sample + fragment->sample_count;
    size_t taken = 0;
    *ret_bytes = 0;
    while (taken < count && at->sample + taken < end) {
        const uint32_t bytes = part->samples[at->sample + taken].bytes;
        if (bytes > copier->buffer_bytes - *ret_bytes)
            break;
        *ret_bytes += bytes;
        taken++;
    }
    return taken;
}

static bool check_samples(const struct mux_copier *copier, const struct track_part *part,
                          size_t first, size_t count, struct sr_err *err)
{
    // Spec: ISO 3309, the CRC of zlib and PNG.
    const AVCRC *const table = av_crc_get_table(AV_CRC_32_IEEE_LE);
    const uint8_t *at = copier->buffer;
    for (size_t i = first; i < first + count; i++) {
        const struct track_sample *sample = &part->samples[i];
        if ((av_crc(table, UINT32_MAX, at, sample->bytes) ^ UINT32_MAX) != sample->crc32)
            return sr_fail(err, SR_ERR_VERIFY,
                           "the bytes of sample %zu are not those that were encoded", i + 1);
        at += sample->bytes;
    }
    return true;
}

static bool copy(struct mux_copier *copier, struct mux_copier_track *at,
                 const struct track_part *part, size_t count, struct sr_err *err)
{
    while (count > 0) {
        const struct track_fragment *fragment = &part->fragments[at->fragment];
        if (at->sample == fragment->first_sample + fragment->sample_count) {
            fragment = &part->fragments[++at->fragment];
            at->offset = fragment->data_offset;
        }
        size_t bytes;
        const size_t taken = gather(copier, at, part, count, &bytes);
        if (!sr_cancel_check(copier->params->cancel, err) ||
            !read_part(&at->reader, at->offset, copier->buffer, bytes, err) ||
            !check_samples(copier, part, at->sample, taken, err))
            return false;
        if (copier->params->from_part &&
            !copier->params->from_part(copier->params->from_self,
                                       &copier->params->tracks[at - copier->at].parts[at->part],
                                       at->offset, bytes, err))
            return false;
        if (!sr_write(copier->params->writer, copier->buffer, bytes, err))
            return false;
        at->sample += taken;
        at->offset += bytes;
        count -= taken;
    }
    return true;
}

bool mux_copier_copy(struct mux_copier *copier, size_t track, size_t count, struct sr_err *err)
{
    struct mux_copier_track *at = &copier->at[track];
    const struct track_part *part = copier->params->tracks[track].parts[at->part].part;
    if (copy(copier, at, part, count, err))
        return true;
    if (err->code == SR_ERR_CANCELLED)
        return false;
    return sr_err_wrap(err, "segment %zu: track %zu", at->part + 1, track + 1);
}
