// What of the configuration is more than a value or a list of texts.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "service/config_row.h"

// A text that no message may show.
static bool get_secret(const struct jx *at, const char *key, const char **ret, struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    if (!json_is_string(place.value))
        return jx_fail(&place, err, "want a string");
    *ret = json_string_value(place.value);
    return true;
}

bool config_keys_read(struct config *config, const struct jx *at, struct sr_err *err)
{
    static const char *const known[] = { "access_key", "secret", NULL };
    struct jx keys;
    if (!jx_array(at, "keys", &keys, err))
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

static bool is_name(const char *name)
{
    const size_t bytes = strlen(name);
    return bytes > 0 && bytes <= CONFIG_API_KEY_NAME_MAX &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@") ==
               bytes;
}

static bool read_api_key(struct config_jobs *jobs, const struct jx *row, struct sr_err *err)
{
    static const char *const known[] = { "name", "token", NULL };
    const char *name, *token = NULL;
    if (!json_is_object(row->value))
        return jx_fail(row, err, "want an object with \"name\" and \"token\"");
    if (!jx_only(row, known, err) || !jx_text(row, "name", &name, err) ||
        !get_secret(row, "token", &token, err))
        return false;
    const struct jx place = jx_get(row, "token");
    const char *const why = config_events_wrong_secret(token);
    if (why)
        return jx_fail(&place, err, "%s", why);
    if (!is_name(name))
        return jx_fail(row, err, "want a name of 1 to %d letters, digits and -_.@",
                       CONFIG_API_KEY_NAME_MAX);
    struct config_api_key *const key = &jobs->keys[jobs->key_count++];
    key->name = sr_str_dup(name, err);
    key->token = key->name ? sr_str_dup(token, err) : NULL;
    return key->token != NULL;
}

bool config_api_keys_read(struct config *config, const struct jx *root, struct sr_err *err)
{
    struct config_jobs *const jobs = &config->jobs;
    struct jx list;
    if (!jx_array(root, "api_keys", &list, err))
        return false;
    const size_t count = json_array_size(list.value);
    if (count > CONFIG_API_KEYS_MAX)
        return jx_fail(&list, err, "more than %d keys", CONFIG_API_KEYS_MAX);
    jobs->keys = calloc(count + 1, sizeof *jobs->keys);
    if (!jobs->keys)
        return sr_fail(err, SR_ERR_NO_MEMORY, "keys");
    for (size_t i = 0; i < count; i++) {
        const struct jx row = jx_at(&list, i);
        if (!read_api_key(jobs, &row, err))
            return false;
    }
    return true;
}

void config_api_keys_done(struct config *config)
{
    for (size_t i = 0; i < config->jobs.key_count; i++) {
        struct config_api_key *const key = &config->jobs.keys[i];
        free(key->name);
        if (key->token)
            explicit_bzero(key->token, strlen(key->token));
        free(key->token);
    }
    free(config->jobs.keys);
    config->jobs.keys = NULL;
    config->jobs.key_count = 0;
}

static bool is_url(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

bool config_lambdas_read(struct config *config, const struct jx *root, struct sr_err *err)
{
    struct jx at;
    const char *name;
    json_t *value;
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

void config_lambdas_done(struct config *config)
{
    for (size_t i = 0; i < config->lambda_count; i++) {
        free(config->lambdas[i].name);
        free(config->lambdas[i].url);
    }
    free(config->lambdas);
    config->lambdas = NULL;
    config->lambda_count = 0;
}

bool config_connections_read(struct config *config, const struct jx *http, struct sr_err *err)
{
    static const char *const known[] = { "arn", "header", "value", NULL };
    struct jx list;
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

void config_connections_done(struct config *config)
{
    for (size_t i = 0; i < config->connection_count; i++) {
        struct config_connection *const row = &config->connections[i];
        free(row->arn);
        free(row->header);
        if (row->value)
            explicit_bzero(row->value, strlen(row->value));
        free(row->value);
    }
    free(config->connections);
    config->connections = NULL;
    config->connection_count = 0;
}
