// What jobs ask of the engine: state machines and activities, starts and stops.
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/activity.h"
#include "pipeline/flow.h"
#include "pipeline/workspace.h"
#include "service/jobs_priv.h"
#include "service/states_priv.h"

// Activities and state machines ------------------------------------------------------------------

struct machines {
    struct jobs *jobs;
    char *definition;  // of both
    struct jobs_message *answer;
};

static const char *const names[2] = { JOBS_MACHINE, JOBS_CLEAN_MACHINE };

static void machines_free(struct machines *machines)
{
    if (!machines)
        return;
    free(machines->definition);
    jobs_message_free(machines->answer);
    free(machines);
}
SR_DEFINE_AUTO(machines, struct machines, machines_free);

static bool is_there(void *self, const struct store_activity *activity, struct sr_err *err)
{
    (void)self;
    (void)activity;
    (void)err;
    return true;
}

static bool put_activity(const struct jobs *jobs, const struct store *store, const char *name,
                         int64_t now_us, struct sr_err *err)
{
    struct sr_err missing = { 0 };
    sr_auto(char) char *full = sr_strf(err, ACTIVITY_PREFIX "%s", name);
    sr_auto(char) char *arn = full ? sr_strf(err, "%s:activity:%s", jobs->arn_prefix, full) : NULL;
    if (!arn)
        return false;
    if (store->ops->activity_get(store->self, arn, is_there, NULL, &missing))
        return true;
    if (missing.code != SR_ERR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    const struct store_activity activity = { .arn = arn, .name = full, .created_us = now_us };
    return store->ops->activity_put(store->self, &activity, err);
}

struct found {
    const char *definition;  // wanted
    bool is_there, is_same;
    int64_t created_us;
    char *role;
};

static bool found_machine(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct found *const found = self;
    found->is_there = true;
    found->is_same = strcmp(machine->definition, found->definition) == 0;
    found->created_us = machine->created_us;
    found->role = machine->role ? sr_str_dup(machine->role, err) : NULL;
    return !machine->role || found->role;
}

// Executions that run keep the definition that they were started with.
static bool put_machine(const struct jobs *jobs, const struct store *store, const char *name,
                        const char *definition, int64_t now_us, struct sr_err *err)
{
    struct found found = { .definition = definition };
    struct sr_err missing = { 0 };
    char uuid[37];
    int64_t revision;
    sr_auto(char) char *arn = sr_strf(err, "%s:stateMachine:%s", jobs->arn_prefix, name);
    sr_auto(char) char *role = sr_strf(err, "arn:aws:iam::%s:role/splitreel", jobs->params.account);
    if (!arn || !role)
        return false;
    const bool got = store->ops->machine_get(store->self, arn, found_machine, &found, &missing);
    sr_auto(char) char *old_role = found.role;
    if (!got && missing.code != SR_ERR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    if (found.is_same)
        return true;
    if (!states_uuid(now_us, uuid, err))
        return false;
    const struct store_machine machine = {
        .arn = arn,
        .name = name,
        .definition = definition,
        .role = old_role ? old_role : role,
        .type = ASL_STANDARD,
        .uuid = found.is_there ? uuid : NULL,
        .created_us = found.is_there ? found.created_us : now_us,
        .revised_us = now_us,
    };
    return store->ops->machine_put(store->self, &machine, &revision, err);
}

// On the engine's thread, in its transaction: all of it or nothing.
static bool make(void *self, const struct store *store, int64_t now_us, struct sr_err *err)
{
    const struct machines *const machines = self;
    const struct activity *activity;
    for (size_t i = 0; (activity = activity_at(i)); i++) {
        if (!put_activity(machines->jobs, store, activity->name, now_us, err))
            return false;
    }
    for (size_t i = 0; i < 2; i++) {
        if (!put_machine(machines->jobs, store, names[i], machines->definition, now_us, err))
            return sr_err_wrap(err, "%s", names[i]);
    }
    return true;
}

// Posts that it was answered: what was asked of the engine always has room.
static void post_reply(struct jobs_message *message, const struct engine_reply *reply)
{
    struct sr_err ignored = { 0 };
    message->done = reply->done;
    message->err = reply->err;
    sr_ignore(jobs_post(message->jobs, message, &ignored));
}

static void made(void *self, const struct engine_reply *reply)
{
    struct machines *const machines = self;
    post_reply(sr_take(machines->answer), reply);
    machines_free(machines);
}

bool jobs_ask_machines(struct jobs *jobs, struct sr_err *err)
{
    sr_auto(machines) struct machines *machines = calloc(1, sizeof *machines);
    sr_auto(char) char *activities = sr_strf(err, "%s:activity:", jobs->arn_prefix);
    if (!machines || !activities)
        return sr_fail(err, SR_ERR_NO_MEMORY, "state machines");
    const struct flow_params flow = { .activities = activities };
    machines->jobs = jobs;
    machines->answer = jobs_message_new(jobs, JOBS_READY, "", 0, err);
    if (!machines->answer || !flow_transcode(&flow, &machines->definition, err))
        return false;
    const struct engine_request request = {
        .kind = ENGINE_RECORD, .record = make, .reply = made, .self = machines
    };
    if (!engine_ask(jobs->params.engine, &request, err))
        return false;
    (void)sr_take(machines);  // the engine's, until it answers
    return true;
}

// Executions -------------------------------------------------------------------------------------

char *jobs_execution(const struct jobs *jobs, const char *id, int64_t attempt, bool clean,
                     struct sr_err *err)
{
    return sr_strf(err, "%s:execution:%s:%s-%" PRId64 "%s", jobs->arn_prefix,
                   clean ? JOBS_CLEAN_MACHINE : JOBS_MACHINE, id, attempt, clean ? "-clean" : "");
}

// With it the flow does only what is left to do.
static bool put_failure(json_t *input, struct sr_err *err)
{
    json_t *const failure = json_object();
    return jx_put(input, "failure", failure, err) &&
           jx_put(failure, "Error", json_string(sr_err_row(SR_ERR_CANCELLED)->flow_error), err) &&
           jx_put(failure, "Cause", json_string("cancelled on request"), err);
}

// As the workspace gets it: what processes of jobs may write there since then does not count.
static bool put_manifest(json_t *job, const struct job_row *row, struct sr_err *err)
{
    sr_auto(json) json_t *manifest = NULL;
    char sha256[SR_SHA256_HEX];
    return jx_parse(row->manifest, strlen(row->manifest), false, &manifest, err) &&
           workspace_note_sha256(manifest, sha256, err) &&
           jx_put(job, "manifest", json_string("manifest.json"), err) &&
           jx_put(job, "manifest_sha256", json_string(sha256), err);
}

// The same each time for the same row: so a start that is repeated is met again.
char *jobs_input(const struct jobs *jobs, const struct job_row *row, bool is_clean,
                 struct sr_err *err)
{
    char *text = NULL;
    sr_auto(json) json_t *input = json_object();
    json_t *const job = json_object();
    if (!jx_put(input, "job", job, err) || !jx_put(job, "id", json_string(row->id), err) ||
        !jx_put(job, "workspace", jx_string(row->workspace), err) || !put_manifest(job, row, err) ||
        !jx_put(job, "correlation", jx_string(row->correlation), err) ||
        (row->overwrite && !jx_put(job, "overwrite", json_true(), err)) ||
        (row->strict && !jx_put(job, "strict", json_true(), err)) ||
        (!jobs->params.config->share_parts && !jx_put(job, "own_parts", json_true(), err)) ||
        (row->traceparent && !jx_put(job, "traceparent", jx_string(row->traceparent), err)) ||
        !jx_put(job, "priority", json_integer(row->priority), err) ||
        (row->slots > 1 && !is_clean &&
         !jx_put(job, "slots", json_integer((json_int_t)row->slots), err)) ||
        (is_clean && !put_failure(input, err)) || !jx_dump(input, false, &text, err))
        return NULL;
    return text;
}

static void ended(void *self, const struct engine_outcome *outcome)
{
    struct jobs_message *const watch = self;
    struct sr_err ignored = { 0 };
    if (outcome)
        sr_ignore(jobs_post(watch->jobs, watch, &ignored));  // always has room
    else
        jobs_message_free(watch);
}

static void started(void *self, const struct engine_reply *reply)
{
    struct jobs_message *const message = self;
    if (!reply->done)
        jobs_message_free(message->watch);  // the engine does not keep it then
    message->watch = NULL;
    post_reply(message, reply);
}

bool jobs_ask_start(struct jobs *jobs, const struct job_row *row, bool is_clean, struct sr_err *err)
{
    sr_auto(char) char *arn = sr_strf(err, "%s:stateMachine:%s", jobs->arn_prefix,
                                      is_clean ? JOBS_CLEAN_MACHINE : JOBS_MACHINE);
    sr_auto(char) char *name =
        sr_strf(err, "%s-%" PRId64 "%s", row->id, row->attempt, is_clean ? "-clean" : "");
    sr_auto(char) char *input = jobs_input(jobs, row, is_clean, err);
    sr_auto(jobs_message) struct jobs_message *watch =
        jobs_message_new(jobs, JOBS_ENDED, row->id, row->attempt, err);
    sr_auto(jobs_message) struct jobs_message *message =
        jobs_message_new(jobs, JOBS_STARTED, row->id, row->attempt, err);
    if (!arn || !name || !input || !watch || !message)
        return false;
    watch->is_clean = message->is_clean = is_clean;
    message->watch = watch;
    const struct engine_request request = { .kind = ENGINE_START,
                                            .arn = arn,
                                            .name = name,
                                            .text = input,
                                            .ended = ended,
                                            .ended_self = watch,
                                            .reply = started,
                                            .self = message };
    if (!engine_ask(jobs->params.engine, &request, err)) {
        message->watch = NULL;
        return false;
    }
    (void)sr_take(watch);  // the engine's, until they are answered
    (void)sr_take(message);
    return true;
}

static void stopped(void *self, const struct engine_reply *reply)
{
    post_reply(self, reply);
}

bool jobs_ask_stop(struct jobs *jobs, const struct job_row *row, int64_t settle_us,
                   struct sr_err *err)
{
    sr_auto(char) char *arn = jobs_execution(jobs, row->id, row->attempt, false, err);
    sr_auto(jobs_message) struct jobs_message *message =
        jobs_message_new(jobs, JOBS_STOPPED, row->id, row->attempt, err);
    if (!arn || !message)
        return false;
    message->settle_us = settle_us;
    const struct engine_request request = { .kind = ENGINE_STOP,
                                            .arn = arn,
                                            .error = "Splitreel.Cancelled",
                                            .cause = "cancelled on request",
                                            .reply = stopped,
                                            .self = message };
    if (!engine_ask(jobs->params.engine, &request, err))
        return false;
    (void)sr_take(message);
    return true;
}
