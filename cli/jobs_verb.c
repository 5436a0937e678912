#include "cli/jobs_verb.h"

#include <stdio.h>

static bool take(void *self, int id, const char *value, struct sr_err *err)
{
    struct jobs_call *const call = self;
    if (id == OPTIONS_ID_OPERAND) {
        if (call->operand || !*value)
            return sr_fail(err, SR_ERR_INVALID, "\"%.80s\": want one job", value);
        call->operand = value;
    } else if (jobs_words_has(id)) {
        jobs_words_set(&call->words, id, value);
    } else {
        call->value[id] = value ? value : "";
    }
    return true;
}

static bool parse(const struct jobs_verb *verb, struct jobs_call *call, struct sr_err *err)
{
    return options_each(call->cli->argc, call->cli->argv, verb->rows, take, call, err) &&
           (call->operand || call->words.help || verb->operand[0] == '[' ||
            sr_fail(err, SR_ERR_INVALID, "%s: wants %s, as `splitreel submit` says it", verb->name,
                    verb->operand));
}

static void help(const struct jobs_verb *verb)
{
    (void)printf("splitreel %s %s [options] - %s\n\n", verb->name, verb->operand, verb->help);
    options_print(verb->rows, stdout);
    (void)printf("\n%s", verb->more);
}

int jobs_verb_run(const struct cli *cli, const struct jobs_verb *verb)
{
    struct sr_err err = { 0 };
    struct jobs_call call = { .cli = cli };
    int status = 0;
    if (!parse(verb, &call, &err))
        return cli_fail(cli, &err);
    if (call.words.help) {
        help(verb);
        return 0;
    }
    const bool done =
        jobs_remote_open(&call.words, &call.remote, &err) && verb->run(&call, &status, &err);
    jobs_remote_done(&call.remote);
    return done ? status : cli_fail(cli, &err);
}
