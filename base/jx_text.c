// JSON text in and out: comments, limits, positions, and numbers that read back as they were.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"

// Fails with "line L, column C: message"; a column counts characters.
static bool fail_at(const char *text, size_t at, struct sr_err *err, const char *message)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    return sr_fail(err, SR_ERR_INVALID, "line %zu, column %zu: %s", line, column, message);
}

// The end of the string that begins at the quote `at`: behind its closing quote, or the text's end.
static size_t string_end(const char *text, size_t bytes, size_t at)
{
    for (at++; at < bytes && text[at] != '"'; at++) {
        if (text[at] == '\\' && at + 1 < bytes)
            at++;
    }
    return at < bytes ? at + 1 : bytes;
}

// Overwrites the comment at `at` with spaces, so that all positions stay; *ret_end is behind it.
static bool blank_comment(char *text, size_t bytes, size_t at, size_t *ret_end, struct sr_err *err)
{
    size_t end = at + 2;
    if (text[at + 1] == '/') {
        while (end < bytes && text[end] != '\n')
            end++;
    } else {
        while (end + 1 < bytes && !(text[end] == '*' && text[end + 1] == '/'))
            end++;
        if (end + 1 >= bytes)
            return fail_at(text, at, err, "a comment does not end");
        end += 2;
    }
    for (size_t i = at; i < end; i++) {
        if (text[i] != '\n')
            text[i] = ' ';
    }
    *ret_end = end;
    return true;
}

static bool blank_comments(char *text, size_t bytes, struct sr_err *err)
{
    for (size_t at = 0; at < bytes;) {
        if (text[at] == '"') {
            at = string_end(text, bytes, at);
        } else if (text[at] == '/' && at + 1 < bytes &&
                   (text[at + 1] == '/' || text[at + 1] == '*')) {
            if (!blank_comment(text, bytes, at, &at, err))
                return false;
        } else {
            at++;
        }
    }
    return true;
}

// Whether the string at `at`, which ends before `end`, is the member's name.
static bool is_member(const char *text, size_t bytes, size_t at, size_t end, const char *name)
{
    const size_t length = strlen(name);
    if (end - at != length + 2 || memcmp(text + at + 1, name, length) != 0)
        return false;
    while (end < bytes && strchr(" \t\r\n", text[end]))
        end++;
    return end < bytes && text[end] == ':';
}

// In text without comments. `found`: how many of the keys have been met, which is also the depth of
// the last one's object.
static size_t find_line(const char *text, size_t bytes, const char *const *keys)
{
    size_t line = 1, depth = 0, found = 0;
    for (size_t at = 0; at < bytes; at++) {
        const char c = text[at];
        if (c == '\n') {
            line++;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']' || c == ',') {
            depth -= c != ',' && depth > 0;
            if (found > 0 && depth == found)
                return 0;  // that member has ended
        } else if (c == '"') {
            const size_t end = string_end(text, bytes, at);
            if (depth == found + 1 && is_member(text, bytes, at, end, keys[found]) &&
                !keys[++found])
                return line;
            at = end - 1;
        }
    }
    return 0;
}

bool jx_line(const char *text, size_t bytes, const char *const *keys, size_t *ret_line,
             struct sr_err *err)
{
    sr_auto(char) char *copy = malloc(bytes + 1);
    if (!copy)
        return sr_fail(err, SR_ERR_NO_MEMORY, "JSON text of %zu bytes", bytes);
    memcpy(copy, text, bytes);
    const bool done = blank_comments(copy, bytes, err);
    if (done)
        *ret_line = find_line(copy, bytes, keys);
    explicit_bzero(copy, bytes);  // might hold secrets
    return done;
}

// Where the first value stands that is nested too deep; `bytes`: there is none.
static size_t find_too_deep(const char *text, size_t bytes)
{
    size_t depth = 0, at = 0;
    while (at < bytes) {
        if (text[at] == '"') {
            at = string_end(text, bytes, at);
            continue;
        }
        if (text[at] == '[' || text[at] == '{')
            depth++;
        else if ((text[at] == ']' || text[at] == '}') && depth > 0)
            depth--;
        if (depth > JX_DEPTH_MAX)
            return at;
        at++;
    }
    return bytes;
}

bool jx_is_too_deep(const char *text, size_t bytes)
{
    return find_too_deep(text, bytes) < bytes;
}

static bool check_depth(const char *text, size_t bytes, struct sr_err *err)
{
    const size_t at = find_too_deep(text, bytes);
    return at == bytes || fail_at(text, at, err, "nested deeper than 128 levels");
}

