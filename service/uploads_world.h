// service/uploads_world.h - uploads behind a server, on a clock of the test's, with an engine and
// somebody who takes jobs: for their tests.
#pragma once

#include <poll.h>
#include <sys/stat.h>

#include "base/str.h"
#include "base/test_certificate.h"
#include "service/http_client_fake.h"
#include "service/route.h"
#include "service/sns_messages.h"
#include "service/states_world.h"
#include "service/uploads_priv.h"

#define SECRET "a-secret-of-the-path"
#define TOKEN "a-token-of-some-bytes"
#define JSON_TYPE "Content-Type: application/json\r\n"
#define BODY(source, key, sequencer) BODY_AT(source, key, sequencer, "10:19:01.456000Z")
#define BODY_AT(source, key, sequencer, time)                                                      \
    "{\"Records\":[{\"eventSource\":\"" source                                                     \
    "\",\"eventName\":\"ObjectCreated:Put\",\"eventTime\":\"2026-11-22T" time "\",\"s3\":{"        \
    "\"bucket\":{\"name\":\"incoming\"},\"object\":{\"key\":\"" key                                \
    "\",\"size\":3000,\"eTag\":\"35\",\"sequencer\":\"" sequencer "\"}}}]}"
#define MP4_RULE                                                                                   \
    "{\"event_pattern\":{\"detail\":{\"object\":{\"key\":[{\"suffix\":\".mp4\"}]}}},"              \
    "\"target\":{\"state_machine\":\"m\"},\"input_path\":\"$.detail.object.key\"}"

struct world {
    struct states_world states;
    char rules[96], store[96];
    struct config_events config;
    struct uploads *uploads;
    struct server *server;
    struct fake_client client;
    unsigned fetches;
    char fetched[256];
    struct {
        bool has_none;             // nobody takes them
        enum sr_err_code refuses;  // they are not taken, or
        enum sr_err_code answers;  // taken, with this answer
        unsigned asked;
        char key[160], correlation[64], manifest[512];  // of the last
    } jobs;
};

static inline void put_rule(const struct world *world, const char *name, const char *text)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s.json", world->rules, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline bool fetch(void *self, const char *url, char **ret_body, struct sr_err *err)
{
    struct world *world = self;
    world->fetches++;
    snprintf(world->fetched, sizeof world->fetched, "%s", url);
    *ret_body = sr_str_dup(sr_test_certificate, err);
    return *ret_body != NULL;
}

// Answers at once, each job with an id of its own.
static inline bool take_job(void *self, const struct job_submit *job, jobs_reply_fn reply,
                            void *reply_self, struct sr_err *err)
{
    struct world *world = self;
    char id[32];
    const char *const ids[] = { id };
    snprintf(world->jobs.key, sizeof world->jobs.key, "%s",
             job->idempotency_key ? job->idempotency_key : "");
    snprintf(world->jobs.correlation, sizeof world->jobs.correlation, "%s", job->correlation);
    snprintf(world->jobs.manifest, sizeof world->jobs.manifest, "%.*s", (int)job->bytes,
             job->manifest);
    snprintf(id, sizeof id, "job-%u", ++world->jobs.asked);
    if (world->jobs.refuses != SR_OK)
        return sr_fail(err, world->jobs.refuses, "$.input: not taken");
    struct jobs_reply answer = { .done = world->jobs.answers == SR_OK };
    if (answer.done) {
        answer.count = answer.new_count = 1;
        answer.ids = ids;
    } else {
        (void)sr_fail(&answer.err, world->jobs.answers, "not recorded");
    }
    reply(reply_self, &answer);
    return true;
}

static inline bool open_uploads(struct world *world, struct sr_err *err)
{
    const struct uploads_params params = { .path = world->store,
                                           .rules = world->rules,
                                           .config = &world->config,
                                           .region = "eu-west-1",
                                           .account = "123456789012",
                                           .clock = &world->states.clock.clock,
                                           .engine = world->states.engine,
                                           .submit = world->jobs.has_none ? NULL : take_job,
                                           .submit_self = world,
                                           .fetch = fetch,
                                           .fetch_self = world };
    return uploads_new(&params, &world->uploads, err);
}

static inline void *handle(void *self, struct server_call *call,
                           const struct server_request *request)
{
    struct world *world = self;
    uploads_handle(world->uploads, call, request);
    return NULL;
}

