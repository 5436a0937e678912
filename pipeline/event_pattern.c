#include "pipeline/event_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/event_pattern_priv.h"

void event_pattern_free(struct event_pattern *pattern)
{
    if (!pattern)
        return;
    for (size_t i = 0; i < pattern->field_count; i++)
        free(pattern->fields[i].name);
    for (size_t i = 0; i < pattern->branch_count; i++)
        free(pattern->branches[i].fields);
    if (pattern->cases)
        freelocale(pattern->cases);
    free(pattern->fields);
    free(pattern->branches);
    free(pattern->tests);
    json_decref(pattern->copy);
    free(pattern);
}

// Branches: the pattern without its "$or" --------------------------------------------------------

struct branches {
    struct event_branch *items;
    size_t count;
};

static void branches_done(struct branches *branches)
{
    for (size_t i = 0; i < branches->count; i++)
        free(branches->items[i].fields);
    free(branches->items);
    *branches = (struct branches){ 0 };
}
SR_DEFINE_AUTO_VALUE(branches, struct branches, branches_done);

struct reader {
    struct event_pattern *pattern;
    struct faults *faults;
    struct sr_str path;
    size_t depth;  // keys in it
    size_t cells;  // of all branches that there are or were
    bool full;     // a limit was met, and told of: nothing more is added
};

static bool copy_branches(struct reader *reader, const struct branches *from, struct branches *to,
                          struct sr_err *err)
{
    to->items = calloc(from->count ? from->count : 1, sizeof *to->items);
    if (!to->items)
        return sr_fail(err, SR_ERR_NO_MEMORY, "branches");
    for (; to->count < from->count; to->count++) {
        const struct event_branch *const branch = &from->items[to->count];
        size_t *fields = calloc(branch->count + 1, sizeof *fields);
        if (!fields)
            return sr_fail(err, SR_ERR_NO_MEMORY, "a branch");
        if (branch->count)
            memcpy(fields, branch->fields, branch->count * sizeof *fields);
        to->items[to->count] = (struct event_branch){ branch->count, fields };
        reader->cells += branch->count;
    }
    return true;
}

// Moves what `from` has behind what is in `to`.
static bool move_branches(struct branches *from, struct branches *to, struct sr_err *err)
{
    if (from->count == 0)
        return true;
    struct event_branch *items = realloc(to->items, (to->count + from->count) * sizeof *items);
    if (!items)
        return sr_fail(err, SR_ERR_NO_MEMORY, "branches");
    memcpy(items + to->count, from->items, from->count * sizeof *items);
    to->items = items;
    to->count += from->count;
    from->count = 0;
    return true;
}

// A field whose name a branch has already takes the other's place, as a repeated key does.
static bool put_field(struct reader *reader, struct branches *branches, size_t field,
                      struct sr_err *err)
{
    const struct event_field *const fields = reader->pattern->fields;
    for (size_t i = 0; i < branches->count; i++) {
        struct event_branch *const branch = &branches->items[i];
        size_t at = 0;
        while (at < branch->count && strcmp(fields[branch->fields[at]].name, fields[field].name))
            at++;
        if (at == branch->count) {
            size_t *more = realloc(branch->fields, (at + 1) * sizeof *more);
            if (!more)
                return sr_fail(err, SR_ERR_NO_MEMORY, "a branch");
            branch->fields = more;
            branch->count++;
            reader->cells++;
        }
        branch->fields[at] = field;
    }
    return true;
}

// Reading ----------------------------------------------------------------------------------------

static bool too_much(struct reader *reader, const struct jx *at, struct sr_err *err,
                     const char *what, int limit)
{
    if (reader->full)
        return true;
    reader->full = true;
    return faults_add(reader->faults, at, err, "more than %d %s", limit, what);
}

