// Presigned URLs, and who comes first when many want one name.
#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "net/http.h"
#include "tests/blob_conformance_priv.h"

// A client that has no keys at all.
static bool plain_request(const char *method, const char *url, const char *body,
                          struct http_response *ret, struct sr_err *err)
{
    struct http_params params = http_params_default();
    sr_auto(http) struct http *http = NULL;
    params.policy.allow_private = true;
    params.attempts_max = 1;
    sr_assert_ok(http_new(&params, &http, err), *err);
    const struct http_request request = {
        .method = method, .url = url, .body = body, .body_bytes = body ? strlen(body) : 0
    };
    return http_run(http, &request, ret, err);
}

void blob_conformance_presigned(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    struct sr_err err = { 0 };
    sr_auto(char) char *get = NULL;
    sr_auto(char) char *put = NULL;
    const char *const key =
        store->lacks & BLOB_LACKS_ODD_COPIES ? ROOT "signed" : ROOT "signed +%\xc3\xa4?&.txt";
    if (!blob->ops->presign) {
        sr_assert_fails(blob_presign(blob, "GET", key, 60, &get, &err), SR_ERR_UNSUPPORTED, err);
        return;
    }
    sr_assert_ok(blob_presign(blob, "PUT", key, 60, &put, &err), err);
    sr_auto(http_response) struct http_response sent = { 0 };
    sr_assert_ok(plain_request("PUT", put, "by nobody", &sent, &err), err);
    blob_conformance_assert(blob, key, "by nobody");
    sr_assert_ok(blob_presign(blob, "GET", key, 60, &get, &err), err);
    sr_auto(http_response) struct http_response came = { 0 };
    sr_assert_ok(plain_request("GET", get, NULL, &came, &err), err);
    assert_string_equal(came.body, "by nobody");
    if (!(store->lacks & BLOB_LACKS_SIGNATURES)) {
        // good for this method and no other, and not when it is changed
        sr_auto(http_response) struct http_response wrong = { 0 };
        sr_assert_fails(plain_request("PUT", get, "x", &wrong, &err), SR_ERR_DENIED, err);
        char *const last = get + strlen(get) - 1;
        *last = *last == '0' ? '1' : '0';
        sr_assert_fails(plain_request("GET", get, NULL, &wrong, &err), SR_ERR_DENIED, err);
        assert_null(strstr(err.message, "X-Amz-Signature"));
    }
    char *never = NULL;
    sr_assert_fails(blob_presign(blob, "GET", key, 0, &never, &err), SR_ERR_INVALID, err);
    blob_conformance_clear(blob, ROOT);
}

enum { RIVALS = 8, ROUNDS = 4 };
struct rival {
    const struct blob *blob;
    const char *key;
    char content[16];
    bool won, lost;
    struct sr_err err;
};

static void contend(void *arg)
{
    struct rival *const rival = arg;
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = rival->key,
                                  .data = rival->content,
                                  .bytes = strlen(rival->content),
                                  .attrs = { .if_absent = true } };
    rival->won = blob_put(rival->blob, &put, etag, &rival->err);
    rival->lost = !rival->won && rival->err.code == SR_ERR_EXISTS;
}

// One makes the object, all others hear that it is there, and it holds what that one said.
void blob_conformance_first_wins(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    struct sr_err err = { 0 };
    if (store->lacks & BLOB_LACKS_CONDITIONS)
        skip();
    for (unsigned round = 0; round < ROUNDS; round++) {
        sr_auto(char) char *key = sr_strf(&err, ROOT "first%u", round);
        struct rival rivals[RIVALS] = { 0 };
        struct sr_thread *threads[RIVALS];
        const struct rival *winner = NULL;
        for (unsigned i = 0; i < RIVALS; i++) {
            rivals[i].blob = &store->blob;
            rivals[i].key = key;
            snprintf(rivals[i].content, sizeof(rivals[i].content), "rival %u", i);
            sr_assert_ok(sr_thread_start("rival", contend, &rivals[i], &threads[i], &err), err);
        }
        for (unsigned i = 0; i < RIVALS; i++) {
            sr_thread_join(threads[i]);
            if (!rivals[i].won && !rivals[i].lost)
                fail_msg("%s", rivals[i].err.message);
            if (rivals[i].won && winner)
                fail_msg("two made %s", key);
            winner = rivals[i].won ? &rivals[i] : winner;
        }
        assert_non_null(winner);
        blob_conformance_assert(&store->blob, key, winner->content);
    }
    blob_conformance_clear(&store->blob, ROOT);
}
