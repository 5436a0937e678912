#include "service/config_row.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "net/url.h"

#define SECRET_SHOWN "***"

// What a text must be
// ------------------------------------------------------------------------------
static const char *wrong_address(const char *text)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    struct sr_err err = { 0 };
    return server_address(text, &address, &bytes, &err)
               ? NULL
               : "want an address of this machine and a port, as 127.0.0.1:8083 or [::1]:8083";
}

static const char *wrong_level(const char *text)
{
    enum sr_log_level level;
    return sr_log_level_named(text, &level) && level != SR_LOG_OFF
               ? NULL
               : "want debug, info, warn or error";
}

static bool is_letters(const char *text, const char *letters, size_t min, size_t max)
{
    const size_t bytes = strlen(text);
    return bytes >= min && bytes <= max && strspn(text, letters) == bytes;
}

static const char *wrong_region(const char *text)
{
    return is_letters(text, "abcdefghijklmnopqrstuvwxyz0123456789-", 1, 64)
               ? NULL
               : "want small letters, digits and '-'";
}

static const char *wrong_account(const char *text)
{
    return is_letters(text, "0123456789", 12, 12) ? NULL : "want 12 digits";
}

static const char *wrong_token(const char *text)
{
    _Static_assert(AUTH_SECRET_MIN == 16, "a message names it");
    return strlen(text) < AUTH_SECRET_MIN ? "want 16 characters or more" : NULL;
}

static const char *wrong_url(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0
               ? NULL
               : "want an http or https URL";
}

static const char *wrong_folder(const char *text)
{
    return *text ? NULL : "want the name of a folder";
}

static const char *wrong_place(const char *text)
{
    const bool is_store = strncmp(text, "s3://", 5) == 0 && text[5];
    return is_store || (text[0] == '/' && text[1])
               ? NULL
               : "want an absolute folder, or s3://BUCKET/PREFIX";
}

// The table
// ----------------------------------------------------------------------------------------
static const char *const key_secrets[] = { "secret", NULL };
static const char *const api_key_secrets[] = { "token", NULL };
static const char *const connection_secrets[] = { "value", NULL };

#define AT(member) .place = offsetof(struct config, member)
#define FROM_TO(from, to) .min = (from), .max = (to)

