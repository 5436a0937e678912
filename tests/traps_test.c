// Every row of the trap table of docs/traps.md: a whole job on the fixtures made for it, its output
// judged by a stock decoder. docs/traps.md names these tests; tests/docs_test.sh holds it to that.
#include <libavutil/pixfmt.h>
#include <math.h>
#include <unistd.h>

#include "base/test.h"
#include "tests/judge.h"
#include "tests/title.h"

struct seen {
    const struct title *title;
    const struct title_run *run;
    struct judge source, output;
};

struct trap {
    const char *name;  // "trap: fixture"; the file's name is what follows the colon
    const char *words[3];
    size_t segments_min, segments_max;
    void (*check)(const struct seen *seen);
    enum {
        TIMES_ARE_ROUGH = 1,  // the source's times are broken: only their order and their rate hold
        SOUND_IS_ROUGH = 2,   // the source's sound has no exact times
        PICTURES_ARE_DAMAGED = 4,
        EDITS_ARE_IGNORED = 8,  // libavformat does not apply the edit lists of fragmented files
    } how;
};

#define BY_KEYFRAME "--segment-mode keyframe --segment 1s"
#define BY_GRID "--segment-mode grid --segment 0.5s"
#define BOTH                                                                                       \
    {                                                                                              \
        BY_KEYFRAME, BY_GRID                                                                       \
    }
enum { MANY = 1000 };

// What holds for every output
// ----------------------------------------------------------------------
static void check_pictures(const struct trap *trap, const struct seen *seen)
{
    const struct title *const title = seen->title;
    const struct judge_video *const video = &seen->output.video;
    assert_int_equal(seen->output.video_streams, 1);
    assert_int_equal(seen->output.decode_errors, 0);
    assert_true(video->has_one_size);
    if (video->count != title->frames)
        fail_msg("%zu pictures, want %zu", video->count, title->frames);
    const bool is_rough = trap->how & TIMES_ARE_ROUGH;
    // What the manifest says of times is rounded to a millisecond when they are irregular.
    const double slack = title->is_constant ? 2e-4 : 1.1e-3;
    for (size_t i = 0; i < video->count; i++) {
        const struct judge_picture *const picture = &video->pictures[i];
        if (picture->number != title->numbers[i] && !(trap->how & PICTURES_ARE_DAMAGED))
            fail_msg("picture %zu is number %d, want %d", i, picture->number, title->numbers[i]);
        if (i > 0 && picture->time <= video->pictures[i - 1].time)
            fail_msg("picture %zu: time does not rise at %f", i, picture->time);
        const double time = picture->time - video->pictures[0].time;
        if (!is_rough && fabs(time - title->times[i]) > slack)
            fail_msg("picture %zu is at %f s, want %f s", i, time, title->times[i]);
    }
}

// One header, an IDR first, decode times that rise, no picture before it can be decoded.
static void check_packets(const struct judge_video *video)
{
    assert_int_equal(video->headers, 1);
    assert_true(video->packet_count > 0);
    assert_true(video->packets[0].is_idr);
    for (size_t i = 0; i < video->packet_count; i++) {
        const struct judge_packet *const packet = &video->packets[i];
        if (packet->pts < packet->dts)
            fail_msg("packet %zu: presented before it is decoded", i);
        if (i > 0 && packet->dts <= video->packets[i - 1].dts)
            fail_msg("packet %zu: decode time does not rise", i);
        if (packet->is_key && !packet->is_idr)
            fail_msg("packet %zu: a key frame that is no IDR", i);
    }
}

static double zero_of(const struct judge *judge)
{
    return judge->video.count > 0 ? judge->video.pictures[0].time : judge->audio[0].start;
}

// A beep is three times as loud as the tone under it. Seconds after the track's start; -1: none.
static double find_beep(const struct judge_audio *audio, double from_s)
{
    for (int64_t i = (int64_t)(from_s * audio->rate); i < audio->places; i++) {
        if (i >= 0 && fabsf(audio->sound[i]) > 0.2F)
            return (double)i / audio->rate;
    }
    return -1;
}

