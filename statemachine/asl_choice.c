#include "statemachine/asl_choice.h"

#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "statemachine/asl_time.h"

enum {
    KIND_EQUALS,
    KIND_LESS,
    KIND_LESS_EQUALS,
    KIND_GREATER,
    KIND_GREATER_EQUALS,
    KIND_MATCHES,
    KIND_IS_BOOLEAN,
    KIND_IS_NULL,
    KIND_IS_NUMERIC,
    KIND_IS_PRESENT,
    KIND_IS_STRING,
    KIND_IS_TIMESTAMP
};

#define ROWS(prefix, operand)                                                                      \
    { prefix "Equals", operand, false, KIND_EQUALS },                                              \
        { prefix "EqualsPath", operand, true, KIND_EQUALS },                                       \
        { prefix "LessThan", operand, false, KIND_LESS },                                          \
        { prefix "LessThanPath", operand, true, KIND_LESS },                                       \
        { prefix "LessThanEquals", operand, false, KIND_LESS_EQUALS },                             \
        { prefix "LessThanEqualsPath", operand, true, KIND_LESS_EQUALS },                          \
        { prefix "GreaterThan", operand, false, KIND_GREATER },                                    \
        { prefix "GreaterThanPath", operand, true, KIND_GREATER },                                 \
        { prefix "GreaterThanEquals", operand, false, KIND_GREATER_EQUALS },                       \
    {                                                                                              \
        prefix "GreaterThanEqualsPath", operand, true, KIND_GREATER_EQUALS                         \
    }

static const struct asl_operator operators[] = {
    { "BooleanEquals", ASL_OPERAND_BOOLEAN, false, KIND_EQUALS },
    { "BooleanEqualsPath", ASL_OPERAND_BOOLEAN, true, KIND_EQUALS },
    { "IsBoolean", ASL_OPERAND_TEST, false, KIND_IS_BOOLEAN },
    { "IsNull", ASL_OPERAND_TEST, false, KIND_IS_NULL },
    { "IsNumeric", ASL_OPERAND_TEST, false, KIND_IS_NUMERIC },
    { "IsPresent", ASL_OPERAND_TEST, false, KIND_IS_PRESENT },
    { "IsString", ASL_OPERAND_TEST, false, KIND_IS_STRING },
    { "IsTimestamp", ASL_OPERAND_TEST, false, KIND_IS_TIMESTAMP },
    { "StringMatches", ASL_OPERAND_STRING, false, KIND_MATCHES },
    ROWS("Numeric", ASL_OPERAND_NUMBER),
    ROWS("String", ASL_OPERAND_STRING),
    ROWS("Timestamp", ASL_OPERAND_TIMESTAMP),
};

enum { RULE_DEPTH_MAX = 64 };

struct asl_rule {
    enum { RULE_COMPARE, RULE_AND, RULE_OR, RULE_NOT } kind;
    const struct asl_operator *operator;
    struct asl_path *variable;
    struct asl_path *other;
    json_t *value;
    size_t count;
    struct asl_rule **parts;
};

const struct asl_operator *asl_operator_find(const char *name)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(operators[i].name, name) == 0)
            return &operators[i];
    }
    return NULL;
}

void asl_rule_free(struct asl_rule *rule)
{
    if (!rule)
        return;
    for (size_t i = 0; i < rule->count; i++)
        asl_rule_free(rule->parts[i]);
    free(rule->parts);
    asl_path_free(rule->variable);
    asl_path_free(rule->other);
    json_decref(rule->value);
    free(rule);
}

static bool no_memory(struct sr_err *err)
{
    return sr_fail(err, SR_ERR_NO_MEMORY, "a choice rule");
}

static bool parse(const json_t *json, size_t depth, struct asl_rule **ret_rule, struct sr_err *err);

static bool parse_parts(struct asl_rule *rule, const json_t *json, size_t depth, struct sr_err *err)
{
    const size_t count = json_is_array(json) ? json_array_size(json) : 1;
    rule->parts = calloc(count ? count : 1, sizeof(struct asl_rule *));
    if (!rule->parts)
        return no_memory(err);
    for (; rule->count < count; rule->count++) {
        const json_t *part = json_is_array(json) ? json_array_get(json, rule->count) : json;
        if (!parse(part, depth + 1, &rule->parts[rule->count], err))
            return false;
    }
    return true;
}

static bool parse_comparison(struct asl_rule *rule, const json_t *json, struct sr_err *err)
{
    const char *variable = json_string_value(json_object_get(json, "Variable"));
    if (!variable)
        return sr_fail(err, SR_ERR_INVALID, "a choice rule without a Variable");
    if (!asl_path_parse(variable, &rule->variable, err))
        return false;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        const struct asl_operator *operator= asl_operator_find(key);
        if (!operator)
            continue;
        rule->operator= operator;
        if (!operator->is_path)
            rule->value = json_incref(value);
        else if (!json_is_string(value) ||
                 !asl_path_parse(json_string_value(value), &rule->other, err))
            return sr_err_wrap(err, "%s", key);
    }
    return rule->operator|| sr_fail(err, SR_ERR_INVALID, "a choice rule without an operator");
}

