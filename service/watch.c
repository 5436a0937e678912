#include "service/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/thread.h"

enum { AGAIN_US = 1000000 };
#define MASK                                                                                       \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_ATTRIB | IN_DELETE_SELF |       \
     IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK)

struct folder {
    int wd;
    char *path;  // relative; "": the folder itself
};

struct pending {
    char *path;  // relative
    int64_t due_us, settle_us;
    int64_t size, mtime_ns;
};

struct watch {
    struct watch_params params;
    char *root;
    int fd, wake_fd;
    struct folder *folders;
    size_t folder_count;
    struct pending *pending;
    size_t pending_count;
    int64_t look_us;  // look at everything again then; INT64_MAX: no need
    struct sr_thread *thread;
    atomic_bool stops;
};

static void drop_folders(struct watch *watch)
{
    for (size_t i = 0; i < watch->folder_count; i++) {
        (void)inotify_rm_watch(watch->fd, watch->folders[i].wd);  // it may be gone with its folder
        free(watch->folders[i].path);
    }
    watch->folder_count = 0;
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    watch_stop(watch);
    drop_folders(watch);
    for (size_t i = 0; i < watch->pending_count; i++)
        free(watch->pending[i].path);
    if (watch->fd >= 0)
        (void)close(watch->fd);
    if (watch->wake_fd >= 0)
        (void)close(watch->wake_fd);
    free(watch->folders);
    free(watch->pending);
    free(watch->root);
    free(watch);
}

static int64_t now_us(const struct watch *watch)
{
    return sr_clock_wall_us(watch->params.clock);
}

// Something was missed, or there was no room for it: all is looked at again, now or soon.
static void look_again(struct watch *watch, int64_t at_us)
{
    if (at_us < watch->look_us)
        watch->look_us = at_us;
}

// Files ------------------------------------------------------------------------------------------

static bool is_output(const struct watch *watch, const char *path)
{
    const struct config_texts *const outputs = watch->params.outputs;
    for (size_t i = 0; outputs && i < outputs->count; i++) {
        const char *const place = outputs->list[i];
        const size_t root = strlen(watch->root);
        if (strncmp(place, watch->root, root) == 0 && place[root] == '/' &&
            strncmp(path, place + root + 1, strlen(place + root + 1)) == 0)
            return true;
    }
    return false;
}

static bool stat_file(const struct watch *watch, const char *path, struct stat *ret)
{
    char whole[PATH_MAX];
    return sr_format(whole, sizeof whole, "%s/%s", watch->root, path) && lstat(whole, ret) == 0 &&
           S_ISREG(ret->st_mode);
}

