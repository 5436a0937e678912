#include "service/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/thread.h"

struct audit {
    char *path;
    int64_t bytes_max;
    unsigned kept_count;
    const struct sr_clock *clock;
    struct sr_mutex lock;
    struct {
        int fd;
        int64_t bytes;
        bool is_dirty, is_torn;  // torn: the last line is not whole
        uint64_t lost;
    } synced;  // under `lock`
};

static bool open_file(struct audit *audit, struct sr_err *err)
{
    struct stat stat;
    const int fd = open(audit->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return sr_fail_errno(err, errno, "audit log %s", audit->path);
    if (fstat(fd, &stat) != 0) {
        const int number = errno;
        (void)close(fd);  // nothing was written
        return sr_fail_errno(err, number, "audit log %s", audit->path);
    }
    audit->synced.fd = fd;
    audit->synced.bytes = stat.st_size;
    return true;
}

bool audit_open(const struct audit_params *params, struct audit **ret_audit, struct sr_err *err)
{
    struct audit *audit = calloc(1, sizeof *audit);
    if (!audit)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an audit log");
    audit->bytes_max = params->bytes_max;
    audit->kept_count = params->kept_count;
    audit->clock = params->clock;
    audit->path = sr_str_dup(params->path, err);
    if (!audit->path || !open_file(audit, err)) {
        free(audit->path);
        free(audit);
        return false;
    }
    if (!sr_mutex_init(&audit->lock, err)) {
        (void)close(audit->synced.fd);  // nothing was written
        free(audit->path);
        free(audit);
        return false;
    }
    *ret_audit = audit;
    return true;
}

void audit_close(struct audit *audit)
{
    if (!audit)
        return;
    audit_sync(audit);
    if (audit->synced.fd >= 0)
        (void)close(audit->synced.fd);  // audit_sync() saw what there was to see
    sr_mutex_done(&audit->lock);
    free(audit->path);
    free(audit);
}

// PATH becomes PATH.1, PATH.1 becomes PATH.2, the last one goes.
static bool rotate_locked(struct audit *audit, struct sr_err *err) SR_REQUIRES(audit->lock)
{
    const int number = fdatasync(audit->synced.fd) == 0 ? 0 : errno;
    if (audit->kept_count == 0 && unlink(audit->path) != 0 && errno != ENOENT)
        return sr_fail_errno(err, errno, "audit log %s", audit->path);
    for (unsigned i = audit->kept_count; i > 0; i--) {
        sr_auto(char) char *older = sr_strf(err, "%s.%u", audit->path, i);
        sr_auto(char) char *newer =
            i > 1 ? sr_strf(err, "%s.%u", audit->path, i - 1) : sr_str_dup(audit->path, err);
        if (!older || !newer)
            return false;
        if (rename(newer, older) != 0 && errno != ENOENT)
            return sr_fail_errno(err, errno, "audit log %s", newer);
    }
    const int before = audit->synced.fd;
    if (!open_file(audit, err))
        return false;     // the old one is still open, under its new name
    (void)close(before);  // synced above
    return number == 0 || sr_fail_errno(err, number, "audit log");
}

static bool add_member(struct sr_str *line, const char *name, const char *text, struct sr_err *err)
{
    return sr_str_addf(line, err, ",\"%s\":", name) &&
           (text ? sr_str_add_json(line, text, strlen(text), err) : sr_str_add(line, "null", err));
}

static bool make_line(const struct audit *audit, const struct audit_entry *entry,
                      struct sr_str *line, struct sr_err *err)
{
    char time[25];
    sr_clock_format(sr_clock_wall_us(audit->clock), time);
    return sr_str_addf(line, err, "{\"time\":\"%s\"", time) &&
           add_member(line, "request", entry->id, err) &&
           add_member(line, "who", entry->who, err) &&
           add_member(line, "remote", entry->remote, err) &&
           add_member(line, "operation", entry->operation, err) &&
           add_member(line, "arn", entry->arn, err) &&
           add_member(line, "outcome", entry->outcome, err) &&
           sr_str_addf(line, err, ",\"status\":%d,\"duration_us\":%" PRId64 ",\"delivered\":%s}\n",
                       entry->status, entry->duration_us, entry->delivered ? "true" : "false");
}

void audit_write(struct audit *audit, const struct audit_entry *entry)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str line = { 0 };
    const bool made = make_line(audit, entry, &line, &err);
    sr_lock(&audit->lock);
    bool kept = made;
    if (made && audit->synced.bytes > 0 &&
        audit->synced.bytes + (int64_t)line.bytes > audit->bytes_max)
        kept = rotate_locked(audit, &err);
    // A rotation that fails loses no line: it goes to the file that is open.
    if (made) {
        if (audit->synced.is_torn && write(audit->synced.fd, "\n", 1) == 1)
            audit->synced.is_torn = false;
        const ssize_t bytes = write(audit->synced.fd, line.text, line.bytes);
        kept = bytes == (ssize_t)line.bytes;
        audit->synced.is_torn |= bytes > 0 && !kept;
        audit->synced.bytes += bytes > 0 ? bytes : 0;
        audit->synced.is_dirty = true;
    }
    audit->synced.lost += !kept;
    sr_unlock(&audit->lock);
}

void audit_sync(struct audit *audit)
{
    sr_lock(&audit->lock);
    // Of a descriptor of its own, so that nobody waits for the disk behind the lock.
    const int fd = audit->synced.is_dirty ? fcntl(audit->synced.fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd >= 0)
        audit->synced.is_dirty = false;
    sr_unlock(&audit->lock);
    if (fd < 0)
        return;
    const bool done = fdatasync(fd) == 0;
    (void)close(fd);  // synced above
    sr_lock(&audit->lock);
    audit->synced.is_dirty |= !done;
    sr_unlock(&audit->lock);
}

uint64_t audit_lost(struct audit *audit)
{
    sr_lock(&audit->lock);
    const uint64_t lost = audit->synced.lost;
    sr_unlock(&audit->lock);
    return lost;
}
