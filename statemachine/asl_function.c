// The intrinsic functions themselves.
// Spec: ASL Appendix B. Where it is silent: what AWS's own implementation was seen to do.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_intrinsic_priv.h"

static json_t *fail(const struct asl_call *call, const char *what)
{
    (void)asl_fail_catchable(call->failure, ASL_ERROR_INTRINSIC,
                             "The function '%s' had the following error: %s", call->name, what);
    return NULL;
}

// Numbers are rounded half up, as Java's Math.round does.
static bool whole(const json_t *value, json_int_t *ret)
{
    if (json_is_integer(value)) {
        *ret = json_integer_value(value);
        return true;
    }
    if (!json_is_real(value))
        return false;
    const double rounded = floor(json_real_value(value) + 0.5);
    if (!(rounded >= -9.2e18 && rounded <= 9.2e18))
        return false;
    *ret = (json_int_t)rounded;
    return true;
}

static bool same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static bool holds(const json_t *array, const json_t *item)
{
    size_t i;
    json_t *value;
    json_array_foreach(array, i, value)
    {
        if (same(value, item))
            return true;
    }
    return false;
}

static json_t *array(const struct asl_call *call)
{
    json_t *result = json_array();
    for (size_t i = 0; result && i < call->count; i++) {
        if (json_array_append(result, call->args[i]) != 0) {
            json_decref(result);
            return NULL;
        }
    }
    return result;
}

static json_t *array_partition(const struct asl_call *call)
{
    json_int_t size;
    if (!json_is_array(call->args[0]))
        return fail(call, "the first argument must be an array");
    if (!whole(call->args[1], &size) || size < 1)
        return fail(call, "the chunk size must be a positive integer");
    sr_auto(json) json_t *chunks = json_array();
    json_t *chunk = NULL, *value;
    size_t i;
    json_array_foreach(call->args[0], i, value)
    {
        if (i % (size_t)size == 0 && json_array_append_new(chunks, chunk = json_array()) != 0)
            return NULL;
        if (json_array_append(chunk, value) != 0)
            return NULL;
    }
    return sr_take(chunks);
}

static json_t *array_contains(const struct asl_call *call)
{
    if (!json_is_array(call->args[0]))
        return fail(call, "the first argument must be an array");
    return json_boolean(holds(call->args[0], call->args[1]));
}

static json_t *array_range(const struct asl_call *call)
{
    json_int_t first, last, step;
    if (!whole(call->args[0], &first) || !whole(call->args[1], &last) ||
        !whole(call->args[2], &step))
        return fail(call, "the arguments must be integers");
    if (step == 0)
        return fail(call, "the step must not be zero");
    sr_auto(json) json_t *range = json_array();
    for (json_int_t at = first; step > 0 ? at <= last : at >= last;) {
        if (json_array_size(range) == ASL_INTRINSIC_RANGE_MAX)
            return fail(call, "the range has more than 1000 items");
        if (json_array_append_new(range, json_integer(at)) != 0)
            return NULL;
        if (__builtin_add_overflow(at, step, &at))
            break;
    }
    return sr_take(range);
}

static json_t *array_get_item(const struct asl_call *call)
{
    json_int_t index;
    if (!json_is_array(call->args[0]) || !whole(call->args[1], &index))
        return fail(call, "the arguments must be an array and an index");
    if (index < 0 || (size_t)index >= json_array_size(call->args[0]))
        return fail(call, "the index is out of bounds");
    return json_incref(json_array_get(call->args[0], (size_t)index));
}

static json_t *array_length(const struct asl_call *call)
{
    if (!json_is_array(call->args[0]))
        return fail(call, "the argument must be an array");
    return json_integer((json_int_t)json_array_size(call->args[0]));
}

static json_t *array_unique(const struct asl_call *call)
{
    if (!json_is_array(call->args[0]))
        return fail(call, "the argument must be an array");
    sr_auto(json) json_t *unique = json_array();
    size_t i;
    json_t *value;
    json_array_foreach(call->args[0], i, value)
    {
        if (!holds(unique, value) && json_array_append(unique, value) != 0)
            return NULL;
    }
    return sr_take(unique);
}

