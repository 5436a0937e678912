// pipeline/event_pattern.h - EventBridge event patterns: which events somebody wants to hear of.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/jx.h"
#include "pipeline/faults.h"

enum {
    EVENT_PATTERN_FIELDS_MAX = 1000,
    EVENT_PATTERN_TESTS_MAX = 10000,
    EVENT_PATTERN_NAME_BYTES_MAX = 4096,  // of one field's path
    EVENT_PATTERN_BRANCHES_MAX = 1000,    // what all the "$or" of a pattern multiply to
    EVENT_PATTERN_CELLS_MAX = 100000,     // fields of all branches
    EVENT_PATTERN_STARS_MAX = 5,          // of one wildcard
    EVENT_PATTERN_VALUES_MAX = 100000,    // of one event, that a pattern looks at
    EVENT_PATTERN_STEPS_MAX = 1000000,    // of one match: pairs of values that were compared
};

struct event_pattern;

// Reads a pattern. What is wrong with it is added to `faults`, each with its place and, behind
// that, the reason in AWS's words; *ret_pattern is NULL then.
// Owns:    *ret_pattern is the caller's; it keeps nothing of the document.
// Errors:  NO_MEMORY alone.
// Spec:    Amazon EventBridge "Comparison operators for use in event patterns"
SR_MUST_USE bool event_pattern_parse(const struct jx *at, struct faults *faults,
                                     struct event_pattern **ret_pattern, struct sr_err *err);
void event_pattern_free(struct event_pattern *pattern);
SR_DEFINE_AUTO(event_pattern, struct event_pattern, event_pattern_free);

// Whether an event fits: all fields of the pattern (or of one branch of its "$or"), each with one
// of its values. Of an array each element counts, and fields that come out of elements of the same
// array must come out of the same element.
// Errors:  INVALID (the event is no object), LIMIT (the search in its arrays takes too long),
//          NO_MEMORY.
// Threads: any number at once on one pattern.
SR_MUST_USE bool event_pattern_match(const struct event_pattern *pattern, const json_t *event,
                                     bool *ret_match, struct sr_err *err);
