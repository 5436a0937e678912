#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/backoff.h"
#include "net/http_priv.h"

enum { RETRY_COST = 5, SUCCESS_REFUND = 1 };

static const struct status_row {
    int status;
    enum sr_err_code code;
} statuses[] = {
    { 304, SR_ERR_CONFLICT },    { 400, SR_ERR_INVALID },     { 401, SR_ERR_DENIED },
    { 403, SR_ERR_DENIED },      { 404, SR_ERR_NOT_FOUND },   { 405, SR_ERR_UNSUPPORTED },
    { 407, SR_ERR_DENIED },      { 408, SR_ERR_TIMEOUT },     { 409, SR_ERR_CONFLICT },
    { 410, SR_ERR_NOT_FOUND },   { 411, SR_ERR_UNSUPPORTED }, { 412, SR_ERR_CONFLICT },
    { 413, SR_ERR_TOO_LARGE },   { 425, SR_ERR_BUSY },        { 429, SR_ERR_BUSY },
    { 501, SR_ERR_UNSUPPORTED }, { 503, SR_ERR_BUSY },        { 504, SR_ERR_TIMEOUT },
    { 507, SR_ERR_LIMIT },
};

enum sr_err_code http_status_code(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].status == status)
            return statuses[i].code;
    }
    return status >= 500 ? SR_ERR_STORAGE : SR_ERR_INVALID;
}

bool http_fail_status(const struct http_response *response, struct sr_err *err)
{
    return sr_fail_native(err, http_status_code(response->status), response->status, "HTTP %d",
                          response->status);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// The new URL of a redirect that may be followed, or NULL.
static char *redirect_target(const struct http_request *request, const struct http_attempt *attempt)
{
    const char *location = http_response_header(&attempt->reply, "location");
    const bool safe = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    if (!location || !safe || !is_redirect(attempt->reply.status))
        return NULL;
    CURLU *join = curl_url();
    char *joined = NULL, *copy = NULL;
    if (join && curl_url_set(join, CURLUPART_URL, attempt->url, 0) == CURLUE_OK &&
        curl_url_set(join, CURLUPART_URL, location, 0) == CURLUE_OK &&
        curl_url_get(join, CURLUPART_URL, &joined, 0) == CURLUE_OK) {
        const bool was_https = strcmp(attempt->parts.scheme, "https") == 0;
        const bool is_https = strncasecmp(joined, "https:", 6) == 0;
        if (!was_https || is_https)
            copy = strdup(joined);
    }
    curl_free(joined);
    curl_url_cleanup(join);
    return copy;
}

// Retry-After in seconds or as a date; 0 when there is none.
static int64_t retry_after_us(struct http *http, const struct http_response *reply)
{
    const char *text = http_response_header(reply, "retry-after");
    if (!text)
        return 0;
    int64_t wait_us = 0;
    if (isdigit((unsigned char)*text)) {
        const long long seconds = strtoll(text, NULL, 10);
        wait_us = seconds > 86400 ? 86400LL * 1000000 : seconds * 1000000;
    } else {
        struct tm tm = { 0 };
        if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
            wait_us = (int64_t)timegm(&tm) * 1000000 - sr_clock_wall_us(http->params.clock);
    }
    if (wait_us < 0)
        return 0;
    return wait_us < http->params.backoff_us_max ? wait_us : http->params.backoff_us_max;
}

static bool take_tokens(struct http *http)
{
    sr_lock(&http->lock);
    const bool enough = http->synced.tokens >= RETRY_COST;
    if (enough) {
        http->synced.tokens -= RETRY_COST;
        http_count_locked(http, (struct http_stats){ .retries = 1 });
    }
    sr_unlock(&http->lock);
    return enough;
}

static void refund_tokens(struct http *http)
{
    sr_lock(&http->lock);
    if (http->synced.tokens < http->params.retry_tokens_max)
        http->synced.tokens += SUCCESS_REFUND;
    sr_unlock(&http->lock);
}

static bool wait_us(struct http *http, int64_t us, const struct sr_cancel *cancel,
                    struct sr_err *err)
{
    struct sr_cond cond;  // nobody signals it: a sleep that can be cancelled
    if (!sr_cond_init(&cond, err))
        return false;
    const int64_t end_us = http_now_us(http) + us;
    bool going = true;
    for (int64_t left_us = us; left_us > 0 && going; left_us = end_us - http_now_us(http)) {
        sr_lock(&http->lock);
        (void)sr_cond_wait_us(&cond, &http->lock, left_us < 20000 ? left_us : 20000);
        sr_unlock(&http->lock);
        going = sr_cancel_check(cancel, err);
    }
    sr_cond_done(&cond);
    return going;
}

// One attempt from its headers to its verdict. *ret_target: the URL of a redirect to follow.
static bool attempt_once(struct http *http, const struct http_request *request, const char *url,
                         char **ret_target, struct http_response *ret_reply, int64_t *ret_after_us,
                         struct sr_err *err)
{
    sr_auto(http_attempt) struct http_attempt *attempt = NULL;
    if (!http_attempt_new(http, request, url, &attempt, err))
        return false;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!http_attempt_header(attempt, request->headers[i].name, request->headers[i].value, err))
            return false;
    }
    if ((request->prepare && !request->prepare(request->self, attempt, err)) ||
        !http_attempt_setup(attempt, err))
        return false;
    http_perform(http, attempt);
    if (!http_attempt_result(attempt, err))
        return false;
    *ret_after_us = retry_after_us(http, &attempt->reply);
    *ret_target = redirect_target(request, attempt);
    const struct http_response *reply = &attempt->reply;
    const bool good = reply->status >= 200 && reply->status <= 299;
    if (request->judge ? !request->judge(request->self, reply, err)
                       : !good && !http_fail_status(reply, err))
        return false;
    *ret_reply = attempt->reply;
    attempt->reply = (struct http_response){ 0 };
    return true;
}

