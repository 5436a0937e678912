// pipeline/batch_where.h - conditions on what is in a source: "height>=1080", "codec=h264".
#pragma once

#include "base/jx.h"

struct batch_where {
    int field, relation;
    bool is_text;
    double number;
    char text[64];
};

// FIELD and = != < <= > >= and a value: of numbers a number (of `duration` also a length as "90m"),
// of words a word, with = and != only.
// Errors: INVALID, with the fields there are.
SR_MUST_USE bool batch_where_parse(const char *text, struct batch_where *ret, struct sr_err *err);
// `probe`: the document of `splitreel probe --json`. What a source does not have (the height of a
// sound file) fulfils no condition but !=.
bool batch_where_holds(const struct batch_where *where, const json_t *probe);
// "width, height, ...", for help texts.
const char *batch_where_fields(void);
