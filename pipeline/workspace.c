#include "pipeline/workspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

enum {
    DOCUMENT_BYTES_MAX = JX_BYTES_MAX,
    INIT_BYTES_MAX = 1 << 20,
    KEY_LETTERS = SR_SHA256_HEX - 1,
    DOCUMENT_VERSION = 1,
};

#define DAY_US (86400 * INT64_C(1000000))

static const char *const note_names[] = {
    "probe.json",    "plan.json",    "report.json",  "publish.json",   "manifest.json",
    "segments.json", "results.json", "failure.json", "published.json", NULL
};

struct workspace {
    char *folder;  // or URL, with a slash at its end
    struct remote *remote;
    const struct blob_place *place;  // NULL: a folder
    char *notes;                     // what the names of notes begin with; "" in a folder
    int lock_fd;                     // -1: none
    bool is_ours;
    const struct sr_log *log;
};

// A path; in a store, a key.
static char *path_of(const struct workspace *workspace, const char *name, const char *suffix,
                     struct sr_err *err)
{
    return workspace->place ? sr_strf(err, "%s%s%s", workspace->place->key, name, suffix)
                            : sr_strf(err, "%s/%s%s", workspace->folder, name, suffix);
}

// Files or objects, by path_of()'s name --------------------------------------------------------
static bool open_file(struct workspace *workspace, const char *path, struct sr_reader *ret,
                      struct sr_err *err)
{
    return workspace->place
               ? remote_reader(workspace->remote, &workspace->place->blob, path, NULL, ret, err)
               : sr_file_reader_open(path, ret, err);
}

static bool create_file(struct workspace *workspace, const char *path, struct sr_writer *ret,
                        struct sr_err *err)
{
    const struct blob_attrs attrs = { 0 };
    return workspace->place
               ? remote_writer(workspace->remote, &workspace->place->blob, path, &attrs, ret, err)
               : sr_file_writer_open(path, ret, err);
}

static bool load_file(struct workspace *workspace, const char *path, size_t bytes_max,
                      char **ret_text, size_t *ret_bytes, struct sr_err *err)
{
    return workspace->place
               ? blob_load(&workspace->place->blob, path, bytes_max, ret_text, ret_bytes, err)
               : sr_file_load(path, bytes_max, ret_text, ret_bytes, err);
}

static bool store_file(struct workspace *workspace, const char *path, const char *text,
                       struct sr_err *err)
{
    char etag[BLOB_ETAG_BYTES];
    struct remote_mark mark;
    if (!workspace->place)
        return sr_file_store(path, text, strlen(text), err);
    const struct blob_put put = { .key = path,
                                  .data = text,
                                  .bytes = strlen(text),
                                  .attrs = { .meta = remote_mark(workspace->remote, &mark) } };
    return blob_put(&workspace->place->blob, &put, etag, err);
}

static bool unlink_file(const struct workspace *workspace, const char *path, struct sr_err *err)
{
    if (workspace->place)
        return blob_remove(&workspace->place->blob, &path, 1, err);
    return unlink(path) == 0 || errno == ENOENT || sr_fail_errno(err, errno, "remove %s", path);
}

// The lock ---------------------------------------------------------------------------------------
// Whether the name still leads to the file that we hold: the owner before may have removed it while
// we waited.
static bool is_still(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

static bool fail_busy(int fd, const char *folder, struct sr_err *err)
{
    char holder[32] = "";
    const ssize_t bytes = pread(fd, holder, sizeof(holder) - 1, 0);
    const long pid = bytes > 0 ? strtol(holder, NULL, 10) : 0;
    if (pid > 0)
        return sr_fail(err, SR_ERR_BUSY,
                       "process %ld works in %s; wait for it, or name another --workspace", pid,
                       folder);
    return sr_fail(err, SR_ERR_BUSY,
                   "another run works in %s; wait for it, or name another --workspace", folder);
}

// The number in the file is for people: the lock itself is the kernel's and ends with the process.
static bool write_holder(int fd, struct sr_err *err)
{
    char holder[32];
    const int bytes = snprintf(holder, sizeof(holder), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)bytes, 0) != bytes)
        return sr_fail_errno(err, errno, "lock");
    return true;
}

