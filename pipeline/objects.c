#include "pipeline/objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/hls.h"
#include "pipeline/hls_priv.h"
#include "pipeline/joined.h"
#include "pipeline/tracks.h"
#include "storage/blob_write.h"
#include "transcode/mux.h"

enum { REPORT_HEAD_BYTES = 4096 };
#define CACHE_ASK "no-cache"  // may be kept, but is asked for again: names may get new content

// Looking ----------------------------------------------------------------------------------------
bool objects_exist(const struct job *job, const char *url, bool *ret_there, struct sr_err *err)
{
    const struct blob_place *place;
    sr_auto(blob_info) struct blob_info info = { 0 };
    struct sr_err why = { 0 };
    if (!remote_open(job->remote, url, BLOB_PLACE_WRITE, &place, err))
        return false;
    *ret_there = blob_head(&place->blob, place->key, &info, &why);
    if (*ret_there || why.code == SR_ERR_NOT_FOUND)
        return true;
    *err = why;
    return sr_err_wrap(err, "%s", url);
}

bool objects_hash(const struct job *job, const char *url, char text[SR_SHA256_HEX],
                  struct sr_err *err)
{
    const struct blob_place *place;
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_auto(sr_sha256) struct sr_sha256 *hash = NULL;
    uint8_t digest[SR_SHA256_BYTES];
    if (!remote_open(job->remote, url, BLOB_PLACE_WRITE, &place, err) ||
        !remote_reader(job->remote, &place->blob, place->key, NULL, &reader, err) ||
        !sr_sha256_new(&hash, err) ||
        !sr_sha256_add_reader(hash, &reader, job->source.cancel, err) ||
        !sr_sha256_end(hash, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), text);
    return true;
}

bool objects_check_report(const struct job *job, const char *url, struct sr_err *err)
{
    const struct blob_place *place;
    struct sr_err why = { 0 };
    char head[REPORT_HEAD_BYTES + 1];
    size_t bytes;
    if (!remote_open(job->remote, url, BLOB_PLACE_WRITE, &place, err))
        return false;
    if (!blob_get_bytes(&place->blob, place->key, NULL, 0, head, REPORT_HEAD_BYTES, &bytes, &why)) {
        if (why.code == SR_ERR_NOT_FOUND)
            return true;
        *err = why;
        return sr_err_wrap(err, "%s", url);
    }
    head[bytes] = '\0';
    return strstr(head, "\"splitreel_report\"") ||
           sr_fail(err, SR_ERR_EXISTS,
                   "%s: the report would have this name, and it is not a report; move it away",
                   url);
}

// Preparing --------------------------------------------------------------------------------------
// Two runs to one name would end in a race in any case: the later one ends the earlier's uploads.
static bool abort_left(const struct job *job, const struct blob_place *place, const char *prefix,
                       bool is_whole_key, struct sr_err *err)
{
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    if (!place->blob.ops->uploads)
        return true;
    if (!blob_uploads(&place->blob, prefix, &uploads, err)) {
        if (err->code != SR_ERR_UNSUPPORTED && err->code != SR_ERR_DENIED)
            return false;
        sr_warn(job->log, "what a crash may have left open is not looked for", SR_ERR(err));
        *err = (struct sr_err){ 0 };
        return true;
    }
    for (size_t i = 0; i < uploads.count; i++) {
        const struct blob_upload *const upload = &uploads.item[i];
        if (is_whole_key && strcmp(upload->key, prefix) != 0)
            continue;
        if (!blob_upload_abort(&place->blob, upload, err))
            return false;
        sr_warn(job->log, "an upload that was left open is aborted", SR_TEXT("key", upload->key));
    }
    return true;
}

static bool check_hls(struct job *job, struct job_file *file, const struct blob_place *place,
                      struct sr_err *err)
{
    struct hls_track track;
    for (size_t i = 0;; i++) {
        const bool more = hls_track(job, file->output, i, &track);
        sr_auto(char) char *prefix = more ? sr_strf(err, "%s%s/", place->key, track.id)
                                          : sr_strf(err, "%s%s", place->key, HLS_MASTER);
        sr_auto(blob_page) struct blob_page page = { 0 };
        if (!prefix)
            return false;
        const struct blob_list list = { .prefix = prefix, .count_max = 1 };
        if (!blob_list(&place->blob, &list, &page, err))
            return sr_err_wrap(err, "%s", file->final);
        if (page.count > 0 && (more || strcmp(page.item[0].key, prefix) == 0))
            return sr_fail(err, SR_ERR_EXISTS, "%s/%s: is there already; -y overwrites it",
                           file->final, page.item[0].key + strlen(place->key));
        if (!more)
            return true;
    }
}

bool objects_prepare(struct job *job, struct job_file *file, struct sr_err *err)
{
    const bool is_hls = file->output->type == MANIFEST_HLS;
    sr_auto(char) char *url = sr_strf(err, "%s%s", file->final, is_hls ? "/" : "");
    if (!url || !remote_open(job->remote, url, is_hls ? BLOB_PLACE_LIST : BLOB_PLACE_WRITE,
                             &file->place, err))
        return false;
    if (is_hls && !file->may_overwrite && !check_hls(job, file, file->place, err))
        return false;
    // Media segments are sent whole or in parts like all else; only names below ours are ours.
    struct hls_track track;
    if (!is_hls)
        return abort_left(job, file->place, file->place->key, true, err);
    for (size_t i = 0; hls_track(job, file->output, i, &track); i++) {
        sr_auto(char) char *prefix = sr_strf(err, "%s%s/", file->place->key, track.id);
        if (!prefix || !abort_left(job, file->place, prefix, false, err))
            return false;
    }
    return true;
}

