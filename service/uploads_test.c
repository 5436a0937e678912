#include <signal.h>
#include <sys/resource.h>

#include "service/uploads_world.h"

static void an_upload_starts_one_execution(void **state)
{
    (void)state;
    struct world world;
    char input[64];
    world_begin(&world, MP4_RULE);
    make_machine(&world, "m");
    tell(&world, BODY("ceph:s3", "a b+.mp4", "01"), NEW);
    settle(&world);
    assert_int_equal(executions(&world, "m", input, sizeof input), 1);
    assert_string_equal(input, "\"a b+.mp4\"");
    tell(&world, BODY("ceph:s3", "a b+.mp4", "01"), KNOWN);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 1);
    tell(&world, BODY("ceph:s3", "a b+.mp4", "02"), KNOWN);  // by another topic
    tell(&world, BODY_AT("ceph:s3", "a b+.mp4", "02", "10:19:01.456001Z"),
         NEW);  // the same name, uploaded again
    tell(&world, BODY("ceph:s3", "c.mov", "03"), NEW);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 2);
    assert_int_equal(counts(&world).waiting, 0);
    world_end(&world);
}

static void what_is_ours_starts_nothing(void **state)
{
    (void)state;
    struct world world;
    char prefix[] = "incoming/out/";
    char *list[] = { prefix, NULL };
    world_begin(&world, MP4_RULE);
    world.config.outputs = (struct config_texts){ list, 1 };
    make_machine(&world, "m");
    tell(&world, BODY("ceph:s3", "out/a.mp4", "01"), IGNORED);
    tell(&world, BODY("ceph:s3", "outer.mp4", "01"), NEW);
    tell(
        &world,
        "{\"Records\":[{\"eventSource\":\"ceph:s3\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{"
        "\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"x.mp4\",\"sequencer\":\"1\",\"metadata\":"
        "[{\"key\":\"x-amz-meta-splitreel-job\",\"val\":\"j\"}]}}}]}",
        IGNORED);
    tell(&world, "{\"Event\":\"s3:TestEvent\",\"Bucket\":\"incoming\"}", IGNORED);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 1);
    world_end(&world);
}

// Recorded, and then the process ends: at the next start it goes on, once.
static void a_crash_between(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    int64_t next_us;
    world_begin(&world, MP4_RULE);
    make_machine(&world, "m");
    tell(&world, BODY("ceph:s3", "a.mp4", "01"), NEW);  // asks the engine, which does nothing yet
    uploads_stop(world.uploads);
    world_close_engine(&world.states);  // never committed
    uploads_free(world.uploads);
    world_open_engine(&world.states);
    sr_assert_ok(open_uploads(&world, &err), err);
    assert_int_equal(executions(&world, "m", NULL, 0), 0);
    // The engine commits, and its answer is lost.
    sr_assert_ok(uploads_step(world.uploads, &next_us, &err), err);
    world_settle(&world.states);
    assert_int_equal(executions(&world, "m", NULL, 0), 1);
    assert_int_equal(counts(&world).waiting, 1);
    uploads_stop(world.uploads);
    world_close_engine(&world.states);
    uploads_free(world.uploads);
    world_open_engine(&world.states);
    sr_assert_ok(open_uploads(&world, &err), err);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 1);
    assert_int_equal(counts(&world).waiting, 0);
    tell(&world, BODY("ceph:s3", "a.mp4", "01"), KNOWN);
    world_end(&world);
}

// A machine that is not there may still come; then one start is made.
static void no_machine_at_first(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, MP4_RULE);
    tell(&world, BODY("ceph:s3", "a.mp4", "01"), NEW);
    settle(&world);
    assert_int_equal(counts(&world).waiting, 1);
    make_machine(&world, "m");
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 0);
    sr_clock_fake_advance(&world.states.clock, UPLOADS_RETRY_US);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 1);
    assert_int_equal(counts(&world).waiting, 0);
    world_end(&world);
}

// Given up at last, with the reason; another rule of the same event is not held up.
static void never_a_machine(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, MP4_RULE);
    put_rule(&world, "other",
             "{\"event_pattern\":{\"source\":[\"aws.s3\"]},\"target\":{\"state_machine\":\"n\"}}");
    uploads_reload(world.uploads);
    make_machine(&world, "n");
    tell(&world, BODY("ceph:s3", "a.mp4", "01"), NEW);
    settle(&world);
    assert_int_equal(executions(&world, "n", NULL, 0), 1);
    for (int i = 1; i < UPLOADS_ATTEMPTS_MAX; i++) {
        assert_int_equal(counts(&world).waiting, 1);
        sr_clock_fake_advance(&world.states.clock, UPLOADS_RETRY_US_MAX);
        settle(&world);
    }
    assert_int_equal(counts(&world).waiting, 0);
    assert_int_equal(executions(&world, "n", NULL, 0), 1);
    world_end(&world);
}

