// base/checked.h - arithmetic that reports overflow, divisions that name their rounding, narrowing
// as a call.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

// Each gives false and leaves *ret alone when the result does not fit.
SR_MUST_USE static inline bool sr_add_size(size_t a, size_t b, size_t *ret)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *ret = sum;
    return true;
}

SR_MUST_USE static inline bool sr_mul_size(size_t a, size_t b, size_t *ret)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *ret = product;
    return true;
}

// Bytes of a struct with a flexible array: head + count * item.
SR_MUST_USE static inline bool sr_size_flex(size_t head, size_t count, size_t item, size_t *ret)
{
    size_t array;
    return sr_mul_size(count, item, &array) && sr_add_size(head, array, ret);
}

SR_MUST_USE static inline bool sr_add_i64(int64_t a, int64_t b, int64_t *ret)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *ret = sum;
    return true;
}

SR_MUST_USE static inline bool sr_sub_i64(int64_t a, int64_t b, int64_t *ret)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference))
        return false;
    *ret = difference;
    return true;
}

SR_MUST_USE static inline bool sr_mul_i64(int64_t a, int64_t b, int64_t *ret)
{
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *ret = product;
    return true;
}

// a / b rounded towards minus infinity; b > 0.
static inline int64_t sr_div_floor(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

// a / b rounded towards plus infinity; b > 0.
static inline int64_t sr_div_ceil(int64_t a, int64_t b)
{
    return a / b + (a % b > 0);
}
