// statemachine/asl_choice.h - choice rules in JSONPath: comparisons with And, Or and Not.
#pragma once

#include "base/auto.h"
#include "base/err.h"
#include "statemachine/asl_error.h"
#include "statemachine/asl_path.h"

struct asl_rule;

enum asl_operand {
    ASL_OPERAND_BOOLEAN,
    ASL_OPERAND_NUMBER,
    ASL_OPERAND_STRING,
    ASL_OPERAND_TIMESTAMP,
    ASL_OPERAND_TEST
};

// A comparison operator: what code and checks both read.
struct asl_operator {
    const char *name;
    enum asl_operand operand;
    bool is_path;  // the value is a path to what is compared with
    int kind;      // private
};
const struct asl_operator *asl_operator_find(const char *name);

// A rule that was found valid. Errors: INVALID; NO_MEMORY.
SR_MUST_USE bool asl_rule_parse(const json_t *json, struct asl_rule **ret_rule, struct sr_err *err);
void asl_rule_free(struct asl_rule *rule);
SR_DEFINE_AUTO(asl_rule, struct asl_rule, asl_rule_free);

// Failures: States.Runtime when a path leads nowhere (IsPresent aside).
// Spec:     ASL "Choice State".
SR_MUST_USE bool asl_rule_applies(const struct asl_rule *rule, const struct asl_scope *scope,
                                  bool *ret_applies, struct asl_failure *failure);
// "*" stands for any characters, "\\*" for a star, "\\\\" for a backslash.
bool asl_string_matches(const char *text, const char *pattern);
