#include "storage/blob_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "net/url.h"

static const char *const root_keys[] = { "version", "stores", "allow", "allow_private", NULL };
static const char *const store_keys[] = { "bucket",     "profile", "endpoint_url", "region", "sign",
                                          "addressing", "payload", "checksum",     NULL };

void blob_config_done(struct blob_config *config)
{
    free(config->store);
    free(config->allow);
    json_decref(config->document);
    *config = (struct blob_config){ 0 };
}

// A text that is not empty, when it is there.
static bool read_text(const struct jx *at, const char *key, const char **ret, struct sr_err *err)
{
    const char *text = NULL;
    if (!jx_text_opt(at, key, &text, err))
        return false;
    if (text && (!*text || strlen(text) > BLOB_CONFIG_TEXT_MAX)) {
        const struct jx place = jx_get(at, key);
        return jx_fail(&place, err, "want 1 to %d bytes", BLOB_CONFIG_TEXT_MAX);
    }
    if (text)
        *ret = text;
    return true;
}

static bool read_endpoint(const struct jx *at, const char **ret, struct sr_err *err)
{
    sr_auto(url) struct url url = { 0 };
    const struct jx place = jx_get(at, "endpoint_url");
    if (!read_text(at, "endpoint_url", ret, err))
        return false;
    if (!*ret)
        return true;
    struct sr_err why = { 0 };
    if (!url_parse(*ret, &url, &why))
        return jx_fail(&place, err, "%s", why.message);
    return strcmp(url.scheme, "http") == 0 || strcmp(url.scheme, "https") == 0 ||
           jx_fail(&place, err, "want an http or https URL");
}

static bool fail_word(const struct jx *at, const char *key, const char *want, const char *got,
                      struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    return jx_fail(&place, err, "want %s, got \"%.40s\"", want, got);
}

// How requests are made.
static bool read_ways(const struct jx *at, struct blob_store_config *store, struct sr_err *err)
{
    const char *addressing = "auto", *payload = "auto", *checksum = "md5";
    if (!read_text(at, "addressing", &addressing, err) ||
        !read_text(at, "payload", &payload, err) || !read_text(at, "checksum", &checksum, err))
        return false;
    if (!blob_s3_style_named(addressing, &store->style))
        return fail_word(at, "addressing", "auto, path or virtual", addressing, err);
    if (!blob_s3_payload_named(payload, &store->payload))
        return fail_word(at, "payload", "auto, signed, unsigned or chunked", payload, err);
    return blob_s3_checksum_named(checksum, &store->checksum) ||
           fail_word(at, "checksum", "md5, crc32, crc32c, crc64nvme or sha256", checksum, err);
}

static bool read_store(const struct jx *at, const char *name, struct blob_store_config *store,
                       struct sr_err *err)
{
    const bool is_every = strcmp(name, "*") == 0;
    bool sign = true;
    if (!json_is_object(at->value))
        return jx_fail(at, err, "want an object");
    if (!jx_only(at, store_keys, err) || !read_text(at, "bucket", &store->bucket, err) ||
        !read_text(at, "profile", &store->profile, err) ||
        !read_text(at, "region", &store->region, err) ||
        !read_endpoint(at, &store->endpoint, err) || !read_ways(at, store, err) ||
        !jx_bool_opt(at, "sign", &sign, err))
        return false;
    if (is_every && store->bucket)
        return jx_fail(at, err, "\"*\" means every bucket and names none");
    if (!is_every && (!*name || strchr(name, '/')))
        return jx_fail(at, err, "\"%.40s\" cannot stand behind s3://", name);
    store->name = is_every ? NULL : name;
    if (!is_every && !store->bucket)
        store->bucket = name;
    store->no_sign = !sign;
    return true;
}

static bool read_stores(const struct jx *root, struct blob_config *config, struct sr_err *err)
{
    struct jx stores;
    if (!jx_has(root, "stores"))
        return true;
    if (!jx_object(root, "stores", &stores, err))
        return false;
    const size_t count = json_object_size(stores.value);
    if (count > BLOB_CONFIG_STORES_MAX)
        return jx_fail(&stores, err, "want at most %d stores", BLOB_CONFIG_STORES_MAX);
    config->store = calloc(count + 1, sizeof(config->store[0]));
    if (!config->store)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu stores", count);
    const char *name;
    json_t *value;
    // jansson's iterators want it mutable and do not change it
    json_object_foreach((json_t *)stores.value, name, value)
    {
        const struct jx place = jx_get(&stores, name);
        if (!read_store(&place, name, &config->store[config->store_count], err))
            return false;
        config->store_count++;
    }
    return true;
}

static bool read_allow(const struct jx *root, struct blob_config *config, struct sr_err *err)
{
    struct jx allow;
    if (!jx_bool_opt(root, "allow_private", &config->allow_private, err))
        return false;
    if (!jx_has(root, "allow"))
        return true;
    if (!jx_array(root, "allow", &allow, err))
        return false;
    const size_t count = json_array_size(allow.value);
    if (count > BLOB_CONFIG_ALLOW_MAX)
        return jx_fail(&allow, err, "want at most %d places", BLOB_CONFIG_ALLOW_MAX);
    config->allow = calloc(count + 1, sizeof(config->allow[0]));
    if (!config->allow)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu places", count);
    for (size_t i = 0; i < count; i++) {
        const struct jx place = jx_at(&allow, i);
        config->allow[i] = json_string_value(place.value);
        if (!config->allow[i] || !*config->allow[i])
            return jx_fail(&place, err, "want \"host\", \"host:port\" or \"10.0.0.0/8\"");
    }
    return true;
}

bool blob_config_read(const struct jx *at, struct blob_config *ret, struct sr_err *err)
{
    // jansson counts references in the value itself; the texts live as long as we hold it
    sr_auto(blob_config) struct blob_config config = { .document =
                                                           json_incref((json_t *)at->value) };
    if (!json_is_object(at->value))
        return jx_fail(at, err, "want an object");
    if (!jx_only(at, root_keys, err) || !read_stores(at, &config, err) ||
        !read_allow(at, &config, err))
        return false;
    *ret = config;
    config = (struct blob_config){ 0 };
    return true;
}

static bool load(const char *path, struct blob_config *ret, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *document = NULL;
    size_t bytes;
    int64_t version;
    if (!sr_file_load(path, BLOB_CONFIG_BYTES_MAX, &text, &bytes, err))
        return false;
    if (!jx_parse(text, bytes, true, &document, err))
        return false;
    const struct jx root = jx_root(document);
    if (!json_is_object(document))
        return jx_fail(&root, err, "want an object");
    return jx_int(&root, "version", 1, 1, &version, err) && blob_config_read(&root, ret, err);
}

bool blob_config_load(const char *path, struct blob_config *ret, struct sr_err *err)
{
    return load(path, ret, err) || sr_err_wrap(err, "stores file %.100s", path);
}
