// `splitreel sm`: state machines: check, run in process, replay, and talk to a server.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/str.h"
#include "cli/options.h"
#include "cli/sm.h"
#include "statemachine/asl_exec.h"

static const struct option_row rows[] = {
    { "input", "X", SM_INPUT, "JSON text, @FILE, or - for standard input; {} unless said" },
    { "mock", "FILE", SM_MOCK,
      "results of tasks: {\"STATE\": [{\"output\": ...}, {\"error\": ...}]}" },
    { "fast", NULL, SM_FAST, "waits, retries and time-outs take no time" },
    { "history", NULL, SM_HISTORY, "with the history's events" },
    { "keep", "DIR", SM_KEEP,
      "leaves the execution in a state folder, for `sm replay once --state DIR`" },
    { "type", "TYPE", SM_TYPE, "STANDARD (unless said) or EXPRESS" },
    { "state", "DIR", SM_STATE, "the service's state folder, or the database in it" },
    { "server", "URL", SM_SERVER, "unless said: AWS_ENDPOINT_URL_SFN, AWS_ENDPOINT_URL" },
    { "region", "REGION", SM_REGION, "unless said: as the AWS settings are" },
    { "profile", "NAME", SM_PROFILE, "of the AWS settings" },
    { "no-sign-request", NULL, SM_UNSIGNED, "for a server that asks for no keys" },
    { "name", "NAME", SM_NAME, "of what is created or started" },
    { "role", "ARN", SM_ROLE, "which AWS wants of a state machine" },
    { "error", "TEXT", SM_ERROR, "what the execution then says" },
    { "cause", "TEXT", SM_CAUSE, "and why" },
    { "status", "STATUS", SM_STATUS, "only executions of this status" },
    { "limit", "N", SM_LIMIT, "no more than these" },
    { "reverse", NULL, SM_REVERSE, "the latest first" },
    { "help", NULL, SM_HELP, "this text" },
    { "h", NULL, SM_HELP, NULL },
    { NULL, NULL, 0, NULL },
};
enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static const struct sm_verb verbs[] = {
    { "validate", "DEFINITION", SM_BIT(SM_TYPE), sm_validate, "every fault of a definition",
      "Exit status 2 when there are any." },
    { "run", "DEFINITION",
      SM_BIT(SM_INPUT) | SM_BIT(SM_MOCK) | SM_BIT(SM_FAST) | SM_BIT(SM_HISTORY) | SM_BIT(SM_KEEP),
      sm_run, "one execution in this process",
      "Exit status 1 when the execution does not succeed, 2 when the definition has faults." },
    { "replay", "EXECUTION", SM_BIT(SM_STATE), sm_replay,
      "what the engine did in an execution, input by input",
      "EXECUTION is an ARN or a name. Changes nothing. Exit status 5 when the stored history is not what\n"
      "the engine makes of the stored inputs." },
    { "create", "DEFINITION", SM_REMOTE | SM_BIT(SM_NAME) | SM_BIT(SM_ROLE) | SM_BIT(SM_TYPE),
      sm_create, "a state machine", NULL },
    { "start", "MACHINE-ARN", SM_REMOTE | SM_BIT(SM_INPUT) | SM_BIT(SM_NAME), sm_start,
      "an execution", NULL },
    { "describe", "ARN", SM_REMOTE, sm_describe, "an execution, a state machine or an activity",
      NULL },
    { "history", "EXECUTION-ARN", SM_REMOTE | SM_BIT(SM_LIMIT) | SM_BIT(SM_REVERSE), sm_history,
      "an execution's events", NULL },
    { "stop", "EXECUTION-ARN", SM_REMOTE | SM_BIT(SM_ERROR) | SM_BIT(SM_CAUSE), sm_stop,
      "an execution", NULL },
    { "list", "[MACHINE-ARN]", SM_REMOTE | SM_BIT(SM_STATUS) | SM_BIT(SM_LIMIT), sm_list,
      "state machines, or the executions of one", NULL },
};
enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

// --- what the verbs share ---

static bool read_stdin(size_t bytes_max, char **ret_text, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    char buffer[65536];
    for (size_t got; (got = fread(buffer, 1, sizeof(buffer), stdin)) > 0;) {
        if (text.bytes + got > bytes_max)
            return sr_fail(err, SR_ERR_TOO_LARGE, "standard input: more than %zu bytes", bytes_max);
        if (!sr_str_add_bytes(&text, buffer, got, err))
            return false;
    }
    if (ferror(stdin))
        return sr_fail_errno(err, errno, "standard input");
    *ret_text = sr_str_take(&text);
    return *ret_text || sr_fail(err, SR_ERR_NO_MEMORY, "standard input");
}

char *sm_database(const char *state, struct sr_err *err)
{
    struct stat info;
    const bool is_folder = stat(state, &info) == 0 && S_ISDIR(info.st_mode);
    return sr_strf(err, "%s%s", state, is_folder ? "/states.db" : "");
}

static bool is_utf8(const char *text)
{
    for (size_t left = strlen(text), bytes; left > 0; text += bytes, left -= bytes) {
        bytes = sr_utf8_character(text, left);
        if (!bytes)
            return false;
    }
    return true;
}

bool sm_read(const char *path, size_t bytes_max, char **ret_text, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    size_t bytes;
    if (strcmp(path, "-") == 0 ? !read_stdin(bytes_max, &text, err)
                               : !sr_file_load(path, bytes_max, &text, &bytes, err))
        return sr_err_wrap(err, "%.120s", path);
    if (!is_utf8(text))
        return sr_fail(err, SR_ERR_INVALID, "%.120s: is not UTF-8", path);
    *ret_text = sr_take(text);
    return true;
}

