#include "service/uploads_sns.h"

#include "base/str.h"
#include "base/test.h"
#include "base/test_certificate.h"
#include "service/sns_messages.h"

static json_t *parse(const char *text)
{
    struct sr_err err = { 0 };
    json_t *json = NULL;
    sr_assert_ok(jx_parse(text, strlen(text), false, &json, &err), err);
    return json;
}

static const char *const messages[] = { sns_notification_1, sns_notification_2,
                                        sns_notification_plain, sns_subscription };

static void signed_by_amazon(void **state)
{
    (void)state;
    const struct config_events config = { 0 };
    struct sr_err err = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(messages); i++) {
        sr_auto(json) json_t *json = parse(messages[i]);
        const struct jx root = jx_root(json);
        assert_true(sns_is_message(json));
        sr_assert_ok(sns_check(&root, &config, &err), err);
        sr_assert_ok(sns_verify(&root, sr_test_certificate, &err), err);
    }
}

// Whatever member is changed or taken away, the signature tells, or the check before it.
static void changed(void **state)
{
    (void)state;
    const struct config_events config = { 0 };
    struct sr_err err = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(messages); i++) {
        sr_auto(json) json_t *whole = parse(messages[i]);
        const char *key;
        json_t *value;
        json_object_foreach(whole, key, value)
        {
            for (int how = 0; how < 3; how++) {
                sr_auto(json) json_t *json = json_deep_copy(whole);
                sr_auto(char) char *other = sr_strf(&err, "%sx", json_string_value(value));
                if (how == 0)
                    json_object_set_new(json, key, json_string(other));
                else if (how == 1)
                    json_object_set_new(json, key, json_integer(1));
                else
                    json_object_del(json, key);
                const struct jx root = jx_root(json);
                if (strcmp(key, "SigningCertURL") == 0 && how == 0)
                    continue;  // another certificate of the same host; it is not signed
                if (sns_is_message(json) && sns_check(&root, &config, &err) &&
                    sns_verify(&root, sr_test_certificate, &err))
                    fail_msg("message %zu without its own %s passes", i, key);
            }
        }
    }
}

static const struct row {
    const char *name, *url, *host;
    bool allowed;
} rows[] = {
    { "Amazon's", "https://sns.eu-central-1.amazonaws.com/x.pem", NULL, true },
    { "in China", "https://sns.cn-north-1.amazonaws.com.cn/x.pem", NULL, true },
    { "without TLS", "http://sns.eu-central-1.amazonaws.com/x.pem", NULL, false },
    { "another port", "https://sns.eu-central-1.amazonaws.com:8443/x.pem", NULL, false },
    { "another service", "https://s3.eu-central-1.amazonaws.com/x.pem", NULL, false },
    { "somebody's bucket", "https://sns.bucket.s3.amazonaws.com/x.pem", NULL, false },
    { "without a region", "https://sns..amazonaws.com/x.pem", NULL, false },
    { "behind it", "https://sns.eu-central-1.amazonaws.com.example.org/x.pem", NULL, false },
    { "before it", "https://example.org/sns.eu-central-1.amazonaws.com", NULL, false },
    { "as a user", "https://sns.eu-central-1.amazonaws.com@example.org/x.pem", NULL, false },
    { "no URL", "sns.eu-central-1.amazonaws.com", NULL, false },
    { "configured", "https://sns.example.org/x.pem", "sns.example.org", true },
    { "not configured any more", "https://sns.eu-central-1.amazonaws.com/x.pem", "sns.example.org",
      false },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    char host[64];
    char *list[] = { host, NULL };
    const struct config_texts hosts = { .list = list, .count = row->host != NULL };
    snprintf(host, sizeof host, "%s", row->host ? row->host : "");
    assert_int_equal(sns_url_is_allowed(row->url, &hosts), row->allowed);
}

static void other_topics(void **state)
{
    (void)state;
    char mine[] = "arn:aws:sns:eu-central-1:123456789012:uploads", other[] = "arn:aws:sns:x:1:y";
    char *list[] = { other, mine, NULL };
    struct sr_err err = { 0 };
    sr_auto(json) json_t *json = parse(sns_notification_2);
    const struct jx root = jx_root(json);
    struct config_events config = { .topics = { .list = list, .count = 2 } };
    sr_assert_ok(sns_check(&root, &config, &err), err);
    config.topics.count = 1;
    sr_assert_fails(sns_check(&root, &config, &err), SR_ERR_DENIED, err);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 3];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(signed_by_amazon);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(changed);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(other_topics);
    return sr_test_run(__FILE__, tests, count);
}
