#include "pipeline/run_slots.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

enum slot_kind { SLOT_LIGHT, SLOT_TRACK, SLOT_HEAVY };  // the index of the first of each

struct slot {
    struct run_slots *slots;
    enum slot_kind kind;
    struct activity_slot *activities;
    struct sr_thread *thread;
    struct run_task *task;  // its thread only
};

struct run_slots {
    struct run_slots_params params;
    struct sr_mutex lock;
    struct sr_cond changed;
    bool has_lock, has_cond;
    size_t heavy_started;  // the owner's thread only, as all of `list`'s thread handles
    struct slot *list;     // by kind
    struct {
        struct run_task *first;
        size_t heavy_waiting, heavy_running, running;
        bool track_is_free;  // the slot for tracks is there, and waits
        bool drains, ends;
    } synced;  // under `lock`
};

static void task_free(struct run_task *task)
{
    if (task)
        json_decref(task->params);
    free(task);
}

static bool is_heavy(const struct run_task *task)
{
    return task->activity && task->activity->is_heavy;
}

static bool is_track(const struct run_task *task)
{
    return json_object_get(task->params, "audio") != NULL;
}

// What can run beside parts: what looks at no part.
static bool is_beside(const struct run_task *task)
{
    return !task->activity || strcmp(task->activity->name, "note") == 0;
}

static bool fits_locked(const struct run_slots *slots, const struct slot *slot,
                        const struct run_task *task) SR_REQUIRES(slots->lock)
{
    switch (slot->kind) {
    case SLOT_LIGHT:
        return !is_heavy(task) && (is_beside(task) || slots->synced.heavy_running == 0);
    case SLOT_TRACK: return is_track(task);
    case SLOT_HEAVY: break;
    }
    return is_heavy(task) && !(is_track(task) && slots->synced.track_is_free);
}

// NULL: nothing for this slot now.
static struct run_task *take_locked(struct run_slots *slots, const struct slot *slot)
    SR_REQUIRES(slots->lock)
{
    struct run_task **best = NULL;
    for (struct run_task **at = &slots->synced.first; *at; at = &(*at)->next) {
        if (fits_locked(slots, slot, *at) && (!best || (is_track(*at) && !is_track(*best))))
            best = at;
    }
    if (!best || slots->synced.drains)
        return NULL;
    struct run_task *const task = *best;
    *best = task->next;
    slots->synced.running++;
    slots->synced.heavy_running += is_heavy(task);
    slots->synced.heavy_waiting -= is_heavy(task);
    if (slot->kind == SLOT_TRACK)
        slots->synced.track_is_free = false;
    return task;
}

static void on_progress(void *self, const json_t *event)
{
    struct slot *const slot = self;
    const struct run_slots_params *const params = &slot->slots->params;
    params->told(params->self, slot->task, event);
}

static void work(struct slot *slot, struct run_task *task)
{
    const struct run_slots_params *const params = &slot->slots->params;
    sr_auto(json) json_t *result = NULL;
    struct sr_err err = { 0 };
    slot->task = task;
    params->began(params->self, task);
    const bool done = task->activity ? activity_run(slot->activities, task->activity->name,
                                                    task->params, &result, &err)
                                     : task->work(params->self, task->params, &result, &err);
    params->ended(params->self, task, done ? result : NULL, &err);
    task_free(task);
}

static void run(void *arg)
{
    struct slot *const slot = arg;
    struct run_slots *const slots = slot->slots;
    sr_lock(&slots->lock);
    while (!slots->synced.ends) {
        struct run_task *const task = take_locked(slots, slot);
        if (!task) {
            sr_cond_wait(&slots->changed, &slots->lock);
            continue;
        }
        const bool was_heavy = is_heavy(task);
        sr_unlock(&slots->lock);
        work(slot, task);
        sr_lock(&slots->lock);
        slots->synced.running--;
        slots->synced.heavy_running -= was_heavy;
        if (slot->kind == SLOT_TRACK)
            slots->synced.track_is_free = true;
        sr_cond_broadcast(&slots->changed);
    }
    sr_unlock(&slots->lock);
}

static bool start(struct run_slots *slots, size_t index, struct sr_err *err)
{
    struct slot *const slot = &slots->list[index];
    const struct activity_env env = {
        .cancel = slots->params.open->cancel,
        .clock = slots->params.clock,
        .log = slots->params.log,
        .progress = on_progress,
        .progress_self = slot,
        .job = slots->params.open,
    };
    slot->slots = slots;
    slot->kind = index < SLOT_HEAVY ? (enum slot_kind)index : SLOT_HEAVY;
    static const char *const names[] = { "job", "track", "encode" };
    if (activity_slot_new(&env, &slot->activities, err) &&
        sr_thread_start(names[slot->kind], run, slot, &slot->thread, err))
        return true;
    activity_slot_free(slot->activities);
    *slot = (struct slot){ 0 };
    return false;
}