// Joining ----------------------------------------------------------------------------------------
// Stands before the object's writer: notes where every byte comes from, and hashes all of them.
struct tee {
    struct sr_writer *object;  // without functions: nothing is sent yet
    struct joined *joined;
    struct sr_sha256 *hash;
    const struct mux_part *part;  // what is written next is of it; NULL: the joiner's own bytes
    uint64_t offset, bytes;
};

static bool tee_from(void *self, const struct mux_part *part, uint64_t offset, uint64_t bytes,
                     struct sr_err *err)
{
    (void)err;
    struct tee *const tee = self;
    tee->part = part;
    tee->offset = offset;
    tee->bytes = bytes;
    return true;
}

static bool tee_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    struct tee *const tee = self;
    const struct mux_part *const part = tee->part;
    tee->part = NULL;
    if (part && bytes != tee->bytes)
        return sr_fail(err, SR_ERR_INTERNAL, "%zu bytes of a part, told %llu", bytes,
                       (unsigned long long)tee->bytes);
    return (part ? joined_add_range(tee->joined, tracks_key(part), tee->offset, bytes, err)
                 : joined_add_bytes(tee->joined, data, bytes, err)) &&
           sr_sha256_add(tee->hash, data, bytes, err) &&
           (!tee->object->ops || sr_write(tee->object, data, bytes, err));
}

static bool tee_rewrite(void *self, uint64_t offset, const void *data, size_t bytes,
                        struct sr_err *err)
{
    (void)self, (void)offset, (void)data, (void)bytes;
    return sr_fail(err, SR_ERR_UNSUPPORTED, "what is joined is written once");
}

static bool tee_publish(void *self, struct sr_err *err)
{
    (void)self;
    return sr_fail(err, SR_ERR_INTERNAL, "an object is published after it was verified");
}

static void tee_discard(void *self)
{
    (void)self;  // the caller's, on its stack
}

static const struct sr_writer_ops tee_ops = { tee_write, tee_rewrite, tee_publish, tee_discard };

static bool join_through(struct job *job, struct job_file *file, struct tee *tee,
                         struct sr_err *err)
{
    sr_auto(tracks) struct tracks *tracks = NULL;
    uint8_t digest[SR_SHA256_BYTES];
    struct sr_writer writer = { .ops = &tee_ops, .self = tee };
    if (!tracks_new(job, file->output, file->video, &tracks, err))
        return false;
    const struct mux_params params = {
        .track_count = tracks_count(tracks),
        .tracks = tracks_list(tracks),
        .writer = &writer,
        .cancel = job->source.cancel,
        .budget = job->budget,
        .from_part = tee_from,
        .from_self = tee,
    };
    if (!mux_mp4(&params, err) || !sr_sha256_end(tee->hash, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), file->sent_sha256);
    return true;
}

bool objects_join(struct job *job, struct job_file *file, struct sr_err *err)
{
    const struct blob_attrs attrs = { .cache_control = CACHE_ASK,
                                      .if_absent = !file->may_overwrite };
    sr_auto(sr_sha256) struct sr_sha256 *hash = NULL;
    if (!sr_sha256_new(&hash, err) || !joined_new(job->workspace, &file->joined, err) ||
        (!job->sends_late && !remote_writer(job->remote, &file->place->blob, file->place->key,
                                            &attrs, &file->writer, err)))
        return false;
    struct tee tee = { .object = &file->writer, .joined = file->joined, .hash = hash };
    return join_through(job, file, &tee, err) &&
           (job->sends_late || blob_write_seal(&file->writer, err));
}

bool objects_check_sent(const struct job_file *file, struct sr_err *err)
{
    return strcmp(file->sha256, file->sent_sha256) == 0 ||
           sr_fail(err, SR_ERR_VERIFY, "%s: what was sent is not what was verified", file->final);
}

// Publishing -------------------------------------------------------------------------------------
bool objects_publish(struct job_file *file, struct sr_err *err)
{
    if (!file->writer.ops->publish(file->writer.self, err))
        return err->code == SR_ERR_EXISTS
                   ? sr_fail(err, SR_ERR_EXISTS, "%s: came into being meanwhile; -y overwrites it",
                             file->final)
                   : sr_err_wrap(err, "%s", file->final);
    sr_writer_close(&file->writer);
    return true;
}

bool objects_publish_report(const struct job *job, const char *url, const char *text, size_t bytes,
                            struct sr_err *err)
{
    const struct blob_place *place;
    char etag[BLOB_ETAG_BYTES];
    if (!remote_open(job->remote, url, BLOB_PLACE_WRITE, &place, err))
        return false;
    struct remote_mark mark;
    const struct blob_put put = { .key = place->key,
                                  .data = text,
                                  .bytes = bytes,
                                  .attrs = { .cache_control = CACHE_ASK,
                                             .meta = remote_mark(job->remote, &mark) } };
    return blob_put(&place->blob, &put, etag, err) || sr_err_wrap(err, "%s", url);
}

void objects_discard(struct job_file *file)
{
    sr_writer_close(&file->writer);
}