static bool take_lock(struct workspace *workspace, bool is_shared, struct sr_err *err)
{
    sr_auto(char) char *path = path_of(workspace, "lock", "", err);
    if (!path)
        return false;
    for (int tries = 0; tries < 100; tries++) {
        const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0 && errno == ENOENT) {  // the owner before has just removed the folder
            if (!sr_make_folders(workspace->folder, err))
                return false;
            continue;
        }
        if (fd < 0)
            return sr_fail_errno(err, errno, "%s", path);
        if (flock(fd, (is_shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
            const int number = errno;
            if (number == EWOULDBLOCK)
                (void)fail_busy(fd, workspace->folder, err);
            else
                (void)sr_fail_errno(err, number, "lock %s", path);
            (void)close(fd);  // nothing was written
            return false;
        }
        if (is_still(fd, path)) {
            workspace->lock_fd = fd;
            return is_shared || write_holder(fd, err);
        }
        (void)close(fd);  // nothing was written
    }
    return sr_fail(err, SR_ERR_BUSY, "%s changes hands all the time", path);
}

// Collection -------------------------------------------------------------------------------------
static bool is_key(const char *name)
{
    return strspn(name, "0123456789abcdef") == KEY_LETTERS;
}

bool workspace_is_part(const char *name)
{
    return is_key(name) &&
           (strcmp(name + KEY_LETTERS, ".m4s") == 0 || strcmp(name + KEY_LETTERS, ".json") == 0);
}

// What the writer of a map's results leaves: "results/7-9/manifest.json".
static bool is_of_map(const char *name)
{
    static const char folder[] = "results/";
    if (strncmp(name, folder, sizeof(folder) - 1) != 0)
        return false;
    const char *const run = name + sizeof(folder) - 1;
    const char *const file = run + strspn(run, "0123456789-");
    return file > run &&
           (strcmp(file, "/manifest.json") == 0 || strcmp(file, "/SUCCEEDED_0.json") == 0);
}

// In a store a job has a place of its own: "jobs/ID/plan.json".
static const char *below_job(const char *name)
{
    const char *const slash = strncmp(name, "jobs/", 5) == 0 ? strchr(name + 5, '/') : NULL;
    return slash ? slash + 1 : name;
}

bool workspace_has_name(const char *name)
{
    name = below_job(name);
    if (workspace_is_part(name) || is_of_map(name))
        return true;
    for (size_t i = 0; note_names[i]; i++) {
        if (strcmp(name, note_names[i]) == 0)
            return true;
    }
    return false;
}

bool workspace_is_left(const char *name)
{
    const size_t bytes = strlen(name);
    if (bytes < 5 || strcmp(name + bytes - 5, ".part") != 0)
        return false;
    if (is_key(name))
        return strncmp(name + KEY_LETTERS, ".m4s.", 5) == 0 ||
               strncmp(name + KEY_LETTERS, ".json.", 6) == 0;
    for (size_t i = 0; note_names[i]; i++) {
        const size_t note_bytes = strlen(note_names[i]);
        if (strncmp(name, note_names[i], note_bytes) == 0 && name[note_bytes] == '.')
            return true;
    }
    return false;
}

static void remove_file(const struct workspace *workspace, const char *name)
{
    struct sr_err err;
    sr_auto(char) char *path = path_of(workspace, name, "", &err);
    if (path && unlink_file(workspace, path, &err))
        return;
    sr_warn(workspace->log, "a file of the workspace stays", SR_ERR(&err));
}

// Where others may be at work, only when its writer is gone.
static void remove_left(const struct workspace *workspace, const char *name)
{
    struct sr_err err;
    bool removed = false;
    sr_auto(char) char *path = path_of(workspace, name, "", &err);
    if (!path || !sr_file_left_remove(path, &removed, &err))
        sr_warn(workspace->log, "a file of the workspace stays", SR_ERR(&err));
    else if (removed)
        sr_info(workspace->log, "what a killed writer left is removed", SR_TEXT("file", name));
}

static bool remove_matching(const struct workspace *workspace, bool (*matches)(const char *name),
                            void (*remove)(const struct workspace *workspace, const char *name),
                            struct sr_err *err)
{
    DIR *const folder = opendir(workspace->folder);
    if (!folder)
        return sr_fail_errno(err, errno, "%s", workspace->folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (matches(entry->d_name))
            remove(workspace, entry->d_name);
    }
    (void)closedir(folder);  // only read
    return true;
}

// Uploads of parts that crashes left open. Others' work is not told from them but by its age. What
// the store does not let us do is said and left to `gc`.
static void abort_stale(const struct workspace *workspace, int64_t us_max)
{
    struct sr_err err = { 0 };
    const struct blob_place *const place = workspace->place;
    const int64_t before_us = sr_clock_wall_us(sr_clock_system()) - (us_max ? us_max : DAY_US);
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    bool done = blob_uploads(&place->blob, place->key, &uploads, &err);
    for (size_t i = 0; done && i < uploads.count; i++) {
        const struct blob_upload *const upload = &uploads.item[i];
        if (!workspace_is_part(below_job(upload->key + strlen(place->key))) ||
            upload->started_us == 0 || upload->started_us >= before_us)
            continue;
        done = blob_upload_abort(&place->blob, upload, &err);
        if (done)
            sr_warn(workspace->log, "an upload that was left open is aborted",
                    SR_TEXT("key", upload->key));
    }
    if (!done)
        sr_warn(workspace->log, "what a crash may have left open is not looked for", SR_ERR(&err));
}

// Where it is and what its names begin with; nothing is done there.
static bool find_place(struct workspace *workspace, const struct workspace_params *params,
                       struct sr_err *err)
{
    const size_t bytes = strlen(params->folder);
    workspace->lock_fd = -1;
    workspace->is_ours = params->is_ours;
    workspace->log = params->log;
    if (!remote_is_url(params->folder)) {
        workspace->folder = sr_str_dup(params->folder, err);
        workspace->notes = workspace->folder ? sr_str_dup("", err) : NULL;
        return workspace->notes != NULL;
    }
    if (!params->remote)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "%s: want a folder", params->folder);
    workspace->remote = params->remote;
    const char *const slash = params->folder[bytes - 1] == '/' ? "" : "/";
    const char *const job = params->job ? params->job : "";
    workspace->folder = params->owns_parts
                            ? sr_strf(err, "%s%sjobs/%s/", params->folder, slash, job)
                            : sr_strf(err, "%s%s", params->folder, slash);
    workspace->notes = params->owns_parts ? sr_str_dup("", err) : sr_strf(err, "jobs/%s/", job);
    return workspace->folder && workspace->notes &&
           remote_open(params->remote, workspace->folder, BLOB_PLACE_LIST, &workspace->place, err);
}

