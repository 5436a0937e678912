// pipeline/notify.h - tells what became of a job to those whom its manifest names.
// docs/manifest.md shows the message.
#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/manifest.h"
#include "pipeline/remote.h"

// Before hours of work: every secret that a notification names is there.
// Errors: INVALID "$.notifications[0].secret_env: ...".
SR_MUST_USE bool notify_check(const struct manifest *manifest, struct sr_err *err);

struct notify_params {
    const struct manifest *manifest;
    struct remote *remote;  // the addresses that may be told are those of http(s) inputs
    const struct sr_clock *clock;
    const struct sr_cancel *cancel;  // NULL: never
    const struct sr_log *log;        // NULL: silent; has a line for each that could not be told
    const char *job, *correlation, *traceparent;  // NULL or "": not told
    uint32_t attempts_max;                        // at one receiver; 0: the client's
};

// How the job ended. It is one event, whoever hears of it, and however often: with one id and one
// time.
struct notify_outcome {
    enum manifest_event event;
    const char *verdict, *report_path;  // NULL: there is none
    const struct sr_err *err;           // NULL, when it SUCCEEDED
    const char *id, *time;              // time: RFC 3339
};

// Tells notification `index` of the manifest.
// Errors:  as webhook_send(); INVALID: its secret is not in the environment.
// Threads: any.
SR_MUST_USE bool notify_one(const struct notify_params *params,
                            const struct notify_outcome *outcome, size_t index, struct sr_err *err);
// All who want to know, of an event that is made here: `id` and `time` are not read. Being deaf is
// the receiver's fault, not the job's: it gives the number of those who could not be told.
// Threads: any.
size_t notify_all(const struct notify_params *params, const struct notify_outcome *outcome);
