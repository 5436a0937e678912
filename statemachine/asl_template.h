// statemachine/asl_template.h - payload templates (Parameters, ResultSelector, ItemSelector,
// Assign): compiled once.
#pragma once

#include "base/auto.h"
#include "base/err.h"
#include "statemachine/asl_intrinsic.h"

struct asl_template;

// Errors: INVALID when a field that ends in ".$" holds neither a path nor an intrinsic function: its name is in *ret_field
//         (borrowed from `json`; NULL otherwise).
// Spec:   ASL "Payload Template".
SR_MUST_USE bool asl_template_parse(const json_t *json, struct asl_template **ret_template,
                                    const char **ret_field, struct sr_err *err);
// One expression on its own; `key` is what failures call it.
SR_MUST_USE bool asl_template_parse_expression(const char *key, const char *text,
                                               struct asl_template **ret_template,
                                               struct sr_err *err);
void asl_template_free(struct asl_template *template);
SR_DEFINE_AUTO(asl_template, struct asl_template, asl_template_free);

// *ret_value is a new reference and may share parts of the template and of the scope: do not change
// it in place.
SR_MUST_USE bool asl_template_apply(const struct asl_template *template,
                                    const struct asl_scope *scope, struct asl_random *random,
                                    json_t **ret_value, struct asl_failure *failure);
// Calls `fn` for every path in it.
void asl_template_each_path(const struct asl_template *template,
                            void (*fn)(const struct asl_path *path, void *self), void *self);
