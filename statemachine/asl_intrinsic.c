#include "statemachine/asl_intrinsic.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_intrinsic_priv.h"

struct asl_intrinsic {
    const struct asl_function *function;  // NULL: a path or a literal
    struct asl_path *path;
    json_t *literal;
    size_t count;
    struct asl_intrinsic *args[];
};

struct text {
    const char *start, *at;
    size_t depth;
};

void asl_intrinsic_free(struct asl_intrinsic *intrinsic)
{
    if (!intrinsic)
        return;
    for (size_t i = 0; i < intrinsic->count; i++)
        asl_intrinsic_free(intrinsic->args[i]);
    asl_path_free(intrinsic->path);
    json_decref(intrinsic->literal);
    free(intrinsic);
}

uint64_t asl_random_next(struct asl_random *random)  // splitmix64
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// --- parsing ---

static bool fail(const struct text *text, struct sr_err *err, const char *what)
{
    return sr_fail(err, SR_ERR_INVALID, "%s at character %zu", what,
                   (size_t)(text->at - text->start) + 1);
}

static bool no_memory(struct sr_err *err)
{
    return sr_fail(err, SR_ERR_NO_MEMORY, "an intrinsic function");
}

static void blanks(struct text *text)
{
    while (isspace((unsigned char)*text->at))
        text->at++;
}

// A path ends at a comma or bracket of the call around it.
static size_t path_bytes(const char *at)
{
    size_t bytes = 0, depth = 0;
    char quote = 0;
    for (; at[bytes]; bytes++) {
        const char c = at[bytes];
        if (quote) {
            if (c == '\\' && at[bytes + 1])
                bytes++;
            else if (c == quote)
                quote = 0;
        } else if (depth && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == '[' || c == '(') {
            depth++;
        } else if (c == ']' || (c == ')' && depth)) {
            depth -= depth > 0;
        } else if (!depth && (c == ',' || c == ')' || isspace((unsigned char)c))) {
            break;
        }
    }
    return bytes;
}

static bool parse_path(struct text *text, struct asl_intrinsic *node, struct sr_err *err)
{
    const size_t bytes = path_bytes(text->at);
    sr_auto(char) char *copy = strndup(text->at, bytes);
    if (!copy)
        return no_memory(err);
    if (!asl_path_parse(copy, &node->path, err))
        return false;
    text->at += bytes;
    return true;
}

// Escaped braces keep their backslash: States.Format needs to know them. AWS refuses any other
// escape but \' and \\.
static bool parse_string(struct text *text, struct asl_intrinsic *node, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str value = { 0 };
    text->at++;
    while (*text->at != '\'') {
        if (!*text->at)
            return fail(text, err, "a string has no end");
        if (*text->at == '\\') {
            if (!text->at[1] || !strchr("'\\{}", text->at[1]))
                return fail(text, err, "an unknown escape sequence");
            if (text->at[1] == '\'' || text->at[1] == '\\')
                text->at++;
            else if (!sr_str_add_bytes(&value, text->at++, 1, err))
                return false;
        }
        if (!sr_str_add_bytes(&value, text->at++, 1, err))
            return false;
    }
    text->at++;
    node->literal = json_string(sr_str_text(&value));
    return node->literal || fail(text, err, "a string that is not UTF-8");
}

static bool parse_literal(struct text *text, struct asl_intrinsic *node, struct sr_err *err)
{
    static const char *const words[] = { "true", "false", "null" };
    for (size_t i = 0; i < 3; i++) {
        const size_t bytes = strlen(words[i]);
        if (strncmp(text->at, words[i], bytes) == 0 && !isalnum((unsigned char)text->at[bytes])) {
            text->at += bytes;
            node->literal = i == 2 ? json_null() : json_boolean(i == 0);
            return true;
        }
    }
    const size_t bytes = strspn(text->at, "+-0123456789.eE");
    json_error_t ignored;
    node->literal = bytes ? json_loadb(text->at, bytes, JSON_DECODE_ANY, &ignored) : NULL;
    if (!node->literal)
        return fail(
            text, err,
            "expected a path, a function, a string in single quotes, a number, true, false or null");
    text->at += bytes;
    return true;
}

static bool parse_value(struct text *text, struct asl_intrinsic **ret_node, struct sr_err *err);

static bool parse_args(struct text *text, struct asl_intrinsic *node, struct sr_err *err)
{
    blanks(text);
    if (*text->at == ')') {
        text->at++;
        return true;
    }
    for (;;) {
        if (node->count == ASL_INTRINSIC_ARGS_MAX)
            return fail(text, err, "too many arguments");
        if (!parse_value(text, &node->args[node->count], err))
            return false;
        node->count++;
        blanks(text);
        const char c = *text->at;
        if (c != ',' && c != ')')
            return fail(text, err, "expected ',' or ')'");
        text->at++;
        if (c == ')')
            return true;
    }
}

static bool literal_fits(char type, const json_t *literal)
{
    switch (type) {
    case 'n': return json_is_number(literal);
    case 's': return json_is_string(literal);
    case 'b': return json_is_boolean(literal);
    case 'a':
    case 'o': return false;  // there is no way to write one
    default: return true;
    }
}

static bool check_args(const struct text *text, const struct asl_intrinsic *node,
                       struct sr_err *err)
{
    const struct asl_function *function = node->function;
    if (node->count < function->args_min || node->count > function->args_max)
        return sr_fail(err, SR_ERR_INVALID, "%s does not take %zu arguments", function->name,
                       node->count);
    for (size_t i = 0; i < node->count && function->types[i]; i++) {
        const json_t *literal = node->args[i]->literal;
        if (literal && !literal_fits(function->types[i], literal))
            return sr_fail(err, SR_ERR_INVALID, "argument %zu of %s is of the wrong type", i + 1,
                           function->name);
    }
    (void)text;
    return true;
}

