#include "service/config_events.h"

#include <string.h>

bool config_events_has_secrets(const struct config_events *events)
{
    return events->secrets.count || events->bearers.count || events->basics.count;
}

const char *config_events_wrong_text(const char *text)
{
    const size_t bytes = strlen(text);
    return bytes == 0 || bytes > 1024 ? "want a text of 1 to 1024 bytes" : NULL;
}

// `from`: where in the text the secret begins.
static const char *wrong(const char *text, const char *from)
{
    if (strlen(from) < CONFIG_EVENTS_SECRET_MIN || strlen(text) > CONFIG_EVENTS_SECRET_MAX)
        return "want a secret of 16 to 256 characters";
    for (const char *c = text; *c; c++) {
        if (*c <= ' ' || *c > '~')
            return "want a secret without spaces, in ASCII";
    }
    return NULL;
}

const char *config_events_wrong_secret(const char *text)
{
    return wrong(text, text);
}

const char *config_events_wrong_path(const char *text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    const char *const why = wrong(text, text);
    if (!why && text[strspn(text, letters)])
        return "want letters, digits and -_.~, as it stands in a path";
    return why;
}

const char *config_events_wrong_basic(const char *text)
{
    const char *const colon = strchr(text, ':');
    return colon && colon != text ? wrong(text, colon + 1) : "want \"user:password\"";
}