static void check_lag(const struct seen *seen, int a, double beep, int64_t slack)
{
    const struct judge_audio *const from = &seen->source.audio[a], *const to =
                                                                       &seen->output.audio[a];
    if (beep < 0)
        return;
    const double zero = zero_of(&seen->source);
    const int64_t lag =
        judge_lag(from, zero, to, zero_of(&seen->output), from->start + beep - 0.05 - zero);
    if (llabs(lag) > slack)
        fail_msg("sound %d at %.3f s is %lld samples late", a, beep, (long long)lag);
}

static void check_track(const struct trap *trap, const struct seen *seen, int a)
{
    const struct title_audio *const want = &seen->title->audio[a];
    const struct judge_audio *const from = &seen->source.audio[a], *const to =
                                                                       &seen->output.audio[a];
    const bool is_exact = want->samples >= 0 && !(trap->how & EDITS_ARE_IGNORED);
    // One millisecond, where the container counts those.
    const int64_t slack = is_exact ? 2 : want->rate / 1000 + 2;
    assert_int_equal(to->rate, want->rate);
    assert_int_equal(to->channels, want->channels);
    if (is_exact)
        assert_int_equal(to->samples, want->samples);
    const int64_t length = trap->how & TIMES_ARE_ROUGH ? from->decoded : from->places;
    if (!is_exact && !(trap->how & SOUND_IS_ROUGH) && llabs(to->samples - length) > slack)
        fail_msg("sound %d lasts %lld samples, want %lld", a, (long long)to->samples,
                 (long long)length);
    if (trap->how & (SOUND_IS_ROUGH | TIMES_ARE_ROUGH))
        return;
    const double offset_from = from->start - zero_of(&seen->source);
    const double offset_to = to->start - zero_of(&seen->output);
    if (fabs(offset_from - offset_to) > 1.1e-3)
        fail_msg("sound %d begins %.6f s after the picture, want %.6f s", a, offset_to,
                 offset_from);
    check_lag(seen, a, find_beep(from, 0.2), slack);
    check_lag(seen, a, find_beep(from, (double)from->places / from->rate - 1.2), slack);
}

static void check_sound(const struct trap *trap, const struct seen *seen)
{
    assert_int_equal(seen->output.audio_streams, (int)seen->title->audio_count);
    for (int a = 0; a < (int)seen->title->audio_count; a++)
        check_track(trap, seen, a);
}

static void each_trap(void **state)
{
    const struct trap *const trap = *state;
    const char *const file = strstr(trap->name, ": ") + 2;
    sr_auto(title) struct title *title = title_new(file);
    struct seen seen = { .title = title };
    if (title->audio_count > 0)
        judge_file(title->path, &seen.source);
    for (size_t i = 0; i < 3 && trap->words[i]; i++) {
        char name[128];
        snprintf(name, sizeof(name), "%s.%zu.%s", file, i, title->has_video ? "mp4" : "m4a");
        sr_auto(title_run) struct title_run run = { 0 };
        title_run_ok(title->path, name, trap->words[i], &run);
        seen.run = &run;
        if (run.segment_count < trap->segments_min || run.segment_count > trap->segments_max)
            fail_msg("%zu segments with %s, want %zu to %zu", run.segment_count, trap->words[i],
                     trap->segments_min, trap->segments_max);
        judge_file(run.output, &seen.output);
        if (title->has_video) {
            check_pictures(trap, &seen);
            check_packets(&seen.output.video);
        } else {
            assert_int_equal(seen.output.video_streams, 0);
        }
        check_sound(trap, &seen);
        if (trap->check)
            trap->check(&seen);
        judge_done(&seen.output);
        unlink(run.output);
    }
    judge_done(&seen.source);
}

