#include "pipeline/transformer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "statemachine/asl_path.h"

struct entry {
    char *name;
    struct asl_path *path;
};

struct transformer {
    struct entry entries[TRANSFORMER_PATHS_MAX];
    size_t count;
    json_t *template;  // our own copy
};

void transformer_free(struct transformer *transformer)
{
    if (!transformer)
        return;
    for (size_t i = 0; i < transformer->count; i++) {
        free(transformer->entries[i].name);
        asl_path_free(transformer->entries[i].path);
    }
    json_decref(transformer->template);
    free(transformer);
}

// Placeholders ------------------------------------------------------------------------------------

// What they stand for. Without an event each is null: so templates are checked.
struct values {
    const struct transformer *transformer;
    const json_t *event;
    const struct transformer_rule *rule;
    const char *unknown;  // a name that there is not, and its length; NULL: all are known
    size_t unknown_bytes;
};

// Bytes of "<name>" at `text`; 0: it is none.
static size_t placeholder(const char *text)
{
    size_t bytes = 1;
    if (*text != '<')
        return 0;
    while (isalnum((unsigned char)text[bytes]) || (text[bytes] && strchr("_.-", text[bytes])))
        bytes++;
    return bytes > 1 && text[bytes] == '>' ? bytes + 1 : 0;
}

static bool is(const char *name, size_t bytes, const char *word)
{
    return strlen(word) == bytes && memcmp(name, word, bytes) == 0;
}

static json_t *without_detail(const json_t *event)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)event);
    if (copy)
        (void)json_object_del(copy, "detail");  // that there is none is as good
    return copy;
}

// *ret_value NULL: there is nothing at its path.
static bool find_value(struct values *values, const char *name, size_t bytes, json_t **ret_value,
                       struct sr_err *err)
{
    const json_t *const event = values->event;
    *ret_value = NULL;
    for (size_t i = 0; i < values->transformer->count; i++) {
        const struct entry *const entry = &values->transformer->entries[i];
        if (is(name, bytes, entry->name))
            return !event || asl_path_read_at(entry->path, event, ret_value, err) ||
                   err->code == SR_ERR_NOT_FOUND;
    }
    if (is(name, bytes, "aws.events.event.json")) {
        *ret_value = json_incref((json_t *)(uintptr_t)event);
    } else if (is(name, bytes, "aws.events.event")) {
        *ret_value = event ? without_detail(event) : NULL;
    } else if (is(name, bytes, "aws.events.rule-name")) {
        *ret_value = event ? json_string(values->rule->name) : NULL;
    } else if (is(name, bytes, "aws.events.rule-arn")) {
        *ret_value = event ? json_string(values->rule->arn) : NULL;
    } else if (is(name, bytes, "aws.events.event.ingestion-time")) {
        char text[25];
        sr_clock_format(event ? values->rule->time_us : 0, text);
        *ret_value = json_string(text);
    } else if (!values->unknown) {
        values->unknown = name;
        values->unknown_bytes = bytes;
    }
    return true;
}

static bool has_room(const struct sr_str *out, struct sr_err *err)
{
    return out->bytes <= TRANSFORMER_OUTPUT_BYTES_MAX ||
           sr_fail(err, SR_ERR_TOO_LARGE, "an input of more than %d bytes",
                   TRANSFORMER_OUTPUT_BYTES_MAX);
}

// As plain text: a string without its quotes, anything else as JSON.
static bool add_plain(const json_t *value, struct sr_str *out, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    if (!value)
        return true;
    if (json_is_string(value))
        return sr_str_add(out, json_string_value(value), err) && has_room(out, err);
    return jx_dump(value, false, &text, err) && sr_str_add(out, text, err) && has_room(out, err);
}