// What an event makes is no input: it is not tried again.
static void no_input(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, "{\"event_pattern\":{\"source\":[\"aws.s3\"]},\"input_path\":\"$.nothing\","
                        "\"target\":{\"state_machine\":\"m\"}}");
    make_machine(&world, "m");
    tell(&world, BODY("ceph:s3", "a.mp4", "01"), NEW);
    settle(&world);
    assert_int_equal(counts(&world).waiting, 0);
    assert_int_equal(counts(&world).starts, 0);
    assert_int_equal(executions(&world, "m", NULL, 0), 0);
    world_end(&world);
}

static void rules_are_read_anew(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, MP4_RULE);
    make_machine(&world, "m");
    put_rule(&world, "mp4", "{");
    uploads_reload(world.uploads);  // with a fault the old ones stay
    tell(&world, BODY("ceph:s3", "a.mp4", "01"), NEW);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 1);
    put_rule(
        &world, "mp4",
        "{\"enabled\":false,\"event_pattern\":{\"source\":[\"aws.s3\"]},\"target\":{\"state_machine\":\"m\"}}");
    uploads_reload(world.uploads);
    tell(&world, BODY("ceph:s3", "b.mp4", "02"), NEW);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 1);
    world_end(&world);
}

static void rules_with_faults_at_the_start(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    world_begin(&world, MP4_RULE);
    put_rule(&world, "bad", "{}");
    struct uploads *const before = world.uploads;
    sr_assert_fails(open_uploads(&world, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, "bad.json");
    world.uploads = before;
    world_end(&world);
}

static void other_events(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *document =
        json_pack("{ss,s{s{ss}}}", "source", "splitreel.watch", "detail", "object", "key", "a.mp4");
    world_begin(&world, MP4_RULE);
    make_machine(&world, "m");
    for (int i = 0; i < 3; i++)
        sr_assert_ok(uploads_tell(world.uploads, "watch\na.mp4", document, &err), err);
    settle(&world);
    assert_int_equal(counts(&world).events, 1);
    assert_int_equal(executions(&world, "m", NULL, 0), 1);
    world_end(&world);
}

// A file in a folder is told once, and nobody would tell it again.
static void a_store_that_is_full(void **state)
{
    (void)state;
    struct world world;
    struct rlimit before;
    bool good = true;
    sr_auto(json) json_t *document = json_pack("{ss}", "source", "splitreel.watch");
    world_begin(&world, NULL);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit none = { 0, before.rlim_max };
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    for (int i = 0; i < 2; i++) {
        struct sr_err err = { 0 };
        int64_t next_us;
        const char *const identities[] = { "watch\na", "watch\nb" };
        good &= uploads_tell(world.uploads, identities[i], document, &err) &&
                !uploads_step(world.uploads, &next_us, &err) && err.code == SR_ERR_STORAGE;
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);  // nothing can be printed before
    assert_true(good);
    assert_int_equal(counts(&world).events, 0);
    settle(&world);
    assert_int_equal(counts(&world).events, 2);
    world_end(&world);
}

// Who may tell -----------------------------------------------------------------------------------

static const struct row {
    const char *name, *method, *path, *headers, *body;
    bool has_secrets;
    int status;
} rows[] = {
    { "here, as JSON", "POST", "/events/s3", JSON_TYPE, BODY("ceph:s3", "k", "1"), false, 200 },
    { "here, as a web page might", "POST", "/events/s3", "Content-Type: text/plain\r\n",
      BODY("ceph:s3", "k", "1"), false, 403 },
    { "here, under another name", "POST", "/events/s3", JSON_TYPE "Host: evil.example\r\n",
      BODY("ceph:s3", "k", "1"), false, 403 },
    { "here, with a secret that nobody configured", "POST", "/events/s3/" SECRET, JSON_TYPE,
      BODY("ceph:s3", "k", "1"), false, 403 },
    { "knocking", "HEAD", "/events/s3", "", "", false, 200 },
    { "a secret in the path", "POST", "/events/s3/" SECRET, "", BODY("ceph:s3", "k", "1"), true,
      200 },
    { "knocking with a secret", "HEAD", "/events/s3/" SECRET, "", "", true, 200 },
    { "another secret in the path", "POST", "/events/s3/" SECRET "x", "", BODY("ceph:s3", "k", "1"),
      true, 403 },
    { "a part of the secret", "POST", "/events/s3/a-secret", "", BODY("ceph:s3", "k", "1"), true,
      403 },
    { "an empty secret", "POST", "/events/s3/", "", BODY("ceph:s3", "k", "1"), true, 403 },
    { "no secret", "POST", "/events/s3", JSON_TYPE, BODY("ceph:s3", "k", "1"), true, 403 },
    { "knocking without a secret", "HEAD", "/events/s3", "", "", true, 403 },
    { "a bearer token", "POST", "/events/s3", "Authorization: Bearer " TOKEN "\r\n",
      BODY("ceph:s3", "k", "1"), true, 200 },
    { "another token", "POST", "/events/s3", "Authorization: Bearer x\r\n",
      BODY("ceph:s3", "k", "1"), true, 403 },
    { "user and password", "POST", "/events/s3",
      "Authorization: Basic dXNlcjphLXBhc3N3b3JkLW9mLTE2Kw==\r\n", BODY("ceph:s3", "k", "1"), true,
      200 },
    { "another password", "POST", "/events/s3", "Authorization: Basic dXNlcjpwYXNz\r\n",
      BODY("ceph:s3", "k", "1"), true, 403 },
    { "no base64", "POST", "/events/s3", "Authorization: Basic %%\r\n", BODY("ceph:s3", "k", "1"),
      true, 403 },
    { "another method", "PUT", "/events/s3", JSON_TYPE, "{}", false, 405 },
    { "no JSON", "POST", "/events/s3", JSON_TYPE, "{", false, 400 },
    { "no event", "POST", "/events/s3", JSON_TYPE, "{}", false, 400 },
    { "a key that is none", "POST", "/events/s3", JSON_TYPE, BODY("aws:s3", "a%00", "1"), false,
      400 },
    { "a subscription that nobody signed", "POST", "/events/s3", JSON_TYPE,
      "{\"Type\":\"SubscriptionConfirmation\",\"SubscribeURL\":\"https://sns.eu-1.amazonaws.com/\"}",
      false, 403 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct world world;
    char secret[] = SECRET, token[] = TOKEN, basic[] = "user:a-password-of-16+";
    char *secrets[] = { secret, NULL }, *tokens[] = { token, NULL }, *basics[] = { basic, NULL };
    world_begin(&world, NULL);
    if (row->has_secrets) {
        world.config.secrets = (struct config_texts){ secrets, 1 };
        world.config.bearers = (struct config_texts){ tokens, 1 };
        world.config.basics = (struct config_texts){ basics, 1 };
    }
    if (strcmp(row->method, "HEAD") == 0) {  // its answer has a length and no body
        char head[256];
        snprintf(head, sizeof head, "HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n", row->path);
        assert_true(fake_say(&world.client, head));
        while (!world.client.text || !strstr(world.client.text, "\r\n\r\n"))
            assert_true(fake_fill(&world.client));
        assert_int_equal(strtol(world.client.text + strlen("HTTP/1.1 "), NULL, 10), row->status);
    } else {
        assert_int_equal(ask(&world, row->method, row->path, row->headers, row->body), row->status);
    }
    assert_int_equal(counts(&world).events, row->status == 200 && *row->body);
    world_end(&world);
}

// SNS --------------------------------------------------------------------------------------------

static void through_sns(void **state)
{
    (void)state;
    static const char *const bodies[] = { sns_notification_1, sns_notification_2 };
    struct world world;
    char input[64];
    world_begin(&world, MP4_RULE);
    make_machine(&world, "m");
    for (size_t i = 0; i < SR_TEST_COUNT(bodies); i++) {
        assert_int_equal(ask(&world, "POST", "/events/s3",
                             "Content-Type: text/plain; charset=UTF-8\r\n"
                             "x-amz-sns-message-type: Notification\r\n",
                             bodies[i]),
                         200);
        assert_string_equal(world.client.body, i == 0 ? NEW : KNOWN);
    }
    assert_int_equal(world.fetches, 1);  // the certificate is kept
    settle(&world);
    assert_int_equal(executions(&world, "m", input, sizeof input), 1);
    assert_string_equal(input, "\"a b.mp4\"");
    world_end(&world);
}

static void a_subscription(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, MP4_RULE);
    assert_int_equal(ask(&world, "POST", "/events/s3", JSON_TYPE, sns_subscription), 200);
    assert_int_equal(world.fetches, 2);
    assert_string_equal(world.fetched, "https://sns.eu-central-1.amazonaws.com/"
                                       "?Action=ConfirmSubscription&Token=2336412f");
    assert_int_equal(counts(&world).events, 0);
    world_end(&world);
}

// A message that somebody changed, or whose certificate lies elsewhere, is refused; nothing is
// fetched from elsewhere.
static void forged(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    world_begin(&world, MP4_RULE);
    sr_auto(char) char *changed = sr_str_dup(sns_notification_2, &err);
    memcpy(strstr(changed, "a+b.mp4"), "x+y.mp4", 7);
    assert_int_equal(ask(&world, "POST", "/events/s3", JSON_TYPE, changed), 403);
    assert_int_equal(world.fetches, 1);
    sr_auto(char) char *elsewhere = sr_str_dup(sns_notification_2, &err);
    memcpy(strstr(elsewhere, "sns.eu-central-1.amazonaws.com"), "sns.eu-central-1.amazonaws.org",
           30);
    assert_int_equal(ask(&world, "POST", "/events/s3", JSON_TYPE, elsewhere), 403);
    assert_int_equal(world.fetches, 1);
    assert_int_equal(counts(&world).events, 0);
    world_end(&world);
}

// Schedules --------------------------------------------------------------------------------------

#define HOUR_US (INT64_C(3600) * 1000000)

static void every_hour(void **state)
{
    (void)state;
    struct world world;
    char input[512];
    world_begin(&world,
                "{\"schedule\":\"cron(0 * * * ? *)\",\"target\":{\"state_machine\":\"m\"}}");
    make_machine(&world, "m");
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 0);
    for (size_t i = 1; i <= 3; i++) {
        sr_clock_fake_advance(&world.states.clock, HOUR_US - 1);
        settle(&world);
        assert_int_equal(executions(&world, "m", NULL, 0), i - 1);
        sr_clock_fake_advance(&world.states.clock, 1);
        settle(&world);
        assert_int_equal(executions(&world, "m", input, sizeof input), i);
    }
    sr_assert_contains(input, "\"detail-type\":\"Scheduled Event\"");
    sr_assert_contains(input, "\"time\":\"2026-01-01T03:00:00Z\"");
    sr_assert_contains(input, "rule/mp4");
    world_end(&world);
}

