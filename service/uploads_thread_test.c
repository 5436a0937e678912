// Uploads on their own threads, the engine on its own, clients over HTTP: for TSan.
#include <sys/stat.h>

#include "base/test_certificate.h"
#include "base/thread.h"
#include "pipeline/job_store.h"
#include "service/http_client_fake.h"
#include "service/sns_messages.h"
#include "service/states_world.h"
#include "service/uploads.h"

enum { CLIENTS = 3, ROUNDS = 10 };

struct world {
    struct states_world states;
    char rules[96], path[96];
    struct config_events config;
    struct uploads *uploads;
    struct server *server;
    struct sr_cancel cancel;
};

static void run_engine(void *arg)
{
    struct world *world = arg;
    struct sr_err err = { 0 };
    if (!engine_loop(world->states.engine, &world->cancel, NULL, NULL, &err))
        abort();
}

static void *handle(void *self, struct server_call *call, const struct server_request *request)
{
    struct world *world = self;
    uploads_handle(world->uploads, call, request);
    return NULL;
}

static void done(void *self, void *from_handle, bool sent)
{
    (void)self;
    (void)from_handle;
    (void)sent;
}

static bool fetch(void *self, const char *url, char **ret_body, struct sr_err *err)
{
    (void)self;
    (void)url;
    *ret_body = sr_str_dup(sr_test_certificate, err);
    return *ret_body != NULL;
}

struct client {
    struct world *world;
    int number;
    unsigned good;
};

// Each upload twice, and a message of SNS, which is everybody's same.
static void run_client(void *arg)
{
    struct client *client = arg;
    struct fake_client fake;
    fake_connect(&fake, server_port(client->world->server));
    for (int i = 0; i < ROUNDS; i++) {
        char body[512];
        snprintf(
            body, sizeof body,
            "{\"Records\":[{\"eventSource\":\"ceph:s3\",\"eventName\":\"ObjectCreated:Put\","
            "\"s3\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"%d-%d.mp4\",\"sequencer\":"
            "\"1\"}}}]}",
            client->number, i);
        for (int j = 0; j < 2; j++)
            client->good += fake_ask(&fake, "POST", "/events/s3",
                                     "Content-Type: application/json\r\n", body) == 200;
        uploads_reload(client->world->uploads);
    }
    client->good += fake_ask(&fake, "POST", "/events/s3", "Content-Type: application/json\r\n",
                             sns_notification_2) == 200;
    fake_close(&fake);
}

static void open_all(struct world *world)
{
    static const char rule[] =
        "{\"event_pattern\":{\"detail\":{\"object\":{\"key\":[{\"suffix\":\".mp4\"}]}}},"
        "\"target\":{\"state_machine\":\"m\"}}";
    struct sr_err err = { 0 };
    struct sockaddr_storage address;
    char path[128];
    struct server_params server = {
        .clock = sr_clock_system(), .handle = handle, .done = done, .self = world
    };
    world_open(&world->states);
    world_do(&world->states, "CreateStateMachine",
             json_pack("{ss,ss,ss}", "name", "m", "definition", WORLD_PASS, "roleArn", WORLD_ROLE));
    snprintf(world->rules, sizeof world->rules, "%s/rules", world->states.folder);
    snprintf(world->path, sizeof world->path, "%s/jobs.db", world->states.folder);
    snprintf(path, sizeof path, "%s/mp4.json", world->rules);
    assert_int_equal(mkdir(world->rules, 0700), 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(rule, file) >= 0 && fclose(file) == 0);
    const struct uploads_params params = { .path = world->path,
                                           .rules = world->rules,
                                           .config = &world->config,
                                           .region = "eu-west-1",
                                           .account = "123456789012",
                                           .clock = &world->states.clock.clock,
                                           .engine = world->states.engine,
                                           .fetch = fetch };
    sr_assert_ok(uploads_new(&params, &world->uploads, &err), err);
    sr_assert_ok(server_address("127.0.0.1:0", &address, &server.address_bytes, &err), err);
    server.address = (const struct sockaddr *)&address;
    sr_assert_ok(server_open(&server, &world->server, &err), err);
}

// As another connection sees it.
static struct job_store_counts counts(const struct world *world)
{
    struct sr_err err = { 0 };
    struct job_store_counts counts;
    sr_auto(job_store) struct job_store *store = NULL;
    sr_assert_ok(job_store_open(world->path, &store, &err), err);
    sr_assert_ok(job_store_count(store, &counts, &err), err);
    return counts;
}

static void clients_and_an_engine(void **state)
{
    (void)state;
    enum { UPLOADS = CLIENTS * ROUNDS + 1 };
    static struct world world;
    struct client clients[CLIENTS];
    struct sr_thread *threads[CLIENTS], *engine;
    struct sr_err err = { 0 };
    open_all(&world);
    sr_cancel_init(&world.cancel, NULL, NULL, INT64_MAX);
    sr_assert_ok(sr_thread_start("engine", run_engine, &world, &engine, &err), err);
    sr_assert_ok(uploads_start(world.uploads, &err), err);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){ .world = &world, .number = i };
        sr_assert_ok(sr_thread_start("client", run_client, &clients[i], &threads[i], &err), err);
    }
    for (int i = 0; i < CLIENTS; i++) {
        sr_thread_join(threads[i]);
        assert_int_equal(clients[i].good, 2 * ROUNDS + 1);
    }
    for (int i = 0; i < 100000 && counts(&world).starts < UPLOADS; i++)
        continue;  // each look is a read of the disk
    assert_int_equal(counts(&world).events, UPLOADS);
    assert_int_equal(counts(&world).starts, UPLOADS);
    server_drain(world.server);
    uploads_stop(world.uploads);
    sr_cancel_set(&world.cancel);
    engine_wake(world.states.engine);
    sr_thread_join(engine);
    server_close(world.server);
    engine_free(world.states.engine);
    world.states.engine = NULL;
    uploads_free(world.uploads);
    world_close(&world.states);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(clients_and_an_engine) };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
