#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Exit status: 1 job failed, 2 usage, 3 input, 4 storage or network, 5 verification, 7 limits, 130
// interrupted.
static const struct sr_err_row rows[SR_ERR_CODE_COUNT] = {
    [SR_OK] = { "OK", false, 0, 200, NULL },
    [SR_ERR_INVALID] = { "INVALID", false, 2, 400, "Splitreel.BadRequest" },
    [SR_ERR_EXISTS] = { "EXISTS", false, 2, 409, "Splitreel.OutputExists" },
    [SR_ERR_INPUT] = { "INPUT", false, 3, 422, "Splitreel.BadInput" },
    [SR_ERR_UNSUPPORTED] = { "UNSUPPORTED", false, 3, 422, "Splitreel.Unsupported" },
    [SR_ERR_NOT_FOUND] = { "NOT_FOUND", false, 3, 404, "Splitreel.NotFound" },
    [SR_ERR_DENIED] = { "DENIED", false, 4, 403, "Splitreel.Denied" },
    [SR_ERR_CONFLICT] = { "CONFLICT", false, 1, 409, "Splitreel.Changed" },
    [SR_ERR_STORAGE] = { "STORAGE", true, 4, 500, "Splitreel.StoreFailed" },
    [SR_ERR_NETWORK] = { "NETWORK", true, 4, 502, "Splitreel.NetworkFailed" },
    [SR_ERR_BUSY] = { "BUSY", true, 4, 503, "Splitreel.StoreBusy" },
    [SR_ERR_TIMEOUT] = { "TIMEOUT", true, 4, 504, "Splitreel.TimedOut" },
    [SR_ERR_VERIFY] = { "VERIFY", false, 5, 500, "Splitreel.Verify" },
    [SR_ERR_LIMIT] = { "LIMIT", false, 7, 429, "Splitreel.Limit" },
    [SR_ERR_TOO_LARGE] = { "TOO_LARGE", false, 7, 413, "Splitreel.TooLarge" },
    [SR_ERR_NO_MEMORY] = { "NO_MEMORY", true, 7, 503, "Splitreel.OutOfMemory" },
    [SR_ERR_CANCELLED] = { "CANCELLED", false, 130, 409, "Splitreel.Cancelled" },
    [SR_ERR_INTERNAL] = { "INTERNAL", false, 1, 500, "Splitreel.Internal" },
};

const struct sr_err_row *sr_err_row(enum sr_err_code code)
{
    assert((unsigned)code < SR_ERR_CODE_COUNT);
    return &rows[code];
}

// Names that are given from outside of what failed, and so are no code's own.
static const struct {
    const char *flow_error;
    enum sr_err_code code;
} from_outside[] = {
    { "Splitreel.TooLong", SR_ERR_LIMIT },  // the task used up its time
};

enum sr_err_code sr_err_of_flow(const char *flow_error)
{
    for (size_t i = 0; i < sizeof(from_outside) / sizeof(from_outside[0]); i++) {
        if (strcmp(from_outside[i].flow_error, flow_error) == 0)
            return from_outside[i].code;
    }
    for (int code = SR_OK + 1; code < SR_ERR_CODE_COUNT; code++) {
        if (strcmp(rows[code].flow_error, flow_error) == 0)
            return (enum sr_err_code)code;
    }
    return SR_ERR_INTERNAL;
}

// After vsnprintf or memmove cut the text: takes away the bytes of a character that is not whole.
static void end_on_character(char *text, size_t bytes)
{
    size_t start = bytes;
    while (start > 0 && bytes - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    const unsigned char lead = (unsigned char)text[start - 1];
    size_t want = 1;
    if (lead >= 0xF0)
        want = 4;
    else if (lead >= 0xE0)
        want = 3;
    else if (lead >= 0xC0)
        want = 2;
    if (bytes - (start - 1) < want)
        text[start - 1] = '\0';
}

// Formats into `text`, cutting on a character's edge; gives the bytes that are there.
static size_t format(char *text, size_t capacity, const char *pattern, va_list args)
    SR_PRINTF(3, 0);
static size_t format(char *text, size_t capacity, const char *pattern, va_list args)
{
    const int wanted = vsnprintf(text, capacity, pattern, args);
    if (wanted < 0)
        text[0] = '\0';
    else if ((size_t)wanted >= capacity)
        end_on_character(text, capacity - 1);
    return strlen(text);
}

// Puts `tail` behind what is in `text`, cut on a character's edge.
static void append(char *text, size_t capacity, const char *tail)
{
    const size_t have = strlen(text);
    const size_t room = capacity - 1 - have;
    const size_t bytes = strlen(tail);
    const size_t taken = bytes < room ? bytes : room;
    memmove(text + have, tail, taken);
    text[have + taken] = '\0';
    if (taken < bytes)
        end_on_character(text, have + taken);
}

static void set(struct sr_err *err, enum sr_err_code code, int native, const char *origin,
                const char *pattern, va_list args) SR_PRINTF(5, 0);
static void set(struct sr_err *err, enum sr_err_code code, int native, const char *origin,
                const char *pattern, va_list args)
{
    assert(code > SR_OK && code < SR_ERR_CODE_COUNT);
    char message[sizeof(err->message)];  // the arguments may point into the old message
    (void)format(message, sizeof(message), pattern, args);
    err->code = code;
    err->native = native;
    err->origin = origin;
    memcpy(err->message, message, strlen(message) + 1);
}

bool sr_fail_at(struct sr_err *err, enum sr_err_code code, int native, const char *origin,
                const char *pattern, ...)
{
    va_list args;
    va_start(args, pattern);
    set(err, code, native, origin, pattern, args);
    va_end(args);
    return false;
}

static enum sr_err_code code_of_errno(int number)
{
    switch (number) {
    case ENOENT: return SR_ERR_NOT_FOUND;
    case ENOMEM: return SR_ERR_NO_MEMORY;
    case EACCES: return SR_ERR_DENIED;
    case EPERM: return SR_ERR_DENIED;
    case EMFILE: return SR_ERR_LIMIT;
    case ENFILE: return SR_ERR_LIMIT;
    case EAGAIN: return SR_ERR_BUSY;
    default: return SR_ERR_STORAGE;
    }
}

bool sr_fail_errno_at(struct sr_err *err, int number, const char *origin, const char *pattern, ...)
{
    va_list args;
    va_start(args, pattern);
    set(err, code_of_errno(number), number, origin, pattern, args);
    va_end(args);
    char buffer[96];
    append(err->message, sizeof(err->message), ": ");
    append(err->message, sizeof(err->message), strerror_r(number, buffer, sizeof(buffer)));
    return false;
}

bool sr_err_wrap(struct sr_err *err, const char *pattern, ...)
{
    char inner[sizeof(err->message)];
    memcpy(inner, err->message, sizeof(inner));
    va_list args;
    va_start(args, pattern);
    char context[sizeof(err->message)];
    (void)format(context, sizeof(context), pattern, args);
    va_end(args);
    memcpy(err->message, context, strlen(context) + 1);
    append(err->message, sizeof(err->message), ": ");
    append(err->message, sizeof(err->message), inner);
    return false;
}