// What holds for one ------------------------------------------------------------------------------
static void says_why_one(const struct seen *seen)
{
    assert_int_equal(seen->run->segment_count, 1);
    assert_non_null(seen->run->why_one);
    assert_true(strlen(seen->run->why_one) > 5);
}

// A wall clock's gap of 5 s between two pictures is kept.
static void keeps_gap(const struct seen *seen)
{
    const struct judge_picture *const pictures = seen->output.video.pictures;
    assert_true(fabs(pictures[125].time - pictures[124].time - 5.04) < 0.011);
}

// Where the clock restarts, time goes on at the film's rate.
static void bridges_restart(const struct seen *seen)
{
    const struct judge_picture *const pictures = seen->output.video.pictures;
    for (size_t i = 1; i < seen->output.video.count; i++) {
        const double step = pictures[i].time - pictures[i - 1].time;
        if (fabs(step - 0.04) > (i == 125 ? 0.05 : 0.0011))
            fail_msg("picture %zu follows after %f s", i, step);
    }
}

// Two pictures are cut off at the start, as shown and not as stored; no other is missing.
static void begins_at_third(const struct seen *seen)
{
    for (size_t i = 0; i < seen->output.video.count; i++)
        assert_int_equal(seen->output.video.pictures[i].number, (int)i + 2);
}

static void is_upright(const struct seen *seen)
{
    assert_false(seen->output.video.has_matrix);
    assert_int_equal(seen->output.video.width, 192);
    assert_int_equal(seen->output.video.height, 320);
}

static void keeps_aspect(const struct seen *seen)
{
    const struct judge_video *const video = &seen->output.video;
    assert_int_equal(video->width, 240);
    assert_int_equal(video->height, 180);
    assert_true(fabs(video->sample_aspect - 4.0 / 3) < 1e-3);
}

static void is_even(const struct seen *seen)
{
    assert_int_equal(seen->output.video.width, 160);
    assert_int_equal(seen->output.video.height, 120);
    assert_string_equal(seen->output.video.pixel_format, "yuv420p");
}

static void is_eight_bit(const struct seen *seen)
{
    assert_string_equal(seen->output.video.pixel_format, "yuv420p");
}

static void keeps_full_range(const struct seen *seen)
{
    const struct judge_video *const video = &seen->output.video;
    assert_int_equal(video->range, AVCOL_RANGE_JPEG);
    assert_int_equal(video->primaries, AVCOL_PRI_BT709);
    assert_int_equal(video->transfer, AVCOL_TRC_BT709);
    assert_int_equal(video->space, AVCOL_SPC_BT709);
}

static void keeps_hdr10(const struct seen *seen)
{
    const struct judge_video *const video = &seen->output.video;
    struct judge source;
    judge_file(seen->title->path, &source);
    assert_string_equal(video->pixel_format, "yuv420p10le");
    assert_int_equal(video->transfer, AVCOL_TRC_SMPTE2084);
    assert_int_equal(video->primaries, AVCOL_PRI_BT2020);
    assert_int_equal(video->space, AVCOL_SPC_BT2020_NCL);
    assert_true(source.video.has_mastering && source.video.has_light_level);
    assert_true(video->has_mastering);
    assert_true(fabs(video->mastering_luminance_max - source.video.mastering_luminance_max) < 0.01);
    assert_true(fabs(video->mastering_red_x - source.video.mastering_red_x) < 1e-4);
    assert_true(video->has_light_level);
    assert_int_equal(video->light_level_max, source.video.light_level_max);
    judge_done(&source);
}

static void keeps_hlg(const struct seen *seen)
{
    const struct judge_video *const video = &seen->output.video;
    assert_string_equal(video->pixel_format, "yuv420p10le");
    assert_int_equal(video->transfer, AVCOL_TRC_ARIB_STD_B67);
    assert_int_equal(video->primaries, AVCOL_PRI_BT2020);
    assert_false(video->has_mastering);
}