bool workspace_open(const struct workspace_params *params, struct workspace **ret_workspace,
                    struct sr_err *err)
{
    sr_auto(workspace) struct workspace *workspace = calloc(1, sizeof(*workspace));
    if (!workspace)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a workspace");
    if (!find_place(workspace, params, err) ||
        (!workspace->place &&
         (!sr_make_folders(params->folder, err) || !take_lock(workspace, params->is_shared, err) ||
          !remove_matching(workspace, workspace_is_left, remove_left, err))))
        return sr_err_wrap(err, "workspace");
    if (workspace->place)
        abort_stale(workspace, params->upload_us_max);
    *ret_workspace = sr_take(workspace);
    return true;
}

void workspace_free(struct workspace *workspace)
{
    if (!workspace)
        return;
    if (workspace->lock_fd >= 0)
        (void)close(workspace->lock_fd);  // gives the lock back
    free(workspace->folder);
    free(workspace->notes);
    free(workspace);
}

const char *workspace_folder(const struct workspace *workspace)
{
    return workspace->folder;
}

// Results ----------------------------------------------------------------------------------------
bool workspace_key(const json_t *facts, struct workspace_key *ret_key, struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    sr_auto(char) char *text = NULL;
    if (!jx_dump(facts, false, &text, err) || !sr_sha256(text, strlen(text), digest, err))
        return false;
    sr_hex(digest, sizeof(digest), ret_key->text);
    return true;
}

bool workspace_write(struct workspace *workspace, const struct workspace_key *key,
                     struct sr_writer *ret_writer, struct sr_err *err)
{
    sr_auto(char) char *path = path_of(workspace, key->text, ".m4s", err);
    return path && create_file(workspace, path, ret_writer, err);
}

bool workspace_read(struct workspace *workspace, const struct workspace_key *key,
                    struct sr_reader *ret_reader, struct sr_err *err)
{
    sr_auto(char) char *path = path_of(workspace, key->text, ".m4s", err);
    return path && open_file(workspace, path, ret_reader, err);
}

