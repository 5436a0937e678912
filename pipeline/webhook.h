// pipeline/webhook.h - one event told to one URL: a signed POST, repeated until it is taken.
//
// Spec: Standard Webhooks 1.0.0: the headers webhook-id (the same in every attempt: the receiver
// knows an event again), webhook-timestamp (the attempt's) and webhook-signature, which is
// "v1," and the base64 of HMAC-SHA256(secret, ID.TIMESTAMP.BODY).
#pragma once

#include "base/cancel.h"
#include "base/clock.h"
#include "net/http.h"

struct webhook {
    const char *url;     // http or https
    const char *secret;  // "whsec_" and base64, or the bytes themselves; NULL: not signed
    const char *id;      // of the event
    const char *body;    // JSON
    // Headers X-Correlation-Id and traceparent; NULL or "": not sent.
    const char *correlation, *traceparent;
    uint32_t attempts_max;  // 0: the client's
};

// Owns:    borrows everything for the call.
// Errors:  INVALID (the secret's base64), and as http_run(): what a receiver answers beyond 2xx is
//          tried again or not by the table of errors. The message shows the URL without its query.
// Threads: any.
SR_MUST_USE bool webhook_send(struct http *http, const struct webhook *webhook,
                              const struct sr_clock *clock, const struct sr_cancel *cancel,
                              struct sr_err *err);

// Of one attempt; the caller frees it. Errors: INVALID (the secret's base64, an empty secret),
// NO_MEMORY.
char *webhook_signature(const char *secret, const char *id, int64_t time_s, const char *body,
                        struct sr_err *err);