static void is_flagged(const struct seen *seen, bool top_first)
{
    for (size_t i = 0; i < seen->output.video.count; i++) {
        assert_true(seen->output.video.pictures[i].is_interlaced);
        assert_int_equal(seen->output.video.pictures[i].is_top_first, top_first);
    }
}
static void is_top_first(const struct seen *seen)
{
    is_flagged(seen, true);
}
static void is_bottom_first(const struct seen *seen)
{
    is_flagged(seen, false);
}

static void is_progressive(const struct seen *seen)
{
    for (size_t i = 0; i < seen->output.video.count; i++)
        assert_false(seen->output.video.pictures[i].is_interlaced);
}

// The first picture's size is the title's.
static void has_first_size(const struct seen *seen)
{
    assert_int_equal(seen->output.video.width, seen->title->width);
    assert_int_equal(seen->output.video.height, seen->title->height);
}

static void keeps_languages(const struct seen *seen)
{
    const struct judge_audio *const audio = seen->output.audio;
    assert_string_equal(audio[0].language, "eng");
    assert_true(strcmp(audio[1].language, "deu") == 0 || strcmp(audio[1].language, "ger") == 0);
    assert_false(audio[0].is_default);
    assert_true(audio[1].is_default);
}

// Its pictures are the ones that say so: the smaller track has numbers of its own or another size.
static void took_the_default(const struct seen *seen)
{
    has_first_size(seen);
}

static void says_damage(const struct seen *seen)
{
    const json_t *const count = json_object_get(seen->run->report, "damage_count");
    const json_t *const list = json_object_get(seen->run->report, "damage");
    assert_true(json_integer_value(count) > 0);
    assert_true(json_array_size(list) > 0);
    assert_true(json_is_integer(json_object_get(json_array_get(list, 0), "time_us")));
}

