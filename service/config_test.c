#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "service/config_row.h"

#define SECRET "a-secret-of-24-letters.."

static const struct row {
    const char *name, *text;
    enum sr_err_code code;
    const char *says;  // in the error
} rows[] = {
    { "empty", "{}", SR_OK, NULL },
    { "comments", "{ // here\n /* and here */ \"region\": \"eu-central-1\" }", SR_OK, NULL },
    { "everything",
      "{\"listen\":\"[::1]:9\",\"region\":\"eu-1\",\"account\":\"000000000000\",\"metrics_token\":"
      "\"" SECRET "\",\"keys\":[{\"access_key\":\"AKID1\",\"secret\":\"" SECRET "\"}],\"audit\":{"
      "\"path\":\"/x\",\"bytes_max\":4096,\"files_kept\":0,\"off\":true},\"limits\":{"
      "\"body_bytes_max\":1024,\"bodies_bytes_max\":1048576,\"connections_max\":7,\"idle_s_max\":1,"
      "\"receive_s_max\":2,\"send_s_max\":3,\"threads\":4},\"lambda\":{\"f\":\"http://h/\"},\"lambda_url\":"
      "\"https://l/\",\"maps\":\"/m\",\"history_days\":7,\"http\":{\"allow\":[\"h\",\"*.d\"],\"plain\":true,"
      "\"connections\":[{\"arn\":\"a\",\"header\":\"b\",\"value\":\"c\"}]}}",
      SR_OK, NULL },
    { "everything about jobs",
      "{\"jobs\":{\"workspace\":\"s3://work/jobs/\",\"share_parts\":true,\"keep_days\":1,\"roots\":[\"/srv\"],\"allow\":["
      "\"s3://b\",\"s3://b/in/\",\"https://h.example:8443/x\",\"http://*\"]},\"api_keys\":[{"
      "\"name\":\"ci@1\",\"token\":\"" SECRET "\"}]}",
      SR_OK, NULL },
    { "a word whether parts are shared", "{\"jobs\":{\"share_parts\":\"yes\"}}", SR_ERR_INVALID,
      "share_parts" },
    { "a relative root", "{\"jobs\":{\"roots\":[\"srv\"]}}", SR_ERR_INVALID, "$.jobs.roots[0]: " },
    { "a relative workspace", "{\"jobs\":{\"workspace\":\"work\"}}", SR_ERR_INVALID,
      "$.jobs.workspace: " },
    { "a workspace at a host", "{\"jobs\":{\"workspace\":\"https://h/\"}}", SR_ERR_INVALID,
      "$.jobs.workspace: " },
    { "an address without a scheme", "{\"jobs\":{\"allow\":[\"example.org\"]}}", SR_ERR_INVALID,
      "$.jobs.allow[0]: " },
    { "an address of many", "{\"jobs\":{\"allow\":[\"https://*.example.org\"]}}", SR_ERR_INVALID,
      "$.jobs.allow[0]: " },
    { "buckets that begin so", "{\"jobs\":{\"allow\":[\"s3://*x\"]}}", SR_ERR_INVALID,
      "$.jobs.allow[0]: " },
    { "an unknown setting of jobs", "{\"jobs\":{\"root\":[]}}", SR_ERR_INVALID, "roots" },
    { "a short token", "{\"api_keys\":[{\"name\":\"a\",\"token\":\"31415\"}]}", SR_ERR_INVALID,
      "$.api_keys[0].token: " },
    { "a token with a space",
      "{\"api_keys\":[{\"name\":\"a\",\"token\":\"31415 31415 31415 31415\"}]}", SR_ERR_INVALID,
      "$.api_keys[0].token: " },
    { "a key without a name", "{\"api_keys\":[{\"token\":\"" SECRET "\"}]}", SR_ERR_INVALID,
      "$.api_keys[0]" },
    { "everything about events",
      "{\"events\":{\"secrets\":[\"a-secret-of-the-path\"],\"bearer\":[\"" SECRET
      "\"],\"basic\":[\"user:" SECRET
      "\"],\"outputs\":[\"b/p\"],\"sns_topics\":[\"arn\"],\"sns_hosts\":[\"h\"]}}",
      SR_OK, NULL },
    { "events of another shape", "{\"events\":[]}", SR_ERR_INVALID, "$.events" },
    { "an unknown key of events", "{\"events\":{\"secret\":[]}}", SR_ERR_INVALID, "secrets" },
    { "a short secret of a path", "{\"events\":{\"secrets\":[\"short\"]}}", SR_ERR_INVALID,
      "$.events.secrets[0]" },
    { "a secret that is no part of a path", "{\"events\":{\"secrets\":[\"a/secret/of/a/path\"]}}",
      SR_ERR_INVALID, "$.events.secrets[0]" },
    { "a token with a space", "{\"events\":{\"bearer\":[\"a token of some length\"]}}",
      SR_ERR_INVALID, "$.events.bearer[0]" },
    { "a password without a user", "{\"events\":{\"basic\":[\":a-password-of-16\"]}}",
      SR_ERR_INVALID, "$.events.basic[0]" },
    { "a short password", "{\"events\":{\"basic\":[\"user-of-16-letters:short\"]}}", SR_ERR_INVALID,
      "$.events.basic[0]" },
    { "an empty place of outputs", "{\"events\":{\"outputs\":[\"\"]}}", SR_ERR_INVALID,
      "$.events.outputs[0]" },
    { "not JSON", "{", SR_ERR_INVALID, "line 1" },
    { "not an object", "[]", SR_ERR_INVALID, "want an object" },
    { "an unknown key", "{\"regoin\":\"x\"}", SR_ERR_INVALID, "region" },
    { "an unknown limit", "{\"limits\":{\"body\":1}}", SR_ERR_INVALID, "body" },
    { "a limit out of bounds", "{\"limits\":{\"threads\":65}}", SR_ERR_INVALID, "1..64" },
    { "less than no history", "{\"history_days\":-1}", SR_ERR_INVALID, "history_days" },
    { "a region with a colon", "{\"region\":\"eu:1\"}", SR_ERR_INVALID, "region" },
    { "everything about jobs",
      "{\"api_keys\":[{\"name\":\"a@b\",\"token\":\"" SECRET
      "\"}],\"jobs\":{\"workspace\":\"s3://b/w\",\"keep_days\":1,\"roots\":[\"/r\"],\"allow\":["
      "\"s3://b/p\",\"https://h\",\"http://*\"]}}",
      SR_OK, NULL },
    { "a key for jobs without a token", "{\"api_keys\":[{\"name\":\"a\"}]}", SR_ERR_INVALID,
      "$.api_keys[0].token" },
    { "a short token for jobs", "{\"api_keys\":[{\"name\":\"a\",\"token\":\"short\"}]}",
      SR_ERR_INVALID, "$.api_keys[0].token" },
    { "a token that is a number", "{\"api_keys\":[{\"name\":\"a\",\"token\":314159265358979}]}",
      SR_ERR_INVALID, "token" },
    { "a key for jobs of nobody", "{\"api_keys\":[{\"name\":\"a b\",\"token\":\"" SECRET "\"}]}",
      SR_ERR_INVALID, "$.api_keys[0]" },
    { "a root that is no whole path", "{\"jobs\":{\"roots\":[\"r\"]}}", SR_ERR_INVALID,
      "$.jobs.roots[0]" },
    { "an address of another kind", "{\"jobs\":{\"allow\":[\"ftp://h\"]}}", SR_ERR_INVALID,
      "$.jobs.allow[0]" },
    { "a workspace in no bucket", "{\"jobs\":{\"workspace\":\"s3://\"}}", SR_ERR_INVALID,
      "$.jobs.workspace" },
    { "an address of nowhere", "{\"listen\":\"host:1\"}", SR_ERR_INVALID, "$.listen" },
    { "a level that is none", "{\"log_level\":\"off\"}", SR_ERR_INVALID, "$.log_level" },
    { "a folder without a name", "{\"watch\":[\"/a\",\"\"]}", SR_ERR_INVALID, "$.watch[1]" },
    { "no time at all to end", "{\"worker\":{\"grace_s\":-1}}", SR_ERR_INVALID, "grace_s" },
    { "a section that is a value", "{\"audit\":true}", SR_ERR_INVALID, "$.audit" },
    { "a short account", "{\"account\":\"12\"}", SR_ERR_INVALID, "12 digits" },
    { "an account of letters", "{\"account\":\"12345678901x\"}", SR_ERR_INVALID, "12 digits" },
    { "a short token", "{\"metrics_token\":\"short\"}", SR_ERR_INVALID, "metrics_token" },
    { "a key twice",
      "{\"keys\":[{\"access_key\":\"AKID1\",\"secret\":\"" SECRET "\"},{\"access_key\":\"AKID1\","
      "\"secret\":\"" SECRET "\"}]}",
      SR_ERR_INVALID, "keys[1]" },
    { "a key without a secret", "{\"keys\":[{\"access_key\":\"AKID1\"}]}", SR_ERR_INVALID,
      "keys[0].secret" },
    { "keys of another shape", "{\"keys\":{\"AKID1\":\"" SECRET "\"}}", SR_ERR_INVALID, "$.keys" },
    { "workers",
      "{\"worker\":{\"processes\":2,\"slots\":4,\"light_slots\":2,\"memory_bytes\":1073741824,"
      "\"task_cpu_s\":9,\"grace_s\":5,\"activities\":\"all\",\"stores\":\"/s.json\"}}",
      SR_OK, NULL },
    { "workers without slots for what is light", "{\"worker\":{\"light_slots\":0}}", SR_ERR_INVALID,
      "$.worker.light_slots" },
    { "workers with too little memory", "{\"worker\":{\"memory_bytes\":1}}", SR_ERR_INVALID,
      "memory_bytes" },
    { "an unknown word for workers", "{\"worker\":{\"slot\":1}}", SR_ERR_INVALID, "slots" },
    { "a function elsewhere", "{\"lambda\":{\"f\":\"file:///etc\"}}", SR_ERR_INVALID, "http" },
    { "a function without a place", "{\"lambda\":{\"f\":1}}", SR_ERR_INVALID, "$.lambda.f" },
    { "a small audit log", "{\"audit\":{\"bytes_max\":1}}", SR_ERR_INVALID, "bytes_max" },
    { "places of maps", "{\"map_places\":[\"/srv/work\",\"s3://b/work/\"]}", SR_OK, NULL },
    { "a place of maps that is no path", "{\"map_places\":[\"/a\",\"work\"]}", SR_ERR_INVALID,
      "map_places[1]" },
    { "all of the machine for maps", "{\"map_places\":[\"/\"]}", SR_ERR_INVALID, "map_places[0]" },
    { "every bucket for maps", "{\"map_places\":[\"s3://\"]}", SR_ERR_INVALID, "map_places[0]" },
    { "a place of maps that is a number", "{\"map_places\":[1]}", SR_ERR_INVALID, "map_places[0]" },
    { "functions elsewhere", "{\"lambda_url\":\"h:1\"}", SR_ERR_INVALID, "lambda_url" },
    { "hosts that are numbers", "{\"http\":{\"allow\":[1]}}", SR_ERR_INVALID, "http.allow[0]" },
    { "a connection without a value",
      "{\"http\":{\"connections\":[{\"arn\":\"a\",\"header\":\"b\"}]}}", SR_ERR_INVALID, "value" },
    // What follows must not be told.
    { "a connection's value that is a number",
      "{\"http\":{\"connections\":[{\"arn\":\"a\",\"header\":\"b\",\"value\":314159}]}}",
      SR_ERR_INVALID, "value" },
    { "a secret that is a number",
      "{\"keys\":[{\"access_key\":\"AKID1\",\"secret\":314159265358979}]}", SR_ERR_INVALID,
      "secret" },
    { "a secret without quotes", "{\"metrics_token\": a-secret-of-24-letters..}", SR_ERR_INVALID,
      "line 1" },
    { "a secret without its end", "{\"metrics_token\": \"" SECRET, SR_ERR_INVALID, "line 1" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(config) struct config config = { 0 };
    sr_assert_ok(config_init(&config, &err), err);
    const bool done = config_parse(&config, row->text, strlen(row->text), &err);
    assert_int_equal(done, row->code == SR_OK);
    assert_int_equal(err.code, row->code);
    if (row->says)
        sr_assert_contains(err.message, row->says);
    assert_null(strstr(err.message, "secret-of"));
    assert_null(strstr(err.message, "31415"));
}

static void values(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(config) struct config config = { 0 };
    sr_assert_ok(config_init(&config, &err), err);
    assert_string_equal(config.listen, "127.0.0.1:8083");
    assert_false(config_has_secrets(&config));
    sr_assert_ok(config_parse(&config, rows[2].text, strlen(rows[2].text), &err), err);
    assert_string_equal(config.listen, "[::1]:9");
    assert_string_equal(config.region, "eu-1");
    assert_string_equal(config.account, "000000000000");
    assert_string_equal(config.audit.path, "/x");
    assert_true(config.audit.is_off);
    assert_int_equal(config.audit.bytes_max, 4096);
    assert_int_equal(config.audit.kept_count, 0);
    assert_int_equal(config.limits.body_bytes_max, 1024);
    assert_int_equal(config.limits.bodies_bytes_max, 1048576);
    assert_int_equal(config.limits.connection_max, 7);
    assert_int_equal(config.limits.idle_s_max, 1);
    assert_int_equal(config.limits.receive_s_max, 2);
    assert_int_equal(config.limits.send_s_max, 3);
    assert_int_equal(config.limits.thread_count, 4);
    assert_int_equal(config.lambda_count, 1);
    assert_string_equal(config.lambdas[0].name, "f");
    assert_string_equal(config.lambdas[0].url, "http://h/");
    assert_string_equal(config.lambda_url, "https://l/");
    assert_string_equal(config.maps, "/m");
    assert_int_equal(config.history_days, 7);
    assert_true(config.http_plain);
    assert_string_equal(config.http_allow.list[1], "*.d");
    assert_null(config.http_allow.list[2]);
    assert_int_equal(config.connection_count, 1);
    assert_string_equal(config.connections[0].value, "c");
    assert_true(auth_has_keys(config.auth));
    assert_true(config_has_secrets(&config));
    const char *access_key = NULL, *secret = NULL;
    assert_true(auth_first_key(config.auth, &access_key, &secret));
    assert_string_equal(access_key, "AKID1");
    assert_string_equal(secret, SECRET);
}

static void values_of_workers(void **state)
{
    (void)state;
    static const char text[] = "{\"worker\":{\"processes\":2,\"slots\":4,\"light_slots\":3,"
                               "\"memory_bytes\":1073741824,\"task_cpu_s\":9,\"grace_s\":5,"
                               "\"activities\":\"all\",\"stores\":\"/s.json\"}}";
    struct sr_err err = { 0 };
    sr_auto(config) struct config config = { 0 };
    const char *access_key, *secret;
    sr_assert_ok(config_init(&config, &err), err);
    assert_int_equal(config.worker.processes, 0);
    assert_int_equal(config.worker.light_slots, 1);
    assert_int_equal(config.worker.grace_us, 30000000);
    assert_false(auth_first_key(config.auth, &access_key, &secret));
    sr_assert_ok(config_parse(&config, text, strlen(text), &err), err);
    assert_int_equal(config.worker.processes, 2);
    assert_int_equal(config.worker.slots, 4);
    assert_int_equal(config.worker.light_slots, 3);
    assert_int_equal(config.worker.memory_bytes, 1 << 30);
    assert_int_equal(config.worker.task_cpu_s, 9);
    assert_int_equal(config.worker.grace_us, 5000000);
    assert_string_equal(config.worker.activities, "all");
    assert_string_equal(config.worker.stores, "/s.json");
}

// etc/splitreel.json ----------------------------------------------------------------------------
static char *load_example(void)
{
    struct sr_err err = { 0 };
    char *text = NULL;
    size_t bytes;
    sr_assert_ok(sr_file_load("etc/splitreel.json", CONFIG_BYTES_MAX, &text, &bytes, &err), err);
    return text;
}

// As it is shipped, it says the defaults and no secret.
static void example_says_the_defaults(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *text = load_example();
    sr_auto(config) struct config config = { 0 }, usual = { 0 };
    sr_auto(json) json_t *rows_json = NULL, *usual_json = NULL;
    size_t said = 0;
    sr_assert_ok(config_init(&config, &err) && config_init(&usual, &err), err);
    sr_assert_ok(config_parse(&config, text, strlen(text), &err), err);
    assert_false(config_has_secrets(&config));
    sr_assert_ok(config_show(&config, "f", &rows_json, &err), err);
    sr_assert_ok(config_show(&usual, NULL, &usual_json, &err), err);
    for (size_t i = 0; i < json_array_size(rows_json); i++) {
        const json_t *const row = json_array_get(rows_json, i);
        const json_t *const other = json_array_get(usual_json, i);
        const json_t *const value = json_object_get(row, "value");
        if (value && !json_equal(value, json_object_get(other, "value")))
            fail_msg("%s", json_string_value(json_object_get(row, "name")));
        said += config.said[i].from == CONFIG_FILE;
    }
    assert_true(said > 15);
}

// With its //" lines switched on, it says every value there is.
static void example_has_every_value(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *text = load_example();
    sr_auto(config) struct config config = { 0 };
    for (char *at = text; (at = strstr(at, "//\"")); at += 2)
        memcpy(at, "  ", 2);
    sr_assert_ok(config_init(&config, &err), err);
    sr_assert_ok(config_parse(&config, text, strlen(text), &err), err);
    for (const struct config_row *row = config_rows; row->key; row++) {
        if (config.said[row - config_rows].from != CONFIG_FILE)
            fail_msg("%s of %s is not explained", row->key,
                     row->section ? row->section : "the root");
    }
}

// Origins ---------------------------------------------------------------------------------------
static const json_t *shown(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const row = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
            return row;
    }
    fail_msg("%s is not shown", name);
    return NULL;
}

