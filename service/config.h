// service/config.h - what `serve` is told by its file: JSON with comments.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "service/auth.h"
#include "service/config_events.h"
#include "service/config_jobs.h"
#include "service/config_worker.h"
#include "service/server.h"

#define CONFIG_DAY_US ((int64_t)24 * 3600 * 1000000)
enum { CONFIG_BYTES_MAX = 1 << 20, CONFIG_ROWS_MAX = 1000 };

struct config_lambda {  // arn:aws:lambda:*:*:function:NAME is answered at `url`
    char *name, *url;
};

struct config_connection {  // what states:::http:invoke sends along
    char *arn, *header, *value;
};

// Texts are the config's; NULL: not said, unless a default stands here.
struct config {
    char *listen;         // "127.0.0.1:8083"
    char *region;         // "us-east-1"
    char *account;        // "123456789012"
    char *metrics_token;  // who shows it may read /metrics from elsewhere
    struct auth *auth;    // "keys"
    struct {
        char *path;  // STATE/audit.log; "" in the file: no audit log
        bool is_off;
        int64_t bytes_max;    // 64 MiB
        unsigned kept_count;  // 8
    } audit;
    struct server_limits limits;
    size_t lambda_count;
    struct config_lambda *lambdas;
    char *lambda_url;   // of all other functions
    char **http_allow;  // where states:::http:invoke may go; ends with NULL
    size_t http_allow_count;
    bool http_plain;  // "http://" too
    size_t connection_count;
    struct config_connection *connections;
    char *maps;         // the folder of distributed maps' items and results
    char **map_places;  // where else these may be (service/map_places.h); ends with NULL
    size_t map_place_count;
    struct config_events events;
    struct config_worker worker;
    struct config_jobs jobs;
    int64_t history_days;  // how long executions that have ended are kept: 90; 0: for ever
};

// The defaults. Errors: NO_MEMORY.
SR_MUST_USE bool config_init(struct config *config, struct sr_err *err);
void config_done(struct config *config);
SR_DEFINE_AUTO_VALUE(config, struct config, config_done);

// Reads a file into an initialised config. One with secrets must be ours, and nobody else's to
// read.
// Errors: INVALID with the place, DENIED (others may read its secrets), those of reading.
SR_MUST_USE bool config_read(struct config *config, const char *path, struct sr_err *err);
SR_MUST_USE bool config_parse(struct config *config, const char *text, size_t bytes,
                              struct sr_err *err);
bool config_has_secrets(const struct config *config);
