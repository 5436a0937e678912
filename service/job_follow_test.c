#include "service/job_follow.h"

#include "base/thread.h"
#include "service/http_client_fake.h"
#include "service/job_log.h"
#include "service/states_world.h"

#define ID "01KABCDEFGHJKMNPQRSTVWXYZ0"
#define OTHER "01KABCDEFGHJKMNPQRSTVWXYZ1"
#define M WORLD_ARN ":stateMachine:m"

// A server whose "/events/ID" and "/log/ID" are those of the module, and one job that the test
// changes.
struct world {
    struct states_world states;
    struct server *server;
    struct job_follow *follow;
    struct sr_mutex lock;
    char state[16];  // under `lock`; "": there is no such job
    int percent;
    size_t looks;
};

static bool document(void *self, const char *id, json_t **ret_json, struct sr_err *err)
{
    struct world *const world = self;
    sr_lock(&world->lock);
    world->looks++;
    const bool is_there = *world->state && strcmp(id, ID) == 0;
    *ret_json = is_there ? json_pack("{s:s,s:s,s:i,s:i}", "id", id, "state", world->state,
                                     "attempt", 1, "percent", world->percent)
                         : NULL;
    sr_unlock(&world->lock);
    return is_there || sr_fail(err, SR_ERR_NOT_FOUND, "there is no job %s", id);
}

static char *execution(void *self, const char *id, int64_t attempt, bool clean, struct sr_err *err)
{
    (void)self;
    return sr_strf(err, WORLD_ARN ":execution:m:%s-%d%s", id, (int)attempt, clean ? "-c" : "");
}

static void *handle(void *self, struct server_call *call, const struct server_request *request)
{
    struct world *const world = self;
    if (strncmp(request->path, "/events/", 8) == 0)
        job_follow_events(world->follow, call, request->path + 8);
    else
        job_follow_log(world->follow, call, request->path + 5, JOB_LOG_LINES, request->query);
    return NULL;
}

static void done(void *self, void *from_handle, bool sent)
{
    (void)self, (void)from_handle, (void)sent;
}

static void set(struct world *world, const char *state, int percent)
{
    sr_lock(&world->lock);
    snprintf(world->state, sizeof world->state, "%s", state);
    world->percent = percent;
    sr_unlock(&world->lock);
}

static void begin(struct world *world, const struct sr_clock *clock)
{
    struct sr_err err = { 0 };
    struct sockaddr_storage address;
    memset(world, 0, sizeof *world);
    world_open(&world->states);
    sr_assert_ok(sr_mutex_init(&world->lock, &err), err);
    set(world, "RUNNING", 1);
    const struct job_follow_params params = { .database = world->states.path,
                                              .document = document,
                                              .execution = execution,
                                              .self = world,
                                              .clock = clock ? clock : &world->states.clock.clock };
    sr_assert_ok(job_follow_new(&params, &world->follow, &err), err);
    struct server_params server = {
        .clock = &world->states.clock.clock, .handle = handle, .done = done, .self = world
    };
    sr_assert_ok(server_address("127.0.0.1:0", &address, &server.address_bytes, &err), err);
    server.address = (const struct sockaddr *)&address;
    sr_assert_ok(server_open(&server, &world->server, &err), err);
}

static void end(struct world *world)
{
    server_drain(world->server);
    job_follow_stop(world->follow);
    assert_int_equal(job_follow_count(world->follow), 0);
    assert_true(server_wait(world->server, false, 30000000));
    server_close(world->server);
    job_follow_free(world->follow);
    sr_mutex_done(&world->lock);
    world_close(&world->states);
}

static void ask(struct world *world, struct fake_client *client, const char *path)
{
    char head[160];
    fake_connect(client, server_port(world->server));
    snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    assert_true(fake_say(client, head));
}

static void read_until(struct fake_client *client, const char *text)
{
    while (!client->text || !strstr(client->text, text))
        assert_true(fake_fill(client));
}

// A stream that has begun, and that the module knows of: the server's only thread is done with it.
static void follow(struct world *world, struct fake_client *client)
{
    struct fake_client other;
    ask(world, client, "/events/" ID);
    read_until(client, "\"percent\":1}\n\n");
    fake_connect(&other, server_port(world->server));
    assert_int_equal(fake_ask(&other, "GET", "/events/none", "", ""), 404);
    fake_close(&other);
}

static void step(struct world *world, int64_t us)
{
    sr_clock_fake_advance(&world->states.clock, us);
    (void)job_follow_step(world->follow);
}

