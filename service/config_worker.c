#include "service/config_worker.h"

#include <stdlib.h>

#include "base/str.h"

void config_worker_init(struct config_worker *worker)
{
    *worker = (struct config_worker){ .light_slots = 1, .grace_s = 30 };
}

void config_worker_done(struct config_worker *worker)
{
    free(worker->activities);
    free(worker->stores);
    *worker = (struct config_worker){ 0 };
}

static bool set_text(const struct jx *at, const char *key, char **place, struct sr_err *err)
{
    const char *text = NULL;
    if (!jx_text_opt(at, key, &text, err))
        return false;
    if (!text)
        return true;
    char *const copy = sr_str_dup(text, err);
    if (!copy)
        return false;
    free(*place);
    *place = copy;
    return true;
}

bool config_worker_parse(struct config_worker *worker, const struct jx *root, struct sr_err *err)
{
    const struct row {
        const char *key;
        int64_t min, max, *value;
    } rows[] = {
        { "processes", 0, CONFIG_WORKER_PROCESSES_MAX, &worker->processes },
        { "slots", 0, CONFIG_WORKER_SLOTS_MAX, &worker->slots },
        { "light_slots", 1, CONFIG_WORKER_SLOTS_MAX, &worker->light_slots },
        { "memory_bytes", 256 << 20, INT64_C(1) << 44, &worker->memory_bytes },
        { "task_cpu_s", 0, INT64_C(1) << 31, &worker->task_cpu_s },
        { "grace_s", 0, 86400, &worker->grace_s },
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    const char *known[ROWS + 3] = { [ROWS] = "activities", [ROWS + 1] = "stores" };
    struct jx at;
    if (!jx_has(root, "worker"))
        return true;
    for (size_t i = 0; i < ROWS; i++)
        known[i] = rows[i].key;
    if (!jx_object(root, "worker", &at, err) || !jx_only(&at, known, err))
        return false;
    for (size_t i = 0; i < ROWS; i++) {
        if (!jx_int_opt(&at, rows[i].key, rows[i].min, rows[i].max, rows[i].value, err))
            return false;
    }
    return set_text(&at, "activities", &worker->activities, err) &&
           set_text(&at, "stores", &worker->stores, err);
}
