// An event against a pattern: the values of each field, and a choice among them that goes together.
#include <stdlib.h>
#include <string.h>

#include "pipeline/event_pattern_priv.h"

// That a value comes out of element `index` of an array whose elements are objects or arrays.
struct member {
    const json_t *array;
    size_t index;
    size_t outer;  // of finder.members, plus 1; 0: no array around it
};

// A value of one field that passes one of its tests.
struct candidate {
    size_t field;
    size_t member;  // as `outer`
};

struct finder {
    const struct event_pattern *pattern;
    struct member *members;
    size_t member_count;
    struct candidate *candidates;  // by field
    size_t candidate_count;
    struct found {  // of each field
        size_t first, count;
        bool absent_is_fine, is_there;
    } * found;
    size_t steps;
};

static void finder_done(struct finder *finder)
{
    free(finder->members);
    free(finder->candidates);
    free(finder->found);
    *finder = (struct finder){ 0 };
}
SR_DEFINE_AUTO_VALUE(finder, struct finder, finder_done);

static bool too_many(struct sr_err *err)
{
    return sr_fail(err, SR_ERR_LIMIT, "more than %d values of one event to look at",
                   EVENT_PATTERN_VALUES_MAX);
}

static bool add_candidate(struct finder *finder, size_t field, size_t member, struct sr_err *err)
{
    if (finder->candidate_count == EVENT_PATTERN_VALUES_MAX)
        return too_many(err);
    if ((finder->candidate_count & (finder->candidate_count - 1)) == 0) {  // 0, 1, 2, 4, ...
        const size_t room = finder->candidate_count ? finder->candidate_count * 2 : 1;
        struct candidate *more = realloc(finder->candidates, room * sizeof *more);
        if (!more)
            return sr_fail(err, SR_ERR_NO_MEMORY, "values of an event");
        finder->candidates = more;
    }
    finder->candidates[finder->candidate_count++] = (struct candidate){ field, member };
    return true;
}

static bool add_member(struct finder *finder, const json_t *array, size_t index, size_t outer,
                       size_t *ret_member, struct sr_err *err)
{
    if (finder->member_count == EVENT_PATTERN_VALUES_MAX)
        return too_many(err);
    if ((finder->member_count & (finder->member_count - 1)) == 0) {
        const size_t room = finder->member_count ? finder->member_count * 2 : 1;
        struct member *more = realloc(finder->members, room * sizeof *more);
        if (!more)
            return sr_fail(err, SR_ERR_NO_MEMORY, "arrays of an event");
        finder->members = more;
    }
    finder->members[finder->member_count++] = (struct member){ array, index, outer };
    *ret_member = finder->member_count;
    return true;
}

static bool look_at(struct finder *finder, size_t field, const json_t *value, size_t member,
                    struct sr_err *err)
{
    const struct event_pattern *const pattern = finder->pattern;
    const struct event_field *const row = &pattern->fields[field];
    finder->found[field].is_there = true;
    if (++finder->steps > EVENT_PATTERN_STEPS_MAX)
        return too_many(err);
    for (size_t i = 0; i < row->test_count; i++) {
        if (event_test_passes(&pattern->tests[row->test_first + i], pattern->cases, value))
            return add_candidate(finder, field, member, err);
    }
    return true;
}

// Finds the values at `rest`, what is left of the field's name.
static bool descend(struct finder *finder, size_t field, const char *rest, const json_t *value,
                    size_t member, struct sr_err *err)
{
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            const json_t *item = json_array_get(value, i);
            size_t inner = member;
            if ((json_is_object(item) || json_is_array(item)) &&
                !add_member(finder, value, i, member, &inner, err))
                return false;
            if (!descend(finder, field, rest, item, inner, err))
                return false;
        }
        return true;
    }
    if (!json_is_object(value))
        return rest || look_at(finder, field, value, member, err);
    // A key may hold dots: "a.b" and {"a": {"b": ...}} have the same name.
    for (const char *end = rest; end && ++finder->steps <= EVENT_PATTERN_STEPS_MAX;) {
        end = strchr(end, '.');
        const size_t bytes = end ? (size_t)(end - rest) : strlen(rest);
        end = end ? end + 1 : NULL;
        const json_t *inner = json_object_getn(value, rest, bytes);
        if (inner && !descend(finder, field, end, inner, member, err))
            return false;
    }
    return finder->steps <= EVENT_PATTERN_STEPS_MAX || too_many(err);
}

