#include "service/map_places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/str.h"
#include "statemachine/engine_folder.h"

static const char *object_place(const char *place)
{
    static const char scheme[] = "s3://";
    return strncmp(place, scheme, sizeof scheme - 1) == 0 ? place + sizeof scheme - 1 : NULL;
}

bool map_places_has_object(const char *const *places, const char *bucket, const char *key)
{
    const size_t bytes = strlen(bucket);
    if (bytes == 0 || strchr(bucket, '/'))
        return false;
    for (; *places; places++) {
        const char *const place = object_place(*places);
        if (!place || strncmp(place, bucket, bytes) != 0)
            continue;
        const char *const below = place + bytes + (place[bytes] == '/');
        const size_t below_bytes = strlen(below);
        // "s3://bucket/jobs" holds "jobs/1" and not "jobs2"
        if ((!place[bytes] || place[bytes] == '/') && strncmp(key, below, below_bytes) == 0 &&
            (below_bytes == 0 || below[below_bytes - 1] == '/' || key[below_bytes] == '/'))
            return true;
    }
    return false;
}

bool map_places_resolve(const char *path, char **ret_path, struct sr_err *err)
{
    sr_auto(char) char *there = sr_str_dup(path, err);
    if (!there)
        return false;
    for (;;) {
        struct stat status;
        sr_auto(char) char *real = realpath(there, NULL);
        if (real) {
            *ret_path = sr_strf(err, "%s%s", real, path + strlen(there));
            return *ret_path != NULL;
        }
        const int number = errno;
        char *const slash = strrchr(there, '/');
        if (number == ENOENT && lstat(there, &status) == 0 && S_ISLNK(status.st_mode))
            return sr_fail(err, SR_ERR_DENIED, "%s: is or has a link that leads nowhere", path);
        if (number != ENOENT || !slash || slash == there)
            return sr_fail_errno(err, number, "%s", path);
        *slash = '\0';
    }
}

static bool is_below(const char *path, const char *folder)
{
    const size_t bytes = strlen(folder);
    return strncmp(path, folder, bytes) == 0 && (!path[bytes] || path[bytes] == '/');
}

bool map_places_check_file(const char *const *places, const char *folder, const char *name,
                           struct sr_err *err)
{
    sr_auto(char) char *path = sr_strf(err, "%s/%s", folder, name);
    sr_auto(char) char *real = NULL;
    if (!path)
        return false;
    // ".." behind a folder that is not there yet would lead elsewhere once it is
    if (*folder != '/' || !engine_folder_name_ok(folder + 1) || !engine_folder_name_ok(name))
        return sr_fail(err, SR_ERR_DENIED, "%s is no plain path", path);
    if (!map_places_resolve(path, &real, err))
        return false;
    for (; *places; places++) {
        sr_auto(char) char *place = object_place(*places) ? NULL : realpath(*places, NULL);
        if (place && is_below(real, place))
            return true;
    }
    return sr_fail(err, SR_ERR_DENIED, "%s is in no workspace of jobs", path);
}
