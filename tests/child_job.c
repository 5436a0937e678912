#include "tests/child_job.h"

#include "base/test.h"
#include "cli/cli.h"
#include "transcode/media_log.h"

#define TASK_US (900 * INT64_C(1000000))  // the machine may be busy
enum { TASK_CPU_S = 60 };

static bool act(struct child_job *job, const char *activity, const char *member, size_t number,
                json_t **ret_result)
{
    sr_auto(json) json_t *result = NULL, *params = json_pack("{s:{s:s, s:s, s:b}}", "job", "id",
                                                             job->id, "workspace", job->workspace,
                                                             "own_parts", job->owns_parts);
    if (member)
        json_object_set_new(params, member, json_integer((json_int_t)number));
    if (job->error)
        json_object_set_new(params, "error", json_string(job->error));
    const struct child_task task = { .activity = activity,
                                     .params = params,
                                     .job = job->id,
                                     .timeout_us = TASK_US,
                                     .cpu_s = TASK_CPU_S };
    const char *error = NULL;
    struct sr_err err = { 0 };
    if (!child_run(job->child, &task, &result, &error, &err)) {
        if (!job->error || strcmp(error, "Splitreel.WorkerDied") == 0) {
            job->error = error;
            job->err = err;
        }
        return false;
    }
    if (ret_result)
        *ret_result = sr_take(result);
    return true;
}

static bool act_each(struct child_job *job, const char *activity, const char *member, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!act(job, activity, member, i, NULL))
            return false;
    }
    return true;
}

static size_t count_of(const json_t *planned, const char *member)
{
    return json_array_size(json_object_get(planned, member));
}

static bool act_all(struct child_job *job)
{
    sr_auto(json) json_t *planned = NULL;
    if (!act(job, "probe", NULL, 0, NULL) || !act(job, "plan", NULL, 0, &planned))
        return false;
    const json_t *const segments = json_object_get(planned, "segments");
    return act_each(job, "segment", "segment",
                    (size_t)json_integer_value(json_object_get(segments, "count"))) &&
           act_each(job, "audio", "audio", count_of(planned, "audio")) &&
           act_each(job, "join", "output", count_of(planned, "outputs")) &&
           act(job, "verify", NULL, 0, NULL) && act(job, "publish", NULL, 0, NULL);
}

void child_job_run(struct child_job *job)
{
    job->error = NULL;
    if (!act_all(job))
        (void)act(job, "clean", NULL, 0, NULL);  // whose own failure is told only when it dies
}

struct child *child_job_child(const struct blob_stores_params *stores, uint64_t memory_bytes)
{
    static const char *const argv[] = { "/proc/self/exe", "child", NULL };
    struct sr_err err = { 0 };
    struct child *child = NULL;
    const struct child_params params = {
        .argv = argv, .stores = stores, .memory_bytes = memory_bytes, .log_level = SR_LOG_OFF
    };
    sr_assert_ok(child_new(&params, &child, &err), err);
    return child;
}

int child_job_main(void)
{
    media_log_init();
    return cmd_child(&(const struct cli){ .argc = 0 });
}
