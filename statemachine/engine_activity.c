#include "statemachine/engine_activity.h"

#include <stdlib.h>
#include <string.h>

struct ask {
    struct ask *next;
    struct engine_poll poll;
    char *worker;
};

struct activity {
    struct activity *next;
    char *arn;
    struct engine_timers offers;  // at their turns
    struct ask *first_ask, *last_ask;
};

struct engine_activities {
    struct activity *first;
};

bool engine_activities_new(struct engine_activities **ret_activities, struct sr_err *err)
{
    struct engine_activities *activities = calloc(1, sizeof *activities);
    if (!activities)
        return sr_fail(err, SR_ERR_NO_MEMORY, "activities");
    *ret_activities = activities;
    return true;
}

static void ask_free(struct ask *ask)
{
    free(ask->worker);
    free(ask);
}

void engine_activities_free(struct engine_activities *activities)
{
    if (!activities)
        return;
    while (activities->first) {
        struct activity *activity = activities->first;
        activities->first = activity->next;
        engine_timers_done(&activity->offers);
        for (struct ask *ask; (ask = activity->first_ask);) {
            activity->first_ask = ask->next;
            (void)ask->poll.answer(ask->poll.self, NULL);  // nothing was promised
            ask_free(ask);
        }
        free(activity->arn);
        free(activity);
    }
    free(activities);
}

static struct activity *find(const struct engine_activities *activities, const char *arn)
{
    struct activity *activity = activities->first;
    while (activity && strcmp(activity->arn, arn) != 0)
        activity = activity->next;
    return activity;
}

static struct activity *find_or_make(struct engine_activities *activities, const char *arn,
                                     struct sr_err *err)
{
    struct activity *activity = find(activities, arn);
    if (activity)
        return activity;
    activity = calloc(1, sizeof *activity);
    if (!activity || !(activity->arn = strdup(arn))) {
        free(activity);
        (void)sr_fail(err, SR_ERR_NO_MEMORY, "activity %s", arn);
        return NULL;
    }
    activity->next = activities->first;
    activities->first = activity;
    return activity;
}

int64_t engine_turn_us(int64_t created_us, int64_t priority)
{
    return created_us - priority * ENGINE_PRIORITY_STEP_US;
}

bool engine_activities_offer(struct engine_activities *activities, const char *arn,
                             struct engine_ref ref, int64_t turn_us, struct sr_err *err)
{
    struct activity *activity = find_or_make(activities, arn, err);
    return activity &&
           engine_timers_add(
               &activity->offers,
               (struct engine_timer){ turn_us, ref.execution, ref.op, ENGINE_DUE_TIMER }, err);
}

bool engine_activities_ask(struct engine_activities *activities, const char *arn,
                           const struct engine_poll *poll, struct sr_err *err)
{
    struct activity *activity = find_or_make(activities, arn, err);
    struct ask *ask = activity ? calloc(1, sizeof *ask) : NULL;
    if (!ask || (poll->worker && !(ask->worker = strdup(poll->worker)))) {
        free(ask);
        return sr_fail(err, SR_ERR_NO_MEMORY, "activity %s", arn);
    }
    ask->poll = *poll;
    ask->poll.worker = ask->worker;
    if (activity->last_ask)
        activity->last_ask->next = ask;
    else
        activity->first_ask = ask;
    activity->last_ask = ask;
    return true;
}

void engine_match_done(struct engine_match *match)
{
    free(match->worker);
    free(match->arn);
    *match = (struct engine_match){ 0 };
}

bool engine_activities_match(struct engine_activities *activities, struct engine_match *ret_match)
{
    for (struct activity *activity = activities->first; activity; activity = activity->next) {
        struct ask *ask = activity->first_ask;
        struct engine_timer offer = { 0 };
        char *arn = activity->offers.count && ask ? strdup(activity->arn) : NULL;
        if (!arn)
            continue;
        (void)engine_timers_take(&activity->offers, INT64_MAX, &offer);  // there is one
        activity->first_ask = ask->next;
        activity->last_ask = ask->next ? activity->last_ask : NULL;
        *ret_match = (struct engine_match){
            { offer.execution, offer.op }, offer.at_us, ask->poll, ask->worker, arn
        };
        free(ask);
        return true;
    }
    return false;
}

bool engine_activities_ready(const struct engine_activities *activities)
{
    for (const struct activity *activity = activities->first; activity; activity = activity->next) {
        if (activity->offers.count && activity->first_ask)
            return true;
    }
    return false;
}

int64_t engine_activities_expire(struct engine_activities *activities, int64_t now_us)
{
    int64_t next_us = INT64_MAX;
    for (struct activity *activity = activities->first; activity; activity = activity->next) {
        struct ask **place = &activity->first_ask;
        activity->last_ask = NULL;
        for (struct ask *ask; (ask = *place);) {
            if (ask->poll.until_us <= now_us) {
                *place = ask->next;
                (void)ask->poll.answer(ask->poll.self, NULL);  // nothing was promised
                ask_free(ask);
                continue;
            }
            next_us = ask->poll.until_us < next_us ? ask->poll.until_us : next_us;
            activity->last_ask = ask;
            place = &ask->next;
        }
    }
    return next_us;
}

void engine_activities_each(const struct engine_activities *activities,
                            bool (*fn)(void *self, const char *arn,
                                       const struct engine_timers *tasks, size_t polls),
                            void *self)
{
    for (const struct activity *activity = activities->first; activity; activity = activity->next) {
        size_t polls = 0;
        for (const struct ask *ask = activity->first_ask; ask; ask = ask->next)
            polls++;
        if (!fn(self, activity->arn, &activity->offers, polls))
            return;
    }
}
