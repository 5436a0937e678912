// pipeline/event_pattern_priv.h - what a pattern is made of.
#pragma once

#include <locale.h>
#include <stdint.h>

#include "pipeline/event_pattern.h"

enum event_op {
    EVENT_OP_SAME,  // the same value; a number also as 1 and 1.0, an address in any spelling
    EVENT_OP_PREFIX,
    EVENT_OP_SUFFIX,
    EVENT_OP_EQUALS,  // text, only with any_case
    EVENT_OP_WILDCARD,
    EVENT_OP_NUMERIC,
    EVENT_OP_CIDR,
    EVENT_OP_EXISTS,
    EVENT_OP_ABSENT,  // of a field, not of a value
};

// One of the values that a field may have.
struct event_test {
    enum event_op op;
    bool any_case;
    bool but;               // "anything-but": there is a value, and it is none of these
    const json_t *operand;  // of the pattern's own copy; with `but` perhaps an array of them
    int64_t low, high;      // NUMERIC: millionths, inclusive
    struct event_address {  // CIDR, and SAME with an address: from `low` to `high`
        size_t bytes;       // 4, 16; 0: none
        uint8_t low[16], high[16];
    } address;
};

struct event_field {
    char *name;  // keys joined by dots
    size_t test_first, test_count;
};

struct event_branch {
    size_t count;
    size_t *fields;  // indexes
};

struct event_pattern {
    json_t *copy;
    locale_t cases;  // for upper and lower case outside ASCII; 0: only ASCII has any
    struct event_test *tests;
    size_t test_count;
    struct event_field *fields;
    size_t field_count;
    struct event_branch *branches;
    size_t branch_count;
};

// Reads one element of a field's list. What is wrong with it is added to `faults`, and *ret_test is
// left alone. Errors: NO_MEMORY alone.
SR_MUST_USE bool event_test_parse(const struct jx *at, struct faults *faults,
                                  struct event_test *ret_test, struct sr_err *err);
// Whether a value passes. Not for ABSENT.
bool event_test_passes(const struct event_test *test, locale_t cases, const json_t *value);
