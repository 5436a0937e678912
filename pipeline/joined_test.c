// A file that is put together from memory and parts reads as one that was written.
#include "pipeline/joined.h"

#include "base/str.h"
#include "base/test.h"

enum { PARTS = 6, PART_BYTES = 1000 };

static struct {
    char folder[64];
    struct workspace *workspace;
    struct workspace_key keys[PARTS];
} all;

static char byte_of(size_t part, size_t offset)
{
    return (char)((part * 37 + offset * 7 + offset / 251) % 256);
}

static int set_up(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_test_folder(all.folder);
    sr_assert_ok(
        workspace_open(&(struct workspace_params){ .folder = all.folder }, &all.workspace, &err),
        err);
    for (size_t p = 0; p < PARTS; p++) {
        sr_auto(json) json_t *facts = json_pack("{s:i}", "part", (int)p);
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        char data[PART_BYTES];
        for (size_t i = 0; i < PART_BYTES; i++)
            data[i] = byte_of(p, i);
        sr_assert_ok(workspace_key(facts, &all.keys[p], &err), err);
        sr_assert_ok(workspace_write(all.workspace, &all.keys[p], &writer, &err), err);
        sr_assert_ok(sr_write(&writer, data, PART_BYTES, &err), err);
        sr_assert_ok(writer.ops->publish(writer.self, &err), err);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    workspace_free(all.workspace);
    sr_test_folder_done(all.folder);
    return 0;
}

static void reads_as_one_file(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(joined) struct joined *joined = NULL;
    sr_auto(joined) struct joined *twice = NULL;
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    char want[2 * (20 + PARTS * 200)], got[sizeof(want)];
    size_t bytes = 0;
    sr_assert_ok(joined_new(all.workspace, &joined, &err), err);
    sr_assert_ok(joined_add_bytes(joined, "0123456789", 10, &err), err);
    sr_assert_ok(joined_add_bytes(joined, "abcdefghij", 10, &err), err);
    memcpy(want, "0123456789abcdefghij", 20);
    bytes = 20;
    for (size_t p = 0; p < PARTS; p++) {  // two neighbours of each part
        sr_assert_ok(joined_add_range(joined, &all.keys[p], 300, 150, &err), err);
        sr_assert_ok(joined_add_range(joined, &all.keys[p], 450, 50, &err), err);
        sr_assert_ok(joined_add_range(joined, &all.keys[p], 0, 0, &err), err);
        for (size_t i = 0; i < 200; i++)
            want[bytes++] = byte_of(p, 300 + i);
    }
    assert_int_equal(joined_bytes(joined), bytes);
    struct joined_piece piece;
    size_t pieces = 0;
    while (joined_piece(joined, pieces, &piece))
        pieces++;
    assert_int_equal(pieces, 1 + PARTS);
    sr_assert_ok(joined_new(all.workspace, &twice, &err), err);
    sr_assert_ok(joined_add_all(twice, joined, &err), err);
    sr_assert_ok(joined_add_all(twice, joined, &err), err);
    memcpy(want + bytes, want, bytes);
    bytes *= 2;
    sr_assert_ok(joined_reader(twice, &reader, &err), err);
    assert_int_equal(sr_reader_size(&reader), bytes);
    for (size_t step = 1; step < bytes; step = step * 3 + 1) {
        for (size_t at = 0; at < bytes; at += step) {
            const size_t some = bytes - at < step ? bytes - at : step;
            sr_assert_ok(sr_read_exact(&reader, at, got, some, &err), err);
            assert_memory_equal(got, want + at, some);
        }
    }
    size_t none = 9;
    sr_assert_ok(sr_read_at(&reader, bytes, got, 1, &none, &err), err);
    assert_int_equal(none, 0);
    sr_assert_fails(sr_read_exact(&reader, bytes - 1, got, 2, &err), SR_ERR_INPUT, err);
}

static void a_part_that_is_short_or_gone(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(joined) struct joined *joined = NULL;
    sr_auto(json) json_t *facts = json_pack("{s:s}", "part", "none");
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    struct workspace_key none;
    char got[20];
    sr_assert_ok(workspace_key(facts, &none, &err), err);
    sr_assert_ok(joined_new(all.workspace, &joined, &err), err);
    sr_assert_ok(joined_add_range(joined, &all.keys[0], PART_BYTES - 5, 10, &err), err);
    sr_assert_ok(joined_add_range(joined, &none, 0, 10, &err), err);
    sr_assert_ok(joined_reader(joined, &reader, &err), err);
    sr_assert_ok(sr_read_exact(&reader, 0, got, 5, &err), err);
    sr_assert_fails(sr_read_exact(&reader, 0, got, 6, &err), SR_ERR_INPUT, err);
    sr_assert_fails(sr_read_exact(&reader, 10, got, 1, &err), SR_ERR_NOT_FOUND, err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_as_one_file),
        cmocka_unit_test(a_part_that_is_short_or_gone),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, set_up, tear_down);
}
