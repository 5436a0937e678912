#include "pipeline/composed.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/tracks.h"
#include "storage/blob_compose.h"
#include "transcode/mux.h"

static bool add_run(void *self, const struct mux_part *part, uint64_t offset, uint64_t bytes,
                    struct sr_err *err)
{
    return joined_add_range(self, tracks_key(part), offset, bytes, err);
}

static bool make_head(struct job *job, const struct job_file *file, struct joined *joined,
                      struct sr_writer *writer, struct sr_err *err)
{
    sr_auto(tracks) struct tracks *tracks = NULL;
    if (!tracks_new(job, file->output, file->video, &tracks, err))
        return false;
    const struct mux_params params = {
        .track_count = tracks_count(tracks),
        .tracks = tracks_list(tracks),
        .writer = writer,
        .cancel = job->source.cancel,
        .from_part = add_run,
        .from_self = joined,
    };
    return mux_composed(&params, COMPOSED_PIECE_BYTES, err) &&
           writer->ops->publish(writer->self, err);
}

bool composed_list(struct job *job, const struct job_file *file, struct joined **ret_joined,
                   struct sr_err *err)
{
    sr_auto(joined) struct joined *all = NULL;
    sr_auto(joined) struct joined *runs = NULL;
    sr_auto(sr_writer) struct sr_writer memory = { 0 };
    uint8_t *data = NULL;
    size_t bytes = 0;
    const bool made = joined_new(job->workspace, &all, err) &&
                      joined_new(job->workspace, &runs, err) &&
                      sr_memory_writer_open(&data, &bytes, &memory, err) &&
                      make_head(job, file, runs, &memory, err) &&
                      joined_add_bytes(all, data, bytes, err) && joined_add_all(all, runs, err);
    free(data);
    if (!made)
        return false;
    *ret_joined = sr_take(all);
    return true;
}

// Publishing -------------------------------------------------------------------------------------
struct pieces {
    size_t count;
    struct blob_piece *item;
    char **keys;
};

static void pieces_done(struct pieces *pieces)
{
    for (size_t i = 0; pieces->keys && i < pieces->count; i++)
        free(pieces->keys[i]);
    free(pieces->keys);
    free(pieces->item);
}
SR_DEFINE_AUTO_VALUE(pieces, struct pieces, pieces_done);

static bool list_pieces(const struct job *job, const struct joined *joined, struct pieces *ret,
                        struct sr_err *err)
{
    struct joined_piece piece;
    size_t count = 0;
    while (joined_piece(joined, count, &piece))
        count++;
    ret->count = count;
    ret->item = calloc(count + 1, sizeof(*ret->item));
    ret->keys = calloc(count + 1, sizeof(*ret->keys));
    if (!ret->item || !ret->keys)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu pieces", count);
    for (size_t i = 0; joined_piece(joined, i, &piece); i++) {
        if (piece.key && !(ret->keys[i] = workspace_object(job->workspace, piece.key, err)))
            return false;
        ret->item[i] = (struct blob_piece){
            .key = ret->keys[i],
            .offset = piece.offset,
            .bytes = piece.bytes,
            .data = piece.data,
        };
    }
    return true;
}

static bool compose(const struct job *job, struct job_file *file, const struct blob_attrs *attrs,
                    struct sr_err *err)
{
    sr_auto(pieces) struct pieces pieces = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    struct blob_compose_result result = { 0 };
    if (!list_pieces(job, file->joined, &pieces, err))
        return false;
    const struct blob_compose_params params = {
        .blob = &file->place->blob,
        .key = file->place->key,
        .attrs = *attrs,
        .piece = pieces.item,
        .piece_count = pieces.count,
        .cancel = job->source.cancel,
    };
    if (!blob_compose(&params, &result, err) ||
        !blob_head(&file->place->blob, file->place->key, &info, err))
        return false;
    file->copied_bytes = result.copied_bytes;
    file->sent_bytes = result.sent_bytes;
    return info.bytes == joined_bytes(file->joined) ||
           sr_fail(err, SR_ERR_STORAGE, "the store made %llu bytes of %llu",
                   (unsigned long long)info.bytes, (unsigned long long)joined_bytes(file->joined));
}

static bool send(const struct job *job, struct job_file *file, const struct blob_attrs *attrs,
                 struct sr_err *err)
{
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    char sha256[SR_SHA256_HEX];
    if (!remote_writer(job->remote, &file->place->blob, file->place->key, attrs, &writer, err) ||
        !joined_copy(file->joined, &writer, job->source.cancel, sha256, err))
        return false;
    if (strcmp(sha256, file->sha256) != 0)
        return sr_fail(err, SR_ERR_VERIFY, "what would be sent is not what was verified");
    file->sent_bytes = joined_bytes(file->joined);
    return writer.ops->publish(writer.self, err);
}

bool composed_publish(struct job *job, struct job_file *file, struct sr_err *err)
{
    const struct blob_place *const parts = workspace_place(job->workspace);
    struct remote_mark mark;
    const struct blob_attrs attrs = { .cache_control = "no-cache",
                                      .meta = remote_mark(job->remote, &mark),
                                      .if_absent = !file->may_overwrite };
    const bool is_same_store =
        file->output->is_composed && parts && parts->blob.self == file->place->blob.self;
    if (is_same_store ? compose(job, file, &attrs, err) : send(job, file, &attrs, err))
        return true;
    if (err->code == SR_ERR_EXISTS)
        return sr_fail(err, SR_ERR_EXISTS, "%s: came into being meanwhile; -y overwrites it",
                       file->final);
    return sr_err_wrap(err, "%s", file->final);
}
