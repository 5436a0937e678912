#include "statemachine/engine_activity.h"

#include <stdlib.h>
#include <string.h>

struct offer {
    struct offer *next;
    struct engine_ref ref;
};

struct ask {
    struct ask *next;
    struct engine_poll poll;
    char *worker;
};

struct activity {
    struct activity *next;
    char *arn;
    struct offer *first_offer, *last_offer;
    struct ask *first_ask, *last_ask;
    size_t offer_count;
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
        for (struct offer *offer; (offer = activity->first_offer);) {
            activity->first_offer = offer->next;
            free(offer);
        }
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

bool engine_activities_offer(struct engine_activities *activities, const char *arn,
                             struct engine_ref ref, bool at_head, struct sr_err *err)
{
    struct activity *activity = find_or_make(activities, arn, err);
    struct offer *offer = activity ? calloc(1, sizeof *offer) : NULL;
    if (!offer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "activity %s", arn);
    offer->ref = ref;
    activity->offer_count++;
    if (!activity->first_offer) {
        activity->first_offer = activity->last_offer = offer;
    } else if (at_head) {
        offer->next = activity->first_offer;
        activity->first_offer = offer;
    } else {
        activity->last_offer->next = offer;
        activity->last_offer = offer;
    }
    return true;
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
        struct offer *offer = activity->first_offer;
        struct ask *ask = activity->first_ask;
        char *arn = offer && ask ? strdup(activity->arn) : NULL;
        if (!arn)
            continue;
        activity->first_offer = offer->next;
        activity->last_offer = offer->next ? activity->last_offer : NULL;
        activity->first_ask = ask->next;
        activity->last_ask = ask->next ? activity->last_ask : NULL;
        activity->offer_count--;
        *ret_match = (struct engine_match){ offer->ref, ask->poll, ask->worker, arn };
        free(offer);
        free(ask);
        return true;
    }
    return false;
}

bool engine_activities_ready(const struct engine_activities *activities)
{
    for (const struct activity *activity = activities->first; activity; activity = activity->next) {
        if (activity->first_offer && activity->first_ask)
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

size_t engine_activities_waiting(const struct engine_activities *activities, const char *arn)
{
    const struct activity *activity = find(activities, arn);
    return activity ? activity->offer_count : 0;
}

void engine_activities_each(const struct engine_activities *activities,
                            bool (*fn)(void *self, const char *arn, size_t tasks, size_t polls,
                                       struct engine_ref oldest),
                            void *self)
{
    for (const struct activity *activity = activities->first; activity; activity = activity->next) {
        size_t polls = 0;
        for (const struct ask *ask = activity->first_ask; ask; ask = ask->next)
            polls++;
        const struct engine_ref oldest =
            activity->first_offer ? activity->first_offer->ref : (struct engine_ref){ 0 };
        if (!fn(self, activity->arn, activity->offer_count, polls, oldest))
            return;
    }
}
