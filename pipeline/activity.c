#include "pipeline/activity.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/activity_priv.h"
#include "transcode/media_log.h"

enum { HOUR = 3600, PULSE = 60 };

// The flow's file has the same names; activity_test compares.
static const struct activity table[] = {
    { "probe", 1 * HOUR, PULSE, false, false, activity_probe },
    { "plan", 6 * HOUR, PULSE, false, false, activity_plan },
    { "segment", 6 * HOUR, PULSE, true, false, activity_segment },
    { "quick-segment", 6 * HOUR, PULSE, true, false, activity_segment },
    { "audio", 24 * HOUR, PULSE, true, false, activity_audio },
    { "quick-audio", 24 * HOUR, PULSE, true, false, activity_audio },
    { "note", 60, PULSE, false, false, activity_note },
    { "join", 24 * HOUR, PULSE, true, false, activity_join },
    { "verify", 24 * HOUR, PULSE, false, false, activity_verify },
    { "publish", 24 * HOUR, PULSE, false, false, activity_publish },
    { "clean", 1 * HOUR, PULSE, false, false, activity_clean },
    { "notify", 60, PULSE, false, true, activity_notify },
};

const struct activity *activity_at(size_t index)
{
    return index < sizeof(table) / sizeof(table[0]) ? &table[index] : NULL;
}

const struct activity *activity_find(const char *name)
{
    const size_t prefix = strlen(ACTIVITY_PREFIX);
    if (strncmp(name, ACTIVITY_PREFIX, prefix) == 0)
        name += prefix;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

bool activity_slot_new(const struct activity_env *env, struct activity_slot **ret,
                       struct sr_err *err)
{
    struct activity_slot *const slot = calloc(1, sizeof(*slot));
    if (!slot)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a slot");
    slot->env = *env;
    if (!slot->env.clock)
        slot->env.clock = sr_clock_system();
    *ret = slot;
    return true;
}

void activity_slot_free(struct activity_slot *slot)
{
    if (!slot)
        return;
    activity_job_free(slot->open);
    json_decref(slot->ref);
    free(slot);
}

// Of a shared job there is only the one.
static bool find_shared(struct activity_call *call, const struct jx *ref, struct sr_err *err)
{
    const char *id;
    if (!jx_text(ref, "id", &id, err))
        return false;
    if (strcmp(id, call->slot->env.job->id) != 0)
        return jx_fail(ref, err, "is job %.64s; this process works on %s", id,
                       call->slot->env.job->id);
    call->open = call->slot->env.job;
    return true;
}

// Fills call->open.
static bool open_job(struct activity_call *call, struct sr_err *err)
{
    struct activity_slot *const slot = call->slot;
    struct jx ref;
    if (!jx_object(&call->params, "job", &ref, err))
        return false;
    if (slot->env.job)
        return find_shared(call, &ref, err);
    if (!slot->open || !json_equal(slot->ref, ref.value)) {
        activity_job_free(slot->open);
        slot->open = NULL;
        json_decref(slot->ref);
        slot->ref = json_deep_copy(ref.value);
        if (!jx_made(slot->ref, err) || !activity_job_open(&slot->env, &ref, &slot->open, err))
            return false;
    }
    call->open = slot->open;
    return true;
}

bool activity_run(struct activity_slot *slot, const char *name, const json_t *params,
                  json_t **ret_result, struct sr_err *err)
{
    const struct activity *const activity = activity_find(name);
    struct activity_call call = { .slot = slot, .params = jx_root(params) };
    sr_auto(json) json_t *result = NULL;
    if (!activity)
        return sr_fail(err, SR_ERR_NOT_FOUND, "there is no activity %.80s", name);
    const struct sr_log *const before = media_log_set(slot->env.log);
    const bool done = open_job(&call, err) && activity->run(&call, &result, err);
    (void)media_log_set(before);
    if (done)
        *ret_result = sr_take(result);
    return done;
}