static void assert_shown(const json_t *list, const char *name, const char *want)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    sr_assert_ok(jx_dump(shown(list, name), false, &text, &err), err);
    assert_string_equal(text, want);
}

static char *fake_env(const char *name)
{
    static char stores[] = "/env.json";
    return strcmp(name, "SPLITREEL_STORES") == 0 ? stores : NULL;
}

static void each_value_tells_where_it_is_from(void **state)
{
    (void)state;
    static const char text[] =
        "{ // here\n \"region\": \"eu-1\",\n \"metrics_token\": \"" SECRET "\",\n \"keys\": [\n"
        " { \"access_key\": \"AKID1\", \"secret\": \"" SECRET "\" }],\n"
        " \"lambda\": { \"f\": \"http://user:" SECRET "@h/x?t=" SECRET "\" },\n"
        " \"events\": { \"secrets\": [\"" SECRET "\"] },\n"
        " \"http\": { \"connections\": [{ \"arn\": \"a\", \"header\": \"b\", \"value\": \"" SECRET
        "\" }] },\n"
        " \"worker\": { \"slots\": 3,\n \"grace_s\": 2.5 } }";
    struct sr_err err = { 0 };
    sr_auto(config) struct config config = { 0 };
    sr_auto(json) json_t *list = NULL;
    sr_auto(char) char *all = NULL;
    sr_assert_ok(config_init(&config, &err), err);
    sr_assert_ok(config_parse(&config, text, strlen(text), &err), err);
    sr_assert_ok(config_environment(&config, fake_env, &err), err);
    sr_assert_ok(config_override(&config, "worker.slots", json_integer(5), "--slots", &err), err);
    sr_assert_ok(config_override(&config, "watch", json_string("/a"), "--watch", &err), err);
    sr_assert_ok(config_override(&config, "watch", json_string("b://c"), "--watch", &err), err);
    sr_assert_ok(config_show(&config, "c.json", &list, &err), err);
    assert_shown(list, "listen",
                 "{\"name\":\"listen\",\"value\":\"127.0.0.1:8083\",\"from\":\"default\"}");
    assert_shown(list, "region",
                 "{\"name\":\"region\",\"value\":\"eu-1\",\"from\":\"file\",\"file\":\"c.json\","
                 "\"line\":2}");
    assert_shown(list, "metrics_token",
                 "{\"name\":\"metrics_token\",\"set\":true,\"from\":\"file\",\"file\":\"c.json\","
                 "\"line\":3}");
    assert_shown(list, "events.bearer",
                 "{\"name\":\"events.bearer\",\"set\":false,\"from\":\"default\"}");
    assert_shown(list, "keys",
                 "{\"name\":\"keys\",\"value\":[{\"access_key\":\"AKID1\",\"secret\":\"***\"}],"
                 "\"from\":\"file\",\"file\":\"c.json\",\"line\":4}");
    assert_shown(
        list, "worker.slots",
        "{\"name\":\"worker.slots\",\"value\":5,\"from\":\"option\",\"option\":\"--slots\"}");
    assert_shown(list, "worker.grace_s",
                 "{\"name\":\"worker.grace_s\",\"value\":2.5,\"from\":\"file\",\"file\":\"c.json\","
                 "\"line\":10}");
    assert_shown(list, "worker.stores",
                 "{\"name\":\"worker.stores\",\"value\":\"/env.json\",\"from\":\"environment\","
                 "\"variable\":\"SPLITREEL_STORES\"}");
    assert_shown(list, "worker.task_cpu_s",
                 "{\"name\":\"worker.task_cpu_s\",\"value\":0,\"means\":\"no limit\",\"from\":"
                 "\"default\"}");
    assert_shown(list, "watch",
                 "{\"name\":\"watch\",\"value\":[\"/a\",\"b://c\"],\"from\":\"option\",\"option\":"
                 "\"--watch\"}");
    assert_int_equal(config.worker.slots, 5);
    assert_int_equal(config.worker.grace_us, 2500000);
    assert_int_equal(config.watch.count, 2);
    assert_string_equal(config.worker.stores, "/env.json");
    sr_assert_ok(jx_dump(list, false, &all, &err), err);
    assert_null(strstr(all, "secret-of"));
}

