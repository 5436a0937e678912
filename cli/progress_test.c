#include "base/test.h"

#include "base/jx.h"
#include "cli/progress.h"

static struct progress_view half(void)
{
    struct progress_view view = {
        .stage = RUN_ENCODING,
        .frames_total = 1500,
        .frames_done = 750,
        .frames_reused = 250,
        .duration_us = 60000000,
        .elapsed_us = 10000000,
        .segment_count = 6,
        .cell_count = 6,
    };
    static const uint8_t cells[] = { RUN_CELL_REUSED, RUN_CELL_DONE,  RUN_CELL_DONE,
                                     RUN_CELL_RUNS,   RUN_CELL_WAITS, RUN_CELL_WAITS };
    memcpy(view.cells, cells, sizeof(cells));
    return view;
}

static void the_bar_has_a_cell_per_segment(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str line = { 0 };
    const struct progress_view view = half();
    sr_assert_ok(progress_line(&view, PROGRESS_BAR, 120, false, &line, &err), err);
    // 500 pictures in 10 s are 50 a second; 20 s of 60 in 10 s are twice real time; 750 are left,
    // 15 s.
    assert_string_equal(line.text,
                        "encoding  49.5% frame 750/1500 50.0 fps 2.00x ETA 0:00:15 [=##>..]");
}

static void many_segments_share_cells(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str line = { 0 };
    struct progress_view view = half();
    view.segment_count = view.cell_count = RUN_CELLS_MAX;
    memset(view.cells, RUN_CELL_DONE, sizeof(view.cells));
    view.cells[RUN_CELLS_MAX - 1] = RUN_CELL_WAITS;
    sr_assert_ok(progress_line(&view, PROGRESS_BAR, 80, false, &line, &err), err);
    sr_assert_contains(line.text, "[#################.]");
}

static void json_has_the_names_of_ffmpeg(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str line = { 0 };
    const struct progress_view view = half();
    sr_assert_ok(progress_line(&view, PROGRESS_JSON, 80, true, &line, &err), err);
    sr_auto(json) json_t *json = NULL;
    sr_assert_ok(jx_parse(line.text, line.bytes, false, &json, &err), err);
    assert_int_equal(json_integer_value(json_object_get(json, "frame")), 750);
    assert_int_equal(json_integer_value(json_object_get(json, "out_time_us")), 30000000);
    assert_string_equal(json_string_value(json_object_get(json, "speed")), "2.00x");
    assert_string_equal(json_string_value(json_object_get(json, "progress")), "end");
}

static void nothing_yet_divides_by_nothing(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str line = { 0 };
    const struct progress_view view = { 0 };
    sr_assert_ok(progress_line(&view, PROGRESS_PLAIN, 80, false, &line, &err), err);
    assert_string_equal(line.text, "probing   0.0% frame 0/0 0.0 fps 0.00x");
}

static void audio_alone_counts_its_length(void **state)
{
    (void)state;
    const struct progress_view view = { .stage = RUN_ENCODING,
                                        .audio_us_total = 100,
                                        .audio_us_done = 50 };
    assert_true(progress_percent(&view) == 49.5);
    const struct progress_view beyond = { .stage = RUN_ENCODING,
                                          .audio_us_total = 100,
                                          .audio_us_done = 500 };
    assert_true(progress_percent(&beyond) == 99);
}

static void the_thread_ends_with_a_last_line(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct run_progress *const run = calloc(1, sizeof(*run));
    assert_non_null(run);
    FILE *const file = tmpfile();
    assert_non_null(file);
    struct progress *progress = NULL;
    sr_assert_ok(progress_start(run, PROGRESS_AUTO, file, &progress, &err), err);
    atomic_store(&run->stage, RUN_ENDED);
    progress_stop(progress);
    char line[128];
    rewind(file);
    assert_non_null(fgets(line, sizeof(line), file));
    sr_assert_contains(line, "done 100.0%");
    assert_int_equal(fclose(file), 0);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bar_has_a_cell_per_segment),
        cmocka_unit_test(many_segments_share_cells),
        cmocka_unit_test(json_has_the_names_of_ffmpeg),
        cmocka_unit_test(nothing_yet_divides_by_nothing),
        cmocka_unit_test(audio_alone_counts_its_length),
        cmocka_unit_test(the_thread_ends_with_a_last_line),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