// Every error from here names the request, without its secrets.
static bool fail_request(const struct http_request *request, const char *url, uint32_t attempts,
                         struct sr_err *err)
{
    char shown[128];
    url_redact(url, shown, sizeof(shown));
    if (attempts > 1)
        return sr_err_wrap(err, "%s %s: %u attempts", request->method, shown, attempts);
    return sr_err_wrap(err, "%s %s", request->method, shown);
}

bool http_run(struct http *http, const struct http_request *request,
              struct http_response *ret_response, struct sr_err *err)
{
    const uint32_t attempts_max =
        request->attempts_max ? request->attempts_max : http->params.attempts_max;
    sr_auto(char) char *url = sr_str_dup(request->url, err);
    if (!url)
        return false;
    uint32_t redirects = 0;
    for (uint32_t attempts = 1;; attempts++) {
        sr_auto(char) char *target = NULL;
        int64_t after_us = 0;
        if (!sr_cancel_check(request->cancel, err))
            return fail_request(request, url, attempts, err);
        if (attempt_once(http, request, url, &target, ret_response, &after_us, err)) {
            refund_tokens(http);
            ret_response->attempts = attempts;
            return true;
        }
        if (target && redirects < request->redirects_max) {
            redirects++;
            attempts--;
            free(url);
            url = sr_take(target);
            continue;
        }
        if (!sr_err_row(err->code)->retry || attempts >= attempts_max)
            return fail_request(request, url, attempts, err);
        if (!take_tokens(http)) {
            (void)sr_err_wrap(err, "the retry budget is used up");
            return fail_request(request, url, attempts, err);
        }
        const struct sr_backoff backoff = { http->params.backoff_us, http->params.backoff_us_max };
        const int64_t jitter_us = sr_backoff_us(&backoff, attempts, http_random(http));
        const int64_t pause_us = after_us > jitter_us ? after_us : jitter_us;
        char shown[256];
        url_redact(url, shown, sizeof(shown));
        sr_warn(http->params.log, "request retried", SR_TEXT("method", request->method),
                SR_TEXT("url", shown), SR_U32("attempt", attempts), SR_I64("wait_us", pause_us),
                SR_ERR(err));
        if (!wait_us(http, pause_us, request->cancel, err))
            return fail_request(request, url, attempts, err);
    }
}