static void what_is_said_first_counts(void **state)
{
    (void)state;
    static const char text[] = "{\"worker\":{\"stores\":\"/file.json\"},\"watch\":[\"/w\"]}";
    struct sr_err err = { 0 };
    sr_auto(config) struct config config = { 0 };
    sr_assert_ok(config_init(&config, &err), err);
    sr_assert_ok(config_parse(&config, text, strlen(text), &err), err);
    sr_assert_ok(config_environment(&config, fake_env, &err), err);
    assert_string_equal(config.worker.stores, "/file.json");
    sr_assert_ok(config_override(&config, "watch", json_string("/x"), "--watch", &err), err);
    assert_int_equal(config.watch.count, 2);
    assert_string_equal(config.watch.list[1], "/x");
    sr_assert_fails(config_override(&config, "worker.slots", json_integer(257), "--slots", &err),
                    SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "--slots: $.worker.slots: want");
    sr_assert_fails(config_override(&config, "worker.slots", json_string("x"), "--slots", &err),
                    SR_ERR_INVALID, err);
    sr_assert_fails(config_override(&config, "watch", json_string(""), "--watch", &err),
                    SR_ERR_INVALID, err);
    sr_assert_fails(config_override(&config, "slots", json_integer(1), "--slots", &err),
                    SR_ERR_INTERNAL, err);
    assert_int_equal(config.worker.slots, 0);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void files(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char folder[64], path[96];
    sr_test_folder(folder);
    snprintf(path, sizeof path, "%s/config", folder);
    static const struct {
        const char *text;
        mode_t mode;
        enum sr_err_code code;
    } tries[] = {
        { "{\"metrics_token\":\"" SECRET "\"}", 0600, SR_OK },
        { "{\"metrics_token\":\"" SECRET "\"}", 0400, SR_OK },
        { "{\"metrics_token\":\"" SECRET "\"}", 0640, SR_ERR_DENIED },
        { "{\"keys\":[{\"access_key\":\"AKID1\",\"secret\":\"" SECRET "\"}]}", 0604,
          SR_ERR_DENIED },
        { "{\"region\":\"eu-1\"}", 0644, SR_OK },  // no secrets
        { "{\"region\":1}", 0644, SR_ERR_INVALID },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(tries); i++) {
        sr_auto(config) struct config config = { 0 };
        sr_assert_ok(config_init(&config, &err), err);
        write_file(path, tries[i].text, tries[i].mode);
        if (tries[i].code == SR_OK) {
            sr_assert_ok(config_read(&config, path, &err), err);
        } else {
            sr_assert_fails(config_read(&config, path, &err), tries[i].code, err);
            sr_assert_contains(err.message, path);
            assert_null(strstr(err.message, "secret-of"));
        }
    }
    sr_auto(config) struct config config = { 0 };
    sr_assert_ok(config_init(&config, &err), err);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < CONFIG_BYTES_MAX + 2; i++)
        fputc(' ', file);
    fclose(file);
    sr_assert_fails(config_read(&config, path, &err), SR_ERR_TOO_LARGE, err);
    sr_assert_fails(config_read(&config, "/nonexistent", &err), SR_ERR_NOT_FOUND, err);
    sr_test_folder_done(folder);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 7];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(values);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(values_of_workers);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(files);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(example_says_the_defaults);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(example_has_every_value);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(each_value_tells_where_it_is_from);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_is_said_first_counts);
    return sr_test_run(__FILE__, tests, count);
}
