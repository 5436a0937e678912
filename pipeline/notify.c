#include "pipeline/notify.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/str.h"
#include "pipeline/webhook.h"

static const char *const types[MANIFEST_EVENT_COUNT] = { "job.succeeded", "job.failed",
                                                         "job.cancelled" };

bool notify_check(const struct manifest *manifest, struct sr_err *err)
{
    for (size_t i = 0; i < manifest->notification_count; i++) {
        const char *const name = manifest->notifications[i].secret_env;
        const char *const secret = name ? getenv(name) : NULL;
        if (name && (!secret || !*secret))
            return sr_fail(err, SR_ERR_INVALID,
                           "$.notifications[%zu].secret_env: %s is not in the environment", i,
                           name);
    }
    return true;
}

static bool add_text(json_t *object, const char *key, const char *text, struct sr_err *err)
{
    return !text || !*text || jx_put(object, key, jx_string(text), err);
}

static bool add_error(json_t *data, const struct sr_err *why, struct sr_err *err)
{
    if (!why)
        return true;
    json_t *const error = json_object();
    return jx_put(data, "error", error, err) &&
           jx_put(error, "code", jx_string(sr_err_row(why->code)->name), err) &&
           jx_put(error, "message", jx_string(why->message), err);
}

static bool make_body(const struct notify_params *params, const struct notify_outcome *outcome,
                      char **ret_body, struct sr_err *err)
{
    const struct manifest *const manifest = params->manifest;
    sr_auto(json) json_t *event = json_object();
    json_t *const data = json_object();
    if (!jx_made(event, err)) {
        json_decref(data);
        return false;
    }
    return jx_put(event, "data", data, err) &&
           jx_put(event, "type", json_string(types[outcome->event]), err) &&
           jx_put(event, "timestamp", jx_string(outcome->time), err) &&
           add_text(data, "job", params->job, err) &&
           add_text(data, "correlation", params->correlation, err) &&
           add_text(data, "input", manifest->input_shown, err) &&
           add_text(data, "output", manifest->output, err) &&
           (!manifest->metadata ||
            jx_put(data, "metadata", json_deep_copy(manifest->metadata), err)) &&
           add_text(data, "verdict", outcome->verdict, err) &&
           add_text(data, "report", outcome->report_path, err) &&
           add_error(data, outcome->err, err) && jx_dump(event, false, ret_body, err);
}

static bool tell(const struct notify_params *params, const struct manifest_notification *whom,
                 const struct notify_outcome *outcome, const char *body, struct sr_err *err)
{
    struct http *http;
    const struct webhook webhook = {
        .url = whom->url,
        .secret = whom->secret_env ? getenv(whom->secret_env) : NULL,
        .id = outcome->id,
        .body = body,
        .correlation = params->correlation,
        .traceparent = params->traceparent,
        .attempts_max = params->attempts_max,
    };
    if (whom->secret_env && !webhook.secret)
        return sr_fail(err, SR_ERR_INVALID, "%s is not in the environment", whom->secret_env);
    return remote_http(params->remote, &http, err) &&
           webhook_send(http, &webhook, params->clock, params->cancel, err);
}

bool notify_one(const struct notify_params *params, const struct notify_outcome *outcome,
                size_t index, struct sr_err *err)
{
    const struct manifest *const manifest = params->manifest;
    sr_auto(char) char *body = NULL;
    if (index >= manifest->notification_count)
        return sr_fail(err, SR_ERR_INVALID, "there is no notification %zu", index);
    if (make_body(params, outcome, &body, err) &&
        tell(params, &manifest->notifications[index], outcome, body, err))
        return true;
    sr_warn(params->log, "not told how the job ended", SR_I64("notification", index), SR_ERR(err));
    return false;
}

size_t notify_all(const struct notify_params *params, const struct notify_outcome *outcome)
{
    const struct manifest *const manifest = params->manifest;
    size_t untold = 0;
    char id[SR_ID_TEXT], time[25];
    struct sr_err err = { 0 };
    struct notify_outcome event = *outcome;
    sr_clock_format(sr_clock_wall_us(params->clock), time);
    event.id = id;
    event.time = time;
    const bool has_id = sr_id_new(params->clock, id, &err);
    if (!has_id)
        sr_warn(params->log, "nobody could be told how the job ended", SR_ERR(&err));
    for (size_t i = 0; i < manifest->notification_count; i++)
        untold += manifest->notifications[i].wants[outcome->event] &&
                  (!has_id || !notify_one(params, &event, i, &err));
    return untold;
}
