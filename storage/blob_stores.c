#include "storage/blob_stores.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/str.h"
#include "base/thread.h"
#include "net/credentials.h"
#include "net/url.h"
#include "storage/blob_dir.h"
#include "storage/blob_http.h"

struct bucket {
    char *name;
    struct credentials *credentials;
    struct blob blob;
    struct bucket *next;
};

struct blob_stores {
    struct blob_stores_params params;
    struct http *http;          // for stores: their endpoints are the operator's own words
    struct http *http_outside;  // for http(s) inputs, which may be anybody's
    struct sr_mutex lock;
    struct bucket *buckets;  // under `lock`
};

static const char *env(const struct blob_stores *stores, const char *name)
{
    const struct blob_stores_params *params = &stores->params;
    const char *value = params->env ? params->env(params->env_self, name) : getenv(name);
    return value && *value ? value : NULL;
}

static const char *env_either(const struct blob_stores *stores, const char *one, const char *other)
{
    const char *value = env(stores, one);
    return value ? value : env(stores, other);
}

static bool open_clients(struct blob_stores *stores, struct sr_err *err)
{
    struct http_params params = stores->params.http ? *stores->params.http : http_params_default();
    params.clock = stores->params.clock;
    params.log = stores->params.log;
    params.ca_file = env(stores, "AWS_CA_BUNDLE");
    params.proxy_https = env_either(stores, "https_proxy", "HTTPS_PROXY");
    params.proxy_http = env(stores, "http_proxy");  // not HTTP_PROXY: a CGI's caller could set it
    params.no_proxy = env_either(stores, "no_proxy", "NO_PROXY");
    params.policy.allow_private = true;
    if (!http_new(&params, &stores->http, err))
        return false;
    params.policy = (struct http_policy){ .allow_private = stores->params.allow_private,
                                          .allow = stores->params.allow };
    return http_new(&params, &stores->http_outside, err);
}

bool blob_stores_new(const struct blob_stores_params *params, struct blob_stores **ret,
                     struct sr_err *err)
{
    struct blob_stores *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return sr_fail(err, SR_ERR_NO_MEMORY, "stores");
    fresh->params = *params;
    if (!sr_mutex_init(&fresh->lock, err)) {
        free(fresh);
        return false;
    }
    sr_auto(blob_stores) struct blob_stores *stores = fresh;
    if (!params->open && !open_clients(stores, err))
        return false;
    *ret = sr_take(stores);
    return true;
}

static void free_bucket(struct bucket *bucket)
{
    blob_close(&bucket->blob);
    credentials_free(bucket->credentials);
    free(bucket->name);
    free(bucket);
}

void blob_stores_free(struct blob_stores *stores)
{
    if (!stores)
        return;
    while (stores->buckets) {
        struct bucket *bucket = stores->buckets;
        stores->buckets = bucket->next;
        free_bucket(bucket);
    }
    http_free(stores->http);
    http_free(stores->http_outside);
    sr_mutex_done(&stores->lock);
    free(stores);
}

struct http *blob_stores_http(struct blob_stores *stores)
{
    return stores->http_outside;
}

struct http_stats blob_stores_stats(struct blob_stores *stores)
{
    if (!stores->http)
        return (struct http_stats){ 0 };
    const struct http_stats one = http_stats(stores->http), two = http_stats(stores->http_outside);
    return (struct http_stats){
        .requests = one.requests + two.requests,
        .retries = one.retries + two.retries,
        .sent_bytes = one.sent_bytes + two.sent_bytes,
        .received_bytes = one.received_bytes + two.received_bytes,
    };
}

void blob_place_done(struct blob_place *place)
{
    if (place->own)
        blob_close(&place->blob);
    free(place->key);
    *place = (struct blob_place){ 0 };
}

// Buckets ----------------------------------------------------------------------------------------

// With the bucket's own name in `bucket`.
static struct blob_store_config config_of(const struct blob_stores *stores, const char *name)
{
    struct blob_store_config config = { 0 };
    for (size_t i = 0; i < stores->params.store_count; i++) {
        const struct blob_store_config *store = &stores->params.store[i];
        const char *const known = store->name ? store->name : store->bucket;
        if (known && strcmp(known, name) == 0) {
            config = *store;
            break;
        }
        if (!known)
            config = *store;
    }
    if (!config.bucket)
        config.bucket = name;
    return config;
}

