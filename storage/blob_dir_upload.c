#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/url.h"
#include "storage/blob_dir_priv.h"

// An upload is the folder FOLDER/.%u/ID with the file "key" (the key, then the attributes, one line
// each) and a file for each part, named by its number.
enum { KEY_FILE_BYTES_MAX = 16384 };

static char *upload_path(const struct blob_dir *dir, const char *id, const char *name,
                         struct sr_err *err)
{
    if (strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32) {
        (void)sr_fail(err, SR_ERR_NOT_FOUND, "no such upload");
        return NULL;
    }
    return sr_strf(err, "%s/%s/%s%s%s", dir->folder, BLOB_DIR_UPLOADS, id, *name ? "/" : "", name);
}

static bool add_line(struct sr_str *text, const char *value, struct sr_err *err)
{
    return (!value || url_encode(value, strlen(value), "", text, err)) &&
           sr_str_add(text, "\n", err);
}

bool blob_dir_upload_begin(void *self, const char *key, const struct blob_attrs *attrs,
                           struct blob_upload *ret, struct sr_err *err)
{
    struct blob_dir *dir = self;
    char name[33];
    blob_dir_random_name(name);
    sr_auto(blob_upload) struct blob_upload upload = { 0 };
    upload.key = sr_str_dup(key, err);
    upload.id = upload.key ? sr_str_dup(name, err) : NULL;
    sr_auto(char) char *path = upload.id ? upload_path(dir, name, "key", err) : NULL;
    sr_auto(sr_str) struct sr_str text = { 0 };
    if (!path || !add_line(&text, key, err) || !add_line(&text, attrs->content_type, err) ||
        !add_line(&text, attrs->cache_control, err) ||
        (attrs->meta && !blob_dir_pairs_encode(attrs->meta, &text, err)) ||
        !blob_dir_make_parents(path, err) || !sr_file_store(path, text.text, text.bytes, err))
        return false;
    *ret = upload;
    upload = (struct blob_upload){ 0 };
    return true;
}

// What was said when the upload began.
struct begun {
    struct blob_attrs attrs;
    struct blob_pairs meta;
    struct sr_str key, type, cache;
};
static void begun_done(struct begun *begun)
{
    blob_pairs_done(&begun->meta);
    sr_str_done(&begun->key);
    sr_str_done(&begun->type);
    sr_str_done(&begun->cache);
}
SR_DEFINE_AUTO_VALUE(begun, struct begun, begun_done);

static bool read_begun(const struct blob_dir *dir, const char *id, struct begun *begun,
                       struct sr_err *err)
{
    sr_auto(char) char *path = upload_path(dir, id, "key", err);
    sr_auto(char) char *text = NULL;
    size_t bytes;
    if (!path || !sr_file_load(path, KEY_FILE_BYTES_MAX, &text, &bytes, err))
        return false;
    struct sr_str *const lines[] = { &begun->key, &begun->type, &begun->cache };
    const char *at = text;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const size_t line = strcspn(at, "\n");
        if (!url_decode(at, line, false, lines[i], err))
            return false;
        at += line;
        at += *at == '\n';
    }
    if (!blob_dir_pairs_decode(at, &begun->meta, err))
        return false;
    begun->attrs = (struct blob_attrs){
        .content_type = begun->type.bytes ? begun->type.text : NULL,
        .cache_control = begun->cache.bytes ? begun->cache.text : NULL,
        .meta = &begun->meta,
    };
    return true;
}

// The upload must be there, and for the key that the caller believes.
static bool check_upload(const struct blob_dir *dir, const struct blob_upload *upload,
                         struct begun *begun, struct sr_err *err)
{
    if (!read_begun(dir, upload->id, begun, err)) {
        return err->code == SR_ERR_NOT_FOUND
                   ? sr_fail(err, SR_ERR_NOT_FOUND, "no such upload of %s", upload->key)
                   : false;
    }
    return strcmp(sr_str_text(&begun->key), upload->key) == 0 ||
           sr_fail(err, SR_ERR_NOT_FOUND, "no such upload of %s", upload->key);
}

static bool fill_part(const char *path, uint32_t number, struct blob_part *part, struct sr_err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return sr_fail_errno(err, errno, "part %u", number);
    part->number = number;
    part->bytes = (uint64_t)info.st_size;
    blob_dir_etag(&info, part->etag);
    return true;
}

static char *part_path(const struct blob_dir *dir, const struct blob_upload *upload,
                       uint32_t number, struct sr_err *err)
{
    char name[16];
    snprintf(name, sizeof(name), "%05u", number);
    return upload_path(dir, upload->id, name, err);
}

