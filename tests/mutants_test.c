// Films with broken heads, through the process that a worker runs its tasks in: whatever the bytes
// say, a job ends with what is whole or with the source's fault, in words; no process crashes, none
// takes more memory or processor time than it may, and the next job's bytes are right.
//
// MUTANTS_SEED and MUTANTS_MINUTES (make mutants SEED= MINUTES=) try others, and longer;
// MUTANTS_KEEP=FOLDER keeps what is found there; MUTANTS_ONLY=FILM:NUMBER tries one again.
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "tests/child_job.h"

enum { HEAD_BYTES = 2048, TAIL_BYTES = 16384, FILM_BYTES_MAX = 4 << 20, ROUNDS = 2 };
#define SECOND_US INT64_C(1000000)

static const char *const films[] = {
    "sar.mp4",   "fragmented.mp4", "prores.mov",      "edit-list.mp4",   "closed-gop-hevc.mkv",
    "opus.webm", "vp8.webm",       "vp9-altref.webm", "av1.mp4",         "open-gop.ts",
    "mpeg2.mpg", "flv.flv",        "no-pts.avi",      "theora.ogv",      "no-timestamps.h264",
    "raw.hevc",  "audio-only.m4a", "audio-only.mp3",  "audio-only.flac",
};
enum { FILM_COUNT = sizeof(films) / sizeof(films[0]) };

static char folder[64];

// Mutation ----------------------------------------------------------------------------------------
static uint64_t next(uint64_t *random)  // splitmix64
{
    uint64_t x = *random += 0x9E3779B97F4A7C15;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
}

static size_t below(uint64_t *random, size_t end)
{
    return end > 0 ? (size_t)(next(random) % end) : 0;
}

struct film {
    uint8_t *data;
    size_t bytes;
};

// Mostly where the numbers are: at the head, or where an index is at the tail.
static size_t place(const struct film *film, uint64_t *random)
{
    const size_t head = film->bytes < HEAD_BYTES ? film->bytes : HEAD_BYTES;
    const size_t tail = film->bytes < TAIL_BYTES ? film->bytes : TAIL_BYTES;
    switch (below(random, 8)) {
    case 0: return below(random, film->bytes);
    case 1: return below(random, 64 < film->bytes ? 64 : film->bytes);
    case 2:
    case 3:
    case 4: return film->bytes - 1 - below(random, tail);
    default: return below(random, head);
    }
}

static void put_number(struct film *film, uint64_t *random)
{
    static const uint64_t numbers[] = { 0,          1,          0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
                                        0xFFFFFFFE, 0x00010000, 0x7FFF,     0xFFFF,     UINT64_MAX,
                                        INT64_MAX,  0xFF,       0x40000000, 0x01000000 };
    const size_t at = place(film, random), width = (size_t)1 << below(random, 4);
    const uint64_t number = numbers[below(random, sizeof(numbers) / sizeof(*numbers))];
    const bool is_little = below(random, 3) == 0;
    for (size_t i = 0; i < width && at + i < film->bytes; i++)
        film->data[at + i] = (uint8_t)(number >> 8 * (is_little ? i : width - 1 - i));
}

// A stretch that comes twice, or is missing.
static void move_stretch(struct film *film, uint64_t *random, bool is_missing)
{
    const size_t at = place(film, random);
    size_t bytes = 1 + below(random, 64);
    if (bytes > film->bytes - at)
        bytes = film->bytes - at;
    if (is_missing) {
        memmove(film->data + at, film->data + at + bytes, film->bytes - at - bytes);
        film->bytes -= bytes;
    } else if (film->bytes + bytes <= FILM_BYTES_MAX) {
        memmove(film->data + at + bytes, film->data + at, film->bytes - at);
        film->bytes += bytes;
    }
}

static void mutate(struct film *film, uint64_t *random)
{
    for (size_t count = 1 + below(random, 6); count > 0 && film->bytes > 1; count--) {
        switch (below(random, 8)) {
        case 0: film->data[place(film, random)] ^= (uint8_t)(1U << below(random, 8)); break;
        case 1: film->data[place(film, random)] = (uint8_t)next(random); break;
        case 2: move_stretch(film, random, true); break;
        case 3: move_stretch(film, random, false); break;
        case 4:
            if (below(random, 6) == 0)
                film->bytes = 1 + below(random, film->bytes - 1);
            break;
        default: put_number(film, random); break;
        }
    }
}

