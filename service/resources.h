// service/resources.h - what runs tasks beside activities: functions in this process,
// Lambda-compatible endpoints, HTTP requests, readers and writers of distributed maps.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/jx.h"
#include "base/log.h"
#include "statemachine/asl_error.h"
#include "statemachine/engine_resource.h"

struct blob_stores_params;
struct credentials;
struct engine;
struct resources;

// A function in this process. Gives a result (a new reference), or fills `failure`
// (asl_failure_set) and gives false. Threads: any number at once; it should end soon after `cancel`
// is asked for.
typedef bool (*resources_function_fn)(void *self, const json_t *payload,
                                      const struct sr_cancel *cancel, json_t **ret_result,
                                      struct asl_failure *failure);

// arn:aws:lambda:*:*:function:NAME, and what states:::lambda:invoke calls NAME: either a function
// or the URL of a server that speaks Lambda's Invoke API.
struct resources_lambda {
    const char *name;
    const char *url;  // "http://127.0.0.1:9001"; "/2015-03-31/functions/..." is added
    resources_function_fn run;
    void *self;
};

// What states:::http:invoke sends along when a task names this connection. A secret.
struct resources_connection {
    const char *arn;
    const char *header, *value;
};

// Texts and tables are borrowed for the resources' life; NULL, 0: none, unless said otherwise.
struct resources_params {
    const struct sr_clock *clock;  // NULL: the system's
    const struct sr_log *log;      // NULL: silent
    const struct resources_lambda *lambdas;
    size_t lambda_count;
    const char *lambda_url;           // of functions that are not in the table
    struct credentials *credentials;  // what requests to Lambda are signed with; NULL: not signed
    const char *region;
    // Where states:::http:invoke may go: "host", "host:port", "*.domain", "*"; ends with NULL. An
    // address that is not public needs its host by name, never by '*'.
    const char *const *http_allow;
    bool http_plain;  // "http://" is allowed, not only "https://"
    const struct resources_connection *connections;
    size_t connection_count;
    // Where items and results of distributed maps may be (service/map_places.h); ends with NULL.
    const char *const *map_places;
    // How buckets are reached, read during the call only; NULL: as the environment says.
    const struct blob_stores_params *stores;
    // Rows that take the maps' other places; NULL: nobody does.
    const struct engine_resource *others;
    size_t other_count;
    size_t thread_max;      // tasks at work at once; 0: RESOURCES_THREADS
    size_t queue_max;       // tasks that wait for a thread; 0: RESOURCES_QUEUE
    int64_t lambda_us_max;  // one call; 0: 15 minutes
    int64_t http_us_max;    // one request; 0: 60 s
};
enum {
    RESOURCES_THREADS = 64,
    RESOURCES_QUEUE = 100000,
    RESOURCES_LAMBDA_BYTES = 6 << 20,  // of an answer: Lambda's own limit
    RESOURCES_HTTP_BYTES = 1 << 20,    // of a reply; what the flow takes is less
    RESOURCES_ITEMS_BYTES = 64 << 20,  // of a map's items, and of all that are being read
    RESOURCES_STORE_ATTEMPTS = 30,     // of a map's request to a store, with pauses of up to 20 s
};

// Threads are started as they are needed.
// Owns:   the caller frees it after the engine's last round and before the engine: until then its
//         threads answer the engine. Freeing cancels what is at work.
// Errors: INVALID (an entry of the tables), NO_MEMORY.
SR_MUST_USE bool resources_new(const struct resources_params *params, struct resources **ret,
                               struct sr_err *err);
void resources_free(struct resources *resources);
SR_DEFINE_AUTO(resources, struct resources, resources_free);
// Whom to answer; before the engine's first round.
void resources_attach(struct resources *resources, struct engine *engine);

// Rows for the engine's table: Lambda functions, states:::lambda:invoke, states:::http:invoke, each
// with .waitForTaskToken where AWS has it; s3:getObject of an ItemReader, s3:putObject of a
// ResultWriter.
enum { RESOURCES_ROWS = 6 };
void resources_rows(struct resources *resources, struct engine_resource rows[RESOURCES_ROWS]);