static json_t *base64_encode(const struct asl_call *call)
{
    struct sr_err ignored = { 0 };
    const char *text = json_string_value(call->args[0]);
    if (!text || strlen(text) > ASL_INTRINSIC_BYTES_MAX)
        return fail(call, "the argument must be a string of at most 10000 characters");
    sr_auto(char) char *encoded = sr_base64(text, strlen(text), &ignored);
    return encoded ? json_string(encoded) : NULL;
}

static json_t *base64_decode(const struct asl_call *call)
{
    struct sr_err err = { 0 };
    const char *text = json_string_value(call->args[0]);
    if (!text || strlen(text) > ASL_INTRINSIC_BYTES_MAX)
        return fail(call, "the argument must be a string of at most 10000 characters");
    uint8_t *bytes = NULL;
    size_t count = 0;
    if (!sr_base64_decode(text, &bytes, &count, &err))
        return err.code == SR_ERR_NO_MEMORY ? NULL : fail(call, "the argument is not Base64");
    json_t *decoded = json_stringn((const char *)bytes, count);
    free(bytes);
    return decoded ? decoded : fail(call, "the decoded data is not text");
}

static json_t *hash(const struct asl_call *call)
{
    struct sr_err err = { 0 };
    const char *algorithm = json_string_value(call->args[1]);
    if (!algorithm)
        return fail(call, "the algorithm must be a string");
    sr_auto(char) char *dumped = NULL;
    const char *text = json_string_value(call->args[0]);
    if (!text && !jx_dump(call->args[0], false, &dumped, &err))
        return NULL;
    text = text ? text : dumped;
    if (strlen(text) > ASL_INTRINSIC_BYTES_MAX)
        return fail(call, "the data must be of at most 10000 characters");
    char hex[SR_DIGEST_HEX];
    if (!sr_digest(algorithm, text, strlen(text), hex, &err))
        return err.code == SR_ERR_INVALID
                   ? fail(call, "the algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512")
                   : NULL;
    return json_string(hex);
}

static json_t *json_merge(const struct asl_call *call)
{
    if (!json_is_object(call->args[0]) || !json_is_object(call->args[1]))
        return fail(call, "the first two arguments must be objects");
    if (!json_is_false(call->args[2]))
        return fail(call, "deep merging is not supported: the third argument must be false");
    json_t *merged = json_copy(call->args[0]);
    if (merged && json_object_update(merged, call->args[1]) != 0) {
        json_decref(merged);
        return NULL;
    }
    return merged;
}

static json_t *string_to_json(const struct asl_call *call)
{
    const char *text = json_string_value(call->args[0]);
    if (!text)
        return fail(call, "the argument must be a string");
    if (text[strspn(text, " \t\r\n")] == '\0')
        return json_null();
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
    return value ? value : fail(call, "the string is not JSON");
}

static json_t *json_to_string(const struct asl_call *call)
{
    struct sr_err ignored = { 0 };
    sr_auto(char) char *text = NULL;
    return jx_dump(call->args[0], false, &text, &ignored) ? json_string(text) : NULL;
}

static json_t *math_add(const struct asl_call *call)
{
    json_int_t a, b, sum;
    if (!whole(call->args[0], &a) || !whole(call->args[1], &b))
        return fail(call, "the arguments must be numbers");
    if (__builtin_add_overflow(a, b, &sum))
        return fail(call, "the sum is out of range");
    return json_integer(sum);
}

static json_t *math_random(const struct asl_call *call)
{
    json_int_t start, end, seed;
    uint64_t span;
    if (!whole(call->args[0], &start) || !whole(call->args[1], &end))
        return fail(call, "the arguments must be numbers");
    if (start >= end)
        return fail(call, "the start must be smaller than the end");
    struct asl_random seeded = { 0 };
    if (call->count == 3) {
        if (!whole(call->args[2], &seed))
            return fail(call, "the seed must be a number");
        seeded.state = (uint64_t)seed;
    }
    span = (uint64_t)end - (uint64_t)start;
    const uint64_t drawn = asl_random_next(call->count == 3 ? &seeded : call->random) % span;
    return json_integer((json_int_t)((uint64_t)start + drawn));
}

