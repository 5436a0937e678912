// service/jobs_world.h - for tests of jobs: an engine, its store and the jobs in a folder of their
// own, a clock that stands still, and a worker that does nothing but says so.
#pragma once

#include "service/jobs_priv.h"
#include "service/states_world.h"

struct jobs_world {
    struct states_world states;
    char path[96], root[96], workspace[96];
    char *roots[2];
    struct config_jobs config;
    struct jobs *jobs;
    const struct sr_log *log;  // NULL: silent
    size_t slots;              // of all workers; 0: nobody knows
    // What the worker does.
    const char *fails;  // this activity fails, "probe";
    const char *error;  // with this
    const char *waits;  // it is not done before it is asked for, "join"
    char done[64][24];  // in order
    size_t done_count;
    // The last reply.
    size_t replies, new_count, count;
    struct sr_err err;
    bool is_done;
    char ids[4][SR_ID_TEXT];
};

static inline size_t jobs_world_slots(void *self)
{
    const struct jobs_world *const world = self;
    return world->slots;
}

static inline void jobs_world_open_jobs(struct jobs_world *world)
{
    struct sr_err err = { 0 };
    const struct jobs_params params = { .path = world->path,
                                        .database = world->states.path,
                                        .workspace = world->workspace,
                                        .config = &world->config,
                                        .region = "eu-west-1",
                                        .account = "123456789012",
                                        .clock = &world->states.clock.clock,
                                        .log = world->log,
                                        .engine = world->states.engine,
                                        .slots = jobs_world_slots,
                                        .slots_self = world };
    sr_assert_ok(jobs_new(&params, &world->jobs, &err), err);
}

static inline void jobs_world_open(struct jobs_world *world)
{
    *world = (struct jobs_world){ 0 };
    world_open(&world->states);
    config_jobs_init(&world->config);
    snprintf(world->path, sizeof world->path, "%s/jobs.db", world->states.folder);
    snprintf(world->workspace, sizeof world->workspace, "%s/work", world->states.folder);
    snprintf(world->root, sizeof world->root, "%s", world->states.folder);
    world->roots[0] = world->root;
    world->config.roots = (struct config_texts){ world->roots, 1 };
    jobs_world_open_jobs(world);
}

// As a crash leaves it: nothing more is written.
static inline void jobs_world_drop(struct jobs_world *world)
{
    engine_free(world->states.engine);
    world->states.engine = NULL;
    jobs_free(world->jobs);
    world->jobs = NULL;
}

static inline void jobs_world_reopen(struct jobs_world *world)
{
    jobs_world_drop(world);
    world_reopen(&world->states);
    jobs_world_open_jobs(world);
}

static inline void jobs_world_close(struct jobs_world *world)
{
    jobs_world_drop(world);
    world_close(&world->states);
}

// The worker -------------------------------------------------------------------------------------

struct jobs_world_task {
    char name[24], *token, *payload;
    const char *waits;
};

static inline bool jobs_world_take(void *self, const struct store_task *task, struct sr_err *err)
{
    struct jobs_world_task *const found = self;
    const char *const name = strstr(task->resource, "activity:splitreel-");
    (void)err;
    if (found->token || !name || (found->waits && strcmp(name + 19, found->waits) == 0))
        return true;
    snprintf(found->name, sizeof found->name, "%s", name + 19);
    found->token = strdup(task->token);
    found->payload = strdup(task->payload);
    return found->token && found->payload;
}

