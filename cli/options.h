// cli/options.h - the command line's words, one by one: long options with one dash or two.
#pragma once

#include <stdio.h>

#include "base/err.h"

// One spelling. Several rows may share an id. A row without help is not listed.
struct option_row {
    const char *name;   // "segment", without dashes
    const char *value;  // what follows it, for the help text: "LENGTH"; NULL: nothing does
    int id;
    const char *help;
};

struct options {
    int argc;
    char **argv;
    int at;                         // next word
    bool only_operands;             // after "--"
    const struct option_row *rows;  // ends with a NULL name
};

enum options_next { OPTIONS_OPTION, OPTIONS_OPERAND, OPTIONS_END, OPTIONS_FAILED };

// OPTION:  *ret_row is its row, *ret_value its value (NULL when it takes none). The word after an
// option that takes a value is
//          that value whatever it looks like, so "-i -name.mov" reads a file whose name begins with
//          a dash. "--name=value" too.
// OPERAND: *ret_value is the word; "-" is an operand, and every word after "--".
// Errors:  INVALID: unknown (with the nearest name), or without its value.
enum options_next options_next(struct options *options, const struct option_row **ret_row,
                               const char **ret_value, struct sr_err *err);

// Takes one word: an option by its id with its value (NULL: it takes none), or an operand.
enum { OPTIONS_ID_OPERAND = -1 };
typedef bool (*options_take_fn)(void *self, int id, const char *value, struct sr_err *err);
// All words after the verb, one by one. Errors: as options_next(), and those of `take`.
SR_MUST_USE bool options_each(int argc, char **argv, const struct option_row *rows,
                              options_take_fn take, void *self, struct sr_err *err);

// The rows with help, aligned, one per line.
void options_print(const struct option_row *rows, FILE *file);