static int64_t mtime_ns(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

// From now on it has to stay as it is for a while.
static bool note_file(struct watch *watch, const char *path, int64_t settle_us, struct sr_err *err)
{
    struct stat status;
    size_t at = 0;
    if (is_output(watch, path) || !stat_file(watch, path, &status))
        return true;
    while (at < watch->pending_count && strcmp(watch->pending[at].path, path) != 0)
        at++;
    if (at == WATCH_PENDING_MAX) {
        look_again(watch, now_us(watch) + WATCH_LOOK_US);
        return true;
    }
    struct pending *const pending = &watch->pending[at];
    if (at == watch->pending_count) {
        *pending = (struct pending){ .path = sr_str_dup(path, err) };
        if (!pending->path)
            return false;
        watch->pending_count++;
    }
    pending->settle_us = settle_us;
    pending->due_us = now_us(watch) + settle_us;
    pending->size = status.st_size;
    pending->mtime_ns = mtime_ns(&status);
    return true;
}

static bool tell(struct watch *watch, const struct pending *pending, struct sr_err *err)
{
    char time[25];
    const char *const name = watch->root;
    sr_clock_format(pending->mtime_ns / 1000, time);
    memcpy(time + 19, "Z", 2);
    sr_auto(char) char *identity = sr_strf(err, "watch\n%s/%s\n%lld\n%lld", name, pending->path,
                                           (long long)pending->size, (long long)pending->mtime_ns);
    sr_auto(char) char *path = sr_strf(err, "%s/%s", name, pending->path);
    if (!identity || !path)
        return false;
    sr_auto(json) json_t *document = json_pack(
        "{ss,ss,ss,ss,s[o],s{so,s{so,sI},so}}", "version", "0", "detail-type", "Object Created",
        "source", "splitreel.watch", "time", time, "resources", jx_string(path), "detail", "bucket",
        json_pack("{so}", "name", jx_string(name)), "object", "key", jx_string(pending->path),
        "size", (json_int_t)pending->size, "path", jx_string(path));
    return jx_made(document, err) &&
           watch->params.tell(watch->params.self, identity, document, err);
}

// Told, gone, or told later because it changed or nobody took it. *ret_stays: there is more to do.
static void settle(struct watch *watch, struct pending *pending, bool *ret_stays)
{
    struct sr_err err = { 0 };
    struct stat status;
    *ret_stays = false;
    if (!stat_file(watch, pending->path, &status))
        return;
    if (status.st_size != pending->size || mtime_ns(&status) != pending->mtime_ns) {
        pending->size = status.st_size;
        pending->mtime_ns = mtime_ns(&status);
        pending->due_us = now_us(watch) + pending->settle_us;
        *ret_stays = true;
    } else if (!tell(watch, pending, &err)) {
        sr_warn(watch->params.log, "a file is told again later", SR_TEXT("path", pending->path),
                SR_ERR(&err));
        pending->due_us = now_us(watch) + AGAIN_US;
        *ret_stays = true;
    }
}

static void settle_all(struct watch *watch)
{
    size_t kept = 0;
    for (size_t i = 0; i < watch->pending_count; i++) {
        struct pending *const pending = &watch->pending[i];
        bool stays = true;
        if (pending->due_us <= now_us(watch))
            settle(watch, pending, &stays);
        if (stays)
            watch->pending[kept++] = *pending;
        else
            free(pending->path);
    }
    watch->pending_count = kept;
}

// Folders ----------------------------------------------------------------------------------------

static const struct folder *find_folder(const struct watch *watch, int wd)
{
    for (size_t i = 0; i < watch->folder_count; i++) {
        if (watch->folders[i].wd == wd)
            return &watch->folders[i];
    }
    return NULL;
}

static char *join(const char *folder, const char *name, struct sr_err *err)
{
    return sr_strf(err, "%s%s%s", folder, *folder ? "/" : "", name);
}

static bool add_folder(struct watch *watch, const char *path, unsigned depth, struct sr_err *err);

// Hidden, or half of a file: what a killed writer of ours has left closes without being whole.
static bool is_passed_over(const char *name)
{
    static const char half[] = ".part";
    const size_t bytes = strlen(name);
    return name[0] == '.' ||
           (bytes >= sizeof half && strcmp(name + bytes - (sizeof half - 1), half) == 0);
}

static bool look_at_entry(struct watch *watch, const char *folder, const char *name, unsigned depth,
                          struct sr_err *err)
{
    struct stat status;
    char whole[PATH_MAX];
    if (is_passed_over(name))
        return true;
    sr_auto(char) char *path = join(folder, name, err);
    if (!path)
        return false;
    if (!sr_format(whole, sizeof whole, "%s/%s", watch->root, path) || lstat(whole, &status) != 0)
        return true;  // gone again
    if (S_ISDIR(status.st_mode))
        return add_folder(watch, path, depth + 1, err);
    return note_file(watch, path, WATCH_SETTLE_OPEN_US, err);
}

// Watches first and looks then, so that nothing comes between.
static bool add_folder(struct watch *watch, const char *path, unsigned depth, struct sr_err *err)
{
    char whole[PATH_MAX];
    if (depth > WATCH_DEPTH_MAX || watch->folder_count == WATCH_FOLDERS_MAX) {
        sr_warn(watch->params.log, "a folder is not watched: too deep, or too many",
                SR_TEXT("path", path));
        return true;
    }
    if (!sr_format(whole, sizeof whole, "%s%s%s", watch->root, *path ? "/" : "", path))
        return true;  // longer than any path that can be opened
    const int wd = inotify_add_watch(watch->fd, whole, MASK);
    if (wd < 0 && (errno == ENOENT || errno == ENOTDIR) && *path)
        return true;  // gone again
    if (wd < 0)
        return sr_fail_errno(err, errno == ENOSPC ? EMFILE : errno, "watch %s", whole);
    if (!find_folder(watch, wd)) {
        char *const copy = sr_str_dup(path, err);
        if (!copy)
            return false;
        watch->folders[watch->folder_count++] = (struct folder){ wd, copy };
    }
    DIR *const list = opendir(whole);
    if (!list)
        return *path ? true : sr_fail_errno(err, errno, "%s", whole);
    bool done = true;
    for (const struct dirent *entry; done && (entry = readdir(list));)
        done = look_at_entry(watch, path, entry->d_name, depth, err);
    (void)closedir(list);
    return done;
}

static bool look(struct watch *watch, struct sr_err *err)
{
    watch->look_us = INT64_MAX;
    drop_folders(watch);
    if (add_folder(watch, "", 0, err))
        return true;
    look_again(watch, now_us(watch) + AGAIN_US);
    return false;
}

// What the kernel says ---------------------------------------------------------------------------

static unsigned depth_of(const char *path)
{
    unsigned depth = *path != '\0';
    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

static bool take_event(struct watch *watch, const struct inotify_event *event, struct sr_err *err)
{
    const struct folder *const folder = find_folder(watch, event->wd);
    if (event->mask & IN_Q_OVERFLOW)
        look_again(watch, now_us(watch));
    if (!folder || event->mask & IN_IGNORED)
        return true;
    // A folder that moves takes its watch along, and its old name with it.
    if (event->mask & IN_DELETE_SELF || (event->mask & IN_MOVED_FROM && event->mask & IN_ISDIR))
        look_again(watch, now_us(watch));
    if (!event->len || is_passed_over(event->name))
        return true;
    sr_auto(char) char *path = join(folder->path, event->name, err);
    if (!path)
        return false;
    if (event->mask & IN_ISDIR)
        return !(event->mask & (IN_CREATE | IN_MOVED_TO)) ||
               add_folder(watch, path, depth_of(path), err);
    // IN_CREATE alone is a file that is being written, or a link.
    return !(event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) ||
           note_file(watch, path, WATCH_SETTLE_US, err);
}

static bool take_events(struct watch *watch, struct sr_err *err)
{
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool done = true;
    for (;;) {
        const ssize_t bytes = read(watch->fd, buffer, sizeof buffer);
        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0 && errno != EAGAIN)
            return sr_fail_errno(err, errno, "inotify");
        if (bytes <= 0)
            return done;
        for (const char *at = buffer; at < buffer + bytes;) {
            const struct inotify_event *const event = (const void *)at;
            if (!take_event(watch, event, err)) {
                look_again(watch, now_us(watch) + AGAIN_US);
                done = false;
            }
            at += sizeof *event + event->len;
        }
    }
}

bool watch_step(struct watch *watch, int64_t *ret_wait_us, struct sr_err *err)
{
    *ret_wait_us = AGAIN_US;
    if (!take_events(watch, err))
        return false;
    if (watch->look_us <= now_us(watch) && !look(watch, err))
        return false;
    settle_all(watch);
    int64_t next_us = watch->look_us;
    for (size_t i = 0; i < watch->pending_count; i++) {
        if (watch->pending[i].due_us < next_us)
            next_us = watch->pending[i].due_us;
    }
    const int64_t wait_us = next_us == INT64_MAX ? -1 : next_us - now_us(watch);
    *ret_wait_us = next_us != INT64_MAX && wait_us < 0 ? 0 : wait_us;
    return true;
}

bool watch_new(const struct watch_params *params, struct watch **ret_watch, struct sr_err *err)
{
    struct stat status;
    sr_auto(watch) struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a watch");
    *watch = (struct watch){ .params = *params, .fd = -1, .wake_fd = -1, .look_us = INT64_MAX };
    watch->root = realpath(params->folder, NULL);
    if (!watch->root || stat(watch->root, &status) != 0)
        return sr_fail_errno(err, errno, "%s", params->folder);
    if (!S_ISDIR(status.st_mode))
        return sr_fail(err, SR_ERR_INVALID, "%s is no folder", params->folder);
    watch->folders = calloc(WATCH_FOLDERS_MAX, sizeof *watch->folders);
    watch->pending = calloc(WATCH_PENDING_MAX, sizeof *watch->pending);
    if (!watch->folders || !watch->pending)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a watch");
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0)
        return sr_fail_errno(err, errno, "inotify");
    watch->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch->wake_fd < 0)
        return sr_fail_errno(err, errno, "eventfd");
    if (!look(watch, err))
        return false;
    *ret_watch = sr_take(watch);
    return true;
}

