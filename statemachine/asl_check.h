// statemachine/asl_check.h - every fault of a definition, with code and place, as
// ValidateStateMachineDefinition answers.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/jx.h"

enum asl_machine_type { ASL_STANDARD, ASL_EXPRESS };

#define ASL_FAULT_SCHEMA "SCHEMA_VALIDATION_FAILED"
#define ASL_FAULT_JSON "INVALID_JSON_DESCRIPTION"
#define ASL_FAULT_TARGET "MISSING_TRANSITION_TARGET"
#define ASL_FAULT_DUPLICATE "DUPLICATE_STATE_NAME"
#define ASL_FAULT_LANGUAGE "UNSUPPORTED_QUERY_LANGUAGE"

enum {
    ASL_DEFINITION_BYTES_MAX = 1024 * 1024,
    ASL_STATES_MAX = 10000,
    ASL_FLOW_DEPTH_MAX = 32,
    ASL_STATE_NAME_MAX = 80,  // characters
    ASL_LABEL_MAX = 40,
    ASL_FAULTS_MAX = 1000,
    ASL_SECONDS_MAX = 99999999,
};

struct asl_fault {
    const char *code;  // one of ASL_FAULT_*
    char *location;    // "/States/Wait/Timestamp"; NULL: the whole text
    char *message;
};

struct asl_faults {
    size_t count;
    struct asl_fault *items;
    bool truncated;  // there were more than ASL_FAULTS_MAX
};

// `*faults` begins as all zero; no fault at the end means: valid. Only running out of memory is an
// error. *ret_json is the parsed text, NULL when it is no JSON object.
SR_MUST_USE bool asl_check_text(const char *text, size_t bytes, enum asl_machine_type type,
                                struct asl_faults *faults, json_t **ret_json, struct sr_err *err);
SR_MUST_USE bool asl_check(const json_t *json, enum asl_machine_type type,
                           struct asl_faults *faults, struct sr_err *err);
// {"result": "OK"|"FAIL", "diagnostics": [...], "truncated": false}
SR_MUST_USE bool asl_faults_to_json(const struct asl_faults *faults, json_t **ret_json,
                                    struct sr_err *err);
void asl_faults_done(struct asl_faults *faults);
SR_DEFINE_AUTO_VALUE(asl_faults, struct asl_faults, asl_faults_done);
