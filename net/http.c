#include "net/http.h"

#include <assert.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>

#include "net/http_priv.h"

enum { POLL_US_MAX = 1000 * 1000, CANCEL_POLL_US = 20 * 1000 };

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void curl_begin(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_params http_params_default(void)
{
    return (struct http_params){
        .connect_us = 5 * 1000000,
        .stall_us = 30 * 1000000,
        .attempts_max = 5,
        .backoff_us = 100 * 1000,
        .backoff_us_max = 20 * 1000000,
        .retry_tokens_max = 500,
        .connections_max = 64,
    };
}

int64_t http_now_us(const struct http *http)
{
    return sr_clock_monotonic_us(http->params.clock);
}

// xorshift: only spreads retries, keeps no secret
uint64_t http_random(struct http *http)
{
    sr_lock(&http->lock);
    uint64_t x = http->synced.random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    http->synced.random = x;
    sr_unlock(&http->lock);
    return x;
}

void http_count_locked(struct http *http, struct http_stats more)
{
    struct http_stats *const stats = &http->synced.stats;
    struct http_totals *const totals = http->params.totals;
    stats->requests += more.requests;
    stats->retries += more.retries;
    stats->sent_bytes += more.sent_bytes;
    stats->received_bytes += more.received_bytes;
    if (!totals)
        return;
    totals->requests += more.requests;
    totals->retries += more.retries;
    totals->sent_bytes += more.sent_bytes;
    totals->received_bytes += more.received_bytes;
}

// The client's thread ----------------------------------------------------------------------------

static void finish(struct http *http, struct http_attempt *attempt, CURLcode result)
{
    const CURLMcode removed = curl_multi_remove_handle(http->multi, attempt->easy);
    assert(removed == CURLM_OK);
    (void)removed;  // only when asserts are off
    for (struct http_attempt **at = &http->active; *at; at = &(*at)->next) {
        if (*at == attempt) {
            *at = attempt->next;
            break;
        }
    }
    attempt->result = result;
    sr_lock(&http->lock);
    http_count_locked(http, (struct http_stats){ .sent_bytes = attempt->sent,
                                                 .received_bytes = attempt->reply.received_bytes });
    attempt->state = HTTP_CALL_DONE;
    sr_cond_signal(&attempt->done);  // under the lock: the waiter may free it as soon as we let go
    sr_unlock(&http->lock);
}

// False when the client is to end.
static bool take_added(struct http *http)
{
    sr_lock(&http->lock);
    struct http_attempt *added = http->synced.added;
    http->synced.added = NULL;
    const bool stop = http->synced.stop;
    sr_unlock(&http->lock);
    while (added) {
        struct http_attempt *attempt = added;
        added = added->next;
        attempt->next = http->active;
        http->active = attempt;
        attempt->progress_us = http_now_us(http);
        const CURLMcode code = curl_multi_add_handle(http->multi, attempt->easy);
        assert(code == CURLM_OK || code == CURLM_OUT_OF_MEMORY);
        if (code != CURLM_OK)
            finish(http, attempt, CURLE_OUT_OF_MEMORY);
    }
    return !stop || http->active;
}

static void finish_done(struct http *http)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        const CURLcode result = message->data.result;  // the message dies with the handle's removal
        char *self = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
        finish(http, (struct http_attempt *)(void *)self, result);
    }
}

// What curl has handed over may take long to leave the socket on a slow line: that moves, too.
static bool socket_drains(struct http_attempt *attempt)
{
    const int fd = http_attempt_socket(attempt);
    int unsent = 0;
    if (fd < 0 || ioctl(fd, SIOCOUTQ, &unsent) != 0)
        return false;
    const bool moved = unsent > 0 && unsent != attempt->unsent;
    attempt->unsent = unsent;
    return moved;
}

