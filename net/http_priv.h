// net/http_priv.h - what the files of net/http share.
#pragma once

#include <curl/curl.h>
#include <stdatomic.h>

#include "base/str.h"
#include "base/thread.h"
#include "net/http.h"
#include "net/url.h"

enum { HTTP_SOCKETS_MAX = 256 };  // more are used, but not found by http_attempt_socket()

enum http_call_state { HTTP_CALL_NEW, HTTP_CALL_RUNNING, HTTP_CALL_DONE };

// One attempt. Made by a caller's thread, lent to the client's thread while RUNNING, the caller's
// again when DONE.
struct http_attempt {
    struct http *http;
    const struct http_request *request;
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    struct url parts;
    bool via_proxy;
    size_t sent;         // bytes of the request's body given to curl
    struct sr_str head;  // header lines of the reply, each with its NUL
    struct sr_str body;
    struct http_response reply;
    bool accepted;
    bool address_refused;
    struct sr_err failure;  // raised inside a callback
    CURLcode result;
    int64_t progress_us;  // monotonic time of the last byte
    int unsent;           // bytes in the socket when we last looked; 0: none or not looked
    int64_t deadline_us;  // of the attempt; INT64_MAX: none
    atomic_bool cancelled;
    struct sr_cond done;
    enum http_call_state state;  // under the client's lock
    struct http_attempt *next;   // in the client's list
};

struct http {
    struct http_params params;  // set before the thread starts, then only read
    CURLM *multi;  // curl_multi_wakeup() from any thread, all else from the client's thread
    struct sr_thread *thread;
    struct sr_mutex lock;
    struct {
        struct http_attempt *added;  // handed over, not yet begun
        bool stop;
        uint32_t tokens;
        uint64_t random;
        struct http_stats stats;
    } synced;  // under `lock`
    // The client's thread only:
    struct http_attempt *active;
    int sockets[HTTP_SOCKETS_MAX];  // that are open
    size_t socket_count;
};

// http_attempt.c: sets a transfer up and receives it.
SR_MUST_USE bool http_attempt_new(struct http *http, const struct http_request *request,
                                  const char *url, struct http_attempt **ret_attempt,
                                  struct sr_err *err);
void http_attempt_free(struct http_attempt *attempt);
SR_DEFINE_AUTO(http_attempt, struct http_attempt, http_attempt_free);
SR_MUST_USE bool http_attempt_setup(struct http_attempt *attempt, struct sr_err *err);
// The socket of an attempt under way, -1: none yet. On the client's thread. It is found by its
// local port, as CURLINFO_ACTIVESOCKET knows a transfer's socket only when the transfer is over.
int http_attempt_socket(const struct http_attempt *attempt);
// After it is done: makes the reply, or the error, of curl's result.
SR_MUST_USE bool http_attempt_result(struct http_attempt *attempt, struct sr_err *err);

// http.c: adds to what the client has done, and to the totals that it shares.
void http_count_locked(struct http *http, struct http_stats more) SR_REQUIRES(http->lock);
// Runs it on the client's thread and waits.
void http_perform(struct http *http, struct http_attempt *attempt);
int64_t http_now_us(const struct http *http);
uint64_t http_random(struct http *http);
