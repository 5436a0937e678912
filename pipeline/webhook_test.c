// The signature against the specification's example; deliveries against a receiver that misbehaves.
#include "pipeline/webhook.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"
#include "base/test.h"
#include "net/http_fake.h"

static const char id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char body[] = "{\"test\": 2432232314}";

// Of the reference libraries of Standard Webhooks.
static void signature_of_the_specification(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *signature = webhook_signature(secret, id, 1614265330, body, &err);
    assert_non_null(signature);
    assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    // the same bytes without the mark
    uint8_t *bytes;
    size_t count;
    sr_assert_ok(sr_base64_decode(secret + 6, &bytes, &count, &err), err);
    sr_auto(char) char *plain = sr_strf(&err, "%.*s", (int)count, (const char *)bytes);
    if (strlen(plain) == count) {
        sr_auto(char) char *same = webhook_signature(plain, id, 1614265330, body, &err);
        assert_string_equal(same, signature);
    }
    free(bytes);
}

static void secrets_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "whsec_", "whsec_?", "whsec_abc" };
    for (size_t i = 0; i < SR_TEST_COUNT(bad); i++) {
        struct sr_err err = { 0 };
        assert_null(webhook_signature(bad[i], id, 1, body, &err));
        assert_int_equal(err.code, SR_ERR_INVALID);
        if (strlen(bad[i]) > 6)
            assert_null(strstr(err.message, bad[i] + 6));  // it may be a secret mistyped
    }
}

// A receiver: what it answers in turn, what came.
struct receiver {
    int answers[8];
    atomic_int calls;
    atomic_int good;  // signed as they should be
    bool has_same_id;
    const char *secret;
};

static const char *header(const struct http_fake_request *request, const char *name)
{
    const char *const value = http_header_find(request->headers, request->header_count, name);
    return value ? value : "";
}

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    struct receiver *const receiver = self;
    const int call = atomic_fetch_add(&receiver->calls, 1);
    struct sr_err err = { 0 };
    sr_auto(char) char *text =
        sr_strf(&err, "%.*s", (int)request->body_bytes, request->body_bytes ? request->body : "");
    const char *const time = header(request, "webhook-timestamp");
    sr_auto(char) char *want =
        receiver->secret ? webhook_signature(receiver->secret, header(request, "webhook-id"),
                                             strtoll(time, NULL, 10), text, &err)
                         : sr_str_dup("", &err);
    receiver->has_same_id &= strcmp(header(request, "webhook-id"), id) == 0;
    if (strcmp(request->method, "POST") == 0 && strcmp(text, body) == 0 && *time &&
        strcmp(header(request, "content-type"), "application/json") == 0 &&
        strcmp(header(request, "webhook-signature"), want) == 0)
        atomic_fetch_add(&receiver->good, 1);
    http_fake_text(reply, call < 8 && receiver->answers[call] ? receiver->answers[call] : 200,
                   "ok");
}

struct outcome {
    struct receiver receiver;
    enum sr_err_code code;
    char message[256];
};

static struct outcome send_with(struct receiver receiver, bool allowed)
{
    struct outcome outcome = { .receiver = receiver };
    struct sr_err err = { 0 };
    sr_auto(http_fake) struct http_fake *fake = NULL;
    sr_auto(http) struct http *http = NULL;
    struct http_params params = http_params_default();
    params.policy.allow_private = allowed;
    params.attempts_max = 4;
    params.backoff_us = params.backoff_us_max = 1000;
    outcome.receiver.has_same_id = true;
    sr_assert_ok(http_fake_new(answer, &outcome.receiver, &fake, &err), err);
    sr_assert_ok(http_new(&params, &http, &err), err);
    sr_auto(char) char *url = sr_strf(&err, "%s/hook?token=hidden", http_fake_url(fake));
    const struct webhook webhook = {
        .url = url, .secret = receiver.secret, .id = id, .body = body
    };
    outcome.code = webhook_send(http, &webhook, sr_clock_system(), NULL, &err) ? SR_OK : err.code;
    memcpy(outcome.message, err.message, sizeof(outcome.message));
    assert_null(strstr(outcome.message, "hidden"));
    return outcome;
}

static void taken_at_once(void **state)
{
    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        const struct outcome outcome =
            send_with((struct receiver){ .secret = is_signed ? secret : NULL }, true);
        assert_int_equal(outcome.code, SR_OK);
        assert_int_equal(outcome.receiver.calls, 1);
        assert_int_equal(outcome.receiver.good, 1);
    }
}

static void taken_later_as_the_same_event(void **state)
{
    (void)state;
    const struct outcome outcome =
        send_with((struct receiver){ .answers = { 503, 429, 500, 204 }, .secret = secret }, true);
    assert_int_equal(outcome.code, SR_OK);
    assert_int_equal(outcome.receiver.calls, 4);
    assert_int_equal(outcome.receiver.good, 4);
    assert_true(outcome.receiver.has_same_id);
}

static void never_taken(void **state)
{
    (void)state;
    const struct outcome busy =
        send_with((struct receiver){ .answers = { 503, 503, 503, 503 } }, true);
    assert_int_equal(busy.receiver.calls, 4);
    assert_int_not_equal(busy.code, SR_OK);
    const struct outcome gone = send_with((struct receiver){ .answers = { 410 } }, true);
    assert_int_equal(gone.receiver.calls, 1);
    assert_int_not_equal(gone.code, SR_OK);
    sr_assert_contains(gone.message, "410");
    const struct outcome elsewhere = send_with((struct receiver){ .answers = { 302 } }, true);
    assert_int_equal(elsewhere.receiver.calls, 1);
    assert_int_not_equal(elsewhere.code, SR_OK);
}

static void private_address(void **state)
{
    (void)state;
    const struct outcome outcome = send_with((struct receiver){ .secret = secret }, false);
    assert_int_equal(outcome.code, SR_ERR_DENIED);
    assert_int_equal(outcome.receiver.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature_of_the_specification),
        cmocka_unit_test(secrets_that_are_none),
        cmocka_unit_test(taken_at_once),
        cmocka_unit_test(taken_later_as_the_same_event),
        cmocka_unit_test(never_taken),
        cmocka_unit_test(private_address),
    };
    return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