const struct config_row config_rows[] = {
    { NULL, "listen", CONFIG_TEXT, AT(listen), .wrong = wrong_address },
    { NULL, "state", CONFIG_TEXT, AT(state), .wrong = wrong_folder },
    { NULL, "rules", CONFIG_TEXT, AT(rules), .wrong = wrong_folder, .unsaid = "none" },
    { NULL, "watch", CONFIG_TEXTS, AT(watch), .wrong = wrong_folder, .unsaid = "none" },
    { NULL, "log_level", CONFIG_TEXT, AT(log_level), .wrong = wrong_level },
    { NULL, "region", CONFIG_TEXT, AT(region), .wrong = wrong_region },
    { NULL, "account", CONFIG_TEXT, AT(account), .wrong = wrong_account },
    { NULL, "keys", CONFIG_OWN, .read = config_keys_read, .secrets = key_secrets,
      .unsaid = "none: only this machine may call" },
    { NULL, "api_keys", CONFIG_OWN, .read = config_api_keys_read, .done = config_api_keys_done,
      .secrets = api_key_secrets, .unsaid = "none" },
    { NULL, "metrics_token", CONFIG_SECRET, AT(metrics_token), .wrong = wrong_token },
    { NULL, "history_days", CONFIG_INT, AT(history_days), FROM_TO(0, 36500) },
    { NULL, "maps", CONFIG_TEXT, AT(maps), .wrong = wrong_folder, .unsaid = "none" },
    { NULL, "map_places", CONFIG_TEXTS, AT(map_places), .wrong = wrong_place,
      .unsaid = "the jobs' workspace" },
    { NULL, "lambda", CONFIG_OWN, .read = config_lambdas_read, .done = config_lambdas_done,
      .unsaid = "none" },
    { NULL, "lambda_url", CONFIG_TEXT, AT(lambda_url), .wrong = wrong_url, .unsaid = "none" },
    { "audit", "path", CONFIG_TEXT, AT(audit.path), .unsaid = "STATE/audit.log" },
    { "audit", "bytes_max", CONFIG_INT, AT(audit.bytes_max), FROM_TO(4096, INT64_C(1) << 40) },
    { "audit", "files_kept", CONFIG_UNSIGNED, AT(audit.kept_count), FROM_TO(0, 1000) },
    { "audit", "off", CONFIG_BOOL, AT(audit.is_off) },
    { "limits", "body_bytes_max", CONFIG_SIZE, AT(limits.body_bytes_max), FROM_TO(1024, 64 << 20) },
    { "limits", "bodies_bytes_max", CONFIG_SIZE, AT(limits.bodies_bytes_max),
      FROM_TO(1 << 20, INT64_C(64) << 30) },
    { "limits", "connections_max", CONFIG_UNSIGNED, AT(limits.connection_max), FROM_TO(1, 100000) },
    { "limits", "idle_s_max", CONFIG_UNSIGNED, AT(limits.idle_s_max), FROM_TO(1, 3600) },
    { "limits", "receive_s_max", CONFIG_UNSIGNED, AT(limits.receive_s_max), FROM_TO(1, 3600) },
    { "limits", "send_s_max", CONFIG_UNSIGNED, AT(limits.send_s_max), FROM_TO(1, 3600) },
    { "limits", "threads", CONFIG_UNSIGNED, AT(limits.thread_count), FROM_TO(1, 64) },
    { "http", "allow", CONFIG_TEXTS, AT(http_allow), FROM_TO(0, CONFIG_ROWS_MAX),
      .unsaid = "nowhere" },
    { "http", "plain", CONFIG_BOOL, AT(http_plain) },
    { "http", "connections", CONFIG_OWN, .read = config_connections_read,
      .done = config_connections_done, .secrets = connection_secrets, .unsaid = "none" },
    { "events", "secrets", CONFIG_SECRETS, AT(events.secrets), FROM_TO(0, CONFIG_EVENTS_ROWS_MAX),
      .wrong = config_events_wrong_path },
    { "events", "bearer", CONFIG_SECRETS, AT(events.bearers), FROM_TO(0, CONFIG_EVENTS_ROWS_MAX),
      .wrong = config_events_wrong_secret },
    { "events", "basic", CONFIG_SECRETS, AT(events.basics), FROM_TO(0, CONFIG_EVENTS_ROWS_MAX),
      .wrong = config_events_wrong_basic },
    { "events", "outputs", CONFIG_TEXTS, AT(events.outputs), FROM_TO(0, CONFIG_EVENTS_ROWS_MAX),
      .wrong = config_events_wrong_text, .unsaid = "none" },
    { "events", "sns_topics", CONFIG_TEXTS, AT(events.topics), FROM_TO(0, CONFIG_EVENTS_ROWS_MAX),
      .wrong = config_events_wrong_text, .unsaid = "any" },
    { "events", "sns_hosts", CONFIG_TEXTS, AT(events.hosts), FROM_TO(0, CONFIG_EVENTS_ROWS_MAX),
      .wrong = config_events_wrong_text, .unsaid = "Amazon's" },
    { "jobs", "workspace", CONFIG_TEXT, AT(jobs.workspace), .wrong = config_jobs_wrong_workspace,
      .unsaid = "STATE/jobs" },
    { "jobs", "share_parts", CONFIG_BOOL, AT(jobs.share_parts) },
    { "jobs", "keep_days", CONFIG_INT, AT(jobs.keep_days), FROM_TO(1, CONFIG_JOBS_KEEP_DAYS_MAX) },
    { "jobs", "roots", CONFIG_TEXTS, AT(jobs.roots), FROM_TO(0, CONFIG_EVENTS_ROWS_MAX),
      .wrong = config_jobs_wrong_root, .unsaid = "none: jobs may use no local path" },
    { "jobs", "allow", CONFIG_TEXTS, AT(jobs.allow), FROM_TO(0, CONFIG_EVENTS_ROWS_MAX),
      .wrong = config_jobs_wrong_address, .unsaid = "none: jobs may use no store" },
    { "worker", "processes", CONFIG_INT, AT(worker.processes),
      FROM_TO(0, CONFIG_WORKER_PROCESSES_MAX) },
    { "worker", "slots", CONFIG_INT, AT(worker.slots), FROM_TO(0, CONFIG_WORKER_SLOTS_MAX),
      .unsaid = "one for each processor" },
    { "worker", "light_slots", CONFIG_INT, AT(worker.light_slots),
      FROM_TO(1, CONFIG_WORKER_SLOTS_MAX) },
    { "worker", "memory_bytes", CONFIG_INT, AT(worker.memory_bytes),
      FROM_TO(256 << 20, INT64_C(1) << 44), .unsaid = "an even share of the machine's" },
    { "worker", "task_cpu_s", CONFIG_INT, AT(worker.task_cpu_s), FROM_TO(0, INT64_C(1) << 31),
      .unsaid = "no limit" },
    { "worker", "grace_s", CONFIG_SECONDS, AT(worker.grace_us), FROM_TO(0, 86400) },
    { "worker", "activities", CONFIG_TEXT, AT(worker.activities),
      .unsaid = "all for serve's own, fleet elsewhere" },
    { "worker", "stores", CONFIG_TEXT, AT(worker.stores), .unsaid = "none",
      .variable = "SPLITREEL_STORES" },
    { NULL, NULL, CONFIG_OWN, .place = 0 },
};
_Static_assert(sizeof config_rows / sizeof *config_rows <= CONFIG_VALUES_MAX + 1,
               "struct config has room for each");