bool blob_dir_upload_part(void *self, const struct blob_upload *upload, uint32_t number,
                          const void *data, size_t bytes, struct blob_part *ret, struct sr_err *err)
{
    struct blob_dir *dir = self;
    sr_auto(begun) struct begun begun = { 0 };
    if (!check_upload(dir, upload, &begun, err))
        return false;
    sr_auto(char) char *path = part_path(dir, upload, number, err);
    return path && sr_file_store(path, data, bytes, err) && fill_part(path, number, ret, err);
}

bool blob_dir_upload_copy(void *self, const struct blob_upload *upload, uint32_t number,
                          const struct blob_source *from, struct blob_part *ret, struct sr_err *err)
{
    struct blob_dir *dir = self;
    int fd;
    struct stat info;
    uint64_t copied = 0;
    sr_auto(begun) struct begun begun = { 0 };
    if (!check_upload(dir, upload, &begun, err) ||
        !blob_dir_open_object(dir, from->key, from->if_match, &fd, &info, err))
        return false;
    char name[33];
    blob_dir_random_name(name);
    sr_auto(char) char *path = part_path(dir, upload, number, err);
    sr_auto(char) char *temporary = path ? upload_path(dir, upload->id, name, err) : NULL;
    const int to = temporary ? open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
    bool done = to >= 0 || (temporary && sr_fail_errno(err, errno, "part %u", number));
    const uint64_t size = (uint64_t)info.st_size;
    if (done && (from->offset > size || from->bytes > size - from->offset))
        done = sr_fail(err, SR_ERR_INVALID, "a copy from beyond the end of %s", from->key);
    done = done && blob_dir_copy_range(fd, from->offset, from->bytes, to, &copied, err);
    if (done && copied != from->bytes)
        done = sr_fail(err, SR_ERR_CONFLICT, "%s became shorter while it was copied", from->key);
    if (done && (fsync(to) != 0 || rename(temporary, path) != 0))
        done = sr_fail_errno(err, errno, "part %u", number);
    close(fd);
    if (to >= 0) {
        close(to);
        if (!done)
            (void)unlink(temporary);  // goes with the upload at the latest
    }
    return done && fill_part(path, number, ret, err);
}

