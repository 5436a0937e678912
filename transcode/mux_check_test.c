// What must not pass: parts that do not belong together, or are not what their documents say.
#include "transcode/mux.h"

#include "transcode/media_log.h"
#include "transcode/test_parts.h"

static void spoil_sample(struct title *title)
{
    title->video[1].data[title->video[1].part.fragments[0].data_offset + 50] ^= 1;
}
static void spoil_header(struct title *title)
{
    title->video[1].data[title->video[1].part.init_bytes - 20] ^= 1;
}
static void spoil_first_header(struct title *title)
{
    title->video[0].data[30] ^= 1;
}
static void cut_file(struct title *title)
{
    title->video[1].bytes -= 3;
}
static void drop_sample(struct title *title)
{
    title->video[1].part.sample_count--;
}
static void swap_parts(struct title *title)
{
    const struct mux_part first = title->parts[0];
    title->parts[0] = title->parts[1];
    title->parts[1] = first;
}
static void repeat_part(struct title *title)
{
    title->parts[1] = title->parts[0];
}
static void leave_a_gap(struct title *title)
{
    struct shape shape = video_2;
    shape.start++;
    shape.pts[0]++;
    made_done(&title->video[1]);
    make(&shape, &title->video[1]);
}
static void other_codec_header(struct title *title)
{
    struct shape shape = video_2;
    shape.level = 1;
    made_done(&title->video[1]);
    make(&shape, &title->video[1]);
}
static void time_goes_back(struct title *title)
{
    title->video[1].part.samples[2].dts = title->video[1].part.samples[0].dts;
}
static void shown_outside(struct title *title)
{
    title->video[1].part.samples[3].pts = title->video[1].part.end_pts;
}
static void no_key_first(struct title *title)
{
    title->video[1].part.samples[0].is_key = false;
}
static void other_timescale(struct title *title)
{
    title->video[1].part.timescale++;
}
static void swap_sample_documents(struct title *title)
{
    struct track_sample *samples = title->video[1].part.samples;
    const uint32_t crc32 = samples[1].crc32;
    samples[1].crc32 = samples[2].crc32;
    samples[2].crc32 = crc32;
}

static const struct bad_row {
    const char *name;
    void (*spoil)(struct title *title);
    const char *message;
} bad_rows[] = {
    { "a byte of a sample", spoil_sample, "segment 2: track 1: the bytes of sample 1" },
    { "two samples' sums swapped", swap_sample_documents,
      "segment 2: track 1: the bytes of sample 2" },
    { "a byte of the second header", spoil_header, "segment 2" },
    { "a byte of the first header", spoil_first_header, "segment 1" },
    { "a file cut short", cut_file, "segment 2" },
    { "a sample missing from the document", drop_sample, "segment 2" },
    { "segments swapped", swap_parts, "segment 2: track 1: begins at 0" },
    { "a segment twice", repeat_part, "segment 2: track 1: begins at 0" },
    { "a gap between segments", leave_a_gap, "segment 2: track 1: begins at 4097" },
    { "another codec header", other_codec_header, "segment 2" },
    { "decode time goes back", time_goes_back, "segment 2" },
    { "a picture outside its segment", shown_outside, "segment 2" },
    { "no key frame first", no_key_first, "segment 2" },
    { "another timescale", other_timescale, "segment 2" },
};

static void each_bad(void **state)
{
    const struct bad_row *row = *state;
    mux_fn *const muxers[] = { mux_mp4, mux_fragmented };
    for (int i = 0; i < 2; i++) {
        struct sr_err err = { 0 };
        struct title title;
        struct sink sink = { 0 };
        make_title(&title);
        row->spoil(&title);
        sr_assert_fails(run(muxers[i], &title, &sink, &err), SR_ERR_VERIFY, err);
        sr_assert_contains(err.message, row->message);
        sr_str_done(&sink.bytes);
        title_done(&title);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(bad_rows)];
    media_log_init();
    const size_t count = SR_TEST_ADD(tests, bad_rows, each_bad);
    return sr_test_run(__FILE__, tests, count);
}
