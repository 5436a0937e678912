#include "storage/blob_config.h"

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"

static const struct row {
    const char *name;
    const char *text;
    const char *want;  // "name=bucket,profile,endpoint,region,style,sign; ... allow", or the error
} rows[] = {
    { "nothing", "{}", "|0|" },
    { "comments, a name that is the bucket's",
      "{ /* ours */ \"stores\": {\"in\": {\"profile\": \"p\", \"endpoint_url\": "
      "\"https://s3.example\"}} } // end",
      "in=in,p,https://s3.example,-,0,1;|0|" },
    { "a name of its own, and every other",
      "{\"stores\": {\"in-eu\": {\"bucket\": \"in\", \"region\": \"eu-1\", \"addressing\": "
      "\"virtual\"}, \"*\": {\"sign\": false, \"addressing\": \"path\"}}}",
      "in-eu=in,-,-,eu-1,2,1;*=-,-,-,-,1,0;|0|" },
    { "ways of sending",
      "{\"stores\": {\"in\": {\"payload\": \"chunked\", \"checksum\": \"crc64nvme\"}, \"out\": "
      "{\"payload\": \"unsigned\", \"checksum\": \"md5\"}}}",
      "in=in,-,-,-,0,1,3,3;out=out,-,-,-,0,1,2,0;|0|" },
    { "payload", "{\"stores\": {\"in\": {\"payload\": \"aws-chunked\"}}}",
      "$.stores.in.payload: want auto, signed, unsigned or chunked, got \"aws-chunked\"" },
    { "checksum", "{\"stores\": {\"in\": {\"checksum\": \"sha1\"}}}",
      "$.stores.in.checksum: want md5, crc32, crc32c, crc64nvme or sha256, got \"sha1\"" },
    { "places", "{\"allow\": [\"h:1\", \"10.0.0.0/8\"], \"allow_private\": true}",
      "|1|h:1,10.0.0.0/8," },
    { "a bucket for every one", "{\"stores\": {\"*\": {\"bucket\": \"x\"}}}",
      "$.stores['*']: \"*\" means every bucket and names none" },
    { "unknown key", "{\"stores\": {\"in\": {\"endpoint\": \"x\"}}}",
      "$.stores.in.endpoint: is not known, the nearest known key is \"endpoint_url\"" },
    { "another scheme", "{\"stores\": {\"in\": {\"endpoint_url\": \"ftp://x\"}}}",
      "$.stores.in.endpoint_url: want an http or https URL" },
    { "no URL", "{\"stores\": {\"in\": {\"endpoint_url\": \"x\"}}}", "$.stores.in.endpoint_url: " },
    { "addressing", "{\"stores\": {\"in\": {\"addressing\": \"dns\"}}}",
      "$.stores.in.addressing: want auto, path or virtual, got \"dns\"" },
    { "empty text", "{\"stores\": {\"in\": {\"profile\": \"\"}}}",
      "$.stores.in.profile: want 1 to 1024 bytes" },
    { "a name with a slash", "{\"stores\": {\"a/b\": {}}}", "\"a/b\" cannot stand behind s3://" },
    { "an empty name", "{\"stores\": {\"\": {}}}", "\"\" cannot stand behind s3://" },
    { "no object", "{\"stores\": {\"in\": 1}}", "$.stores.in: want an object" },
    { "a list", "{\"stores\": []}", "$.stores: " },
    { "sign is no word", "{\"stores\": {\"in\": {\"sign\": \"no\"}}}", "$.stores.in.sign: " },
    { "a place that is none", "{\"allow\": [\"\"]}",
      "$.allow[0]: want \"host\", \"host:port\" or \"10.0.0.0/8\"" },
    { "not at all", "[]", "$: want an object" },
};

static const char *word(const char *text)
{
    return text ? text : "-";
}

