// What `doctor` looks at that is neither a folder nor a store.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "cli/doctor.h"
#include "transcode/media_libs.h"
#include "transcode/media_log.h"
#include "transcode/segment_transcode.h"

enum { OTHER_FILES = 256 };  // that serve needs beside its connections

bool doctor_codecs(struct doctor *doctor, struct sr_err *err)
{
    static const char remedy[] =
        "install FFmpeg's libraries with libx264: on Debian libavformat59, libavcodec59, "
        "libavfilter8, libswscale6, libswresample4; a build of your own wants --enable-gpl "
        "--enable-libx264";
    struct sr_err why = { 0 };
    if (!media_libs_load(&why))
        return doctor_add(doctor, DOCTOR_FAIL, "codecs", remedy, err, "%s", why.message);
    media_log_init();
    // Encodes one tiny picture with each encoder.
    const char *const build = segment_transcode_build();
    if (!strstr(build, "libavcodec"))
        return doctor_add(doctor, DOCTOR_FAIL, "codecs", remedy, err,
                          "an encoder is missing or does not work");
    return doctor_add(doctor, DOCTOR_OK, "codecs", NULL, err, "%s", build);
}

static bool is_open_address(const struct config *config)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    struct sr_err why = { 0 };
    return server_address(config->listen, &address, &bytes, &why) &&
           !server_is_loopback((const struct sockaddr *)&address);
}

bool doctor_keys(struct doctor *doctor, struct sr_err *err)
{
    const struct config *const config = doctor->config;
    if (auth_has_keys(config->auth))
        return doctor_add(doctor, DOCTOR_OK, "keys", NULL, err,
                          "calls must be signed with a key of the configuration");
    if (is_open_address(config))
        return doctor_add(doctor, DOCTOR_FAIL, "keys",
                          "put \"keys\" into the configuration, or \"listen\" on 127.0.0.1", err,
                          "%s can be reached from other machines, and there are no keys: serve "
                          "refuses to start",
                          config->listen);
    return doctor_add(doctor, DOCTOR_OK, "keys", NULL, err,
                      "none: whoever is on this machine may call, nobody else can");
}

static int try_port(const struct config *config)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    struct sr_err why = { 0 };
    const int on = 1;
    if (!server_address(config->listen, &address, &bytes, &why))
        return EADDRNOTAVAIL;
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    const bool free = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                      bind(fd, (const struct sockaddr *)&address, bytes) == 0 && listen(fd, 1) == 0;
    const int number = free ? 0 : errno;
    (void)close(fd);  // nothing was sent
    return number;
}

bool doctor_port(struct doctor *doctor, struct sr_err *err)
{
    const char *const listen = doctor->config->listen;
    switch (try_port(doctor->config)) {
    case 0: return doctor_add(doctor, DOCTOR_OK, "port", NULL, err, "%s is free", listen);
    case EADDRINUSE:
        return doctor_add(doctor, DOCTOR_WARN, "port",
                          "fine if it is the service itself; else find what listens there with "
                          "`ss -ltnp`, or take another port with --listen",
                          err, "%s is taken", listen);
    case EACCES:
        return doctor_add(doctor, DOCTOR_FAIL, "port",
                          "ports below 1024 are root's: take another with --listen", err,
                          "%s may not be listened on", listen);
    default:
        return doctor_add(doctor, DOCTOR_FAIL, "port",
                          "\"listen\" wants an address of this machine: `ip addr` shows them", err,
                          "%s cannot be listened on", listen);
    }
}

// Limits -----------------------------------------------------------------------------------------
static bool check_files(struct doctor *doctor, struct sr_err *err)
{
    struct rlimit files;
    const unsigned long long want = doctor->config->limits.connection_max + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return sr_fail_errno(err, errno, "getrlimit");
    if (files.rlim_max != RLIM_INFINITY && files.rlim_max < want)
        return doctor_add(doctor, DOCTOR_WARN, "open files",
                          "raise the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd), or lower "
                          "limits.connections_max",
                          err, "%llu may be open, %llu are wanted for all connections",
                          (unsigned long long)files.rlim_max, want);
    return doctor_add(doctor, DOCTOR_OK, "open files", NULL, err, "at least %llu may be open",
                      want);
}

static bool check_file_size(struct doctor *doctor, struct sr_err *err)
{
    struct rlimit size;
    if (getrlimit(RLIMIT_FSIZE, &size) != 0)
        return sr_fail_errno(err, errno, "getrlimit");
    return size.rlim_cur == RLIM_INFINITY ||
           doctor_add(doctor, DOCTOR_FAIL, "file size", "`ulimit -f unlimited`", err,
                      "no file may grow beyond %llu bytes", (unsigned long long)size.rlim_cur);
}

// What the control group allows; 0: no limit is told.
static uint64_t group_memory(void)
{
    sr_auto(char) char *text = NULL;
    size_t bytes;
    struct sr_err why = { 0 };
    char *end;
    if (!sr_file_load("/sys/fs/cgroup/memory.max", 64, &text, &bytes, &why))
        return 0;
    const unsigned long long limit = strtoull(text, &end, 10);
    return end == text ? 0 : limit;
}

static bool check_memory(struct doctor *doctor, struct sr_err *err)
{
    const struct config *const config = doctor->config;
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (pages <= 0 || page_bytes <= 0 || processors <= 0)
        return sr_fail(err, SR_ERR_INTERNAL, "sysconf");
    uint64_t machine = (uint64_t)pages * (uint64_t)page_bytes;
    const uint64_t group = group_memory();
    if (group > 0 && group < machine)
        machine = group;
    const uint64_t slots =
        (uint64_t)(config->worker.slots > 0 ? config->worker.slots : processors) +
        (uint64_t)config->worker.light_slots;
    const uint64_t processes =
        config->worker.processes > 0 ? (uint64_t)config->worker.processes : 1;
    const uint64_t each = config->worker.memory_bytes > 0 ? (uint64_t)config->worker.memory_bytes
                                                          : (uint64_t)512 << 20;  // the least
    const uint64_t want = slots * processes * each;  // 64 * 512 * 16 TiB at most: fits
    const unsigned long long want_mib = want >> 20, have_mib = machine >> 20;
    if (want > machine)
        return doctor_add(doctor, DOCTOR_WARN, "memory",
                          "fewer worker.slots, or less worker.memory_bytes", err,
                          "workers may use %llu MiB in %llu slots, the machine has %llu MiB",
                          want_mib, (unsigned long long)(slots * processes), have_mib);
    return doctor_add(doctor, DOCTOR_OK, "memory", NULL, err, "%llu MiB for %llu slots of workers",
                      have_mib, (unsigned long long)(slots * processes));
}

static bool check_jail(struct doctor *doctor, struct sr_err *err)
{
    if (access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == 0)
        return doctor_add(doctor, DOCTOR_OK, "jail", NULL, err,
                          "the kernel can keep tasks from network and other processes");
    return doctor_add(doctor, DOCTOR_WARN, "jail",
                      "a kernel with CONFIG_SECCOMP_FILTER keeps hostile files from both", err,
                      "the kernel has no seccomp: tasks are not kept from network and other "
                      "processes");
}

bool doctor_limits(struct doctor *doctor, struct sr_err *err)
{
    return check_files(doctor, err) && check_file_size(doctor, err) && check_memory(doctor, err) &&
           check_jail(doctor, err);
}
