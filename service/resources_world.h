// service/resources_world.h - for tests: resources and an engine of their own, a server on loopback
// that they call, and one execution at a time.
#pragma once

#include <stdatomic.h>

#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "net/http_fake.h"
#include "service/resources.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define WORLD_FUNCTION "arn:aws:lambda:eu:1:function:"
#define WORLD_INVOKE "arn:aws:states:::lambda:invoke"
#define WORLD_HTTP "arn:aws:states:::http:invoke"

// What the server answers where the target has this in it; ends with a row of NULL.
struct world_page {
    const char *part;
    int status;  // 0: nothing more comes after its head
    const char *headers, *body;
};

struct resources_world {
    char folder[64];
    struct store store;
    struct resources *resources;
    struct engine_resource rows[RESOURCES_ROWS];
    struct engine *engine;
    struct http_fake *fake;
    const struct world_page *pages;
    struct sr_mutex lock;
    struct sr_str seen;   // under `lock`: what the server got
    atomic_uint stalled;  // so many requests wait for the rest of their answer
    unsigned machines;    // made so far
    // how the execution ended
    bool ended;
    enum asl_status status;
    char *output, *error, *cause;
};

// The server -------------------------------------------------------------------------------------

static inline void world_note(struct resources_world *world,
                              const struct http_fake_request *request)
{
    struct sr_err err = { 0 };
    static const char *const shown[] = { "X-Amz-Invocation-Type", "X-Amz-Log-Type", "Content-Type",
                                         "X-Key", "X-One" };
    sr_lock(&world->lock);
    if (!sr_str_addf(&world->seen, &err, "%s %s %.*s\n", request->method, request->target,
                     (int)request->body_bytes, request->body_bytes ? request->body : ""))
        abort();
    for (size_t i = 0; i < SR_TEST_COUNT(shown); i++) {
        const char *value = http_header_find(request->headers, request->header_count, shown[i]);
        if (value && !sr_str_addf(&world->seen, &err, "%s=%s\n", shown[i], value))
            abort();
    }
    if (http_header_find(request->headers, request->header_count, "Authorization") &&
        !sr_str_add(&world->seen, "signed\n", &err))
        abort();
    sr_unlock(&world->lock);
}

// Answers with world->pages.
static inline void world_answer(void *self, const struct http_fake_request *request,
                                struct http_fake_reply *reply)
{
    struct resources_world *const world = self;
    world_note(world, request);
    const struct world_page *page = world->pages;
    while (page->part && !strstr(request->target, page->part))
        page++;
    if (!page->part) {
        http_fake_text(reply, 500, "unexpected");
        return;
    }
    http_fake_text(reply, page->status ? page->status : 200, page->body);
    snprintf(reply->headers, sizeof reply->headers, "%s", page->headers);
    if (!page->status) {
        reply->stall = true;
        atomic_fetch_add(&world->stalled, 1);
    }
}

// A world ----------------------------------------------------------------------------------------

// The server alone, as params of resources name its address; resources_world_attach() is next.
static inline void resources_world_open(struct resources_world *world, http_fake_fn answer,
                                        void *self)
{
    struct sr_err err = { 0 };
    char path[96];
    *world = (struct resources_world){ 0 };
    sr_test_folder(world->folder);
    snprintf(path, sizeof path, "%s/engine.db", world->folder);
    sr_assert_ok(store_sqlite_open(path, &world->store, &err), err);
    sr_assert_ok(sr_mutex_init(&world->lock, &err), err);
    sr_assert_ok(http_fake_new(answer, self, &world->fake, &err), err);
}

static inline void resources_world_attach(struct resources_world *world,
                                          const struct resources_params *params)
{
    struct sr_err err = { 0 };
    sr_assert_ok(resources_new(params, &world->resources, &err), err);
    resources_rows(world->resources, world->rows);
    const struct engine_params engine = { .store = &world->store,
                                          .clock = sr_clock_system(),
                                          .resources = world->rows,
                                          .resource_count = RESOURCES_ROWS,
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "k",
                                          .seed = 1 };
    sr_assert_ok(engine_new(&engine, &world->engine, &err), err);
    resources_attach(world->resources, world->engine);
}

static inline void world_forget(struct resources_world *world)
{
    free(world->output);
    free(world->error);
    free(world->cause);
    world->output = world->error = world->cause = NULL;
    world->ended = false;
}

static inline void resources_world_close(struct resources_world *world)
{
    resources_free(world->resources);
    engine_free(world->engine);
    http_fake_free(world->fake);
    store_close(&world->store);
    sr_mutex_done(&world->lock);
    sr_str_done(&world->seen);
    world_forget(world);
    sr_test_folder_done(world->folder);
}

// An execution -----------------------------------------------------------------------------------

static inline char *world_copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static inline void world_on_end(void *self, const struct engine_outcome *outcome)
{
    struct resources_world *const world = self;
    world->ended = true;
    if (!outcome)
        return;
    world->status = outcome->status;
    world->output = world_copy(outcome->output);
    world->error = world_copy(outcome->error);
    world->cause = world_copy(outcome->cause);
}

static inline void world_on_reply(void *self, const struct engine_reply *reply)
{
    (void)self;
    if (!reply->done)
        fail_msg("%s", reply->err.message);
}

static inline void world_ask(struct resources_world *world, struct engine_request request)
{
    struct sr_err err = { 0 };
    request.reply = world_on_reply;
    sr_assert_ok(engine_ask(world->engine, &request, &err), err);
}

// Starts execution "e" of a new machine, "m1", "m2" ...; `definition` is quoted as sr_test_quotes()
// takes it.
static inline void world_begin(struct resources_world *world, const char *definition,
                               const char *input)
{
    char name[32], arn[128];
    sr_auto(char) char *text = strdup(definition);
    assert_non_null(text);
    sr_test_quotes(text);
    snprintf(name, sizeof name, "m%u", ++world->machines);
    snprintf(arn, sizeof arn, "arn:aws:states:eu:1:stateMachine:%s", name);
    world_forget(world);
    world_ask(world,
              (struct engine_request){ .kind = ENGINE_PUT_MACHINE, .name = name, .text = text });
    world_ask(world, (struct engine_request){ .kind = ENGINE_START,
                                              .arn = arn,
                                              .name = "e",
                                              .text = input,
                                              .ended = world_on_end,
                                              .ended_self = world });
}

// Of one Task state; `parameters` (NULL: none) and `extra`, further members with a comma in front,
// are quoted so, too.
static inline void world_begin_task(struct resources_world *world, const char *resource,
                                    const char *parameters, const char *extra, const char *input)
{
    char text[4096];
    snprintf(text, sizeof text,
             "{'StartAt':'T','States':{'T':{'Type':'Task','Resource':'%s'%s%s%s,'End':true}}}",
             resource, parameters ? ",'Parameters':" : "", parameters ? parameters : "", extra);
    world_begin(world, text, input);
}

static inline void world_step(struct resources_world *world)
{
    struct sr_err err = { 0 };
    bool more;
    sr_assert_ok(engine_step(world->engine, &more, &err), err);
    if (!more && !world->ended)
        engine_wait(world->engine, 20000);
}

static inline void world_finish(struct resources_world *world)
{
    while (!world->ended)
        world_step(world);
}

static inline void world_run(struct resources_world *world, const char *resource,
                             const char *parameters, const char *input)
{
    world_begin_task(world, resource, parameters, "", input);
    world_finish(world);
}
