// "[?(...)]": comparisons of nodes, with && || ! and brackets. Jayway JsonPath's operators and
// rules.
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_path_priv.h"
#include "statemachine/asl_pattern.h"

enum { FILTER_DEPTH_MAX = 32 };

enum operator_kind {
    OP_EQ,
    OP_NE,
    OP_LE,
    OP_LT,
    OP_GE,
    OP_GT,
    OP_MATCH,
    OP_IN,
    OP_NIN,
    OP_CONTAINS,
    OP_SIZE,
    OP_EMPTY,
    OP_SUBSETOF,
    OP_ANYOF,
    OP_NONEOF
};

static const struct operator_row {
    const char *text;
    enum operator_kind kind;
} operators[] = {
    { "===", OP_EQ },      { "!==", OP_NE },        { "==", OP_EQ },
    { "!=", OP_NE },       { "<=", OP_LE },         { ">=", OP_GE },
    { "=~", OP_MATCH },    { "<", OP_LT },          { ">", OP_GT },
    { "in", OP_IN },       { "nin", OP_NIN },       { "contains", OP_CONTAINS },
    { "size", OP_SIZE },   { "empty", OP_EMPTY },   { "subsetof", OP_SUBSETOF },
    { "anyof", OP_ANYOF }, { "noneof", OP_NONEOF },
};

struct operand {
    json_t *literal;        // owned
    struct asl_path *path;  // owned; relative to the node, or to the root
    bool absolute;
    struct asl_pattern *pattern;  // owned
};

struct asl_filter {
    enum { FILTER_OR, FILTER_AND, FILTER_NOT, FILTER_COMPARE, FILTER_EXISTS } kind;
    struct asl_filter *left, *right;
    enum operator_kind op;
    struct operand a, b;
};

SR_DEFINE_AUTO(asl_filter, struct asl_filter, asl_filter_free);

static void operand_done(struct operand *operand)
{
    json_decref(operand->literal);
    asl_path_free(operand->path);
    asl_pattern_free(operand->pattern);
}

void asl_filter_free(struct asl_filter *filter)
{
    if (!filter)
        return;
    asl_filter_free(filter->left);
    asl_filter_free(filter->right);
    operand_done(&filter->a);
    operand_done(&filter->b);
    free(filter);
}

static bool no_memory(struct sr_err *err)
{
    return sr_fail(err, SR_ERR_NO_MEMORY, "a JSON path's filter");
}

// --- parsing ---

static bool parse_pattern(struct asl_cursor *cursor, struct operand *operand, struct sr_err *err)
{
    const char *from = ++cursor->at;
    while (*cursor->at && *cursor->at != '/')
        cursor->at += cursor->at[0] == '\\' && cursor->at[1] ? 2 : 1;
    const size_t bytes = (size_t)(cursor->at - from);
    if (!*cursor->at)
        return asl_cursor_fail(cursor, err, "a pattern has no end");
    cursor->at++;
    bool ignore_case = false;
    for (; isalpha((unsigned char)*cursor->at); cursor->at++)
        ignore_case = ignore_case || *cursor->at == 'i';
    return asl_pattern_parse(from, bytes, ignore_case, &operand->pattern, err);
}

static bool parse_literal(struct asl_cursor *cursor, json_t **ret_value, struct sr_err *err);

static bool parse_list(struct asl_cursor *cursor, json_t **ret_value, struct sr_err *err)
{
    sr_auto(json) json_t *list = json_array();
    if (!list)
        return no_memory(err);
    cursor->at++;
    asl_cursor_blanks(cursor);
    while (*cursor->at != ']') {
        json_t *item = NULL;
        if (++cursor->depth > FILTER_DEPTH_MAX)
            return asl_cursor_fail(cursor, err, "too deeply nested");
        if (!parse_literal(cursor, &item, err))
            return false;
        cursor->depth--;
        if (json_array_append_new(list, item) != 0)
            return no_memory(err);
        asl_cursor_blanks(cursor);
        if (*cursor->at == ',')
            cursor->at++;
        else if (*cursor->at != ']')
            return asl_cursor_fail(cursor, err, "expected ',' or ']'");
        asl_cursor_blanks(cursor);
    }
    cursor->at++;
    *ret_value = sr_take(list);
    return true;
}