static bool store_json(struct workspace *workspace, const char *name, const char *suffix,
                       const json_t *document, bool indent, struct sr_err *err)
{
    sr_auto(char) char *path = path_of(workspace, name, suffix, err);
    sr_auto(char) char *text = NULL;
    return path && jx_dump(document, indent, &text, err) && store_file(workspace, path, text, err);
}

bool workspace_store(struct workspace *workspace, const struct workspace_key *key,
                     const struct track_part *part, struct sr_err *err)
{
    sr_auto(json) json_t *document = json_object();
    json_t *part_json = NULL;
    if (!jx_made(document, err) || !track_part_json(part, &part_json, err) ||
        !jx_put(document, "part", part_json, err) ||
        !jx_put(document, "version", json_integer(DOCUMENT_VERSION), err) ||
        !jx_put(document, "key", json_string(key->text), err))
        return false;
    return store_json(workspace, key->text, ".json", document, false, err);
}

bool workspace_note(struct workspace *workspace, const char *name, const json_t *document,
                    struct sr_err *err)
{
    return store_json(workspace, workspace->notes, name, document, true, err);
}

bool workspace_note_sha256(const json_t *document, char ret_sha256[SR_SHA256_HEX],
                           struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    sr_auto(char) char *text = NULL;
    if (!jx_dump(document, true, &text, err) || !sr_sha256(text, strlen(text), digest, err))
        return false;
    sr_hex(digest, sizeof(digest), ret_sha256);
    return true;
}

bool workspace_note_load(struct workspace *workspace, const char *name, size_t bytes_max,
                         char **ret_text, size_t *ret_bytes, struct sr_err *err)
{
    sr_auto(char) char *path = path_of(workspace, workspace->notes, name, err);
    return path && load_file(workspace, path, bytes_max, ret_text, ret_bytes, err);
}

bool workspace_note_peek(const struct workspace_params *params, const char *name, size_t bytes_max,
                         char **ret_text, size_t *ret_bytes, struct sr_err *err)
{
    sr_auto(workspace) struct workspace *workspace = calloc(1, sizeof(*workspace));
    if (!workspace)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a workspace");
    return find_place(workspace, params, err) &&
           workspace_note_load(workspace, name, bytes_max, ret_text, ret_bytes, err);
}

bool workspace_note_remove(struct workspace *workspace, const char *name, struct sr_err *err)
{
    sr_auto(char) char *path = path_of(workspace, workspace->notes, name, err);
    return path && unlink_file(workspace, path, err);
}

bool workspace_note_place(const struct workspace *workspace, const char *name, char **ret_bucket,
                          char **ret_key, struct sr_err *err)
{
    sr_auto(char) char *bucket = NULL, *key = NULL;
    if (workspace->place) {  // "s3://BUCKET/..."
        const char *const begin = strstr(workspace->folder, "://") + 3;
        bucket = sr_strf(err, "%.*s", (int)strcspn(begin, "/"), begin);
        key = bucket ? path_of(workspace, workspace->notes, name, err) : NULL;
    } else {
        char *const whole = realpath(workspace->folder, NULL);
        if (!whole)
            return sr_fail_errno(err, errno, "%s", workspace->folder);
        bucket = whole;
        key = sr_str_dup(name, err);
    }
    if (!key)
        return false;
    *ret_bucket = sr_take(bucket);
    *ret_key = sr_take(key);
    return true;
}

const struct blob_place *workspace_place(const struct workspace *workspace)
{
    return workspace->place;
}

char *workspace_object(const struct workspace *workspace, const struct workspace_key *key,
                       struct sr_err *err)
{
    return path_of(workspace, key->text, ".m4s", err);
}

static bool parse_document(const char *text, size_t bytes, const struct workspace_key *key,
                           struct track_part *ret, struct sr_err *err)
{
    sr_auto(json) json_t *document = NULL;
    int64_t version;
    const char *named;
    struct jx part;
    if (!jx_parse(text, bytes, false, &document, err))
        return false;
    const struct jx root = jx_root(document);
    if (!jx_int(&root, "version", DOCUMENT_VERSION, DOCUMENT_VERSION, &version, err) ||
        !jx_text(&root, "key", &named, err) || !jx_object(&root, "part", &part, err))
        return false;
    if (strcmp(named, key->text) != 0)
        return sr_fail(err, SR_ERR_INVALID, "the document of another result");
    return track_part_parse(part.value, ret, err);
}

