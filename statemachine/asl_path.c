#include "statemachine/asl_path.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "statemachine/asl_path_priv.h"

static bool no_memory(struct sr_err *err)
{
    return sr_fail(err, SR_ERR_NO_MEMORY, "a JSON path");
}

static void step_done(struct asl_step *step)
{
    for (size_t i = 0; step->names && i < step->count; i++)
        free(step->names[i]);
    free(step->names);
    free(step->indexes);
    asl_filter_free(step->filter);
}

void asl_path_free(struct asl_path *path)
{
    if (!path)
        return;
    for (size_t i = 0; i < path->step_count; i++)
        step_done(&path->steps[i]);
    free(path->steps);
    free(path->variable);
    free(path->text);
    free(path);
}

enum asl_root asl_path_root(const struct asl_path *path)
{
    return path->root;
}

const char *asl_path_variable(const struct asl_path *path)
{
    return path->variable;
}

const char *asl_path_text(const struct asl_path *path)
{
    return path->text;
}

bool asl_path_is_definite(const struct asl_path *path)
{
    return path->definite;
}

bool asl_path_is_reference(const struct asl_path *path)
{
    for (size_t i = 0; i < path->step_count; i++) {
        const struct asl_step *step = &path->steps[i];
        if ((step->kind != ASL_STEP_NAME && step->kind != ASL_STEP_INDEX) || step->count != 1)
            return false;
    }
    return true;
}

// --- parsing ---

void asl_cursor_blanks(struct asl_cursor *cursor)
{
    while (*cursor->at == ' ' || *cursor->at == '\t' || *cursor->at == '\n' || *cursor->at == '\r')
        cursor->at++;
}

bool asl_cursor_fail(const struct asl_cursor *cursor, struct sr_err *err, const char *what)
{
    return sr_fail(err, SR_ERR_INVALID, "%s at character %zu", what,
                   (size_t)(cursor->at - cursor->start) + 1);
}

bool asl_cursor_quoted(struct asl_cursor *cursor, char **ret_text, struct sr_err *err)
{
    const char quote = *cursor->at++;
    sr_auto(sr_str) struct sr_str text = { 0 };
    while (*cursor->at != quote) {
        if (!*cursor->at)
            return asl_cursor_fail(cursor, err, "a quoted name has no end");
        // AWS leaves every other backslash where it is.
        if (cursor->at[0] == '\\' && (cursor->at[1] == quote || cursor->at[1] == '\\'))
            cursor->at++;
        if (!sr_str_add_bytes(&text, cursor->at++, 1, err))
            return false;
    }
    cursor->at++;
    *ret_text = sr_str_take(&text);
    return *ret_text || no_memory(err);
}

bool asl_cursor_integer(struct asl_cursor *cursor, json_int_t *ret, struct sr_err *err)
{
    const bool negative = *cursor->at == '-';
    const char *at = cursor->at + negative;
    if (!isdigit((unsigned char)*at))
        return asl_cursor_fail(cursor, err, "expected a number");
    if (at[0] == '0' && (isdigit((unsigned char)at[1]) || negative))
        return asl_cursor_fail(cursor, err, "a number with a leading zero");
    json_int_t value = 0;
    for (; isdigit((unsigned char)*at); at++) {
        value = value * 10 + (*at - '0');
        if (value > 9007199254740991)
            return asl_cursor_fail(cursor, err, "a number out of range");
    }
    cursor->at = at;
    *ret = negative ? -value : value;
    return true;
}

static struct asl_step *step_add(struct asl_path *path, enum asl_step_kind kind, struct sr_err *err)
{
    if (path->step_count == ASL_PATH_STEPS_MAX) {
        (void)sr_fail(err, SR_ERR_TOO_LARGE, "more than %d steps", ASL_PATH_STEPS_MAX);
        return NULL;
    }
    struct asl_step *steps = realloc(path->steps, (path->step_count + 1) * sizeof *steps);
    if (!steps) {
        (void)no_memory(err);
        return NULL;
    }
    path->steps = steps;
    struct asl_step *step = &steps[path->step_count++];
    *step = (struct asl_step){ .kind = kind };
    return step;
}

static bool step_name(struct asl_step *step, char *name, struct sr_err *err)  // takes `name`
{
    char **names = realloc(step->names, (step->count + 1) * sizeof *names);
    if (!names) {
        free(name);
        return no_memory(err);
    }
    step->names = names;
    names[step->count++] = name;
    return true;
}

static bool step_index(struct asl_step *step, json_int_t index, struct sr_err *err)
{
    json_int_t *indexes = realloc(step->indexes, (step->count + 1) * sizeof *indexes);
    if (!indexes)
        return no_memory(err);
    step->indexes = indexes;
    indexes[step->count++] = index;
    return true;
}