bool jx_parse(const char *text, size_t bytes, bool comments, json_t **ret_value, struct sr_err *err)
{
    _Static_assert(JX_DEPTH_MAX == 128, "a message above names the limit");
    if (bytes > JX_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "JSON text of %zu bytes, %d are allowed", bytes,
                       JX_BYTES_MAX);
    sr_auto(char) char *copy = NULL;
    const char *json = text;
    if (comments && bytes > 0) {
        copy = malloc(bytes);
        if (!copy)
            return sr_fail(err, SR_ERR_NO_MEMORY, "JSON text of %zu bytes", bytes);
        memcpy(copy, text, bytes);
        if (!blank_comments(copy, bytes, err))
            return false;
        json = copy;
    }
    // jansson loses a NUL behind a number.
    const char *const nul = bytes > 0 ? memchr(json, '\0', bytes) : NULL;
    if (nul)
        return fail_at(text, (size_t)(nul - json), err, "a NUL byte");
    if (!check_depth(json, bytes, err))
        return false;
    json_error_t error;
    json_t *const value =
        json_loadb(bytes > 0 ? json : "", bytes,
                   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (value) {
        *ret_value = value;
        return true;
    }
    // jansson says so only sometimes; else it has no words for what is wrong with the text.
    if (json_error_code(&error) == json_error_out_of_memory || error.text[0] == '\0')
        return sr_fail(err, SR_ERR_NO_MEMORY, "JSON text of %zu bytes", bytes);
    const size_t at = error.position > 0 ? (size_t)error.position : 0;
    return fail_at(text, at < bytes ? at : bytes, err, error.text);
}

// Output ----------------------------------------------------------------------------------------
static bool dump(const json_t *value, size_t depth, bool indent, struct sr_str *out,
                 struct sr_err *err);

static bool new_line(size_t depth, bool indent, struct sr_str *out, struct sr_err *err)
{
    return !indent || sr_str_addf(out, err, "\n%*s", (int)(2 * depth), "");
}

// The shortest text that reads back as the same number, and as a real one.
static bool dump_real(double value, struct sr_str *out, struct sr_err *err)
{
    if (!isfinite(value))
        return sr_fail(err, SR_ERR_INVALID, "JSON has no infinite numbers");
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        sr_ignore(sr_format(text, sizeof(text), "%.*g", digits, value));
        if (strtod(text, NULL) == value)
            break;
    }
    return sr_str_add(out, text, err) &&
           (strpbrk(text, ".e") != NULL || sr_str_add(out, ".0", err));
}

static bool dump_array(const json_t *array, size_t depth, bool indent, struct sr_str *out,
                       struct sr_err *err)
{
    const size_t count = json_array_size(array);
    if (!sr_str_add(out, "[", err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && !sr_str_add(out, ",", err)) || !new_line(depth + 1, indent, out, err) ||
            !dump(json_array_get(array, i), depth + 1, indent, out, err))
            return false;
    }
    return (count == 0 || new_line(depth, indent, out, err)) && sr_str_add(out, "]", err);
}

static bool dump_object(const json_t *object, size_t depth, bool indent, struct sr_str *out,
                        struct sr_err *err)
{
    if (!sr_str_add(out, "{", err))
        return false;
    json_t *const members = (json_t *)object;  // jansson's iterators want it mutable
    bool first = true;
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        const char *const key = json_object_iter_key(at);
        if ((!first && !sr_str_add(out, ",", err)) || !new_line(depth + 1, indent, out, err) ||
            !sr_str_add_json(out, key, strlen(key), err) ||
            !sr_str_add(out, indent ? ": " : ":", err) ||
            !dump(json_object_iter_value(at), depth + 1, indent, out, err))
            return false;
        first = false;
    }
    return (first || new_line(depth, indent, out, err)) && sr_str_add(out, "}", err);
}

static bool dump(const json_t *value, size_t depth, bool indent, struct sr_str *out,
                 struct sr_err *err)
{
    // A value that was put together may be deeper than one that was read, also without end.
    if (depth > 2 * JX_DEPTH_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "JSON nested deeper than %d levels", 2 * JX_DEPTH_MAX);
    switch (json_typeof(value)) {
    case JSON_OBJECT: return dump_object(value, depth, indent, out, err);
    case JSON_ARRAY: return dump_array(value, depth, indent, out, err);
    case JSON_STRING:
        return sr_str_add_json(out, json_string_value(value), json_string_length(value), err);
    case JSON_INTEGER: return sr_str_add_i64(out, json_integer_value(value), err);
    case JSON_REAL: return dump_real(json_real_value(value), out, err);
    case JSON_TRUE: return sr_str_add(out, "true", err);
    case JSON_FALSE: return sr_str_add(out, "false", err);
    case JSON_NULL: return sr_str_add(out, "null", err);
    }
    return sr_fail(err, SR_ERR_INTERNAL, "a JSON value of an unknown type");
}

bool jx_dump_add(const json_t *value, struct sr_str *out, struct sr_err *err)
{
    return dump(value, 0, false, out, err);
}

bool jx_dump(const json_t *value, bool indent, char **ret_text, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str out = { 0 };
    if (!dump(value, 0, indent, &out, err))
        return false;
    *ret_text = sr_str_take(&out);  // never empty, so never NULL
    return true;
}
