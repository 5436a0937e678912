#include "tests/title.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/jx.h"
#include "base/test.h"
#include "cli/job_options.h"
#include "pipeline/run.h"

enum { WORDS_MAX = 64, MANIFEST_BYTES = 1 << 20 };

const char *title_folder(void)
{
    const char *const named = getenv("FIXTURES");
    return named && *named ? named : "build/fixtures";
}

static char scratch[64];

const char *title_scratch(void)
{
    if (!*scratch)
        sr_test_folder(scratch);
    return scratch;
}

void title_scratch_done(void)
{
    if (*scratch && !getenv("KEEP"))
        sr_test_folder_done(scratch);
    *scratch = '\0';
}

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *const json = json_load_file(path, 0, &error);
    if (!json)
        fail_msg("%s: %s", path, error.text);
    return json;
}

static void read_numbers(const json_t *runs, struct title *title)
{
    size_t count = 0, index;
    const json_t *run;
    json_array_foreach(runs, index, run)
    {
        if (json_is_null(run)) {
            assert_true(count < TITLE_PICTURES_MAX);
            title->numbers[count++] = -1;
            continue;
        }
        const json_int_t last = json_integer_value(json_array_get(run, 1));
        for (json_int_t n = json_integer_value(json_array_get(run, 0)); n <= last; n++) {
            assert_true(count < TITLE_PICTURES_MAX);
            title->numbers[count++] = (int32_t)n;
        }
    }
    assert_int_equal(count, title->frames);
}

static double rate_of(const char *text)
{
    int num = 0, den = 0;
    return sscanf(text, "%d/%d", &num, &den) == 2 && den > 0 ? (double)num / den : 0;
}

static void read_times(const json_t *video, struct title *title)
{
    const json_t *const times = json_object_get(video, "times");
    title->fps = rate_of(json_string_value(json_object_get(video, "fps")));
    title->first_time = json_number_value(json_object_get(video, "first_time"));
    title->has_times = json_object_get(video, "first_time") != NULL;
    title->is_constant = title->fps > 0;
    for (size_t i = 0; i < title->frames; i++) {
        if (title->is_constant)
            title->times[i] = (double)i / title->fps;
        else
            title->times[i] = json_number_value(json_array_get(times, i)) - title->first_time;
    }
}

static void read_audio(const json_t *list, struct title *title)
{
    size_t index;
    const json_t *track;
    json_array_foreach(list, index, track)
    {
        assert_true(index < TITLE_AUDIOS_MAX);
        const json_t *const samples = json_object_get(track, "samples");
        title->audio[index] = (struct title_audio){
            .rate = (int)json_integer_value(json_object_get(track, "rate")),
            .channels = (int)json_integer_value(json_object_get(track, "channels")),
            .samples = json_is_integer(samples) ? json_integer_value(samples) : -1,
            .decoded_samples = json_integer_value(json_object_get(track, "decoded_samples")),
        };
        title->audio_count++;
    }
}

struct title *title_new(const char *file)
{
    char path[TITLE_PATH_BYTES];
    struct title *const ret = calloc(1, sizeof(*ret));
    assert_non_null(ret);
    snprintf(path, sizeof(path), "%s/MANIFEST.json", title_folder());
    if (access(path, R_OK) != 0)
        snprintf(path, sizeof(path), "media-fixtures/MANIFEST.json");
    ret->json = load(path);
    snprintf(ret->path, sizeof(ret->path), "%s/%s", title_folder(), file);
    if (access(ret->path, R_OK) != 0)
        fail_msg("%s is not there: make fixtures", ret->path);
    size_t index;
    const json_t *found = NULL, *fixture;
    json_array_foreach(json_object_get(ret->json, "fixtures"), index, fixture)
    {
        if (strcmp(json_string_value(json_object_get(fixture, "file")), file) == 0)
            found = fixture;
    }
    if (!found)
        fail_msg("%s does not know %s", path, file);
    ret->outcome = json_string_value(json_object_get(found, "outcome"));
    const json_t *const video = json_object_get(found, "video");
    ret->has_video = json_is_object(video);
    if (ret->has_video) {
        ret->width = (int)json_integer_value(json_object_get(video, "width"));
        ret->height = (int)json_integer_value(json_object_get(video, "height"));
        ret->frames = (size_t)json_integer_value(json_object_get(video, "frames"));
        read_numbers(json_object_get(video, "numbers"), ret);
        read_times(video, ret);
    }
    read_audio(json_object_get(found, "audio"), ret);
    return ret;
}