static bool parse_function(struct asl_cursor *cursor, const char *name, size_t bytes,
                           struct asl_path *path, struct sr_err *err)
{
    static const char *const names[] = {
        [ASL_PATH_LENGTH] = "length", [ASL_PATH_MIN] = "min",   [ASL_PATH_MAX] = "max",
        [ASL_PATH_AVG] = "avg",       [ASL_PATH_SUM] = "sum",   [ASL_PATH_KEYS] = "keys",
        [ASL_PATH_FIRST] = "first",   [ASL_PATH_LAST] = "last",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) != bytes || memcmp(names[i], name, bytes) != 0)
            continue;
        cursor->at++;
        asl_cursor_blanks(cursor);
        if (*cursor->at != ')')
            return asl_cursor_fail(cursor, err, "a function takes no arguments here");
        cursor->at++;
        struct asl_step *step = step_add(path, ASL_STEP_FUNCTION, err);
        if (!step)
            return false;
        step->function = (enum asl_path_function)i;
        return true;
    }
    return asl_cursor_fail(cursor, err, "an unknown function");
}

// In a filter a name ends where an operator could begin.
static bool name_ends(const struct asl_cursor *cursor)
{
    const char c = *cursor->at;
    if (!c || c == '.' || c == '[' || c == '(' || c == ' ' || c == '\t' || c == '\n' || c == '\r')
        return true;
    return cursor->depth && strchr(")]=!<>&|,~", c);
}

static bool parse_dotted(struct asl_cursor *cursor, struct asl_path *path, struct sr_err *err)
{
    if (*cursor->at == '*') {
        cursor->at++;
        return step_add(path, ASL_STEP_WILDCARD, err) != NULL;
    }
    const char *name = cursor->at;
    while (!name_ends(cursor)) {
        if ((unsigned char)*cursor->at < 0x20 || strchr("*?]'\"", *cursor->at))
            return asl_cursor_fail(cursor, err,
                                   "a name cannot hold this character without brackets");
        cursor->at++;
    }
    const size_t bytes = (size_t)(cursor->at - name);
    if (!bytes)
        return asl_cursor_fail(cursor, err, "expected a name");
    if (*cursor->at == '(')
        return parse_function(cursor, name, bytes, path, err);
    struct asl_step *step = step_add(path, ASL_STEP_NAME, err);
    if (!step)
        return false;
    char *copy = strndup(name, bytes);
    return copy ? step_name(step, copy, err) : no_memory(err);
}

static bool parse_names(struct asl_cursor *cursor, struct asl_path *path, struct sr_err *err)
{
    struct asl_step *step = step_add(path, ASL_STEP_NAME, err);
    if (!step)
        return false;
    for (;;) {
        char *name = NULL;
        if (*cursor->at != '\'' && *cursor->at != '"')
            return asl_cursor_fail(cursor, err, "expected a quoted name");
        if (!asl_cursor_quoted(cursor, &name, err) || !step_name(step, name, err))
            return false;
        asl_cursor_blanks(cursor);
        if (*cursor->at != ',')
            return true;
        cursor->at++;
        asl_cursor_blanks(cursor);
    }
}

static bool parse_slice_part(struct asl_cursor *cursor, bool *ret_has, json_int_t *ret,
                             struct sr_err *err)
{
    asl_cursor_blanks(cursor);
    *ret_has = *cursor->at == '-' || isdigit((unsigned char)*cursor->at);
    if (*ret_has && !asl_cursor_integer(cursor, ret, err))
        return false;
    asl_cursor_blanks(cursor);
    return true;
}

static bool parse_numbers(struct asl_cursor *cursor, struct asl_path *path, struct sr_err *err)
{
    struct asl_step *step = step_add(path, ASL_STEP_INDEX, err);
    if (!step)
        return false;
    step->slice.by = 1;
    bool has_index;
    json_int_t index = 0;
    if (!parse_slice_part(cursor, &has_index, &index, err))
        return false;
    if (*cursor->at == ':') {
        step->kind = ASL_STEP_SLICE;
        step->slice.has_from = has_index;
        step->slice.from = index;
        cursor->at++;
        if (!parse_slice_part(cursor, &step->slice.has_to, &step->slice.to, err))
            return false;
        if (*cursor->at != ':')
            return true;
        cursor->at++;
        bool has_by;
        return parse_slice_part(cursor, &has_by, &step->slice.by, err);
    }
    while (has_index) {
        if (!step_index(step, index, err))
            return false;
        if (*cursor->at != ',')
            return true;
        cursor->at++;
        if (!parse_slice_part(cursor, &has_index, &index, err))
            return false;
    }
    return asl_cursor_fail(cursor, err, "expected a name, an index, '*' or '?'");
}

