// Files of boxes, right and wrong, and from when to when they last.
#include "transcode/fragment_times.h"

#include "base/test.h"
#include "transcode/box.h"

enum { TRACK = 7, CLOCK = 48000 };

static void put_init(struct box_writer *out, const char *kind, int64_t priming, bool is_wide)
{
    box_begin(out, "moov");
    box_begin(out, "trak");
    box_begin_full(out, "tkhd", is_wide, 3);
    for (int i = 0; i < (is_wide ? 4 : 2); i++)
        box_u32(out, 0);
    box_u32(out, TRACK);
    box_end(out);
    box_begin(out, "edts");
    box_begin_full(out, "elst", 0, 0);
    box_u32(out, 2);
    box_u32(out, 5);
    box_u32(out, UINT32_MAX);  // nothing is shown first
    box_u32(out, 0x10000);
    box_u32(out, 0);
    box_u32(out, (uint64_t)priming);
    box_u32(out, 0x10000);
    box_end(out);
    box_end(out);
    box_begin(out, "mdia");
    box_begin_full(out, "mdhd", is_wide, 0);
    for (int i = 0; i < (is_wide ? 4 : 2); i++)
        box_u32(out, 0);
    box_u32(out, CLOCK);
    box_end(out);
    box_begin_full(out, "hdlr", 0, 0);
    box_u32(out, 0);
    box_data(out, kind, 4);
    box_end(out);
    box_end(out);
    box_end(out);
    box_begin(out, "mvex");
    box_begin_full(out, "trex", 0, 0);
    box_u32(out, TRACK);
    box_u32(out, 1);
    box_u32(out, 1024);
    box_end(out);
    box_end(out);
    box_end(out);
}

struct fragment {
    uint32_t track, samples, own_duration;  // own_duration 0: the default
    int64_t start;
    bool lists_durations;  // each 100
    uint32_t count_said;   // 0: the truth
};

static void put_fragment(struct box_writer *out, const struct fragment *fragment)
{
    box_begin(out, "moof");
    box_begin(out, "traf");
    box_begin_full(out, "tfhd", 0, 0x2 | (fragment->own_duration ? 0x8u : 0));
    box_u32(out, fragment->track);
    box_u32(out, 1);
    if (fragment->own_duration)
        box_u32(out, fragment->own_duration);
    box_end(out);
    if (fragment->start >= 0) {
        box_begin_full(out, "tfdt", 1, 0);
        box_u64(out, (uint64_t)fragment->start);
        box_end(out);
    }
    box_begin_full(out, "trun", 0, 0x1 | 0x200 | (fragment->lists_durations ? 0x100u : 0));
    box_u32(out, fragment->count_said ? fragment->count_said : fragment->samples);
    box_u32(out, 0);
    for (uint32_t i = 0; i < fragment->samples; i++) {
        if (fragment->lists_durations)
            box_u32(out, 100);
        box_u32(out, 4);
    }
    box_end(out);
    box_end(out);
    box_end(out);
    box_begin(out, "mdat");
    box_u32(out, 0);
    box_end(out);
}

