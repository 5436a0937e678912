// base/log.h - one JSON object per line, with fields that a child log inherits from its parent.
#pragma once

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"

enum sr_log_level { SR_LOG_DEBUG, SR_LOG_INFO, SR_LOG_WARN, SR_LOG_ERROR, SR_LOG_OFF };

// "debug", "info", "warn", "error", "off". False: there is no such level.
SR_MUST_USE bool sr_log_level_named(const char *name, enum sr_log_level *ret);
const char *sr_log_level_name(enum sr_log_level level);

struct sr_field {
    const char *key;
    enum { SR_FIELD_TEXT, SR_FIELD_I64, SR_FIELD_ERR } kind;
    union {
        const char *text;
        int64_t i64;
        const struct sr_err *err;
    };
};
#define SR_TEXT(k, v) ((struct sr_field){ .key = (k), .kind = SR_FIELD_TEXT, .text = (v) })
#define SR_I64(k, v) ((struct sr_field){ .key = (k), .kind = SR_FIELD_I64, .i64 = (int64_t)(v) })
#define SR_U32(k, v) SR_I64(k, v)
#define SR_ERR(e) ((struct sr_field){ .key = "error", .kind = SR_FIELD_ERR, .err = (e) })

struct sr_log_sink;  // where lines go; shared by all logs made from it

struct sr_log {
    struct sr_log_sink *sink;
    const struct sr_log *parent;
    struct sr_field field;  // one inherited field; key NULL: none
};

// Lines below `level` are dropped. `file` is borrowed. Threads: lines never interleave.
SR_MUST_USE bool sr_log_open(FILE *file, enum sr_log_level level, const struct sr_clock *clock,
                             struct sr_log *ret_log, struct sr_err *err);
void sr_log_close(struct sr_log *log);  // of the root
// `child` adds one field to every line and borrows `parent` and the value. A line has "time",
// "level", "message", the inherited fields from the outermost on, its own; an inherited field gives
// way to a later one with the same key.
void sr_log_with(struct sr_log *child, const struct sr_log *parent, struct sr_field field);

// Constant text plus fields, so that lines group. A NULL log is silent. URLs lose their query
// before they come here.
//     sr_warn(log, "part retried", SR_U32("part", n), SR_ERR(err));
#define sr_debug(log, ...) sr_log_line(log, SR_LOG_DEBUG, SR_LOG_ARGS(__VA_ARGS__))
#define sr_info(log, ...) sr_log_line(log, SR_LOG_INFO, SR_LOG_ARGS(__VA_ARGS__))
#define sr_warn(log, ...) sr_log_line(log, SR_LOG_WARN, SR_LOG_ARGS(__VA_ARGS__))
#define sr_error(log, ...) sr_log_line(log, SR_LOG_ERROR, SR_LOG_ARGS(__VA_ARGS__))
// The first element is only there for a comma before the others; what is passed begins behind it.
#define SR_LOG_ARGS(text, ...)                                                                     \
    text, &((const struct sr_field[]){ { .key = NULL }, ##__VA_ARGS__, { .key = NULL } })[1]
void sr_log_line(const struct sr_log *log, enum sr_log_level level, const char *text,
                 const struct sr_field *fields);  // ends with a NULL key
