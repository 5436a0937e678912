// statemachine/engine_activity.h - activities: tasks that wait for a worker, and workers that wait
// for a task.
#pragma once

#include "statemachine/engine_resource.h"
#include "statemachine/engine_timer.h"

enum { ENGINE_PRIORITY_DEFAULT = 50, ENGINE_PRIORITY_MAX = 100 };
// What a point of priority is worth: so much time of waiting.
#define ENGINE_PRIORITY_STEP_US ((int64_t)60 * 1000000)
// When it is a task's turn, on a clock of no meaning: who has the smaller one goes first. It is
// told by what the store has of the task, so it is the same after a restart; and only what was made
// less than ENGINE_PRIORITY_MAX steps later can go before it, so every task has its turn.
int64_t engine_turn_us(int64_t created_us, int64_t priority);

// A worker's question for a task. `answer` is called once, on the engine's thread: with the task,
// once it is committed that this worker has it, or with NULL when the time is over or the engine
// ends; never when the request's reply says that it failed. False: it could not be delivered, and
// the task goes back to its place in the queue at once.
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
                                         struct engine_ref ref, int64_t turn_us,
                                         struct sr_err *err);
SR_MUST_USE bool engine_activities_ask(struct engine_activities *activities, const char *arn,
                                       const struct engine_poll *poll, struct sr_err *err);

// A worker and a task that have found each other; `poll` and `worker` are the caller's to answer
// and free.
struct engine_match {
    struct engine_ref ref;
    int64_t turn_us;
    struct engine_poll poll;
    char *worker;
    char *arn;
};
// False: no worker waits where a task does. Of an activity, whose turn it is; of those that are
// equal, by execution and op.
bool engine_activities_match(struct engine_activities *activities, struct engine_match *ret_match);
bool engine_activities_ready(
    const struct engine_activities *activities);  // whether there is a match
void engine_match_done(struct engine_match *match);

// Answers polls whose time is over; gives when the next one's is (INT64_MAX: none).
int64_t engine_activities_expire(struct engine_activities *activities, int64_t now_us);
// Each activity that has been used: its tasks, in no order, and the polls that wait. False stops
// it.
void engine_activities_each(const struct engine_activities *activities,
                            bool (*fn)(void *self, const char *arn,
                                       const struct engine_timers *tasks, size_t polls),
                            void *self);
