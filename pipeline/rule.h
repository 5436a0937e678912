// pipeline/rule.h - rules: which events, or which times, start what, and with which input. One JSON
// file each.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/jx.h"
#include "pipeline/faults.h"

enum {
    RULE_BYTES_MAX = 256 << 10,  // of a file
    RULES_MAX = 1000,            // files in a folder
    RULE_NAME_MAX = 64,
    RULE_TARGET_MAX = 512,
};

struct event_pattern;
struct schedule;
struct transformer;
struct asl_path;

// What a rule starts.
enum rule_target {
    RULE_STATE_MACHINE,  // an execution of a state machine
    RULE_JOB,            // a job: the input is its manifest
};

struct rule {
    char name[RULE_NAME_MAX + 1];  // the file's, without ".json"
    bool enabled;
    struct event_pattern *pattern;  // one of these two; the other is NULL
    struct schedule *schedule;
    bool skips_missed;  // of a schedule: what was due while nobody was here is not made up for
    enum rule_target target;
    char *machine;  // of RULE_STATE_MACHINE: its name or ARN
    // The input: at most one of them; none: the whole event.
    json_t *input;
    struct asl_path *input_path;
    struct transformer *transformer;
};

// Reads a rule. What is wrong with it is added to `faults`; *ret_rule is NULL then.
// Errors: NO_MEMORY alone.
SR_MUST_USE bool rule_parse(const char *name, const char *text, size_t bytes, struct faults *faults,
                            struct rule **ret_rule, struct sr_err *err);
// The same from a file, whose name gives the rule's. Errors: those of reading.
SR_MUST_USE bool rule_load(const char *path, struct faults *faults, struct rule **ret_rule,
                           struct sr_err *err);
void rule_free(struct rule *rule);
SR_DEFINE_AUTO(rule, struct rule, rule_free);

// Whether an event starts it. One that is not enabled, or has a schedule, never does.
// Errors: as event_pattern_match().
SR_MUST_USE bool rule_matches(const struct rule *rule, const json_t *event, bool *ret_match,
                              struct sr_err *err);
// The input that an event (of a store, or of the rule's own schedule) makes: JSON text. A job's is
// a manifest that can be parsed.
// Owns:   the caller frees *ret_text.
// Errors: INVALID (a path that leads nowhere, no manifest), TOO_LARGE, LIMIT, NO_MEMORY.
SR_MUST_USE bool rule_input(const struct rule *rule, const char *arn, const json_t *event,
                            int64_t time_us, char **ret_text, struct sr_err *err);
// What a schedule's rule is given for an event: EventBridge's "Scheduled Event".
SR_MUST_USE bool rule_scheduled_event(const char *id, const char *arn, const char *account,
                                      const char *region, int64_t time_us, json_t **ret_event,
                                      struct sr_err *err);

struct rules {
    size_t count;
    struct rule **items;  // by name
};

// All files *.json of a folder, hidden ones left out. With faults *ret_rules stays empty.
// Errors: LIMIT (more than RULES_MAX), those of reading, NO_MEMORY.
SR_MUST_USE bool rules_load(const char *folder, struct faults *faults, struct rules *ret_rules,
                            struct sr_err *err);
void rules_done(struct rules *rules);
SR_DEFINE_AUTO_VALUE(rules, struct rules, rules_done);
