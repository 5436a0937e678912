#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#include "base/jx.h"

enum { NAMES_MAX = 128, HELP_COLUMN = 26 };

static const struct option_row *find(const struct option_row *rows, const char *name, size_t bytes)
{
    for (; rows->name; rows++) {
        if (strlen(rows->name) == bytes && strncmp(rows->name, name, bytes) == 0)
            return rows;
    }
    return NULL;
}

static enum options_next fail_unknown(const struct options *options, const char *word,
                                      const char *name, struct sr_err *err)
{
    const char *names[NAMES_MAX + 1];
    size_t count = 0;
    for (const struct option_row *row = options->rows; row->name && count < NAMES_MAX; row++)
        names[count++] = row->name;
    names[count] = NULL;
    const char *const near = jx_nearest(name, names);
    if (near)
        (void)sr_fail(err, SR_ERR_INVALID, "%.60s: there is no such option; the nearest is %s%s",
                      word, word[1] == '-' ? "--" : "-", near);
    else
        (void)sr_fail(err, SR_ERR_INVALID, "%.60s: there is no such option", word);
    return OPTIONS_FAILED;
}

enum options_next options_next(struct options *options, const struct option_row **ret_row,
                               const char **ret_value, struct sr_err *err)
{
    if (options->at < options->argc && !options->only_operands &&
        strcmp(options->argv[options->at], "--") == 0) {
        options->only_operands = true;
        options->at++;
    }
    if (options->at >= options->argc)
        return OPTIONS_END;
    const char *const word = options->argv[options->at++];
    if (options->only_operands || word[0] != '-' || word[1] == '\0') {
        *ret_value = word;
        return OPTIONS_OPERAND;
    }
    const char *const name = word + (word[1] == '-' ? 2 : 1);
    const char *const equals = strchr(name, '=');
    const struct option_row *const row =
        find(options->rows, name, equals ? (size_t)(equals - name) : strlen(name));
    if (!row)
        return fail_unknown(options, word, name, err);
    const char *value = equals ? equals + 1 : NULL;
    if (!row->value && value) {
        (void)sr_fail(err, SR_ERR_INVALID, "%.60s: takes no value", word);
        return OPTIONS_FAILED;
    }
    if (row->value && !value) {
        if (options->at >= options->argc) {
            (void)sr_fail(err, SR_ERR_INVALID, "%.60s: wants %s after it", word, row->value);
            return OPTIONS_FAILED;
        }
        value = options->argv[options->at++];
    }
    *ret_row = row;
    *ret_value = value;
    return OPTIONS_OPTION;
}

bool options_each(int argc, char **argv, const struct option_row *rows, options_take_fn take,
                  void *self, struct sr_err *err)
{
    struct options words = { .argc = argc, .argv = argv, .rows = rows };
    for (;;) {
        const struct option_row *row = NULL;
        const char *value = NULL;
        const enum options_next next = options_next(&words, &row, &value, err);
        if (next == OPTIONS_END || next == OPTIONS_FAILED)
            return next == OPTIONS_END;
        if (!take(self, next == OPTIONS_OPERAND ? OPTIONS_ID_OPERAND : row->id, value, err))
            return false;
    }
}

// "  -w, --workers N       threads that encode": spellings of one id stand together, the first row
// with help speaks for all.
void options_print(const struct option_row *rows, FILE *file)
{
    for (const struct option_row *row = rows; row->name; row++) {
        if (!row->help)
            continue;
        char left[80] = "";
        for (const struct option_row *same = rows; same->name; same++) {
            const size_t used = strlen(left);
            if (same->id == row->id && (same == row || !same->help))
                (void)snprintf(left + used, sizeof(left) - used, "%s%s%s", used ? ", " : "",
                               strlen(same->name) > 3 && !strchr(same->name, ':') ? "--" : "-",
                               same->name);
        }
        const size_t used = strlen(left);
        (void)snprintf(left + used, sizeof(left) - used, "%s%s", row->value ? " " : "",
                       row->value ? row->value : "");
        if (strlen(left) > HELP_COLUMN - 4)  // two spaces at least stand between
            (void)fprintf(file, "  %s\n  %*s%s\n", left, HELP_COLUMN - 2, "", row->help);
        else
            (void)fprintf(file, "  %-*s%s\n", HELP_COLUMN - 2, left, row->help);
    }
}