bool run_slots_new(const struct run_slots_params *params, struct run_slots **ret_slots,
                   struct sr_err *err)
{
    sr_auto(run_slots) struct run_slots *slots = calloc(1, sizeof(*slots));
    if (!slots)
        return sr_fail(err, SR_ERR_NO_MEMORY, "slots");
    slots->params = *params;
    slots->list = calloc(SLOT_HEAVY + params->heavy_count, sizeof(*slots->list));
    if (!slots->list)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu slots", params->heavy_count);
    slots->has_lock = sr_mutex_init(&slots->lock, err);
    slots->has_cond = slots->has_lock && sr_cond_init(&slots->changed, err);
    if (!slots->has_cond || !start(slots, SLOT_LIGHT, err))
        return false;
    *ret_slots = sr_take(slots);
    return true;
}

static void end_threads(struct run_slots *slots)
{
    sr_lock(&slots->lock);
    slots->synced.ends = true;
    sr_cond_broadcast(&slots->changed);
    sr_unlock(&slots->lock);
    for (size_t i = 0; i < SLOT_HEAVY + slots->params.heavy_count; i++) {
        sr_thread_join(slots->list[i].thread);
        activity_slot_free(slots->list[i].activities);
    }
}

void run_slots_free(struct run_slots *slots)
{
    if (!slots)
        return;
    if (slots->has_cond)
        end_threads(slots);
    while (slots->synced.first) {
        struct run_task *const task = slots->synced.first;
        slots->synced.first = task->next;
        task_free(task);
    }
    if (slots->has_cond)
        sr_cond_done(&slots->changed);
    if (slots->has_lock)
        sr_mutex_done(&slots->lock);
    free(slots->list);
    free(slots);
}

// A thread for tracks, once there is one to encode.
static void want_track_slot(struct run_slots *slots)
{
    if (slots->params.heavy_count < 2 || slots->list[SLOT_TRACK].thread)
        return;
    struct sr_err why = { 0 };
    if (!start(slots, SLOT_TRACK, &why)) {
        sr_warn(slots->params.log, "no thread for tracks", SR_ERR(&why));
        return;
    }
    sr_lock(&slots->lock);
    slots->synced.track_is_free = true;
    sr_unlock(&slots->lock);
}

bool run_slots_add(struct run_slots *slots, struct run_task *task, struct sr_err *err)
{
    task->next = NULL;
    if (is_track(task))
        want_track_slot(slots);
    sr_lock(&slots->lock);
    struct run_task **at = &slots->synced.first;
    while (*at)
        at = &(*at)->next;
    *at = task;
    slots->synced.heavy_waiting += is_heavy(task);
    const bool wants_thread =
        is_heavy(task) && slots->heavy_started < slots->params.heavy_count &&
        slots->synced.heavy_waiting + slots->synced.heavy_running > slots->heavy_started;
    sr_cond_broadcast(&slots->changed);
    sr_unlock(&slots->lock);
    if (!wants_thread)
        return true;
    struct sr_err why = { 0 };
    if (start(slots, SLOT_HEAVY + slots->heavy_started, &why)) {
        slots->heavy_started++;
        return true;
    }
    if (slots->heavy_started == 0) {
        *err = why;
        return false;
    }
    sr_warn(slots->params.log, "fewer threads than asked for", SR_ERR(&why));
    return true;
}

void run_slots_drop(struct run_slots *slots, struct engine_ref ref)
{
    struct run_task *dropped = NULL;
    sr_lock(&slots->lock);
    for (struct run_task **at = &slots->synced.first; *at; at = &(*at)->next) {
        if ((*at)->ref.execution != ref.execution || (*at)->ref.op != ref.op)
            continue;
        dropped = *at;
        *at = dropped->next;
        slots->synced.heavy_waiting -= is_heavy(dropped);
        break;
    }
    sr_unlock(&slots->lock);
    task_free(dropped);
}

void run_slots_drain(struct run_slots *slots)
{
    sr_lock(&slots->lock);
    slots->synced.drains = true;
    sr_unlock(&slots->lock);
}

bool run_slots_are_idle(struct run_slots *slots)
{
    sr_lock(&slots->lock);
    const bool idle = slots->synced.running == 0;
    sr_unlock(&slots->lock);
    return idle;
}
