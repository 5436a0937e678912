#include "service/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "statemachine/engine.h"

bool config_init(struct config *config, struct sr_err *err)
{
    *config = (struct config){ .audit = { .bytes_max = 64 << 20, .kept_count = 8 },
                               .history_days = ENGINE_RETENTION_US / CONFIG_DAY_US };
    config_worker_init(&config->worker);
    config_jobs_init(&config->jobs);
    config->listen = sr_str_dup("127.0.0.1:8083", err);
    config->region = sr_str_dup("us-east-1", err);
    config->account = sr_str_dup("123456789012", err);
    if (config->listen && config->region && config->account && auth_new(&config->auth, err))
        return true;
    config_done(config);
    return false;
}

static void free_secret(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void config_done(struct config *config)
{
    free(config->listen);
    free(config->region);
    free(config->account);
    free_secret(config->metrics_token);
    auth_free(config->auth);
    free(config->audit.path);
    for (size_t i = 0; i < config->lambda_count; i++) {
        free(config->lambdas[i].name);
        free(config->lambdas[i].url);
    }
    free(config->lambdas);
    free(config->lambda_url);
    for (size_t i = 0; i < config->http_allow_count; i++)
        free(config->http_allow[i]);
    free(config->http_allow);
    for (size_t i = 0; i < config->connection_count; i++) {
        free(config->connections[i].arn);
        free(config->connections[i].header);
        free_secret(config->connections[i].value);
    }
    free(config->connections);
    free(config->maps);
    for (size_t i = 0; i < config->map_place_count; i++)
        free(config->map_places[i]);
    free(config->map_places);
    config_events_done(&config->events);
    config_worker_done(&config->worker);
    config_jobs_done(&config->jobs);
    *config = (struct config){ 0 };
}

bool config_has_secrets(const struct config *config)
{
    return auth_has_keys(config->auth) || config->metrics_token || config->connection_count > 0 ||
           config->jobs.key_count > 0 || config_events_has_secrets(&config->events);
}

static bool set_text(const struct jx *at, const char *key, char **place, struct sr_err *err)
{
    const char *text = NULL;
    if (!jx_text_opt(at, key, &text, err))
        return false;
    if (!text)
        return true;
    char *copy = sr_str_dup(text, err);
    if (!copy)
        return false;
    free(*place);
    *place = copy;
    return true;
}

// A text that no message may show.
static bool get_secret(const struct jx *at, const char *key, const char **ret, struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    if (!json_is_string(place.value))
        return jx_fail(&place, err, "want a string");
    *ret = json_string_value(place.value);
    return true;
}

static bool read_keys(struct config *config, const struct jx *root, struct sr_err *err)
{
    static const char *const known[] = { "access_key", "secret", NULL };
    struct jx keys;
    if (!jx_has(root, "keys"))
        return true;
    if (!jx_array(root, "keys", &keys, err))
        return false;
    for (size_t i = 0; i < json_array_size(keys.value); i++) {
        const struct jx row = jx_at(&keys, i);
        const char *access_key, *secret = NULL;
        struct sr_err why = { 0 };
        if (!jx_only(&row, known, err) || !jx_text(&row, "access_key", &access_key, err) ||
            !get_secret(&row, "secret", &secret, err))
            return false;
        if (!auth_add(config->auth, access_key, secret, &why))
            return jx_fail(&row, err, "%s", why.message);
    }
    return true;
}

static bool read_audit(struct config *config, const struct jx *root, struct sr_err *err)
{
    static const char *const known[] = { "path", "bytes_max", "files_kept", "off", NULL };
    struct jx at;
    int64_t kept = config->audit.kept_count;
    if (!jx_has(root, "audit"))
        return true;
    if (!jx_object(root, "audit", &at, err) || !jx_only(&at, known, err) ||
        !set_text(&at, "path", &config->audit.path, err) ||
        !jx_bool_opt(&at, "off", &config->audit.is_off, err) ||
        !jx_int_opt(&at, "bytes_max", 4096, INT64_C(1) << 40, &config->audit.bytes_max, err) ||
        !jx_int_opt(&at, "files_kept", 0, 1000, &kept, err))
        return false;
    config->audit.kept_count = (unsigned)kept;  // checked above
    return true;
}

static bool read_limits(struct config *config, const struct jx *root, struct sr_err *err)
{
    struct server_limits *const limits = &config->limits;
    const struct row {
        const char *key;
        int64_t min, max;
        size_t *size;
        unsigned *number;
    } rows[] = {
        { "body_bytes_max", 1024, 64 << 20, &limits->body_bytes_max, NULL },
        { "bodies_bytes_max", 1 << 20, INT64_C(64) << 30, &limits->bodies_bytes_max, NULL },
        { "connections_max", 1, 100000, NULL, &limits->connection_max },
        { "idle_s_max", 1, 3600, NULL, &limits->idle_s_max },
        { "receive_s_max", 1, 3600, NULL, &limits->receive_s_max },
        { "send_s_max", 1, 3600, NULL, &limits->send_s_max },
        { "threads", 1, 64, NULL, &limits->thread_count },
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    const char *known[ROWS + 1] = { NULL };
    struct jx at;
    if (!jx_has(root, "limits"))
        return true;
    for (size_t i = 0; i < ROWS; i++)
        known[i] = rows[i].key;
    if (!jx_object(root, "limits", &at, err) || !jx_only(&at, known, err))
        return false;
    for (size_t i = 0; i < ROWS; i++) {
        int64_t value = 0;  // the default
        if (!jx_int_opt(&at, rows[i].key, rows[i].min, rows[i].max, &value, err))
            return false;
        if (rows[i].size)
            *rows[i].size = (size_t)value;
        else
            *rows[i].number = (unsigned)value;
    }
    return true;
}

static bool is_url(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

static bool read_lambdas(struct config *config, const struct jx *root, struct sr_err *err)
{
    struct jx at;
    const char *name;
    json_t *value;
    if (!set_text(root, "lambda_url", &config->lambda_url, err))
        return false;
    if (config->lambda_url && !is_url(config->lambda_url))
        return jx_fail(root, err, "lambda_url: want an http or https URL");
    if (!jx_has(root, "lambda"))
        return true;
    if (!jx_object(root, "lambda", &at, err))
        return false;
    const size_t count = json_object_size(at.value);
    if (count > CONFIG_ROWS_MAX)
        return jx_fail(&at, err, "more than %d functions", CONFIG_ROWS_MAX);
    config->lambdas = calloc(count + 1, sizeof *config->lambdas);
    if (!config->lambdas)
        return sr_fail(err, SR_ERR_NO_MEMORY, "functions");
    json_object_foreach((json_t *)at.value, name, value)
    {
        const char *url;
        struct config_lambda *const row = &config->lambdas[config->lambda_count];
        if (!jx_text(&at, name, &url, err))
            return false;
        if (!is_url(url))
            return jx_fail(&at, err, "\"%.80s\" must be at an http or https URL", name);
        config->lambda_count++;
        row->name = sr_str_dup(name, err);
        row->url = sr_str_dup(url, err);
        if (!row->name || !row->url)
            return false;
    }
    return true;
}

static bool read_texts(const struct jx *at, const char *key, char ***list, size_t *count,
                       struct sr_err *err)
{
    struct jx rows;
    if (!jx_has(at, key))
        return true;
    if (!jx_array(at, key, &rows, err))
        return false;
    const size_t row_count = json_array_size(rows.value);
    if (row_count > CONFIG_ROWS_MAX)
        return jx_fail(&rows, err, "more than %d", CONFIG_ROWS_MAX);
    *list = calloc(row_count + 1, sizeof **list);
    if (!*list)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%s", key);
    for (size_t i = 0; i < row_count; i++) {
        const struct jx row = jx_at(&rows, i);
        if (!json_is_string(row.value))
            return jx_fail(&row, err, "want a string");
        (*list)[i] = sr_str_dup(json_string_value(row.value), err);
        if (!(*list)[i])
            return false;
        (*count)++;
    }
    return true;
}

static bool read_map_places(struct config *config, const struct jx *root, struct sr_err *err)
{
    if (!read_texts(root, "map_places", &config->map_places, &config->map_place_count, err))
        return false;
    for (size_t i = 0; i < config->map_place_count; i++) {
        const char *const place = config->map_places[i];
        if (place[0] == '/' ? !place[1] : strncmp(place, "s3://", 5) != 0 || !place[5])
            return jx_fail(root, err,
                           "map_places[%zu]: want an absolute folder, or s3://BUCKET/PREFIX", i);
    }
    return true;
}

static bool read_connections(struct config *config, const struct jx *http, struct sr_err *err)
{
    static const char *const known[] = { "arn", "header", "value", NULL };
    struct jx list;
    if (!jx_has(http, "connections"))
        return true;
    if (!jx_array(http, "connections", &list, err))
        return false;
    const size_t count = json_array_size(list.value);
    if (count > CONFIG_ROWS_MAX)
        return jx_fail(&list, err, "more than %d connections", CONFIG_ROWS_MAX);
    config->connections = calloc(count + 1, sizeof *config->connections);
    if (!config->connections)
        return sr_fail(err, SR_ERR_NO_MEMORY, "connections");
    for (size_t i = 0; i < count; i++) {
        const struct jx row = jx_at(&list, i);
        const char *arn, *header, *value = NULL;
        struct config_connection *const made = &config->connections[config->connection_count];
        if (!jx_only(&row, known, err) || !jx_text(&row, "arn", &arn, err) ||
            !jx_text(&row, "header", &header, err) || !get_secret(&row, "value", &value, err))
            return false;
        config->connection_count++;
        made->arn = sr_str_dup(arn, err);
        made->header = sr_str_dup(header, err);
        made->value = sr_str_dup(value, err);
        if (!made->arn || !made->header || !made->value)
            return false;
    }
    return true;
}

static bool read_http(struct config *config, const struct jx *root, struct sr_err *err)
{
    static const char *const known[] = { "allow", "plain", "connections", NULL };
    struct jx http;
    if (!jx_has(root, "http"))
        return true;
    return jx_object(root, "http", &http, err) && jx_only(&http, known, err) &&
           jx_bool_opt(&http, "plain", &config->http_plain, err) &&
           read_texts(&http, "allow", &config->http_allow, &config->http_allow_count, err) &&
           read_connections(config, &http, err);
}

static bool read_events(struct config *config, const struct jx *root, struct sr_err *err)
{
    struct jx at;
    return !jx_has(root, "events") ||
           (jx_object(root, "events", &at, err) && config_events_read(&config->events, &at, err));
}

static bool is_letters(const char *text, const char *letters, size_t min, size_t max)
{
    const size_t bytes = strlen(text);
    return bytes >= min && bytes <= max && strspn(text, letters) == bytes;
}

static bool read_root(struct config *config, const struct jx *root, struct sr_err *err)
{
    static const char *const known[] = { "listen",     "region", "account",    "metrics_token",
                                         "keys",       "audit",  "limits",     "lambda",
                                         "lambda_url", "http",   "maps",       "history_days",
                                         "events",     "worker", "map_places", "jobs",
                                         "api_keys",   NULL };
    if (!jx_only(root, known, err) || !set_text(root, "listen", &config->listen, err) ||
        !set_text(root, "region", &config->region, err) ||
        !set_text(root, "account", &config->account, err) ||
        !set_text(root, "maps", &config->maps, err) ||
        !jx_int_opt(root, "history_days", 0, 36500, &config->history_days, err))
        return false;
    const char *token = NULL;
    if (jx_has(root, "metrics_token") && (!get_secret(root, "metrics_token", &token, err) ||
                                          !(config->metrics_token = sr_str_dup(token, err))))
        return false;
    if (!is_letters(config->region, "abcdefghijklmnopqrstuvwxyz0123456789-", 1, 64))
        return jx_fail(root, err, "region: want small letters, digits and '-'");
    if (!is_letters(config->account, "0123456789", 12, 12))
        return jx_fail(root, err, "account: want 12 digits");
    if (config->metrics_token && strlen(config->metrics_token) < AUTH_SECRET_MIN)
        return jx_fail(root, err, "metrics_token: want %d characters or more", AUTH_SECRET_MIN);
    return read_keys(config, root, err) && read_audit(config, root, err) &&
           read_limits(config, root, err) && read_lambdas(config, root, err) &&
           read_http(config, root, err) && read_events(config, root, err) &&
           read_map_places(config, root, err) && config_worker_parse(&config->worker, root, err) &&
           config_jobs_parse(&config->jobs, root, err);
}

bool config_parse(struct config *config, const char *text, size_t bytes, struct sr_err *err)
{
    json_t *value = NULL;
    if (!jx_parse(text, bytes, true, &value, err)) {
        char *const quoted = strstr(err->message, " near '");  // might be a secret
        if (quoted)
            *quoted = '\0';
        return false;
    }
    sr_auto(json) json_t *root = value;
    const struct jx at = jx_root(root);
    if (!json_is_object(root))
        return jx_fail(&at, err, "want an object");
    return read_root(config, &at, err);
}

static bool read_whole(int fd, struct sr_str *text, struct sr_err *err)
{
    char part[4096];
    for (;;) {
        const ssize_t bytes = read(fd, part, sizeof part);
        if (bytes == 0)
            break;
        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0)
            return sr_fail_errno(err, errno, "read");
        if (text->bytes + (size_t)bytes > CONFIG_BYTES_MAX)
            return sr_fail(err, SR_ERR_TOO_LARGE, "more than %d bytes", CONFIG_BYTES_MAX);
        if (!sr_str_add_bytes(text, part, (size_t)bytes, err))
            return false;
    }
    explicit_bzero(part, sizeof part);
    return true;
}

bool config_read(struct config *config, const char *path, struct sr_err *err)
{
    struct stat stat = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sr_fail_errno(err, errno, "%s", path);
    const int number = fstat(fd, &stat) == 0 ? 0 : errno;
    const bool done = number ? sr_fail_errno(err, number, "%s", path) : read_whole(fd, &text, err);
    (void)close(fd);  // only read
    const bool parsed = done && config_parse(config, sr_str_text(&text), text.bytes, err);
    if (text.text)
        explicit_bzero(text.text, text.capacity);
    if (!parsed)
        return sr_err_wrap(err, "%s", path);
    if (config_has_secrets(config) && stat.st_mode & (S_IRWXG | S_IRWXO))
        return sr_fail(err, SR_ERR_DENIED,
                       "%s holds secrets and others may read it: chmod 600 it (mode %03o)", path,
                       (unsigned)stat.st_mode & 0777);
    if (config_has_secrets(config) && stat.st_uid != geteuid() && stat.st_uid != 0)
        return sr_fail(err, SR_ERR_DENIED, "%s holds secrets and is another user's file", path);
    return true;
}
