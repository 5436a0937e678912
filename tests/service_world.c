#include "tests/service_world.h"

#include <poll.h>

#include "base/str.h"
#include "base/test.h"

static void run_service(void *arg)
{
    struct service_world *const world = arg;
    struct sr_err err = { 0 };
    sr_assert_ok(service_run(world->service, &world->stop, &err), err);
}

void service_world_start(struct service_world *world)
{
    struct sr_err err = { 0 };
    const struct service_params params = { .config = &world->config,
                                           .folder = world->folder,
                                           .clock = sr_clock_system() };
    sr_cancel_init(&world->stop, NULL, NULL, INT64_MAX);
    sr_assert_ok(service_open(&params, &world->service, &err), err);
    sr_assert_ok(sr_thread_start("service", run_service, world, &world->thread, &err), err);
}

void service_world_stop(struct service_world *world)
{
    sr_cancel_set(&world->stop);
    sr_thread_join(world->thread);
    service_close(world->service);
}

struct sfn_client *service_world_client(const struct service_world *world)
{
    struct sr_err err = { 0 };
    struct sfn_client *client = NULL;
    const struct sfn_client_params params = { .url = world->listen };
    sr_assert_ok(sfn_client_new(&params, &client, &err), err);
    return client;
}

json_t *service_world_ask(const struct service_world *world, const char *op, json_t *request)
{
    struct sr_err err = { 0 };
    json_t *answer = NULL;
    assert_non_null(request);
    sr_assert_ok(sfn_client_call(world->client, op, request, NULL, &answer, &err), err);
    json_decref(request);
    return answer;
}

void service_world_open(struct service_world *world)
{
    struct sr_err err = { 0 };
    *world = (struct service_world){ 0 };
    sr_test_folder(world->folder);
    sr_assert_ok(config_init(&world->config, &err), err);
    free(world->config.listen);
    world->config.listen = strdup("127.0.0.1:0");
    world->config.audit.is_off = true;
    service_world_start(world);
    (void)snprintf(world->listen, sizeof(world->listen), "%s", service_url(world->service));
    free(world->config.listen);  // the next start takes the same port
    world->config.listen = strdup(world->listen + strlen("http://"));
    world->client = service_world_client(world);
}

void service_world_close(struct service_world *world)
{
    sfn_client_free(world->client);
    service_world_stop(world);
    config_done(&world->config);
    sr_test_folder_done(world->folder);
}

void service_world_create(const struct service_world *world, const char *name, const char *states)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *definition = sr_strf(&err, "{\"StartAt\":\"A\",\"States\":{%s}}", states);
    json_decref(
        service_world_ask(world, "CreateStateMachine",
                          json_pack("{s:s, s:s, s:s}", "name", name, "definition", definition,
                                    "roleArn", "arn:aws:iam::123456789012:role/r")));
}

char *service_world_begin(const struct service_world *world, const char *machine, json_t *input)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    sr_auto(char) char *arn = sr_strf(&err, SERVICE_WORLD_ARN "stateMachine:%s", machine);
    sr_assert_ok(jx_dump(input, false, &text, &err), err);
    json_decref(input);
    json_t *const answer = service_world_ask(
        world, "StartExecution", json_pack("{s:s, s:s}", "stateMachineArn", arn, "input", text));
    char *const execution = strdup(json_string_value(json_object_get(answer, "executionArn")));
    json_decref(answer);
    return execution;
}

json_t *service_world_end(const struct service_world *world, char *arn)
{
    for (;;) {
        json_t *const answer =
            service_world_ask(world, "DescribeExecution", json_pack("{s:s}", "executionArn", arn));
        if (strcmp(json_string_value(json_object_get(answer, "status")), "RUNNING") != 0) {
            free(arn);
            return answer;
        }
        json_decref(answer);
        (void)poll(NULL, 0, 20);
    }
}

const char *service_world_text(const json_t *answer, const char *key)
{
    const char *const text = json_string_value(json_object_get(answer, key));
    if (!text)
        fail_msg("no %s in %s", key, json_dumps(answer, 0));
    return text;
}

json_t *service_world_output(const json_t *answer)
{
    json_t *const output = json_loads(service_world_text(answer, "output"), JSON_DECODE_ANY, NULL);
    assert_non_null(output);
    return output;
}

void service_world_activity(const struct service_world *world, const char *name)
{
    json_decref(service_world_ask(world, "CreateActivity", json_pack("{s:s}", "name", name)));
}
