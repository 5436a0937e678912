#include "service/worker_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/thread.h"

struct seen {
    char name[WORKER_NAME_BYTES];
    int64_t at_us;
    size_t slots;
};

struct worker_names {
    struct sr_mutex lock;
    size_t count;  // under `lock`, like what follows
    struct seen seen[WORKER_NAMES_MAX];
};

bool worker_names_new(struct worker_names **ret_names, struct sr_err *err)
{
    struct worker_names *const names = calloc(1, sizeof *names);
    if (!names)
        return sr_fail(err, SR_ERR_NO_MEMORY, "workers' names");
    if (!sr_mutex_init(&names->lock, err)) {
        free(names);
        return false;
    }
    *ret_names = names;
    return true;
}

void worker_names_free(struct worker_names *names)
{
    if (!names)
        return;
    sr_mutex_done(&names->lock);
    free(names);
}

static struct seen *find_locked(struct worker_names *names, const char *name)
    SR_REQUIRES(names->lock);
static struct seen *find_locked(struct worker_names *names, const char *name)
{
    struct seen *oldest = &names->seen[0];
    for (size_t i = 0; i < names->count; i++) {
        struct seen *const seen = &names->seen[i];
        if (strncmp(seen->name, name, WORKER_NAME_BYTES - 1) == 0)
            return seen;
        if (seen->at_us < oldest->at_us)
            oldest = seen;
    }
    return names->count < WORKER_NAMES_MAX ? &names->seen[names->count++] : oldest;
}

void worker_names_add(struct worker_names *names, const char *name, size_t slots, int64_t now_us)
{
    sr_lock(&names->lock);
    struct seen *const seen = find_locked(names, name);
    if (strncmp(seen->name, name, WORKER_NAME_BYTES - 1) != 0)
        *seen = (struct seen){ 0 };                                   // it was another's
    sr_ignore(sr_format(seen->name, sizeof seen->name, "%s", name));  // cut, as is said
    seen->at_us = now_us;
    if (slots > 0)
        seen->slots = slots;
    sr_unlock(&names->lock);
}

size_t worker_names_count(struct worker_names *names, int64_t since_us)
{
    size_t count = 0;
    sr_lock(&names->lock);
    for (size_t i = 0; i < names->count; i++)
        count += names->seen[i].at_us >= since_us;
    sr_unlock(&names->lock);
    return count;
}

size_t worker_names_slots(struct worker_names *names, int64_t since_us)
{
    size_t count = 0;
    sr_lock(&names->lock);
    for (size_t i = 0; i < names->count; i++)
        count += names->seen[i].at_us >= since_us ? names->seen[i].slots : 0;
    sr_unlock(&names->lock);
    return count;
}
