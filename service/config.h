// service/config.h - what `serve` and `worker` are told by their file, the environment and options:
// values of one table, each of which knows where it came from.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "service/auth.h"
#include "service/config_events.h"
#include "service/config_jobs.h"
#include "service/server.h"

#define CONFIG_DAY_US ((int64_t)24 * 3600 * 1000000)
enum {
    CONFIG_BYTES_MAX = 1 << 20,
    CONFIG_ROWS_MAX = 1000,
    CONFIG_VALUES_MAX = 80,  // rows of the table
    CONFIG_WORKER_SLOTS_MAX = 256,
    CONFIG_WORKER_PROCESSES_MAX = 64,
};

struct config_lambda {  // arn:aws:lambda:*:*:function:NAME is answered at `url`
    char *name, *url;
};

struct config_connection {  // what states:::http:invoke sends along
    char *arn, *header, *value;
};

enum config_from { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_OPTION };

// Where a value of the table came from.
struct config_said {
    enum config_from from;
    size_t line;       // in the file; from 1
    const char *name;  // of the option or the variable; a literal
    json_t *value;     // as it was said, with "***" for each secret; NULL: not said
};

// Texts are the config's; NULL: not said, unless a default stands here.
struct config {
    char *listen;               // "127.0.0.1:8083"
    char *state;                // ".splitreel-state"
    char *rules;                // the folder of rules
    struct config_texts watch;  // folders in which files land
    char *log_level;            // "info"
    char *region;               // "us-east-1"
    char *account;              // "123456789012"
    char *metrics_token;        // who shows it may read /metrics from elsewhere
    struct auth *auth;          // "keys"
    struct {
        char *path;  // STATE/audit.log
        bool is_off;
        int64_t bytes_max;    // 64 MiB
        unsigned kept_count;  // 8
    } audit;
    struct server_limits limits;
    size_t lambda_count;
    struct config_lambda *lambdas;
    char *lambda_url;                // of all other functions
    struct config_texts http_allow;  // where states:::http:invoke may go
    bool http_plain;                 // "http://" too
    size_t connection_count;
    struct config_connection *connections;
    char *maps;                      // the folder of distributed maps' items and results
    struct config_texts map_places;  // where else these may be (service/map_places.h)
    struct config_events events;
    struct config_jobs jobs;
    struct {                  // what workers read, those of `serve` and those of `splitreel worker`
        int64_t processes;    // that serve starts; 0: none
        int64_t slots;        // of each, for tasks that encode; 0: one for each processor
        int64_t light_slots;  // for all others: 1
        int64_t memory_bytes;  // of one slot; 0: an even share of three quarters of the machine's
        int64_t task_cpu_s;    // processor time of one task; 0: no limit
        int64_t grace_us;      // for what runs when it is told to stop: 30 s
        char *activities;      // "segment,audio", "all", "fleet"
        char *stores;          // the stores file; NULL: as the environment says
    } worker;
    int64_t history_days;  // how long executions that have ended are kept: 90; 0: for ever
    struct config_said said[CONFIG_VALUES_MAX];  // by row
};

// The defaults. Errors: NO_MEMORY.
SR_MUST_USE bool config_init(struct config *config, struct sr_err *err);
void config_done(struct config *config);
SR_DEFINE_AUTO_VALUE(config, struct config, config_done);

// Reads a file into an initialised config. One with secrets must be ours, and nobody else's to
// read.
// Errors: INVALID with the place, DENIED (others may read its secrets), those of reading.
SR_MUST_USE bool config_read(struct config *config, const char *path, struct sr_err *err);
// The same of a text, whoever may read it.
SR_MUST_USE bool config_parse(struct config *config, const char *text, size_t bytes,
                              struct sr_err *err);
// Sets what nothing has been said about from the variables that the table names. `env`: getenv().
// Errors: INVALID with the variable's name, NO_MEMORY.
SR_MUST_USE bool config_environment(struct config *config, char *(*env)(const char *name),
                                    struct sr_err *err);
// Sets the value `name` ("worker.slots") to what an option said, whatever the file says. A list
// grows by it. `option`, "--slots", is a literal.
// Owns:   takes `value`; NULL is NO_MEMORY.
// Errors: INVALID, INTERNAL: no such value.
SR_MUST_USE bool config_override(struct config *config, const char *name, json_t *value,
                                 const char *option, struct sr_err *err);
// Whether something in it is nobody else's to read.
bool config_has_secrets(const struct config *config);

// The whole table as it is now, in its order: [{"name": "audit.path", "value": ..., "from":
// "default"}, ...]. Of secrets it says {"set": true}. Where nothing was said and that means
// something, "means" says what. "from": "file" comes with "file" (`path`) and "line",
// "environment" with "variable", "option" with "option".
SR_MUST_USE bool config_show(const struct config *config, const char *path, json_t **ret_rows,
                             struct sr_err *err);
