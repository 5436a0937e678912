// cli/config_options.h - the words of `serve`, `worker`, `config` and `doctor` that name the
// configuration's file or stand for one of its values.
#pragma once

#include "cli/options.h"
#include "service/config.h"

enum {
    CONFIG_OPTION_FIRST = 2000,  // a verb's own ids, and those of stores, stay below
    CONFIG_OPTION_FILE = CONFIG_OPTION_FIRST,
    CONFIG_OPTION_VALUE,  // and above: values, in the order of the table in config_options.c
    CONFIG_OPTION_LISTEN = CONFIG_OPTION_VALUE,
    CONFIG_OPTION_STATE,
    CONFIG_OPTION_RULES,
    CONFIG_OPTION_WATCH,
    CONFIG_OPTION_ROOT,
    CONFIG_OPTION_WORKERS,
    CONFIG_OPTION_LOG_LEVEL,
    CONFIG_OPTION_SLOTS,
    CONFIG_OPTION_LIGHT,
    CONFIG_OPTION_ACTIVITIES,
    CONFIG_OPTION_MEMORY,
    CONFIG_OPTION_GRACE,
    CONFIG_OPTION_END,
    CONFIG_OPTIONS_MAX = 64,
};

// Rows for a verb's table.
#define CONFIG_OPTION_ROWS                                                                         \
    { "config", "FILE", CONFIG_OPTION_FILE,                                                        \
      "the configuration, etc/splitreel.json explains it; $SPLITREEL_CONFIG unless said" },        \
    {                                                                                              \
        "log-level", "LEVEL", CONFIG_OPTION_LOG_LEVEL, "debug, info, warn or error (info)"         \
    }
#define CONFIG_OPTION_SERVE_ROWS                                                                   \
    { "listen", "ADDR", CONFIG_OPTION_LISTEN,                                                      \
      "HOST:PORT; port 0: any free one (127.0.0.1:8083)" },                                        \
        { "state", "DIR", CONFIG_OPTION_STATE, "where everything is kept (.splitreel-state)" },    \
        { "rules", "DIR", CONFIG_OPTION_RULES,                                                     \
          "what events and times start: a file each; SIGHUP reads them anew" },                    \
        { "watch", "DIR", CONFIG_OPTION_WATCH,                                                     \
          "files that land there are events; may be given several times" },                        \
        { "root", "DIR", CONFIG_OPTION_ROOT,                                                       \
          "jobs may read and write below it; may be given several times" },                        \
    {                                                                                              \
        "workers", "N", CONFIG_OPTION_WORKERS, "worker processes on this machine (0)"              \
    }
#define CONFIG_OPTION_WORKER_ROWS                                                                  \
    { "slots", "N", CONFIG_OPTION_SLOTS,                                                           \
      "tasks at once that encode; 0: one for each processor (0)" },                                \
        { "light-slots", "N", CONFIG_OPTION_LIGHT, "all other tasks at once (1)" },                \
        { "activities", "LIST", CONFIG_OPTION_ACTIVITIES,                                          \
          "names or ARNs with commas; \"all\", or \"fleet\": all but those of quick work "         \
          "(fleet)" },                                                                             \
        { "memory", "BYTES", CONFIG_OPTION_MEMORY,                                                 \
          "of one task: 2G; an even share of the machine's unless said" },                         \
    {                                                                                              \
        "grace", "TIME", CONFIG_OPTION_GRACE, "for what runs when it is told to stop (30s)"        \
    }

struct config_options {  // the zero value is what no option says; borrows argv
    const char *path;    // of the file; NULL: SPLITREEL_CONFIG, else none
    struct {
        int id;
        const char *text;
    } said[CONFIG_OPTIONS_MAX];
    size_t said_count;
};

static inline bool config_options_has(int id)
{
    return id >= CONFIG_OPTION_FIRST && id < CONFIG_OPTION_END;
}
// Notes an option for whose id config_options_has() is true. Errors: LIMIT.
SR_MUST_USE bool config_options_set(struct config_options *options, int id, const char *value,
                                    struct sr_err *err);

// Sets options->path if the environment does, and *ret to what holds: options before the file,
// the file before the environment, that before the defaults.
// Owns:   *ret, an initialised config, stays the caller's.
// Errors: as config_read(), config_override() and config_environment().
SR_MUST_USE bool config_options_load(struct config_options *options, struct config *ret,
                                     struct sr_err *err);
// Its first and its last step, for who goes on when the file cannot be read.
void config_options_find(struct config_options *options);
SR_MUST_USE bool config_options_apply(const struct config_options *options, struct config *config,
                                      struct sr_err *err);

enum sr_log_level config_options_log_level(const struct config *config);
