// pipeline/child_self.h - for tests: a program that is its own child, with tasks of the test's own.
#pragma once

#include "base/test.h"
#include "pipeline/child.h"
#include "pipeline/child_main.h"

#define SECOND_US INT64_C(1000000)
#define MEMORY_BYTES ((uint64_t)256 << 20)

// In the child ------------------------------------------------------------------------------------

// What runs there, by name; ends with a row of NULL.
struct child_self_task {
    const char *name;
    bool (*run)(const json_t *params, json_t **ret, struct sr_err *err);
};
static const struct child_self_task *child_self_tasks;

static struct child_world world;  // what the child was given

static inline bool child_self_open(const struct child_world *given, void **ret_self,
                                   struct sr_err *err)
{
    (void)err;
    world = *given;
    *ret_self = &world;
    return true;
}

static inline bool child_self_run(void *self, const char *activity, const json_t *params,
                                  json_t **ret_result, struct sr_err *err)
{
    assert_ptr_equal(self, &world);
    for (const struct child_self_task *task = child_self_tasks; task->name; task++) {
        if (strcmp(task->name, activity) == 0)
            return task->run(params, ret_result, err);
    }
    return sr_fail(err, SR_ERR_NOT_FOUND, "no activity %s", activity);
}

// True: this process is the child, and has done its work. To be asked first of all.
static inline bool child_self_was_child(int argc, char **argv,
                                        const struct child_self_task *own_tasks, int *ret_status)
{
    static const struct child_main_params params = { .open = child_self_open,
                                                     .run = child_self_run };
    if (argc < 2 || strcmp(argv[1], "child") != 0)
        return false;
    child_self_tasks = own_tasks;
    *ret_status = child_main(&params);
    return true;
}

// In the parent -----------------------------------------------------------------------------------

static inline struct child *new_child(const struct blob_stores_params *stores)
{
    struct sr_err err = { 0 };
    struct child *child = NULL;
    static const char *const argv[] = { "/proc/self/exe", "child", NULL };
    const struct child_params params = { .argv = argv,
                                         .stores = stores,
                                         .memory_bytes = MEMORY_BYTES,
                                         .grace_us = SECOND_US / 4,
                                         .log_level = SR_LOG_OFF };
    sr_assert_ok(child_new(&params, &child, &err), err);
    return child;
}

static inline struct child_task task_of(const char *activity)
{
    return (struct child_task){ .activity = activity, .job = "j", .timeout_us = 900 * SECOND_US };
}
