#include "base/test.h"
#include "service/metrics.h"
#include "statemachine/store_sqlite.h"

#define WALL_US INT64_C(1790000000000000)

struct world {
    char folder[64], path[96];
    struct store store;
    struct sr_clock_fake clock;
    struct engine *engine;
};

static void begin(struct world *world)
{
    struct sr_err err = { 0 };
    memset(world, 0, sizeof *world);
    sr_test_folder(world->folder);
    snprintf(world->path, sizeof world->path, "%s/e.db", world->folder);
    sr_assert_ok(store_sqlite_open(world->path, &world->store, &err), err);
    sr_clock_fake_init(&world->clock, WALL_US);
    const struct engine_params params = { .store = &world->store,
                                          .clock = &world->clock.clock,
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "k" };
    sr_assert_ok(engine_new(&params, &world->engine, &err), err);
}

static void end(struct world *world)
{
    engine_free(world->engine);
    store_close(&world->store);
    sr_test_folder_done(world->folder);
}

static void ask(struct world *world, const struct engine_request *request)
{
    struct sr_err err = { 0 };
    bool more = true;
    sr_assert_ok(engine_ask(world->engine, request, &err), err);
    while (more)
        sr_assert_ok(engine_step(world->engine, &more, &err), err);
}

static void must(void *self, const struct engine_reply *reply)
{
    (void)self;
    if (!reply->done)
        fail_msg("%s", reply->err.message);
}

static bool no_task(void *self, const struct engine_task *task)
{
    (void)self;
    assert_null(task);
    return true;
}

// The value of "splitreel_NAME ", labels and all.
static double value_of(const struct sr_str *text, const char *name)
{
    char line[128];
    snprintf(line, sizeof line, "\nsplitreel_%s ", name);
    const char *const at = strstr(sr_str_text(text), line);
    if (!at)
        fail_msg("no %s in %s", name, sr_str_text(text));
    return at ? strtod(at + strlen(line), NULL) : -1;
}

static void read_all(struct world *world, struct sr_str *text)
{
    struct sr_err err = { 0 };
    sr_str_done(text);
    *text = (struct sr_str){ 0 };
    sr_assert_ok(
        metrics_add_engine(world->engine, sr_clock_wall_us(&world->clock.clock), text, &err), err);
}

#define QUEUE "{activity=\"arn:aws:states:eu:1:activity:a\"}"

static void numbers(void **state)
{
    (void)state;
    struct world world;
    sr_auto(sr_str) struct sr_str text = { 0 };
    begin(&world);
    read_all(&world, &text);
    assert_int_equal(value_of(&text, "executions_open"), 0);
    ask(&world,
        &(struct engine_request){
            .kind = ENGINE_PUT_MACHINE,
            .name = "m",
            .reply = must,
            .text =
                "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"Next\":\"B\"},\"B\":{"
                "\"Type\":\"Parallel\",\"End\":true,\"Branches\":[{\"StartAt\":\"T\",\"States\":{"
                "\"T\":{\"Type\":\"Task\",\"End\":true,\"Resource\":"
                "\"arn:aws:states:eu:1:activity:a\"}}},{\"StartAt\":\"W\",\"States\":{\"W\":{"
                "\"Type\":\"Wait\",\"Seconds\":100,\"End\":true}}}]}}}" });
    for (int i = 0; i < 2; i++)
        ask(&world, &(struct engine_request){ .kind = ENGINE_START,
                                              .arn = "arn:aws:states:eu:1:stateMachine:m",
                                              .text = "{}",
                                              .reply = must });
    sr_clock_fake_advance(&world.clock, 7500000);
    read_all(&world, &text);
    assert_int_equal(value_of(&text, "executions_open"), 2);
    assert_int_equal(value_of(&text, "transitions_total"), 8);  // P, B, T, W
    assert_int_equal(value_of(&text, "tasks_open"), 2);
    assert_int_equal(value_of(&text, "activity_tasks" QUEUE), 2);
    assert_int_equal(value_of(&text, "activity_pollers" QUEUE), 0);
    assert_true(value_of(&text, "activity_oldest_seconds" QUEUE) == 7.5);
    assert_int_equal(value_of(&text, "commit_seconds_count"), value_of(&text, "commits_total"));
    assert_int_equal(value_of(&text, "commit_seconds_bucket{le=\"+Inf\"}"),
                     value_of(&text, "commits_total"));

    ask(&world, &(struct engine_request){ .kind = ENGINE_POLL,
                                          .arn = "arn:aws:states:eu:1:activity:b\"\\",
                                          .poll = { .until_us = INT64_MAX, .answer = no_task } });
    read_all(&world, &text);
    assert_int_equal(
        value_of(&text, "activity_pollers{activity=\"arn:aws:states:eu:1:activity:b\\\"\\\\\"}"),
        1);
    end(&world);
}

static void latencies(void **state)
{
    (void)state;
    struct engine_latency latency = { 0 };
    engine_latency_add(&latency, 0);
    engine_latency_add(&latency, 500);
    engine_latency_add(&latency, 501);
    engine_latency_add(&latency, 1000000);
    engine_latency_add(&latency, INT64_C(5000000));
    engine_latency_add(&latency, -3);  // a clock that steps back
    assert_int_equal(latency.counts[0], 3);
    assert_int_equal(latency.counts[1], 1);
    assert_int_equal(latency.counts[ENGINE_LATENCIES - 2], 1);
    assert_int_equal(latency.counts[ENGINE_LATENCIES - 1], 1);
    assert_int_equal(latency.sum_us, 6001001);
}

// Spec: Prometheus text format: HELP, TYPE, then samples; each line ends.
static void format(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    const struct server_counts counts = { .connections = 3, .requests = 1ull << 40 };
    sr_assert_ok(metrics_add_server(&counts, 9, &text, &err), err);
    assert_memory_equal(text.text, "# HELP splitreel_http_requests_total ", 37);
    assert_true(value_of(&text, "http_requests_total") == 1099511627776.0);
    assert_int_equal(value_of(&text, "http_connections"), 3);
    assert_int_equal(value_of(&text, "audit_lost_total"), 9);
    assert_int_equal(text.text[text.bytes - 1], '\n');
    for (const char *line = text.text; *line; line = strchr(line, '\n') + 1)
        assert_true(strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0 ||
                    strncmp(line, "splitreel_", 10) == 0);
}

static void stores(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    struct http_totals totals = { 0 };
    totals.requests = 5;
    totals.retries = 2;
    totals.sent_bytes = 1 << 20;
    totals.received_bytes = 7;
    sr_assert_ok(sr_str_add(&text, "\n", &err) && metrics_add_stores(&totals, &text, &err) &&
                     metrics_add_gauge(&text, "workers", "Workers.", 3, &err),
                 err);
    assert_int_equal(value_of(&text, "store_requests_total"), 5);
    assert_int_equal(value_of(&text, "store_retries_total"), 2);
    assert_int_equal(value_of(&text, "store_sent_bytes_total"), 1 << 20);
    assert_int_equal(value_of(&text, "store_received_bytes_total"), 7);
    assert_int_equal(value_of(&text, "workers"), 3);
    sr_assert_contains(sr_str_text(&text), "# TYPE splitreel_workers gauge");
    sr_assert_contains(sr_str_text(&text), "# TYPE splitreel_store_requests_total counter");
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(numbers),
                                               cmocka_unit_test(latencies),
                                               cmocka_unit_test(format), cmocka_unit_test(stores) };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