static bool read_tests(struct reader *reader, const struct jx *at, struct sr_err *err)
{
    struct event_pattern *const pattern = reader->pattern;
    const size_t count = json_array_size(at->value);
    if (count == 0)
        return faults_add(reader->faults, at, err, "Empty arrays are not allowed");
    if (count > EVENT_PATTERN_TESTS_MAX - pattern->test_count)
        return too_much(reader, at, err, "values", EVENT_PATTERN_TESTS_MAX);
    struct event_test *tests =
        realloc(pattern->tests, (pattern->test_count + count) * sizeof *tests);
    if (!tests)
        return sr_fail(err, SR_ERR_NO_MEMORY, "values of a pattern");
    pattern->tests = tests;
    for (size_t i = 0; i < count; i++) {
        const struct jx item = jx_at(at, i);
        tests[pattern->test_count] = (struct event_test){ 0 };
        if (!event_test_parse(&item, reader->faults, &tests[pattern->test_count++], err))
            return false;
    }
    return true;
}

static bool read_field(struct reader *reader, const struct jx *at, struct branches *branches,
                       struct sr_err *err)
{
    struct event_pattern *const pattern = reader->pattern;
    if (reader->path.bytes > EVENT_PATTERN_NAME_BYTES_MAX)
        return too_much(reader, at, err, "bytes in a field's path", EVENT_PATTERN_NAME_BYTES_MAX);
    if (pattern->field_count == EVENT_PATTERN_FIELDS_MAX)
        return too_much(reader, at, err, "fields", EVENT_PATTERN_FIELDS_MAX);
    struct event_field field = { .test_first = pattern->test_count };
    if (!read_tests(reader, at, err))
        return false;
    field.test_count = pattern->test_count - field.test_first;
    struct event_field *fields =
        realloc(pattern->fields, (pattern->field_count + 1) * sizeof *fields);
    if (!fields)
        return sr_fail(err, SR_ERR_NO_MEMORY, "fields");
    pattern->fields = fields;
    field.name = sr_str_dup(sr_str_text(&reader->path), err);
    if (!field.name)
        return false;
    fields[pattern->field_count++] = field;
    if (reader->cells + branches->count > EVENT_PATTERN_CELLS_MAX)
        return too_much(reader, at, err, "fields in all branches of $or", EVENT_PATTERN_CELLS_MAX);
    return put_field(reader, branches, pattern->field_count - 1, err);
}

static bool read_object(struct reader *reader, const struct jx *at, bool inside_or,
                        struct branches *branches, struct sr_err *err);

static bool read_or(struct reader *reader, const struct jx *at, struct branches *branches,
                    struct sr_err *err)
{
    const size_t count = json_array_size(at->value);
    if (!json_is_array(at->value))
        return faults_add(reader->faults, at, err, "It must be an Array followed with $or.");
    if (count < 2)
        return faults_add(reader->faults, at, err,
                          "There must have at least 2 Objects in $or relationship.");
    sr_auto(branches) struct branches all = { 0 };
    for (size_t i = 0; i < count; i++) {
        const struct jx item = jx_at(at, i);
        sr_auto(branches) struct branches own = { 0 };
        if (!json_is_object(item.value)) {
            if (!faults_add(reader->faults, &item, err,
                            "Only JSON object is allowed in array of $or relationship."))
                return false;
            continue;
        }
        if (all.count + branches->count > EVENT_PATTERN_BRANCHES_MAX)
            return too_much(reader, at, err, "branches of $or", EVENT_PATTERN_BRANCHES_MAX);
        if (!copy_branches(reader, branches, &own, err) ||
            !read_object(reader, &item, true, &own, err))
            return false;
        if (all.count + own.count > EVENT_PATTERN_BRANCHES_MAX)
            return too_much(reader, at, err, "branches of $or", EVENT_PATTERN_BRANCHES_MAX);
        if (!move_branches(&own, &all, err))
            return false;
    }
    const struct branches before = *branches;
    *branches = all;
    all = before;
    return true;
}

