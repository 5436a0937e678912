// service/states_arn.h - what an ARN of Step Functions names, and which names may stand in one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum states_arn_kind {
    STATES_ARN_MACHINE = 1,
    STATES_ARN_VERSION = 2,  // MACHINE:NUMBER
    STATES_ARN_ALIAS = 4,    // MACHINE:NAME
    STATES_ARN_EXECUTION = 8,
    STATES_ARN_EXPRESS = 16,  // an execution of an express machine: MACHINE:NAME:ID
    STATES_ARN_ACTIVITY = 32,
    STATES_ARN_MAP_RUN = 64,    // MACHINE/LABEL:ID
    STATES_ARN_LABELLED = 128,  // MACHINE/LABEL: what the children of a map run are executions of
};

enum { STATES_NAME_MAX = 80, STATES_ARN_PART_MAX = 4 * STATES_NAME_MAX };

struct states_arn {
    enum states_arn_kind kind;
    size_t base_bytes;                   // of the text that names the machine or activity itself
    char name[STATES_ARN_PART_MAX + 1];  // of the machine or activity
    char qualifier[STATES_ARN_PART_MAX + 1];  // version, alias, execution, map run; "": none
    const char *type;                         // "stateMachine", in the text; not ended
    size_t type_bytes;
};

enum states_arn_result { STATES_ARN_OK, STATES_ARN_NO_PREFIX, STATES_ARN_BAD_TYPE };

// BAD_TYPE: an ARN, but of nothing we know; `type` says what.
enum states_arn_result states_arn_parse(const char *text, struct states_arn *ret_arn);

// Spec: CreateStateMachine "name": no white space, brackets, wildcards, special or control characters.
bool states_name_ok(const char *name, size_t bytes);
// Spec: CreateStateMachineAlias "name": letters, digits, _ - and ., and not digits alone.
#define STATES_ALIAS_PATTERN "^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$"
bool states_alias_name_ok(const char *name);