static bool parse_literal(struct asl_cursor *cursor, json_t **ret_value, struct sr_err *err)
{
    static const char *const words[] = { "true", "false", "null" };
    if (*cursor->at == '\'' || *cursor->at == '"') {
        sr_auto(char) char *text = NULL;
        if (!asl_cursor_quoted(cursor, &text, err))
            return false;
        *ret_value = json_string(text);
        return *ret_value || sr_fail(err, SR_ERR_INVALID, "a string that is not UTF-8");
    }
    if (*cursor->at == '[')
        return parse_list(cursor, ret_value, err);
    for (size_t i = 0; i < 3; i++) {
        const size_t bytes = strlen(words[i]);
        if (strncmp(cursor->at, words[i], bytes) == 0 &&
            !isalnum((unsigned char)cursor->at[bytes])) {
            cursor->at += bytes;
            *ret_value = i == 2 ? json_null() : json_boolean(i == 0);
            return true;
        }
    }
    const size_t bytes = strspn(cursor->at, "+-0123456789.eE");
    json_error_t ignored;
    json_t *number = bytes ? json_loadb(cursor->at, bytes, JSON_DECODE_ANY, &ignored) : NULL;
    if (!number)
        return asl_cursor_fail(cursor, err, "expected a path or a literal");
    cursor->at += bytes;
    *ret_value = number;
    return true;
}

static bool parse_operand(struct asl_cursor *cursor, struct operand *operand, struct sr_err *err)
{
    asl_cursor_blanks(cursor);
    if (*cursor->at == '/')
        return parse_pattern(cursor, operand, err);
    if (*cursor->at != '@' && *cursor->at != '$')
        return parse_literal(cursor, &operand->literal, err);
    operand->absolute = *cursor->at == '$';
    cursor->at++;
    operand->path = calloc(1, sizeof *operand->path);
    if (!operand->path)
        return no_memory(err);
    return asl_path_parse_steps(cursor, operand->path, err);
}

static bool parse_or(struct asl_cursor *cursor, struct asl_filter **ret_filter, struct sr_err *err);

static bool parse_comparison(struct asl_cursor *cursor, struct asl_filter **ret_filter,
                             struct sr_err *err)
{
    sr_auto(asl_filter) struct asl_filter *filter = calloc(1, sizeof *filter);
    if (!filter)
        return no_memory(err);
    if (!parse_operand(cursor, &filter->a, err))
        return false;
    asl_cursor_blanks(cursor);
    filter->kind = FILTER_EXISTS;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        const size_t bytes = strlen(operators[i].text);
        const bool word = isalpha((unsigned char)operators[i].text[0]);
        if (strncasecmp(cursor->at, operators[i].text, bytes) != 0)
            continue;
        if (word && isalnum((unsigned char)cursor->at[bytes]))
            continue;
        cursor->at += bytes;
        filter->kind = FILTER_COMPARE;
        filter->op = operators[i].kind;
        if (!parse_operand(cursor, &filter->b, err))
            return false;
        break;
    }
    if (filter->kind == FILTER_EXISTS && !filter->a.path)
        return asl_cursor_fail(cursor, err, "a literal alone is no condition");
    if ((filter->kind == FILTER_COMPARE && filter->op == OP_MATCH) != (filter->b.pattern != NULL) ||
        filter->a.pattern)
        return asl_cursor_fail(cursor, err, "a pattern stands on the right of '=~'");
    *ret_filter = sr_take(filter);
    return true;
}