// Spec: EventBridge "OR relationship": inside $or no field may have an operator's name.
static bool is_reserved(const char *key)
{
    static const char *const words[] = {
        "exactly",
        "equals-ignore-case",
        "prefix",
        "suffix",
        "anything-but",
        "exists",
        "wildcard",
        "numeric",
        "cidr",
        "=",
        "<",
        "<=",
        ">",
        ">=",
        "regex",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(key, words[i]) == 0)
            return true;
    }
    return false;
}

static bool read_member(struct reader *reader, const struct jx *at, bool inside_or,
                        struct branches *branches, struct sr_err *err)
{
    const size_t before = reader->path.bytes;
    if (inside_or && is_reserved(at->key) &&
        !faults_add(reader->faults, at, err,
                    "%s is Ruler reserved fieldName which cannot be used inside $or.", at->key))
        return false;
    if (!sr_str_addf(&reader->path, err, "%s%s", reader->depth ? "." : "", at->key))
        return false;
    reader->depth++;
    bool done;
    if (json_is_object(at->value))
        done = read_object(reader, at, inside_or, branches, err);
    else if (json_is_array(at->value))
        done = read_field(reader, at, branches, err);
    else
        done = faults_add(reader->faults, at, err, "\"%s\" must be an object or an array", at->key);
    reader->depth--;
    reader->path.bytes = before;
    if (reader->path.text)
        reader->path.text[before] = '\0';
    return done;
}

// `branches`: what the pattern asks for so far; each of them gets what this object asks for.
static bool read_object(struct reader *reader, const struct jx *at, bool inside_or,
                        struct branches *branches, struct sr_err *err)
{
    const char *key;
    json_t *value;
    if (json_object_size(at->value) == 0)
        return faults_add(reader->faults, at, err, "Empty objects are not allowed");
    // jansson's iterator does not change what it walks over, it only has no const
    json_object_foreach((json_t *)(uintptr_t)at->value, key, value)
    {
        const struct jx member = jx_get(at, key);
        const bool done = strcmp(key, "$or") == 0
                              ? read_or(reader, &member, branches, err)
                              : read_member(reader, &member, inside_or, branches, err);
        if (!done)
            return false;
        if (reader->full)
            return true;
    }
    return true;
}

static bool read_pattern(struct reader *reader, const struct jx *at, struct sr_err *err)
{
    struct event_pattern *const pattern = reader->pattern;
    sr_auto(branches) struct branches branches = { 0 };
    branches.items = calloc(1, sizeof *branches.items);
    if (!branches.items)
        return sr_fail(err, SR_ERR_NO_MEMORY, "branches");
    branches.count = 1;
    if (!read_object(reader, at, false, &branches, err))
        return false;
    pattern->branches = branches.items;
    pattern->branch_count = branches.count;
    branches = (struct branches){ 0 };
    return true;
}

bool event_pattern_parse(const struct jx *at, struct faults *faults,
                         struct event_pattern **ret_pattern, struct sr_err *err)
{
    *ret_pattern = NULL;
    const size_t before = faults->count;
    if (!json_is_object(at->value))
        return faults_add(faults, at, err, "Filter is not an object");
    sr_auto(event_pattern) struct event_pattern *pattern = calloc(1, sizeof *pattern);
    if (!pattern)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a pattern");
    pattern->copy = json_deep_copy(at->value);
    if (!jx_made(pattern->copy, err))
        return false;
    pattern->cases = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    const struct jx own = {
        .value = pattern->copy, .parent = at->parent, .key = at->key, .index = at->index
    };
    struct reader reader = { .pattern = pattern, .faults = faults };
    const bool done = read_pattern(&reader, &own, err);
    sr_str_done(&reader.path);
    if (!done)
        return false;
    if (faults->count == before && !faults->truncated)
        *ret_pattern = sr_take(pattern);
    return true;
}