void title_free(struct title *title)
{
    if (!title)
        return;
    json_decref(title->json);
    free(title);
}

// A job ------------------------------------------------------------------------------------------
static int split(char *text, char **words, int count)
{
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        assert_true(count < WORDS_MAX);
        words[count++] = word;
    }
    return count;
}

static bool run(struct job_options *options, struct title_run *ret, struct run_result *result)
{
    sr_auto(manifest) struct manifest *manifest = NULL;
    struct sr_log log;
    if (!job_options_manifest(options, NULL, &manifest, &ret->err))
        return false;
    sr_assert_ok(sr_log_open(stderr, options->log_level, sr_clock_system(), &log, &ret->err),
                 ret->err);
    const struct run_params params = {
        .manifest = manifest,
        .workspace = options->workspace,
        .keep = options->keep,
        .overwrite = options->overwrite,
        .strict = options->strict,
        .worker_count = options->workers,
        .shuffle = options->shuffle,
        .pipe_fd = -1,
        .clock = sr_clock_system(),
        .log = &log,
    };
    const bool done = run_job(&params, result, &ret->err);
    sr_log_close(&log);
    return done;
}

void title_run(const char *input, const char *output, const char *words, struct title_run *ret)
{
    char standing[128], more[1024], name[512];
    char *argv[WORDS_MAX + 1] = { NULL };
    *ret = (struct title_run){ 0 };
    snprintf(ret->output, sizeof(ret->output), "%s/%s", title_scratch(), output);
    snprintf(ret->workspace, sizeof(ret->workspace), "%s/%s.work", title_scratch(), output);
    snprintf(standing, sizeof(standing), "--log-level off -y -w 2 %s",
             input ? "-preset ultrafast" : "");
    snprintf(more, sizeof(more), "%s", words);
    snprintf(name, sizeof(name), "%s", input ? input : "");
    char *const places[] = { "--workspace", ret->workspace, "-i", name, "-o", ret->output };
    int count = split(standing, argv, 0);
    for (int i = 0; i < (input ? 6 : 2); i++)
        argv[count++] = places[i];
    count = split(more, argv, count);
    sr_auto(job_options) struct job_options options = { 0 };
    sr_auto(run_result) struct run_result result = { 0 };
    ret->done = job_options_parse(count, argv, &options, &ret->err) && run(&options, ret, &result);
    ret->segment_count = result.segment_count;
    ret->report = json_incref(result.report);
    const char *key;
    json_t *member;
    json_object_foreach(json_object_get(ret->report, "plan"), key, member)
    {
        const json_t *const why = json_object_get(member, "why_one_segment");
        if (why || strcmp(key, "why_one_segment") == 0)
            ret->why_one = json_string_value(why ? why : member);
    }
}

void title_run_done(struct title_run *run)
{
    json_decref(run->report);
    run->report = NULL;
}

void title_run_ok(const char *input, const char *output, const char *words, struct title_run *ret)
{
    title_run(input, output, words, ret);
    if (!ret->done)
        fail_msg("%s %s: %s (%s)", input, words, ret->err.message, sr_err_row(ret->err.code)->name);
    const char *const verdict = json_string_value(json_object_get(ret->report, "verdict"));
    if (!verdict || strcmp(verdict, "PASS") != 0)
        fail_msg("%s %s: the report says %s", input, words, verdict ? verdict : "nothing");
}

void title_assert_same_bytes(const char *a, const char *b)
{
    static char buffer_a[1 << 16], buffer_b[1 << 16];
    FILE *const file_a = fopen(a, "rb"), *const file_b = fopen(b, "rb");
    if (!file_a || !file_b)
        fail_msg("%s or %s is not there", a, b);
    for (uint64_t offset = 0;;) {
        const size_t got_a = fread(buffer_a, 1, sizeof(buffer_a), file_a);
        const size_t got_b = fread(buffer_b, 1, sizeof(buffer_b), file_b);
        if (got_a != got_b || memcmp(buffer_a, buffer_b, got_a) != 0)
            fail_msg("%s and %s differ after byte %llu", a, b, (unsigned long long)offset);
        if (got_a == 0)
            break;
        offset += got_a;
    }
    fclose(file_a);
    fclose(file_b);
}