static bool add_value(struct values *values, const char *name, size_t bytes, bool in_text,
                      struct sr_str *out, struct sr_err *err)
{
    sr_auto(json) json_t *value = NULL;
    sr_auto(sr_str) struct sr_str plain = { 0 };
    sr_auto(char) char *text = NULL;
    if (!find_value(values, name, bytes, &value, err))
        return false;
    if (!in_text) {
        if (!value)
            return sr_str_add(out, "null", err);
        return jx_dump(value, false, &text, err) && sr_str_add(out, text, err) &&
               has_room(out, err);
    }
    sr_auto(sr_str) struct sr_str quoted = { 0 };
    if (!add_plain(value, &plain, err) ||
        !sr_str_add_json(&quoted, sr_str_text(&plain), plain.bytes, err))
        return false;
    return sr_str_add_bytes(out, quoted.text + 1, quoted.bytes - 2, err) && has_room(out, err);
}

// The text of a template, which is JSON but for its placeholders.
static bool fill_text(struct values *values, const char *template, struct sr_str *out,
                      struct sr_err *err)
{
    bool in_text = false;
    for (const char *at = template; *at;) {
        const size_t bytes = placeholder(at);
        if (bytes) {
            if (!add_value(values, at + 1, bytes - 2, in_text, out, err))
                return false;
            at += bytes;
            continue;
        }
        const bool escaped = *at == '\\' && at[1];
        if (escaped && at[1] == '<')
            at++;
        else if (*at == '"')
            in_text = !in_text;
        const size_t plain = escaped && *at == '\\' ? 2 : 1;
        if (!sr_str_add_bytes(out, at, plain, err))
            return false;
        at += plain;
    }
    return true;
}

// A text inside a template that is JSON.
static bool fill_string(struct values *values, const char *template, json_t **ret_value,
                        struct sr_err *err)
{
    const size_t whole = placeholder(template);
    sr_auto(sr_str) struct sr_str out = { 0 };
    if (whole && !template[whole]) {
        if (!find_value(values, template + 1, whole - 2, ret_value, err))
            return false;
        *ret_value = *ret_value ? *ret_value : json_null();
        return true;
    }
    for (const char *at = template; *at;) {
        const size_t bytes = placeholder(at);
        sr_auto(json) json_t *value = NULL;
        if (bytes) {
            if (!find_value(values, at + 1, bytes - 2, &value, err) || !add_plain(value, &out, err))
                return false;
            at += bytes;
            continue;
        }
        at += at[0] == '\\' && at[1] == '<';
        if (!sr_str_add_bytes(&out, at++, 1, err))
            return false;
    }
    *ret_value = jx_string(sr_str_text(&out));
    return jx_made(*ret_value, err);
}

static bool fill_json(struct values *values, const json_t *template, json_t **ret_value,
                      struct sr_err *err)
{
    if (json_is_string(template))
        return fill_string(values, json_string_value(template), ret_value, err);
    if (!json_is_object(template) && !json_is_array(template)) {
        *ret_value = json_incref((json_t *)(uintptr_t) template);
        return true;
    }
    sr_auto(json) json_t *made = json_is_object(template) ? json_object() : json_array();
    const char *key;
    json_t *item, *filled = NULL;
    size_t i;
    if (!jx_made(made, err))
        return false;
    json_object_foreach((json_t *)(uintptr_t) template, key, item)
    {
        if (!fill_json(values, item, &filled, err) || !jx_put(made, key, filled, err))
            return false;
    }
    json_array_foreach(template, i, item)
    {
        if (!fill_json(values, item, &filled, err) || !jx_append(made, filled, err))
            return false;
    }
    *ret_value = sr_take(made);
    return true;
}

static bool fill(struct values *values, const json_t *template, char **ret_text, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str out = { 0 };
    sr_auto(json) json_t *value = NULL;
    sr_auto(char) char *text = NULL;
    if (json_is_string(template)) {
        if (!fill_text(values, json_string_value(template), &out, err) ||
            !jx_parse(sr_str_text(&out), out.bytes, false, &value, err))
            return false;
    } else if (!fill_json(values, template, &value, err)) {
        return false;
    }
    if (!jx_dump(value, false, &text, err))
        return false;
    if (strlen(text) > TRANSFORMER_OUTPUT_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "an input of more than %d bytes",
                       TRANSFORMER_OUTPUT_BYTES_MAX);
    *ret_text = sr_take(text);
    return true;
}

