// cli/sm.h - the words of `splitreel sm`, and what its verbs share.
#pragma once

#include "base/jx.h"
#include "cli/cli.h"

enum sm_word {
    SM_HELP,
    SM_INPUT,
    SM_MOCK,
    SM_FAST,
    SM_HISTORY,
    SM_KEEP,
    SM_TYPE,
    SM_STATE,
    SM_SERVER,
    SM_REGION,
    SM_PROFILE,
    SM_UNSIGNED,
    SM_NAME,
    SM_ROLE,
    SM_ERROR,
    SM_CAUSE,
    SM_STATUS,
    SM_LIMIT,
    SM_REVERSE,
    SM_WORD_COUNT,
};

// What was said; borrowed from argv.
struct sm_words {
    const char *operand;               // NULL: none
    const char *value[SM_WORD_COUNT];  // NULL: not said; "" for a word without a value
};

struct sm_verb {
    const char *name;
    const char *operand;  // "DEFINITION"; in brackets when it may be left out; NULL: takes none
    unsigned words;       // bits of enum sm_word
    bool (*run)(const struct cli *cli, const struct sm_words *words, int *ret_status,
                struct sr_err *err);
    const char *help;
    const char *more;  // under the options; NULL: nothing
};
#define SM_BIT(word) (1u << (word))
#define SM_REMOTE (SM_BIT(SM_SERVER) | SM_BIT(SM_REGION) | SM_BIT(SM_PROFILE) | SM_BIT(SM_UNSIGNED))

// Each sets *ret_status when what it did succeeded and what it found did not (a faulty definition).
#define SM_RUN(name)                                                                               \
    bool name(const struct cli *cli, const struct sm_words *words, int *ret_status,                \
              struct sr_err *err)
SM_RUN(sm_validate);  // sm_local.c
SM_RUN(sm_run);
SM_RUN(sm_replay);  // sm_replay.c
SM_RUN(sm_create);  // sm_remote.c
SM_RUN(sm_start);
SM_RUN(sm_describe);
SM_RUN(sm_history);
SM_RUN(sm_stop);
SM_RUN(sm_list);

// A state folder's database, or the file itself when no folder is named; the caller frees it.
char *sm_database(const char *state, struct sr_err *err);
// A file's text, or with "-" what comes on standard input; the caller frees it.
// Errors: those of sr_file_load().
SR_MUST_USE bool sm_read(const char *path, size_t bytes_max, char **ret_text, struct sr_err *err);
// "@FILE", "-", or the text itself; NULL: "{}".
SR_MUST_USE bool sm_input(const char *said, char **ret_text, struct sr_err *err);
SR_MUST_USE bool sm_print(const json_t *value, bool indent, struct sr_err *err);