// Ends what is cancelled, stalled or too late; gives the time until the next of them may be due.
static int64_t end_overdue(struct http *http)
{
    const int64_t now_us = http_now_us(http);
    int64_t wait_us = POLL_US_MAX;
    struct http_attempt *next;
    for (struct http_attempt *attempt = http->active; attempt; attempt = next) {
        next = attempt->next;
        if (attempt->progress_us + http->params.stall_us <= now_us && socket_drains(attempt))
            attempt->progress_us = now_us;
        const int64_t stall_us = attempt->progress_us + http->params.stall_us;
        const int64_t due_us = stall_us < attempt->deadline_us ? stall_us : attempt->deadline_us;
        if (atomic_load(&attempt->cancelled)) {
            finish(http, attempt, CURLE_ABORTED_BY_CALLBACK);
        } else if (due_us <= now_us) {
            (void)sr_fail(&attempt->failure, SR_ERR_TIMEOUT, "%s",
                          due_us == stall_us ? "no byte moved for too long" : "took too long");
            finish(http, attempt, CURLE_OPERATION_TIMEDOUT);
        } else if (due_us - now_us < wait_us) {
            wait_us = due_us - now_us;
        }
    }
    return wait_us;
}

static void run(void *arg)
{
    struct http *http = arg;
    while (take_added(http)) {
        int running;
        (void)curl_multi_perform(http->multi, &running);  // what fails shows in the transfers
        finish_done(http);
        const int64_t wait_us = end_overdue(http);
        (void)curl_multi_poll(http->multi, NULL, 0, (int)((wait_us + 999) / 1000), NULL);
    }
}

// Callers' threads -------------------------------------------------------------------------------

void http_perform(struct http *http, struct http_attempt *attempt)
{
    const struct sr_cancel *cancel = attempt->request->cancel;
    attempt->deadline_us =
        http->params.total_us ? http_now_us(http) + http->params.total_us : INT64_MAX;
    sr_lock(&http->lock);
    assert(!http->synced.stop);
    attempt->state = HTTP_CALL_RUNNING;
    attempt->next = http->synced.added;
    http->synced.added = attempt;
    http_count_locked(http, (struct http_stats){ .requests = 1 });
    sr_unlock(&http->lock);
    (void)curl_multi_wakeup(http->multi);  // can only fail when it is awake already
    sr_lock(&http->lock);
    while (attempt->state != HTTP_CALL_DONE) {
        if (!cancel) {
            sr_cond_wait(&attempt->done, &http->lock);
        } else if (!sr_cond_wait_us(&attempt->done, &http->lock, CANCEL_POLL_US) &&
                   !atomic_load(&attempt->cancelled) && sr_cancel_asked(cancel)) {
            atomic_store(&attempt->cancelled, true);
            (void)curl_multi_wakeup(http->multi);
        }
    }
    sr_unlock(&http->lock);
}

struct http_stats http_stats(struct http *http)
{
    sr_lock(&http->lock);
    const struct http_stats stats = http->synced.stats;
    sr_unlock(&http->lock);
    return stats;
}

bool http_new(const struct http_params *params, struct http **ret_http, struct sr_err *err)
{
    pthread_once(&curl_once, curl_begin);
    if (curl_ready != CURLE_OK)
        return sr_fail_native(err, SR_ERR_INTERNAL, (int)curl_ready, "libcurl: %s",
                              curl_easy_strerror(curl_ready));
    sr_auto(http) struct http *http = calloc(1, sizeof(*http));
    if (!http || !(http->multi = curl_multi_init())) {
        if (http) {
            free(http);  // not yet what http_free() takes apart
            http = NULL;
        }
        return sr_fail(err, SR_ERR_NO_MEMORY, "HTTP client");
    }
    http->params = *params;
    if (!http->params.clock)
        http->params.clock = sr_clock_system();
    http->synced.tokens = params->retry_tokens_max;
    if (getrandom(&http->synced.random, sizeof(http->synced.random), GRND_NONBLOCK) !=
        sizeof(http->synced.random))
        http->synced.random = (uint64_t)sr_clock_monotonic_us(http->params.clock);
    http->synced.random |= 1;  // zero would stay zero
    curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)params->connections_max);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)params->connections_max);
    if (!sr_mutex_init(&http->lock, err)) {
        curl_multi_cleanup(http->multi);
        free(sr_take(http));
        return false;
    }
    if (!sr_thread_start("http", run, http, &http->thread, err))
        return false;
    *ret_http = sr_take(http);
    return true;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    if (http->thread) {
        sr_lock(&http->lock);
        http->synced.stop = true;
        sr_unlock(&http->lock);
        (void)curl_multi_wakeup(http->multi);
        sr_thread_join(http->thread);
    }
    curl_multi_cleanup(http->multi);
    sr_mutex_done(&http->lock);
    free(http);
}
