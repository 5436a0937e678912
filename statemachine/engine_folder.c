#include "statemachine/engine_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/pool.h"
#include "base/str.h"
#include "statemachine/engine_items.h"
#include "statemachine/engine_results.h"

struct engine_folder {
    char *root;
    struct engine *engine;
    struct sr_pool *pool;
};

enum action { ACTION_GET, ACTION_LIST, ACTION_PUT };

// One task, on its way to the pool's thread.
struct work {
    struct engine_folder *folder;
    enum action action;
    struct engine_ref ref;
    json_t *payload;
};

bool engine_folder_new(const char *root, struct engine_folder **ret_folder, struct sr_err *err)
{
    sr_auto(engine_folder) struct engine_folder *folder = calloc(1, sizeof *folder);
    if (!folder || !(folder->root = strdup(root)))
        return sr_fail(err, SR_ERR_NO_MEMORY, "a folder");
    if (!sr_pool_new("items", 1, &folder->pool, err))
        return false;
    *ret_folder = sr_take(folder);
    return true;
}

void engine_folder_free(struct engine_folder *folder)
{
    if (!folder)
        return;
    if (folder->pool)
        sr_pool_free(folder->pool);
    free(folder->root);
    free(folder);
}

void engine_folder_attach(struct engine_folder *folder, struct engine *engine)
{
    folder->engine = engine;
}

bool engine_folder_name_ok(const char *name)
{
    if (!*name || *name == '/')
        return false;
    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        const size_t bytes = strcspn(part, "/");
        if (bytes == 0 && part[bytes])
            return false;
        if ((bytes == 1 && part[0] == '.') || (bytes == 2 && part[0] == '.' && part[1] == '.'))
            return false;
    }
    return true;
}

static bool parameter(const struct work *work, const char *key, const char **ret_text,
                      struct sr_err *err)
{
    const char *text;
    if (!engine_results_parameter(work->payload, key, &text, err))
        return false;
    if (!engine_folder_name_ok(text))
        return sr_fail(err, SR_ERR_INVALID, "the parameter %s leaves the folder", key);
    *ret_text = text;
    return true;
}

static bool get(const struct work *work, json_t **ret_result, struct sr_err *err)
{
    const char *bucket, *key;
    sr_auto(char) char *path = NULL, *text = NULL;
    size_t bytes;
    if (!parameter(work, "Bucket", &bucket, err) || !parameter(work, "Key", &key, err))
        return false;
    path = sr_strf(err, "%s/%s/%s", work->folder->root, bucket, key);
    return path && sr_file_load(path, ENGINE_ITEMS_BYTES_MAX, &text, &bytes, err) &&
           engine_items_parse(text, bytes, json_object_get(work->payload, "ReaderConfig"),
                              ret_result, err);
}

static int by_key(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    return strcmp(json_string_value(json_object_get(x, "Key")),
                  json_string_value(json_object_get(y, "Key")));
}

// Readdir's order is the disk's affair; a listing's is by key.
static bool sorted(const json_t *items, json_t **ret_sorted, struct sr_err *err)
{
    const size_t count = json_array_size(items);
    json_t **list = calloc(count + 1, sizeof(json_t *));
    sr_auto(json) json_t *copy = json_array();
    bool done = list && copy;
    for (size_t i = 0; done && i < count; i++)
        list[i] = json_array_get(items, i);
    if (done)
        qsort(list, count, sizeof(json_t *), by_key);
    for (size_t i = 0; done && i < count; i++)
        done = json_array_append(copy, list[i]) == 0;
    free(list);
    if (!done)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a listing");
    *ret_sorted = sr_take(copy);
    return true;
}

// The files under root/bucket/below, as far as their keys begin with the prefix.
static bool list_below(const char *bucket_path, const char *below, const char *prefix,
                       json_t *items, struct sr_err *err)
{
    sr_auto(char) char *path = sr_strf(err, "%s/%s", bucket_path, below);
    DIR *folder = path ? opendir(path) : NULL;
    bool done = true;
    if (!folder)
        return path && sr_fail_errno(err, errno, "%s", path);
    for (struct dirent *entry; done && (entry = readdir(folder));) {
        struct stat stat_now;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        sr_auto(char) char *key = sr_strf(err, "%s%s%s", below, *below ? "/" : "", entry->d_name);
        sr_auto(char) char *file = key ? sr_strf(err, "%s/%s", bucket_path, key) : NULL;
        done = file != NULL;
        if (!done || lstat(file, &stat_now) != 0)
            continue;
        const size_t shorter = strlen(key) < strlen(prefix) ? strlen(key) : strlen(prefix);
        if (S_ISDIR(stat_now.st_mode) && strncmp(key, prefix, shorter) == 0)
            done = list_below(bucket_path, key, prefix, items, err);
        else if (S_ISREG(stat_now.st_mode) && strncmp(key, prefix, strlen(prefix)) == 0)
            done =
                json_array_size(items) < ENGINE_FOLDER_LISTING_MAX
                    ? jx_append(items,
                                json_pack("{s:s, s:I, s:I}", "Key", key, "Size",
                                          (json_int_t)stat_now.st_size, "LastModified",
                                          (json_int_t)stat_now.st_mtime),
                                err)
                    : sr_fail(err, SR_ERR_LIMIT, "more than %d files", ENGINE_FOLDER_LISTING_MAX);
    }
    closedir(folder);
    return done;
}

