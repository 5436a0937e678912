// service/config_events.h - "events" of the configuration: who may tell of uploads, and what starts
// nothing.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    CONFIG_EVENTS_ROWS_MAX = 100,
    CONFIG_EVENTS_SECRET_MIN = 16,
    CONFIG_EVENTS_SECRET_MAX = 256
};

struct config_texts {  // `list` ends with NULL; NULL: empty
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

bool config_events_has_secrets(const struct config_events *events);

// What is wrong with a text of these lists; NULL: nothing. No message shows it.
const char *config_events_wrong_text(const char *text);
const char *config_events_wrong_secret(const char *text);
const char *config_events_wrong_path(const char *text);   // a secret that stands in a path
const char *config_events_wrong_basic(const char *text);  // "user:password"