// What was due while nobody was here comes once, or not at all.
static void missed(const char *rule, size_t want)
{
    struct world world;
    struct sr_err err = { 0 };
    world_begin(&world, rule);
    make_machine(&world, "m");
    settle(&world);
    uploads_stop(world.uploads);
    uploads_free(world.uploads);
    sr_clock_fake_advance(&world.states.clock, 5 * HOUR_US + HOUR_US / 2);
    sr_assert_ok(open_uploads(&world, &err), err);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), want);
    sr_clock_fake_advance(&world.states.clock, HOUR_US / 2);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), want + 1);
    world_end(&world);
}

static void missed_once(void **state)
{
    (void)state;
    missed("{\"schedule\":\"cron(0 * * * ? *)\",\"target\":{\"state_machine\":\"m\"}}", 1);
}

static void missed_skipped(void **state)
{
    (void)state;
    missed(
        "{\"schedule\":\"rate(1 hour)\",\"missed\":\"skip\",\"target\":{\"state_machine\":\"m\"}}",
        0);
}

// A rule that was not enabled for a while makes up for nothing.
static void not_enabled_for_a_while(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world,
                "{\"schedule\":\"cron(0 * * * ? *)\",\"target\":{\"state_machine\":\"m\"}}");
    make_machine(&world, "m");
    put_rule(
        &world, "mp4",
        "{\"enabled\":false,\"schedule\":\"cron(0 * * * ? *)\",\"target\":{\"state_machine\":\"m\"}}");
    uploads_reload(world.uploads);
    settle(&world);
    sr_clock_fake_advance(&world.states.clock, 2 * HOUR_US + HOUR_US / 2);
    settle(&world);
    put_rule(&world, "mp4",
             "{\"schedule\":\"cron(0 * * * ? *)\",\"target\":{\"state_machine\":\"m\"}}");
    uploads_reload(world.uploads);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 0);
    sr_clock_fake_advance(&world.states.clock, HOUR_US / 2);
    settle(&world);
    assert_int_equal(executions(&world, "m", NULL, 0), 1);
    world_end(&world);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 17];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(an_upload_starts_one_execution);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_is_ours_starts_nothing);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_crash_between);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(no_machine_at_first);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(never_a_machine);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(no_input);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(rules_are_read_anew);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(rules_with_faults_at_the_start);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(other_events);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_store_that_is_full);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(through_sns);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_subscription);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(forged);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(every_hour);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(missed_once);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(missed_skipped);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(not_enabled_for_a_while);
    return sr_test_run(__FILE__, tests, count);
}
