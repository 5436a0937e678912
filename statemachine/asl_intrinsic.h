// statemachine/asl_intrinsic.h - "States.Format(...)": intrinsic functions, parsed once, evaluated
// with a scope.
#pragma once

#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "statemachine/asl_error.h"
#include "statemachine/asl_path.h"

struct asl_intrinsic;

enum {
    ASL_INTRINSIC_DEPTH_MAX = 10,
    ASL_INTRINSIC_BYTES_MAX = 10000,
    ASL_INTRINSIC_RANGE_MAX = 1000
};

// Errors: INVALID: an unknown function, the wrong number of arguments, a broken path or literal.
// Spec:   ASL "Intrinsic Functions", Appendix B.
SR_MUST_USE bool asl_intrinsic_parse(const char *text, struct asl_intrinsic **ret_intrinsic,
                                     struct sr_err *err);
void asl_intrinsic_free(struct asl_intrinsic *intrinsic);
SR_DEFINE_AUTO(asl_intrinsic, struct asl_intrinsic, asl_intrinsic_free);

// What MathRandom and UUID draw from; the seed comes with an event, so that a replay draws the
// same.
struct asl_random {
    uint64_t state;
};
uint64_t asl_random_next(struct asl_random *random);

// *ret_value is a new reference. Failures: States.IntrinsicFailure; States.Runtime for a path that
// finds nothing.
SR_MUST_USE bool asl_intrinsic_apply(const struct asl_intrinsic *intrinsic,
                                     const struct asl_scope *scope, struct asl_random *random,
                                     json_t **ret_value, struct asl_failure *failure);

// Calls `fn` for every path in it, nested ones too.
void asl_intrinsic_each_path(const struct asl_intrinsic *intrinsic,
                             void (*fn)(const struct asl_path *path, void *self), void *self);