static inline const char *jobs_world_result(const char *name)
{
    static const char *const results[][2] = {
        { "probe", "{\"document\":\"probe.json\",\"bytes\":1,\"duration_us\":1}" },
        { "plan",
          "{\"document\":\"plan.json\",\"engine\":\"quick\",\"segments\":{\"bucket\":\"/b\",\"key\":"
          "\"k\",\"count\":0},\"results\":{\"bucket\":\"/b\",\"prefix\":\"p\"},\"audio\":[],"
          "\"outputs\":[0]}" },
        { "verify", "{\"verdict\":\"PASS\",\"damaged\":0}" },
        { "publish", "{\"files\":1,\"report\":\"/nowhere/report.json\"}" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(results); i++) {
        if (strcmp(results[i][0], name) == 0)
            return results[i][1];
    }
    return "{}";
}

// One task, the oldest; false: there is none.
static inline bool jobs_world_work(struct jobs_world *world)
{
    struct sr_err err = { 0 };
    struct jobs_world_task task = { .waits = world->waits };
    struct store *const store = &world->states.store;
    sr_assert_ok(store->ops->task_each(store->self, jobs_world_take, &task, &err), err);
    if (!task.token)
        return false;
    const bool fails = world->fails && strcmp(world->fails, task.name) == 0;
    sr_auto(char) char *given = task.payload, *token = task.token;
    const struct engine_request request = {
        .kind = fails ? ENGINE_FAIL : ENGINE_SUCCEED,
        .token = token,
        // what cleans up gives back what it was told
        .text = strcmp(task.name, "clean") == 0 ? given : jobs_world_result(task.name),
        .error = world->error ? world->error : "Splitreel.BadInput",
        .cause = "because",
    };
    sr_assert_ok(engine_ask(world->states.engine, &request, &err), err);
    world_settle(&world->states);
    if (world->done_count < SR_TEST_COUNT(world->done))
        memcpy(world->done[world->done_count++], task.name, sizeof task.name);
    return true;
}

// Moves ------------------------------------------------------------------------------------------

static inline void jobs_world_step(struct jobs_world *world)
{
    struct sr_err err = { 0 };
    int64_t next_us;
    sr_assert_ok(jobs_step(world->jobs, &next_us, &err), err);
}

// Everything that can be done at this time, but for the worker's part.
static inline void jobs_world_settle(struct jobs_world *world)
{
    for (int i = 0; i < 6; i++) {
        jobs_world_step(world);
        world_settle(&world->states);
    }
}

static inline void jobs_world_pass(struct jobs_world *world, int64_t us)
{
    sr_clock_fake_advance(&world->states.clock, us);
    jobs_world_settle(world);
}

// With the worker, until nothing happens any more.
static inline void jobs_world_finish(struct jobs_world *world)
{
    jobs_world_settle(world);
    while (jobs_world_work(world))
        jobs_world_settle(world);
}

// One thing that happens: a round of the jobs, of the engine, of the worker. False: nothing did.
static inline bool jobs_world_move(struct jobs_world *world, unsigned number)
{
    struct sr_err err = { 0 };
    bool more;
    if (number % 3 == 0)
        jobs_world_step(world);
    else if (number % 3 == 1)
        sr_assert_ok(engine_step(world->states.engine, &more, &err), err);
    else
        return jobs_world_work(world);
    return true;
}

// Asking -----------------------------------------------------------------------------------------

static inline void jobs_world_reply(void *self, const struct jobs_reply *reply)
{
    struct jobs_world *const world = self;
    world->replies++;
    world->is_done = reply->done;
    world->err = reply->err;
    world->count = reply->done ? reply->count : 0;
    world->new_count = reply->done ? reply->new_count : 0;
    for (size_t i = 0; i < world->count && i < SR_TEST_COUNT(world->ids); i++)
        snprintf(world->ids[i], SR_ID_TEXT, "%s", reply->ids[i]);
}

// A manifest whose places are allowed; `more`: other members, with a comma in front.
static inline char *jobs_world_manifest(const struct jobs_world *world, const char *name,
                                        const char *more)
{
    struct sr_err err = { 0 };
    char *const text =
        sr_strf(&err,
                "{\"version\":1,\"input\":\"%s/%s.mov\",\"output\":\"%s/%s.mp4\",\"renditions\":"
                "[{\"id\":\"v\",\"codec\":\"h264\"}]%s}",
                world->root, name, world->root, name, more);
    assert_non_null(text);
    return text;
}

// Submits and lets it be recorded, nothing else: false, with world->err, when it is refused.
static inline bool jobs_world_submit(struct jobs_world *world, const struct job_submit *items,
                                     size_t count)
{
    const size_t replies = world->replies;
    world->err = (struct sr_err){ 0 };
    if (!jobs_submit(world->jobs, items, count, jobs_world_reply, world, &world->err))
        return false;
    jobs_world_step(world);
    assert_int_equal(world->replies, replies + 1);
    return world->is_done;
}

// One, without frills; its id is in world->ids[0].
static inline void jobs_world_add(struct jobs_world *world, const char *name)
{
    sr_auto(char) char *manifest = jobs_world_manifest(world, name, "");
    const struct job_submit item = { .manifest = manifest, .bytes = strlen(manifest) };
    sr_assert_ok(jobs_world_submit(world, &item, 1), world->err);
}

typedef bool (*jobs_world_fn)(struct jobs *jobs, const char *id, jobs_reply_fn reply, void *self,
                              struct sr_err *err);
// jobs_cancel() or jobs_retry().
static inline bool jobs_world_ask(struct jobs_world *world, jobs_world_fn fn, const char *id)
{
    const size_t replies = world->replies;
    world->err = (struct sr_err){ 0 };
    sr_assert_ok(fn(world->jobs, id, jobs_world_reply, world, &world->err), world->err);
    jobs_world_step(world);
    assert_int_equal(world->replies, replies + 1);
    return world->is_done;
}

static inline json_t *jobs_world_get(struct jobs_world *world, const char *id)
{
    struct sr_err err = { 0 };
    json_t *job = NULL;
    sr_assert_ok(jobs_document(world->jobs, id, true, &job, &err), err);
    return job;
}

// A text of the job's document; "": it has none.
static inline const char *jobs_world_text(struct jobs_world *world, const char *id, const char *key,
                                          char text[512])
{
    sr_auto(json) json_t *job = jobs_world_get(world, id);
    const json_t *const value = json_object_get(job, key);
    if (json_is_integer(value))
        snprintf(text, 512, "%lld", (long long)json_integer_value(value));
    else
        snprintf(text, 512, "%s", json_is_string(value) ? json_string_value(value) : "");
    return text;
}

// How many executions a machine has.
static inline size_t jobs_world_executions(struct jobs_world *world, const char *machine)
{
    char arn[128];
    snprintf(arn, sizeof arn, WORLD_ARN ":stateMachine:%s", machine);
    world_do(&world->states, "ListExecutions", json_pack("{ss}", "stateMachineArn", arn));
    return json_array_size(json_object_get(world->states.body, "executions"));
}

#define assert_job(world, id, key, want)                                                           \
    do {                                                                                           \
        char text_[512];                                                                           \
        assert_string_equal(jobs_world_text(world, id, key, text_), want);                         \
    } while (0)
