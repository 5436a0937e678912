// What `doctor` looks at in folders: rights, room, whether what is written stays written.
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/doctor.h"
#include "statemachine/store_sqlite.h"

#define ROOM_BYTES_MIN ((uint64_t)100 << 20)  // with less nothing can work
#define ROOM_BYTES_LOW ((uint64_t)2 << 30)
#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xFF534D42
#endif
enum { SYNC_US_SLOW = 100000, PROBE_BYTES = 4096 };

// The folder itself, or the one in which it will be made.
static char *nearest(const char *path, bool *ret_is_there, struct sr_err *err)
{
    sr_auto(char) char *at = sr_str_dup(path, err);
    struct stat status;
    *ret_is_there = true;
    while (at && stat(at, &status) != 0 && errno == ENOENT) {
        *ret_is_there = false;
        char *const slash = strrchr(at, '/');
        if (!slash)
            return sr_str_dup(".", err);
        slash[slash == at] = '\0';  // the root keeps its slash
    }
    return sr_take(at);
}

// Writes a small file, waits until the disk has it, removes it. An errno value; 0: done.
static int probe(const char *folder, int64_t *ret_sync_us, struct sr_err *err)
{
    static const char zeros[PROBE_BYTES];
    sr_auto(char) char *path = sr_strf(err, "%s/.splitreel-doctor-XXXXXX", folder);
    if (!path)
        return ENOMEM;
    const int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return errno;
    const int64_t began_us = sr_clock_monotonic_us(sr_clock_system());
    const bool done = write(fd, zeros, sizeof zeros) == (ssize_t)sizeof zeros && fsync(fd) == 0;
    const int number = done ? 0 : errno ? errno : EIO;
    *ret_sync_us = sr_clock_monotonic_us(sr_clock_system()) - began_us;
    (void)close(fd);  // synced above
    (void)unlink(path);
    return number;
}

static bool is_far(long type)
{
    return type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == V9FS_MAGIC ||
           (unsigned long)type == CIFS_SUPER_MAGIC;
}

static bool check_room(struct doctor *doctor, const char *check, const char *folder,
                       struct sr_err *err)
{
    struct statfs fs;
    if (statfs(folder, &fs) != 0)
        return doctor_add(doctor, DOCTOR_FAIL, check, "is it mounted?", err, "%s: %s", folder,
                          strerror(errno));
    const uint64_t room = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
    const unsigned long long mib = room >> 20;
    if (room < ROOM_BYTES_MIN || (fs.f_files > 0 && fs.f_ffree == 0))
        return doctor_add(doctor, DOCTOR_FAIL, check, "make room (`df -h`, `df -i`)", err,
                          "%s: %llu MiB are free, and %llu more files", folder, mib,
                          (unsigned long long)fs.f_ffree);
    if (room < ROOM_BYTES_LOW)
        return doctor_add(doctor, DOCTOR_WARN, check,
                          "encoded segments wait on a disk: make room, or name a folder elsewhere",
                          err, "%s: %llu MiB are free", folder, mib);
    if (is_far(fs.f_type) && strcmp(check, "state") == 0)
        return doctor_add(doctor, DOCTOR_FAIL, check, "\"state\" wants a disk of this machine", err,
                          "%s is on a network file system, where the databases are not safe",
                          folder);
    return true;
}

bool doctor_folder(struct doctor *doctor, const char *check, const char *path, struct sr_err *err)
{
    bool is_there;
    int64_t sync_us = 0;
    struct stat status;
    sr_auto(char) char *folder = nearest(path, &is_there, err);
    if (!folder)
        return false;
    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
        return doctor_add(doctor, DOCTOR_FAIL, check, "name a folder, or remove what is there", err,
                          "%s is no folder that can be used", folder);
    const size_t bad = doctor->counts[DOCTOR_WARN] + doctor->counts[DOCTOR_FAIL];
    if (!check_room(doctor, check, folder, err))
        return false;
    const int number = probe(folder, &sync_us, err);
    if (number == EACCES || number == EROFS || number == EPERM)
        return doctor_add(doctor, DOCTOR_FAIL, check,
                          "`chown` it to the user that splitreel runs as, or name another", err,
                          "%s may not be written to (%s)", folder, strerror(number));
    if (number)
        return doctor_add(doctor, DOCTOR_FAIL, check, "look at the disk: `dmesg`, `df -h`", err,
                          "%s: a file cannot be written and synced (%s)", folder, strerror(number));
    if (sync_us > SYNC_US_SLOW)
        return doctor_add(doctor, DOCTOR_WARN, check,
                          "every commit waits for it: a faster disk, or less on this one", err,
                          "%s: a sync takes %lld ms", folder, (long long)(sync_us / 1000));
    if (doctor->counts[DOCTOR_WARN] + doctor->counts[DOCTOR_FAIL] > bad)
        return true;
    return doctor_add(doctor, DOCTOR_OK, check, NULL, err, "%s%s: a sync takes %.1f ms", path,
                      is_there ? "" : " will be made", (double)sync_us / 1000);
}