static bool open_bucket(struct blob_stores *stores, struct bucket *bucket, struct sr_err *err)
{
    const struct blob_store_config config = config_of(stores, bucket->name);
    const struct credentials_params params = {
        .profile = config.profile,
        .env = stores->params.env,
        .env_self = stores->params.env_self,
        .clock = stores->params.clock,
        .log = stores->params.log,
    };
    char region[65];
    sr_auto(char) char *of_profile = NULL;
    if (!credentials_new(&params, &bucket->credentials, err) ||
        !credentials_region(bucket->credentials, region, err) ||
        !credentials_setting(bucket->credentials, "endpoint_url", &of_profile, err))
        return false;
    const char *endpoint = config.endpoint;
    if (!endpoint)
        endpoint = env_either(stores, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
    if (!endpoint)
        endpoint = of_profile;
    const struct blob_s3_params s3 = {
        .bucket = config.bucket,
        .region = config.region ? config.region : region,
        .endpoint = endpoint,
        .style = config.style,
        .payload = config.payload,
        .checksum = config.checksum,
        .http = stores->http,
        .credentials = config.no_sign ? NULL : bucket->credentials,
        .clock = stores->params.clock,
        .log = stores->params.log,
        .cancel = stores->params.cancel,
    };
    return blob_s3_open(&s3, &bucket->blob, err);
}

static struct bucket *find_bucket(struct blob_stores *stores, const char *name)
{
    for (struct bucket *bucket = stores->buckets; bucket; bucket = bucket->next) {
        if (strcmp(bucket->name, name) == 0)
            return bucket;
    }
    return NULL;
}

// Opened once; so its connections, keys and region are shared.
static bool take_bucket(struct blob_stores *stores, const char *name, struct blob *ret_blob,
                        struct sr_err *err)
{
    sr_lock(&stores->lock);
    struct bucket *bucket = find_bucket(stores, name);
    bool done = bucket != NULL;
    if (!done && (bucket = calloc(1, sizeof(*bucket)))) {
        bucket->name = sr_str_dup(name, err);
        done = bucket->name && open_bucket(stores, bucket, err);
        if (done) {
            bucket->next = stores->buckets;
            stores->buckets = bucket;
        } else {
            free_bucket(bucket);
        }
    } else if (!done) {
        (void)sr_fail(err, SR_ERR_NO_MEMORY, "bucket");
    }
    if (done)
        *ret_blob = bucket->blob;
    sr_unlock(&stores->lock);
    return done || sr_err_wrap(err, "bucket %s", name);
}

// Spec: none; s3://bucket/key is a convention: what follows the bucket is the key, byte by byte
static bool open_s3(struct blob_stores *stores, const char *rest, enum blob_place_use use,
                    struct blob_place *place, struct sr_err *err)
{
    const size_t name_bytes = strcspn(rest, "/");
    sr_auto(char) char *name = sr_strf(err, "%.*s", (int)name_bytes, rest);
    if (!name)
        return false;
    const char *key = rest + name_bytes + (rest[name_bytes] == '/');
    if (use != BLOB_PLACE_LIST && !*key)
        return sr_fail(err, SR_ERR_INVALID, "s3://%s names no object", name);
    place->key = sr_str_dup(key, err);
    return place->key && take_bucket(stores, name, &place->blob, err);
}

// Folders and http -------------------------------------------------------------------------------

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool open_path(const char *path, enum blob_place_use use, struct blob_place *place,
                      struct sr_err *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    place->own = true;
    if (use == BLOB_PLACE_LIST && is_folder(path)) {
        place->key = sr_str_dup("", err);
        return place->key && blob_dir_open(path, &place->blob, err);
    }
    if (use != BLOB_PLACE_LIST && !*name)
        return sr_fail(err, SR_ERR_INVALID, "%s names no file", path);
    sr_auto(char) char *folder =
        slash ? sr_strf(err, "%.*s", slash == path ? 1 : (int)(slash - path), path)
              : sr_str_dup(".", err);
    place->key = sr_str_dup(name, err);
    if (!folder || !place->key || (use == BLOB_PLACE_WRITE && !sr_make_folders(folder, err)))
        return false;
    return blob_dir_open(folder, &place->blob, err);
}

static bool open_http(struct blob_stores *stores, const char *url, enum blob_place_use use,
                      struct blob_place *place, struct sr_err *err)
{
    if (use != BLOB_PLACE_READ)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "http and https can only be read");
    const struct blob_http_params params = { .base = url,
                                             .http = stores->http_outside,
                                             .cancel = stores->params.cancel };
    place->own = true;
    place->key = sr_str_dup(BLOB_HTTP_WHOLE, err);
    return place->key && blob_http_open(&params, &place->blob, err);
}

static bool has_scheme(const char *url, const char *scheme)
{
    const size_t bytes = strlen(scheme);
    return strncasecmp(url, scheme, bytes) == 0 && strncmp(url + bytes, "://", 3) == 0;
}

bool blob_stores_open(struct blob_stores *stores, const char *url, enum blob_place_use use,
                      struct blob_place *ret_place, struct sr_err *err)
{
    sr_auto(blob_place) struct blob_place place = { 0 };
    bool done;
    const char *colon = strstr(url, "://");
    const bool is_far =
        has_scheme(url, "s3") || has_scheme(url, "http") || has_scheme(url, "https");
    if (is_far && stores->params.open) {
        done = stores->params.open(stores->params.open_self, url, use, &place, err);
    } else if (has_scheme(url, "s3")) {
        done = open_s3(stores, url + 5, use, &place, err);
    } else if (is_far) {
        done = open_http(stores, url, use, &place, err);
    } else if (has_scheme(url, "file")) {
        sr_auto(sr_str) struct sr_str path = { 0 };
        done = url_decode(url + 7, strlen(url + 7), false, &path, err) &&
               (*sr_str_text(&path) == '/' ||
                sr_fail(err, SR_ERR_INVALID, "file URLs have three slashes")) &&
               open_path(sr_str_text(&path), use, &place, err);
    } else if (colon && strcspn(url, "/") > (size_t)(colon - url)) {
        done = sr_fail(err, SR_ERR_UNSUPPORTED, "no store for %.*s://", (int)(colon - url), url);
    } else {
        done = open_path(url, use, &place, err);
    }
    if (!done) {
        if (!place.blob.ops)
            place.own = false;
        return false;
    }
    *ret_place = place;
    place = (struct blob_place){ 0 };
    return true;
}
