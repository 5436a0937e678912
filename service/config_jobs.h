// service/config_jobs.h - "jobs" and "api_keys" of the configuration: where jobs work, which places
// they may use, who may ask for them.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "service/config_events.h"

enum { CONFIG_API_KEYS_MAX = 1000, CONFIG_API_KEY_NAME_MAX = 64 };

struct config_api_key {  // Authorization: Bearer TOKEN
    char *name, *token;
};

struct config_jobs {
    char *workspace;            // a folder or s3:// URL; NULL: STATE/jobs
    int64_t keep_days;          // how long the workspace of a job that has ended is kept: 7
    struct config_texts roots;  // folders that local paths of jobs lie in
    struct config_texts allow;  // "s3://bucket", "https://host": addresses that jobs may use
    struct config_api_key *keys;
    size_t key_count;
};

void config_jobs_init(struct config_jobs *jobs);
void config_jobs_done(struct config_jobs *jobs);  // overwrites the tokens
SR_DEFINE_AUTO_VALUE(config_jobs, struct config_jobs, config_jobs_done);
// Of "jobs" and "api_keys" in the root, either of which may be missing.
// Errors: INVALID with the place, never with a token; NO_MEMORY.
SR_MUST_USE bool config_jobs_parse(struct config_jobs *jobs, const struct jx *root,
                                   struct sr_err *err);
