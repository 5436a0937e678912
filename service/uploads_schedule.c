// Schedules: when they are due is in the store, so that what was missed is known.
#include <stdlib.h>
#include <string.h>

#include "base/db.h"
#include "base/str.h"
#include "pipeline/schedule.h"
#include "service/uploads_priv.h"

// A time that is so much in the past was missed, not merely met a little late.
enum { MISSED_US = 60000000 };

void uploads_drop_schedules(struct uploads *uploads)
{
    for (size_t i = 0; i < uploads->work.schedule_count; i++)
        free(uploads->work.schedules[i].text);
    free(uploads->work.schedules);
    uploads->work.schedules = NULL;
    uploads->work.schedule_count = 0;
}

static bool load_one(struct uploads *uploads, size_t index, int64_t now_us,
                     struct upload_schedule *schedule, struct sr_err *err)
{
    const struct rule *const rule = uploads->work.rules.items[index];
    bool has;
    schedule->rule = index;
    schedule->text = sr_str_dup(rule->schedule_text, err);
    if (!schedule->text || !job_store_get_schedule(uploads->work.store, rule->name, schedule->text,
                                                   &schedule->times, &has, err))
        return false;
    if (has && (!rule->skips_missed || schedule->times.due_us >= now_us - MISSED_US))
        return true;
    if (!has)
        schedule->times.begin_us = now_us;
    schedule->times.due_us = schedule_next_us(rule->schedule, schedule->times.begin_us, now_us);
    return job_store_put_schedule(uploads->work.store, rule->name, schedule->text, &schedule->times,
                                  err);
}

static bool is_loaded(void *self, const char *name)
{
    const struct uploads *uploads = self;
    for (size_t i = 0; i < uploads->work.schedule_count; i++) {
        if (strcmp(uploads->work.rules.items[uploads->work.schedules[i].rule]->name, name) == 0)
            return true;
    }
    return false;
}

bool uploads_load_schedules(struct uploads *uploads, int64_t now_us, struct sr_err *err)
{
    const struct rules *const rules = &uploads->work.rules;
    uploads_drop_schedules(uploads);
    uploads->work.schedules = calloc(rules->count + 1, sizeof *uploads->work.schedules);
    if (!uploads->work.schedules)
        return sr_fail(err, SR_ERR_NO_MEMORY, "schedules");
    sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
    if (!job_store_begin(uploads->work.store, &tx, err))
        return false;
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->items[i]->enabled && rules->items[i]->schedule &&
            !load_one(uploads, i, now_us, &uploads->work.schedules[uploads->work.schedule_count++],
                      err))
            return false;
    }
    // One that comes back later begins anew.
    return job_store_keep_schedules(uploads->work.store, is_loaded, uploads, err) &&
           sr_db_commit(&tx, err);
}

// An event of the time at which it was due; what else was due until now is this one, too.
static bool run_one(struct uploads *uploads, struct upload_schedule *schedule, int64_t now_us,
                    struct sr_err *err)
{
    const struct uploads_params *const params = &uploads->params;
    const struct rule *const rule = uploads->work.rules.items[schedule->rule];
    struct job_event event = { .rule = rule->name, .seen_us = now_us };
    struct job_schedule times = schedule->times;
    char uuid[SR_ID_TEXT];
    bool is_new;
    sr_auto(json) json_t *json = NULL;
    sr_auto(char) char *document = NULL;
    sr_auto(char) char *identity =
        sr_strf(err, "schedule\n%s\n%lld", rule->name, (long long)times.due_us);
    sr_auto(char) char *arn = identity ? sr_strf(err, "arn:aws:events:%s:%s:rule/%s",
                                                 params->region, params->account, rule->name)
                                       : NULL;
    if (!arn || !sr_sha256(identity, strlen(identity), event.identity, err) ||
        !sr_id_new(params->clock, uuid, err) ||
        !rule_scheduled_event(uuid, arn, params->account, params->region, times.due_us, &json,
                              err) ||
        !jx_dump(json, false, &document, err))
        return false;
    event.uuid = uuid;
    event.document = document;
    times.due_us = schedule_next_us(rule->schedule, times.begin_us, now_us);
    sr_auto(sr_db_tx) struct sr_db_tx tx = { 0 };
    if (!job_store_begin(uploads->work.store, &tx, err) ||
        !job_store_add_event(uploads->work.store, &event, &is_new, err) ||
        !job_store_put_schedule(uploads->work.store, rule->name, schedule->text, &times, err) ||
        !sr_db_commit(&tx, err))
        return false;
    schedule->times = times;
    return true;
}

bool uploads_run_schedules(struct uploads *uploads, int64_t now_us, struct sr_err *err)
{
    for (size_t i = 0; i < uploads->work.schedule_count; i++) {
        struct upload_schedule *const schedule = &uploads->work.schedules[i];
        if (schedule->times.due_us <= now_us && !run_one(uploads, schedule, now_us, err))
            return false;
    }
    return true;
}

int64_t uploads_next_schedule_us(const struct uploads *uploads)
{
    int64_t next_us = INT64_MAX;
    for (size_t i = 0; i < uploads->work.schedule_count; i++) {
        if (uploads->work.schedules[i].times.due_us < next_us)
            next_us = uploads->work.schedules[i].times.due_us;
    }
    return next_us;
}
