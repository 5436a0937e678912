#include "net/profile.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

// Without white space at both ends.
static const char *trim(const char *text, size_t *bytes)
{
    while (*bytes && isspace((unsigned char)*text)) {
        text++;
        (*bytes)--;
    }
    while (*bytes && isspace((unsigned char)text[*bytes - 1]))
        (*bytes)--;
    return text;
}

static bool is_section(const char *line, size_t bytes, const char *profile, bool config)
{
    const char *close = memchr(line, ']', bytes);
    if (!close)
        return false;
    size_t name_bytes = (size_t)(close - line) - 1;
    const char *name = trim(line + 1, &name_bytes);
    if (config && name_bytes > 8 && memcmp(name, "profile", 7) == 0 &&
        isspace((unsigned char)name[7])) {
        name_bytes -= 7;
        name = trim(name + 7, &name_bytes);
    } else if (config && strcmp(profile, "default") != 0) {
        return false;
    }
    return strlen(profile) == name_bytes && memcmp(name, profile, name_bytes) == 0;
}

// Calls for each line of the section; the last value of `key` stays in *value.
static bool scan(const char *text, const char *profile, bool config, const char *key,
                 const char **value, size_t *value_bytes)
{
    bool inside = false, found = false;
    for (const char *line = text; *line;) {
        const size_t bytes = strcspn(line, "\n");
        if (*line == '[') {
            inside = is_section(line, bytes, profile, config);
            found |= inside;
        } else if (inside && key && *line != '#' && *line != ';' &&
                   !isspace((unsigned char)*line)) {
            const char *equals = memchr(line, '=', bytes);
            size_t name_bytes = equals ? (size_t)(equals - line) : 0;
            const char *name = trim(line, &name_bytes);
            if (equals && strlen(key) == name_bytes && memcmp(name, key, name_bytes) == 0) {
                *value_bytes = bytes - (size_t)(equals + 1 - line);
                *value = trim(equals + 1, value_bytes);
            }
        }
        line += bytes;
        line += *line == '\n';
    }
    return found;
}

bool profile_exists(const char *text, const char *profile, bool config)
{
    const char *value;
    size_t bytes;
    return scan(text, profile, config, NULL, &value, &bytes);
}

bool profile_value(const char *text, const char *profile, bool config, const char *key,
                   char **ret_value, struct sr_err *err)
{
    const char *value = NULL;
    size_t bytes = 0;
    (void)scan(text, profile, config, key, &value, &bytes);
    if (!value) {
        *ret_value = NULL;
        return true;
    }
    char *copy = strndup(value, bytes);
    if (!copy)
        return sr_fail(err, SR_ERR_NO_MEMORY, "profile");
    *ret_value = copy;
    return true;
}
