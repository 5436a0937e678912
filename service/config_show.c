// What `config show` tells of each value.
#include "service/config_row.h"

static const void *place_of(const struct config_row *row, const struct config *config)
{
    return (const char *)config + row->place;
}

static json_t *texts_json(const struct config_texts *texts)
{
    sr_auto(json) json_t *list = json_array();
    for (size_t i = 0; i < texts->count; i++) {
        if (!list || json_array_append_new(list, jx_string(texts->list[i])) != 0)
            return NULL;
    }
    return sr_take(list);
}

static json_t *text_json(const char *text)
{
    return text ? jx_string(text) : json_null();
}

// The value in effect: as it was said, else the default.
static json_t *value_json(const struct config_row *row, const struct config *config)
{
    const struct config_said *const said = &config->said[row - config_rows];
    const void *const place = place_of(row, config);
    if (said->value)
        return json_incref(said->value);
    switch (row->kind) {
    case CONFIG_TEXT: return text_json(*(char *const *)place);
    case CONFIG_TEXTS: return texts_json(place);
    case CONFIG_INT: return json_integer(*(const int64_t *)place);
    case CONFIG_SIZE: return json_integer((json_int_t) * (const size_t *)place);
    case CONFIG_UNSIGNED: return json_integer(*(const unsigned *)place);
    case CONFIG_SECONDS: {
        const int64_t us = *(const int64_t *)place;
        return us % 1000000 ? json_real((double)us / 1e6) : json_integer(us / 1000000);
    }
    case CONFIG_BOOL: return json_boolean(*(const bool *)place);
    default: return json_null();
    }
}

static bool put_origin(const struct config_said *said, const char *path, json_t *shown,
                       struct sr_err *err)
{
    static const char *const names[] = { "default", "file", "environment", "option" };
    if (!jx_put(shown, "from", json_string(names[said->from]), err))
        return false;
    switch (said->from) {
    case CONFIG_FILE:
        return jx_put(shown, "file", jx_string(path ? path : ""), err) &&
               jx_put(shown, "line", json_integer((json_int_t)said->line), err);
    case CONFIG_ENVIRONMENT: return jx_put(shown, "variable", json_string(said->name), err);
    case CONFIG_OPTION: return jx_put(shown, "option", json_string(said->name), err);
    default: return true;
    }
}

static bool add_row(const struct config_row *row, const struct config *config, const char *path,
                    json_t *rows, struct sr_err *err)
{
    const bool is_secret = row->kind == CONFIG_SECRET || row->kind == CONFIG_SECRETS;
    const bool is_set = config_row_is_set(row, config);
    sr_auto(json) json_t *shown = json_pack(
        "{s:o}", "name",
        row->section ? json_sprintf("%s.%s", row->section, row->key) : json_string(row->key));
    return jx_made(shown, err) &&
           (is_secret ? jx_put(shown, "set", json_boolean(is_set), err)
                      : jx_put(shown, "value", value_json(row, config), err)) &&
           (is_set || !row->unsaid || jx_put(shown, "means", json_string(row->unsaid), err)) &&
           put_origin(&config->said[row - config_rows], path, shown, err) &&
           jx_append(rows, sr_take(shown), err);
}

bool config_show(const struct config *config, const char *path, json_t **ret_rows,
                 struct sr_err *err)
{
    sr_auto(json) json_t *rows = json_array();
    if (!jx_made(rows, err))
        return false;
    for (const struct config_row *row = config_rows; row->key; row++) {
        if (!add_row(row, config, path, rows, err))
            return false;
    }
    *ret_rows = sr_take(rows);
    return true;
}