const struct config_row *config_row_find(const char *name)
{
    const char *const dot = strchr(name, '.');
    const size_t bytes = dot ? (size_t)(dot - name) : 0;
    const char *const key = dot ? dot + 1 : name;
    for (const struct config_row *row = config_rows; row->key; row++) {
        const bool same_section = row->section && dot ? strlen(row->section) == bytes &&
                                                            strncmp(row->section, name, bytes) == 0
                                                      : !row->section && !dot;
        if (same_section && strcmp(row->key, key) == 0)
            return row;
    }
    return NULL;
}

static void *place_of(const struct config_row *row, const struct config *config)
{
    return (char *)config + row->place;
}

// Reading
// ------------------------------------------------------------------------------------------
static bool copy_text(const struct config_row *row, const struct jx *place, char **ret,
                      struct sr_err *err)
{
    const char *const text = json_string_value(place->value);
    const char *why = text ? NULL : "want a string";
    if (text && strlen(text) != json_string_length(place->value))
        why = "want a string without \\u0000";
    if (!why && row->wrong)
        why = row->wrong(text);
    if (why)
        return jx_fail(place, err, "%s", why);
    *ret = sr_str_dup(text, err);
    return *ret != NULL;
}

static bool read_text(const struct config_row *row, char **place, const struct jx *at,
                      struct sr_err *err)
{
    const struct jx value = jx_get(at, row->key);
    char *text = NULL;
    if (!copy_text(row, &value, &text, err))
        return false;
    free(*place);
    *place = text;
    return true;
}

static bool read_texts(const struct config_row *row, struct config_texts *texts,
                       const struct jx *at, struct sr_err *err)
{
    struct jx list;
    const size_t max = row->max > 0 ? (size_t)row->max : CONFIG_ROWS_MAX;
    if (!jx_array(at, row->key, &list, err))
        return false;
    const size_t count = json_array_size(list.value);
    if (count > max)
        return jx_fail(&list, err, "more than %zu", max);
    texts->list = calloc(count + 1, sizeof *texts->list);
    if (!texts->list)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%s", row->key);
    for (size_t i = 0; i < count; i++) {
        const struct jx value = jx_at(&list, i);
        if (!copy_text(row, &value, &texts->list[i], err))
            return false;
        texts->count++;
    }
    return true;
}

