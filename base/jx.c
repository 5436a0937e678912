// Places and getters. Text in and out is in jx_text.c.
#include "base/jx.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum {
    PATH_BYTES = 112,    // of a path in an error: leaves room for the reason
    SHOWN_BYTES = 40,    // of a value in an error
    KEY_BYTES_MAX = 64,  // a longer key has no nearest one
};

// Paths -----------------------------------------------------------------------------------------
static bool plain_key(const char *key)
{
    if (*key == '\0' || (*key >= '0' && *key <= '9'))
        return false;
    for (; *key; key++) {
        const char c = *key;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return true;
}

// Puts `part` before what already stands at the end of the buffer; false when only its tail fits.
static bool prepend(char *buffer, size_t *start, const char *part, size_t bytes)
{
    const size_t taken = bytes < *start ? bytes : *start;
    *start -= taken;
    memcpy(buffer + *start, part + (bytes - taken), taken);
    return taken == bytes;
}

static bool prepend_step(const struct jx *at, char *buffer, size_t *start)
{
    if (!at->parent)
        return prepend(buffer, start, "$", 1);
    if (!at->key) {
        char index[32];
        sr_ignore(sr_format(index, sizeof(index), "[%zu]", at->index));
        return prepend(buffer, start, index, strlen(index));
    }
    const bool plain = plain_key(at->key);
    return prepend(buffer, start, "']", plain ? 0 : 2) &&
           prepend(buffer, start, at->key, strlen(at->key)) &&
           prepend(buffer, start, plain ? "." : "['", plain ? 1 : 2);
}

// Written from its end to its beginning: the end is what matters when there is no room for all.
void jx_path(const struct jx *at, char *buffer, size_t capacity)
{
    assert(capacity >= 4);
    size_t start = capacity - 1;
    buffer[start] = '\0';
    bool fits = true;
    for (; at && fits; at = at->parent)
        fits = prepend_step(at, buffer, &start);
    if (!fits) {
        start = start < 3 ? 3 : start;
        while (((unsigned char)buffer[start] & 0xC0) == 0x80)
            start++;  // not in the middle of a character
        start -= 3;
        memcpy(buffer + start, "...", 3);
    }
    memmove(buffer, buffer + start, capacity - start);
}

bool jx_fail(const struct jx *at, struct sr_err *err, const char *format, ...)
{
    char path[PATH_BYTES], message[sizeof(err->message)];
    jx_path(at, path, sizeof(path));
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return sr_fail(err, SR_ERR_INVALID, "%s: %s", path, message);
}

struct jx jx_get(const struct jx *at, const char *key)
{
    return (struct jx){ .value = json_object_get(at->value, key), .parent = at, .key = key };
}

struct jx jx_at(const struct jx *at, size_t index)
{
    return (struct jx){ .value = json_array_get(at->value, index), .parent = at, .index = index };
}

// Getters ---------------------------------------------------------------------------------------
// Shows a value in an error: scalars as they are, texts cut. (The sizes are such that all fits.)
static void show(const json_t *value, char text[SHOWN_BYTES + 8])
{
    const size_t room = SHOWN_BYTES + 8;
    if (!value) {
        sr_ignore(sr_format(text, room, "nothing"));
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT: sr_ignore(sr_format(text, room, "an object")); break;
    case JSON_ARRAY: sr_ignore(sr_format(text, room, "an array")); break;
    case JSON_TRUE: sr_ignore(sr_format(text, room, "true")); break;
    case JSON_FALSE: sr_ignore(sr_format(text, room, "false")); break;
    case JSON_NULL: sr_ignore(sr_format(text, room, "null")); break;
    case JSON_INTEGER:
        sr_ignore(sr_format(text, room, "%" JSON_INTEGER_FORMAT, json_integer_value(value)));
        break;
    case JSON_REAL: sr_ignore(sr_format(text, room, "%.17g", json_real_value(value))); break;
    case JSON_STRING: {
        const char *const string = json_string_value(value);
        const size_t left = strlen(string);
        size_t bytes = 0;
        for (size_t step; (step = sr_utf8_character(string + bytes, left - bytes)) > 0;) {
            if (bytes + step > SHOWN_BYTES)
                break;
            bytes += step;
        }
        sr_ignore(
            sr_format(text, room, "\"%.*s%s\"", (int)bytes, string, bytes < left ? "..." : ""));
        break;
    }
    }
}

static bool want(const struct jx *place, const char *what, struct sr_err *err)
{
    char got[SHOWN_BYTES + 8];
    show(place->value, got);
    return jx_fail(place, err, "want %s, got %s", what, got);
}

bool jx_int(const struct jx *at, const char *key, int64_t min, int64_t max, int64_t *ret,
            struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    if (json_is_integer(place.value)) {
        const int64_t value = json_integer_value(place.value);
        if (value >= min && value <= max) {
            *ret = value;
            return true;
        }
    }
    char what[80];
    if (min == INT64_MIN && max == INT64_MAX)
        sr_ignore(sr_format(what, sizeof(what), "an integer"));
    else if (max == INT64_MAX)
        sr_ignore(sr_format(what, sizeof(what), "an integer of at least %" PRId64, min));
    else
        sr_ignore(sr_format(what, sizeof(what), "an integer %" PRId64 "..%" PRId64, min, max));
    return want(&place, what, err);
}

bool jx_real(const struct jx *at, const char *key, double min, double max, double *ret,
             struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    if (json_is_number(place.value)) {
        const double value = json_number_value(place.value);
        if (value >= min && value <= max) {
            *ret = value;
            return true;
        }
    }
    char what[80];
    if (isfinite(min) && isfinite(max))
        sr_ignore(sr_format(what, sizeof(what), "a number %.10g..%.10g", min, max));
    else if (isfinite(min))
        sr_ignore(sr_format(what, sizeof(what), "a number of at least %.10g", min));
    else
        sr_ignore(sr_format(what, sizeof(what), "a number"));
    return want(&place, what, err);
}

bool jx_bool(const struct jx *at, const char *key, bool *ret, struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    if (!json_is_boolean(place.value))
        return want(&place, "true or false", err);
    *ret = json_is_true(place.value);
    return true;
}

bool jx_text(const struct jx *at, const char *key, const char **ret, struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    if (!json_is_string(place.value))
        return want(&place, "a string", err);
    const char *const text = json_string_value(place.value);
    if (strlen(text) != json_string_length(place.value))
        return jx_fail(&place, err, "want a string without \\u0000");
    *ret = text;
    return true;
}

bool jx_object(const struct jx *at, const char *key, struct jx *ret, struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    if (!json_is_object(place.value))
        return want(&place, "an object", err);
    *ret = place;
    return true;
}

bool jx_array(const struct jx *at, const char *key, struct jx *ret, struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    if (!json_is_array(place.value))
        return want(&place, "an array", err);
    *ret = place;
    return true;
}

bool jx_int_opt(const struct jx *at, const char *key, int64_t min, int64_t max, int64_t *ret,
                struct sr_err *err)
{
    return !jx_has(at, key) || jx_int(at, key, min, max, ret, err);
}

bool jx_real_opt(const struct jx *at, const char *key, double min, double max, double *ret,
                 struct sr_err *err)
{
    return !jx_has(at, key) || jx_real(at, key, min, max, ret, err);
}

bool jx_bool_opt(const struct jx *at, const char *key, bool *ret, struct sr_err *err)
{
    return !jx_has(at, key) || jx_bool(at, key, ret, err);
}

bool jx_text_opt(const struct jx *at, const char *key, const char **ret, struct sr_err *err)
{
    return !jx_has(at, key) || jx_text(at, key, ret, err);
}

// Unknown keys ----------------------------------------------------------------------------------
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

// Edits (insert, delete, replace) that turn `a` into `b`; case does not count. Both are short.
static size_t distance(const char *a, const char *b)
{
    size_t row[KEY_BYTES_MAX + 1];
    const size_t b_bytes = strlen(b);
    for (size_t j = 0; j <= b_bytes; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            const size_t replaced = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            const size_t inserted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < inserted ? replaced : inserted;
        }
    }
    return row[b_bytes];
}