static bool parse(const json_t *json, size_t depth, struct asl_rule **ret_rule, struct sr_err *err)
{
    if (depth > RULE_DEPTH_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "choice rules nested more than %d deep",
                       RULE_DEPTH_MAX);
    sr_auto(asl_rule) struct asl_rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return no_memory(err);
    const json_t *parts = NULL;
    if ((parts = json_object_get(json, "And")))
        rule->kind = RULE_AND;
    else if ((parts = json_object_get(json, "Or")))
        rule->kind = RULE_OR;
    else if ((parts = json_object_get(json, "Not")))
        rule->kind = RULE_NOT;
    if (parts ? !parse_parts(rule, parts, depth, err) : !parse_comparison(rule, json, err))
        return false;
    *ret_rule = sr_take(rule);
    return true;
}

bool asl_rule_parse(const json_t *json, struct asl_rule **ret_rule, struct sr_err *err)
{
    return parse(json, 0, ret_rule, err);
}

bool asl_string_matches(const char *text, const char *pattern)
{
    const char *star = NULL, *resume = NULL;
    while (*text) {
        const bool escaped = pattern[0] == '\\' && (pattern[1] == '*' || pattern[1] == '\\');
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (pattern[escaped] == *text && *text) {
            pattern += 1 + escaped;
            text++;
        } else if (star) {
            pattern = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool is_time(const json_t *value, struct asl_time *ret_time)
{
    return json_is_string(value) && asl_time_parse(json_string_value(value), ret_time);
}

static bool holds(int kind, int order)
{
    switch (kind) {
    case KIND_EQUALS: return order == 0;
    case KIND_LESS: return order < 0;
    case KIND_LESS_EQUALS: return order <= 0;
    case KIND_GREATER: return order > 0;
    default: return order >= 0;
    }
}

// A value of another type compares as false, whatever the operator.
static bool compare(const struct asl_operator *operator, const json_t * a, const json_t *b)
{
    struct asl_time x, y;
    switch (operator->operand) {
    case ASL_OPERAND_BOOLEAN:
        return json_is_boolean(a) && json_is_boolean(b) && json_is_true(a) == json_is_true(b);
    case ASL_OPERAND_NUMBER: {
        if (!json_is_number(a) || !json_is_number(b))
            return false;
        if (json_is_integer(a) && json_is_integer(b)) {
            const json_int_t i = json_integer_value(a), j = json_integer_value(b);
            return holds(operator->kind, i < j ? -1 : i > j);
        }
        const double i = json_number_value(a), j = json_number_value(b);
        return holds(operator->kind, i < j ? -1 : i > j);
    }
    case ASL_OPERAND_STRING:
        if (!json_is_string(a) || !json_is_string(b))
            return false;
        if (operator->kind == KIND_MATCHES)
            return asl_string_matches(json_string_value(a), json_string_value(b));
        return holds(operator->kind, strcmp(json_string_value(a), json_string_value(b)));
    case ASL_OPERAND_TIMESTAMP:
        return is_time(a, &x) && is_time(b, &y) && holds(operator->kind, asl_time_compare(x, y));
    case ASL_OPERAND_TEST: break;
    }
    return false;
}

static bool test(int kind, const json_t *value)
{
    struct asl_time ignored;
    switch (kind) {
    case KIND_IS_BOOLEAN: return json_is_boolean(value);
    case KIND_IS_NULL: return json_is_null(value);
    case KIND_IS_NUMERIC: return json_is_number(value);
    case KIND_IS_STRING: return json_is_string(value);
    case KIND_IS_TIMESTAMP: return is_time(value, &ignored);
    default: return value != NULL;
    }
}

static bool read(const struct asl_path *path, const struct asl_scope *scope, bool may_miss,
                 json_t **ret_value, struct asl_failure *failure)
{
    struct sr_err err = { 0 };
    if (asl_path_read(path, scope, ret_value, &err))
        return true;
    if (err.code == SR_ERR_NO_MEMORY)
        return false;
    if (may_miss && err.code == SR_ERR_NOT_FOUND)
        return true;
    return asl_fail(
        failure, ASL_ERROR_RUNTIME,
        "Invalid path '%s': The choice state's condition path references an invalid value.",
        asl_path_text(path));
}

static bool comparison_applies(const struct asl_rule *rule, const struct asl_scope *scope,
                               bool *ret_applies, struct asl_failure *failure)
{
    const struct asl_operator *operator= rule->operator;
    sr_auto(json) json_t *value = NULL;
    sr_auto(json) json_t *other = NULL;
    if (!read(rule->variable, scope, operator->kind == KIND_IS_PRESENT, &value, failure))
        return false;
    if (operator->kind == KIND_IS_PRESENT && value && !asl_path_is_definite(rule->variable)) {
        *ret_applies = (json_array_size(value) > 0) == json_is_true(rule->value);
        return true;
    }
    if (operator->operand == ASL_OPERAND_TEST) {
        *ret_applies = test(operator->kind, value) == json_is_true(rule->value);
        return true;
    }
    if (rule->other && !read(rule->other, scope, false, &other, failure))
        return false;
    *ret_applies = compare(operator, value, rule->other ? other : rule->value);
    return true;
}

bool asl_rule_applies(const struct asl_rule *rule, const struct asl_scope *scope, bool *ret_applies,
                      struct asl_failure *failure)
{
    if (rule->kind == RULE_COMPARE)
        return comparison_applies(rule, scope, ret_applies, failure);
    bool applies = rule->kind == RULE_AND;
    for (size_t i = 0; i < rule->count; i++) {
        if (!asl_rule_applies(rule->parts[i], scope, &applies, failure))
            return false;
        if (rule->kind == RULE_NOT)
            applies = !applies;
        else if (applies == (rule->kind == RULE_OR))
            break;
    }
    *ret_applies = applies;
    return true;
}