static bool parse_call(struct text *text, struct asl_intrinsic *node, struct sr_err *err)
{
    const char *name = text->at;
    while (isalnum((unsigned char)*text->at) || *text->at == '.')
        text->at++;
    node->function = asl_function_find(name, (size_t)(text->at - name));
    blanks(text);
    if (!node->function || *text->at != '(')
        return fail(text, err, "an unknown intrinsic function");
    text->at++;
    if (++text->depth > ASL_INTRINSIC_DEPTH_MAX)
        return fail(text, err, "intrinsic functions nested too deeply");
    if (!parse_args(text, node, err))
        return false;
    text->depth--;
    return check_args(text, node, err);
}

static bool parse_value(struct text *text, struct asl_intrinsic **ret_node, struct sr_err *err)
{
    blanks(text);
    const bool call = strncmp(text->at, "States.", 7) == 0;
    const size_t args = call ? ASL_INTRINSIC_ARGS_MAX : 0;
    sr_auto(asl_intrinsic) struct asl_intrinsic *node =
        calloc(1, sizeof *node + args * sizeof node->args[0]);
    if (!node)
        return no_memory(err);
    const bool parsed = call                ? parse_call(text, node, err)
                        : *text->at == '$'  ? parse_path(text, node, err)
                        : *text->at == '\'' ? parse_string(text, node, err)
                                            : parse_literal(text, node, err);
    if (!parsed)
        return false;
    *ret_node = sr_take(node);
    return true;
}

bool asl_intrinsic_parse(const char *text, struct asl_intrinsic **ret_intrinsic, struct sr_err *err)
{
    if (strlen(text) > ASL_INTRINSIC_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "an intrinsic function of more than %d bytes",
                       ASL_INTRINSIC_BYTES_MAX);
    struct text input = { .start = text, .at = text };
    sr_auto(asl_intrinsic) struct asl_intrinsic *node = NULL;
    if (!parse_value(&input, &node, err))
        return false;
    blanks(&input);
    if (!node->function || *input.at)
        return fail(&input, err, "expected one call of an intrinsic function");
    *ret_intrinsic = sr_take(node);
    return true;
}

void asl_intrinsic_each_path(const struct asl_intrinsic *intrinsic,
                             void (*fn)(const struct asl_path *path, void *self), void *self)
{
    if (intrinsic->path)
        fn(intrinsic->path, self);
    for (size_t i = 0; i < intrinsic->count; i++)
        asl_intrinsic_each_path(intrinsic->args[i], fn, self);
}

// --- evaluation ---

static bool evaluate(const struct asl_intrinsic *node, const struct asl_scope *scope,
                     struct asl_random *random, json_t **ret_value, struct asl_failure *failure);

// Only States.Format knows escaped braces.
static json_t *literal_value(const struct asl_intrinsic *node, bool keep_braces)
{
    const char *text = json_string_value(node->literal);
    if (!text || keep_braces || !strchr(text, '\\'))
        return json_incref(node->literal);
    struct sr_err ignored = { 0 };
    sr_auto(sr_str) struct sr_str plain = { 0 };
    for (; *text; text++) {
        if (text[0] == '\\' && (text[1] == '{' || text[1] == '}'))
            text++;
        if (!sr_str_add_bytes(&plain, text, 1, &ignored))
            return NULL;
    }
    return json_string(sr_str_text(&plain));
}

static bool call_function(const struct asl_intrinsic *node, const struct asl_scope *scope,
                          struct asl_random *random, json_t **ret_value,
                          struct asl_failure *failure)
{
    json_t *args[ASL_INTRINSIC_ARGS_MAX];
    const bool format = strcmp(node->function->name, "States.Format") == 0;
    size_t count = 0;
    bool ok = true;
    for (; ok && count < node->count; count++) {
        const struct asl_intrinsic *arg = node->args[count];
        args[count] = NULL;
        if (arg->literal)
            ok = (args[count] = literal_value(arg, format)) != NULL;
        else
            ok = evaluate(arg, scope, random, &args[count], failure);
    }
    if (ok) {
        const struct asl_call call = { node->function->name, args, count, random, failure };
        *ret_value = node->function->fn(&call);
        ok = *ret_value != NULL;
    }
    for (size_t i = 0; i < count; i++)
        json_decref(args[i]);
    return ok;
}

static bool evaluate(const struct asl_intrinsic *node, const struct asl_scope *scope,
                     struct asl_random *random, json_t **ret_value, struct asl_failure *failure)
{
    if (node->function)
        return call_function(node, scope, random, ret_value, failure);
    struct sr_err err = { 0 };
    if (asl_path_read(node->path, scope, ret_value, &err))
        return true;
    if (err.code == SR_ERR_NO_MEMORY)
        return false;
    if (!asl_path_is_definite(node->path)) {
        *ret_value = json_array();
        return *ret_value != NULL;
    }
    return asl_fail(failure, ASL_ERROR_RUNTIME,
                    "The JsonPath argument for the field '%s' could not be found in the input",
                    asl_path_text(node->path));
}

bool asl_intrinsic_apply(const struct asl_intrinsic *intrinsic, const struct asl_scope *scope,
                         struct asl_random *random, json_t **ret_value, struct asl_failure *failure)
{
    return evaluate(intrinsic, scope, random, ret_value, failure);
}
