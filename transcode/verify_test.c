// Titles made in memory, right and wrong in one place each: the verdict and the segment that is
// named.
#include "transcode/verify.h"

#include "transcode/media_log.h"
#include "transcode/test_title.h"

static struct title right;  // made once

static void look(const uint8_t *data, size_t bytes, const struct title *title,
                 struct verify_result *ret)
{
    struct sr_err err = { 0 };
    struct media_source source = { .name = "out.mp4" };
    sr_assert_ok(sr_memory_reader_open(data, bytes, &source.reader, &err), err);
    sr_assert_ok(verify_output(&source, title->tracks, 2, ret, &err), err);
    sr_reader_close(&source.reader);
}

// The first finding must name the segment.
static void expect(const struct verify_result *result, int64_t segment, const char *words)
{
    if (segment < 0) {
        if (result->verdict != VERIFY_PASS)
            fail_msg("FAIL: %s", result->findings[0].message);
        return;
    }
    assert_int_equal(result->verdict, VERIFY_FAIL);
    assert_true(result->finding_count > 0);
    if (result->findings[0].segment_number != segment ||
        !strstr(result->findings[0].message, words))
        fail_msg("\"%s\" of segment %" PRId64 ", want \"%s\" of %" PRId64,
                 result->findings[0].message, result->findings[0].segment_number, words, segment);
}

static void what_was_made_passes(void **state)
{
    (void)state;
    for (int is_fragmented = 0; is_fragmented < 2; is_fragmented++) {
        uint8_t *data;
        size_t bytes;
        struct verify_result result;
        mux_title(&right, is_fragmented, &data, &bytes);
        look(data, bytes, &right, &result);
        expect(&result, -1, "");
        assert_int_equal(result.frames_seen, SEGMENTS * SEGMENT_PICTURES);
        assert_int_equal(result.samples_seen, SEGMENTS * SEGMENT_PICTURES * AUDIO_RATE / 25);
        // 3 pictures after each seam, and 3 of the last group.
        assert_int_equal(result.frames_decoded, SEGMENTS * 6);
        struct sr_err err = { 0 };
        sr_auto(json) json_t *json = NULL;
        sr_assert_ok(verify_json(&result, &json, &err), err);
        assert_string_equal(json_string_value(json_object_get(json, "verdict")), "PASS");
        free(data);
    }
}

static const struct row {
    const char *name;
    enum spoil spoil;
    int spoiled;
    int64_t audio_late;
    bool agrees;  // the documents are those of what was spoilt
    int64_t segment;
    const char *words;
} rows[] = {
    { "a picture is dropped", SPOIL_DROP, 3, 0, false, 3, "" },
    { "a picture of the last segment is dropped", SPOIL_DROP, 4, 0, false, 4, "" },
    { "a sample takes another's place", SPOIL_REPEAT, 2, 0, false, 2, "twice" },
    { "two samples are swapped", SPOIL_SWAP, 2, 0, false, 2, "missing" },
    { "a segment comes a picture late", SPOIL_LATE, 4, 0, false, 4, "want" },
    { "one byte is not what was made", SPOIL_BYTE, 1, 0, false, 1, "bytes" },
    { "sound comes a frame late", SPOIL_NOTHING, 0, AUDIO_FRAME_SAMPLES, false, 1, "want" },
    { "a picture after the seam cannot be decoded", SPOIL_HEAD, 3, 0, true, 3, "picture at" },
    { "a picture before the seam cannot be decoded", SPOIL_TAIL, 2, 0, true, 2, "picture at" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct title wrong;
    make_title(&wrong, &(struct title_params){ .spoil = row->spoil,
                                               .spoiled = row->spoiled,
                                               .audio_late = row->audio_late });
    uint8_t *data;
    size_t bytes;
    struct verify_result result;
    mux_title(&wrong, false, &data, &bytes);
    look(data, bytes, row->agrees ? &wrong : &right, &result);
    expect(&result, row->segment, row->words);
    free(data);
    title_done(&wrong);
}

static void a_spoilt_file_is_a_finding(void **state)
{
    (void)state;
    uint8_t *data;
    size_t bytes;
    struct verify_result result;
    mux_title(&right, false, &data, &bytes);

    look(data, bytes - 100, &right, &result);  // the last samples are cut
    assert_int_equal(result.verdict, VERIFY_FAIL);
    look(data, 20, &right, &result);
    expect(&result, 0, "out.mp4: cannot be opened");
    look(data, 0, &right, &result);
    assert_int_equal(result.verdict, VERIFY_FAIL);
    // Every byte of the head matters, or is one that no reader looks at: never a crash, never an
    // error.
    for (size_t i = 0; i < 3000 && i < bytes; i += 37) {
        data[i] ^= 0x55;
        look(data, bytes, &right, &result);
        data[i] ^= 0x55;
    }
    look(data, bytes, &right, &result);
    expect(&result, -1, "");
    free(data);
}

static void documents_that_do_not_meet(void **state)
{
    (void)state;
    uint8_t *data;
    size_t bytes;
    struct verify_result result;
    mux_title(&right, false, &data, &bytes);
    right.video[2].part.start_pts += 5;
    look(data, bytes, &right, &result);
    expect(&result, 3, "begins at");
    right.video[2].part.start_pts -= 5;
    right.video[1].part.frame_count++;
    look(data, bytes, &right, &result);
    expect(&result, 2, "pictures");
    right.video[1].part.frame_count--;
    right.audio.part.end_pts--;
    look(data, bytes, &right, &result);
    expect(&result, 1, "its sound ends at");
    right.audio.part.end_pts++;
    right.tracks[0].part_count--;
    look(data, bytes, &right, &result);
    assert_int_equal(result.verdict, VERIFY_FAIL);
    free(data);
    right.tracks[0].part_count++;
}

static bool cut_read(void *self, uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                     struct sr_err *err)
{
    (void)self;
    (void)offset;
    (void)buffer;
    (void)bytes;
    (void)ret_bytes;
    return sr_fail(err, SR_ERR_NETWORK, "the cable was cut");
}
static uint64_t cut_size(void *self)
{
    (void)self;
    return 1000;
}
static void cut_close(void *self)
{
    (void)self;
}

static void what_keeps_it_from_looking_is_an_error(void **state)
{
    (void)state;
    static const struct sr_reader_ops ops = { cut_read, cut_size, cut_close };
    struct verify_result result;
    struct sr_err err = { 0 };
    const struct media_source source = { .reader = { &ops, NULL }, .name = "out.mp4" };
    sr_assert_fails(verify_output(&source, right.tracks, 2, &result, &err), SR_ERR_NETWORK, err);
}

static int make_right(void **state)
{
    (void)state;
    make_title(&right, &(struct title_params){ 0 });
    return 0;
}

static int free_right(void **state)
{
    (void)state;
    title_done(&right);
    return 0;
}

int main(void)
{
    media_log_init();
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 4];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_was_made_passes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_spoilt_file_is_a_finding);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(documents_that_do_not_meet);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_keeps_it_from_looking_is_an_error);
    return _cmocka_run_group_tests(__FILE__, tests, count, make_right, free_right);
}
