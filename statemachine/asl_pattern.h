// statemachine/asl_pattern.h - regular expressions behind "=~": matched in time that grows with
// text times pattern, never faster.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/err.h"

enum {
    ASL_PATTERN_BYTES_MAX = 256,
    ASL_PATTERN_STEPS_MAX = 1000,  // after counted repeats are written out
    ASL_PATTERN_SUBJECT_MAX = 16384,
};

struct asl_pattern;

// Understood: . [] [^] \d \w \s (and their capitals) | () (?:) * + ? {m,n} ^ $, each repeat also
// with a '?' behind it.
// Errors: INVALID (anything else, back references); TOO_LARGE; NO_MEMORY.
SR_MUST_USE bool asl_pattern_parse(const char *text, size_t bytes, bool ignore_case,
                                   struct asl_pattern **ret_pattern, struct sr_err *err);
void asl_pattern_free(struct asl_pattern *pattern);
SR_DEFINE_AUTO(asl_pattern, struct asl_pattern, asl_pattern_free);
// Whether the whole text matches. A text of more than ASL_PATTERN_SUBJECT_MAX bytes does not.
bool asl_pattern_matches(const struct asl_pattern *pattern, const char *text);