static const struct trap traps[] = {
    // A segment is an interval of presentation time.
    { "interval: closed-gop.mp4", BOTH, 10, 20, NULL, 0 },
    { "interval: one-frame-tail.mp4", BOTH, 9, 21, NULL, 0 },
    { "interval: one-frame.mp4", BOTH, 1, 1, NULL, 0 },
    { "interval: prores.mov", BOTH, 1, 2, NULL, 0 },
    { "interval: mjpeg.avi", BOTH, 2, 4, NULL, 0 },
    { "interval: ffv1.mkv", BOTH, 1, 4, NULL, 0 },
    // Leading pictures of open GOPs.
    { "leading pictures: open-gop.ts", BOTH, 8, MANY, NULL, 0 },
    { "leading pictures: open-gop-hevc.mp4", BOTH, 6, MANY, NULL, 0 },
    { "leading pictures: closed-gop-hevc.mkv", BOTH, 4, MANY, NULL, 0 },
    { "leading pictures: mpeg2.ts", BOTH, 5, MANY, NULL, 0 },
    { "leading pictures: mpeg2.mpg", BOTH, 1, MANY, NULL, 0 },
    { "leading pictures: raw.hevc", BOTH, 1, MANY, NULL, 0 },
    { "leading pictures: starts-mid-gop.ts", BOTH, 5, MANY, NULL, 0 },
    // Random access points.
    { "random access: bad-key-flags.mkv", BOTH, 1, MANY, NULL, 0 },
    { "random access: bad-sync-samples.mp4", BOTH, 1, MANY, NULL, 0 },
    { "random access: bad-cues.mkv", BOTH, 1, MANY, NULL, 0 },
    { "random access: all-key.mp4", BOTH, 1, MANY, NULL, 0 },
    { "random access: gop-kind-changes.mp4", BOTH, 10, MANY, NULL, 0 },
    { "random access: recovery-point.mp4", BOTH, 1, MANY, NULL, 0 },
    { "random access: b-pyramid.mkv", BOTH, 4, MANY, NULL, 0 },
    { "random access: vp8.webm", BOTH, 1, MANY, NULL, 0 },
    { "random access: vp9-altref.webm", BOTH, 1, MANY, NULL, 0 },
    { "random access: av1.mp4", BOTH, 1, MANY, NULL, 0 },
    { "random access: theora.ogv", BOTH, 1, MANY, NULL, 0 },
    { "random access: packed-mpeg4.avi", BOTH, 1, MANY, NULL, 0 },
    // Audio over the whole title.
    { "audio: audio-only.m4a", { BY_KEYFRAME }, 0, 0, NULL, 0 },
    { "audio: audio-only.flac", { BY_KEYFRAME }, 0, 0, NULL, 0 },
    { "audio: audio-only.mp3", { BY_KEYFRAME }, 0, 0, NULL, 0 },
    { "audio: mono-8k.mp4", { BY_KEYFRAME }, 1, MANY, NULL, 0 },
    { "audio: audio-51.mkv", { BY_KEYFRAME }, 1, MANY, NULL, 0 },
    { "audio: audio-short.mp4", { BY_KEYFRAME }, 1, MANY, NULL, 0 },
    { "audio: audio-gap.ts", { BY_KEYFRAME }, 1, MANY, NULL, 0 },
    { "audio: audio-gap.mkv", { BY_KEYFRAME }, 1, MANY, NULL, 0 },
    { "audio: opus.webm", { BY_KEYFRAME }, 1, MANY, NULL, 0 },
    // One timeline.
    { "timeline: edit-list.mp4", BOTH, 7, MANY, NULL, 0 },
    { "timeline: empty-edit.mp4", BOTH, 10, MANY, NULL, 0 },
    { "timeline: late-audio.mp4", BOTH, 10, MANY, NULL, 0 },
    { "timeline: early-audio.ts", BOTH, 10, MANY, NULL, 0 },
    { "timeline: negative-start.mkv", BOTH, 10, MANY, NULL, 0 },
    { "timeline: negative-cts.mp4", BOTH, 10, MANY, NULL, 0 },
    { "timeline: late-fragments.mp4", BOTH, 1, MANY, NULL, 0 },
    { "timeline: fragmented.mp4", BOTH, 1, MANY, NULL, EDITS_ARE_IGNORED },
    { "timeline: ts-gap.ts", BOTH, 10, MANY, keeps_gap, 0 },
    { "timeline: ts-restart.ts", BOTH, 10, MANY, bridges_restart, TIMES_ARE_ROUGH },
    { "timeline: pts-wrap.ts", BOTH, 10, MANY, NULL, 0 },
    { "timeline: flv.flv", BOTH, 10, MANY, NULL, 0 },
    { "missing times: missing-times.mkv", BOTH, 8, MANY, NULL, SOUND_IS_ROUGH },
    { "missing times: no-timestamps.h264", BOTH, 1, MANY, NULL, 0 },
    { "missing times: no-pts.avi", BOTH, 1, MANY, NULL, SOUND_IS_ROUGH },
    { "missing times: no-ctts.mp4", BOTH, 4, MANY, NULL, TIMES_ARE_ROUGH },
    { "missing times: no-ctts-edit.mp4", BOTH, 4, MANY, begins_at_third,
      TIMES_ARE_ROUGH | PICTURES_ARE_DAMAGED },
    { "missing times: no-ctts-mpeg4.mp4", BOTH, 1, MANY, NULL, TIMES_ARE_ROUGH },
    { "missing times: packed-mpeg4.mp4", BOTH, 1, MANY, NULL, TIMES_ARE_ROUGH },
    // Variable frame rate.
    { "vfr: vfr.mp4", BOTH, 4, MANY, NULL, 0 },
    { "vfr: vfr.mkv", BOTH, 4, MANY, NULL, 0 },
    { "vfr: ntsc.mkv", BOTH, 7, MANY, NULL, 0 },
    // Carried, applied or refused.
    { "carried: rotated.mp4", BOTH, 2, MANY, is_upright, 0 },
    { "carried: sar.mp4", BOTH, 2, MANY, keeps_aspect, 0 },
    { "carried: odd-size.webm", BOTH, 1, MANY, is_even, 0 },
    { "carried: odd-size-444.mp4", BOTH, 1, MANY, is_even, 0 },
    { "carried: 422-10bit.mp4", BOTH, 1, MANY, is_eight_bit, 0 },
    { "carried: full-range.mp4", BOTH, 1, MANY, keeps_full_range, 0 },
    { "carried: hdr10.mp4", BOTH, 1, MANY, keeps_hdr10, 0 },
    { "carried: hlg.mp4", BOTH, 1, MANY, keeps_hlg, 0 },
    { "carried: interlaced-tff.mp4", BOTH, 2, MANY, is_top_first, 0 },
    { "carried: interlaced-bff.ts", BOTH, 2, MANY, is_bottom_first, 0 },
    { "carried: resolution-change.h264", BOTH, 1, MANY, has_first_size, 0 },
    { "carried: cover-art.mp4", BOTH, 10, MANY, has_first_size, 0 },
    { "carried: cover-art.m4a", { BY_KEYFRAME }, 0, 0, NULL, 0 },
    { "carried: two-audio.mkv", { BY_KEYFRAME }, 10, MANY, keeps_languages, 0 },
    { "carried: two-video.mkv", { BY_KEYFRAME }, 1, MANY, took_the_default, 0 },
    { "carried: with-subs-and-data.mkv", { BY_KEYFRAME }, 1, MANY, NULL, 0 },
    { "carried: timecode.mov", { BY_KEYFRAME }, 1, MANY, NULL, 0 },
    { "deinterlaced: interlaced-tff.mp4",
      { BY_GRID " -deinterlace always" },
      2,
      MANY,
      is_progressive,
      0 },
    // Not split, and the plan says why.
    { "cannot be split: one-keyframe.mp4", { BY_KEYFRAME }, 1, 1, says_why_one, 0 },
    { "cannot be split: plain-i.mkv", { BY_KEYFRAME }, 1, 1, says_why_one, 0 },
    { "cannot be split: bad-key-flags.mkv", { BY_KEYFRAME }, 1, MANY, NULL, 0 },
    { "whole: open-gop.ts", { "--segment-mode off" }, 1, 1, says_why_one, 0 },
    // Damaged: as far as it goes, and said.
    { "damage: truncated.mp4", BOTH, 1, MANY, says_damage, SOUND_IS_ROUGH },
    { "damage: truncated.ts", BOTH, 1, MANY, NULL, SOUND_IS_ROUGH },
    { "damage: truncated.mkv", BOTH, 1, MANY, NULL, SOUND_IS_ROUGH },
    { "damage: bitflip.ts", BOTH, 1, MANY, NULL,
      SOUND_IS_ROUGH | TIMES_ARE_ROUGH | PICTURES_ARE_DAMAGED },
    { "damage: ts-lost.ts", BOTH, 1, MANY, says_damage,
      SOUND_IS_ROUGH | TIMES_ARE_ROUGH | PICTURES_ARE_DAMAGED },
    { "damage: bitflip.mp4", BOTH, 1, MANY, says_damage,
      SOUND_IS_ROUGH | TIMES_ARE_ROUGH | PICTURES_ARE_DAMAGED },
};

