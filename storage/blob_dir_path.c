#include <stdlib.h>
#include <string.h>

#include "storage/blob_dir_priv.h"

// A file's name may have 255 bytes; longer parts of a key are cut into folders of this many.
enum { NAME_BYTES_MAX = 200 };

// ".%e" the empty part, ".%d" "." and "..", ".%p" begins with ".%" itself, ".%c" a piece of a long
// part (a folder),
// ".%z" its end. No other name begins with ".%", so no two keys meet.
static bool add_part(struct sr_str *path, const char *part, size_t bytes, struct sr_err *err)
{
    if (bytes == 0)
        return sr_str_add(path, ".%e", err);
    if ((bytes == 1 && part[0] == '.') || (bytes == 2 && memcmp(part, "..", 2) == 0))
        return sr_str_addf(path, err, ".%%d%zu", bytes);
    if (bytes <= NAME_BYTES_MAX) {
        const bool ours = bytes >= 2 && memcmp(part, ".%", 2) == 0;
        return (!ours || sr_str_add(path, ".%p", err)) && sr_str_add_bytes(path, part, bytes, err);
    }
    size_t at = 0;
    for (; bytes - at > NAME_BYTES_MAX; at += NAME_BYTES_MAX) {
        if (!sr_str_addf(path, err, ".%%c%.*s/", NAME_BYTES_MAX, part + at))
            return false;
    }
    return sr_str_addf(path, err, ".%%z%.*s", (int)(bytes - at), part + at);
}

char *blob_dir_path(const struct blob_dir *dir, const char *key, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str path = { 0 };
    if (!sr_str_add(&path, dir->folder, err))
        return NULL;
    for (const char *at = key;; at++) {
        const size_t bytes = strcspn(at, "/");
        if (!sr_str_add(&path, "/", err) || !add_part(&path, at, bytes, err))
            return NULL;
        at += bytes;
        if (!*at)
            break;
    }
    return sr_str_take(&path);
}

bool blob_dir_add_name(struct sr_str *key, const char *name, bool folder, bool *ret_known,
                       struct sr_err *err)
{
    *ret_known = true;
    const char *slash = folder ? "/" : "";
    if (strncmp(name, ".%", 2) != 0)
        return sr_str_addf(key, err, "%s%s", name, slash);
    switch (name[2]) {
    case 'e': return sr_str_add(key, slash, err);
    case 'd': return sr_str_addf(key, err, "%s%s", name[3] == '1' ? "." : "..", slash);
    case 'p': return sr_str_addf(key, err, "%s%s", name + 3, slash);
    case 'c': return sr_str_add(key, name + 3, err);  // goes on in the folder
    case 'z': return sr_str_addf(key, err, "%s%s", name + 3, slash);
    default: *ret_known = false; return true;
    }
}
