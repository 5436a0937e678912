#include "pipeline/rendition_groups.h"

#include <stdbool.h>
#include <string.h>

#include "base/test.h"

static const struct row {
    const char *name;
    size_t slots, segments, cores;
    uint64_t weights[6];  // ends with 0
    const char *twins;    // of each the index; NULL: none has any
    const char *groups;   // of each
} rows[] = {
    { "nobody knows of slots", 0, 1, 1, { 9, 4, 1 }, NULL, "000" },
    { "one slot", 1, 1, 1, { 9, 4, 1 }, NULL, "000" },
    { "as many segments as slots", 4, 4, 1, { 9, 4, 1 }, NULL, "000" },
    { "more segments than slots", 4, 9000, 1, { 9, 4, 1 }, NULL, "000" },
    { "not twice as many slots", 7, 4, 1, { 9, 4, 1 }, NULL, "000" },
    { "twice as many slots", 8, 4, 1, { 9, 4, 1 }, NULL, "011" },
    { "a slot for each", 3, 1, 1, { 9, 4, 1 }, NULL, "012" },
    { "more slots than encodings", 4000, 1, 1, { 9, 4, 1 }, NULL, "012" },
    { "one rendition", 8, 1, 1, { 9 }, NULL, "0" },
    { "the heaviest comes first", 2, 1, 1, { 1, 4, 9 }, NULL, "110" },
    { "the least so far", 2, 1, 1, { 5, 4, 3, 3, 2 }, NULL, "01101" },
    { "equals in their order", 3, 1, 1, { 2, 2, 2, 2, 2 }, NULL, "01201" },
    { "twins stay together", 2, 1, 1, { 4, 6, 4 }, "010", "010" },
    { "twins are one encoding", 8, 1, 1, { 4, 6, 4 }, "010", "010" },
    { "twins alone", 8, 1, 1, { 4, 4 }, "00", "00" },
    { "a task's threads fill the machine", 8, 1, 8, { 9, 4, 1 }, NULL, "000" },
    { "a task's threads fill half of it", 8, 1, 4, { 9, 4, 1 }, NULL, "011" },
    { "weights that are next to nothing", 3, 1, 1, { 1, 1, 1 }, NULL, "012" },
};

static void each_row(void **state)
{
    const struct row *const row = *state;
    struct rendition_groups_params params = { .slot_count = row->slots,
                                              .segment_count = row->segments,
                                              .core_count = row->cores };
    struct rendition_groups groups;
    bool has_member[MEDIA_RENDITIONS_MAX] = { false };
    char text[MEDIA_RENDITIONS_MAX + 1] = "";
    for (; row->weights[params.rendition_count]; params.rendition_count++) {
        const size_t r = params.rendition_count;
        params.weight[r] = row->weights[r];
        params.twin[r] = row->twins ? (size_t)(row->twins[r] - '0') : r;
    }
    rendition_groups_make(&params, &groups);
    for (size_t r = 0; r < params.rendition_count; r++) {
        assert_true(groups.group[r] < groups.count);
        has_member[groups.group[r]] = true;
        text[r] = (char)('0' + groups.group[r]);
    }
    for (size_t g = 0; g < groups.count; g++)
        assert_true(has_member[g]);
    assert_string_equal(text, row->groups);
}

// Whatever the ladder, none of the tasks is empty, and as many as can be.
static void the_largest_ladder(void **state)
{
    (void)state;
    for (size_t slots = 0; slots <= MEDIA_RENDITIONS_MAX + 1; slots++) {
        struct rendition_groups_params params = { .slot_count = slots,
                                                  .segment_count = 1,
                                                  .core_count = 1,
                                                  .rendition_count = MEDIA_RENDITIONS_MAX };
        struct rendition_groups groups;
        size_t members[MEDIA_RENDITIONS_MAX] = { 0 };
        for (size_t r = 0; r < MEDIA_RENDITIONS_MAX; r++) {
            params.weight[r] = (uint64_t)1 << (r % 7 * 9);
            params.twin[r] = r;
        }
        rendition_groups_make(&params, &groups);
        assert_int_equal(groups.count, slots < 1                      ? 1
                                       : slots < MEDIA_RENDITIONS_MAX ? slots
                                                                      : MEDIA_RENDITIONS_MAX);
        for (size_t r = 0; r < MEDIA_RENDITIONS_MAX; r++)
            members[groups.group[r]]++;
        for (size_t g = 0; g < groups.count; g++)
            assert_true(members[g] > 0);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(the_largest_ladder);
    return _cmocka_run_group_tests(__FILE__, tests, count, NULL, NULL);
}
