#include "service/config_jobs.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "net/url.h"

enum { TEXT_MAX = 1024, KEEP_DAYS = 7, KEEP_DAYS_MAX = 36500 };

void config_jobs_init(struct config_jobs *jobs)
{
    *jobs = (struct config_jobs){ .keep_days = KEEP_DAYS };
}

static void texts_done(struct config_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->list[i]);
    free(texts->list);
}

void config_jobs_done(struct config_jobs *jobs)
{
    free(jobs->workspace);
    texts_done(&jobs->roots);
    texts_done(&jobs->allow);
    for (size_t i = 0; i < jobs->key_count; i++) {
        free(jobs->keys[i].name);
        if (jobs->keys[i].token)
            explicit_bzero(jobs->keys[i].token, strlen(jobs->keys[i].token));
        free(jobs->keys[i].token);
    }
    free(jobs->keys);
    *jobs = (struct config_jobs){ 0 };
}

// What is wrong with a text; NULL: nothing.
typedef const char *(*wrong_fn)(const char *text);

static const char *wrong_root(const char *text)
{
    return *text == '/' && strlen(text) <= TEXT_MAX ? NULL : "want the absolute path of a folder";
}

static const char *wrong_address(const char *text)
{
    static const char *const schemes[] = { "s3://", "https://", "http://" };
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct sr_err ignored = { 0 };
        sr_auto(url) struct url url = { 0 };
        const size_t bytes = strlen(schemes[i]);
        if (strncasecmp(text, schemes[i], bytes) != 0 || strlen(text) > TEXT_MAX)
            continue;
        if (strcmp(text + bytes, "*") == 0 ||
            (i == 0 ? text[bytes] && !strchr("/*", text[bytes])
                    : !strpbrk(text, "*?#") && url_parse(text, &url, &ignored)))
            return NULL;
    }
    return "want s3://bucket, https://host or http://host, with or without a path, or s3://*, ...";
}

static bool read_texts(const struct jx *at, const char *key, wrong_fn wrong,
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
        return sr_fail(err, SR_ERR_NO_MEMORY, "jobs");
    for (size_t i = 0; i < count; i++) {
        const struct jx row = jx_at(&list, i);
        const char *const text = json_string_value(row.value);
        const char *const why = text ? wrong(text) : "want a string";
        if (why)
            return jx_fail(&row, err, "%s", why);
        texts->list[i] = sr_str_dup(text, err);
        if (!texts->list[i])
            return false;
        texts->count++;
    }
    return true;
}

static const char *wrong_token(const char *token)
{
    if (strlen(token) < CONFIG_EVENTS_SECRET_MIN || strlen(token) > CONFIG_EVENTS_SECRET_MAX)
        return "want a token of 16 to 256 characters";
    for (const char *c = token; *c; c++) {
        if (*c <= ' ' || *c > '~')
            return "want a token without spaces, in ASCII";
    }
    return NULL;
}

static bool is_name(const char *name)
{
    const size_t bytes = strlen(name);
    return bytes > 0 && bytes <= CONFIG_API_KEY_NAME_MAX &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@") ==
               bytes;
}

static bool read_key(struct config_jobs *jobs, const struct jx *row, struct sr_err *err)
{
    static const char *const known[] = { "name", "token", NULL };
    const char *name;
    if (!json_is_object(row->value))
        return jx_fail(row, err, "want an object with \"name\" and \"token\"");
    if (!jx_only(row, known, err) || !jx_text(row, "name", &name, err))
        return false;
    // The token never comes into a message, so it is not read by what shows what it got.
    const struct jx place = jx_get(row, "token");
    const char *const token = json_string_value(place.value);
    const char *const why = token ? wrong_token(token) : "want a string";
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

static bool read_keys(struct config_jobs *jobs, const struct jx *root, struct sr_err *err)
{
    struct jx list;
    if (!jx_has(root, "api_keys"))
        return true;
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
        if (!read_key(jobs, &row, err))
            return false;
    }
    return true;
}

static bool read_workspace(struct config_jobs *jobs, const struct jx *at, struct sr_err *err)
{
    const char *text = NULL;
    if (!jx_text_opt(at, "workspace", &text, err))
        return false;
    if (!text)
        return true;
    const struct jx place = jx_get(at, "workspace");
    const bool is_store = strncasecmp(text, "s3://", 5) == 0 && text[5] && text[5] != '/';
    if (strlen(text) > TEXT_MAX || (*text != '/' && !is_store))
        return jx_fail(&place, err, "want the absolute path of a folder, or an s3:// URL");
    jobs->workspace = sr_str_dup(text, err);
    return jobs->workspace != NULL;
}

bool config_jobs_parse(struct config_jobs *jobs, const struct jx *root, struct sr_err *err)
{
    static const char *const known[] = { "workspace", "keep_days", "roots", "allow", NULL };
    struct jx at;
    if (!read_keys(jobs, root, err))
        return false;
    return !jx_has(root, "jobs") ||
           (jx_object(root, "jobs", &at, err) && jx_only(&at, known, err) &&
            read_workspace(jobs, &at, err) &&
            jx_int_opt(&at, "keep_days", 0, KEEP_DAYS_MAX, &jobs->keep_days, err) &&
            read_texts(&at, "roots", wrong_root, &jobs->roots, err) &&
            read_texts(&at, "allow", wrong_address, &jobs->allow, err));
}
