// net/sfn_client.h - calls of the Step Functions API: JSON in, JSON out, signed; to splitreel's
// service or to AWS.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/jx.h"
#include "net/credentials.h"

struct sfn_client;

struct sfn_client_params {
    const char *url;                  // "http://127.0.0.1:8083"; copied
    struct credentials *credentials;  // borrowed; NULL: requests are not signed
    const char *region;               // NULL: as credentials_region() says
    const struct sr_clock *clock;     // NULL: the system's
    uint32_t attempts_max;            // 0: the HTTP client's own
};

// The address may be a private one: whoever names the server decides that.
// Errors:  INVALID (the URL), those of credentials_region(), NO_MEMORY.
// Threads: any number may call at once.
SR_MUST_USE bool sfn_client_new(const struct sfn_client_params *params,
                                struct sfn_client **ret_client, struct sr_err *err);
void sfn_client_free(struct sfn_client *client);
SR_DEFINE_AUTO(sfn_client, struct sfn_client, sfn_client_free);

enum { SFN_CLIENT_POLL_S = 65 };  // longer than a poll for a task is held open

// `op`: "StartExecution". What may be sent twice without harm is sent again when it fails on the
// way: so name executions.
// Owns:   *ret_answer is a new reference.
// Errors: "ERROR-TYPE: message" as the server says, with the code that its table gives (NOT_FOUND, CONFLICT,
//         INVALID, DENIED, BUSY, LIMIT, TOO_LARGE, TIMEOUT), those of credentials_get() and of
//         http_run().
SR_MUST_USE bool sfn_client_call(struct sfn_client *client, const char *op, const json_t *request,
                                 const struct sr_cancel *cancel, json_t **ret_answer,
                                 struct sr_err *err);
// Whether an answer has told that the server is ours: it keeps what it would have answered to a
// poll that was broken off, where others count it as given.
bool sfn_client_takes_back(const struct sfn_client *client);
// All pages of a list: `items` is the array's key ("executions"); *ret_answer has all of it and no
// token. `count_max`: no more than these; 0: all.
SR_MUST_USE bool sfn_client_pages(struct sfn_client *client, const char *op, const json_t *request,
                                  const char *items, size_t count_max,
                                  const struct sr_cancel *cancel, json_t **ret_answer,
                                  struct sr_err *err);