// Filters at seams
// ---------------------------------------------------------------------------------- What a filter
// makes of a split title is what it makes of the whole one: same times, same pictures.
struct seam {
    const char *name, *file, *words, *cut;
    double distance_max;  // mean luma difference of partners; coding at CRF 10 costs about 1
};

static const struct seam seams[] = {
    { "seams: rate raised to 60", "closed-gop.mp4", "-crf 10 -r 60", BY_GRID, 4 },
    { "seams: rate lowered to 24000/1001", "open-gop.ts", "-crf 10 -r 24000/1001", BY_GRID, 4 },
    { "seams: rate of a variable source", "vfr.mp4", "-crf 10 -r 30", BY_GRID, 4 },
    { "seams: rate of a variable source by keyframe", "vfr.mkv", "-crf 10 -r 30", BY_KEYFRAME, 4 },
    { "seams: deinterlacing", "interlaced-tff.mp4", "-crf 10 -deinterlace always", BY_GRID, 4 },
    { "seams: scaling", "closed-gop.mp4", "-crf 10 -s 160x90", BY_GRID, 4 },
};

static void each_seam(void **state)
{
    const struct seam *const seam = *state;
    sr_auto(title) struct title *title = title_new(seam->file);
    sr_auto(title_run) struct title_run whole = { 0 }, cut = { 0 };
    char words[256];
    snprintf(words, sizeof(words), "%s -an --segment-mode off", seam->words);
    title_run_ok(title->path, "seam-whole.mp4", words, &whole);
    snprintf(words, sizeof(words), "%s -an %s", seam->words, seam->cut);
    title_run_ok(title->path, "seam-cut.mp4", words, &cut);
    assert_int_equal(whole.segment_count, 1);
    assert_true(cut.segment_count > 2);
    sr_auto(judge) struct judge one = { 0 }, many = { 0 };
    judge_file(whole.output, &one);
    judge_file(cut.output, &many);
    check_packets(&many.video);
    assert_int_equal(one.video.count, many.video.count);
    for (size_t i = 0; i < one.video.count; i++) {
        const struct judge_picture *const a = &one.video.pictures[i];
        const struct judge_picture *const b = &many.video.pictures[i];
        if (fabs(a->time - b->time) > 1e-6 || a->number != b->number)
            fail_msg("picture %zu: number %d at %f, whole %d at %f", i, b->number, b->time,
                     a->number, a->time);
        if (judge_distance(a, b) > seam->distance_max)
            fail_msg("picture %zu differs by %.2f", i, judge_distance(a, b));
    }
}

