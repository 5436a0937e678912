#include "transcode/box.h"

#include "base/test.h"

static void written_boxes_are_found(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(box_writer) struct box_writer out = { 0 };
    box_begin(&out, "ftyp");
    box_data(&out, "isom", 4);
    box_end(&out);
    box_begin(&out, "moov");
    box_begin_full(&out, "mvhd", 1, 7);
    box_u64(&out, UINT64_C(0x0102030405060708));
    box_end(&out);
    box_begin(&out, "trak");
    box_begin(&out, "edts");
    box_end(&out);
    box_end(&out);
    box_end(&out);
    sr_assert_ok(box_writer_ok(&out, &err), err);

    const uint8_t *const data = (const uint8_t *)out.bytes.text;
    struct box box;
    assert_true(box_find(data, out.bytes.bytes, "moov/mvhd", &box));
    assert_int_equal(box.body_bytes, 12);
    assert_int_equal(box_get_u32(box.body), 0x01000007);
    assert_int_equal(box_get_u32(box.body + 4), 0x01020304);
    assert_true(box_find(data, out.bytes.bytes, "moov/trak/edts", &box));
    assert_int_equal(box.body_bytes, 0);
    assert_false(box_find(data, out.bytes.bytes, "moov/trak/mdia", &box));
    assert_false(box_find(data, out.bytes.bytes - 1, "moov", &box));  // cut short
}

static void too_large_a_number_is_kept_as_the_error(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(box_writer) struct box_writer out = { 0 };
    box_begin(&out, "free");
    box_u32(&out, UINT64_C(1) << 32);
    box_u32(&out, 1);
    box_end(&out);
    sr_assert_fails(box_writer_ok(&out, &err), SR_ERR_TOO_LARGE, err);
}

// Spec: ISO/IEC 14496-12 4.2 (sizes 0 and 1), and sizes that lie.
static const struct size_row {
    const char *name;
    uint8_t data[20];
    size_t bytes;
    bool ok;
    size_t body_bytes;
} size_rows[] = {
    { "plain", { 0, 0, 0, 9, 'a', 'b', 'c', 'd', 1 }, 9, true, 1 },
    { "to the end", { 0, 0, 0, 0, 'a', 'b', 'c', 'd', 1, 2 }, 10, true, 2 },
    { "64 bits", { 0, 0, 0, 1, 'a', 'b', 'c', 'd', 0, 0, 0, 0, 0, 0, 0, 17, 1 }, 17, true, 1 },
    { "64 bits cut", { 0, 0, 0, 1, 'a', 'b', 'c', 'd', 0, 0 }, 10, false, 0 },
    { "64 bits, all of them",
      { 0, 0, 0, 1, 'a', 'b', 'c', 'd', 255, 255, 255, 255, 255, 255, 255, 255, 1 },
      17,
      false,
      0 },
    { "smaller than its head", { 0, 0, 0, 7, 'a', 'b', 'c', 'd' }, 8, false, 0 },
    { "beyond the end", { 0, 0, 0, 10, 'a', 'b', 'c', 'd', 1 }, 9, false, 0 },
    { "no head", { 0, 0, 0, 8 }, 4, false, 0 },
    { "nothing", { 0 }, 0, false, 0 },
};

static void each_size(void **state)
{
    const struct size_row *row = *state;
    const uint8_t *at = row->data;
    struct box box = { 0 };
    assert_int_equal(box_next(&at, row->data + row->bytes, &box), row->ok);
    assert_int_equal(box.body_bytes, row->body_bytes);
    assert_ptr_equal(at, row->data + (row->ok ? row->bytes : 0));
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(size_rows) + 2];
    size_t count = SR_TEST_ADD(tests, size_rows, each_size);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(written_boxes_are_found);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_large_a_number_is_kept_as_the_error);
    return sr_test_run(__FILE__, tests, count);
}
