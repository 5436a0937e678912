// Reading and writing through a parsed path. The order of results, and what counts as missing, are
// Jayway JsonPath's.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_path_priv.h"

static bool no_memory(struct sr_err *err)
{
    return sr_fail(err, SR_ERR_NO_MEMORY, "reading a JSON path");
}

// "$['a'][0]['b']": how messages spell the first `count` steps.
static void describe(const struct asl_path *path, size_t count, char *buffer, size_t capacity)
{
    size_t used = 0;
    buffer[0] = '\0';
    for (size_t i = 0; i <= count && used < capacity; i++) {
        const struct asl_step *step = i ? &path->steps[i - 1] : NULL;
        int n;
        if (!step)
            n = snprintf(buffer, capacity, "$");
        else if (step->kind == ASL_STEP_NAME)
            n = snprintf(buffer + used, capacity - used, "['%s']", step->names[0]);
        else if (step->kind == ASL_STEP_INDEX)
            n = snprintf(buffer + used, capacity - used, "[%" JSON_INTEGER_FORMAT "]",
                         step->indexes[0]);
        else
            n = snprintf(buffer + used, capacity - used, "[*]");
        used += n > 0 ? (size_t)n : 0;
    }
}

static bool missing(const struct asl_path *path, size_t step_index, struct sr_err *err)
{
    char text[160];
    if (step_index + 1 == path->step_count) {
        describe(path, path->step_count, text, sizeof text);
        return sr_fail(err, SR_ERR_NOT_FOUND, "No results for path: %s", text);
    }
    describe(path, step_index + 1, text, sizeof text);
    return sr_fail(err, SR_ERR_NOT_FOUND, "Missing property in path %s", text);
}

static bool visit(struct asl_reading *reading)
{
    if (reading->visits_left == 0)
        return sr_fail(reading->err, SR_ERR_LIMIT, "a path looks at more than %d nodes",
                       ASL_PATH_VISITS_MAX);
    reading->visits_left--;
    return true;
}

static const json_t *element(const json_t *array, json_int_t index)
{
    const json_int_t count = (json_int_t)json_array_size(array);
    if (index < 0)
        index += count;
    return index >= 0 && index < count ? json_array_get(array, (size_t)index) : NULL;
}

// Several names at the end give one object with those that are there.
static json_t *merged(const struct asl_step *step, const json_t *node)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < step->count; i++) {
        json_t *value = json_object_get(node, step->names[i]);
        if (value && json_object_set(object, step->names[i], value) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static bool walk(const struct asl_path *path, size_t i, const json_t *node,
                 struct asl_reading *reading);

static bool found(struct asl_reading *reading, const json_t *node)
{
    return json_array_append(reading->found, (json_t *)(uintptr_t)node) == 0 ||
           no_memory(reading->err);
}

static bool walk_names(const struct asl_path *path, size_t i, const json_t *node,
                       struct asl_reading *reading)
{
    const struct asl_step *step = &path->steps[i];
    if (!json_is_object(node))
        return true;
    if (step->count > 1 && i + 1 == path->step_count) {
        sr_auto(json) json_t *object = merged(step, node);
        return object ? found(reading, object) : no_memory(reading->err);
    }
    for (size_t n = 0; n < step->count; n++) {
        const json_t *value = json_object_get(node, step->names[n]);
        if (value && !walk(path, i + 1, value, reading))
            return false;
    }
    return true;
}

static bool walk_slice(const struct asl_path *path, size_t i, const json_t *node,
                       struct asl_reading *reading)
{
    const struct asl_step *step = &path->steps[i];
    const json_int_t count = (json_int_t)json_array_size(node);
    const json_int_t by = step->slice.by;
    if (!json_is_array(node) || by == 0)
        return true;
    json_int_t from = step->slice.has_from ? step->slice.from : by > 0 ? 0 : count - 1;
    json_int_t to = step->slice.has_to ? step->slice.to : by > 0 ? count : -count - 1;
    from = from < 0 ? from + count : from;
    to = to < 0 ? to + count : to;
    if (by > 0) {
        from = from < 0 ? 0 : from;
        to = to > count ? count : to;
        for (json_int_t at = from; at < to; at += by) {
            if (!walk(path, i + 1, json_array_get(node, (size_t)at), reading))
                return false;
        }
        return true;
    }
    from = from >= count ? count - 1 : from;
    to = to < -1 ? -1 : to;
    for (json_int_t at = from; at > to; at += by) {
        if (!walk(path, i + 1, json_array_get(node, (size_t)at), reading))
            return false;
    }
    return true;
}

static bool walk_children(const struct asl_path *path, size_t i, const json_t *node,
                          struct asl_reading *reading)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)node, key, value)
    {
        if (!walk(path, i, value, reading))
            return false;
    }
    size_t index;
    json_array_foreach(node, index, value)
    {
        if (!walk(path, i, value, reading))
            return false;
    }
    return true;
}