// Size and init segment; the samples' checksums are compared when they are joined.
static bool check_data(const struct sr_reader *data, const struct track_part *part,
                       struct sr_err *err)
{
    uint64_t want = part->init_bytes;
    if (part->fragment_count > 0) {
        const struct track_fragment *const last = &part->fragments[part->fragment_count - 1];
        want = last->offset + last->bytes;
    }
    if (sr_reader_size(data) != want)
        return sr_fail(err, SR_ERR_INVALID, "%llu bytes, want %llu",
                       (unsigned long long)sr_reader_size(data), (unsigned long long)want);
    if (part->init_bytes == 0 || part->init_bytes > INIT_BYTES_MAX)
        return sr_fail(err, SR_ERR_INVALID, "an init segment of %llu bytes",
                       (unsigned long long)part->init_bytes);
    sr_auto(char) char *init = malloc(part->init_bytes);
    uint8_t digest[SR_SHA256_BYTES];
    char text[SR_SHA256_HEX];
    if (!init)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an init segment");
    if (!sr_read_exact(data, 0, init, part->init_bytes, err) ||
        !sr_sha256(init, part->init_bytes, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), text);
    return strcmp(text, part->init_sha256) == 0 ||
           sr_fail(err, SR_ERR_INVALID, "the init segment is not the document's");
}

static bool load(struct workspace *workspace, const struct workspace_key *key,
                 struct track_part *ret, struct sr_err *err)
{
    sr_auto(char) char *path = path_of(workspace, key->text, ".json", err);
    sr_auto(char) char *text = NULL;
    sr_auto(sr_reader) struct sr_reader data = { 0 };
    size_t bytes;
    struct track_part part = { 0 };
    if (!path || !load_file(workspace, path, DOCUMENT_BYTES_MAX, &text, &bytes, err) ||
        !workspace_read(workspace, key, &data, err) ||
        !parse_document(text, bytes, key, &part, err))
        return false;
    if (!check_data(&data, &part, err)) {
        track_part_done(&part);
        return false;
    }
    *ret = part;
    return true;
}

bool workspace_find(struct workspace *workspace, const struct workspace_key *key,
                    struct track_part *ret_part, bool *ret_found, struct sr_err *err)
{
    struct sr_err why = { 0 };
    *ret_found = load(workspace, key, ret_part, &why);
    if (*ret_found)
        return true;
    switch (why.code) {
    case SR_ERR_NOT_FOUND: break;
    case SR_ERR_INVALID:    // half or damaged
    case SR_ERR_INPUT:      // shorter than its document says, or no regular file
    case SR_ERR_TOO_LARGE:  // not a document of ours
    case SR_ERR_LIMIT:
        sr_warn(workspace->log, "a damaged result is made again", SR_TEXT("key", key->text),
                SR_ERR(&why));
        break;
    default: *err = why; return false;
    }
    char name[SR_SHA256_HEX + 8];
    (void)snprintf(name, sizeof(name), "%s.json",
                   key->text);  // first, so that what stays is never taken for whole
    remove_file(workspace, name);
    (void)snprintf(name, sizeof(name), "%s.m4s", key->text);
    remove_file(workspace, name);
    return true;
}

void workspace_remove(struct workspace *workspace, const struct workspace_key *keys,
                      size_t key_count)
{
    struct sr_err err;
    char name[SR_SHA256_HEX + 8];
    for (size_t i = 0; !workspace->place && i < key_count; i++) {
        (void)snprintf(name, sizeof(name), "%s.json", keys[i].text);
        remove_file(workspace, name);
        (void)snprintf(name, sizeof(name), "%s.m4s", keys[i].text);
        remove_file(workspace, name);
    }
    if (workspace->is_ours && !remove_matching(workspace, workspace_is_part, remove_file, &err))
        sr_warn(workspace->log, "results of the workspace stay", SR_ERR(&err));
    workspace_abandon(workspace);
}

void workspace_abandon(struct workspace *workspace)
{
    for (size_t i = 0; note_names[i]; i++) {
        struct sr_err err;
        if (!workspace_note_remove(workspace, note_names[i], &err))
            sr_warn(workspace->log, "a note of the workspace stays", SR_ERR(&err));
    }
    if (workspace->place)
        return;
    remove_file(workspace, "lock");
    (void)rmdir(workspace->folder);  // stays when results are in it
}