// The thread -------------------------------------------------------------------------------------

static void run(void *arg)
{
    struct watch *const watch = arg;
    struct pollfd fds[] = { { .fd = watch->fd, .events = POLLIN },
                            { .fd = watch->wake_fd, .events = POLLIN } };
    while (!atomic_load(&watch->stops)) {
        struct sr_err err = { 0 };
        int64_t wait_us;
        if (!watch_step(watch, &wait_us, &err))
            sr_error(watch->params.log, "a folder cannot be watched", SR_TEXT("path", watch->root),
                     SR_ERR(&err));
        const int64_t wait_ms = wait_us < 0 ? -1 : (wait_us + 999) / 1000;
        (void)poll(fds, 2, wait_ms > INT_MAX ? INT_MAX : (int)wait_ms);
    }
}

bool watch_start(struct watch *watch, struct sr_err *err)
{
    return sr_thread_start("watch", run, watch, &watch->thread, err);
}

void watch_stop(struct watch *watch)
{
    const uint64_t one = 1;
    if (!watch->thread)
        return;
    atomic_store(&watch->stops, true);
    sr_ignore(write(watch->wake_fd, &one, sizeof one));  // cannot fail: nobody else adds to it
    sr_thread_join(watch->thread);
    watch->thread = NULL;
}