bool transformer_run(const struct transformer *transformer, const json_t *event,
                     const struct transformer_rule *rule, char **ret_text, struct sr_err *err)
{
    struct values values = { .transformer = transformer, .event = event, .rule = rule };
    return fill(&values, transformer->template, ret_text, err) ||
           sr_err_wrap(err, "input transformer");
}

// Reading -----------------------------------------------------------------------------------------

static bool read_path(struct transformer *transformer, const struct jx *at, struct faults *faults,
                      struct sr_err *err)
{
    struct sr_err why = { 0 };
    char name[66] = "<";
    const char *const text = json_string_value(at->value);
    struct entry *const entry = &transformer->entries[transformer->count];
    if (!sr_format(name + 1, 64, "%s", at->key) || !strcat(name, ">") ||
        placeholder(name) != strlen(name) || strncmp(at->key, "aws.", 4) == 0)
        return faults_add(faults, at, err,
                          "a name has letters, digits, '_', '.' and '-', at most 63, and does not "
                          "begin with aws.");
    if (transformer->count == TRANSFORMER_PATHS_MAX)
        return faults_add(faults, at, err, "more than %d paths", TRANSFORMER_PATHS_MAX);
    if (!text)
        return faults_add(faults, at, err, "want a path, like \"$.detail.object.key\"");
    entry->name = sr_str_dup(at->key, err);
    if (!entry->name)
        return false;
    transformer->count++;
    if (!asl_path_parse(text, &entry->path, &why))
        return why.code == SR_ERR_NO_MEMORY ? (*err = why, false)
                                            : faults_add(faults, at, err, "%s", why.message);
    return asl_path_root(entry->path) == ASL_ROOT_INPUT ||
           faults_add(faults, at, err, "a path begins with \"$.\"");
}

static bool read_paths(struct transformer *transformer, const struct jx *at, struct faults *faults,
                       struct sr_err *err)
{
    const char *key;
    json_t *value;
    if (at->value && !json_is_object(at->value))
        return faults_add(faults, at, err, "want an object");
    json_object_foreach((json_t *)(uintptr_t)at->value, key, value)
    {
        const struct jx member = jx_get(at, key);
        if (!read_path(transformer, &member, faults, err))
            return false;
    }
    return true;
}

static bool read_template(struct transformer *transformer, const struct jx *at,
                          struct faults *faults, struct sr_err *err)
{
    struct values values = { .transformer = transformer };
    struct sr_err why = { 0 };
    sr_auto(char) char *text = NULL;
    if (!at->value || json_is_null(at->value))
        return faults_add(faults, at, err, "want a template: text or JSON");
    transformer->template = json_deep_copy(at->value);
    if (!jx_made(transformer->template, err) || !jx_dump(at->value, false, &text, err))
        return false;
    if (strlen(text) > TRANSFORMER_TEMPLATE_BYTES_MAX)
        return faults_add(faults, at, err, "a template of more than %d bytes",
                          TRANSFORMER_TEMPLATE_BYTES_MAX);
    free(sr_take(text));
    const bool filled = fill(&values, transformer->template, &text, &why);
    if (!filled && why.code == SR_ERR_NO_MEMORY) {
        *err = why;
        return false;
    }
    if (values.unknown)
        return faults_add(faults, at, err, "<%.*s> is not in InputPathsMap",
                          (int)values.unknown_bytes, values.unknown);
    return filled ||
           faults_add(faults, at, err, "with null for each value it is no JSON: %s", why.message);
}

bool transformer_parse(const struct jx *at, struct faults *faults, struct transformer **ret,
                       struct sr_err *err)
{
    static const char *const known[] = { "InputPathsMap", "InputTemplate", NULL };
    const size_t before = faults->count;
    *ret = NULL;
    if (!json_is_object(at->value))
        return faults_add(faults, at, err, "want an object");
    sr_auto(transformer) struct transformer *transformer = calloc(1, sizeof *transformer);
    if (!transformer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an input transformer");
    const struct jx paths = jx_get(at, known[0]), template = jx_get(at, known[1]);
    if (!faults_add_unknown(faults, at, known, err) ||
        !read_paths(transformer, &paths, faults, err) ||
        !read_template(transformer, &template, faults, err))
        return false;
    if (faults->count == before)
        *ret = sr_take(transformer);
    return true;
}
