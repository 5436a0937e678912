// base/jx.h - JSON over jansson: a place knows its path, so that an error can spell it.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

SR_DEFINE_AUTO(json, json_t, json_decref);

// A value and how we came to it; lives on the stack. Borrows everything.
struct jx {
    const json_t *value;
    const struct jx *parent;  // NULL: the root "$"
    const char *key;          // in an object; NULL in an array
    size_t index;             // in an array
};

static inline struct jx jx_root(const json_t *value)
{
    return (struct jx){ .value = value };
}

enum { JX_DEPTH_MAX = 128, JX_BYTES_MAX = 64 << 20 };

// Parses text with limits: depth at most JX_DEPTH_MAX, duplicate keys refused. `comments`: JSONC
// (// and /* */ outside strings). Errors: INVALID with line and column; TOO_LARGE.
SR_MUST_USE bool jx_parse(const char *text, size_t bytes, bool comments, json_t **ret_value,
                          struct sr_err *err);
// Whether it would refuse the text because values are nested too deep.
bool jx_is_too_deep(const char *text, size_t bytes);
// The line, from 1, on which the member `keys[0]` of the root stands, or `keys[1]` of that, and so
// on
// (`keys` ends with NULL); 0: there is none. Of text that jx_parse() takes with comments.
SR_MUST_USE bool jx_line(const char *text, size_t bytes, const char *const *keys, size_t *ret_line,
                         struct sr_err *err);
// Compact or indented text, keys in insertion order; the caller frees it. Reals with 17 digits at
// most.
SR_MUST_USE bool jx_dump(const json_t *value, bool indent, char **ret_text, struct sr_err *err);
// Adds the compact text to a string, which a failure leaves with a part of it.
struct sr_str;
SR_MUST_USE bool jx_dump_add(const json_t *value, struct sr_str *out, struct sr_err *err);

// "$.States.Encode.Retry[0]" into a buffer, cut from the left with "..." if too long.
void jx_path(const struct jx *at, char *buffer, size_t capacity);

// Fails with INVALID: "PATH: message".
bool jx_fail(const struct jx *at, struct sr_err *err, const char *format, ...) SR_PRINTF(3, 4);

// The member of an object; its value is NULL when absent.
struct jx jx_get(const struct jx *at, const char *key);
struct jx jx_at(const struct jx *at, size_t index);
static inline bool jx_has(const struct jx *at, const char *key)
{
    return json_object_get(at->value, key) != NULL;
}

// Typed getters for a member that must be there. Strings are borrowed from the document.
SR_MUST_USE bool jx_int(const struct jx *at, const char *key, int64_t min, int64_t max,
                        int64_t *ret, struct sr_err *err);
SR_MUST_USE bool jx_real(const struct jx *at, const char *key, double min, double max, double *ret,
                         struct sr_err *err);
SR_MUST_USE bool jx_bool(const struct jx *at, const char *key, bool *ret, struct sr_err *err);
SR_MUST_USE bool jx_text(const struct jx *at, const char *key, const char **ret,
                         struct sr_err *err);
SR_MUST_USE bool jx_object(const struct jx *at, const char *key, struct jx *ret,
                           struct sr_err *err);
SR_MUST_USE bool jx_array(const struct jx *at, const char *key, struct jx *ret, struct sr_err *err);
// The same for one that may be absent: *ret is left alone.
SR_MUST_USE bool jx_int_opt(const struct jx *at, const char *key, int64_t min, int64_t max,
                            int64_t *ret, struct sr_err *err);
SR_MUST_USE bool jx_real_opt(const struct jx *at, const char *key, double min, double max,
                             double *ret, struct sr_err *err);
SR_MUST_USE bool jx_bool_opt(const struct jx *at, const char *key, bool *ret, struct sr_err *err);
SR_MUST_USE bool jx_text_opt(const struct jx *at, const char *key, const char **ret,
                             struct sr_err *err);

// Every key of the object must be in `known` (ends with NULL); the error names the nearest known
// key.
SR_MUST_USE bool jx_only(const struct jx *at, const char *const *known, struct sr_err *err);

// The word of `known` (ends with NULL) that takes the fewest edits from `word`; NULL when there is
// none or `word` is long.
const char *jx_nearest(const char *word, const char *const *known);

// Building: jansson's json_pack and *_new functions give NULL when out of memory; this turns that
// into an error.
SR_MUST_USE bool jx_made(const json_t *value, struct sr_err *err);  // NO_MEMORY when NULL
SR_MUST_USE bool jx_put(json_t *object, const char *key, json_t *value,
                        struct sr_err *err);  // takes `value`, NULL is NO_MEMORY
SR_MUST_USE bool jx_append(json_t *array, json_t *value, struct sr_err *err);  // takes `value`
// A string that is certain to be UTF-8: what is not becomes U+FFFD (file names, other programs'
// output). NULL: no memory.
json_t *jx_string(const char *text);
