// net/http.h - an HTTP client: one thread drives all transfers, callers wait for theirs.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "net/http_header.h"

struct http;

// Where the client may connect to. An address that is not public (net/address.h) is refused,
// whatever name led to it, unless an entry allows it.
struct http_policy {
    bool allow_private;        // any address
    const char *const *allow;  // ends with NULL: "host", "host:port", "10.0.0.0/8"; may be NULL
};

// What clients that share it have done so far, together. Threads: any.
struct http_totals {
    _Atomic uint64_t requests, retries, sent_bytes, received_bytes;
};

struct http_params {
    const struct sr_clock *clock;  // NULL: the system's
    const struct sr_log *log;      // NULL: silent; never sees a query, a header or a body
    struct http_policy policy;     // borrowed for the client's life, like all texts here
    int64_t connect_us;            // name, TCP and TLS together
    int64_t stall_us;              // without a byte in either direction
    int64_t total_us;              // one attempt; 0: no limit
    uint32_t attempts_max;
    int64_t backoff_us;         // first wait; doubles, with full jitter
    int64_t backoff_us_max;     // also the most that Retry-After may ask for
    uint32_t retry_tokens_max;  // the retry budget of the whole client
    uint32_t connections_max;   // to one host
    const char *ca_file;        // NULL: the system's certificates
    const char *proxy_http;     // NULL: none
    const char *proxy_https;
    const char *no_proxy;        // "host,.domain,*"
    struct http_totals *totals;  // counted into as well; NULL: nobody asks
};
// 5 s to connect, 30 s of stall, 5 attempts, 0.1 to 20 s of backoff, 500 tokens, 64 connections.
struct http_params http_params_default(void);

// Owns:    the caller frees the client, after all its calls have returned.
// Threads: any number may call http_run() at once.
SR_MUST_USE bool http_new(const struct http_params *params, struct http **ret_http,
                          struct sr_err *err);
void http_free(struct http *http);
SR_DEFINE_AUTO(http, struct http, http_free);

struct http_response {
    int status;
    struct http_header *headers;
    size_t header_count;
    char *body;  // NUL-terminated; of a 2xx reply only when there is no sink
    size_t body_bytes;
    uint64_t received_bytes;  // of the body, also what went to the sink
    uint32_t attempts;
    char *url;  // that answered, after redirects
};
void http_response_done(struct http_response *response);
SR_DEFINE_AUTO_VALUE(http_response, struct http_response, http_response_done);
const char *http_response_header(const struct http_response *response, const char *name);

// One attempt's own URL and headers, built before it is sent.
struct http_attempt;
SR_MUST_USE bool http_attempt_header(struct http_attempt *attempt, const char *name,
                                     const char *value, struct sr_err *err);
SR_MUST_USE bool http_attempt_url(struct http_attempt *attempt, const char *url,
                                  struct sr_err *err);

// Called on the caller's thread before each attempt: signs, which a retry must do anew.
typedef bool (*http_prepare_fn)(void *self, struct http_attempt *attempt, struct sr_err *err);
// Called on the caller's thread with each whole reply: true when it is what was wanted, else the
// error, whose row in the table of errors decides whether to try again. NULL: by the status.
typedef bool (*http_judge_fn)(void *self, const struct http_response *response, struct sr_err *err);
// Called on the client's thread when the head of a 2xx reply has come and before its body: false
// refuses the body.
typedef bool (*http_accept_fn)(void *self, const struct http_response *head, struct sr_err *err);
// Called on the client's thread with the body of a 2xx reply. A retry begins again with offset 0.
// Must not block.
typedef void (*http_sink_fn)(void *self, uint64_t offset, const void *data, size_t bytes);
// Called on the client's thread for `bytes` of the body from `offset` on, which lie within
// body_bytes. Each attempt begins with offset 0. Must not block.
typedef void (*http_source_fn)(void *self, uint64_t offset, void *buffer, size_t bytes);

struct http_request {
    const char *method;
    const char *url;
    const struct http_header *headers;
    size_t header_count;
    const void *body;  // not sent with GET and HEAD
    size_t body_bytes;
    uint64_t
        reply_bytes_max;  // a longer body of a 2xx reply fails with TOO_LARGE; 0: HTTP_REPLY_BYTES
    http_prepare_fn prepare;  // the functions may be NULL
    http_judge_fn judge;
    http_accept_fn accept;
    http_sink_fn sink;
    http_source_fn source;  // gives the body in the place of `body`
    void *self;             // theirs
    const struct sr_cancel *cancel;
    // Followed for GET and HEAD, never from https to http. Headers go along: give none that are
    // secret.
    uint32_t redirects_max;
    uint32_t attempts_max;  // 0: the client's
};
enum { HTTP_REPLY_BYTES = 16 << 20, HTTP_ERROR_BYTES = 64 << 10, HTTP_HEADERS_MAX = 128 };

// Runs a request to its end, with retries.
// Owns:   *ret_response is set on success only; free its members with http_response_done().
// Errors: NETWORK, TIMEOUT, DENIED (address, certificate, 401, 403), what http_status_code() says,
//         CANCELLED, TOO_LARGE, and whatever the functions raise.
SR_MUST_USE bool http_run(struct http *http, const struct http_request *request,
                          struct http_response *ret_response, struct sr_err *err);

// The error for a status that is not 2xx.
enum sr_err_code http_status_code(int status);
// Fails with "HTTP 503" and its code.
bool http_fail_status(const struct http_response *response, struct sr_err *err);

// What the client has done so far.
struct http_stats {
    uint64_t requests;  // attempts sent
    uint64_t retries;
    uint64_t sent_bytes;  // of bodies
    uint64_t received_bytes;
};
struct http_stats http_stats(struct http *http);
