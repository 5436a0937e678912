// statemachine/engine_activity.h - activities: tasks that wait for a worker, and workers that wait
// for a task.
#pragma once

#include "statemachine/engine_resource.h"

// A worker's question for a task. `answer` is called once, on the engine's thread: with the task,
// once it is committed that this worker has it, or with NULL when the time is over or the engine
// ends; never when the request's reply says that it failed. False: it could not be delivered, and
// the task goes back to the head of its queue at once.
struct engine_poll {
    const char *worker;  // NULL: none; copied
    int64_t until_us;    // wall time
    bool (*answer)(void *self, const struct engine_task *task);
    void *self;
};

struct engine_activities;

SR_MUST_USE bool engine_activities_new(struct engine_activities **ret_activities,
                                       struct sr_err *err);
// Answers every poll with NULL.
void engine_activities_free(struct engine_activities *activities);
SR_DEFINE_AUTO(engine_activities, struct engine_activities, engine_activities_free);

SR_MUST_USE bool engine_activities_offer(struct engine_activities *activities, const char *arn,
                                         struct engine_ref ref, bool at_head, struct sr_err *err);
SR_MUST_USE bool engine_activities_ask(struct engine_activities *activities, const char *arn,
                                       const struct engine_poll *poll, struct sr_err *err);

// A worker and a task that have found each other; `poll` and `worker` are the caller's to answer
// and free.
struct engine_match {
    struct engine_ref ref;
    struct engine_poll poll;
    char *worker;
    char *arn;
};
// False: no worker waits where a task does. Oldest first.
bool engine_activities_match(struct engine_activities *activities, struct engine_match *ret_match);
bool engine_activities_ready(
    const struct engine_activities *activities);  // whether there is a match
void engine_match_done(struct engine_match *match);

// Answers polls whose time is over; gives when the next one's is (INT64_MAX: none).
int64_t engine_activities_expire(struct engine_activities *activities, int64_t now_us);
size_t engine_activities_waiting(const struct engine_activities *activities,
                                 const char *arn);  // tasks
// Each activity that has been used: its tasks, the polls that wait, its oldest task. False stops
// it.
void engine_activities_each(const struct engine_activities *activities,
                            bool (*fn)(void *self, const char *arn, size_t tasks, size_t polls,
                                       struct engine_ref oldest),
                            void *self);
