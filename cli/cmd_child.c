// `splitreel child`: what a worker starts for its tasks. Not for people: it speaks with its parent
// over descriptor 3.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "pipeline/activity.h"
#include "pipeline/child_main.h"

static bool open_slot(const struct child_world *world, void **ret_self, struct sr_err *err)
{
    const struct activity_env env = {
        .stores = world->stores,
        .memory_bytes = world->memory_bytes / 4 * 3,  // the rest is not for pictures
        .cancel = world->cancel,
        .log = world->log,
        .progress = world->progress,
        .progress_self = world->progress_self,
    };
    struct activity_slot *slot = NULL;
    if (!activity_slot_new(&env, &slot, err))
        return false;
    *ret_self = slot;
    return true;
}

static bool run(void *self, const char *activity, const json_t *params, json_t **ret_result,
                struct sr_err *err)
{
    return activity_run(self, activity, params, ret_result, err);
}

static void close_slot(void *self)
{
    activity_slot_free(self);
}

int cmd_child(const struct cli *cli)
{
    static const struct child_main_params params = { .open = open_slot,
                                                     .run = run,
                                                     .close = close_slot };
    (void)cli;
    if (fcntl(CHILD_FD, F_GETFD) < 0) {
        (void)fprintf(stderr, "splitreel: child is what a worker starts; see splitreel worker\n");
        return 2;
    }
    return child_main(&params);
}
