// statemachine/asl_path_priv.h - what asl_path.c and asl_filter.c share: the steps of a path.
#pragma once

#include "base/str.h"
#include "statemachine/asl_path.h"

enum asl_step_kind {
    ASL_STEP_NAME,   // one or several names
    ASL_STEP_INDEX,  // one or several indexes
    ASL_STEP_SLICE,
    ASL_STEP_WILDCARD,
    ASL_STEP_SCAN,  // ".."; the step after it is tried everywhere below
    ASL_STEP_FILTER,
    ASL_STEP_FUNCTION,
};

enum asl_path_function {
    ASL_PATH_LENGTH,
    ASL_PATH_MIN,
    ASL_PATH_MAX,
    ASL_PATH_AVG,
    ASL_PATH_SUM,
    ASL_PATH_KEYS,
    ASL_PATH_FIRST,
    ASL_PATH_LAST,
};

struct asl_filter;

struct asl_step {
    enum asl_step_kind kind;
    size_t count;  // of names or indexes
    char **names;
    json_int_t *indexes;
    struct {
        bool has_from, has_to;
        json_int_t from, to, by;
    } slice;
    struct asl_filter *filter;
    enum asl_path_function function;
};

struct asl_path {
    char *text;
    enum asl_root root;
    char *variable;
    bool definite;
    size_t step_count;
    struct asl_step *steps;
};

struct asl_cursor {
    const char *start;
    const char *at;
    size_t depth;  // of brackets in filters
};

// One reading of a path.
struct asl_reading {
    const json_t *root;  // what "$" means inside filters
    json_t *found;       // array
    size_t visits_left;
    struct sr_err *err;
};

void asl_cursor_blanks(struct asl_cursor *cursor);
bool asl_cursor_fail(const struct asl_cursor *cursor, struct sr_err *err, const char *what);
// A quoted string with `\'`, `\"` and `\\`; the caller frees it.
SR_MUST_USE bool asl_cursor_quoted(struct asl_cursor *cursor, char **ret_text, struct sr_err *err);
SR_MUST_USE bool asl_cursor_integer(struct asl_cursor *cursor, json_int_t *ret, struct sr_err *err);
// The steps after "$" or "@", to where a path cannot go on.
SR_MUST_USE bool asl_path_parse_steps(struct asl_cursor *cursor, struct asl_path *path,
                                      struct sr_err *err);

// Filters: "?(...)" behind its question mark, to the closing bracket (not taken).
SR_MUST_USE bool asl_filter_parse(struct asl_cursor *cursor, struct asl_filter **ret_filter,
                                  struct sr_err *err);
void asl_filter_free(struct asl_filter *filter);
SR_MUST_USE bool asl_filter_accepts(const struct asl_filter *filter, const json_t *node,
                                    struct asl_reading *reading, bool *ret_accepts);
// Reads `path` at `root` inside another reading: *ret_value NULL when there is nothing.
SR_MUST_USE bool asl_path_read_inside(const struct asl_path *path, const json_t *root,
                                      struct asl_reading *reading, json_t **ret_value);
