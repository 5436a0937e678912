#include "base/str.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

// Makes room for `more` bytes and the NUL.
static bool reserve(struct sr_str *str, size_t more, struct sr_err *err)
{
    size_t need;
    if (!sr_add_size(str->bytes, more, &need) || !sr_add_size(need, 1, &need) || need > PTRDIFF_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a string of %zu + %zu bytes", str->bytes, more);
    if (need <= str->capacity)
        return true;
    size_t capacity = str->capacity < 32 ? 32 : str->capacity;
    while (capacity < need)
        capacity += capacity / 2;  // need is below half of SIZE_MAX: no overflow
    char *const text = realloc(str->text, capacity);
    if (!text)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a string of %zu bytes", need);
    str->text = text;
    str->capacity = capacity;
    return true;
}

bool sr_str_add_bytes(struct sr_str *str, const void *data, size_t bytes, struct sr_err *err)
{
    if (!reserve(str, bytes, err))
        return false;
    if (bytes > 0)
        memcpy(str->text + str->bytes, data, bytes);
    str->bytes += bytes;
    str->text[str->bytes] = '\0';
    return true;
}

bool sr_str_add(struct sr_str *str, const char *text, struct sr_err *err)
{
    return sr_str_add_bytes(str, text, strlen(text), err);
}

bool sr_str_vaddf(struct sr_str *str, struct sr_err *err, const char *format, va_list args)
{
    const size_t room = str->capacity - str->bytes;  // mostly it fits there
    va_list again;
    va_copy(again, args);
    const int bytes = vsnprintf(room ? str->text + str->bytes : NULL, room, format, again);
    va_end(again);
    const bool fits = bytes >= 0 && (size_t)bytes < room;
    if (!fits && room)
        str->text[str->bytes] = '\0';
    if (bytes < 0)
        return sr_fail(err, SR_ERR_TOO_LARGE, "formatted text does not fit");
    if (!fits && !reserve(str, (size_t)bytes, err))
        return false;
    if (!fits)
        (void)vsnprintf(str->text + str->bytes, (size_t)bytes + 1, format, args);
    str->bytes += (size_t)bytes;
    return true;
}

bool sr_str_add_i64(struct sr_str *str, int64_t value, struct sr_err *err)
{
    char text[20];  // a sign and 19 digits
    char *at = text + sizeof text;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        *--at = '-';
    return sr_str_add_bytes(str, at, (size_t)(text + sizeof text - at), err);
}

bool sr_str_addf(struct sr_str *str, struct sr_err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const bool done = sr_str_vaddf(str, err, format, args);
    va_end(args);
    return done;
}

// Writes the escape of one character below 0x20, or of '"' and '\\'; gives NULL when it needs none.
static const char *escape_of(unsigned char c, char buffer[8])
{
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\b': return "\\b";
    case '\f': return "\\f";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
    }
    if (c >= 0x20)
        return NULL;
    (void)snprintf(buffer, 8, "\\u%04x", c);
    return buffer;
}

// How many bytes from `text` on stand for themselves in a JSON string, and are ASCII.
static size_t plain_bytes(const char *text, size_t bytes)
{
    size_t count = 0;
    while (count < bytes && text[count] >= 0x20 && text[count] < 0x7F && text[count] != '"' &&
           text[count] != '\\')
        count++;
    return count;
}

bool sr_str_add_json(struct sr_str *str, const char *text, size_t bytes, struct sr_err *err)
{
    const size_t before = str->bytes;
    bool done = sr_str_add_bytes(str, "\"", 1, err);
    for (size_t left = bytes; done && left > 0;) {
        char buffer[8];
        const size_t plain = plain_bytes(text, left);
        if (plain > 0) {
            done = sr_str_add_bytes(str, text, plain, err);
            text += plain;
            left -= plain;
            continue;
        }
        const char *const escape = escape_of((unsigned char)*text, buffer);
        const size_t character = sr_utf8_character(text, left);
        if (escape)
            done = sr_str_add(str, escape, err);
        else if (character == 0)
            done = sr_str_add(str, "\xEF\xBF\xBD", err);
        else
            done = sr_str_add_bytes(str, text, character, err);
        text += character == 0 ? 1 : character;
        left -= character == 0 ? 1 : character;
    }
    if (done && sr_str_add_bytes(str, "\"", 1, err))
        return true;
    if (str->text) {
        str->bytes = before;
        str->text[before] = '\0';
    }
    return false;
}

const char *sr_str_text(const struct sr_str *str)
{
    return str->text ? str->text : "";
}

char *sr_str_take(struct sr_str *str)
{
    char *const text = str->text ? str->text : calloc(1, 1);
    *str = (struct sr_str){ 0 };
    return text;
}

void sr_str_done(struct sr_str *str)
{
    free(str->text);
    *str = (struct sr_str){ 0 };
}

char *sr_strf(struct sr_err *err, const char *format, ...)
{
    struct sr_str str = { 0 };
    va_list args;
    va_start(args, format);
    const bool done = sr_str_vaddf(&str, err, format, args);
    va_end(args);
    if (!done)
        sr_str_done(&str);
    return str.text;
}

char *sr_str_dup(const char *text, struct sr_err *err)
{
    char *const copy = strdup(text);
    if (!copy)
        (void)sr_fail(err, SR_ERR_NO_MEMORY, "a string of %zu bytes", strlen(text));
    return copy;
}

// Spec: RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
size_t sr_utf8_character(const char *text, size_t bytes)
{
    if (bytes == 0)
        return 0;
    const unsigned char *const at = (const unsigned char *)text;
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xC2 || at[0] > 0xF4)
        return 0;
    const size_t want = at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (bytes < want)
        return 0;
    for (size_t i = 1; i < want; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    }
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
        (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F))
        return 0;
    return want;
}

bool sr_format(char *buffer, size_t capacity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int bytes = vsnprintf(buffer, capacity, format, args);
    va_end(args);
    return bytes >= 0 && (size_t)bytes < capacity;
}
