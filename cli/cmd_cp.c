// `splitreel cp`: one object, or all below a key, from any store to any store.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pool.h"
#include "base/str.h"
#include "base/thread.h"
#include "cli/store_verb.h"
#include "cli/transfer_progress.h"
#include "net/url.h"
#include "storage/blob_tools.h"

enum {
    SMALL_THREADS = 8,          // that copy small objects at once
    SMALL_BYTES_MAX = 5 << 20,  // a larger one has all threads and memory for itself
    SMALL_ON_THE_WAY_MAX = 64,  // that are handed out and not copied yet
    SOME_FAILED = 6,            // exit status
};
enum { ID_RECURSIVE, ID_YES, ID_TYPE, ID_CACHE, ID_QUIET };

static const struct option_row rows[] = {
    { "recursive", NULL, ID_RECURSIVE, "all that is below the source" },
    { "r", NULL, ID_RECURSIVE, NULL },
    { "y", NULL, ID_YES, "overwrite what is there" },
    { "content-type", "TYPE", ID_TYPE, "of the target; as the source's unless said" },
    { "cache-control", "TEXT", ID_CACHE, "of the target; as the source's unless said" },
    { "quiet", NULL, ID_QUIET, "no progress, no summary" },
    { "q", NULL, ID_QUIET, NULL },
    STORE_VERB_ROWS,
};

struct cp {
    struct blob_cp_params params;
    bool recursive, quiet;
    struct store_call *call;
    struct blob_moved moved;
};

static bool set(void *self, int id, const char *value, struct sr_err *err)
{
    struct cp *cp = self;
    (void)err;
    switch (id) {
    case ID_RECURSIVE: cp->recursive = true; return true;
    case ID_YES: cp->params.overwrite = true; return true;
    case ID_TYPE: cp->params.content_type = value; return true;
    case ID_CACHE: cp->params.cache_control = value; return true;
    default: cp->quiet = true; return true;
    }
}

// Names ------------------------------------------------------------------------------------------

static bool is_url(const char *text)
{
    const char *const colon = strstr(text, "://");
    return colon && strcspn(text, "/") > (size_t)(colon - text);
}

// What a source is called in a folder; NULL and an error when it has no name.
static char *name_of(const char *url, struct sr_err *err)
{
    sr_auto(url) struct url parts = { 0 };
    sr_auto(sr_str) struct sr_str name = { 0 };
    const char *path = url;
    const bool is_http = strncmp(url, "http", 4) == 0 && is_url(url);
    if (is_http) {
        if (!url_parse(url, &parts, err))
            return NULL;
        path = parts.path;
    }
    const char *const slash = strrchr(path, '/');
    const char *const last = slash ? slash + 1 : path;
    if (!(is_http ? url_decode(last, strlen(last), false, &name, err)
                  : sr_str_add(&name, last, err)))
        return NULL;
    if (!name.bytes || strchr(name.text, '/')) {
        (void)sr_fail(err, SR_ERR_INVALID, "the source has no name: give the target one");
        return NULL;
    }
    return sr_str_take(&name);
}

// A target that is a bucket, a folder, or ends with a slash takes the source's name.
static char *target_of(const char *from, const char *to, struct sr_err *err)
{
    struct stat info;
    const size_t bytes = strlen(to);
    const bool ends = bytes && to[bytes - 1] == '/';
    const bool is_bucket = strncasecmp(to, "s3://", 5) == 0 && !strchr(to + 5, '/');
    const bool is_folder = !is_url(to) && stat(to, &info) == 0 && S_ISDIR(info.st_mode);
    if (!ends && !is_bucket && !is_folder)
        return sr_str_dup(to, err);
    if (strcmp(from, "-") == 0) {
        (void)sr_fail(err, SR_ERR_INVALID,
                      "what comes from a pipe has no name: give the target one");
        return NULL;
    }
    sr_auto(char) char *name = name_of(from, err);
    return name ? sr_strf(err, "%s%s%s", to, ends ? "" : "/", name) : NULL;
}

// One object -------------------------------------------------------------------------------------

