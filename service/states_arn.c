#include "service/states_arn.h"

#include <string.h>

#include "base/str.h"

static bool copy(char *to, const char *from, size_t bytes)
{
    if (bytes == 0 || bytes > STATES_ARN_PART_MAX)
        return false;
    memcpy(to, from, bytes);
    to[bytes] = '\0';
    return true;
}

static bool is(const struct states_arn *arn, const char *type)
{
    return strlen(type) == arn->type_bytes && memcmp(arn->type, type, arn->type_bytes) == 0;
}

// What follows "stateMachine:".
static bool parse_machine(const char *text, const char *rest, struct states_arn *arn)
{
    const size_t bytes = strcspn(rest, ":");
    arn->kind = memchr(rest, '/', bytes) ? STATES_ARN_LABELLED : STATES_ARN_MACHINE;
    arn->base_bytes = (size_t)(rest - text) + bytes;
    if (!copy(arn->name, rest, bytes))
        return false;
    if (!rest[bytes])
        return true;
    const char *qualifier = rest + bytes + 1;
    if (strchr(qualifier, ':') || !copy(arn->qualifier, qualifier, strlen(qualifier)))
        return false;
    arn->kind = strspn(qualifier, "0123456789") == strlen(qualifier) ? STATES_ARN_VERSION
                                                                     : STATES_ARN_ALIAS;
    return true;
}

// What follows "execution:", "express:" or "mapRun:".
static bool parse_run(const char *text, const char *rest, struct states_arn *arn)
{
    const size_t bytes = strcspn(rest, ":");
    arn->base_bytes = (size_t)(rest - text) + bytes;
    return copy(arn->name, rest, bytes) && rest[bytes] &&
           copy(arn->qualifier, rest + bytes + 1, strlen(rest + bytes + 1));
}

enum states_arn_result states_arn_parse(const char *text, struct states_arn *ret_arn)
{
    // arn:PARTITION:states:REGION:ACCOUNT:TYPE:...
    const char *part[6] = { text };
    for (size_t i = 1; i < 6; i++) {
        const char *colon = strchr(part[i - 1], ':');
        if (!colon)
            return STATES_ARN_NO_PREFIX;
        part[i] = colon + 1;
    }
    if (strncmp(text, "arn:", 4) != 0 || strncmp(part[1], "aws", 3) != 0 ||
        strncmp(part[2], "states:", 7) != 0)
        return STATES_ARN_NO_PREFIX;
    *ret_arn = (struct states_arn){ .type = part[5], .type_bytes = strcspn(part[5], ":") };
    const char *rest = part[5] + ret_arn->type_bytes;
    if (*rest != ':')
        return STATES_ARN_BAD_TYPE;
    rest++;
    bool good;
    if (is(ret_arn, "stateMachine")) {
        good = parse_machine(text, rest, ret_arn);
    } else if (is(ret_arn, "activity")) {
        ret_arn->kind = STATES_ARN_ACTIVITY;
        ret_arn->base_bytes = strlen(text);
        good = !strchr(rest, ':') && copy(ret_arn->name, rest, strlen(rest));
    } else {
        ret_arn->kind = is(ret_arn, "execution") ? STATES_ARN_EXECUTION
                        : is(ret_arn, "express") ? STATES_ARN_EXPRESS
                                                 : STATES_ARN_MAP_RUN;
        if (ret_arn->kind == STATES_ARN_MAP_RUN && !is(ret_arn, "mapRun"))
            return STATES_ARN_BAD_TYPE;
        good = parse_run(text, rest, ret_arn);
    }
    return good ? STATES_ARN_OK : STATES_ARN_NO_PREFIX;
}

// The character that begins here; *bytes of it.
static unsigned long character(const char *text, size_t bytes)
{
    static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    unsigned long code = (unsigned char)text[0] & mask[bytes];
    for (size_t i = 1; i < bytes; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    return code;
}

bool states_name_ok(const char *name, size_t bytes)
{
    static const char refused[] = " \t\n\r\v\f<>{}[]?*\"#%\\^|~`$&,;:/";
    for (size_t at = 0, step; at < bytes; at += step) {
        step = sr_utf8_character(name + at, bytes - at);
        if (step == 0)
            return false;
        const unsigned long code = character(name + at, step);
        if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0xfffe || code == 0xffff ||
            code == 0x10ffff)
            return false;
        if (code < 0x80 && strchr(refused, (int)code))
            return false;
    }
    return bytes > 0;
}

bool states_alias_name_ok(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.";
    static const char digits[] = "0123456789";
    if (!strpbrk(name, letters))
        return false;
    for (; *name; name++) {
        if (!strchr(letters, *name) && !strchr(digits, *name))
            return false;
    }
    return true;
}