static inline void *handle_all(void *self, struct server_call *call,
                               const struct server_request *request)
{
    static const struct route routes[] = {
        { "POST", "/events/s3", false, handle },
        { "POST", "/events/s3/*", false, handle },
        { "GET", "/events/s3", false, handle },
        { "GET", "/events/s3/*", false, handle },
        { NULL, NULL, false, NULL },
    };
    return route_handle(routes, self, call, request);
}

static inline void done(void *self, void *from_handle, bool sent)
{
    (void)self;
    (void)from_handle;
    (void)sent;
}

static inline void world_begin(struct world *world, const char *rule)
{
    struct sr_err err = { 0 };
    struct sockaddr_storage address;
    struct server_params server = {
        .clock = sr_clock_system(), .handle = handle_all, .done = done, .self = world
    };
    *world = (struct world){ 0 };
    world_open(&world->states);
    snprintf(world->rules, sizeof world->rules, "%s/rules", world->states.folder);
    snprintf(world->store, sizeof world->store, "%s/jobs.db", world->states.folder);
    assert_int_equal(mkdir(world->rules, 0700), 0);
    if (rule)
        put_rule(world, "mp4", rule);
    sr_assert_ok(open_uploads(world, &err), err);
    sr_assert_ok(server_address("127.0.0.1:0", &address, &server.address_bytes, &err), err);
    server.address = (const struct sockaddr *)&address;
    sr_assert_ok(server_open(&server, &world->server, &err), err);
    fake_connect(&world->client, server_port(world->server));
}

static inline void world_end(struct world *world)
{
    fake_close(&world->client);
    server_drain(world->server);
    uploads_stop(world->uploads);
    server_close(world->server);
    engine_free(world->states.engine);
    world->states.engine = NULL;
    uploads_free(world->uploads);
    world_close(&world->states);
}

// Everything that can be done at this time.
static inline void settle(struct world *world)
{
    struct sr_err err = { 0 };
    int64_t next_us;
    for (int i = 0; i < 4; i++) {
        sr_assert_ok(uploads_step(world->uploads, &next_us, &err), err);
        world_settle(&world->states);
    }
}

// Sends a request and works until it is answered.
static inline int ask(struct world *world, const char *method, const char *path,
                      const char *headers, const char *body)
{
    char head[1024];
    struct pollfd answered = { .fd = world->client.fd, .events = POLLIN };
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\n%s%sContent-Length: %zu\r\n\r\n", method, path,
             strstr(headers, "Host:") ? "" : "Host: localhost\r\n", headers, strlen(body));
    assert_true(fake_say(&world->client, head) && fake_say(&world->client, body));
    for (int i = 0; i < 3000 && poll(&answered, 1, 10) == 0; i++) {
        struct sr_err err = { 0 };
        int64_t next_us;
        sr_assert_ok(uploads_step(world->uploads, &next_us, &err), err);
    }
    return fake_read(&world->client);
}

static inline void tell(struct world *world, const char *body, const char *answer)
{
    assert_int_equal(ask(world, "POST", "/events/s3", JSON_TYPE, body), 200);
    assert_string_equal(world->client.body, answer);
}

#define NEW "{\"recorded\":1,\"known\":0,\"ignored\":0}\n"
#define KNOWN "{\"recorded\":0,\"known\":1,\"ignored\":0}\n"
#define IGNORED "{\"recorded\":0,\"known\":0,\"ignored\":1}\n"

static inline void make_machine(struct world *world, const char *name)
{
    world_do(
        &world->states, "CreateStateMachine",
        json_pack("{ss,ss,ss}", "name", name, "definition", WORLD_PASS, "roleArn", WORLD_ROLE));
}

// How many executions a machine has; `ret_input`: of the newest.
static inline size_t executions(struct world *world, const char *name, char *ret_input, size_t room)
{
    char arn[128];
    snprintf(arn, sizeof arn, WORLD_ARN ":stateMachine:%s", name);
    world_do(&world->states, "ListExecutions", json_pack("{ss}", "stateMachineArn", arn));
    json_t *const list = json_object_get(world->states.body, "executions");
    const size_t count = json_array_size(list);
    if (ret_input && count) {
        const char *const execution =
            json_string_value(json_object_get(json_array_get(list, 0), "executionArn"));
        world_do(&world->states, "DescribeExecution", json_pack("{ss}", "executionArn", execution));
        snprintf(ret_input, room, "%s", world_get(&world->states, "input"));
    }
    return count;
}

static inline struct job_store_counts counts(struct world *world)
{
    struct sr_err err = { 0 };
    struct job_store_counts counts;
    sr_assert_ok(job_store_count(world->uploads->work.store, &counts, &err), err);
    return counts;
}