static bool parse_term(struct asl_cursor *cursor, struct asl_filter **ret_filter,
                       struct sr_err *err)
{
    asl_cursor_blanks(cursor);
    if (*cursor->at == '!') {
        cursor->at++;
        sr_auto(asl_filter) struct asl_filter *filter = calloc(1, sizeof *filter);
        if (!filter)
            return no_memory(err);
        filter->kind = FILTER_NOT;
        if (++cursor->depth > FILTER_DEPTH_MAX)
            return asl_cursor_fail(cursor, err, "too deeply nested");
        if (!parse_term(cursor, &filter->left, err))
            return false;
        cursor->depth--;
        *ret_filter = sr_take(filter);
        return true;
    }
    if (*cursor->at != '(')
        return parse_comparison(cursor, ret_filter, err);
    cursor->at++;
    if (++cursor->depth > FILTER_DEPTH_MAX)
        return asl_cursor_fail(cursor, err, "too deeply nested");
    sr_auto(asl_filter) struct asl_filter *filter = NULL;
    if (!parse_or(cursor, &filter, err))
        return false;
    cursor->depth--;
    asl_cursor_blanks(cursor);
    if (*cursor->at != ')')
        return asl_cursor_fail(cursor, err, "expected ')'");
    cursor->at++;
    *ret_filter = sr_take(filter);
    return true;
}

static bool parse_chain(struct asl_cursor *cursor, const char *joint, int kind,
                        bool (*parse_part)(struct asl_cursor *, struct asl_filter **,
                                           struct sr_err *),
                        struct asl_filter **ret_filter, struct sr_err *err)
{
    sr_auto(asl_filter) struct asl_filter *left = NULL;
    if (!parse_part(cursor, &left, err))
        return false;
    for (size_t count = 0;; count++) {
        asl_cursor_blanks(cursor);
        if (strncmp(cursor->at, joint, 2) != 0)
            break;
        if (count == FILTER_DEPTH_MAX)
            return asl_cursor_fail(cursor, err, "too many conditions");
        cursor->at += 2;
        sr_auto(asl_filter) struct asl_filter *both = calloc(1, sizeof *both);
        if (!both)
            return no_memory(err);
        both->kind = kind == FILTER_OR ? FILTER_OR : FILTER_AND;
        both->left = sr_take(left);
        if (!parse_part(cursor, &both->right, err))
            return false;
        left = sr_take(both);
    }
    *ret_filter = sr_take(left);
    return true;
}

static bool parse_and(struct asl_cursor *cursor, struct asl_filter **ret_filter, struct sr_err *err)
{
    return parse_chain(cursor, "&&", FILTER_AND, parse_term, ret_filter, err);
}

static bool parse_or(struct asl_cursor *cursor, struct asl_filter **ret_filter, struct sr_err *err)
{
    return parse_chain(cursor, "||", FILTER_OR, parse_and, ret_filter, err);
}

bool asl_filter_parse(struct asl_cursor *cursor, struct asl_filter **ret_filter, struct sr_err *err)
{
    cursor->depth++;
    const bool parsed = parse_or(cursor, ret_filter, err);
    cursor->depth--;
    return parsed;
}

// --- evaluation ---

static bool value_of(const struct operand *operand, const json_t *node, struct asl_reading *reading,
                     json_t **ret_value)
{
    if (operand->literal) {
        *ret_value = json_incref(operand->literal);
        return true;
    }
    if (!operand->path) {
        *ret_value = NULL;
        return true;
    }
    return asl_path_read_inside(operand->path, operand->absolute ? reading->root : node, reading,
                                ret_value);
}

static bool equal(const json_t *a, const json_t *b)
{
    if (!a || !b)
        return a == b;
    if (json_is_number(a) && json_is_number(b)) {
        if (json_is_integer(a) && json_is_integer(b))
            return json_integer_value(a) == json_integer_value(b);
        return json_number_value(a) == json_number_value(b);
    }
    return json_equal(a, b);
}