bool sm_input(const char *said, char **ret_text, struct sr_err *err)
{
    if (said && (said[0] == '@' || strcmp(said, "-") == 0))
        return sm_read(said + (said[0] == '@'), ASL_PAYLOAD_BYTES_MAX, ret_text, err);
    *ret_text = sr_str_dup(said ? said : "{}", err);
    return *ret_text != NULL;
}

bool sm_print(const json_t *value, bool indent, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    if (!jx_dump(value, indent, &text, err))
        return false;
    return (printf("%s\n", text) >= 0 && fflush(stdout) == 0) ||
           sr_fail_errno(err, errno, "standard output");
}

// --- words ---

static void rows_of(const struct sm_verb *verb, struct option_row own[ROW_COUNT])
{
    size_t count = 0;
    for (const struct option_row *row = rows; row->name; row++) {
        if (row->id == SM_HELP || (verb->words & SM_BIT(row->id)))
            own[count++] = *row;
    }
    own[count] = (struct option_row){ .name = NULL };
}

static bool wants_operand(const struct sm_verb *verb)
{
    return verb->operand && verb->operand[0] != '[';
}

static bool parse(const struct cli *cli, const struct sm_verb *verb, const struct option_row *own,
                  struct sm_words *ret, struct sr_err *err)
{
    struct options words = { .argc = cli->argc - 1, .argv = cli->argv + 1, .rows = own };
    for (;;) {
        const struct option_row *row = NULL;
        const char *value = NULL;
        switch (options_next(&words, &row, &value, err)) {
        case OPTIONS_FAILED: return false;
        case OPTIONS_OPTION: ret->value[row->id] = value ? value : ""; break;
        case OPTIONS_OPERAND:
            if (!verb->operand || ret->operand)
                return sr_fail(err, SR_ERR_INVALID, "\"%.80s\": one word too many", value);
            ret->operand = value;
            break;
        case OPTIONS_END:
            if (wants_operand(verb) && !ret->operand && !ret->value[SM_HELP])
                return sr_fail(err, SR_ERR_INVALID, "sm %s: wants %s", verb->name, verb->operand);
            return true;
        }
    }
}

// What is sent as JSON. A definition's operand is a file, whose name may be anything.
static bool check_sent(const struct sm_verb *verb, const struct sm_words *words, struct sr_err *err)
{
    const bool is_file = verb->operand && strcmp(verb->operand, "DEFINITION") == 0;
    if (!(verb->words & SM_BIT(SM_SERVER)))
        return true;
    for (size_t i = 0; i < SM_WORD_COUNT; i++) {
        if (words->value[i] && !is_utf8(words->value[i]))
            return sr_fail(err, SR_ERR_INVALID, "\"%.80s\" is not UTF-8", words->value[i]);
    }
    if (words->operand && !is_file && !is_utf8(words->operand))
        return sr_fail(err, SR_ERR_INVALID, "\"%.80s\" is not UTF-8", words->operand);
    return true;
}

static void verb_help(const struct sm_verb *verb, const struct option_row *own)
{
    (void)printf("splitreel sm %s %s [options] - %s\n\n", verb->name,
                 verb->operand ? verb->operand : "", verb->help);
    options_print(own, stdout);
    if (verb->more)
        (void)printf("\n%s\n", verb->more);
}

static void help(FILE *file)
{
    (void)fprintf(file,
                  "splitreel sm VERB [options] - state machines in Amazon States Language\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        (void)fprintf(file, "  %-9s %-15s %s\n", verbs[i].name,
                      verbs[i].operand ? verbs[i].operand : "", verbs[i].help);
    (void)fprintf(
        file,
        "\nJSON on standard output. `splitreel sm VERB --help` explains a verb.\n\n"
        "Exit status: 0, 1 it failed or was refused, 2 wrong usage or definition, 3 there is no "
        "such file, machine or\nexecution, or no keys; 4 the server cannot be reached.\n");
}

static int run_verb(const struct cli *cli, const struct sm_verb *verb)
{
    struct sr_err err = { 0 };
    struct sm_words words = { 0 };
    struct option_row own[ROW_COUNT];
    int status = 0;
    rows_of(verb, own);
    if (!parse(cli, verb, own, &words, &err))
        return cli_fail(cli, &err);
    if (words.value[SM_HELP]) {
        verb_help(verb, own);
        return 0;
    }
    const bool done = check_sent(verb, &words, &err) && verb->run(cli, &words, &status, &err);
    if (done)
        return status;
    status = cli_fail(cli, &err);
    // neither a file nor what the server says is missing: keys are
    if (err.code == SR_ERR_NOT_FOUND && err.native == 0 && (verb->words & SM_BIT(SM_UNSIGNED)))
        (void)fprintf(stderr, "splitreel: --no-sign-request calls a server that asks for none\n");
    return status;
}

int cmd_sm(const struct cli *cli)
{
    const char *word = cli->argc > 0 ? cli->argv[0] : NULL;
    const char *names[VERB_COUNT + 1] = { NULL };
    if (!word) {
        help(stderr);
        return 2;
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        names[i] = verbs[i].name;
        if (strcmp(word, verbs[i].name) == 0)
            return run_verb(cli, &verbs[i]);
    }
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help(stdout);
        return 0;
    }
    struct sr_err err = { 0 };
    const char *near = jx_nearest(word, names);
    (void)sr_fail(&err, SR_ERR_INVALID, "sm: there is no verb \"%.40s\"; the nearest is %s", word,
                  near ? near : "run");
    return cli_fail(cli, &err);
}