bool config_row_read(const struct config_row *row, struct config *config, const struct jx *at,
                     struct sr_err *err)
{
    void *const place = place_of(row, config);
    int64_t number = 0;
    double seconds = 0;
    switch (row->kind) {
    case CONFIG_TEXT:
    case CONFIG_SECRET: return read_text(row, place, at, err);
    case CONFIG_TEXTS:
    case CONFIG_SECRETS: config_row_done(row, config); return read_texts(row, place, at, err);
    case CONFIG_BOOL: return jx_bool(at, row->key, place, err);
    case CONFIG_INT: return jx_int(at, row->key, row->min, row->max, place, err);
    case CONFIG_SIZE:
        if (!jx_int(at, row->key, row->min, row->max, &number, err))
            return false;
        *(size_t *)place = (size_t)number;
        return true;
    case CONFIG_UNSIGNED:
        if (!jx_int(at, row->key, row->min, row->max, &number, err))
            return false;
        *(unsigned *)place = (unsigned)number;
        return true;
    case CONFIG_SECONDS:
        if (!jx_real(at, row->key, (double)row->min, (double)row->max, &seconds, err))
            return false;
        *(int64_t *)place = llround(seconds * 1e6);
        return true;
    case CONFIG_OWN: return row->read(config, at, err);
    }
    return sr_fail(err, SR_ERR_INTERNAL, "%s", row->key);
}

// The rest
// -----------------------------------------------------------------------------------------
static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void config_row_done(const struct config_row *row, struct config *config)
{
    void *const place = place_of(row, config);
    if (row->kind == CONFIG_TEXT || row->kind == CONFIG_SECRET) {
        wipe(*(char **)place);
        *(char **)place = NULL;
    } else if (row->kind == CONFIG_TEXTS || row->kind == CONFIG_SECRETS) {
        struct config_texts *const texts = place;
        for (size_t i = 0; i < texts->count; i++)
            wipe(texts->list[i]);
        free(texts->list);
        *texts = (struct config_texts){ 0 };
    } else if (row->kind == CONFIG_OWN && row->done) {
        row->done(config);
    }
}

bool config_row_is_set(const struct config_row *row, const struct config *config)
{
    const void *const place = place_of(row, config);
    switch (row->kind) {
    case CONFIG_TEXT:
    case CONFIG_SECRET: return *(char *const *)place != NULL;
    case CONFIG_TEXTS:
    case CONFIG_SECRETS: return ((const struct config_texts *)place)->count > 0;
    case CONFIG_INT:
    case CONFIG_SECONDS: return *(const int64_t *)place != 0;
    default: return config->said[row - config_rows].value != NULL;
    }
}

// A URL may hold a user and a password.
static json_t *mask_text(const char *text)
{
    char shown[1100];
    if (!strstr(text, "://"))
        return jx_string(text);
    url_redact(text, shown, sizeof shown);
    return jx_string(shown);
}

static json_t *mask(const struct config_row *row, const char *key, const json_t *value);

static json_t *mask_object(const struct config_row *row, const json_t *value)
{
    const char *key;
    json_t *member;
    sr_auto(json) json_t *made = json_object();
    json_object_foreach((json_t *)value, key, member)
    {
        if (!made || json_object_set_new(made, key, mask(row, key, member)) != 0)
            return NULL;
    }
    return sr_take(made);
}

static json_t *mask_array(const struct config_row *row, const json_t *value)
{
    sr_auto(json) json_t *made = json_array();
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!made || json_array_append_new(made, mask(row, NULL, json_array_get(value, i))) != 0)
            return NULL;
    }
    return sr_take(made);
}

// The value was read before: it is not deep. `key`: of the object that it is in.
static json_t *mask(const struct config_row *row, const char *key, const json_t *value)
{
    bool is_secret = row->kind == CONFIG_SECRET || row->kind == CONFIG_SECRETS;
    for (const char *const *name = row->secrets; key && name && *name; name++)
        is_secret |= strcmp(*name, key) == 0;
    switch (json_typeof(value)) {
    case JSON_OBJECT: return mask_object(row, value);
    case JSON_ARRAY: return mask_array(row, value);
    case JSON_STRING:
        if (is_secret)
            return json_string(SECRET_SHOWN);
        return row->kind == CONFIG_OWN || row->wrong == wrong_url
                   ? mask_text(json_string_value(value))
                   : jx_string(json_string_value(value));
    default: return is_secret ? json_string(SECRET_SHOWN) : json_deep_copy(value);
    }
}

bool config_row_mask(const struct config_row *row, const json_t *value, json_t **ret_masked,
                     struct sr_err *err)
{
    *ret_masked = mask(row, NULL, value);
    return jx_made(*ret_masked, err);
}
