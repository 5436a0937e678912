// service/states_priv.h - the inside of the Step Functions API, shared by states_*.c: one call,
// from its request to its answer.
//
// An operation is a row of a table: its name, the members of its request, its function. Before the
// function runs, the request has been checked against the members (required, type, length, range,
// enumeration), with AWS's texts. What changes something runs on the engine's thread inside its
// transaction (states_record); what reads uses the api's own store, which sees only what is
// committed.
#pragma once

#include "base/jx.h"
#include "base/str.h"
#include "base/thread.h"
#include "service/states_api.h"
#include "service/states_arn.h"
#include "statemachine/engine.h"
#include "statemachine/store.h"

struct states_api {
    struct engine *engine;
    const struct sr_clock *clock;
    char *arn_prefix;  // "arn:aws:states:REGION:ACCOUNT"
    struct sr_mutex lock;
    struct store reader;  // under `lock`
    bool has_lock;
    struct worker_names *workers;  // that poll
};

struct states_call;
struct worker_names;

// What a handler leaves behind.
enum states_next {
    STATES_ANSWER,  // the answer stands in the call (a result or a refusal): it is delivered now
    STATES_WAIT,    // states_finish() will be called; the call is not the handler's any more
};

enum states_type { STATES_TEXT, STATES_INT, STATES_BOOL, STATES_REAL, STATES_LIST, STATES_STRUCT };

// A member of a request. Tables end with a row without a name.
struct states_field {
    const char *name;
    enum states_type type;
    bool required;
    bool any;                  // of a text: NUL characters are the handler's affair, too
    bool secret;               // a payload: no refusal shows it
    int64_t min, max;          // characters, value, or members of a list; max 0: no bound
    const char *const *words;  // the only texts, ends with NULL
    const char *pattern;       // shown when `matches` says no
    bool (*matches)(const char *text);
    const struct states_field
        *members;       // of a struct, or of a list's structs; NULL: a list of texts
    const char *shape;  // how AWS calls a list's struct: "Tag"
};

struct states_op {
    const char *name;                   // ends a table when NULL
    const struct states_field *fields;  // NULL: none
    enum states_next (*run)(struct states_call *call);
};
extern const struct states_op states_machine_ops[], states_version_ops[], states_alias_ops[],
    states_tag_ops[], states_validate_ops[], states_activity_ops[], states_execution_ops[],
    states_history_ops[], states_map_run_ops[];

// On the engine's thread, inside its transaction. False: nothing of it happens; states_refuse() was
// called, or `err` is the store's.
typedef bool (*states_record_fn)(struct states_call *call, const struct store *store,
                                 int64_t now_us, struct sr_err *err);
// On the engine's thread, after the commit, or when the request failed (reply->done is false).
typedef void (*states_reply_fn)(struct states_call *call, const struct engine_reply *reply);

struct states_call {
    struct states_api *api;
    const struct states_op *op;
    json_t *request;  // an object
    states_answer_fn answer;
    void *self;
    char *arn;  // for the audit log; NULL: nothing
    // The answer: a result, or a refusal.
    json_t *result;
    const char *error;  // NULL: none; a literal
    int status;
    struct sr_str message;  // of the refusal
    // The handler's, while the call waits.
    states_record_fn record;
    states_reply_fn reply;
    json_t *note;  // NULL: nothing; freed with the call
    void *state;   // freed by `state_free`
    void (*state_free)(void *state);
};

// --- answers ---
// Delivers what stands in the call, and frees it. Gives what the receiver said.
bool states_finish(struct states_call *call);
// The result of the call; takes `result`, NULL is out of memory.
enum states_next states_result(struct states_call *call, json_t *result);
// HTTP 400 with AWS's error type, a literal. Gives false, for use in chains of checks.
bool states_refuse(struct states_call *call, const char *error, const char *format, ...)
    SR_PRINTF(3, 4);
// The same with `prefix`, `bytes` of text as they are (NULs included), `suffix`.
bool states_refuse_text(struct states_call *call, const char *error, const char *prefix,
                        const char *text, size_t bytes, const char *suffix);
// What AWS calls an internal failure, throttling or unavailability. Gives false.
bool states_refuse_err(struct states_call *call, const struct sr_err *err);

// --- work on the engine's thread ---
// `fn` in the engine's transaction, then the call is finished: with the result or refusal that `fn`
// left, or an internal failure when the commit fails.
enum states_next states_record(struct states_call *call, states_record_fn fn);
// Asks the engine (request->reply and ->self are set here); `fn` leaves the answer in the call,
// which is then finished.
enum states_next states_ask(struct states_call *call, struct engine_request *request,
                            states_reply_fn fn);

// --- reading what is committed ---
const struct store *states_reader_lock(struct states_api *api) SR_ACQUIRE(api->lock);
void states_reader_unlock(struct states_api *api) SR_RELEASE(api->lock);

