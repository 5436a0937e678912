#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/thread.h"

enum { DEPTH_MAX = 16 };  // logs made from logs: server, job, run, task, attempt, segment, ...

struct sr_log_sink {
    FILE *file;
    enum sr_log_level level;
    const struct sr_clock *clock;
    struct sr_mutex lock;  // lines are written under it
};

static const char *const level_names[] = { "debug", "info", "warn", "error", "off" };

bool sr_log_level_named(const char *name, enum sr_log_level *ret)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum sr_log_level)i;
            return true;
        }
    }
    return false;
}

const char *sr_log_level_name(enum sr_log_level level)
{
    return level_names[level];
}

bool sr_log_open(FILE *file, enum sr_log_level level, const struct sr_clock *clock,
                 struct sr_log *ret_log, struct sr_err *err)
{
    struct sr_log_sink *const sink = malloc(sizeof(*sink));
    if (!sink)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a log");
    *sink = (struct sr_log_sink){ .file = file, .level = level, .clock = clock };
    if (!sr_mutex_init(&sink->lock, err)) {
        free(sink);
        return false;
    }
    *ret_log = (struct sr_log){ .sink = sink };
    return true;
}

void sr_log_close(struct sr_log *log)
{
    assert(!log->parent);
    if (log->sink) {
        sr_mutex_done(&log->sink->lock);
        free(log->sink);
    }
    *log = (struct sr_log){ 0 };
}

void sr_log_with(struct sr_log *child, const struct sr_log *parent, struct sr_field field)
{
    *child = (struct sr_log){
        .sink = parent ? parent->sink : NULL,
        .parent = parent,
        .field = field,
    };
}

static bool add_text(struct sr_str *line, const char *text, struct sr_err *err)
{
    return text ? sr_str_add_json(line, text, strlen(text), err) : sr_str_add(line, "null", err);
}

static bool add_err(struct sr_str *line, const struct sr_err *value, struct sr_err *err)
{
    return sr_str_addf(line, err,
                       "{\"code\":\"%s\",\"native\":%d,\"message\":", sr_err_row(value->code)->name,
                       value->native) &&
           add_text(line, value->message, err) && sr_str_add(line, ",\"origin\":", err) &&
           add_text(line, value->origin, err) && sr_str_add(line, "}", err);
}

static bool add_field(struct sr_str *line, const struct sr_field *field, struct sr_err *err)
{
    if (!sr_str_add(line, ",", err) || !add_text(line, field->key, err) ||
        !sr_str_add(line, ":", err))
        return false;
    switch (field->kind) {
    case SR_FIELD_TEXT: return add_text(line, field->text, err);
    case SR_FIELD_I64: return sr_str_addf(line, err, "%" PRId64, field->i64);
    case SR_FIELD_ERR: return add_err(line, field->err, err);
    }
    return true;
}

static bool has_key(const struct sr_field *fields, const char *key)
{
    for (; fields->key; fields++) {
        if (strcmp(fields->key, key) == 0)
            return true;
    }
    return false;
}

// From the outermost log on; a key that comes again further in is left to that place.
static bool add_inherited(struct sr_str *line, const struct sr_log *log,
                          const struct sr_field *fields, struct sr_err *err)
{
    const struct sr_field *chain[DEPTH_MAX];  // from the innermost on
    size_t count = 0;
    for (; log && count < DEPTH_MAX; log = log->parent) {
        const char *const key = log->field.key;
        bool hidden = !key || has_key(fields, key);
        for (size_t i = 0; i < count && !hidden; i++)
            hidden = strcmp(chain[i]->key, key) == 0;
        if (!hidden)
            chain[count++] = &log->field;
    }
    while (count > 0) {
        if (!add_field(line, chain[--count], err))
            return false;
    }
    return true;
}

static bool make_line(struct sr_str *line, const struct sr_log *log, enum sr_log_level level,
                      const char *text, const struct sr_field *fields, struct sr_err *err)
{
    char time[25];
    sr_clock_format(sr_clock_wall_us(log->sink->clock), time);
    if (!sr_str_addf(line, err, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time,
                     sr_log_level_name(level)) ||
        !add_text(line, text, err) || !add_inherited(line, log, fields, err))
        return false;
    for (; fields->key; fields++) {
        if (!add_field(line, fields, err))
            return false;
    }
    return sr_str_add(line, "}\n", err);
}

void sr_log_line(const struct sr_log *log, enum sr_log_level level, const char *text,
                 const struct sr_field *fields)
{
    assert((unsigned)level < SR_LOG_OFF);
    if (!log || !log->sink || level < log->sink->level)
        return;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str line = { 0 };
    const char *out = "{\"level\":\"error\",\"message\":\"no memory for a log line\"}\n";
    if (make_line(&line, log, level, text, fields, &err))
        out = sr_str_text(&line);
    // One write for a line, so that lines of processes that share the file stay whole too. When the
    // log cannot be written there is nobody left to tell.
    sr_lock(&log->sink->lock);
    (void)fputs(out, log->sink->file);
    (void)fflush(log->sink->file);
    sr_unlock(&log->sink->lock);
}
