// net/jobs_client.h - calls of a server's Jobs API (/v1): JSON in, JSON out, and a job's events as
// they come.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/jx.h"
#include "net/credentials.h"

struct jobs_client;

struct jobs_client_params {
    const char *url;                  // "http://127.0.0.1:8083", also with a path; copied
    const char *token;                // a bearer key; NULL: none; copied
    bool is_unsigned;                 // calls are never signed
    struct credentials *credentials;  // to sign with, borrowed; NULL: those of
    const char *profile;              // the AWS profile, NULL: as AWS's tools choose; borrowed
    const char *region;               // to sign for; NULL: as credentials_region() says
    const struct sr_clock *clock;     // NULL: the system's
    uint32_t attempts_max;            // of a call; 0: the HTTP client's own
    int64_t pause_us;  // before a broken stream is asked for again: half a second (0), then longer
};

// With a token every call shows it. Without one, calls are signed from the first that the server
// refuses for want of a signature on: a server on this machine needs none, and then keys are not
// even looked for. The address may be a private one: whoever names the server decides that.
// Errors:  INVALID (the URL, a token with a line's end in it), NO_MEMORY.
// Threads: one at a time.
SR_MUST_USE bool jobs_client_new(const struct jobs_client_params *params,
                                 struct jobs_client **ret_client, struct sr_err *err);
void jobs_client_free(struct jobs_client *client);
SR_DEFINE_AUTO(jobs_client, struct jobs_client, jobs_client_free);

struct jobs_client_call {
    const char *method, *path;  // "/v1/jobs"; encoded, also with a query
    const char *body;           // JSON; NULL: none
    size_t body_bytes;
    const char *correlation;  // an id of the caller's; NULL: none
};
// A call that fails on its way is sent again: what is posted carries a key of its own.
// Owns:   *ret_answer is a new reference.
// Errors: what the server's problem document says, with the code of its status (NOT_FOUND,
//         CONFLICT, INVALID, DENIED, BUSY, ...); those of credentials_get() and of http_run().
SR_MUST_USE bool jobs_client_ask(struct jobs_client *client, const struct jobs_client_call *call,
                                 const struct sr_cancel *cancel, json_t **ret_answer,
                                 struct sr_err *err);

// Called on the HTTP client's thread for each event; false ends the watching.
typedef bool (*jobs_client_fn)(void *self, const json_t *job, struct sr_err *err);
enum {
    JOBS_CLIENT_LOST_MAX = 60,       // times in a row that a stream may break without an event,
    JOBS_CLIENT_LOST_FIRST_MAX = 4,  // and before the first of them
};

// A job's documents, from now to its end. A stream that breaks is asked for again, so that it
// outlives a server that starts anew; each begins with the job as it is then.
// Errors: as jobs_client_ask(); those of `fn`.
SR_MUST_USE bool jobs_client_watch(struct jobs_client *client, const char *job, jobs_client_fn fn,
                                   void *self, const struct sr_cancel *cancel, struct sr_err *err);