static bool walk_filter(const struct asl_path *path, size_t i, const json_t *node,
                        struct asl_reading *reading)
{
    const struct asl_filter *filter = path->steps[i].filter;
    bool accepts;
    if (json_is_object(node)) {  // an object is tested itself, not its members
        if (!asl_filter_accepts(filter, node, reading, &accepts))
            return false;
        return !accepts || walk(path, i + 1, node, reading);
    }
    size_t index;
    json_t *value;
    json_array_foreach(node, index, value)
    {
        if (!asl_filter_accepts(filter, value, reading, &accepts))
            return false;
        if (accepts && !walk(path, i + 1, value, reading))
            return false;
    }
    return true;
}

// "..": the next step is tried here, then in everything below. A filter sees each object once: as
// itself, not also as an element of its array.
static bool walk_scan(const struct asl_path *path, size_t i, const json_t *node,
                      struct asl_reading *reading)
{
    if (!visit(reading))
        return false;
    const struct asl_step *next = &path->steps[i + 1];
    if (next->kind == ASL_STEP_FILTER && json_is_array(node)) {
        size_t index;
        json_t *value;
        json_array_foreach(node, index, value)
        {
            bool accepts = false;
            if (!json_is_object(value) &&
                !asl_filter_accepts(next->filter, value, reading, &accepts))
                return false;
            if (accepts && !walk(path, i + 2, value, reading))
                return false;
        }
    } else if (!walk(path, i + 1, node, reading)) {
        return false;
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)node, key, value)
    {
        if (!walk_scan(path, i, value, reading))
            return false;
    }
    size_t index;
    json_array_foreach(node, index, value)
    {
        if (!walk_scan(path, i, value, reading))
            return false;
    }
    return true;
}

static bool walk(const struct asl_path *path, size_t i, const json_t *node,
                 struct asl_reading *reading)
{
    if (!visit(reading))
        return false;
    if (i == path->step_count || path->steps[i].kind == ASL_STEP_FUNCTION)
        return found(reading, node);
    const struct asl_step *step = &path->steps[i];
    switch (step->kind) {
    case ASL_STEP_NAME: return walk_names(path, i, node, reading);
    case ASL_STEP_INDEX:
        for (size_t n = 0; n < step->count; n++) {
            const json_t *value = element(node, step->indexes[n]);
            if (value && !walk(path, i + 1, value, reading))
                return false;
        }
        return true;
    case ASL_STEP_SLICE: return walk_slice(path, i, node, reading);
    case ASL_STEP_WILDCARD: return walk_children(path, i + 1, node, reading);
    case ASL_STEP_SCAN: return walk_scan(path, i, node, reading);
    case ASL_STEP_FILTER: return walk_filter(path, i, node, reading);
    case ASL_STEP_FUNCTION: break;
    }
    return true;
}

// --- definite paths, and functions at the end ---

static bool read_single(const struct asl_path *path, size_t step_count, const json_t *root,
                        json_t **ret_value, struct sr_err *err)
{
    const json_t *node = root;
    for (size_t i = 0; i < step_count; i++) {
        const struct asl_step *step = &path->steps[i];
        if (step->kind == ASL_STEP_NAME && step->count > 1) {
            if (!json_is_object(node))
                return missing(path, i, err);
            *ret_value = merged(step, node);
            return *ret_value || no_memory(err);
        }
        if (step->kind == ASL_STEP_NAME) {
            if (!json_is_object(node)) {
                char text[160];
                describe(path, i, text, sizeof text);
                return sr_fail(err, SR_ERR_NOT_FOUND,
                               "Expected to find an object with property ['%s'] in path %s",
                               step->names[0], text);
            }
            node = json_object_get(node, step->names[0]);
        } else {
            node = json_is_array(node) ? element(node, step->indexes[0]) : NULL;
        }
        if (!node)
            return missing(path, i, err);
    }
    *ret_value = json_incref((json_t *)(uintptr_t)node);
    return true;
}

static bool read_many(const struct asl_path *path, const json_t *root, struct asl_reading *outer,
                      json_t **ret_value, struct sr_err *err)
{
    sr_auto(json) json_t *results = json_array();
    if (!results)
        return no_memory(err);
    struct asl_reading reading = {
        .root = outer ? outer->root : root,
        .found = results,
        .visits_left = outer ? outer->visits_left : ASL_PATH_VISITS_MAX,
        .err = err,
    };
    const bool walked = walk(path, 0, root, &reading);
    if (outer)
        outer->visits_left = reading.visits_left;
    if (!walked)
        return false;
    *ret_value = sr_take(results);
    return true;
}

static json_t *numbers(enum asl_path_function function, const json_t *array)
{
    double sum = 0, min = INFINITY, max = -INFINITY;
    size_t count = 0, index;
    const json_t *value;
    json_array_foreach(array, index, value)
    {
        if (!json_is_number(value))
            continue;
        const double number = json_number_value(value);
        sum += number;
        min = number < min ? number : min;
        max = number > max ? number : max;
        count++;
    }
    if (!count)
        return NULL;
    switch (function) {
    case ASL_PATH_MIN: return json_real(min);
    case ASL_PATH_MAX: return json_real(max);
    case ASL_PATH_SUM: return json_real(sum);
    default: return json_real(sum / (double)count);
    }
}

