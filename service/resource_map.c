// Items and results of distributed maps, in the places that the configuration allows: folders of
// this machine, and object stores.
// Spec: Step Functions "ItemReader", "ResultWriter" and their error names.
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "service/map_places.h"
#include "service/resource_priv.h"
#include "statemachine/engine_items.h"
#include "statemachine/engine_results.h"
#include "storage/blob_dir.h"

static const char *const no_places[] = { NULL };

bool resource_map_init(struct resources *resources, struct sr_err *err)
{
    struct resources_params *const params = &resources->params;
    if (!params->map_places)
        params->map_places = no_places;
    if (params->stores)
        resources->map.stores = *params->stores;
    // A flow has no Retry for a store that is away for a while.
    resources->map.http = http_params_default();
    resources->map.http.attempts_max = RESOURCES_STORE_ATTEMPTS;
    resources->map.stores.http = &resources->map.http;
    resources->map.stores.clock = params->clock;
    sr_cancel_init(&resources->map.cancel, NULL, params->clock, INT64_MAX);
    const struct remote_params remote = { .stores = &resources->map.stores,
                                          .cancel = &resources->map.cancel,
                                          .log = params->log };
    return sr_budget_new(RESOURCES_ITEMS_BYTES, &resources->map.bytes, err) &&
           remote_new(&remote, &resources->map.remote, err);
}

void resource_map_done(struct resources *resources)
{
    remote_free(resources->map.remote);
    sr_budget_free(resources->map.bytes);
}

// Places -----------------------------------------------------------------------------------------

static bool is_writer(const struct resource_job *job)
{
    return job->run == resource_results_run;
}

bool resource_map_is_ours(const struct resource_job *job)
{
    struct sr_err err = { 0 };
    const char *bucket, *key;
    if (!engine_results_parameter(job->payload, "Bucket", &bucket, &err) ||
        !engine_results_parameter(job->payload, is_writer(job) ? "Prefix" : "Key", &key, &err))
        return true;  // and so said by us
    return *bucket == '/' || map_places_has_object(job->resources->params.map_places, bucket, key);
}

// The store that a Bucket is, when the object may be there.
static bool open_bucket(const struct resource_job *job, const char *bucket, const char *key,
                        struct blob_place *ret_place, struct sr_err *err)
{
    const char *const *const places = job->resources->params.map_places;
    const struct blob_place *opened;
    if (*bucket == '/') {
        struct blob_place place = { .own = true };
        if (!map_places_check_file(places, bucket, key, err) ||
            !blob_dir_open(bucket, &place.blob, err))
            return false;
        *ret_place = place;
        return true;
    }
    if (!map_places_has_object(places, bucket, key))
        return sr_fail(err, SR_ERR_DENIED, "s3://%s/%s is in no workspace of jobs", bucket, key);
    sr_auto(char) char *url = sr_strf(err, "s3://%s/", bucket);
    if (!url || !remote_open(job->resources->map.remote, url, BLOB_PLACE_LIST, &opened, err))
        return false;
    *ret_place = (struct blob_place){ .blob = opened->blob };
    return true;
}

// Failures ---------------------------------------------------------------------------------------

static bool fail(const struct resource_job *job, const struct sr_err *why,
                 struct asl_failure *failure)
{
    static const struct {
        enum sr_err_code code;
        int status;
        const char *name;
    } rows[] = {
        { SR_ERR_NOT_FOUND, 404, "NoSuchKey" },    { SR_ERR_DENIED, 403, "AccessDenied" },
        { SR_ERR_BUSY, 503, "SlowDown" },          { SR_ERR_TIMEOUT, 400, "RequestTimeout" },
        { SR_ERR_INTERNAL, 500, "InternalError" },
    };
    const char *const error = is_writer(job) ? ASL_ERROR_RESULT_WRITER : ASL_ERROR_ITEM_READER;
    if (why->code == SR_ERR_NO_MEMORY)
        return resource_no_memory(failure);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].code == why->code)
            return asl_fail_catchable(failure, error,
                                      "%s (Service: Amazon S3; Status Code: %d; Error Code: %s; "
                                      "Request ID: null; Proxy: null)",
                                      why->message, rows[i].status, rows[i].name);
    }
    return asl_fail_catchable(failure, error, "%s", why->message);
}

// Reading ----------------------------------------------------------------------------------------

// The object is the one whose size was paid for: another one is a conflict.
static bool read_items(const struct resource_job *job, const struct blob *blob, const char *key,
                       const struct blob_info *info, char **ret_result, struct sr_err *err)
{
    const size_t size = (size_t)info->bytes;
    const char *const etag = *info->etag ? info->etag : NULL;
    sr_auto(char) char *text = malloc(size + 1);
    sr_auto(json) json_t *items = NULL;
    size_t bytes;
    if (!text)
        return sr_fail(err, SR_ERR_NO_MEMORY, "items of %zu bytes", size);
    return blob_get_bytes(blob, key, etag, 0, text, size, &bytes, err) &&
           engine_items_parse(text, bytes, json_object_get(job->payload, "ReaderConfig"), &items,
                              err) &&
           jx_dump(items, false, ret_result, err);
}

static bool get(const struct resource_job *job, char **ret_result, struct sr_err *err)
{
    const char *bucket, *key;
    sr_auto(blob_place) struct blob_place place = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    struct sr_budget *const budget = job->resources->map.bytes;
    if (!engine_results_parameter(job->payload, "Bucket", &bucket, err) ||
        !engine_results_parameter(job->payload, "Key", &key, err) ||
        !open_bucket(job, bucket, key, &place, err) || !blob_head(&place.blob, key, &info, err))
        return false;
    if (info.bytes > RESOURCES_ITEMS_BYTES)
        return sr_fail(err, SR_ERR_TOO_LARGE, "%s has more than %d bytes", key,
                       RESOURCES_ITEMS_BYTES);
    if (!sr_budget_take(budget, info.bytes, &job->cancel, err))
        return false;
    const bool done = read_items(job, &place.blob, key, &info, ret_result, err);
    sr_budget_give(budget, info.bytes);
    return done;
}

bool resource_items_run(struct resource_job *job, char **ret_result, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    return get(job, ret_result, &err) || fail(job, &err, failure);
}

// Writing ----------------------------------------------------------------------------------------

// In a store it is marked as ours, so that an upload event of it starts nothing; a folder's files
// may have no room for marks.
static bool store(const struct blob_place *place, const char *key, const char *text,
                  struct sr_err *err)
{
    char etag[BLOB_ETAG_BYTES];
    struct remote_mark mark;
    const struct blob_put put = { .key = key,
                                  .data = text,
                                  .bytes = strlen(text),
                                  .attrs = { .content_type = "application/json",
                                             .meta =
                                                 place->own ? NULL : remote_mark(NULL, &mark) } };
    return blob_put(&place->blob, &put, etag, err);
}

static bool put(const struct resource_job *job, char **ret_result, struct sr_err *err)
{
    const char *bucket;
    sr_auto(engine_results) struct engine_results made = { 0 };
    sr_auto(blob_place) struct blob_place place = { 0 };
    if (!engine_results_make(job->payload, job->ref, &made, err) ||
        !engine_results_parameter(job->payload, "Bucket", &bucket, err) ||
        !open_bucket(job, bucket, made.results_key, &place, err) ||
        !store(&place, made.results_key, made.results, err) ||
        !store(&place, made.manifest_key, made.manifest, err))
        return false;
    *ret_result = sr_take(made.result);
    return true;
}

bool resource_results_run(struct resource_job *job, char **ret_result, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    return put(job, ret_result, &err) || fail(job, &err, failure);
}