// --- the request ---
// Checks it against op->fields; refuses with SerializationException or ValidationException.
bool states_check(struct states_call *call);
const char *states_text(const struct states_call *call, const char *name);  // NULL: absent
size_t states_text_bytes(const struct states_call *call, const char *name);
int64_t states_int(const struct states_call *call, const char *name, int64_t absent);
bool states_bool(const struct states_call *call, const char *name);  // false: absent
// The text of an ARN of one of `kinds` (a sum of enum states_arn_kind), else NULL and InvalidArn.
// The audit log gets it. `ret_arn` may be NULL.
const char *states_arn(struct states_call *call, const char *name, unsigned kinds,
                       struct states_arn *ret_arn);
// Refuses with InvalidName what may not be the name of a machine, execution or activity.
bool states_name_check(struct states_call *call, const char *name);
void states_audit(struct states_call *call, const char *arn);  // copies; out of memory: nothing

// --- pages ---
// Entries of a page, and the position of the last one.
struct states_list {
    struct states_call *call;
    json_t *items;
    size_t size;
    char *last;
    bool more;  // than fit
};
void states_list_done(struct states_list *list);
SR_DEFINE_AUTO_VALUE(states_list, struct states_list, states_list_done);
// Takes `entry`. False: the page is full (the reading ends there), or out of memory.
bool states_list_add(struct states_list *list, json_t *entry, const char *position,
                     struct sr_err *err);
// Adds what stands behind `start` ("": all). It may refuse the call.
typedef bool (*states_list_fn)(const struct store *reader, struct states_list *list,
                               const char *start, struct sr_err *err);
// {MEMBER: [...], "nextToken"}: maxResults of them, or 100. A token is good for the operation and
// the request that it was given for, nextToken and maxResults apart; any other is InvalidToken.
enum states_next states_list(struct states_call *call, const char *member, states_list_fn read);
#define STATES_PAGE_FIELDS                                                                         \
    { .name = "maxResults", .type = STATES_INT, .max = 1000 },                                     \
    {                                                                                              \
        .name = "nextToken", .type = STATES_TEXT, .min = 1, .max = 1024                            \
    }

// --- values ---
json_t *states_time(int64_t wall_us);  // seconds since 1970, with milliseconds
SR_MUST_USE bool states_uuid(int64_t wall_us, char text[37], struct sr_err *err);

// --- machines (states_machine_read.c) ---
struct states_machine {  // strings owned; NULL: none
    int64_t revision, created_us, revised_us;
    int type;  // enum asl_machine_type
    char *arn, *name, *definition, *role, *uuid, *settings;
};
void states_machine_done(struct states_machine *machine);
SR_DEFINE_AUTO_VALUE(states_machine, struct states_machine, states_machine_done);
// By its ARN, refused with StateMachineDoesNotExist.
bool states_machine_get(struct states_call *call, const struct store *store, const char *arn,
                        struct states_machine *ret_machine, struct sr_err *err);
// What both DescribeStateMachine and DescribeStateMachineForExecution say of a revision: definition
// (not when `metadata_only`), name, roleArn, revisionId, the configurations, variableReferences.
SR_MUST_USE bool states_machine_json(const struct store_machine *machine, bool metadata_only,
                                     json_t **ret_json, struct sr_err *err);
bool states_no_machine(struct states_call *call, const char *arn);  // refuses
// Finds the version of a revision that is there, or makes one. `description` NULL: none.
bool states_publish(struct states_call *call, const struct store *store, const char *machine,
                    int64_t revision, const char *description, int64_t now_us, char **ret_arn,
                    int64_t *ret_created_us, struct sr_err *err);
// The request's tags for a resource, TooManyTags when there would be too many.
extern const struct states_field states_tag_fields[], states_encryption_fields[];
bool states_tags_put(struct states_call *call, const struct store *store, const char *arn,
                     const char *member, struct sr_err *err);

// --- executions (states_execution.c) ---
bool states_no_execution(struct states_call *call, const char *arn);  // refuses
// states_map_run.c: the children of a map run, for ListExecutions.
bool states_children_read(const struct store *reader, struct states_list *list, const char *start,
                          struct sr_err *err);
int states_status(const char *name);  // -1: NULL, or none

// --- limits ---
enum {
    STATES_MACHINES_MAX = 10000,
    STATES_ACTIVITIES_MAX = 10000,
    STATES_VERSIONS_MAX = 1000,  // of a machine
    STATES_ALIASES_MAX = 100,    // of a machine
    STATES_TAGS_MAX = 50,        // of a resource
    STATES_DEFINITION_MAX = 1024 * 1024,
    STATES_ARN_MAX = 256,
};

// --- texts ---
#define STATES_INVALID_TOKEN "Invalid Token: 'Invalid token'"
