#include "pipeline/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

enum { HASHED_BYTES = 1 << 20 };

static bool hash_at(const struct sr_reader *reader, uint64_t offset, size_t bytes, uint8_t *buffer,
                    char text[SR_SHA256_HEX], struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    if (!sr_read_exact(reader, offset, buffer, bytes, err) ||
        !sr_sha256(buffer, bytes, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), text);
    return true;
}

static bool times_of(const char *path, struct source_identity *identity, struct sr_err *err)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return sr_fail_errno(err, errno, "the source");
    identity->changed_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    identity->bytes = (uint64_t)status.st_size;
    return true;
}

static bool open_file(const char *path, struct sr_reader *ret_reader,
                      struct source_identity *identity, struct sr_err *err)
{
    if (!sr_file_reader_open(path, ret_reader, err) || !times_of(path, identity, err))
        return false;
    identity->bytes = sr_reader_size(ret_reader);
    return true;
}

static bool open_object(struct remote *remote, const char *url, struct sr_reader *ret_reader,
                        struct source_identity *identity, struct sr_err *err)
{
    const struct blob_place *place;
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!remote)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "want a path");
    if (!remote_open(remote, url, BLOB_PLACE_READ, &place, err) ||
        !blob_head(&place->blob, place->key, &info, err))
        return false;
    memcpy(identity->etag, info.etag, sizeof(identity->etag));
    identity->bytes = info.bytes;
    // No bytes, nothing to read: the caller says so.
    return info.bytes == 0 ||
           remote_reader(remote, &place->blob, place->key, &info, ret_reader, err);
}

bool source_open(struct remote *remote, const char *path, struct sr_reader *ret_reader,
                 struct source_identity *ret_identity, struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    struct source_identity identity = { 0 };
    if (remote_is_url(path) ? !open_object(remote, path, &reader, &identity, err)
                            : !open_file(path, &reader, &identity, err))
        return false;
    if (identity.bytes == 0)
        return sr_fail(err, SR_ERR_INPUT, "the file is empty");
    const size_t hashed = identity.bytes < HASHED_BYTES ? (size_t)identity.bytes : HASHED_BYTES;
    sr_auto(char) char *buffer = malloc(hashed);
    if (!buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu bytes", hashed);
    if (!hash_at(&reader, 0, hashed, (uint8_t *)buffer, identity.head_sha256, err) ||
        !hash_at(&reader, identity.bytes - hashed, hashed, (uint8_t *)buffer, identity.tail_sha256,
                 err))
        return false;
    *ret_reader = reader;
    reader = (struct sr_reader){ 0 };
    *ret_identity = identity;
    return true;
}

static bool check_object(struct remote *remote, const char *url,
                         const struct source_identity *identity, struct sr_err *err)
{
    const struct blob_place *place;
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (!remote_open(remote, url, BLOB_PLACE_READ, &place, err) ||
        !blob_head(&place->blob, place->key, &info, err))
        return false;
    return (info.bytes == identity->bytes && strcmp(info.etag, identity->etag) == 0) ||
           sr_fail(err, SR_ERR_CONFLICT,
                   "the source has changed while it was read; run again when it is complete");
}

bool source_check(struct remote *remote, const char *path, const struct source_identity *identity,
                  struct sr_err *err)
{
    struct source_identity now = { 0 };
    if (remote_is_url(path))
        return check_object(remote, path, identity, err);
    if (!times_of(path, &now, err))
        return false;
    if (now.bytes != identity->bytes || now.changed_ns != identity->changed_ns)
        return sr_fail(err, SR_ERR_INPUT,
                       "the source was changed while it was read; run again when it is complete");
    return true;
}

bool source_identity_json(const struct source_identity *identity, bool with_time, json_t **ret_json,
                          struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    if (!jx_made(json, err) ||
        !jx_put(json, "bytes", json_integer((json_int_t)identity->bytes), err) ||
        (with_time && !*identity->etag &&
         !jx_put(json, "changed_ns", json_integer(identity->changed_ns), err)) ||
        (with_time && *identity->etag && !jx_put(json, "etag", jx_string(identity->etag), err)) ||
        !jx_put(json, "head_sha256", json_string(identity->head_sha256), err) ||
        !jx_put(json, "tail_sha256", json_string(identity->tail_sha256), err))
        return false;
    *ret_json = sr_take(json);
    return true;
}
