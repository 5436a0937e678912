// Spec: exact: 60 s, 25 frames/s, open GOPs with B-frames, 1500 frames and AAC: for segments of
// 0.5 s (grid), 2 s and 10 s (both modes) 1500 frames, 60.00 s, 2,880,000 samples, no seam.
#include <math.h>

#include "base/test.h"
#include "tests/judge.h"
#include "tests/title.h"

enum { FRAMES = 1500, SAMPLES = 2880000, RATE = 48000, FRAMES_PER_SECOND = 25 };

static const struct row {
    const char *name, *words;
    size_t segment_count;  // by arithmetic; by keyframe every GOP is 2 s
} rows[] = {
    { "grid, 0.5 s", "--segment-mode grid --segment 0.5s", 120 },
    { "grid, 2 s", "--segment-mode grid --segment 2s", 30 },
    { "grid, 10 s", "--segment-mode grid --segment 10s", 6 },
    { "keyframe, 2 s", "--segment-mode keyframe --segment 2s", 30 },
    { "keyframe, 10 s", "--segment-mode keyframe --segment 10s", 6 },
};

static struct judge source;

static void check_pictures(const struct judge_video *video)
{
    assert_int_equal(video->count, FRAMES);
    for (int i = 0; i < FRAMES; i++) {
        const struct judge_picture *const picture = &video->pictures[i];
        assert_int_equal(picture->number, i);
        if (fabs(picture->time - (double)i / FRAMES_PER_SECOND) > 1e-6)
            fail_msg("picture %d is at %.6f s", i, picture->time);
    }
    assert_true(fabs(video->end - 60.0) < 1e-6);
    assert_int_equal(video->packet_count, FRAMES);
    assert_int_equal(video->headers, 1);
    for (int i = 1; i < FRAMES; i++)
        assert_true(video->packets[i].dts > video->packets[i - 1].dts);
}

// A key frame where each segment begins, so that no picture is predicted over a seam.
static void check_seams(const struct judge_video *video, size_t segment_count)
{
    const double length = 60.0 / (double)segment_count;
    for (size_t s = 0; s < segment_count; s++) {
        bool found = false;
        for (size_t i = 0; i < video->packet_count && !found; i++)
            found = video->packets[i].is_idr &&
                    fabs(video->packets[i].time - (double)s * length) < 1e-6;
        if (!found)
            fail_msg("no IDR at %f s", (double)s * length);
    }
}

// The sound goes on over every seam as if there were none: a lag of no sample, all the way.
static void check_sound(const struct judge_audio *audio)
{
    assert_int_equal(audio->rate, RATE);
    assert_int_equal(audio->samples, SAMPLES);
    assert_true(fabs(audio->start) < 1e-6);
    for (int s = 1; s < 60; s += 6) {
        const int64_t lag = judge_lag(&source.audio[0], 0, audio, 0, s - 0.05);
        if (lag != 0)
            fail_msg("the sound at %d s is %lld samples late", s, (long long)lag);
    }
}

static void each_row(void **state)
{
    const struct row *const row = *state;
    sr_auto(title) struct title *title = title_new("main-60s.mp4");
    sr_auto(title_run) struct title_run run = { 0 };
    sr_auto(judge) struct judge judge = { 0 };
    title_run_ok(title->path, "exact.mp4", row->words, &run);
    assert_int_equal(run.segment_count, row->segment_count);
    judge_file(run.output, &judge);
    assert_int_equal(judge.decode_errors, 0);
    check_pictures(&judge.video);
    check_seams(&judge.video, row->segment_count);
    assert_int_equal(judge.audio_streams, 1);
    check_sound(&judge.audio[0]);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows)];
    const size_t count = SR_TEST_ADD(tests, rows, each_row);
    sr_auto(title) struct title *title = title_new("main-60s.mp4");
    judge_file(title->path, &source);
    const int failed = sr_test_run(__FILE__, tests, count);
    judge_done(&source);
    title_scratch_done();
    return failed;
}
