// statemachine/asl_intrinsic_priv.h - the functions behind their names.
#pragma once

#include "statemachine/asl_intrinsic.h"

enum { ASL_INTRINSIC_ARGS_MAX = 64 };

struct asl_call {
    const char *name;
    json_t *const *args;
    size_t count;
    struct asl_random *random;
    struct asl_failure *failure;
};

struct asl_function {
    const char *name;
    size_t args_min, args_max;
    json_t *(*fn)(const struct asl_call *call);  // a new reference; NULL: failed
    const char *types;  // one letter per argument for literals: a array, n number, s string, b
                        // boolean, o object, . any
};

// NULL when there is none.
const struct asl_function *asl_function_find(const char *name, size_t bytes);
// Values as AWS's implementation spells them in text: strings bare, {a=1, b=[2]} for objects.
SR_MUST_USE bool asl_function_text(const json_t *value, struct sr_str *text, struct sr_err *err);