// Renditions line up
// --------------------------------------------------------------------------------
static void write_text(const char *path, const char *text)
{
    FILE *const file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void run_manifest(const char *text, const char *output, struct title_run *run)
{
    char path[TITLE_PATH_BYTES], words[TITLE_PATH_BYTES + 64];
    snprintf(path, sizeof(path), "%s/%s.json", title_scratch(), output);
    write_text(path, text);
    snprintf(words, sizeof(words), "--manifest %s", path);
    title_run_ok(NULL, output, words, run);
}

static void renditions_line_up(void **state)
{
    (void)state;
    sr_auto(title) struct title *title = title_new("open-gop.ts");
    char text[2048], path[TITLE_PATH_BYTES + 32];
    snprintf(text, sizeof(text),
             "{\"version\":1,\"input\":\"%s\",\"output\":\"%s/ladder\","
             "\"segments\":{\"mode\":\"grid\",\"target\":\"2s\"},"
             "\"renditions\":["
             "{\"id\":\"big\",\"codec\":\"h264\",\"height\":180,\"preset\":\"ultrafast\"},"
             "{\"id\":\"small\",\"codec\":\"h264\",\"height\":90,\"preset\":\"veryfast\"},"
             "{\"id\":\"aac\",\"codec\":\"aac\"}],"
             "\"outputs\":["
             "{\"type\":\"mp4\",\"path\":\"big.mp4\",\"use\":[\"big\",\"aac\"]},"
             "{\"type\":\"mp4\",\"path\":\"small.mp4\",\"use\":[\"small\",\"aac\"]}]}",
             title->path, title_scratch());
    sr_auto(title_run) struct title_run run = { 0 };
    run_manifest(text, "ladder", &run);
    sr_auto(judge) struct judge big = { 0 }, small = { 0 };
    snprintf(path, sizeof(path), "%s/big.mp4", run.output);
    judge_file(path, &big);
    snprintf(path, sizeof(path), "%s/small.mp4", run.output);
    judge_file(path, &small);
    assert_int_equal(big.video.height, 180);
    assert_int_equal(small.video.height, 90);
    assert_int_equal(big.video.count, title->frames);
    assert_int_equal(small.video.count, title->frames);
    size_t keys = 0;
    for (size_t i = 0, j = 0;; i++, j++, keys++) {
        while (i < big.video.packet_count && !big.video.packets[i].is_key)
            i++;
        while (j < small.video.packet_count && !small.video.packets[j].is_key)
            j++;
        if (i == big.video.packet_count || j == small.video.packet_count) {
            assert_true(i == big.video.packet_count && j == small.video.packet_count);
            break;
        }
        assert_true(fabs(big.video.packets[i].time - small.video.packets[j].time) < 1e-6);
    }
    assert_int_equal(keys, 5);  // 10 s in GOPs of 2 s
    for (size_t i = 0; i < title->frames; i++) {
        assert_int_equal(big.video.pictures[i].number, (int)i);
        assert_int_equal(small.video.pictures[i].number, (int)i);
        assert_true(fabs(big.video.pictures[i].time - small.video.pictures[i].time) < 1e-6);
    }
}

// Rate control
// --------------------------------------------------------------------------------------
static void bitrate_is_refused(void **state)
{
    (void)state;
    sr_auto(title) struct title *title = title_new("closed-gop.mp4");
    sr_auto(title_run) struct title_run run = { 0 };
    title_run(title->path, "bitrate.mp4", "-b:v 1M", &run);
    assert_false(run.done);
    sr_assert_contains(run.err.message, "bitrate");
    assert_int_not_equal(access(run.output, F_OK), 0);
}

// Bits that a decoder's buffer of `size` bits, filled at `rate`, lacks at worst; a full buffer
// first.
static double worst_lack(const struct judge_video *video, double rate, double size)
{
    double fill = size, lack = 0;
    for (size_t i = 0; i < video->packet_count; i++) {
        if (i > 0) {
            const double step = (double)(video->packets[i].dts - video->packets[i - 1].dts) *
                                video->seconds_per_tick;
            fill = fmin(size, fill + rate * step);
        }
        fill -= 8 * (double)video->packets[i].bytes;
        lack = fmax(lack, -fill);
    }
    return lack;
}

static void buffer_holds_across_seams(void **state)
{
    (void)state;
    sr_auto(title) struct title *title = title_new("closed-gop.mp4");
    sr_auto(title_run) struct title_run run = { 0 };
    title_run_ok(title->path, "buffer.mp4",
                 "-an -preset veryfast -crf 12 -maxrate 400k -bufsize 800k " BY_GRID, &run);
    sr_auto(judge) struct judge judge = { 0 };
    judge_file(run.output, &judge);
    size_t bytes = 0;
    for (size_t i = 0; i < judge.video.packet_count; i++)
        bytes += judge.video.packets[i].bytes;
    assert_true((double)bytes * 8 / 10 > 200e3);  // the limit is felt
    const double lack = worst_lack(&judge.video, 400e3, 800e3);
    if (lack > 0)
        fail_msg("a decoder's buffer lacks %.0f of 800000 bits", lack);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(traps) + SR_TEST_COUNT(seams) + 3];
    size_t count = SR_TEST_ADD(tests, traps, each_trap);
    count +=
        sr_test_add_rows(tests + count, seams, SR_TEST_COUNT(seams), sizeof(seams[0]), each_seam);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(renditions_line_up);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(bitrate_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(buffer_holds_across_seams);
    if (getenv("ONLY"))
        cmocka_set_test_filter(getenv("ONLY"));
    const int failed = sr_test_run(__FILE__, tests, count);
    title_scratch_done();
    return failed;
}