static bool ordered(const json_t *a, const json_t *b, int *ret_order)
{
    if (json_is_number(a) && json_is_number(b)) {
        const double x = json_number_value(a), y = json_number_value(b);
        *ret_order = x < y ? -1 : x > y;
        return true;
    }
    if (!json_is_string(a) || !json_is_string(b))
        return false;
    *ret_order = strcmp(json_string_value(a), json_string_value(b));
    return true;
}

static bool is_in(const json_t *item, const json_t *list)
{
    size_t index;
    const json_t *value;
    json_array_foreach(list, index, value)
    {
        if (equal(item, value))
            return true;
    }
    return false;
}

static size_t shared(const json_t *a, const json_t *b)
{
    size_t count = 0, index;
    const json_t *value;
    json_array_foreach(a, index, value) count += is_in(value, b);
    return count;
}

static size_t size_of(const json_t *value)
{
    return json_is_string(value)  ? json_string_length(value)
           : json_is_array(value) ? json_array_size(value)
                                  : json_object_size(value);
}

static bool compare(const struct asl_filter *filter, const json_t *a, const json_t *b)
{
    int order;
    switch (filter->op) {
    case OP_EQ: return equal(a, b);
    case OP_NE: return !equal(a, b);
    case OP_LT: return ordered(a, b, &order) && order < 0;
    case OP_LE: return ordered(a, b, &order) && order <= 0;
    case OP_GT: return ordered(a, b, &order) && order > 0;
    case OP_GE: return ordered(a, b, &order) && order >= 0;
    case OP_MATCH:
        return json_is_string(a) && asl_pattern_matches(filter->b.pattern, json_string_value(a));
    case OP_IN: return is_in(a, b);
    case OP_NIN: return !is_in(a, b);
    case OP_CONTAINS:
        return json_is_string(a) && json_is_string(b)
                   ? strstr(json_string_value(a), json_string_value(b)) != NULL
                   : is_in(b, a);
    case OP_SIZE: return json_is_integer(b) && (json_int_t)size_of(a) == json_integer_value(b);
    case OP_EMPTY: return a && json_is_boolean(b) && (size_of(a) == 0) == json_is_true(b);
    case OP_SUBSETOF: return json_is_array(a) && shared(a, b) == json_array_size(a);
    case OP_ANYOF: return shared(a, b) > 0;
    case OP_NONEOF: return shared(a, b) == 0;
    }
    return false;
}

static bool accepts_pair(const struct asl_filter *filter, const json_t *node,
                         struct asl_reading *reading, bool *ret_accepts)
{
    const bool or = filter->kind == FILTER_OR;
    if (!asl_filter_accepts(filter->left, node, reading, ret_accepts))
        return false;
    return *ret_accepts == or || asl_filter_accepts(filter->right, node, reading, ret_accepts);
}

bool asl_filter_accepts(const struct asl_filter *filter, const json_t *node,
                        struct asl_reading *reading, bool *ret_accepts)
{
    if (filter->kind == FILTER_OR || filter->kind == FILTER_AND)
        return accepts_pair(filter, node, reading, ret_accepts);
    if (filter->kind == FILTER_NOT) {
        if (!asl_filter_accepts(filter->left, node, reading, ret_accepts))
            return false;
        *ret_accepts = !*ret_accepts;
        return true;
    }
    sr_auto(json) json_t *a = NULL;
    sr_auto(json) json_t *b = NULL;
    if (!value_of(&filter->a, node, reading, &a))
        return false;
    if (filter->kind == FILTER_EXISTS) {
        *ret_accepts = a && (asl_path_is_definite(filter->a.path) || json_array_size(a) > 0);
        return true;
    }
    if (!value_of(&filter->b, node, reading, &b))
        return false;
    *ret_accepts = compare(filter, a, b);
    return true;
}
