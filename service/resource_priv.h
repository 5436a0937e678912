// service/resource_priv.h - the inside of resources, shared by resources.c and resource_*.c.
#pragma once

#include "base/budget.h"
#include "base/thread.h"
#include "net/http.h"
#include "pipeline/remote.h"
#include "service/resources.h"

struct resource_job {
    struct resource_job *next;  // waiting, or at work
    struct resources *resources;
    bool (*run)(struct resource_job *job, char **ret_result, struct asl_failure *failure);
    struct engine_ref ref;
    char *resource;
    json_t *payload;
    struct sr_cancel cancel;
};

struct resources {
    struct resources_params params;
    struct engine *engine;
    struct http *lambda_http, *http;
    const char **http_named;  // entries of http_allow without '*'; ends with NULL
    struct {
        struct remote *remote;
        struct sr_budget *bytes;  // of what is being read
        struct http_params http;
        struct blob_stores_params stores;
        struct sr_cancel cancel;  // of all requests
    } map;
    struct sr_mutex lock;
    struct sr_cond woken;
    bool has_lock, has_cond;
    struct {
        struct resource_job *first, *last, *working;
        size_t waiting, idle, thread_count;
        bool ends;
        struct sr_thread **threads;
    } synced;  // under `lock`
};

// One task, on a thread that may wait. *ret_result: JSON text, the caller's. False fills `failure`;
// one without an error name is lack of memory.
bool resource_lambda_run(struct resource_job *job, char **ret_result, struct asl_failure *failure);
bool resource_http_run(struct resource_job *job, char **ret_result, struct asl_failure *failure);
bool resource_items_run(struct resource_job *job, char **ret_result, struct asl_failure *failure);
bool resource_results_run(struct resource_job *job, char **ret_result, struct asl_failure *failure);

// What the two above need, and whether a place is theirs.
SR_MUST_USE bool resource_map_init(struct resources *resources, struct sr_err *err);
void resource_map_done(struct resources *resources);
bool resource_map_is_ours(const struct resource_job *job);

// Fails with lack of memory: sets nothing.
static inline bool resource_no_memory(struct asl_failure *failure)
{
    asl_failure_done(failure);
    return false;
}
