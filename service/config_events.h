// service/config_events.h - "events" of the configuration: who may tell of uploads, and what starts
// nothing.
#pragma once

#include "base/auto.h"
#include "base/jx.h"

enum {
    CONFIG_EVENTS_ROWS_MAX = 100,
    CONFIG_EVENTS_SECRET_MIN = 16,
    CONFIG_EVENTS_SECRET_MAX = 256
};

struct config_texts {  // `list` ends with NULL
    char **list;
    size_t count;
};

struct config_events {
    struct config_texts secrets;  // in the path: /events/s3/SECRET
    struct config_texts bearers;  // Authorization: Bearer TOKEN
    struct config_texts basics;   // "user:password"
    struct config_texts outputs;  // "bucket/prefix": what is written there starts nothing
    struct config_texts topics;   // ARNs of SNS topics that may send; none: any
    struct config_texts hosts;    // of SNS's certificates and confirmations; none: Amazon's
};

// Reads {"secrets": [...], ...}. Errors: INVALID with the place, never with a secret; NO_MEMORY.
SR_MUST_USE bool config_events_read(struct config_events *events, const struct jx *at,
                                    struct sr_err *err);
void config_events_done(struct config_events *events);  // overwrites the secrets
SR_DEFINE_AUTO_VALUE(config_events, struct config_events, config_events_done);
bool config_events_has_secrets(const struct config_events *events);
