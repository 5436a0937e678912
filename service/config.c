#include "service/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "service/config_row.h"
#include "statemachine/engine.h"

bool config_init(struct config *config, struct sr_err *err)
{
    *config = (struct config){
        .audit = { .bytes_max = 64 << 20, .kept_count = 8 },
        .limits = server_limits_default(),
        .worker = { .light_slots = 1, .grace_us = 30000000 },
        .history_days = ENGINE_RETENTION_US / CONFIG_DAY_US,
    };
    config_jobs_init(&config->jobs);
    config->listen = sr_str_dup("127.0.0.1:8083", err);
    config->state = sr_str_dup(".splitreel-state", err);
    config->log_level = sr_str_dup("info", err);
    config->region = sr_str_dup("us-east-1", err);
    config->account = sr_str_dup("123456789012", err);
    if (config->listen && config->state && config->log_level && config->region && config->account &&
        auth_new(&config->auth, err))
        return true;
    config_done(config);
    return false;
}

void config_done(struct config *config)
{
    for (const struct config_row *row = config_rows; row->key; row++) {
        config_row_done(row, config);
        json_decref(config->said[row - config_rows].value);
    }
    auth_free(config->auth);
    *config = (struct config){ 0 };
}

bool config_has_secrets(const struct config *config)
{
    return auth_has_keys(config->auth) || config->metrics_token || config->connection_count > 0 ||
           config->jobs.key_count > 0 || config_events_has_secrets(&config->events);
}

// Reads a row's value, if it is there, and notes where it came from.
static bool take_row(struct config *config, const struct config_row *row, const struct jx *at,
                     const struct config_said *from, struct sr_err *err)
{
    struct config_said *const said = &config->said[row - config_rows];
    json_t *masked = NULL;
    if (!jx_has(at, row->key))
        return true;
    if (!config_row_read(row, config, at, err) ||
        !config_row_mask(row, json_object_get(at->value, row->key), &masked, err))
        return false;
    json_decref(said->value);
    *said = *from;
    said->value = masked;
    return true;
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

// All rows of a section, and no other member.
static bool read_section(struct config *config, const char *section, const struct jx *at,
                         struct sr_err *err)
{
    const char *known[CONFIG_VALUES_MAX + 1];
    size_t count = 0;
    const char *last = NULL;
    for (const struct config_row *row = config_rows; row->key; row++) {
        if (is_same(row->section, section))
            known[count++] = row->key;
        else if (!section && row->section && !is_same(row->section, last))
            known[count++] = last = row->section;  // rows of a section stand together
    }
    known[count] = NULL;
    if (!jx_only(at, known, err))
        return false;
    const struct config_said from = { .from = CONFIG_FILE };
    for (const struct config_row *row = config_rows; row->key; row++) {
        if (is_same(row->section, section) && !take_row(config, row, at, &from, err))
            return false;
    }
    return true;
}

static bool read_root(struct config *config, const struct jx *root, struct sr_err *err)
{
    if (!read_section(config, NULL, root, err))
        return false;
    const char *last = NULL;
    for (const struct config_row *row = config_rows; row->key; row++) {
        struct jx at;
        if (!row->section || is_same(row->section, last) || !jx_has(root, row->section))
            continue;
        last = row->section;
        if (!jx_object(root, last, &at, err) || !read_section(config, last, &at, err))
            return false;
    }
    return true;
}

static bool note_lines(struct config *config, const char *text, size_t bytes, struct sr_err *err)
{
    for (const struct config_row *row = config_rows; row->key; row++) {
        struct config_said *const said = &config->said[row - config_rows];
        const char *const keys[] = { row->section ? row->section : row->key,
                                     row->section ? row->key : NULL, NULL };
        if (said->from == CONFIG_FILE && !jx_line(text, bytes, keys, &said->line, err))
            return false;
    }
    return true;
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
    return read_root(config, &at, err) && note_lines(config, text, bytes, err);
}

// A value that stands in no file, read as if it stood in one, so that errors name its place.
static bool take_value(struct config *config, const struct config_row *row, json_t *value,
                       const struct config_said *from, struct sr_err *err)
{
    sr_auto(json) json_t *member = value ? json_pack("{s:o}", row->key, value) : NULL;
    sr_auto(json) json_t *root = NULL;
    if (!jx_made(member, err))
        return false;
    root = row->section ? json_pack("{s:O}", row->section, member) : json_incref(member);
    if (!jx_made(root, err))
        return false;
    const struct jx at = jx_root(root);
    const struct jx inside = row->section ? jx_get(&at, row->section) : at;
    return take_row(config, row, &inside, from, err) || sr_err_wrap(err, "%s", from->name);
}

bool config_environment(struct config *config, char *(*env)(const char *name), struct sr_err *err)
{
    for (const struct config_row *row = config_rows; row->key; row++) {
        const char *const text = row->variable ? env(row->variable) : NULL;
        if (!text || !*text || config->said[row - config_rows].from != CONFIG_DEFAULT)
            continue;
        const struct config_said from = { .from = CONFIG_ENVIRONMENT, .name = row->variable };
        if (!take_value(config, row, jx_string(text), &from, err))
            return false;
    }
    return true;
}

// What was said before, and this. No list that an option adds to holds secrets.
static bool add_to_list(const struct config_said *said, json_t *value, json_t **ret_list,
                        struct sr_err *err)
{
    sr_auto(json) json_t *list = said->value ? json_deep_copy(said->value) : json_array();
    if (!jx_made(list, err) || !jx_append(list, json_incref(value), err))
        return false;
    *ret_list = sr_take(list);
    return true;
}

bool config_override(struct config *config, const char *name, json_t *value, const char *option,
                     struct sr_err *err)
{
    const struct config_row *const row = config_row_find(name);
    const struct config_said from = { .from = CONFIG_OPTION, .name = option };
    sr_auto(json) json_t *given = value;
    json_t *list = NULL;
    if (!row)
        return sr_fail(err, SR_ERR_INTERNAL, "there is no value %s", name);
    if (!jx_made(given, err))
        return false;
    if (row->kind != CONFIG_TEXTS)
        return take_value(config, row, sr_take(given), &from, err);
    return add_to_list(&config->said[row - config_rows], given, &list, err) &&
           take_value(config, row, list, &from, err);
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
