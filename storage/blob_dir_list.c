#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/blob_dir_priv.h"

enum { DEPTH_MAX = 1100 };  // a key of 1,024 bytes has at most as many parts

struct walk {
    const struct blob_dir *dir;
    const struct blob_list *list;
    struct blob_page *page;
    struct sr_str key;  // of where we are
    struct sr_str path;
    struct sr_str folded;  // the last common prefix given
    bool full;
};

// What a directory holds, in the order of the keys.
struct name {
    char *name;
    char *key;  // what it adds to the key: "name" or "name/"
    bool folder;
};
struct names {
    struct name *item;
    size_t count;
};

static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->item[i].name);
        free(names->item[i].key);
    }
    free(names->item);
}
SR_DEFINE_AUTO_VALUE(names, struct names, names_done);

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->key, ((const struct name *)b)->key);
}

static bool is_folder(int fd, const struct dirent *entry, bool *ret_file)
{
    struct stat info;
    *ret_file = entry->d_type == DT_REG;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    if (fstatat(fd, entry->d_name, &info, 0) != 0)
        return false;
    *ret_file = S_ISREG(info.st_mode);
    return S_ISDIR(info.st_mode);
}

static bool add_entry(struct names *names, int fd, const struct dirent *entry, struct sr_err *err)
{
    bool file, known;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return true;
    const bool folder = is_folder(fd, entry, &file);
    sr_auto(sr_str) struct sr_str key = { 0 };
    if (!blob_dir_add_name(&key, entry->d_name, folder, &known, err))
        return false;
    if (!known || (!folder && !file))
        return true;
    struct name *larger = realloc(names->item, (names->count + 1) * sizeof(*larger));
    if (!larger)
        return sr_fail(err, SR_ERR_NO_MEMORY, "names of a folder");
    names->item = larger;
    struct name *name = &names->item[names->count++];
    *name =
        (struct name){ .name = strdup(entry->d_name), .key = sr_str_take(&key), .folder = folder };
    return (name->name && name->key) || sr_fail(err, SR_ERR_NO_MEMORY, "names of a folder");
}

static bool read_names(const char *path, struct names *names, struct sr_err *err)
{
    DIR *dir = opendir(path);
    if (!dir)  // it may vanish while we walk
        return errno == ENOENT || sr_fail_errno(err, errno, "folder %s", path);
    bool done = true;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            done = done && (errno == 0 || sr_fail_errno(err, errno, "folder %s", path));
            break;
        }
        if (!(done = add_entry(names, dirfd(dir), entry, err)))
            break;
    }
    closedir(dir);
    if (done && names->count)
        qsort(names->item, names->count, sizeof(names->item[0]), by_key);
    return done;
}

// Whether keys that begin with `key` (a folder's) can be wanted: below the prefix, and not all
// before `after`.
static bool may_hold(const struct walk *walk, const char *key, size_t bytes)
{
    const char *prefix = walk->list->prefix, *after = walk->list->after;
    const size_t prefix_bytes = strlen(prefix);
    if (strncmp(key, prefix, bytes < prefix_bytes ? bytes : prefix_bytes) != 0)
        return false;
    return !after || strncmp(key, after, bytes) >= 0;
}

// The page is full when one more entry would come: that is how `more` is known.
static bool page_full(struct walk *walk, struct sr_err *err)
{
    if (walk->page->count < walk->list->count_max)
        return false;
    walk->full = true;
    walk->page->more = true;
    const struct blob_entry *last = &walk->page->item[walk->page->count - 1];
    // Behind a folded prefix: behind everything that begins with it.
    walk->page->next = sr_strf(err, last->folder ? "%s\xff" : "%s", last->key);
    return true;
}

static bool add_object(struct walk *walk, const char *key, struct sr_err *err)
{
    const struct blob_list *list = walk->list;
    const size_t prefix_bytes = strlen(list->prefix);
    if (strncmp(key, list->prefix, prefix_bytes) != 0 ||
        (list->after && strcmp(key, list->after) <= 0))
        return true;
    const char *fold = list->delimiter ? strstr(key + prefix_bytes, list->delimiter) : NULL;
    struct blob_entry *entry;
    if (fold) {
        const size_t bytes = (size_t)(fold - key) + strlen(list->delimiter);
        if (walk->folded.bytes == bytes && memcmp(walk->folded.text, key, bytes) == 0)
            return true;  // given already
        if (page_full(walk, err))
            return walk->page->next != NULL;
        sr_str_done(&walk->folded);
        return sr_str_add_bytes(&walk->folded, key, bytes, err) &&
               blob_page_add(walk->page, walk->folded.text, true, &entry, err);
    }
    struct stat info;
    if (stat(walk->path.text, &info) != 0)
        return errno == ENOENT || sr_fail_errno(err, errno, "%s", key);  // gone meanwhile
    if (page_full(walk, err))
        return walk->page->next != NULL;
    if (!blob_page_add(walk->page, key, false, &entry, err))
        return false;
    entry->bytes = (uint64_t)info.st_size;
    entry->modified_us = (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000;
    blob_dir_etag(&info, entry->etag);
    return true;
}

static void cut(struct sr_str *str, size_t bytes)
{
    str->bytes = bytes;
    if (str->text)
        str->text[bytes] = '\0';
}

static bool walk_folder(struct walk *walk, unsigned depth, struct sr_err *err)
{
    sr_auto(names) struct names names = { 0 };
    if (depth > DEPTH_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "folders are nested more than %d deep", DEPTH_MAX);
    if (!read_names(walk->path.text, &names, err))
        return false;
    const size_t path_bytes = walk->path.bytes, key_bytes = walk->key.bytes;
    for (size_t i = 0; i < names.count && !walk->full; i++) {
        const struct name *name = &names.item[i];
        if (!sr_str_addf(&walk->path, err, "/%s", name->name) ||
            !sr_str_add(&walk->key, name->key, err))
            return false;
        if (!name->folder && !add_object(walk, sr_str_text(&walk->key), err))
            return false;
        if (name->folder && may_hold(walk, sr_str_text(&walk->key), walk->key.bytes) &&
            !walk_folder(walk, depth + 1, err))
            return false;
        cut(&walk->path, path_bytes);
        cut(&walk->key, key_bytes);
    }
    return true;
}

bool blob_dir_list(void *self, const struct blob_list *list, struct blob_page *ret,
                   struct sr_err *err)
{
    sr_auto(blob_page) struct blob_page page = { 0 };
    struct blob_list from = *list;
    if (list->token)
        from.after = list->token;
    struct walk walk = { .dir = self, .list = &from, .page = &page };
    bool done = sr_str_add(&walk.path, walk.dir->folder, err) && sr_str_add(&walk.key, "", err) &&
                walk_folder(&walk, 0, err);
    sr_str_done(&walk.path);
    sr_str_done(&walk.key);
    sr_str_done(&walk.folded);
    if (!done)
        return false;
    *ret = page;
    page = (struct blob_page){ 0 };
    return true;
}