static int by_number(const void *a, const void *b)
{
    const struct blob_part *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

bool blob_dir_upload_parts(void *self, const struct blob_upload *upload, struct blob_parts *ret,
                           struct sr_err *err)
{
    struct blob_dir *dir = self;
    sr_auto(begun) struct begun begun = { 0 };
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    if (!check_upload(dir, upload, &begun, err))
        return false;
    sr_auto(char) char *path = upload_path(dir, upload->id, "", err);
    DIR *folder = path ? opendir(path) : NULL;
    if (!folder)
        return path && sr_fail_errno(err, errno, "upload of %s", upload->key);
    bool done = true;
    for (const struct dirent *entry; done && (entry = readdir(folder));) {
        if (strlen(entry->d_name) != 5 || strspn(entry->d_name, "0123456789") != 5)
            continue;
        struct blob_part part;
        sr_auto(char) char *one = upload_path(dir, upload->id, entry->d_name, err);
        done = one && fill_part(one, (uint32_t)strtoul(entry->d_name, NULL, 10), &part, err) &&
               blob_parts_add(&parts, &part, err);
    }
    closedir(folder);
    if (!done)
        return false;
    if (parts.count)
        qsort(parts.item, parts.count, sizeof(parts.item[0]), by_number);
    *ret = parts;
    parts = (struct blob_parts){ 0 };
    return true;
}

// Checks that the parts are what was uploaded, and large enough.
static bool check_parts(const struct blob_dir *dir, const struct blob_upload *upload,
                        const struct blob_parts *parts, struct sr_err *err)
{
    for (size_t i = 0; i < parts->count; i++) {
        const struct blob_part *want = &parts->item[i];
        struct blob_part is;
        sr_auto(char) char *path = part_path(dir, upload, want->number, err);
        if (!path)
            return false;
        if (!fill_part(path, want->number, &is, err) || strcmp(is.etag, want->etag) != 0)
            return sr_fail(err, SR_ERR_INVALID, "part %u is not the one that was uploaded",
                           want->number);
        if (is.bytes < BLOB_PART_BYTES_MIN && i + 1 < parts->count)
            return sr_fail(err, SR_ERR_INVALID, "part %u is smaller than %d bytes", want->number,
                           BLOB_PART_BYTES_MIN);
    }
    return true;
}

// Parts go as they are added, so that the disk never holds the object twice.
static bool add_part(const struct blob_dir *dir, const struct blob_upload *upload, uint32_t number,
                     int to, struct sr_err *err)
{
    uint64_t copied;
    sr_auto(char) char *path = part_path(dir, upload, number, err);
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return path && sr_fail_errno(err, errno, "part %u", number);
    const bool done = blob_dir_copy_range(fd, 0, UINT64_MAX, to, &copied, err);
    close(fd);
    if (done)
        (void)unlink(path);  // the whole folder goes soon
    return done;
}

bool blob_dir_upload_finish(void *self, const struct blob_upload *upload,
                            const struct blob_parts *parts, const struct blob_attrs *attrs,
                            char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err)
{
    struct blob_dir *dir = self;
    sr_auto(begun) struct begun begun = { 0 };
    sr_auto(blob_dir_file) struct blob_dir_file file = { 0 };
    if (!check_upload(dir, upload, &begun, err) || !check_parts(dir, upload, parts, err))
        return false;
    begun.attrs.if_absent = attrs->if_absent;
    if (attrs->if_absent) {  // found out before parts are used up; the link decides in the end
        sr_auto(char) char *target = blob_dir_path(dir, upload->key, err);
        if (!target)
            return false;
        if (access(target, F_OK) == 0)
            return sr_fail(err, SR_ERR_EXISTS, "%s is there already", upload->key);
    }
    if (!blob_dir_file_new(dir, upload->key, &file, err))
        return false;
    for (size_t i = 0; i < parts->count; i++) {
        if (!add_part(dir, upload, parts->item[i].number, file.fd, err))
            return false;
    }
    if (!blob_dir_file_publish(&file, &begun.attrs, ret_etag, err))
        return false;
    struct sr_err ignored = { 0 };
    (void)blob_dir_upload_abort(dir, upload,
                                &ignored);  // the object is there; what is left is only rubbish
    return true;
}

bool blob_dir_upload_abort(void *self, const struct blob_upload *upload, struct sr_err *err)
{
    struct blob_dir *dir = self;
    if (blob_dir_is_left(upload->id))
        return blob_dir_left_remove(dir, upload->id, err);
    sr_auto(char) char *path = upload_path(dir, upload->id, "", err);
    DIR *folder = path ? opendir(path) : NULL;
    if (!folder)
        return path && sr_fail_errno(err, errno, "upload of %s", upload->key);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (strcmp(entry->d_name, "key") != 0 && entry->d_name[0] != '.')
            (void)unlinkat(dirfd(folder), entry->d_name,
                           0);  // rmdir below tells when something stayed
    }
    (void)unlinkat(dirfd(folder), "key",
                   0);  // last: until then the upload is listed and can be aborted again
    closedir(folder);
    if (rmdir(path) != 0)
        return sr_fail_errno(err, errno, "upload of %s", upload->key);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    (void)rmdir(path);  // fails while there are other uploads
    return true;
}

static bool add_upload(const struct blob_dir *dir, int folder, const char *id, const char *prefix,
                       struct blob_uploads *uploads, struct sr_err *err)
{
    sr_auto(begun) struct begun begun = { 0 };
    struct stat info;
    if (!read_begun(dir, id, &begun, err))
        return err->code == SR_ERR_NOT_FOUND;  // it ended while we looked
    if (strncmp(sr_str_text(&begun.key), prefix, strlen(prefix)) != 0 ||
        fstatat(folder, id, &info, 0) != 0)
        return true;
    return blob_uploads_add(uploads, sr_str_text(&begun.key), id,
                            (int64_t)info.st_ctim.tv_sec * 1000000, err);
}

static bool list_uploads(const struct blob_dir *dir, const char *prefix,
                         struct blob_uploads *uploads, struct sr_err *err)
{
    sr_auto(char) char *path = sr_strf(err, "%s/%s", dir->folder, BLOB_DIR_UPLOADS);
    DIR *folder = path ? opendir(path) : NULL;
    if (!folder)
        return path && (errno == ENOENT || sr_fail_errno(err, errno, "uploads"));
    bool done = true;
    for (const struct dirent *entry; done && (entry = readdir(folder));) {
        if (entry->d_name[0] != '.')
            done = add_upload(dir, dirfd(folder), entry->d_name, prefix, uploads, err);
    }
    closedir(folder);
    return done;
}

// All of them in one page, and files that were being written when their process died.
bool blob_dir_uploads(void *self, const char *prefix, const struct blob_upload *after,
                      struct blob_uploads *ret, struct sr_err *err)
{
    const struct blob_dir *dir = self;
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    if (!after && (!list_uploads(dir, prefix, &uploads, err) ||
                   !blob_dir_left_list(dir, prefix, &uploads, err)))
        return false;
    *ret = uploads;
    uploads = (struct blob_uploads){ 0 };
    return true;
}
