#include "pipeline/webhook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"
#include "net/url.h"

enum { REPLY_BYTES = 64 << 10, SHOWN_BYTES = 256, HEADERS_MAX = 4 };
static const char secret_mark[] = "whsec_";

char *webhook_signature(const char *secret, const char *id, int64_t time_s, const char *body,
                        struct sr_err *err)
{
    sr_auto(char) char *decoded = NULL;
    sr_auto(char) char *text = NULL;
    sr_auto(char) char *signature = NULL;
    uint8_t digest[SR_SHA256_BYTES];
    const void *key = secret;
    size_t key_bytes = strlen(secret);
    if (strncmp(secret, secret_mark, sizeof(secret_mark) - 1) == 0) {
        uint8_t *bytes;
        if (!sr_base64_decode(secret + sizeof(secret_mark) - 1, &bytes, &key_bytes, err)) {
            (void)sr_err_wrap(err, "the secret after %s", secret_mark);
            return NULL;
        }
        key = decoded = (char *)bytes;
    }
    if (key_bytes == 0) {
        (void)sr_fail(err, SR_ERR_INVALID, "the secret is empty");
        return NULL;
    }
    text = sr_strf(err, "%s.%" PRId64 ".%s", id, time_s, body);
    if (!text || !sr_hmac_sha256(key, key_bytes, text, strlen(text), digest, err))
        return NULL;
    signature = sr_base64(digest, sizeof(digest), err);
    return signature ? sr_strf(err, "v1,%s", signature) : NULL;
}

struct sending {
    const struct webhook *webhook;
    const struct sr_clock *clock;
};

static bool prepare(void *self, struct http_attempt *attempt, struct sr_err *err)
{
    const struct sending *const sending = self;
    const struct webhook *const webhook = sending->webhook;
    const int64_t time_s = sr_clock_wall_us(sending->clock) / 1000000;
    char time[24];
    (void)snprintf(time, sizeof(time), "%" PRId64, time_s);
    if (!http_attempt_header(attempt, "webhook-timestamp", time, err))
        return false;
    if (!webhook->secret)
        return true;
    sr_auto(char) char *signature =
        webhook_signature(webhook->secret, webhook->id, time_s, webhook->body, err);
    return signature && http_attempt_header(attempt, "webhook-signature", signature, err);
}

bool webhook_send(struct http *http, const struct webhook *webhook, const struct sr_clock *clock,
                  const struct sr_cancel *cancel, struct sr_err *err)
{
    struct sending sending = { .webhook = webhook, .clock = clock };
    struct http_header headers[HEADERS_MAX] = {
        { "Content-Type", "application/json" },
        { "webhook-id", webhook->id },
    };
    size_t header_count = 2;
    if (webhook->correlation && *webhook->correlation)
        headers[header_count++] = (struct http_header){ "X-Correlation-Id", webhook->correlation };
    if (webhook->traceparent && *webhook->traceparent)
        headers[header_count++] = (struct http_header){ "traceparent", webhook->traceparent };
    const struct http_request request = {
        .method = "POST",
        .url = webhook->url,
        .headers = headers,
        .header_count = header_count,
        .body = webhook->body,
        .body_bytes = strlen(webhook->body),
        .reply_bytes_max = REPLY_BYTES,
        .prepare = prepare,
        .self = &sending,
        .cancel = cancel,
        .attempts_max = webhook->attempts_max,
    };
    sr_auto(http_response) struct http_response response = { 0 };
    char shown[SHOWN_BYTES];
    url_redact(webhook->url, shown, sizeof(shown));
    return http_run(http, &request, &response, err) || sr_err_wrap(err, "%s", shown);
}
