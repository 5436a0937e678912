#include "statemachine/engine_results.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

bool engine_results_parameter(const json_t *payload, const char *key, const char **ret_text,
                              struct sr_err *err)
{
    const char *const text =
        json_string_value(json_object_get(json_object_get(payload, "Parameters"), key));
    if (!text)
        return sr_fail(err, SR_ERR_INVALID, "the parameter %s is missing", key);
    *ret_text = text;
    return true;
}

void engine_results_done(struct engine_results *results)
{
    free(results->results_key);
    free(results->results);
    free(results->manifest_key);
    free(results->manifest);
    free(results->result);
    *results = (struct engine_results){ 0 };
}

static bool describe(const char *bucket, struct engine_results *made, struct sr_err *err)
{
    sr_auto(json) json_t *manifest =
        json_pack("{s:s, s:{s:[], s:[], s:[{s:s, s:I}]}}", "DestinationBucket", bucket,
                  "ResultFiles", "FAILED", "PENDING", "SUCCEEDED", "Key", made->results_key, "Size",
                  (json_int_t)strlen(made->results));
    sr_auto(json) json_t *result = json_pack("{s:{s:s, s:s}}", "ResultWriterDetails", "Bucket",
                                             bucket, "Key", made->manifest_key);
    return jx_made(manifest, err) && jx_made(result, err) &&
           jx_dump(manifest, false, &made->manifest, err) &&
           jx_dump(result, false, &made->result, err);
}

bool engine_results_make(const json_t *payload, struct engine_ref ref, struct engine_results *ret,
                         struct sr_err *err)
{
    const char *bucket, *prefix;
    sr_auto(engine_results) struct engine_results made = { 0 };
    if (!engine_results_parameter(payload, "Bucket", &bucket, err) ||
        !engine_results_parameter(payload, "Prefix", &prefix, err))
        return false;
    const json_t *const results = json_object_get(payload, "Results");
    if (!results)
        return sr_fail(err, SR_ERR_INVALID, "there are no Results");
    const size_t bytes = strlen(prefix);
    sr_auto(char) char *folder =
        sr_strf(err, "%s%s%lld-%llu", prefix, bytes && prefix[bytes - 1] != '/' ? "/" : "",
                (long long)ref.execution, (unsigned long long)ref.op);
    made.results_key = folder ? sr_strf(err, "%s/SUCCEEDED_0.json", folder) : NULL;
    made.manifest_key = made.results_key ? sr_strf(err, "%s/manifest.json", folder) : NULL;
    if (!made.manifest_key || !jx_dump(results, false, &made.results, err) ||
        !describe(bucket, &made, err))
        return false;
    *ret = made;
    made = (struct engine_results){ 0 };
    return true;
}