static bool print_json(const char *from, const char *to, const struct blob_cp_result *result,
                       struct sr_err *err)
{
    sr_auto(json) json_t *line = json_object();
    sr_auto(char) char *text = NULL;
    return jx_made(line, err) && jx_put(line, "from", jx_string(from), err) &&
           jx_put(line, "to", jx_string(to), err) &&
           jx_put(line, "bytes", json_integer((json_int_t)result->bytes), err) &&
           jx_put(line, "inside", json_boolean(result->inside), err) &&
           jx_dump(line, false, &text, err) &&
           (printf("%s\n", text) >= 0 || sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

static bool to_pipe(struct cp *cp, const char *from, struct sr_err *err)
{
    sr_auto(blob_place) struct blob_place source = { 0 };
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    const struct blob_cat_params params = { .bytes = BLOB_TO_END,
                                            .cancel = cp->call->cli->stop,
                                            .moved = &cp->moved };
    if (cp->call->json)
        return sr_fail(err, SR_ERR_INVALID, "--json and a copy to - both want standard output");
    return (blob_stores_open(cp->call->stores, from, BLOB_PLACE_READ, &source, err) &&
            sr_fd_writer_open(STDOUT_FILENO, &out, err) && blob_cat(&source, &params, &out, err)) ||
           store_call_fail(cp->call, from, err);
}

static bool copy_one(struct cp *cp, const char *from, const char *to, struct sr_err *err)
{
    sr_auto(char) char *target = target_of(from, to, err);
    sr_auto(blob_place) struct blob_place source = { 0 };
    sr_auto(blob_place) struct blob_place place = { 0 };
    struct blob_cp_result result;
    const bool piped = strcmp(from, "-") == 0;
    if (!target)
        return false;
    if (!piped && !blob_stores_open(cp->call->stores, from, BLOB_PLACE_READ, &source, err))
        return store_call_fail(cp->call, from, err);
    if (!blob_stores_open(cp->call->stores, target, BLOB_PLACE_WRITE, &place, err))
        return store_call_fail(cp->call, target, err);
    const bool done = piped ? blob_cp_from_fd(STDIN_FILENO, &place, &cp->params, &result, err)
                            : blob_cp(&source, &place, &cp->params, &result, err);
    if (!done && (piped || err->code == SR_ERR_EXISTS))
        return store_call_fail(cp->call, target, err);
    if (!done) {
        cp->call->advice = store_call_advice(target, err);  // either side may be meant
        return store_call_fail(cp->call, from, err);
    }
    return !cp->call->json || print_json(from, target, &result, err);
}

// Many -------------------------------------------------------------------------------------------

struct batch {
    struct cp *cp;
    const struct blob_place *from, *to;
    size_t prefix_bytes;            // of source keys; what follows is put behind the target's
    const char *from_url, *to_url;  // both end with a slash
    struct sr_pool *pool;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        unsigned on_the_way;
        uint64_t copied, failed, bytes;
        int first_status;
        struct sr_err printing;  // stdout failed: everything ends
    } synced;                    // under `lock`
};

struct small {
    struct batch *batch;
    char key[];
};

static bool copy_key(struct batch *batch, const char *key, struct blob_cp_result *result,
                     struct sr_err *err)
{
    // no const members: a place owns its key
    sr_auto(char) char *from_key = sr_str_dup(key, err);
    sr_auto(char) char *to_key = sr_strf(err, "%s%s", batch->to->key, key + batch->prefix_bytes);
    if (!from_key || !to_key)
        return false;
    const struct blob_place from = { .blob = batch->from->blob, .key = from_key };
    const struct blob_place to = { .blob = batch->to->blob, .key = to_key };
    return blob_cp(&from, &to, &batch->cp->params, result, err);
}

static void note_failure_locked(struct batch *batch, const char *url, struct sr_err *err)
    SR_REQUIRES(batch->lock);
static void note_failure_locked(struct batch *batch, const char *url, struct sr_err *err)
{
    if (!batch->synced.failed++)
        batch->synced.first_status = sr_err_row(err->code)->exit_status;
    if (err->code != SR_ERR_CANCELLED)
        store_call_report(batch->cp->call, url, err);
}

static void copy_and_note(struct batch *batch, const char *key)
{
    struct sr_err err = { 0 };
    struct blob_cp_result result = { 0 };
    const char *const rest = key + batch->prefix_bytes;
    sr_auto(char) char *from = sr_strf(&err, "%s%s", batch->from_url, rest);
    sr_auto(char) char *to = sr_strf(&err, "%s%s", batch->to_url, rest);
    const bool done = from && to && copy_key(batch, key, &result, &err);
    sr_lock(&batch->lock);
    if (!done) {
        note_failure_locked(batch, err.code == SR_ERR_EXISTS && to ? to : from ? from : key, &err);
    } else {
        batch->synced.copied++;
        batch->synced.bytes += result.bytes;
        if (batch->cp->call->json && !print_json(from, to, &result, &err) &&
            batch->synced.printing.code == SR_OK)
            batch->synced.printing = err;
    }
    sr_unlock(&batch->lock);
}

static void copy_small(void *task, size_t thread_index)
{
    (void)thread_index;
    struct small *small = task;
    struct batch *batch = small->batch;
    copy_and_note(batch, small->key);
    free(small);
    sr_lock(&batch->lock);
    batch->synced.on_the_way--;
    sr_cond_broadcast(&batch->changed);
    sr_unlock(&batch->lock);
}

static bool hand_out(struct batch *batch, const char *key, struct sr_err *err)
{
    struct small *small = malloc(sizeof(*small) + strlen(key) + 1);
    if (!small)
        return sr_fail(err, SR_ERR_NO_MEMORY, "copy of %.100s", key);
    small->batch = batch;
    strcpy(small->key, key);  // of that size
    sr_lock(&batch->lock);
    while (batch->synced.on_the_way >= SMALL_ON_THE_WAY_MAX)
        sr_cond_wait(&batch->changed, &batch->lock);
    batch->synced.on_the_way++;
    sr_unlock(&batch->lock);
    if (sr_pool_add(batch->pool, copy_small, small, err))
        return true;
    free(small);
    sr_lock(&batch->lock);
    batch->synced.on_the_way--;
    sr_unlock(&batch->lock);
    return false;
}

static bool each(void *self, const struct blob_entry *entry, struct sr_err *err)
{
    struct batch *batch = self;
    if (!sr_cancel_check(batch->cp->call->cli->stop, err))
        return false;
    sr_lock(&batch->lock);
    const struct sr_err printing = batch->synced.printing;
    sr_unlock(&batch->lock);
    if (printing.code != SR_OK) {
        *err = printing;
        return false;
    }
    if (!entry->key[batch->prefix_bytes])
        return true;  // the folder's own marker, an object "clips/" of no name
    if (entry->bytes <= SMALL_BYTES_MAX)
        return hand_out(batch, entry->key, err);
    copy_and_note(batch, entry->key);
    return true;
}

static void wait_for_small(struct batch *batch)
{
    sr_lock(&batch->lock);
    while (batch->synced.on_the_way)
        sr_cond_wait(&batch->changed, &batch->lock);
    sr_unlock(&batch->lock);
}

static bool end_batch(struct batch *batch, struct sr_err *err)
{
    const struct cp *cp = batch->cp;
    if (!sr_cancel_check(cp->call->cli->stop, err))
        return false;
    if (batch->synced.printing.code != SR_OK) {
        *err = batch->synced.printing;
        return false;
    }
    if (batch->synced.copied == 0 && batch->synced.failed == 0) {
        (void)sr_fail_native(err, SR_ERR_NOT_FOUND, 404, "there is nothing");
        return store_call_fail(cp->call, batch->from_url, err);
    }
    if (!cp->quiet)
        (void)fprintf(stderr, "%s%llu copied, %llu bytes, %llu failed\n", store_verb_line_start(),
                      (unsigned long long)batch->synced.copied,
                      (unsigned long long)batch->synced.bytes,
                      (unsigned long long)batch->synced.failed);
    if (batch->synced.failed)
        cp->call->status = batch->synced.copied ? SOME_FAILED : batch->synced.first_status;
    return true;
}

static bool run_batch(struct batch *batch, struct sr_err *err)
{
    const struct sr_cancel *const stop = batch->cp->call->cli->stop;
    if (!sr_pool_new("copy", SMALL_THREADS, &batch->pool, err))
        return false;
    const bool listed = blob_ls(batch->from, true, each, batch, stop, err);
    wait_for_small(batch);
    sr_pool_free(batch->pool);
    if (!listed)
        return err->code == SR_ERR_CANCELLED || batch->synced.printing.code != SR_OK
                   ? false
                   : store_call_fail(batch->cp->call, batch->from_url, err);
    return end_batch(batch, err);
}

// "s3://b/clips/" of "s3://b/clips"; a path that is a folder likewise.
static char *with_slash(const char *url, struct sr_err *err)
{
    const size_t bytes = strlen(url);
    return sr_strf(err, "%s%s", url, bytes && url[bytes - 1] == '/' ? "" : "/");
}

static bool check_folder(const char *path, struct sr_err *err)
{
    struct stat info;
    if (is_url(path) || (stat(path, &info) == 0 && S_ISDIR(info.st_mode)))
        return true;
    return sr_fail(err, SR_ERR_NOT_FOUND, "%.100s is not a folder", path);
}

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

// Copies would be listed, and copied, in their turn: without an end where a listing has many pages.
static bool check_apart(const struct blob_place *from, const char *from_url,
                        const struct blob_place *to, const char *to_url, struct sr_err *err)
{
    sr_auto(char) char *from_path = is_url(from_url) ? NULL : realpath(from_url, NULL);
    sr_auto(char) char *to_path = is_url(to_url) ? NULL : realpath(to_url, NULL);
    bool is_inside = from->blob.self == to->blob.self && begins_with(to->key, from->key);
    if (from_path && to_path) {
        sr_auto(char) char *folder = with_slash(from_path, err);
        sr_auto(char) char *target = with_slash(to_path, err);
        if (!folder || !target)
            return false;
        is_inside = begins_with(target, folder);
    }
    return !is_inside || sr_fail(err, SR_ERR_INVALID, "the target is below the source");
}

static bool copy_all(struct cp *cp, const char *from, const char *to, struct sr_err *err)
{
    sr_auto(char) char *from_url = with_slash(from, err);
    sr_auto(char) char *to_url = with_slash(to, err);
    sr_auto(blob_place) struct blob_place source = { 0 };
    sr_auto(blob_place) struct blob_place target = { 0 };
    if (!from_url || !to_url || !check_folder(from, err))
        return false;
    if (!is_url(to) && !sr_make_folders(to, err))
        return false;
    if (!blob_stores_open(cp->call->stores, from_url, BLOB_PLACE_LIST, &source, err))
        return store_call_fail(cp->call, from, err);
    if (!blob_stores_open(cp->call->stores, to_url, BLOB_PLACE_LIST, &target, err))
        return store_call_fail(cp->call, to, err);
    if (!check_apart(&source, from_url, &target, to_url, err))
        return store_call_fail(cp->call, to, err);
    struct batch batch = { .cp = cp,
                           .from = &source,
                           .to = &target,
                           .prefix_bytes = strlen(source.key),
                           .from_url = from_url,
                           .to_url = to_url };
    if (!sr_mutex_init(&batch.lock, err))
        return false;
    if (!sr_cond_init(&batch.changed, err)) {
        sr_mutex_done(&batch.lock);
        return false;
    }
    const bool done = run_batch(&batch, err);
    sr_cond_done(&batch.changed);
    sr_mutex_done(&batch.lock);
    return done;
}

static bool run(void *self, struct store_call *call, struct sr_err *err)
{
    struct cp *cp = self;
    const char *const from = call->operands[0], *const to = call->operands[1];
    cp->call = call;
    cp->params.cancel = call->cli->stop;
    cp->params.moved = &cp->moved;
    const bool piped = strcmp(from, "-") == 0 || strcmp(to, "-") == 0;
    if (cp->recursive && piped)
        return sr_fail(err, SR_ERR_INVALID, "-r and - do not go together");
    sr_auto(transfer_progress) struct transfer_progress *progress = NULL;
    if (!cp->quiet && !transfer_progress_start(&cp->moved, stderr, &progress, err))
        return false;
    if (cp->recursive)
        return copy_all(cp, from, to, err);
    return strcmp(to, "-") == 0 ? to_pipe(cp, from, err) : copy_one(cp, from, to, err);
}

int cmd_cp(const struct cli *cli)
{
    struct cp cp = { 0 };
    const struct store_verb verb = {
        .help =
            "splitreel cp FROM TO [options] - copies from any store to any store\n\n"
            "  splitreel cp film.mov s3://bucket/films/\n"
            "  splitreel cp s3://bucket/film.mov s3://other/film.mov\n"
            "  splitreel cp -r s3://bucket/clips/ clips/\n"
            "  producer | splitreel cp - s3://bucket/film.ts\n\n"
            "FROM and TO are paths, s3://BUCKET/KEY, or - (a pipe); FROM may be an http(s) URL. A TO that ends\n"
            "with / takes FROM's name. The target is whole or absent; what is there is kept without -y. Between\n"
            "buckets of one server the server copies. -r copies all below FROM/ to below TO/, and goes on when some\n"
            "fail.\n\n"
            "Exit status: 0, 1 the source has changed, 2 wrong usage or the target is there already, 3 no such source,\n"
            "4 store, disk or network, 6 some of -r failed; 130 or 143 interrupted.\n",
        .rows = rows,
        .wants = "a source and a target",
        .operands_min = 2,
        .operands_max = 2,
        .set = set,
        .run = run,
        .self = &cp,
    };
    return store_verb_main(cli, &verb);
}
