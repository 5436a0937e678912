#include "storage/blob_compose.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 2 * BLOB_PART_BYTES_MIN };

struct joint {
    const struct blob_compose_params *params;
    struct blob_upload upload;
    struct blob_parts parts;
    struct blob_compose_result result;
    bool no_copies;  // the store has said so
    char *buffer;    // of the part that is being filled
    size_t filled;
};

static void joint_done(struct joint *joint)
{
    struct sr_err ignored = { 0 };
    // what cannot be aborted now is found by blob_abort_stale()
    if (joint->upload.id)
        (void)!blob_upload_abort(joint->params->blob, &joint->upload, &ignored);
    blob_upload_done(&joint->upload);
    blob_parts_done(&joint->parts);
    free(joint->buffer);
}
SR_DEFINE_AUTO_VALUE(joint, struct joint, joint_done);

static bool next_number(const struct joint *joint, uint32_t *ret_number, struct sr_err *err)
{
    if (joint->parts.count == BLOB_PARTS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "an object of more than %d parts", BLOB_PARTS_MAX);
    *ret_number = (uint32_t)joint->parts.count + 1;
    return true;
}

static bool flush(struct joint *joint, struct sr_err *err)
{
    uint32_t number = 0;  // gcc does not see that it is set
    struct blob_part part;
    if (!sr_cancel_check(joint->params->cancel, err) || !next_number(joint, &number, err) ||
        !blob_upload_part(joint->params->blob, &joint->upload, number, joint->buffer, joint->filled,
                          &part, err))
        return false;
    joint->result.sent_bytes += joint->filled;
    joint->filled = 0;
    return blob_parts_add(&joint->parts, &part, err);
}

// Adds bytes of a piece to the buffer, sending it whenever it is full.
static bool add_bytes(struct joint *joint, const struct blob_piece *piece, uint64_t offset,
                      uint64_t bytes, struct sr_err *err)
{
    while (bytes) {
        if (joint->filled == BUFFER_BYTES && !flush(joint, err))
            return false;
        const size_t room = BUFFER_BYTES - joint->filled;
        const size_t want = bytes < room ? (size_t)bytes : room;
        size_t got = want;
        char *to = joint->buffer + joint->filled;
        if (!piece->key) {
            memcpy(to, (const char *)piece->data + offset, want);
        } else {
            if (!blob_get_bytes(joint->params->blob, piece->key, piece->if_match, offset, to, want,
                                &got, err))
                return false;
            joint->result.fetched_bytes += got;
        }
        if (got != want)
            return sr_fail(err, SR_ERR_CONFLICT, "%s is shorter than the piece of it", piece->key);
        joint->filled += got;
        offset += got;
        bytes -= got;
    }
    return true;
}

// One part by the store. *ret_done is false when the store cannot.
static bool copy_part(struct joint *joint, const struct blob_source *from, bool *ret_done,
                      struct sr_err *err)
{
    uint32_t number = 0;  // gcc does not see that it is set
    struct blob_part part;
    if (!sr_cancel_check(joint->params->cancel, err) || !next_number(joint, &number, err))
        return false;
    if (!blob_upload_copy(joint->params->blob, &joint->upload, number, from, &part, err)) {
        joint->no_copies = err->code == SR_ERR_UNSUPPORTED;
        *ret_done = false;
        return joint->no_copies;
    }
    joint->result.copied_bytes += from->bytes;
    *ret_done = true;
    return blob_parts_add(&joint->parts, &part, err);
}

// How much one copy takes of what is left, so that the rest is not too short to be copied.
static uint64_t copy_bytes(uint64_t left)
{
    if (left <= BLOB_PART_BYTES_MAX)
        return left;
    return left - BLOB_PART_BYTES_MAX >= BLOB_PART_BYTES_MIN
               ? BLOB_PART_BYTES_MAX
               : BLOB_PART_BYTES_MAX - BLOB_PART_BYTES_MIN;
}

static bool add_piece(struct joint *joint, const struct blob_piece *piece, struct sr_err *err)
{
    uint64_t offset = piece->offset, left = piece->bytes;
    if (left == 0)
        return sr_fail(err, SR_ERR_INVALID, "a piece of no bytes");
    // What lies in the buffer must become a part of its own before a copy: fill it up to the least
    // size.
    const uint64_t lacking = joint->filled && joint->filled < BLOB_PART_BYTES_MIN
                                 ? BLOB_PART_BYTES_MIN - joint->filled
                                 : 0;
    if (!piece->key || joint->no_copies || left < lacking + BLOB_PART_BYTES_MIN)
        return add_bytes(joint, piece, offset, left, err);
    if (lacking && !add_bytes(joint, piece, offset, lacking, err))
        return false;
    offset += lacking;
    left -= lacking;
    if (joint->filled && !flush(joint, err))
        return false;
    while (left) {
        const struct blob_source from = { .key = piece->key,
                                          .offset = offset,
                                          .bytes = copy_bytes(left),
                                          .if_match = piece->if_match };
        bool copied;
        if (!copy_part(joint, &from, &copied, err))
            return false;
        if (!copied)
            return add_bytes(joint, piece, offset, left, err);
        offset += from.bytes;
        left -= from.bytes;
    }
    return true;
}

static bool put_small(struct joint *joint, struct sr_err *err)
{
    const struct blob_put put = { .key = joint->params->key,
                                  .data = joint->buffer,
                                  .bytes = joint->filled,
                                  .attrs = joint->params->attrs };
    joint->result.sent_bytes += joint->filled;
    return blob_put(joint->params->blob, &put, joint->result.etag, err);
}

bool blob_compose(const struct blob_compose_params *params, struct blob_compose_result *ret_result,
                  struct sr_err *err)
{
    sr_auto(joint) struct joint joint = { .params = params };
    uint64_t bytes = 0;
    for (size_t i = 0; i < params->piece_count; i++) {
        if (__builtin_add_overflow(bytes, params->piece[i].bytes, &bytes))
            return sr_fail(err, SR_ERR_TOO_LARGE, "the pieces' sizes do not fit");
    }
    if (bytes == 0)
        return sr_fail(err, SR_ERR_INVALID, "an object of no pieces");
    joint.buffer = malloc(BUFFER_BYTES);
    if (!joint.buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a part");
    const bool small =
        bytes < BLOB_PART_BYTES_MIN;  // then it never fills a part, nor is anything copied
    if (!small && !blob_upload_begin(params->blob, params->key, &params->attrs, &joint.upload, err))
        return false;
    for (size_t i = 0; i < params->piece_count; i++) {
        if (!add_piece(&joint, &params->piece[i], err))
            return sr_err_wrap(err, "piece %zu", i);
    }
    if (small) {
        if (!put_small(&joint, err))
            return false;
    } else {
        if ((joint.filled && !flush(&joint, err)) ||
            !blob_upload_finish(params->blob, &joint.upload, &joint.parts, &params->attrs,
                                joint.result.etag, err))
            return false;
        blob_upload_done(&joint.upload);  // finished: nothing to abort
    }
    joint.result.parts = (uint32_t)joint.parts.count;
    *ret_result = joint.result;
    return true;
}