const char *jx_nearest(const char *key, const char *const *known)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    if (strlen(key) > KEY_BYTES_MAX)
        return NULL;
    for (; *known; known++) {
        if (strlen(*known) > KEY_BYTES_MAX)
            continue;
        const size_t edits = distance(key, *known);
        if (edits < best_distance) {
            best_distance = edits;
            best = *known;
        }
    }
    return best;
}

static bool is_known(const char *key, const char *const *known)
{
    for (; *known; known++) {
        if (strcmp(key, *known) == 0)
            return true;
    }
    return false;
}

bool jx_only(const struct jx *at, const char *const *known, struct sr_err *err)
{
    if (!json_is_object(at->value))
        return want(at, "an object", err);
    const char *key;
    json_t *value;
    // jansson's iterators want it mutable and do not change it.
    json_object_foreach((json_t *)at->value, key, value)
    {
        if (is_known(key, known))
            continue;
        const struct jx place = jx_get(at, key);
        const char *const near = jx_nearest(key, known);
        if (near)
            return jx_fail(&place, err, "is not known, the nearest known key is \"%s\"", near);
        return jx_fail(&place, err, "is not known");
    }
    return true;
}

// Building --------------------------------------------------------------------------------------
bool jx_made(const json_t *value, struct sr_err *err)
{
    return value || sr_fail(err, SR_ERR_NO_MEMORY, "a JSON value");
}

bool jx_put(json_t *object, const char *key, json_t *value, struct sr_err *err)
{
    if (json_object_set_new(object, key, value) == 0)
        return true;
    return sr_fail(err, SR_ERR_NO_MEMORY, "the JSON member \"%s\"", key);
}

bool jx_append(json_t *array, json_t *value, struct sr_err *err)
{
    if (json_array_append_new(array, value) == 0)
        return true;
    return sr_fail(err, SR_ERR_NO_MEMORY, "an element of a JSON array");
}

json_t *jx_string(const char *text)
{
    json_t *const plain = json_string(text);
    if (plain)
        return plain;
    struct sr_err err;  // the caller hears of it by NULL
    sr_auto(sr_str) struct sr_str clean = { 0 };
    for (size_t left = strlen(text); left > 0;) {
        const size_t bytes = sr_utf8_character(text, left);
        if (bytes > 0 ? !sr_str_add_bytes(&clean, text, bytes, &err)
                      : !sr_str_add(&clean, "\xEF\xBF\xBD", &err))
            return NULL;
        text += bytes > 0 ? bytes : 1;
        left -= bytes > 0 ? bytes : 1;
    }
    return json_stringn_nocheck(sr_str_text(&clean), clean.bytes);
}
