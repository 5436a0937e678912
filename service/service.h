// service/service.h - the workflow service as one thing: its state in a folder, the engine on a
// thread, the API over HTTP.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "service/config.h"
#include "statemachine/engine_resource.h"

struct engine;
struct service;

enum { SERVICE_WATCHED_MAX = 16 };

// Rows of the engine's table of resources, made before the engine is, and who answers it.
struct service_resources {
    const struct engine_resource *rows;  // borrowed
    size_t count;
    // The engine is there, its thread is not started yet; NULL: nobody asks.
    void (*attach)(void *self, struct engine *engine);
    // The engine's thread has ended, the engine is still there: no answer may come after this
    // returns; NULL: nobody asks.
    void (*detach)(void *self);
    void *self;
};

struct service_params {
    const struct config *config;   // borrowed
    const char *folder;            // made if it is not there
    const struct sr_clock *clock;  // borrowed
    const struct sr_log *log;      // borrowed; NULL: silent
    struct service_resources resources;
    const char *rules;           // the folder of rules; NULL: none
    const char *const *watched;  // folders in which files land, watched_count of them
    size_t watched_count;
    bool (*reload_asked)(void);  // whether the rules shall be read anew, told once; NULL: never
};

// Takes the folder, opens what is in it, begins to serve.
// Errors:  BUSY (another process has the folder), DENIED (an address for others, and no keys),
//          INVALID, CONFLICT (the address is taken), those of the store.
SR_MUST_USE bool service_open(const struct service_params *params, struct service **ret_service,
                              struct sr_err *err);
// Serves until `stop` is asked for, then drains: no new requests, those that are there are answered
// (long polls with nothing), what was acknowledged is on disk.
// Errors: NO_MEMORY, STORAGE: the engine gave up.
// Threads: one.
SR_MUST_USE bool service_run(struct service *service, const struct sr_cancel *stop,
                             struct sr_err *err);
void service_close(struct service *service);
SR_DEFINE_AUTO(service, struct service, service_close);

// "http://127.0.0.1:8083"
const char *service_url(const struct service *service);
bool service_has_keys(const struct service *service);
