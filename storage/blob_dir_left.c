#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/blob_dir_priv.h"

// The id is "t/" and the file's path below the folder. An upload's own id is hexadecimal.
static const char id_start[] = "t/";
enum { ID_START_BYTES = sizeof(id_start) - 1, RANDOM_NAME_BYTES = 32 };

bool blob_dir_is_left(const char *id)
{
    return strncmp(id, id_start, ID_START_BYTES) == 0;
}

static bool is_temporary(const char *name)
{
    const size_t start = strlen(BLOB_DIR_TEMPORARY);
    return strncmp(name, BLOB_DIR_TEMPORARY, start) == 0 &&
           strlen(name + start) == RANDOM_NAME_BYTES &&
           strspn(name + start, "0123456789abcdef") == RANDOM_NAME_BYTES;
}

static bool add_left(const struct blob_dir *dir, const FTSENT *entry, const char *prefix,
                     struct blob_uploads *uploads, struct sr_err *err)
{
    const char *const below = entry->fts_path + strlen(dir->folder) + 1;
    if (!is_temporary(entry->fts_name) || strncmp(below, prefix, strlen(prefix)) != 0)
        return true;
    sr_auto(char) char *id = sr_strf(err, "%s%s", id_start, below);
    // by its last writing: who is at work on it for days is not left behind
    return id && blob_uploads_add(uploads, below, id,
                                  (int64_t)entry->fts_statp->st_mtim.tv_sec * 1000000, err);
}

bool blob_dir_left_list(const struct blob_dir *dir, const char *prefix,
                        struct blob_uploads *uploads, struct sr_err *err)
{
    sr_auto(char) char *folder = sr_str_dup(dir->folder, err);
    if (!folder)
        return false;
    char *const paths[] = { folder, NULL };
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!walk)
        return sr_fail_errno(err, errno, "folder %s", dir->folder);
    bool done = true;
    for (FTSENT *entry; done && (entry = fts_read(walk));) {
        if (entry->fts_info == FTS_D && strcmp(entry->fts_name, BLOB_DIR_UPLOADS) == 0)
            (void)fts_set(walk, entry, FTS_SKIP);  // uploads proper; cannot fail with this word
        else if (entry->fts_info == FTS_F)
            done = add_left(dir, entry, prefix, uploads, err);
    }
    (void)fts_close(walk);  // only reading
    return done;
}

bool blob_dir_left_remove(const struct blob_dir *dir, const char *id, struct sr_err *err)
{
    const char *const below = id + ID_START_BYTES;
    const char *const slash = strrchr(below, '/');
    sr_auto(char) char *path = sr_strf(err, "%s/%s", dir->folder, below);
    sr_auto(char) char *framed = sr_strf(err, "/%s/", below);
    if (!path || !framed)
        return false;
    if (!is_temporary(slash ? slash + 1 : below) || strstr(framed, "/../"))
        return sr_fail(err, SR_ERR_NOT_FOUND, "no such upload");
    return unlink(path) == 0 || errno == ENOENT || sr_fail_errno(err, errno, "%s", below);
}
