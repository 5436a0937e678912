// service/config_jobs.h - "jobs" and "api_keys" of the configuration: where jobs work, which places
// they may use, who may ask for them.
#pragma once

#include <stdint.h>

#include "service/config_events.h"

enum {
    CONFIG_API_KEYS_MAX = 1000,
    CONFIG_API_KEY_NAME_MAX = 64,
    CONFIG_JOBS_KEEP_DAYS_MAX = 36500,
};

struct config_api_key {  // Authorization: Bearer TOKEN
    char *name, *token;
};

struct config_jobs {
    char *workspace;            // a folder or s3:// URL; NULL: STATE/jobs
    bool share_parts;           // in a store: what one job has encoded another takes, too
    int64_t keep_days;          // how long the workspace of a job that has ended is kept: 7
    struct config_texts roots;  // folders that local paths of jobs lie in
    struct config_texts allow;  // "s3://bucket", "https://host": addresses that jobs may use
    struct config_api_key *keys;
    size_t key_count;
};

void config_jobs_init(struct config_jobs *jobs);

// What is wrong with a text; NULL: nothing.
const char *config_jobs_wrong_workspace(const char *text);
const char *config_jobs_wrong_root(const char *text);
const char *config_jobs_wrong_address(const char *text);