static bool parse_bracket(struct asl_cursor *cursor, struct asl_path *path, struct sr_err *err)
{
    cursor->at++;
    asl_cursor_blanks(cursor);
    bool parsed;
    if (*cursor->at == '\'' || *cursor->at == '"') {
        parsed = parse_names(cursor, path, err);
    } else if (*cursor->at == '*') {
        cursor->at++;
        parsed = step_add(path, ASL_STEP_WILDCARD, err) != NULL;
    } else if (*cursor->at == '?') {
        cursor->at++;
        struct asl_filter *filter = NULL;
        parsed = asl_filter_parse(cursor, &filter, err);
        struct asl_step *step = parsed ? step_add(path, ASL_STEP_FILTER, err) : NULL;
        if (step)
            step->filter = filter;
        else
            asl_filter_free(filter);
        parsed = step != NULL;
    } else {
        parsed = parse_numbers(cursor, path, err);
    }
    if (!parsed)
        return false;
    asl_cursor_blanks(cursor);
    if (*cursor->at != ']')
        return asl_cursor_fail(cursor, err, "expected ']'");
    cursor->at++;
    return true;
}

static bool step_is_definite(const struct asl_path *path, size_t i)
{
    const struct asl_step *step = &path->steps[i];
    switch (step->kind) {
    case ASL_STEP_NAME:
        return step->count == 1 ||
               i + 1 == path->step_count;  // several at the end: one merged object
    case ASL_STEP_INDEX: return step->count == 1;
    case ASL_STEP_FUNCTION: return true;
    default: return false;
    }
}

bool asl_path_parse_steps(struct asl_cursor *cursor, struct asl_path *path, struct sr_err *err)
{
    for (;;) {
        const bool after_function =
            path->step_count && path->steps[path->step_count - 1].kind == ASL_STEP_FUNCTION;
        if ((*cursor->at == '.' || *cursor->at == '[') && after_function)
            return asl_cursor_fail(cursor, err, "nothing can follow a function");
        if (cursor->at[0] == '.' && cursor->at[1] == '.') {
            cursor->at += 2;
            if (!step_add(path, ASL_STEP_SCAN, err))
                return false;
            if (*cursor->at == '[' ? !parse_bracket(cursor, path, err)
                                   : !parse_dotted(cursor, path, err))
                return false;
        } else if (*cursor->at == '.') {
            cursor->at++;
            if (*cursor->at == '[' ? !parse_bracket(cursor, path, err)
                                   : !parse_dotted(cursor, path, err))
                return false;
        } else if (*cursor->at == '[') {
            if (!parse_bracket(cursor, path, err))
                return false;
        } else {
            break;
        }
    }
    path->definite = true;
    for (size_t i = 0; i < path->step_count; i++)
        path->definite = path->definite && step_is_definite(path, i);
    const struct asl_step *last = path->step_count ? &path->steps[path->step_count - 1] : NULL;
    if (last && last->kind == ASL_STEP_FUNCTION)
        path->definite = true;
    return true;
}

static bool parse_root(struct asl_cursor *cursor, struct asl_path *path, struct sr_err *err)
{
    if (*cursor->at != '$')
        return asl_cursor_fail(cursor, err, "a path begins with '$'");
    cursor->at++;
    if (*cursor->at == '$') {
        cursor->at++;
        path->root = ASL_ROOT_CONTEXT;
        return true;
    }
    const char *name = cursor->at;
    const unsigned char first = (unsigned char)*name;
    if (isalpha(first) || first == '_' || first >= 0x80) {
        while (isalnum((unsigned char)*cursor->at) || *cursor->at == '_' ||
               (unsigned char)*cursor->at >= 0x80)
            cursor->at++;
        path->root = ASL_ROOT_VARIABLE;
        path->variable = strndup(name, (size_t)(cursor->at - name));
        return path->variable || no_memory(err);
    }
    path->root = ASL_ROOT_INPUT;
    return true;
}

bool asl_path_parse(const char *text, struct asl_path **ret_path, struct sr_err *err)
{
    if (strlen(text) > ASL_PATH_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a path of more than %d bytes", ASL_PATH_BYTES_MAX);
    sr_auto(asl_path) struct asl_path *path = calloc(1, sizeof *path);
    if (!path || !(path->text = strdup(text)))
        return no_memory(err);
    struct asl_cursor cursor = { .start = text, .at = text };
    if (!parse_root(&cursor, path, err) || !asl_path_parse_steps(&cursor, path, err))
        return false;
    if (*cursor.at)
        return asl_cursor_fail(&cursor, err, "expected '.' or '['");
    *ret_path = sr_take(path);
    return true;
}