static const struct row {
    const char *name;
    struct fragment fragments[3];  // until one has no track
    int cut;                       // bytes that are missing at the end
    enum sr_err_code code;
    int64_t start, end;
    uint64_t samples;
    const char *words;
} rows[] = {
    { "the default length", { { TRACK, 3, 0, 1000, false, 0 } }, 0, SR_OK, 1000, 4072, 3, "" },
    { "a length of its own", { { TRACK, 3, 10, 0, false, 0 } }, 0, SR_OK, 0, 30, 3, "" },
    { "a list of lengths", { { TRACK, 3, 10, 50, true, 0 } }, 0, SR_OK, 50, 350, 3, "" },
    { "two that meet",
      { { TRACK, 1, 10, 5, false, 0 }, { TRACK, 2, 10, 15, false, 0 } },
      0,
      SR_OK,
      5,
      35,
      3,
      "" },
    { "another track's is passed over",
      { { 3, 9, 10, 5, false, 0 }, { TRACK, 2, 10, 15, false, 0 } },
      0,
      SR_OK,
      15,
      35,
      2,
      "" },
    { "beyond 32 bits",
      { { TRACK, 1, 1, 1LL << 40, false, 0 } },
      0,
      SR_OK,
      1LL << 40,
      (1LL << 40) + 1,
      1,
      "" },
    { "a gap",
      { { TRACK, 1, 10, 5, false, 0 }, { TRACK, 2, 10, 16, false, 0 } },
      0,
      SR_ERR_INPUT,
      0,
      0,
      0,
      "begins at 16" },
    { "only another track's",
      { { 3, 9, 10, 5, false, 0 } },
      0,
      SR_ERR_INPUT,
      0,
      0,
      0,
      "no sample" },
    { "nothing", { { 0 } }, 0, SR_ERR_INPUT, 0, 0, 0, "no sample" },
    { "no time", { { TRACK, 1, 10, -1, false, 0 } }, 0, SR_ERR_INPUT, 0, 0, 0, "without a time" },
    { "cut within the samples",
      { { TRACK, 3, 0, 0, false, 0 } },
      1,
      SR_ERR_INPUT,
      0,
      0,
      0,
      "within" },
    { "cut within the head",
      { { TRACK, 3, 0, 0, false, 0 } },
      30,
      SR_ERR_INPUT,
      0,
      0,
      0,
      "within" },
    { "more lengths than there are",
      { { TRACK, 3, 0, 0, true, UINT32_MAX } },
      0,
      SR_ERR_INPUT,
      0,
      0,
      0,
      "not whole" },
    { "a sum that does not fit",
      { { TRACK, 1, UINT32_MAX, INT64_MAX, false, 0 } },
      0,
      SR_ERR_INPUT,
      0,
      0,
      0,
      "not whole" },
};

static void each_row(void **state)
{
    const struct row *const row = *state;
    const struct fragment_form form = { .track_id = TRACK,
                                        .timescale = CLOCK,
                                        .default_duration = 1024 };
    sr_auto(box_writer) struct box_writer out = { 0 };
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    struct fragment_span span = { 0 };
    struct sr_err err = { 0 };
    box_begin(&out, "styp");
    box_end(&out);
    for (size_t i = 0; i < SR_TEST_COUNT(row->fragments) && row->fragments[i].track; i++)
        put_fragment(&out, &row->fragments[i]);
    sr_assert_ok(box_writer_ok(&out, &err), err);
    sr_assert_ok(
        sr_memory_reader_open(out.bytes.text, out.bytes.bytes - (size_t)row->cut, &reader, &err),
        err);
    const bool done = fragment_span_read(&reader, &form, &span, &err);
    assert_int_equal(err.code, row->code);
    assert_int_equal(done, row->code == SR_OK);
    sr_assert_contains(err.message, row->words);
    assert_int_equal(span.start_ticks, row->start);
    assert_int_equal(span.end_ticks, row->end);
    assert_int_equal(span.sample_count, row->samples);
}

static void forms(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        for (int sound = 0; sound < 2; sound++) {
            sr_auto(box_writer) struct box_writer out = { 0 };
            sr_auto(sr_reader) struct sr_reader reader = { 0 };
            struct fragment_form form = { 0 };
            struct sr_err err = { 0 };
            put_init(&out, sound ? "soun" : "vide", 1024, wide);
            sr_assert_ok(sr_memory_reader_open(out.bytes.text, out.bytes.bytes, &reader, &err),
                         err);
            sr_assert_ok(fragment_form_read(&reader, &form, &err), err);
            assert_int_equal(form.track_id, TRACK);
            assert_int_equal(form.timescale, CLOCK);
            assert_int_equal(form.default_duration, 1024);
            assert_int_equal(form.priming_ticks, sound ? 1024 : 0);
        }
    }
}

// Every beginning of a good init segment is refused, without a read behind its end.
static void half_forms(void **state)
{
    (void)state;
    sr_auto(box_writer) struct box_writer out = { 0 };
    put_init(&out, "soun", 1024, false);
    for (size_t bytes = 0; bytes < out.bytes.bytes; bytes++) {
        sr_auto(sr_reader) struct sr_reader reader = { 0 };
        sr_auto(char) char *part = malloc(bytes + 1);
        struct fragment_form form = { 0 };
        struct sr_err err = { 0 };
        assert_non_null(part);
        memcpy(part, out.bytes.text, bytes);
        sr_assert_ok(sr_memory_reader_open(part, bytes, &reader, &err), err);
        sr_assert_fails(fragment_form_read(&reader, &form, &err), SR_ERR_INPUT, err);
        assert_int_equal(form.timescale, 0);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(forms);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(half_forms);
    return sr_test_run(__FILE__, tests, count);
}