static json_t *apply(enum asl_path_function function, const json_t *value)
{
    const size_t count = json_array_size(value);
    switch (function) {
    case ASL_PATH_LENGTH:
        if (json_is_array(value))
            return json_integer((json_int_t)count);
        if (json_is_object(value))
            return json_integer((json_int_t)json_object_size(value));
        return json_is_string(value) ? json_integer((json_int_t)json_string_length(value)) : NULL;
    case ASL_PATH_KEYS: {
        json_t *keys = json_is_object(value) ? json_array() : NULL;
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)(uintptr_t)value, key, member)(void)
            json_array_append_new(keys, json_string(key));
        return keys;
    }
    case ASL_PATH_FIRST: return count ? json_incref(json_array_get(value, 0)) : NULL;
    case ASL_PATH_LAST: return count ? json_incref(json_array_get(value, count - 1)) : NULL;
    default: return numbers(function, value);
    }
}

static bool read_below(const struct asl_path *path, const json_t *root, struct asl_reading *outer,
                       json_t **ret_value, struct sr_err *err)
{
    const size_t count = path->step_count;
    const bool function = count && path->steps[count - 1].kind == ASL_STEP_FUNCTION;
    if (!function)
        return path->definite ? read_single(path, count, root, ret_value, err)
                              : read_many(path, root, outer, ret_value, err);
    bool single = true;
    for (size_t i = 0; i + 1 < count; i++) {
        const struct asl_step *step = &path->steps[i];
        single = single && step->count == 1 &&
                 (step->kind == ASL_STEP_NAME || step->kind == ASL_STEP_INDEX);
    }
    sr_auto(json) json_t *value = NULL;
    if (single ? !read_single(path, count - 1, root, &value, err)
               : !read_many(path, root, outer, &value, err))
        return false;
    json_t *result = apply(path->steps[count - 1].function, value);
    if (!result)
        return missing(path, count - 1, err);
    *ret_value = result;
    return true;
}

bool asl_path_read_at(const struct asl_path *path, const json_t *root, json_t **ret_value,
                      struct sr_err *err)
{
    return read_below(path, root, NULL, ret_value, err);
}

bool asl_path_read_inside(const struct asl_path *path, const json_t *root,
                          struct asl_reading *reading, json_t **ret_value)
{
    struct sr_err err = { 0 };
    *ret_value = NULL;
    if (read_below(path, root, reading, ret_value, &err) || err.code == SR_ERR_NOT_FOUND)
        return true;
    *reading->err = err;
    return false;
}

bool asl_path_read(const struct asl_path *path, const struct asl_scope *scope, json_t **ret_value,
                   struct sr_err *err)
{
    const json_t *root = NULL;
    switch (path->root) {
    case ASL_ROOT_INPUT: root = scope->input; break;
    case ASL_ROOT_CONTEXT:
        root = scope->context ? scope->context(scope->context_self) : NULL;
        if (!root)
            return no_memory(err);
        break;
    case ASL_ROOT_VARIABLE:
        for (const struct asl_vars *vars = scope->vars; vars && !root; vars = vars->outer)
            root = json_object_get(vars->own, path->variable);
        if (!root)
            return sr_fail(err, SR_ERR_NOT_FOUND, "No results for path: $%s", path->variable);
        break;
    }
    return read_below(path, root, NULL, ret_value, err);
}

// --- writing ---

static bool write_below(const struct asl_path *path, size_t i, const json_t *node, json_t *value,
                        json_t **ret_node, struct sr_err *err)
{
    if (i == path->step_count) {
        *ret_node = json_incref(value);
        return true;
    }
    const struct asl_step *step = &path->steps[i];
    const bool by_name = step->kind == ASL_STEP_NAME;
    if (by_name ? node && !json_is_object(node) : !json_is_array(node))
        return sr_fail(err, SR_ERR_CONFLICT, "step %zu of the path does not fit the input", i + 1);
    const json_t *old =
        by_name ? json_object_get(node, step->names[0]) : element(node, step->indexes[0]);
    if (!by_name && !old)
        return sr_fail(err, SR_ERR_CONFLICT, "index %" JSON_INTEGER_FORMAT " is not there",
                       step->indexes[0]);
    sr_auto(json) json_t *inner = NULL;
    if (!write_below(path, i + 1, old, value, &inner, err))
        return false;
    sr_auto(json) json_t *copy = node ? json_copy((json_t *)(uintptr_t)node) : json_object();
    if (!copy)
        return no_memory(err);
    json_int_t index = by_name ? 0 : step->indexes[0];
    index += index < 0 ? (json_int_t)json_array_size(copy) : 0;
    const int failed = by_name ? json_object_set(copy, step->names[0], inner)
                               : json_array_set(copy, (size_t)index, inner);
    if (failed)
        return no_memory(err);
    *ret_node = sr_take(copy);
    return true;
}

bool asl_path_write(const struct asl_path *path, const json_t *document, json_t *value,
                    json_t **ret_document, struct sr_err *err)
{
    return write_below(path, 0, document, value, ret_document, err);
}
