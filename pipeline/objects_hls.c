// An HLS output's objects: sent several at once, media before what names them.
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/str.h"
#include "base/thread.h"
#include "pipeline/hls.h"
#include "pipeline/hls_priv.h"
#include "pipeline/objects.h"

enum { SENDERS = 4 };
// Whoever puts another output under the same names tells the caches, or waits a day.
#define CACHE_MEDIA "public, max-age=86400"
#define CACHE_PLAYLIST "no-cache"

struct sending {
    struct job *job;
    const struct job_file *file;
    struct sr_mutex lock;
    struct {
        bool failed;
        struct sr_err err;
    } synced;  // under `lock`
};

struct task {
    struct sending *sending;
    const struct hls_file *file;
};

static bool is_playlist(const char *name)
{
    const size_t bytes = strlen(name);
    return bytes > 5 && strcmp(name + bytes - 5, ".m3u8") == 0;
}

// Writes it, if it still is what was verified.
static bool copy(const struct job *job, const struct hls_file *file, struct sr_writer *writer,
                 struct sr_err *err)
{
    char text[SR_SHA256_HEX];
    if (!joined_copy(file->joined, writer, job->source.cancel, text, err))
        return false;
    return strcmp(text, file->sha256) == 0 ||
           sr_fail(err, SR_ERR_VERIFY, "what would be sent is not what was verified");
}

static bool send_file(const struct sending *sending, const struct hls_file *file,
                      struct sr_err *err)
{
    const struct blob_place *const place = sending->file->place;
    const bool is_list = is_playlist(file->name);
    const struct blob_attrs attrs = {
        .cache_control = is_list ? CACHE_PLAYLIST : CACHE_MEDIA,
        .if_absent = !sending->file->may_overwrite && strcmp(file->name, HLS_MASTER) == 0,
    };
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_auto(char) char *key = sr_strf(err, "%s%s", place->key, file->name);
    return key &&
           ((remote_writer(sending->job->remote, &place->blob, key, &attrs, &writer, err) &&
             copy(sending->job, file, &writer, err) && writer.ops->publish(writer.self, err)) ||
            sr_err_wrap(err, "%s/%s", sending->file->final, file->name));
}

static bool has_failed(struct sending *sending)
{
    sr_lock(&sending->lock);
    const bool failed = sending->synced.failed;
    sr_unlock(&sending->lock);
    return failed;
}

static void send_task(void *arg, size_t thread_index)
{
    (void)thread_index;
    struct task *const task = arg;
    struct sending *const sending = task->sending;
    struct sr_err err = { 0 };
    if (!has_failed(sending) && !send_file(sending, task->file, &err)) {
        sr_lock(&sending->lock);
        if (!sending->synced.failed)
            sending->synced.err = err;
        sending->synced.failed = true;
        sr_unlock(&sending->lock);
    }
    free(task);
}

static bool send_media(struct sending *sending, struct sr_err *err)
{
    sr_auto(sr_pool) struct sr_pool *pool = NULL;
    const struct hls_files *const files = sending->file->files;
    if (!sr_pool_new("send", SENDERS, &pool, err))
        return false;
    bool added = true;
    for (size_t i = 0; added && i < files->count; i++) {
        if (is_playlist(files->item[i].name))
            continue;
        struct task *const task = malloc(sizeof(*task));
        added = task ? true : sr_fail(err, SR_ERR_NO_MEMORY, "a file to send");
        if (!added)
            break;
        *task = (struct task){ .sending = sending, .file = &files->item[i] };
        added = sr_pool_add(pool, send_task, task, err);
        if (!added)
            free(task);
    }
    sr_pool_wait(pool);
    if (!added)
        return false;
    if (sending->synced.failed)
        *err = sending->synced.err;
    return !sending->synced.failed;
}

static bool send_playlists(const struct sending *sending, bool masters, struct sr_err *err)
{
    const struct hls_files *const files = sending->file->files;
    for (size_t i = 0; i < files->count; i++) {
        const char *const name = files->item[i].name;
        if (is_playlist(name) && (strcmp(name, HLS_MASTER) == 0) == masters &&
            !send_file(sending, &files->item[i], err))
            return false;
    }
    return true;
}

// Spec: the names of HLS_SEGMENT. 0: it is none.
static size_t segment_number(const char *name)
{
    if (strncmp(name, "seg_", 4) != 0)
        return 0;
    char *end;
    const unsigned long long number = strtoull(name + 4, &end, 10);
    char spelt[32];
    return number > 0 && strcmp(end, ".m4s") == 0 &&
                   sr_format(spelt, sizeof(spelt), HLS_SEGMENT, (size_t)number) &&
                   strcmp(spelt, name) == 0
               ? (size_t)number
               : 0;
}

static bool remove_page(const struct blob_place *place, const struct blob_page *page,
                        size_t prefix_bytes, size_t kept, struct sr_err *err)
{
    const char *keys[BLOB_PAGE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < page->count && count < BLOB_PAGE_MAX; i++) {
        if (segment_number(page->item[i].key + prefix_bytes) > kept)
            keys[count++] = page->item[i].key;
    }
    return count == 0 || blob_remove(&place->blob, keys, count, err);
}

// Media segments of a track that are ours.
static size_t count_segments(const struct hls_files *files, const char *id)
{
    const size_t bytes = strlen(id);
    size_t count = 0;
    for (size_t i = 0; i < files->count; i++) {
        const char *const name = files->item[i].name;
        count += strncmp(name, id, bytes) == 0 && name[bytes] == '/' &&
                 segment_number(name + bytes + 1) > 0;
    }
    return count;
}

// What an earlier, longer output has left behind the last media segment of this one.
static bool remove_rest(const struct sending *sending, const char *id, struct sr_err *err)
{
    const struct blob_place *const place = sending->file->place;
    sr_auto(char) char *prefix = sr_strf(err, "%s%s/", place->key, id);
    sr_auto(char) char *token = NULL;
    if (!prefix)
        return false;
    const size_t kept = count_segments(sending->file->files, id);
    for (bool more = true; more;) {
        const struct blob_list list = { .prefix = prefix, .token = token };
        sr_auto(blob_page) struct blob_page page = { 0 };
        if (!blob_list(&place->blob, &list, &page, err) ||
            !remove_page(place, &page, strlen(prefix), kept, err))
            return sr_err_wrap(err, "%s/%s", sending->file->final, id);
        more = page.more;
        free(token);
        token = sr_take(page.next);
    }
    return true;
}

bool objects_publish_hls(struct job *job, struct job_file *file, struct sr_err *err)
{
    struct sending sending = { .job = job, .file = file };
    struct hls_track track;
    if (!sr_mutex_init(&sending.lock, err))
        return false;
    const bool sent = send_media(&sending, err) && send_playlists(&sending, false, err) &&
                      send_playlists(&sending, true, err);
    sr_mutex_done(&sending.lock);
    if (!sent)
        return false;
    for (size_t i = 0; file->may_overwrite && hls_track(job, file->output, i, &track); i++) {
        if (!remove_rest(&sending, track.id, err))
            return false;
    }
    return true;
}