static struct film load(const char *name)
{
    struct sr_err err = { 0 };
    const char *const fixtures = getenv("FIXTURES");
    sr_auto(char) char *path =
        sr_strf(&err, "%s/%s", fixtures && *fixtures ? fixtures : "build/fixtures", name);
    char *text = NULL;
    struct film film = { 0 };
    sr_assert_ok(sr_file_load(path, FILM_BYTES_MAX, &text, &film.bytes, &err), err);
    film.data = realloc(text, FILM_BYTES_MAX);
    assert_non_null(film.data);
    return film;
}

// Jobs --------------------------------------------------------------------------------------------
struct play {
    struct child_job job;
    char workspace[128], input[192], output[128];
};

// What jobs ask for.
static const char *const wishes[] = {
    "{\"version\": 1, \"segments\": {\"mode\": \"keyframe\", \"target\": \"2s\"}, \"renditions\": ["
    "{\"id\": \"v\", \"codec\": \"h264\", \"preset\": \"ultrafast\"}, {\"id\": \"a\", \"codec\": \"aac\"}]}",
    "{\"version\": 1, \"segments\": {\"mode\": \"grid\", \"target\": \"1s\"}, \"renditions\": [{\"id\": \"v\", "
    "\"codec\": \"h264\", \"preset\": \"ultrafast\", \"fps\": 10}, {\"id\": \"a\", \"codec\": \"aac\"}], "
    "\"outputs\": [{\"type\": \"hls\", \"path\": \"hls\", \"use\": [\"v\", \"a\"], \"segment\": \"1s\"}, "
    "{\"type\": \"mp4\", \"path\": \"x.mp4\", \"use\": [\"v\", \"a\"], \"layout\": \"composed\"}]}",
};

// The job of a film, from its manifest to what is left when it has ended.
static void play(struct play *ret, struct child *child, const char *name, const struct film *film,
                 size_t wish)
{
    struct sr_err err = { 0 };
    *ret = (struct play){ .job = { .child = child, .workspace = ret->workspace } };
    static unsigned number;
    (void)snprintf(ret->job.id, sizeof(ret->job.id), "j%u", ++number);
    (void)snprintf(ret->workspace, sizeof(ret->workspace), "%s/%s", folder, ret->job.id);
    (void)snprintf(ret->input, sizeof(ret->input), "%s/%s", folder, name);
    (void)snprintf(ret->output, sizeof(ret->output), "%s/out%s", folder, wish == 0 ? ".mp4" : "");
    sr_auto(json) json_t *manifest = json_loads(wishes[wish], 0, NULL);
    json_object_set_new(manifest, "input", json_string(ret->input));
    json_object_set_new(manifest, "output", json_string(ret->output));
    sr_auto(char) char *text = NULL, *path = sr_strf(&err, "%s/manifest.json", ret->workspace);
    sr_assert_ok(jx_dump(manifest, false, &text, &err), err);
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
    sr_assert_ok(sr_file_store(ret->input, film->data, film->bytes, &err), err);
    child_job_run(&ret->job);
}

static void play_done(struct play *play)
{
    sr_test_command("rm -rf -- '%s' '%s' '%s' '%s/out.report.json'", play->workspace, play->input,
                    play->output, folder);
}

// Whether it ended as it may: by what the source is, in words that name it.
static bool is_fair(const struct play *play)
{
    static const char *const fair[] = { "Splitreel.BadInput", "Splitreel.Unsupported",
                                        "Splitreel.Limit", "Splitreel.TooLarge" };
    if (!play->job.error)
        return access(play->output, R_OK) == 0;
    if (access(play->output, F_OK) == 0 || !strstr(play->job.err.message, play->input))
        return false;
    for (size_t i = 0; i < sizeof(fair) / sizeof(*fair); i++) {
        if (strcmp(play->job.error, fair[i]) == 0)
            return true;
    }
    return false;
}

// A mutant ----------------------------------------------------------------------------------------
static uint64_t seed = 1;
static size_t found, tried, succeeded;