static size_t count(const struct fake_client *client, const char *text)
{
    size_t found = 0;
    for (const char *at = client->text; (at = strstr(at, text)); at++)
        found++;
    return found;
}

#define WHOLE "\r\n0\r\n\r\n"  // of the chunked coding

static void events(void **state)
{
    (void)state;
    struct world world;
    struct fake_client client;
    char value[256];
    begin(&world, NULL);
    follow(&world, &client);
    assert_string_equal(fake_header(&client, "Content-Type", value), "text/event-stream");
    sr_assert_contains(client.text, "event: job\ndata: {\"id\":\"" ID "\"");
    step(&world, 1000000);
    set(&world, "RUNNING", 2);
    set(&world, "RUNNING", 3);
    step(&world, 1000000);
    read_until(&client, "\"percent\":3}\n\n");
    for (int second = 0; second < 15; second++)  // nothing new
        step(&world, 1000000);
    read_until(&client, "\n: here\n\n");
    set(&world, "SUCCEEDED", 100);
    step(&world, 1000000);
    read_until(&client, WHOLE);
    sr_assert_contains(client.text, "\"percent\":100}\n\nevent: end\ndata: {}\n\n");
    assert_int_equal(count(&client, "event: job"), 3);
    assert_int_equal(count(&client, ": here"), 1);
    assert_int_equal(job_follow_count(world.follow), 0);
    fake_close(&client);
    end(&world);
}

// Spec: at most once a second, however often it is asked for.
static void once_a_second(void **state)
{
    (void)state;
    struct world world;
    struct fake_client one, two;
    begin(&world, NULL);
    follow(&world, &one);
    follow(&world, &two);
    step(&world, 1000000);
    const size_t looks = world.looks;
    for (int i = 2; i < 100; i++) {
        set(&world, "RUNNING", i);
        step(&world, 10000);
    }
    assert_int_equal(world.looks, looks);
    step(&world, 100000);
    assert_int_equal(world.looks, looks + 1);  // of one job, for both
    read_until(&one, "\"percent\":99}");
    read_until(&two, "\"percent\":99}");
    assert_int_equal(count(&one, "event: job"), 2);
    fake_close(&one);
    fake_close(&two);
    end(&world);
}

static void not_to_be_followed(void **state)
{
    (void)state;
    static const char *const paths[] = { "/events/" OTHER, "/events/", "/events/x",
                                         "/events/" ID ID };
    struct world world;
    struct fake_client client;
    begin(&world, NULL);
    for (size_t i = 0; i < SR_TEST_COUNT(paths); i++) {
        fake_connect(&client, server_port(world.server));
        assert_int_equal(fake_ask(&client, "GET", paths[i], "", ""), 404);
        fake_close(&client);
    }
    set(&world, "FAILED", 7);  // over already
    ask(&world, &client, "/events/" ID);
    read_until(&client, WHOLE);
    sr_assert_contains(client.text, "\"percent\":7}\n\nevent: end\ndata: {}\n\n");
    fake_close(&client);
    assert_int_equal(job_follow_count(world.follow), 0);
    end(&world);
}

static void client_leaves(void **state)
{
    (void)state;
    struct world world;
    struct fake_client client;
    begin(&world, NULL);
    follow(&world, &client);
    assert_int_equal(job_follow_count(world.follow), 1);
    fake_close(&client);
    while (server_counts(world.server).connections > 0)
        server_sweep(world.server);
    while (job_follow_count(world.follow) > 0)
        step(&world, 1000000);
    end(&world);
}

static void job_goes(void **state)
{
    (void)state;
    struct world world;
    struct fake_client client;
    begin(&world, NULL);
    follow(&world, &client);
    set(&world, "", 0);
    while (job_follow_count(world.follow) > 0)
        step(&world, 1000000);
    read_until(&client, WHOLE);
    sr_assert_contains(client.text, "event: end");
    fake_close(&client);
    end(&world);
}

static void stops(void **state)
{
    (void)state;
    struct world world;
    struct fake_client client, late, log;
    begin(&world, NULL);
    follow(&world, &client);
    ask(&world, &log, "/log/" ID);
    while (server_counts(world.server).waiting < 2)
        continue;
    job_follow_stop(world.follow);
    read_until(&client, WHOLE);
    assert_null(strstr(client.text, "event: end"));  // the job goes on
    assert_int_equal(fake_read(&log), 503);
    fake_connect(&late, server_port(world.server));
    assert_int_equal(fake_ask(&late, "GET", "/events/" ID, "", ""), 503);
    assert_int_equal(fake_ask(&late, "GET", "/log/" ID, "", ""), 503);
    fake_close(&client);
    fake_close(&late);
    fake_close(&log);
    end(&world);
}