static bool list(const struct work *work, json_t **ret_result, struct sr_err *err)
{
    const char *bucket;
    const char *prefix =
        json_string_value(json_object_get(json_object_get(work->payload, "Parameters"), "Prefix"));
    sr_auto(json) json_t *items = json_array();
    if (!jx_made(items, err) || !parameter(work, "Bucket", &bucket, err))
        return false;
    sr_auto(char) char *path = sr_strf(err, "%s/%s", work->folder->root, bucket);
    return path && list_below(path, "", prefix ? prefix : "", items, err) &&
           sorted(items, ret_result, err);
}

static bool store(const struct work *work, const char *bucket, const char *key, const char *text,
                  struct sr_err *err)
{
    sr_auto(char) char *path = sr_strf(err, "%s/%s/%s", work->folder->root, bucket, key);
    sr_auto(char) char *folder =
        path ? sr_strf(err, "%.*s", (int)(strrchr(path, '/') - path), path) : NULL;
    return folder && sr_make_folders(folder, err) && sr_file_store(path, text, strlen(text), err);
}

static bool put(const struct work *work, char **ret_text, struct sr_err *err)
{
    const char *bucket, *prefix;
    sr_auto(engine_results) struct engine_results made = { 0 };
    if (!parameter(work, "Bucket", &bucket, err) || !parameter(work, "Prefix", &prefix, err) ||
        !engine_results_make(work->payload, work->ref, &made, err) ||
        !store(work, bucket, made.results_key, made.results, err) ||
        !store(work, bucket, made.manifest_key, made.manifest, err))
        return false;
    *ret_text = sr_take(made.result);
    return true;
}

static bool act(const struct work *work, char **ret_text, struct sr_err *err)
{
    sr_auto(json) json_t *items = NULL;
    if (work->action == ACTION_PUT)
        return put(work, ret_text, err);
    const bool done = work->action == ACTION_GET ? get(work, &items, err) : list(work, &items, err);
    return done && jx_dump(items, false, ret_text, err);
}

static void run(void *task, size_t thread_index)
{
    struct work *work = task;
    struct sr_err err = { 0 }, ignored = { 0 };
    sr_auto(char) char *text = NULL;
    (void)thread_index;
    const bool done = act(work, &text, &err);
    // Without memory for an answer the task stays out; the next engine asks again.
    if (done)
        sr_ignore(engine_answer(work->folder->engine, work->ref, text, &ignored));
    else
        sr_ignore(engine_answer_failed(work->folder->engine, work->ref, ASL_ERROR_TASK_FAILED,
                                       err.message, &ignored));
    json_decref(work->payload);
    free(work);
}

static bool start(struct engine_folder *folder, enum action action, const struct engine_task *task,
                  struct sr_err *err)
{
    sr_auto(json) json_t *payload = NULL;
    if (!jx_parse(task->payload, strlen(task->payload), false, &payload, err))
        return false;
    struct work *work = malloc(sizeof *work);
    if (!work)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a task");
    *work = (struct work){ folder, action, task->ref, payload };
    if (!sr_pool_add(folder->pool, run, work, err)) {
        free(work);
        return false;
    }
    payload = NULL;  // the work's now
    return true;
}

static bool start_get(void *self, const struct engine_task *task, struct sr_err *err)
{
    return start(self, ACTION_GET, task, err);
}

static bool start_list(void *self, const struct engine_task *task, struct sr_err *err)
{
    return start(self, ACTION_LIST, task, err);
}

static bool start_put(void *self, const struct engine_task *task, struct sr_err *err)
{
    return start(self, ACTION_PUT, task, err);
}

void engine_folder_resources(struct engine_folder *folder,
                             struct engine_resource rows[ENGINE_FOLDER_RESOURCES])
{
    rows[0] = (struct engine_resource){ "arn:aws:states:::s3:getObject", start_get, NULL, folder };
    rows[1] =
        (struct engine_resource){ "arn:aws:states:::s3:listObjectsV2", start_list, NULL, folder };
    rows[2] = (struct engine_resource){ "arn:aws:states:::s3:putObject", start_put, NULL, folder };
}