// Every character of the second argument separates; nothing between two separators is no piece.
static json_t *string_split(const struct asl_call *call)
{
    const char *text = json_string_value(call->args[0]);
    const char *separators = json_string_value(call->args[1]);
    if (!text || !separators)
        return fail(call, "the arguments must be strings");
    sr_auto(json) json_t *pieces = json_array();
    while (*text) {
        text += strspn(text, separators);
        const size_t bytes = strcspn(text, separators);
        if (bytes && json_array_append_new(pieces, json_stringn(text, bytes)) != 0)
            return fail(call, "a separator outside ASCII");
        text += bytes;
    }
    return sr_take(pieces);
}

static json_t *uuid(const struct asl_call *call)
{
    const uint64_t high = asl_random_next(call->random), low = asl_random_next(call->random);
    char text[37];
    snprintf(text, sizeof text, "%08" PRIx32 "-%04x-4%03x-%04x-%012" PRIx64, (uint32_t)(high >> 32),
             (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xfff),
             (unsigned)(low >> 48 & 0x3fff) | 0x8000u, low & 0xffffffffffffu);
    return json_string(text);
}

bool asl_function_text(const json_t *value, struct sr_str *text, struct sr_err *err)
{
    if (json_is_string(value))
        return sr_str_add(text, json_string_value(value), err);
    const bool object = json_is_object(value);
    if (!object && !json_is_array(value)) {
        sr_auto(char) char *dumped = NULL;
        return jx_dump(value, false, &dumped, err) && sr_str_add(text, dumped, err);
    }
    if (!sr_str_add(text, object ? "{" : "[", err))
        return false;
    const char *key, *comma = "";
    json_t *member;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (!sr_str_addf(text, err, "%s%s=", comma, key) || !asl_function_text(member, text, err))
            return false;
        comma = ", ";
    }
    json_array_foreach(value, i, member)
    {
        if (!sr_str_add(text, comma, err) || !asl_function_text(member, text, err))
            return false;
        comma = ", ";
    }
    return sr_str_add(text, object ? "}" : "]", err);
}

static json_t *format(const struct asl_call *call)
{
    struct sr_err ignored = { 0 };
    const char *at = json_string_value(call->args[0]);
    if (!at)
        return fail(call, "the first argument must be a string");
    sr_auto(sr_str) struct sr_str text = { 0 };
    size_t used = 1;
    for (; *at; at++) {
        if (at[0] == '{' && at[1] == '}') {
            if (used == call->count)
                return fail(call, "there are more {} than arguments");
            if (!asl_function_text(call->args[used++], &text, &ignored))
                return NULL;
            at++;
            continue;
        }
        if (at[0] == '\\' && (at[1] == '{' || at[1] == '}' || at[1] == '\\' || at[1] == '\''))
            at++;
        if (!sr_str_add_bytes(&text, at, 1, &ignored))
            return NULL;
    }
    if (used != call->count)
        return fail(call, "there are more arguments than {}");
    return json_string(sr_str_text(&text));
}

static const struct asl_function functions[] = {
    { "States.Array", 0, ASL_INTRINSIC_ARGS_MAX, array, "" },
    { "States.ArrayContains", 2, 2, array_contains, "a." },
    { "States.ArrayGetItem", 2, 2, array_get_item, "an" },
    { "States.ArrayLength", 1, 1, array_length, "a" },
    { "States.ArrayPartition", 2, 2, array_partition, "an" },
    { "States.ArrayRange", 3, 3, array_range, "nnn" },
    { "States.ArrayUnique", 1, 1, array_unique, "a" },
    { "States.Base64Decode", 1, 1, base64_decode, "s" },
    { "States.Base64Encode", 1, 1, base64_encode, "s" },
    { "States.Format", 1, ASL_INTRINSIC_ARGS_MAX, format, "s" },
    { "States.Hash", 2, 2, hash, ".s" },
    { "States.JsonMerge", 3, 3, json_merge, "oob" },
    { "States.JsonToString", 1, 1, json_to_string, "." },
    { "States.MathAdd", 2, 2, math_add, "nn" },
    { "States.MathRandom", 2, 3, math_random, "nnn" },
    { "States.StringSplit", 2, 2, string_split, "ss" },
    { "States.StringToJson", 1, 1, string_to_json, "s" },
    { "States.UUID", 0, 0, uuid, "" },
};

const struct asl_function *asl_function_find(const char *name, size_t bytes)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strlen(functions[i].name) == bytes && memcmp(functions[i].name, name, bytes) == 0)
            return &functions[i];
    }
    return NULL;
}