static int read_log(struct world *world, struct fake_client *client, const char *path)
{
    const uint64_t before = server_counts(world->server).requests;
    ask(world, client, path);
    while (server_counts(world->server).requests == before)
        continue;
    unsigned waiting;
    do {  // until it has been asked for and answered
        step(world, 0);
        waiting = server_counts(world->server).waiting;
    } while (waiting > 0);
    return fake_read(client);
}

static void logs(void **state)
{
    (void)state;
    struct world world;
    struct fake_client client;
    begin(&world, NULL);
    assert_int_equal(read_log(&world, &client, "/log/" ID), 200);
    assert_string_equal(client.body, "{\"lines\":[]}\n");
    fake_close(&client);
    world_do(
        &world.states, "CreateStateMachine",
        json_pack("{s:s,s:s,s:s}", "name", "m", "definition", WORLD_PASS, "roleArn", WORLD_ROLE));
    world_do(&world.states, "StartExecution",
             json_pack("{s:s,s:s}", "stateMachineArn", M, "name", ID "-1"));
    assert_int_equal(read_log(&world, &client, "/log/" ID), 200);
    sr_assert_contains(client.body, "\"event\":\"ExecutionStarted\"");
    sr_assert_contains(client.body, "\"event\":\"ExecutionSucceeded\"");
    fake_close(&client);
    assert_int_equal(read_log(&world, &client, "/log/" OTHER), 404);
    fake_close(&client);
    assert_int_equal(read_log(&world, &client, "/log/" ID "?nonsense"), 400);
    fake_close(&client);
    assert_int_equal(read_log(&world, &client, "/log/" ID ID), 404);
    fake_close(&client);
    end(&world);
}

static void too_many_logs(void **state)
{
    (void)state;
    static struct fake_client clients[JOB_FOLLOW_LOGS_MAX + 1];
    struct world world;
    begin(&world, NULL);
    for (size_t i = 0; i < JOB_FOLLOW_LOGS_MAX; i++) {
        ask(&world, &clients[i], "/log/" ID);
        while (server_counts(world.server).waiting < i + 1)
            continue;
    }
    fake_connect(&clients[JOB_FOLLOW_LOGS_MAX], server_port(world.server));
    assert_int_equal(fake_ask(&clients[JOB_FOLLOW_LOGS_MAX], "GET", "/log/" ID, "", ""), 503);
    for (size_t i = 0; i < JOB_FOLLOW_LOGS_MAX; i++) {
        step(&world, 0);
        assert_int_equal(fake_read(&clients[i]), 200);
    }
    for (size_t i = 0; i <= JOB_FOLLOW_LOGS_MAX; i++)
        fake_close(&clients[i]);
    end(&world);
}

// With its thread, and the time that passes.
static void by_itself(void **state)
{
    (void)state;
    struct world world;
    struct fake_client client, other;
    struct sr_err err = { 0 };
    begin(&world, sr_clock_system());
    sr_assert_ok(job_follow_start(world.follow, &err), err);
    ask(&world, &client, "/events/" ID);
    ask(&world, &other, "/events/" ID);
    read_until(&client, "\"percent\":1}");
    read_until(&other, "\"percent\":1}");
    fake_close(&other);
    fake_connect(&other, server_port(world.server));
    assert_int_equal(fake_ask(&other, "GET", "/log/" ID, "", ""), 200);
    set(&world, "CANCELLED", 50);
    read_until(&client, WHOLE);
    sr_assert_contains(client.text, "\"percent\":50}\n\nevent: end");
    fake_close(&client);
    set(&world, "RUNNING", 60);
    ask(&world, &client, "/events/" ID);
    read_until(&client, "\"percent\":60}");
    end(&world);  // with a stream that is open
    read_until(&client, WHOLE);
    fake_close(&client);
    fake_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),
        cmocka_unit_test(once_a_second),
        cmocka_unit_test(not_to_be_followed),
        cmocka_unit_test(client_leaves),
        cmocka_unit_test(job_goes),
        cmocka_unit_test(stops),
        cmocka_unit_test(logs),
        cmocka_unit_test(too_many_logs),
        cmocka_unit_test(by_itself),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
