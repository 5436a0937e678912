// Path templates of outputs: what they may say, and where they may not lead.
#include <string.h>

#include "base/str.h"
#include "pipeline/manifest.h"

enum { PART_BYTES_MAX = 200 };  // of a name between slashes: leaves room for temporary names

static bool fill(const char *pattern, const char *name, const char *id, struct sr_str *out,
                 struct sr_err *err)
{
    for (const char *at = pattern; *at;) {
        const char *const open = strchr(at, '{');
        const size_t plain = open ? (size_t)(open - at) : strlen(at);
        if (!sr_str_add_bytes(out, at, plain, err))
            return false;
        at += plain;
        if (!open)
            break;
        const char *value = NULL;
        size_t bytes = 0;
        if (strncmp(at, "{name}", 6) == 0) {
            value = name;
            bytes = 6;
        } else if (strncmp(at, "{id}", 4) == 0) {
            value = id;
            bytes = 4;
        }
        if (!value)
            return sr_fail(err, SR_ERR_INVALID, "\"%.20s\": there are {name} and {id}", at);
        if (!sr_str_add(out, value, err))
            return false;
        at += bytes;
    }
    return true;
}

// No part between slashes may be empty (but at the end), "..", hidden, or too long for a file
// system.
static bool check_parts(const char *path, struct sr_err *err)
{
    if (path[0] == '/')
        return sr_fail(err, SR_ERR_INVALID,
                       "want a path below the output folder, got an absolute one");
    if (strcmp(path, ".") == 0 || strcmp(path, "./") == 0)
        return true;
    for (const char *at = path; *at;) {
        const size_t bytes = strcspn(at, "/");
        if (bytes == 0)
            return sr_fail(err, SR_ERR_INVALID, "\"%.80s\" has an empty part", path);
        if (at[0] == '.')
            return sr_fail(err, SR_ERR_INVALID,
                           "\"%.80s\": parts that begin with a point are hidden or lead elsewhere",
                           path);
        if (bytes > PART_BYTES_MAX)
            return sr_fail(err, SR_ERR_INVALID, "a name of %zu bytes; %d are the most", bytes,
                           PART_BYTES_MAX);
        at += bytes;
        at += *at == '/';
    }
    return true;
}

bool manifest_path(const char *pattern, const char *name, const char *id, char **ret_path,
                   struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str path = { 0 };
    if (!fill(pattern, name, id, &path, err))
        return false;
    if (path.bytes == 0)
        return sr_fail(err, SR_ERR_INVALID, "the path is empty");
    if (!check_parts(path.text, err))
        return false;
    while (path.bytes > 1 && path.text[path.bytes - 1] == '/')
        path.text[--path.bytes] = '\0';
    *ret_path = sr_str_take(&path);
    return *ret_path || sr_fail(err, SR_ERR_NO_MEMORY, "a path");
}

bool manifest_input_name(const char *input, char **ret_name, struct sr_err *err)
{
    const char *const slash = strrchr(input, '/');
    const char *const last = slash ? slash + 1 : input;
    const char *const dot = strrchr(last, '.');
    size_t bytes = dot && dot > last ? (size_t)(dot - last) : strlen(last);
    if (bytes > PART_BYTES_MAX / 2)
        bytes = PART_BYTES_MAX / 2;
    while (bytes > 0 && bytes < strlen(last) && ((unsigned char)last[bytes] & 0xC0) == 0x80)
        bytes--;                              // not in the middle of a character
    const size_t hidden = strspn(last, ".");  // ".hidden.mov" gives "hidden"
    sr_auto(sr_str) struct sr_str name = { 0 };
    if (hidden >= bytes ? !sr_str_add(&name, "output", err)
                        : !sr_str_add_bytes(&name, last + hidden, bytes - hidden, err))
        return false;
    *ret_name = sr_str_take(&name);
    return *ret_name || sr_fail(err, SR_ERR_NO_MEMORY, "a name");
}
