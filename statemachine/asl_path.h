// statemachine/asl_path.h - JSONPath as AWS Step Functions reads it: paths into the input, the
// context object, variables.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/jx.h"

// Variables of a state machine, of a branch inside it, of an iteration inside that: inner first.
struct asl_vars {
    const json_t *own;  // an object, or NULL: none
    const struct asl_vars *outer;
};

// What a path can look at. Borrows everything.
struct asl_scope {
    const json_t *input;          // "$"
    const struct asl_vars *vars;  // "$name"
    const json_t *(*context)(
        const void *self);  // "$$", built when first asked for; NULL: out of memory
    const void *context_self;
};

enum asl_root { ASL_ROOT_INPUT, ASL_ROOT_CONTEXT, ASL_ROOT_VARIABLE };

enum {
    ASL_PATH_BYTES_MAX = 4096,
    ASL_PATH_STEPS_MAX = 128,
    ASL_PATH_VISITS_MAX = 4000000,  // nodes looked at in one reading, so that "$..*..*" ends
};

struct asl_path;

// Owns:   *ret_path is the caller's, for asl_path_free().
// Errors: INVALID with what is wrong and where; TOO_LARGE; NO_MEMORY.
// Spec:   the dialect is Jayway JsonPath's: ".name", "['name']", "['a','b']", [0], [-1], [0,2], [1:3], [*], "..", [?(...)], and the
//         functions length() min() max() avg() sum() keys() first() last() at the end.
SR_MUST_USE bool asl_path_parse(const char *text, struct asl_path **ret_path, struct sr_err *err);
void asl_path_free(struct asl_path *path);
SR_DEFINE_AUTO(asl_path, struct asl_path, asl_path_free);

enum asl_root asl_path_root(const struct asl_path *path);
const char *asl_path_variable(
    const struct asl_path *path);  // the name after "$"; NULL when the root is no variable
const char *asl_path_text(const struct asl_path *path);  // as it was given
// Names exactly one place: only names and single indexes (a reference path when the root is the
// input).
bool asl_path_is_definite(const struct asl_path *path);
bool asl_path_is_reference(const struct asl_path *path);

// Reads. A definite path gives the value; any other gives an array of what it found, perhaps empty.
// Owns:   *ret_value is a new reference.
// Errors: NOT_FOUND ("No results for path: $['a']", "Missing property in path $['a']"); LIMIT; NO_MEMORY.
SR_MUST_USE bool asl_path_read(const struct asl_path *path, const struct asl_scope *scope,
                               json_t **ret_value, struct sr_err *err);
// The same below a given value, for any root.
SR_MUST_USE bool asl_path_read_at(const struct asl_path *path, const json_t *root,
                                  json_t **ret_value, struct sr_err *err);

// A copy of `document` in which the place of a reference path holds `value`; missing objects on the
// way are made. Shares what did not change, so neither is ever modified in place afterwards.
// Errors: CONFLICT when something on the way is no object, or an index is not there; NO_MEMORY.
SR_MUST_USE bool asl_path_write(const struct asl_path *path, const json_t *document, json_t *value,
                                json_t **ret_document, struct sr_err *err);
