#include "statemachine/asl_template.h"

#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"

enum { TEMPLATE_DEPTH_MAX = 200 };

struct asl_template {
    enum {
        TEMPLATE_CONSTANT,
        TEMPLATE_PATH,
        TEMPLATE_INTRINSIC,
        TEMPLATE_OBJECT,
        TEMPLATE_ARRAY
    } kind;
    char *key;    // as written, in an object
    char *field;  // without ".$"
    json_t *constant;
    struct asl_path *path;
    struct asl_intrinsic *intrinsic;
    size_t count;
    struct asl_template **parts;
};

void asl_template_free(struct asl_template *template)
{
    if (!template)
        return;
    for (size_t i = 0; i < template->count; i++)
        asl_template_free(template->parts[i]);
    free(template->parts);
    json_decref(template->constant);
    asl_path_free(template->path);
    asl_intrinsic_free(template->intrinsic);
    free(template->key);
    free(template->field);
    free(template);
}

static bool no_memory(struct sr_err *err)
{
    return sr_fail(err, SR_ERR_NO_MEMORY, "a payload template");
}

static bool is_dynamic(const char *key)
{
    const size_t bytes = strlen(key);
    return bytes >= 2 && strcmp(key + bytes - 2, ".$") == 0;
}

static bool has_dynamic(const json_t *json, size_t depth)
{
    const char *key;
    json_t *value;
    size_t i;
    if (depth > TEMPLATE_DEPTH_MAX)
        return true;  // refused while parsing
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (is_dynamic(key) || has_dynamic(value, depth + 1))
            return true;
    }
    json_array_foreach(json, i, value)
    {
        if (has_dynamic(value, depth + 1))
            return true;
    }
    return false;
}

static bool parse(const json_t *json, size_t depth, struct asl_template **ret_template,
                  const char **ret_field, struct sr_err *err);

static bool parse_expression(const json_t *json, const char *key, struct asl_template *node,
                             const char **ret_field, struct sr_err *err)
{
    const char *text = json_string_value(json);
    bool parsed = false;
    if (!text)
        (void)sr_fail(err, SR_ERR_INVALID, "want a string");
    else if (*text == '$')
        parsed = asl_path_parse(text, &node->path, err);
    else
        parsed = asl_intrinsic_parse(text, &node->intrinsic, err);
    if (!parsed && err->code != SR_ERR_NO_MEMORY)
        *ret_field = key;
    node->kind = node->path ? TEMPLATE_PATH : TEMPLATE_INTRINSIC;
    return parsed;
}

static bool parse_member(const char *key, const json_t *value, size_t depth,
                         struct asl_template **ret_part, const char **ret_field, struct sr_err *err)
{
    sr_auto(asl_template) struct asl_template *part = NULL;
    const bool dynamic = is_dynamic(key);
    if (!dynamic && !parse(value, depth + 1, &part, ret_field, err))
        return false;
    if (dynamic && !(part = calloc(1, sizeof *part)))
        return no_memory(err);
    if (dynamic && !parse_expression(value, key, part, ret_field, err))
        return false;
    part->key = strdup(key);
    part->field = strndup(key, strlen(key) - (dynamic ? 2 : 0));
    if (!part->key || !part->field)
        return no_memory(err);
    *ret_part = sr_take(part);
    return true;
}

static bool parse(const json_t *json, size_t depth, struct asl_template **ret_template,
                  const char **ret_field, struct sr_err *err)
{
    if (depth > TEMPLATE_DEPTH_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "nested more than %d deep", TEMPLATE_DEPTH_MAX);
    sr_auto(asl_template) struct asl_template *node = calloc(1, sizeof *node);
    if (!node)
        return no_memory(err);
    if (!has_dynamic(json, depth)) {
        node->kind = TEMPLATE_CONSTANT;
        node->constant = json_incref((json_t *)(uintptr_t)json);
        *ret_template = sr_take(node);
        return true;
    }
    const bool object = json_is_object(json);
    const size_t count = object ? json_object_size(json) : json_array_size(json);
    node->kind = object ? TEMPLATE_OBJECT : TEMPLATE_ARRAY;
    node->parts = calloc(count, sizeof(struct asl_template *));
    if (!node->parts)
        return no_memory(err);
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (!parse_member(key, value, depth, &node->parts[node->count], ret_field, err))
            return false;
        node->count++;
    }
    json_array_foreach(json, i, value)
    {
        if (!parse(value, depth + 1, &node->parts[node->count], ret_field, err))
            return false;
        node->count++;
    }
    *ret_template = sr_take(node);
    return true;
}

bool asl_template_parse(const json_t *json, struct asl_template **ret_template,
                        const char **ret_field, struct sr_err *err)
{
    *ret_field = NULL;
    return parse(json, 0, ret_template, ret_field, err);
}

bool asl_template_parse_expression(const char *key, const char *text,
                                   struct asl_template **ret_template, struct sr_err *err)
{
    const char *ignored;
    sr_auto(json) json_t *string = json_string(text);
    sr_auto(asl_template) struct asl_template *node = calloc(1, sizeof *node);
    if (!string || !node || !(node->key = strdup(key)))
        return no_memory(err);
    if (!parse_expression(string, key, node, &ignored, err))
        return false;
    *ret_template = sr_take(node);
    return true;
}

void asl_template_each_path(const struct asl_template *template,
                            void (*fn)(const struct asl_path *path, void *self), void *self)
{
    if (template->path)
        fn(template->path, self);
    if (template->intrinsic)
        asl_intrinsic_each_path(template->intrinsic, fn, self);
    for (size_t i = 0; i < template->count; i++)
        asl_template_each_path(template->parts[i], fn, self);
}

static bool apply_path(const struct asl_template *node, const struct asl_scope *scope,
                       json_t **ret_value, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    if (asl_path_read(node->path, scope, ret_value, &err))
        return true;
    if (err.code == SR_ERR_NO_MEMORY)
        return false;
    // Spec: none; AWS gives an empty list for a path of many places that leads nowhere.
    if (err.code == SR_ERR_NOT_FOUND && !asl_path_is_definite(node->path)) {
        *ret_value = json_array();
        return *ret_value != NULL;
    }
    sr_auto(char) char *input = NULL;
    if (!jx_dump(scope->input, false, &input, &err))
        return false;
    return asl_fail(
        failure, ASL_ERROR_RUNTIME,
        "The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'",
        asl_path_text(node->path), node->key, input);
}

bool asl_template_apply(const struct asl_template *template, const struct asl_scope *scope,
                        struct asl_random *random, json_t **ret_value, struct asl_failure *failure)
{
    switch (template->kind) {
    case TEMPLATE_CONSTANT: *ret_value = json_incref(template->constant); return true;
    case TEMPLATE_PATH: return apply_path(template, scope, ret_value, failure);
    case TEMPLATE_INTRINSIC:
        return asl_intrinsic_apply(template->intrinsic, scope, random, ret_value, failure);
    case TEMPLATE_OBJECT:
    case TEMPLATE_ARRAY: break;
    }
    const bool object = template->kind == TEMPLATE_OBJECT;
    sr_auto(json) json_t *result = object ? json_object() : json_array();
    if (!result)
        return false;
    for (size_t i = 0; i < template->count; i++) {
        const struct asl_template *part = template->parts[i];
        json_t *value = NULL;
        if (!asl_template_apply(part, scope, random, &value, failure))
            return false;
        if (object ? json_object_set_new(result, part->field, value)
                   : json_array_append_new(result, value))
            return false;
    }
    *ret_value = sr_take(result);
    return true;
}
