// What writers leave when their process is killed.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"

// Whether the name still leads to the file that we hold: its writer may have given it the final
// name, and begun another.
static bool is_still(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

bool sr_file_left_remove(const char *part_path, bool *ret_removed, struct sr_err *err)
{
    *ret_removed = false;
    // For writing, which an exclusive lock needs over NFS.
    const int fd = open(part_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || sr_fail_errno(err, errno, "open %s", part_path);
    bool done = true;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_still(fd, part_path)) {
        *ret_removed = unlink(part_path) == 0;
        done = *ret_removed || errno == ENOENT || sr_fail_errno(err, errno, "remove %s", part_path);
    }
    (void)close(fd);  // nothing was written
    return done;
}

// "NAME.123-0.part".
static bool is_part_of(const char *entry, const char *name)
{
    const size_t bytes = strlen(name);
    if (strncmp(entry, name, bytes) != 0 || entry[bytes] != '.')
        return false;
    const char *at = entry + bytes + 1;
    const size_t pid = strspn(at, "0123456789");
    const size_t number = at[pid] == '-' ? strspn(at + pid + 1, "0123456789") : 0;
    return pid > 0 && number > 0 && strcmp(at + pid + 1 + number, ".part") == 0;
}

bool sr_file_left_remove_of(const char *path, size_t *ret_count, struct sr_err *err)
{
    const char *const slash = strrchr(path, '/');
    const size_t folder_bytes = slash ? (size_t)(slash - path) + 1 : 0;
    sr_auto(char) char *folder = sr_strf(err, "%.*s", (int)folder_bytes, path);
    *ret_count = 0;
    if (!folder)
        return false;
    DIR *const entries = opendir(slash ? folder : ".");
    if (!entries)
        return errno == ENOENT || sr_fail_errno(err, errno, "%s", slash ? folder : ".");
    bool done = true;
    for (const struct dirent *entry; done && (entry = readdir(entries));) {
        bool removed = false;
        if (!is_part_of(entry->d_name, path + folder_bytes))
            continue;
        sr_auto(char) char *part = sr_strf(err, "%s%s", folder, entry->d_name);
        done = part && sr_file_left_remove(part, &removed, err);
        *ret_count += removed;
    }
    (void)closedir(entries);  // only read
    return done;
}