static bool find_values(struct finder *finder, const json_t *event, struct sr_err *err)
{
    const struct event_pattern *const pattern = finder->pattern;
    finder->found = calloc(pattern->field_count ? pattern->field_count : 1, sizeof *finder->found);
    if (!finder->found)
        return sr_fail(err, SR_ERR_NO_MEMORY, "fields of an event");
    for (size_t i = 0; i < pattern->field_count; i++) {
        const struct event_field *const field = &pattern->fields[i];
        struct found *const found = &finder->found[i];
        found->first = finder->candidate_count;
        if (!descend(finder, i, field->name, event, 0, err))
            return false;
        found->count = finder->candidate_count - found->first;
        for (size_t j = 0; j < field->test_count && !found->is_there; j++)
            found->absent_is_fine |= pattern->tests[field->test_first + j].op == EVENT_OP_ABSENT;
    }
    return true;
}

// Whether both can be true of one event: no array of which they want two elements.
static bool goes_with(const struct finder *finder, size_t a, size_t b)
{
    for (; a; a = finder->members[a - 1].outer) {
        for (size_t at = b; at; at = finder->members[at - 1].outer) {
            if (finder->members[a - 1].array == finder->members[at - 1].array &&
                finder->members[a - 1].index != finder->members[at - 1].index)
                return false;
        }
    }
    return true;
}

// A value for the fields from `at` on that go with what is chosen for those before.
static bool choose(struct finder *finder, const struct event_branch *branch, size_t at,
                   size_t *chosen, bool *ret_match, struct sr_err *err)
{
    if (at == branch->count) {
        *ret_match = true;
        return true;
    }
    const struct found *const found = &finder->found[branch->fields[at]];
    if (found->absent_is_fine) {
        chosen[at] = 0;
        return choose(finder, branch, at + 1, chosen, ret_match, err);
    }
    for (size_t i = 0; i < found->count && !*ret_match; i++) {
        const size_t member = finder->candidates[found->first + i].member;
        bool fits = true;
        for (size_t j = 0; j < at && fits; j++) {
            if (++finder->steps > EVENT_PATTERN_STEPS_MAX)
                return sr_fail(err, SR_ERR_LIMIT,
                               "the event's arrays can be combined in too many ways");
            fits = goes_with(finder, chosen[j], member);
        }
        if (!fits)
            continue;
        chosen[at] = member;
        if (!choose(finder, branch, at + 1, chosen, ret_match, err))
            return false;
        if (!member)  // it goes with everything: another one would find nothing more
            break;
    }
    return true;
}

bool event_pattern_match(const struct event_pattern *pattern, const json_t *event, bool *ret_match,
                         struct sr_err *err)
{
    if (!json_is_object(event))
        return sr_fail(err, SR_ERR_INVALID, "Event must be a JSON object");
    sr_auto(finder) struct finder finder = { .pattern = pattern };
    if (!find_values(&finder, event, err))
        return false;
    size_t chosen[EVENT_PATTERN_FIELDS_MAX];
    bool match = false;
    for (size_t i = 0; i < pattern->branch_count && !match; i++) {
        const struct event_branch *const branch = &pattern->branches[i];
        size_t fits = 0;
        while (fits < branch->count && (finder.found[branch->fields[fits]].count ||
                                        finder.found[branch->fields[fits]].absent_is_fine))
            fits++;
        if (fits == branch->count && !choose(&finder, branch, 0, chosen, &match, err))
            return false;
    }
    *ret_match = match;
    return true;
}
