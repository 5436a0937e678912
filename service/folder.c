#include "service/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/str.h"

static bool fail_busy(int fd, const char *folder, struct sr_err *err)
{
    char holder[32] = "";
    const ssize_t bytes = pread(fd, holder, sizeof holder - 1, 0);
    holder[bytes > 0 ? strspn(holder, "0123456789") : 0] = '\0';
    return sr_fail(err, SR_ERR_BUSY, "%s is in use%s%s", folder, *holder ? " by process " : "",
                   holder);
}

bool folder_take(const char *folder, int *ret_fd, struct sr_err *err)
{
    char holder[32];
    if (mkdir(folder, 0700) != 0 && errno != EEXIST && !sr_make_folders(folder, err))
        return false;
    sr_auto(char) char *path = sr_strf(err, "%s/lock", folder);
    if (!path)
        return false;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return sr_fail_errno(err, errno, "%s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int number = errno;
        if (number == EWOULDBLOCK)
            (void)fail_busy(fd, folder, err);
        else
            (void)sr_fail_errno(err, number, "lock %s", path);
        (void)close(fd);  // nothing was written
        return false;
    }
    // The number is for people: the lock itself is the kernel's and ends with the process.
    const int bytes = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)bytes, 0) != bytes) {
        const int number = errno;
        (void)close(fd);  // what was written is for people
        return sr_fail_errno(err, number, "%s", path);
    }
    *ret_fd = fd;
    return true;
}

static bool read_secret(int fd, const char *path, char text[FOLDER_SECRET_TEXT], struct sr_err *err)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return sr_fail_errno(err, errno, "%s", path);
    if (stat.st_mode & (S_IRWXG | S_IRWXO))
        return sr_fail(err, SR_ERR_DENIED, "%s is a secret and others may read it: chmod 600 it",
                       path);
    const ssize_t bytes = read(fd, text, FOLDER_SECRET_TEXT - 1);
    if (bytes < 0)
        return sr_fail_errno(err, errno, "%s", path);
    text[bytes] = '\0';
    return strspn(text, "0123456789abcdef") == FOLDER_SECRET_TEXT - 1 ||
           sr_fail(err, SR_ERR_STORAGE, "%s is damaged: tokens given out before would be refused",
                   path);
}

// Under another name first: a secret that is half there would be taken for damage.
static bool write_secret(const char *folder, const char *path, const char *text, struct sr_err *err)
{
    sr_auto(char) char *part = sr_strf(err, "%s.part", path);
    if (!part)
        return false;
    const int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return sr_fail_errno(err, errno, "%s", part);
    const bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;
    const int number = errno;
    if (close(fd) != 0 || !written)
        return sr_fail_errno(err, number, "%s", part);
    if (rename(part, path) != 0)
        return sr_fail_errno(err, errno, "%s", path);
    const int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = at >= 0 && fsync(at) == 0;
    const int why = errno;
    if (at >= 0)
        (void)close(at);  // synced above
    return done || sr_fail_errno(err, why, "%s", folder);
}

bool folder_secret(const char *folder, char text[FOLDER_SECRET_TEXT], struct sr_err *err)
{
    uint8_t bytes[(FOLDER_SECRET_TEXT - 1) / 2];
    sr_auto(char) char *path = sr_strf(err, "%s/token.key", folder);
    if (!path)
        return false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        const bool done = read_secret(fd, path, text, err);
        (void)close(fd);  // only read
        return done;
    }
    if (errno != ENOENT)
        return sr_fail_errno(err, errno, "%s", path);
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return sr_fail_errno(err, errno, "random bytes");
    sr_hex(bytes, sizeof bytes, text);
    return write_secret(folder, path, text, err);
}
