// Jobs on their own threads, the engine on its own, who submits and asks on others: for TSan.
#include "base/thread.h"
#include "service/jobs_world.h"

enum { CLIENTS = 3, ROUNDS = 8 };

struct client {
    struct jobs_world *world;
    struct sr_cancel *cancel;
    struct sr_mutex lock;
    struct sr_cond answered;
    struct {
        unsigned replies, done, conflicts;
        char id[SR_ID_TEXT];
    } synced;  // under `lock`
    int number;
    unsigned documents;
};

static void run_engine(void *arg)
{
    struct client *const client = arg;
    struct sr_err err = { 0 };
    if (!engine_loop(client->world->states.engine, client->cancel, NULL, NULL, &err))
        abort();
}

static void replied(void *self, const struct jobs_reply *reply)
{
    struct client *const client = self;
    sr_lock(&client->lock);
    client->synced.replies++;
    client->synced.done += reply->done;
    client->synced.conflicts += !reply->done && reply->err.code == SR_ERR_CONFLICT;
    if (reply->done)
        memcpy(client->synced.id, reply->ids[0], SR_ID_TEXT - 1);
    sr_cond_signal(&client->answered);
    sr_unlock(&client->lock);
}

static void wait_for(struct client *client, unsigned replies)
{
    sr_lock(&client->lock);
    while (client->synced.replies < replies)
        sr_cond_wait(&client->answered, &client->lock);
    sr_unlock(&client->lock);
}

// Each manifest twice under one key, looked at, and cancelled.
static void run_client(void *arg)
{
    struct client *const client = arg;
    struct jobs *const jobs = client->world->jobs;
    unsigned asked = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct sr_err err = { 0 };
        char key[32];
        snprintf(key, sizeof key, "%d-%d", client->number, i);
        sr_auto(char) char *manifest = jobs_world_manifest(client->world, key, "");
        const struct job_submit item = { .manifest = manifest,
                                         .bytes = strlen(manifest),
                                         .idempotency_key = key };
        for (int j = 0; j < 2; j++) {
            if (!jobs_submit(jobs, &item, 1, replied, client, &err))
                abort();
            asked++;
        }
        wait_for(client, asked);
        sr_auto(json) json_t *job = NULL, *list = NULL;
        const struct job_query query = { .state = -1, .count_max = 5 };
        client->documents += jobs_document(jobs, client->synced.id, true, &job, &err) &&
                             jobs_list(jobs, &query, &list, &err);
        if (!jobs_cancel(jobs, client->synced.id, replied, client, &err))
            abort();
        wait_for(client, ++asked);
    }
}

static void clients_and_an_engine(void **state)
{
    (void)state;
    static struct jobs_world world;
    static struct client clients[CLIENTS];
    struct sr_thread *threads[CLIENTS], *engine;
    struct sr_cancel cancel;
    struct sr_err err = { 0 };
    jobs_world_open(&world);
    sr_cancel_init(&cancel, NULL, NULL, INT64_MAX);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){ .world = &world, .cancel = &cancel, .number = i };
        sr_assert_ok(sr_mutex_init(&clients[i].lock, &err), err);
        sr_assert_ok(sr_cond_init(&clients[i].answered, &err), err);
    }
    sr_assert_ok(sr_thread_start("engine", run_engine, &clients[0], &engine, &err), err);
    sr_assert_ok(jobs_start(world.jobs, &err), err);
    for (int i = 0; i < CLIENTS; i++)
        sr_assert_ok(sr_thread_start("client", run_client, &clients[i], &threads[i], &err), err);
    for (int i = 0; i < CLIENTS; i++) {
        sr_thread_join(threads[i]);
        assert_int_equal(clients[i].synced.replies, 3 * ROUNDS);
        assert_int_equal(clients[i].synced.done, 3 * ROUNDS);
        assert_int_equal(clients[i].documents, ROUNDS);
        sr_cond_done(&clients[i].answered);
        sr_mutex_done(&clients[i].lock);
    }
    jobs_stop(world.jobs);
    sr_cancel_set(&cancel);
    engine_wake(world.states.engine);
    sr_thread_join(engine);
    sr_auto(json) json_t *list = NULL;
    const struct job_query query = { .state = -1, .count_max = 1000 };
    sr_assert_ok(jobs_list(world.jobs, &query, &list, &err), err);
    assert_int_equal(json_array_size(json_object_get(list, "jobs")), CLIENTS * ROUNDS);
    jobs_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(clients_and_an_engine) };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
