// service/server_world.h - for tests: a server on loopback whose clock stands still, and the calls
// that its handler has kept for later.
#pragma once

#include "base/test.h"
#include "base/thread.h"
#include "service/http_client_fake.h"
#include "service/server.h"

enum { SERVER_WORLD_CALLS_MAX = 1200 };

struct server_world {
    struct server *server;
    struct sr_clock_fake clock;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        struct server_call *kept[SERVER_WORLD_CALLS_MAX];
        size_t kept_count;
        size_t done_count, sent_count;  // of calls for which the handler gave the world
    } synced;                           // under `lock`
};

static inline void server_world_done(void *self, void *from_handle, bool sent)
{
    struct server_world *const world = self;
    if (!from_handle)
        return;
    assert_ptr_equal(from_handle, world);
    sr_lock(&world->lock);
    world->synced.done_count++;
    world->synced.sent_count += sent;
    sr_cond_broadcast(&world->changed);
    sr_unlock(&world->lock);
}

typedef void *server_world_fn(void *self, struct server_call *call,
                              const struct server_request *request);
// `handle` gets the world as `self`.
static inline void server_world_open(struct server_world *world, server_world_fn *handle,
                                     const struct server_limits *limits)
{
    struct sr_err err = { 0 };
    struct sockaddr_storage address;
    struct server_params params = { .clock = &world->clock.clock,
                                    .handle = handle,
                                    .done = server_world_done,
                                    .self = world,
                                    .limits = *limits };
    *world = (struct server_world){ 0 };
    sr_clock_fake_init(&world->clock, 1000000000);
    sr_assert_ok(sr_mutex_init(&world->lock, &err), err);
    sr_assert_ok(sr_cond_init(&world->changed, &err), err);
    sr_assert_ok(server_address("127.0.0.1:0", &address, &params.address_bytes, &err), err);
    params.address = (const struct sockaddr *)&address;
    sr_assert_ok(server_open(&params, &world->server, &err), err);
}

static inline void server_world_close(struct server_world *world)
{
    server_close(world->server);
    sr_cond_done(&world->changed);
    sr_mutex_done(&world->lock);
}

// For the handler: the test answers this one, in the order in which they come.
static inline void server_world_keep(struct server_world *world, struct server_call *call)
{
    sr_lock(&world->lock);
    assert_true(world->synced.kept_count < SERVER_WORLD_CALLS_MAX);
    world->synced.kept[world->synced.kept_count++] = call;
    sr_cond_broadcast(&world->changed);
    sr_unlock(&world->lock);
}

// Until a count of world->synced is as great as that.
static inline void server_world_wait(struct server_world *world, const size_t *count, size_t want)
{
    sr_lock(&world->lock);
    while (*count < want)
        sr_cond_wait(&world->changed, &world->lock);
    sr_unlock(&world->lock);
}
