#include "pipeline/correlation.h"

#include <string.h>

enum { TRACE_AT = 3, PARENT_AT = 36, FLAGS_AT = 53 };

bool correlation_is_id(const char *text)
{
    const size_t bytes = strlen(text);
    if (bytes == 0 || bytes > CORRELATION_BYTES_MAX)
        return false;
    for (const char *c = text; *c; c++) {
        if (*c < '!' || *c > '~')
            return false;
    }
    return true;
}

static bool is_hex(const char *text, size_t count)
{
    return strspn(text, "0123456789abcdef") >= count;
}

static bool is_zero(const char *text, size_t count)
{
    return strspn(text, "0") >= count;
}

bool traceparent_is_one(const char *text)
{
    return strlen(text) == TRACEPARENT_BYTES && is_hex(text, 2) && strncmp(text, "ff", 2) != 0 &&
           text[TRACE_AT - 1] == '-' && is_hex(text + TRACE_AT, 32) &&
           !is_zero(text + TRACE_AT, 32) && text[PARENT_AT - 1] == '-' &&
           is_hex(text + PARENT_AT, 16) && !is_zero(text + PARENT_AT, 16) &&
           text[FLAGS_AT - 1] == '-' && is_hex(text + FLAGS_AT, 2);
}

bool traceparent_trace(const char *traceparent, char text[TRACE_ID_TEXT])
{
    if (!traceparent_is_one(traceparent))
        return false;
    memcpy(text, traceparent + TRACE_AT, TRACE_ID_TEXT - 1);
    text[TRACE_ID_TEXT - 1] = '\0';
    return true;
}
