// "notifications": who is told what became of the job.
#include <string.h>

#include "net/url.h"
#include "pipeline/manifest_priv.h"

enum { SECRET_NAME_MAX = 128 };

static const char *const keys[] = { "url", "events", "secret_env", NULL };
static const char *const event_names[] = { "SUCCEEDED", "FAILED", "CANCELLED", NULL };

const char *manifest_event_name(enum manifest_event event)
{
    return event_names[event];
}

static bool read_url(const struct jx *at, struct manifest_notification *ret, struct sr_err *err)
{
    const struct jx place = jx_get(at, "url");
    sr_auto(url) struct url url = { 0 };
    struct sr_err why = { 0 };
    if (!manifest_text(at, "url", &ret->url, err))
        return false;
    if (!url_parse(ret->url, &url, &why))
        return jx_fail(&place, err, "%s", why.message);
    if (strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0)
        return jx_fail(&place, err, "want http:// or https://");
    return true;
}

static bool read_events(const struct jx *at, struct manifest_notification *ret, struct sr_err *err)
{
    struct jx events;
    if (!jx_has(at, "events")) {
        for (size_t e = 0; e < MANIFEST_EVENT_COUNT; e++)
            ret->wants[e] = true;
        return true;
    }
    if (!jx_array(at, "events", &events, err))
        return false;
    const size_t count = json_array_size(events.value);
    if (count == 0)
        return jx_fail(&events, err, "want at least one event");
    for (size_t i = 0; i < count; i++) {
        const struct jx place = jx_at(&events, i);
        size_t e = 0;
        while (e < MANIFEST_EVENT_COUNT && !manifest_is_word(&place, event_names[e]))
            e++;
        if (e == MANIFEST_EVENT_COUNT)
            return jx_fail(&place, err, "want \"SUCCEEDED\", \"FAILED\" or \"CANCELLED\"");
        if (ret->wants[e])
            return jx_fail(&place, err, "\"%s\" is there already", event_names[e]);
        ret->wants[e] = true;
    }
    return true;
}

// A secret itself in a manifest would be in every log and history that the manifest comes to.
static bool read_secret(const struct jx *at, struct manifest_notification *ret, struct sr_err *err)
{
    if (!jx_has(at, "secret_env"))
        return true;
    if (!manifest_text(at, "secret_env", &ret->secret_env, err))
        return false;
    const struct jx place = jx_get(at, "secret_env");
    const char *const name = ret->secret_env;
    const size_t letters =
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    if (name[letters] != '\0' || letters > SECRET_NAME_MAX || (name[0] >= '0' && name[0] <= '9'))
        return jx_fail(
            &place, err,
            "want the name of an environment variable: letters, digits and _, at most %d",
            SECRET_NAME_MAX);
    return true;
}

bool manifest_notify_parse(const struct jx *root, struct manifest *manifest, struct sr_err *err)
{
    struct jx list;
    if (!jx_has(root, "notifications"))
        return true;
    if (!jx_array(root, "notifications", &list, err))
        return false;
    const size_t count = json_array_size(list.value);
    if (count > MANIFEST_NOTIFICATIONS_MAX)
        return jx_fail(&list, err, "want at most %d", MANIFEST_NOTIFICATIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct jx place = jx_at(&list, i);
        struct manifest_notification *const one = &manifest->notifications[i];
        if (!json_is_object(place.value))
            return jx_fail(&place, err, "want an object");
        if (!jx_only(&place, keys, err) || !read_url(&place, one, err) ||
            !read_events(&place, one, err) || !read_secret(&place, one, err))
            return false;
    }
    manifest->notification_count = count;
    return true;
}
