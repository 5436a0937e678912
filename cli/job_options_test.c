// Words of the command line, and the manifest that they come to.
#include "base/test.h"

#include "cli/job_options.h"

// Parses words (ends with NULL) and makes their manifest; NULL when either fails, with *ret_err.
static struct manifest *parse(const char *const *words, struct job_options *options,
                              struct sr_err *ret_err)
{
    char *argv[24];
    int argc = 0;
    struct manifest *manifest = NULL;
    for (; words[argc]; argc++)
        memcpy(&argv[argc], &words[argc], sizeof(char *));
    if (!job_options_parse(argc, argv, options, ret_err) ||
        !job_options_manifest(options, NULL, &manifest, ret_err))
        return NULL;
    return manifest;
}

static const struct row {
    const char *name;
    const char *words[8];
    enum sr_err_code code;
    const char *says;
} rows[] = {
    { "no words", { NULL }, SR_ERR_INVALID, "no input" },
    { "no output", { "a.mov" }, SR_ERR_INVALID, "-o names it" },
    { "two inputs",
      { "a.mov", "b.mov", "-o", "c.mp4" },
      SR_ERR_INVALID,
      "two inputs: \"a.mov\" and \"b.mov\"" },
    { "an empty name", { "", "-o", "c.mp4" }, SR_ERR_INVALID, "is empty" },
    { "crf beyond",
      { "a", "-o", "c.mp4", "-crf", "52" },
      SR_ERR_INVALID,
      "-crf: want a number 0..51, got 52" },
    { "crf in words",
      { "a", "-o", "c.mp4", "-crf", "best" },
      SR_ERR_INVALID,
      "-crf: want a number 0..51, got \"best\"" },
    { "crf below zero", { "a", "-o", "c.mp4", "-crf", "-1" }, SR_ERR_INVALID, "-crf: want" },
    { "audio rate", { "a", "-o", "c.mp4", "-b:a", "lots" }, SR_ERR_INVALID, "-b:a: want bits" },
    { "audio codec", { "a", "-o", "c.mp4", "-c:a", "mp3" }, SR_ERR_INVALID, "-c:a: want one of" },
    { "frame rate",
      { "a", "-o", "c.mp4", "-r", "0" },
      SR_ERR_INVALID,
      "-r: want frames per second" },
    { "size", { "a", "-o", "c.mp4", "-s", "hd720" }, SR_ERR_INVALID, "-s hd720: want a size" },
    { "segment",
      { "a", "-o", "c.mp4", "--segment", "10ms" },
      SR_ERR_INVALID,
      "--segment: want a length" },
    { "mode",
      { "a", "-o", "c.mp4", "--segment-mode", "gird" },
      SR_ERR_INVALID,
      "--segment-mode: want one of" },
    { "rotation", { "a", "-o", "c.mp4", "-rotate", "45" }, SR_ERR_INVALID, "-rotate: want" },
    { "workers", { "a", "-o", "c.mp4", "-w", "0" }, SR_ERR_INVALID, "-w 0: want" },
    { "progress",
      { "a", "-o", "c.mp4", "--progress", "fancy" },
      SR_ERR_INVALID,
      "--progress fancy" },
    { "map of another file", { "a", "-o", "c.mp4", "-map", "1:v" }, SR_ERR_INVALID, "-map 1:v" },
    { "map without a kind", { "a", "-o", "c.mp4", "-map", "0:1" }, SR_ERR_UNSUPPORTED, "0:a:0" },
    { "no such template", { "a", "-o", "c/", "--template", "hls" }, SR_ERR_INVALID, "hls-1080p" },
    { "no such manifest",
      { "--manifest", "/nonexistent/m.json" },
      SR_ERR_NOT_FOUND,
      "/nonexistent/m.json" },
    { "video codec", { "a", "-o", "c.mp4", "-c:v", "vp9" }, SR_ERR_INVALID, "-c:v vp9" },
    { "cpu flags", { "a", "-o", "c.mp4", "-cpuflags", "sse" }, SR_ERR_INVALID, "want 0" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(job_options) struct job_options options = { 0 };
    sr_auto(manifest) struct manifest *manifest = parse(row->words, &options, &err);
    assert_null(manifest);
    assert_int_equal(err.code, row->code);
    sr_assert_contains(err.message, row->says);
}

static void ffmpegs_spellings(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(job_options) struct job_options options = { 0 };
    static const char *const words[] = { "-i",   "-in.mov", "-c:v",  "libx264",  "-crf",
                                         "21.5", "-preset", "slow",  "-maxrate", "6M",
                                         "-c:a", "aac",     "-b:a",  "96k",      "-ac",
                                         "1",    "-r",      "29.97", "-s",       "64x32",
                                         "-o",   "x.mp4",   NULL };
    sr_auto(manifest) struct manifest *manifest = parse(words, &options, &err);
    if (!manifest)
        fail_msg("%s", err.message);
    const struct rendition *const video = &manifest->renditions[0].asked,
                                  *const audio = &manifest->renditions[1].asked;
    assert_string_equal(manifest->input, "-in.mov");
    assert_string_equal(manifest->output, "x.mp4");
    assert_true(video->crf == 21.5);
    assert_string_equal(video->preset, "slow");
    assert_int_equal(video->maxrate_bps, 6000000);
    assert_int_equal(video->bufsize_bits, 12000000);
    assert_int_equal(video->fps.num, 30000);
    assert_int_equal(video->fps.den, 1001);
    assert_int_equal(video->width, 64);
    assert_int_equal(video->height, 32);
    assert_int_equal(audio->bitrate_bps, 96000);
    assert_int_equal(audio->channels, 1);
    assert_true(options.workers >= 1);
}

static void what_is_mapped_is_all(void **state)
{
    (void)state;
    static const struct {
        const char *words[8];
        enum manifest_choice video, audio;
        size_t picks;
    } cases[] = {
        { { "a", "-o", "x.mp4" }, MANIFEST_DEFAULT, MANIFEST_ALL, 0 },
        { { "a", "-o", "x.mp4", "-map", "0" }, MANIFEST_DEFAULT, MANIFEST_ALL, 0 },
        { { "a", "-o", "x.mp4", "-map", "0:v" }, MANIFEST_DEFAULT, MANIFEST_NONE, 0 },
        { { "a", "-o", "x.mp4", "-map", "0:v:1", "-map", "0:a" },
          MANIFEST_PICKED,
          MANIFEST_ALL,
          0 },
        { { "a", "-o", "x.mp4", "-map", "0:a:1", "-map", "0:a:m:language:eng" },
          MANIFEST_NONE,
          MANIFEST_PICKED,
          2 },
        { { "a", "-o", "x.mp4", "-vn" }, MANIFEST_NONE, MANIFEST_ALL, 0 },
        { { "a", "-o", "x.mp4", "-an" }, MANIFEST_DEFAULT, MANIFEST_NONE, 0 },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        struct sr_err err = { 0 };
        sr_auto(job_options) struct job_options options = { 0 };
        sr_auto(manifest) struct manifest *manifest = parse(cases[i].words, &options, &err);
        if (!manifest)
            fail_msg("case %zu: %s", i, err.message);
        assert_int_equal(manifest->video, cases[i].video);
        assert_int_equal(manifest->audio, cases[i].audio);
        assert_int_equal(manifest->audio_pick_count, cases[i].picks);
    }
}

static void settings_reach_every_rung_of_a_template(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(job_options) struct job_options options = { 0 };
    static const char *const words[] = { "a",       "-o",       "x/",   "--template", "hls-720p",
                                         "-preset", "veryfast", "-b:a", "64k",        NULL };
    sr_auto(manifest) struct manifest *manifest = parse(words, &options, &err);
    if (!manifest)
        fail_msg("%s", err.message);
    assert_int_equal(manifest->rendition_count, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(manifest->renditions[i].asked.preset, "veryfast");
        assert_true(manifest->renditions[i].drops_if_larger);
        assert_true(manifest->renditions[i].asked.maxrate_bps > 0);
    }
    assert_int_equal(manifest->renditions[2].asked.bitrate_bps, 64000);
    assert_string_equal(manifest->renditions[0].asked.id, "720p");
}

static void sound_can_be_copied_within_a_template(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(job_options) struct job_options options = { 0 };
    static const char *const words[] = { "a",        "-o",   "x/",   "--template",
                                         "hls-720p", "-c:a", "copy", NULL };
    sr_auto(manifest) struct manifest *manifest = parse(words, &options, &err);
    if (!manifest)
        fail_msg("%s", err.message);
    assert_string_equal(manifest->renditions[2].asked.codec, "copy");
    assert_int_equal(manifest->renditions[2].asked.channels, 0);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 4];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(ffmpegs_spellings);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_is_mapped_is_all);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(settings_reach_every_rung_of_a_template);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(sound_can_be_copied_within_a_template);
    return sr_test_run(__FILE__, tests, count);
}
