#include "pipeline/run_tasks.h"

#include <stdlib.h>

#include "base/pool.h"
#include "base/thread.h"
#include "pipeline/act_audio.h"
#include "pipeline/act_segment.h"
#include "transcode/media_log.h"

enum { TICK_US = 50000 };

struct tasks;

struct task {
    struct tasks *tasks;
    size_t segment, audio;  // one of them SIZE_MAX
    uint64_t weight;
    uint64_t reported;  // frames or microseconds told so far; the task's thread only
};

struct tasks {
    struct job *job;  // set before the threads start, then only read
    const struct run_params *params;
    struct sr_cancel *hard;
    size_t count;
    struct task *list;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        size_t ended;
        bool has_failed, was_drained;
        struct sr_err err;
    } synced;  // under `lock`
};

static void set_cell(const struct tasks *tasks, size_t segment, enum run_cell cell)
{
    if (tasks->params->progress && segment < RUN_CELLS_MAX)
        atomic_store(&tasks->params->progress->cells[segment], (uint8_t)cell);
}

static void on_frames(void *self, uint64_t frames)
{
    struct task *const task = self;
    if (task->tasks->params->progress && frames > task->reported) {
        atomic_fetch_add(&task->tasks->params->progress->frames_done, frames - task->reported);
        task->reported = frames;
    }
}

static void on_audio(void *self, int64_t us)
{
    struct task *const task = self;
    if (task->tasks->params->progress && us > 0 && (uint64_t)us > task->reported) {
        atomic_fetch_add(&task->tasks->params->progress->audio_us_done,
                         (uint64_t)us - task->reported);
        task->reported = (uint64_t)us;
    }
}

static bool do_segment(struct task *task, struct sr_err *err)
{
    struct tasks *const tasks = task->tasks;
    struct job *const job = tasks->job;
    const struct act_segment_params params = { .segment = task->segment,
                                               .progress = on_frames,
                                               .progress_self = task };
    sr_auto(json) json_t *result = NULL;
    set_cell(tasks, task->segment, RUN_CELL_RUNS);
    if (!act_segment(job, &params, &result, err))
        return false;
    const struct job_part *const part = &job->videos[0].parts[task->segment];
    bool reused = true;
    for (size_t v = 0; v < job->video_count; v++)
        reused &= job->videos[v].parts[task->segment].was_reused;
    on_frames(task, (uint64_t)part->part.frame_count);
    if (reused && tasks->params->progress)
        atomic_fetch_add(&tasks->params->progress->frames_reused, (uint64_t)part->part.frame_count);
    set_cell(tasks, task->segment, reused ? RUN_CELL_REUSED : RUN_CELL_DONE);
    return true;
}

static bool do_audio(struct task *task, struct sr_err *err)
{
    const struct act_audio_params params = { .audio = task->audio,
                                             .progress = on_audio,
                                             .progress_self = task };
    sr_auto(json) json_t *result = NULL;
    return act_audio(task->tasks->job, &params, &result, err);
}

// The first failure is the job's; it stops the others, whose CANCELLED says nothing new.
static void end_task(struct tasks *tasks, bool done, bool drained, const struct sr_err *why)
{
    sr_lock(&tasks->lock);
    tasks->synced.ended++;
    tasks->synced.was_drained |= drained;
    if (!done && !drained && !tasks->synced.has_failed) {
        tasks->synced.has_failed = true;
        tasks->synced.err = *why;
        sr_cancel_set(tasks->hard);
    }
    sr_cond_signal(&tasks->changed);
    sr_unlock(&tasks->lock);
}

static void run_task(void *self, size_t thread_index)
{
    struct task *const task = self;
    struct tasks *const tasks = task->tasks;
    struct sr_err err = { 0 };
    (void)thread_index;
    if (sr_cancel_asked(tasks->params->stop) || sr_cancel_asked(tasks->hard)) {
        end_task(tasks, false, true, &err);
        return;
    }
    (void)media_log_set(tasks->job->log);
    const bool done = task->audio == SIZE_MAX ? do_segment(task, &err) : do_audio(task, &err);
    (void)media_log_set(NULL);
    if (!done && task->audio == SIZE_MAX)
        set_cell(tasks, task->segment, RUN_CELL_WAITS);
    end_task(tasks, done,
             !done && err.code == SR_ERR_CANCELLED && sr_cancel_asked(tasks->params->stop), &err);
}

