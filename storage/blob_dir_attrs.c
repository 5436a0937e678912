#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "net/url.h"
#include "storage/blob_dir_priv.h"

#define META "user.splitreel.meta"
#define TAGS "user.splitreel.tags"
#define CONTENT_TYPE "content-type"  // in META beside the user's own, which begin with "m-"
#define CACHE_CONTROL "cache-control"

enum { ATTRIBUTE_BYTES_MAX = 4000 };

bool blob_dir_pairs_encode(const struct blob_pairs *pairs, struct sr_str *text, struct sr_err *err)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const struct blob_pair *pair = &pairs->item[i];
        if ((text->bytes && !sr_str_add(text, "&", err)) ||
            !url_encode(pair->name, strlen(pair->name), "", text, err) ||
            !sr_str_add(text, "=", err) ||
            !url_encode(pair->value, strlen(pair->value), "", text, err))
            return false;
    }
    return true;
}

bool blob_dir_pairs_decode(const char *text, struct blob_pairs *pairs, struct sr_err *err)
{
    for (const char *at = text; *at;) {
        const size_t bytes = strcspn(at, "&");
        const size_t name_bytes = strcspn(at, "=&");
        sr_auto(sr_str) struct sr_str name = { 0 };
        sr_auto(sr_str) struct sr_str value = { 0 };
        const size_t value_bytes = bytes > name_bytes ? bytes - name_bytes - 1 : 0;
        if (!url_decode(at, name_bytes, false, &name, err) ||
            !url_decode(at + bytes - value_bytes, value_bytes, false, &value, err) ||
            !blob_pairs_add(pairs, sr_str_text(&name), sr_str_text(&value), err))
            return false;
        at += bytes;
        at += *at == '&';
    }
    return true;
}

static bool store_pairs(int fd, const char *attribute, const struct blob_pairs *pairs, bool must,
                        const char *key, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    if (!blob_dir_pairs_encode(pairs, &text, err))
        return false;
    if (text.bytes > ATTRIBUTE_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "%s: metadata or tags of more than %d bytes", key,
                       ATTRIBUTE_BYTES_MAX);
    if (fsetxattr(fd, attribute, sr_str_text(&text), text.bytes, 0) == 0 ||
        (errno == ENOTSUP && !must))
        return true;
    if (errno == ENOTSUP)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "%s: the file system has no extended attributes",
                       key);
    return sr_fail_errno(err, errno, "attributes of %s", key);
}

static bool load_pairs(int fd, const char *attribute, struct blob_pairs *pairs, const char *key,
                       struct sr_err *err)
{
    char text[ATTRIBUTE_BYTES_MAX + 1];
    const ssize_t bytes = fgetxattr(fd, attribute, text, sizeof(text) - 1);
    if (bytes < 0)
        return errno == ENODATA || errno == ENOTSUP ||
               sr_fail_errno(err, errno, "attributes of %s", key);
    text[bytes] = '\0';
    return blob_dir_pairs_decode(text, pairs, err);
}

bool blob_dir_attrs_store(int fd, const struct blob_attrs *attrs, const char *key,
                          struct sr_err *err)
{
    sr_auto(blob_pairs) struct blob_pairs pairs = { 0 };
    const size_t own = attrs->meta ? attrs->meta->count : 0;
    if (attrs->content_type && !blob_pairs_add(&pairs, CONTENT_TYPE, attrs->content_type, err))
        return false;
    if (attrs->cache_control && !blob_pairs_add(&pairs, CACHE_CONTROL, attrs->cache_control, err))
        return false;
    for (size_t i = 0; i < own; i++) {
        sr_auto(char) char *name = sr_strf(err, "m-%s", attrs->meta->item[i].name);
        if (!name || !blob_pairs_add(&pairs, name, attrs->meta->item[i].value, err))
            return false;
    }
    return pairs.count == 0 || store_pairs(fd, META, &pairs, own > 0, key, err);
}

bool blob_dir_attrs_load(int fd, const char *key, struct blob_info *info, struct sr_err *err)
{
    sr_auto(blob_pairs) struct blob_pairs pairs = { 0 };
    if (!load_pairs(fd, META, &pairs, key, err))
        return false;
    const char *type = blob_pairs_find(&pairs, CONTENT_TYPE);
    const char *cache = blob_pairs_find(&pairs, CACHE_CONTROL);
    if (!sr_format(info->content_type, sizeof(info->content_type), "%s",
                   type ? type : blob_content_type(key)) ||
        !sr_format(info->cache_control, sizeof(info->cache_control), "%s", cache ? cache : ""))
        return sr_fail(err, SR_ERR_TOO_LARGE, "attributes of %s", key);
    for (size_t i = 0; i < pairs.count; i++) {
        const char *name = pairs.item[i].name;
        if (strncmp(name, "m-", 2) == 0 &&
            !blob_pairs_add(&info->meta, name + 2, pairs.item[i].value, err))
            return false;
    }
    return true;
}

bool blob_dir_tags_get(void *self, const char *key, struct blob_pairs *ret, struct sr_err *err)
{
    int fd;
    struct stat info;
    if (!blob_dir_open_object(self, key, NULL, &fd, &info, err))
        return false;
    sr_auto(blob_pairs) struct blob_pairs pairs = { 0 };
    const bool done = load_pairs(fd, TAGS, &pairs, key, err);
    close(fd);
    if (!done)
        return false;
    *ret = pairs;
    pairs = (struct blob_pairs){ 0 };
    return true;
}

bool blob_dir_tags_set(void *self, const char *key, const struct blob_pairs *tags,
                       struct sr_err *err)
{
    int fd;
    struct stat info;
    if (!blob_dir_open_object(self, key, NULL, &fd, &info, err))
        return false;
    const bool done = store_pairs(fd, TAGS, tags, true, key, err);
    close(fd);
    return done;
}
