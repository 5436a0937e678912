// base/str.h - a growing string, for text whose length is not known beforehand.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

// `struct sr_str s = { 0 };` is an empty one. `text` is NULL or NUL-terminated; `bytes` does not
// count the NUL.
struct sr_str {
    char *text;
    size_t bytes;
    size_t capacity;
};

// Errors: NO_MEMORY, TOO_LARGE; the string is as it was. What is added must not lie in the string
// itself.
SR_MUST_USE bool sr_str_add(struct sr_str *str, const char *text, struct sr_err *err);
SR_MUST_USE bool sr_str_add_bytes(struct sr_str *str, const void *data, size_t bytes,
                                  struct sr_err *err);
SR_MUST_USE bool sr_str_addf(struct sr_str *str, struct sr_err *err, const char *format, ...)
    SR_PRINTF(3, 4);
SR_MUST_USE bool sr_str_vaddf(struct sr_str *str, struct sr_err *err, const char *format,
                              va_list args) SR_PRINTF(3, 0);
// Adds a number in decimal.
SR_MUST_USE bool sr_str_add_i64(struct sr_str *str, int64_t value, struct sr_err *err);
// Adds a JSON string with its quotes. What is not UTF-8 becomes U+FFFD.
SR_MUST_USE bool sr_str_add_json(struct sr_str *str, const char *text, size_t bytes,
                                 struct sr_err *err);
// The text, never NULL.
const char *sr_str_text(const struct sr_str *str);
// Moves the text out; the caller frees it. NULL only when out of memory (an empty string gives "").
char *sr_str_take(struct sr_str *str);
void sr_str_done(struct sr_str *str);
SR_DEFINE_AUTO_VALUE(sr_str, struct sr_str, sr_str_done);

// A formatted string on the heap; the caller frees it. NULL and NO_MEMORY when there is none.
char *sr_strf(struct sr_err *err, const char *format, ...) SR_PRINTF(2, 3);
char *sr_str_dup(const char *text, struct sr_err *err);

static inline void sr_free_char(char *text)
{
    __builtin_free(text);
}
SR_DEFINE_AUTO(char, char, sr_free_char);  // sr_auto(char) char *name = sr_strf(...)

// Bytes of the UTF-8 character that `text` starts with: 1 to 4; 0 when it is none (or `bytes` is
// 0).
size_t sr_utf8_character(const char *text, size_t bytes);

// snprintf into a buffer: false (and the text cut) when it did not fit.
SR_MUST_USE bool sr_format(char *buffer, size_t capacity, const char *format, ...) SR_PRINTF(3, 4);