// Heaviest first; the same weight in the title's order, so that the order is always the same.
static int by_weight(const void *a, const void *b)
{
    const struct task *const left = a, *const right = b;
    if (left->weight != right->weight)
        return left->weight < right->weight ? 1 : -1;
    return (left->segment > right->segment) - (left->segment < right->segment);
}

// A shuffle that a number decides: xorshift, Fisher and Yates.
static void shuffle(struct task *list, size_t count, uint64_t seed)
{
    for (size_t i = count; i > 1; i--) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        const size_t other = (size_t)(seed % i);
        const struct task kept = list[i - 1];
        list[i - 1] = list[other];
        list[other] = kept;
    }
}

static bool list_tasks(struct tasks *tasks, struct sr_err *err)
{
    const struct job *const job = tasks->job;
    const size_t segments = job->video_count > 0 ? job->plan->segment_count : 0;
    tasks->list = calloc(segments + job->audio_count + 1, sizeof(*tasks->list));
    if (!tasks->list)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu tasks", segments + job->audio_count);
    // A track lasts as long as the title and cannot be divided: it begins first.
    for (size_t a = 0; a < job->audio_count; a++)
        tasks->list[tasks->count++] =
            (struct task){ .tasks = tasks, .segment = SIZE_MAX, .audio = a, .weight = UINT64_MAX };
    for (size_t s = 0; s < segments; s++)
        tasks->list[tasks->count++] = (struct task){
            .tasks = tasks,
            .segment = s,
            .audio = SIZE_MAX,
            .weight = job->plan->segment[s].source_bytes,
        };
    if (tasks->params->shuffle)
        shuffle(tasks->list, tasks->count, tasks->params->shuffle);
    else
        qsort(tasks->list, tasks->count, sizeof(*tasks->list), by_weight);
    return true;
}

// Until every task has ended; when asked to stop, what runs has its time and is then abandoned.
static void wait_for_all(struct tasks *tasks)
{
    const struct run_params *const params = tasks->params;
    int64_t drain_end_us = INT64_MAX;
    sr_lock(&tasks->lock);
    while (tasks->synced.ended < tasks->count) {
        (void)sr_cond_wait_us(&tasks->changed, &tasks->lock, TICK_US);
        if (!sr_cancel_asked(params->stop))
            continue;
        const int64_t now_us = sr_clock_monotonic_us(params->clock);
        if (drain_end_us == INT64_MAX)
            drain_end_us = now_us + params->drain_us;
        if (now_us >= drain_end_us)
            sr_cancel_set(tasks->hard);
    }
    sr_unlock(&tasks->lock);
}

static bool run_all(struct tasks *tasks, struct sr_err *err)
{
    sr_auto(sr_pool) struct sr_pool *pool = NULL;
    const size_t wanted = tasks->params->worker_count;
    if (!sr_pool_new("encode", wanted < tasks->count ? wanted : tasks->count, &pool, err))
        return false;
    for (size_t i = 0; i < tasks->count; i++) {
        if (!sr_pool_add(pool, run_task, &tasks->list[i], err)) {
            sr_cancel_set(
                tasks->hard);  // those already given end soon; freeing the pool waits for them
            return false;
        }
    }
    wait_for_all(tasks);
    sr_pool_wait(pool);
    if (tasks->synced.has_failed) {  // every thread is past its task: nobody else looks
        *err = tasks->synced.err;
        return false;
    }
    return !tasks->synced.was_drained || sr_fail(err, SR_ERR_CANCELLED, "interrupted");
}

bool run_tasks(struct job *job, const struct run_params *params, struct sr_cancel *hard,
               struct sr_err *err)
{
    struct tasks tasks = { .job = job, .params = params, .hard = hard };
    if (!sr_mutex_init(&tasks.lock, err))
        return false;
    bool done = sr_cond_init(&tasks.changed, err);
    if (done) {
        done = list_tasks(&tasks, err) && (tasks.count == 0 || run_all(&tasks, err));
        sr_cond_done(&tasks.changed);
    }
    free(tasks.list);
    sr_mutex_done(&tasks.lock);
    return done;
}
