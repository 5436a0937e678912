// tests/title.h - the fixtures and what MANIFEST.json says of them, and a whole job run on one, in
// this process, by the words of the command line.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/auto.h"
#include "base/err.h"

enum { TITLE_PATH_BYTES = 512, TITLE_PICTURES_MAX = 2000, TITLE_AUDIOS_MAX = 8 };

// What a fixture must come to.
struct title {
    char path[TITLE_PATH_BYTES];
    const char *outcome;  // "transcode", "audio", "damaged", "error"
    bool has_video;
    int width, height;
    size_t frames;
    int32_t numbers[TITLE_PICTURES_MAX];  // -1: cannot be read, or not known
    bool has_times, is_constant;          // is_constant: times are first_time + n / fps
    double fps;
    double times[TITLE_PICTURES_MAX];  // from the first picture on: times[0] is 0
    double first_time;                 // of the source's own clock
    size_t audio_count;
    struct title_audio {
        int rate, channels;
        int64_t samples;  // -1: the container cannot say
        int64_t decoded_samples;
    } audio[TITLE_AUDIOS_MAX];
    json_t *json;  // owns the strings
};

// The folder of fixtures: $FIXTURES, or build/fixtures.
const char *title_folder(void);
// Fails the test when it is not there. The caller frees it with title_free().
struct title *title_new(const char *file);
void title_free(struct title *title);
SR_DEFINE_AUTO(title, struct title, title_free);

// A folder for one test program's outputs, removed by title_scratch_done().
const char *title_scratch(void);
void title_scratch_done(void);

struct title_run {
    char output[TITLE_PATH_BYTES], workspace[TITLE_PATH_BYTES];
    struct sr_err err;
    bool done;
    json_t *report;  // NULL: it did not come to one
    size_t segment_count;
    const char *why_one;  // of the report's plan; NULL: several segments
};
// Runs a job: `words` are those behind `splitreel run IN -o OUT`, separated by single spaces, with
// "-preset ultrafast" and a quiet log before them. `input` is a path; `output` a name in the
// scratch folder; its workspace is OUTPUT.work there. `input` NULL: `words` name a manifest, which
// says both.
void title_run(const char *input, const char *output, const char *words, struct title_run *ret);
void title_run_done(struct title_run *run);
SR_DEFINE_AUTO_VALUE(title_run, struct title_run, title_run_done);

// The same, and it must succeed, its report must say PASS, and there is no more than one codec
// header.
void title_run_ok(const char *input, const char *output, const char *words, struct title_run *ret);

// Fails the test unless both files hold the same bytes.
void title_assert_same_bytes(const char *a, const char *b);