// What is in the state folder.
static bool check_state(struct doctor *doctor, const char *folder, struct sr_err *err)
{
    struct stat status;
    struct sr_err why = { 0 };
    sr_auto(char) char *path = sr_strf(err, "%s/states.db", folder);
    if (!path)
        return false;
    if (stat(folder, &status) != 0)
        return true;  // it will be made
    if (status.st_mode & (S_IRWXG | S_IRWXO) &&
        !doctor_add(doctor, DOCTOR_WARN, "state", "`chmod 700` it: payloads are in it", err,
                    "%s is open to others (mode %03o)", folder, (unsigned)status.st_mode & 0777))
        return false;
    if (access(path, F_OK) != 0)
        return true;
    struct store store = { 0 };
    if (store_sqlite_open_reader(path, &store, &why)) {
        store_close(&store);
        return doctor_add(doctor, DOCTOR_OK, "database", NULL, err, "%s can be read", path);
    }
    if (why.code == SR_ERR_UNSUPPORTED)
        return doctor_add(doctor, DOCTOR_WARN, "database",
                          "serve brings an older one up to date when it starts; for a newer one "
                          "install the splitreel that made it",
                          err, "%s", why.message);
    return doctor_add(doctor, DOCTOR_FAIL, "database",
                      "is the disk whole? a copy of the folder, made while serve was stopped, can "
                      "take its place",
                      err, "%s", why.message);
}

static bool check_source(struct doctor *doctor, const char *check, const char *path,
                         struct sr_err *err)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode) && access(path, R_OK | X_OK) == 0)
        return doctor_add(doctor, DOCTOR_OK, check, NULL, err, "%s can be read", path);
    return doctor_add(doctor, DOCTOR_FAIL, check, "make the folder, and let this user read it", err,
                      "%s is no folder that can be read", path);
}

// Spec: XDG Base Directory, as pipeline/run has it.
static char *cache_folder(struct sr_err *err)
{
    const char *const cache = getenv("XDG_CACHE_HOME"), *const home = getenv("HOME");
    if (cache && cache[0] == '/')
        return sr_strf(err, "%s/splitreel", cache);
    return sr_strf(err, "%s/.cache/splitreel", home && home[0] == '/' ? home : "");
}

// Where jobs of the service work; a store is looked at when it is named.
static bool check_jobs(struct doctor *doctor, struct sr_err *err)
{
    const struct config *const config = doctor->config;
    const char *const named = config->jobs.workspace;
    if (named && named[0] != '/')
        return doctor_add(doctor, DOCTOR_OK, "jobs", NULL, err,
                          "work in %s: `splitreel doctor %s --write` looks at it", named, named);
    sr_auto(char) char *folder =
        named ? sr_str_dup(named, err) : sr_strf(err, "%s/jobs", config->state);
    if (!folder || !doctor_folder(doctor, "jobs", folder, err))
        return false;
    for (size_t i = 0; i < config->jobs.roots.count; i++) {
        if (!check_source(doctor, "root", config->jobs.roots.list[i], err))
            return false;
    }
    if (config->jobs.roots.count > 0 || config->jobs.allow.count > 0)
        return true;
    return doctor_add(doctor, DOCTOR_WARN, "jobs",
                      "serve --root DIR, or jobs.roots and jobs.allow of the configuration", err,
                      "no folder and no store is allowed for them: the service will refuse every "
                      "job");
}

bool doctor_folders(struct doctor *doctor, struct sr_err *err)
{
    const struct config *const config = doctor->config;
    const char *const temporary = getenv("TMPDIR");
    sr_auto(char) char *cache = cache_folder(err);
    if (!cache || !doctor_folder(doctor, "state", config->state, err) ||
        !check_state(doctor, config->state, err) || !check_jobs(doctor, err) ||
        !doctor_folder(doctor, "temporary", temporary && *temporary ? temporary : "/tmp", err) ||
        !doctor_folder(doctor, "workspaces", cache, err) ||
        (config->maps && !doctor_folder(doctor, "maps", config->maps, err)) ||
        (config->rules && !check_source(doctor, "rules", config->rules, err)))
        return false;
    for (size_t i = 0; i < config->watch.count; i++) {
        if (!check_source(doctor, "watch", config->watch.list[i], err))
            return false;
    }
    return true;
}
