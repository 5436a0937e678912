#include "statemachine/engine_replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_audit.h"
#include "statemachine/asl_parse.h"

struct replay {
    const struct store *store;
    int64_t id, revision, next_seq;
    char *arn, *name, *machine, *machine_name, *role;
    struct asl_def *def;
    struct asl_exec *exec;
    struct asl_audit *audit;
    bool express;
    bool has_tokens;  // the definition speaks of task tokens
    engine_replay_fn fn;
    void *self;
    struct engine_replay_result result;
};

static void replay_done(struct replay *replay)
{
    asl_audit_free(replay->audit);
    asl_exec_free(replay->exec);
    asl_def_free(replay->def);
    free(replay->arn);
    free(replay->name);
    free(replay->machine);
    free(replay->machine_name);
    free(replay->role);
}
SR_DEFINE_AUTO_VALUE(replay, struct replay, replay_done);

static bool on_execution(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct replay *replay = self;
    replay->id = execution->id;
    replay->revision = execution->revision;
    replay->express = execution->express;
    replay->result.stored = (enum asl_status)execution->status;
    replay->arn = sr_str_dup(execution->arn, err);
    replay->name = replay->arn ? sr_str_dup(execution->name, err) : NULL;
    return replay->name != NULL;
}

static bool on_revision(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct replay *replay = self;
    sr_auto(json) json_t *json = NULL;
    replay->has_tokens = strstr(machine->definition, "Task.Token") != NULL;
    replay->machine = sr_str_dup(machine->arn, err);
    replay->machine_name = replay->machine ? sr_str_dup(machine->name, err) : NULL;
    if (!replay->machine_name ||
        (machine->role && !(replay->role = sr_str_dup(machine->role, err))))
        return false;
    return jx_parse(machine->definition, strlen(machine->definition), false, &json, err) &&
           asl_parse(json, &replay->def, err);
}

// --- one entry ---

// What a task is given may hold its token.
static bool may_hold_token(const struct replay *replay, enum asl_event_type type)
{
    return replay->has_tokens &&
           (type == ASL_EVENT_TaskScheduled || type == ASL_EVENT_ActivityScheduled ||
            type == ASL_EVENT_LambdaFunctionScheduled);
}

static bool same_events(const struct replay *replay, const struct asl_effects *effects,
                        const json_t *events, bool *ret_same, struct sr_err *err)
{
    *ret_same = effects->event_count == json_array_size(events);
    for (size_t i = 0; *ret_same && i < effects->event_count; i++) {
        sr_auto(json) json_t *now = NULL, *then = json_copy(json_array_get(events, i));
        if (!jx_made(then, err) || !asl_event_to_json(&effects->events[i], &now, err))
            return false;
        if (may_hold_token(replay, effects->events[i].type) &&
            (json_array_remove(now, json_array_size(now) - 1) != 0 ||
             json_array_remove(then, json_array_size(then) - 1) != 0))
            return sr_fail(err, SR_ERR_INVALID, "an event that is none");
        *ret_same = json_equal(now, then);
    }
    return true;
}

static bool audit(struct replay *replay, const json_t *events, struct sr_err *err)
{
    size_t i;
    json_t *stored;
    json_array_foreach(events, i, stored)
    {
        struct asl_event event = { 0 };
        if (!asl_event_from_json(stored, &event, err))
            return false;
        const bool fits = !replay->result.valid || asl_audit_event(replay->audit, &event, err);
        json_decref(event.details);
        if (!fits && err->code != SR_ERR_VERIFY)
            return false;
        if (!fits) {
            replay->result.valid = false;
            sr_ignore(sr_format(replay->result.why, sizeof replay->result.why, "%s", err->message));
        }
    }
    replay->result.event_count += json_array_size(events);
    return true;
}

static bool on_entry(void *self, int64_t seq, const char *entry, struct sr_err *err)
{
    struct replay *replay = self;
    sr_auto(json) json_t *json = NULL;
    sr_auto(asl_effects) struct asl_effects effects = { 0 };
    struct asl_input input;
    if (seq != replay->next_seq)
        return sr_fail(err, SR_ERR_STORAGE, "the log has a gap at %lld",
                       (long long)replay->next_seq);
    if (!jx_parse(entry, strlen(entry), false, &json, err) ||
        !asl_input_from_json(json_object_get(json, "input"), &input, err) ||
        !asl_exec_apply(replay->exec, &input, &effects, err))
        return sr_err_wrap(err, "entry %lld", (long long)seq);
    const json_t *events = json_object_get(json, "events");
    struct engine_replay_step step = { .seq = seq,
                                       .input = &input,
                                       .effects = &effects,
                                       .events = events,
                                       .status = asl_exec_status(replay->exec),
                                       .thread_count = asl_exec_thread_count(replay->exec) };
    if (!audit(replay, events, err) || !same_events(replay, &effects, events, &step.same, err))
        return sr_err_wrap(err, "entry %lld", (long long)seq);
    replay->next_seq++;
    replay->result.entry_count++;
    replay->result.differing += !step.same;
    return !replay->fn || replay->fn(replay->self, &step, err);
}

static bool open_exec(struct replay *replay, struct sr_err *err)
{
    const struct asl_exec_params params = { .def = replay->def,
                                            .execution_arn = replay->arn,
                                            .execution_name = replay->name,
                                            .role_arn = replay->role,
                                            .machine_arn = replay->machine,
                                            .machine_name = replay->machine_name,
                                            .no_redrive_count = replay->express };
    return asl_exec_new(&params, &replay->exec, err);
}

bool engine_replay(const struct store *store, const char *arn, engine_replay_fn fn, void *self,
                   struct engine_replay_result *ret_result, struct sr_err *err)
{
    sr_auto(replay) struct replay replay = { .store = store, .fn = fn, .self = self };
    replay.result.valid = true;
    if (!store->ops->execution_get(store->self, arn, on_execution, &replay, err) ||
        !store->ops->revision_get(store->self, replay.revision, on_revision, &replay, err) ||
        !open_exec(&replay, err) || !asl_audit_new(&replay.audit, err))
        return false;
    // The log begins where the engine begins it.
    if (!store->ops->log_each(store->self, replay.id, on_entry, &replay, err))
        return false;
    struct sr_err why = { 0 };
    if (replay.result.valid && !asl_audit_end(replay.audit, replay.result.stored, &why)) {
        replay.result.valid = false;
        sr_ignore(sr_format(replay.result.why, sizeof replay.result.why, "%s", why.message));
    }
    replay.result.status = asl_exec_status(replay.exec);
    *ret_result = replay.result;
    return true;
}