static void keep(const char *name, uint64_t number, const struct film *film)
{
    struct sr_err err = { 0 };
    const char *const where = getenv("MUTANTS_KEEP");
    sr_auto(char) char *path = sr_strf(&err, "%s/%llu-%llu-%s", where ? where : "",
                                       (unsigned long long)seed, (unsigned long long)number, name);
    if (where)
        sr_assert_ok(sr_file_store(path, film->data, film->bytes, &err), err);
}

static void try_one(struct child *child, size_t which, uint64_t number)
{
    struct film film = load(films[which]);
    uint64_t random = seed * 1000003 + which * 7919 + number * 104729;
    struct play played;
    mutate(&film, &random);
    play(&played, child, films[which], &film, number % SR_TEST_COUNT(wishes));
    tried++;
    succeeded += !played.job.error;
    if (!is_fair(&played)) {
        found++;
        (void)printf("  MUTANTS_SEED=%llu MUTANTS_ONLY=%s:%llu: %s: %s\n", (unsigned long long)seed,
                     films[which], (unsigned long long)number,
                     played.job.error ? played.job.error : "no output", played.job.err.message);
        (void)fflush(stdout);
        keep(films[which], number, &film);
    } else if (getenv("MUTANTS_VERBOSE")) {
        (void)printf("  %s:%llu: %s %s\n", films[which], (unsigned long long)number,
                     played.job.error ? played.job.error : "SUCCEEDED", played.job.err.message);
        (void)fflush(stdout);
    }
    play_done(&played);
    free(film.data);
}

// The hash of what a good film becomes.
static void play_good(struct child *child, char text[SR_SHA256_HEX])
{
    struct sr_err err = { 0 };
    struct film film = load("sar.mp4");
    struct play played;
    uint8_t digest[SR_SHA256_BYTES];
    char *output = NULL;
    size_t bytes;
    play(&played, child, "good.mp4", &film, 0);
    if (played.job.error)
        fail_msg("a good film: %s: %s", played.job.error, played.job.err.message);
    sr_assert_ok(sr_file_load(played.output, FILM_BYTES_MAX, &output, &bytes, &err), err);
    sr_assert_ok(sr_sha256(output, bytes, digest, &err), err);
    sr_hex(digest, sizeof(digest), text);
    free(output);
    play_done(&played);
    free(film.data);
}

// MUTANTS_ONLY's film; FILM_COUNT: all.
static size_t only(uint64_t *ret_number)
{
    const char *const word = getenv("MUTANTS_ONLY");
    size_t which = 0;
    const char *const colon = word ? strchr(word, ':') : NULL;
    *ret_number = colon ? strtoull(colon + 1, NULL, 10) : 0;
    while (which < FILM_COUNT &&
           (!colon || strncmp(films[which], word, (size_t)(colon - word)) != 0))
        which++;
    return which;
}

static void mutants_fail_alone(void **state)
{
    (void)state;
    const char *const minutes = getenv("MUTANTS_MINUTES"), *const word = getenv("MUTANTS_SEED");
    const int64_t end_us = sr_clock_monotonic_us(sr_clock_system()) +
                           (minutes ? strtoll(minutes, NULL, 10) : 0) * 60 * SECOND_US;
    char before[SR_SHA256_HEX], after[SR_SHA256_HEX];
    uint64_t number;
    seed = word ? strtoull(word, NULL, 10) : seed;
    const size_t which = only(&number);
    sr_auto(child) struct child *child = child_job_child(NULL, (uint64_t)1 << 30);
    play_good(child, before);
    if (which < FILM_COUNT) {
        try_one(child, which, number);
    } else {
        for (uint64_t round = 0;
             minutes ? sr_clock_monotonic_us(sr_clock_system()) < end_us : round < ROUNDS;
             round++) {
            for (size_t i = 0; i < FILM_COUNT; i++)
                try_one(child, i, round);
        }
    }
    play_good(child, after);
    assert_string_equal(before, after);
    (void)printf("  %zu mutants, %zu were transcoded\n", tried, succeeded);
    assert_int_equal(found, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child_job_main();
    const struct CMUnitTest tests[] = { cmocka_unit_test(mutants_fail_alone) };
    sr_test_folder(folder);
    const int failed = sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
    sr_test_folder_done(folder);
    return failed;
}