static void show(const struct blob_config *config, struct sr_str *out)
{
    struct sr_err err = { 0 };
    for (size_t i = 0; i < config->store_count; i++) {
        const struct blob_store_config *s = &config->store[i];
        sr_assert_ok(sr_str_addf(out, &err, "%s=%s,%s,%s,%s,%d,%d", s->name ? s->name : "*",
                                 word(s->bucket), word(s->profile), word(s->endpoint),
                                 word(s->region), s->style, !s->no_sign),
                     err);
        if (s->payload || s->checksum)
            sr_assert_ok(sr_str_addf(out, &err, ",%d,%d", s->payload, s->checksum), err);
        sr_assert_ok(sr_str_add(out, ";", &err), err);
    }
    sr_assert_ok(sr_str_addf(out, &err, "|%d|", config->allow_private), err);
    for (size_t i = 0; config->allow && config->allow[i]; i++)
        sr_assert_ok(sr_str_addf(out, &err, "%s,", config->allow[i]), err);
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    json_t *document = NULL;
    sr_assert_ok(jx_parse(row->text, strlen(row->text), true, &document, &err), err);
    const struct jx root = jx_root(document);
    sr_auto(blob_config) struct blob_config config = { 0 };
    const bool done = blob_config_read(&root, &config, &err);
    json_decref(document);  // what was read lives on without it
    if (!done) {
        assert_int_equal(err.code, SR_ERR_INVALID);
        if (!strstr(err.message, row->want))
            fail_msg("\"%s\" does not contain \"%s\"", err.message, row->want);
        return;
    }
    sr_auto(sr_str) struct sr_str got = { 0 };
    show(&config, &got);
    assert_string_equal(sr_str_text(&got), row->want);
}

static void too_many(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *document = json_pack("{s:{}, s:[]}", "stores", "allow");
    json_t *stores = json_object_get(document, "stores");
    json_t *allow = json_object_get(document, "allow");
    const struct jx root = jx_root(document);
    for (int i = 0; i <= BLOB_CONFIG_STORES_MAX; i++) {
        sr_auto(char) char *name = sr_strf(&err, "b%d", i);
        sr_auto(blob_config) struct blob_config config = { 0 };
        sr_assert_ok(blob_config_read(&root, &config, &err), err);
        assert_int_equal(config.store_count, i);
        assert_int_equal(json_object_set_new(stores, name, json_object()), 0);
    }
    struct blob_config none = { 0 };
    sr_assert_fails(blob_config_read(&root, &none, &err), SR_ERR_INVALID, err);
    assert_int_equal(json_object_clear(stores), 0);
    for (int i = 0; i <= BLOB_CONFIG_ALLOW_MAX; i++)
        assert_int_equal(json_array_append_new(allow, json_string("h")), 0);
    sr_assert_fails(blob_config_read(&root, &none, &err), SR_ERR_INVALID, err);
}

static void files(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char folder[64];
    sr_test_folder(folder);
    sr_auto(char) char *path = sr_strf(&err, "%s/stores.json", folder);
    sr_auto(blob_config) struct blob_config config = { 0 };
    sr_assert_fails(blob_config_load(path, &config, &err), SR_ERR_NOT_FOUND, err);
    static const struct {
        const char *text, *want;
    } bad[] = {
        { "{\"stores\": {}}", "version" },
        { "{\"version\": 2}", "$.version" },
        { "{\"version\": 1,", "stores file" },
        { "[1]", "$: want an object" },
        { "{\"version\": 1, \"stores\": {\"a\": {}, \"a\": {}}}", "stores file" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(bad); i++) {
        sr_assert_ok(sr_file_store(path, bad[i].text, strlen(bad[i].text), &err), err);
        sr_assert_fails(blob_config_load(path, &config, &err), SR_ERR_INVALID, err);
        assert_non_null(strstr(err.message, bad[i].want));
    }
    static const char good[] = "{\"version\": 1, // ours\n \"stores\": {\"a\": {}}}";
    sr_assert_ok(sr_file_store(path, good, strlen(good), &err), err);
    sr_assert_ok(blob_config_load(path, &config, &err), err);
    assert_string_equal(config.store[0].bucket, "a");
    sr_test_folder_done(folder);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_many);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(files);
    return sr_test_run(__FILE__, tests, count);
}
