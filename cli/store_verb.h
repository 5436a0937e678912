// cli/store_verb.h - what `ls`, `cp`, `cat` and `gc` share: their words, the stores, and how they
// fail.
#pragma once

#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/store_options.h"
#include "storage/blob_stores.h"

enum { STORE_VERB_OPERANDS_MAX = 1024 };
enum {  // ids of rows that every one of these verbs has; a verb's own begin at 0
    STORE_VERB_JSON = 900,
    STORE_VERB_LOG_LEVEL,
    STORE_VERB_HELP,
};
#define STORE_VERB_ROWS                                                                            \
    { "json", NULL, STORE_VERB_JSON, "JSON lines on stdout" }, STORE_OPTION_ROWS,                  \
        STORE_OPTION_PROFILE_ROW,                                                                  \
        { "log-level", "LEVEL", STORE_VERB_LOG_LEVEL, "debug, info, warn, error or off" },         \
        { "loglevel", "LEVEL", STORE_VERB_LOG_LEVEL, NULL },                                       \
        { "help", NULL, STORE_VERB_HELP, "this text" }, { "h", NULL, STORE_VERB_HELP, NULL },      \
    {                                                                                              \
        NULL, NULL, 0, NULL                                                                        \
    }

// One call of a verb. The verb's function gets it with everything set.
struct store_call {
    const struct cli *cli;
    struct store_options options;
    struct blob_stores *stores;
    struct sr_log log;
    enum sr_log_level log_level;
    bool json, help;
    const char *operands[STORE_VERB_OPERANDS_MAX];
    size_t operand_count;
    int status;          // of the process after success; 0 unless the verb sets it
    const char *advice;  // what to do, shown after an error; a literal; NULL: nothing
};

struct store_verb {
    const char *help;               // in front of the options
    const struct option_row *rows;  // the verb's own, then STORE_VERB_ROWS
    const char *wants;              // "a source and a target", when the operands are not enough
    size_t operands_min, operands_max;
    bool (*set)(void *self, int id, const char *value, struct sr_err *err);  // NULL: no options
    bool (*run)(void *self, struct store_call *call, struct sr_err *err);
    void *self;
};

// Parses, opens the stores, runs, shows the error. Gives the exit status.
int store_verb_main(const struct cli *cli, const struct store_verb *verb);

// Puts the URL, without its secrets, before the error and notes what may help. Gives false.
bool store_call_fail(struct store_call *call, const char *url, struct sr_err *err);
// What may help against an error at this URL; NULL: nothing.
const char *store_call_advice(const char *url, const struct sr_err *err);
// The same as store_call_fail() on stderr at once, where others may still succeed.
void store_call_report(struct store_call *call, const char *url, struct sr_err *err);

// What a line on stderr begins with: on a terminal it takes the place of the progress shown there.
const char *store_verb_line_start(void);
// A name as a line may hold it: control characters are spelt \xNN.
SR_MUST_USE bool store_verb_add_name(struct sr_str *out, const char *name, struct sr_err *err);
// "2026-11-22T18:00:00Z"; "" for 0. `space`: with a space instead of the T, and no Z.
void store_verb_time(int64_t wall_us, bool space, char text[32]);
