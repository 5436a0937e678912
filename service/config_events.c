#include "service/config_events.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static void texts_done(struct config_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        explicit_bzero(texts->list[i], strlen(texts->list[i]));
        free(texts->list[i]);
    }
    free(texts->list);
    *texts = (struct config_texts){ 0 };
}

void config_events_done(struct config_events *events)
{
    texts_done(&events->secrets);
    texts_done(&events->bearers);
    texts_done(&events->basics);
    texts_done(&events->outputs);
    texts_done(&events->topics);
    texts_done(&events->hosts);
    *events = (struct config_events){ 0 };
}

bool config_events_has_secrets(const struct config_events *events)
{
    return events->secrets.count || events->bearers.count || events->basics.count;
}

// What a text must be.
enum kind { KIND_SECRET, KIND_PATH_SECRET, KIND_BASIC, KIND_TEXT };

static const char *wrong(const char *text, enum kind kind)
{
    const size_t bytes = strlen(text);
    const char *const colon = strchr(text, ':');
    const char *const secret = kind == KIND_BASIC && colon ? colon + 1 : text;
    if (kind == KIND_TEXT)
        return bytes == 0 || bytes > 1024 ? "want a text of 1 to 1024 bytes" : NULL;
    if (kind == KIND_BASIC && (!colon || colon == text))
        return "want \"user:password\"";
    if (strlen(secret) < CONFIG_EVENTS_SECRET_MIN || bytes > CONFIG_EVENTS_SECRET_MAX)
        return "want a secret of 16 to 256 characters";
    for (const char *c = text; *c; c++) {
        if (*c <= ' ' || *c > '~')
            return "want a secret without spaces, in ASCII";
    }
    if (kind == KIND_PATH_SECRET &&
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~") != bytes)
        return "want letters, digits and -_.~, as it stands in a path";
    return NULL;
}

static bool read_texts(const struct jx *at, const char *key, enum kind kind,
                       struct config_texts *texts, struct sr_err *err)
{
    struct jx list;
    if (!jx_has(at, key))
        return true;
    if (!jx_array(at, key, &list, err))
        return false;
    const size_t count = json_array_size(list.value);
    if (count > CONFIG_EVENTS_ROWS_MAX)
        return jx_fail(&list, err, "more than %d", CONFIG_EVENTS_ROWS_MAX);
    texts->list = calloc(count + 1, sizeof *texts->list);
    if (!texts->list)
        return sr_fail(err, SR_ERR_NO_MEMORY, "events");
    for (size_t i = 0; i < count; i++) {
        const struct jx row = jx_at(&list, i);
        const char *const text = json_string_value(row.value);
        const char *const why = text ? wrong(text, kind) : "want a string";
        if (why)
            return jx_fail(&row, err, "%s", why);
        texts->list[i] = sr_str_dup(text, err);
        if (!texts->list[i])
            return false;
        texts->count++;
    }
    return true;
}

bool config_events_read(struct config_events *events, const struct jx *at, struct sr_err *err)
{
    static const char *const known[] = { "secrets",    "bearer",    "basic", "outputs",
                                         "sns_topics", "sns_hosts", NULL };
    return jx_only(at, known, err) &&
           read_texts(at, "secrets", KIND_PATH_SECRET, &events->secrets, err) &&
           read_texts(at, "bearer", KIND_SECRET, &events->bearers, err) &&
           read_texts(at, "basic", KIND_BASIC, &events->basics, err) &&
           read_texts(at, "outputs", KIND_TEXT, &events->outputs, err) &&
           read_texts(at, "sns_topics", KIND_TEXT, &events->topics, err) &&
           read_texts(at, "sns_hosts", KIND_TEXT, &events->hosts, err);
}
