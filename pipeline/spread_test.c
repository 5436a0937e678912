// Renditions of a segment in several tasks: the same bytes, nothing made twice, all counted once.
#include "base/test.h"

#include "base/io.h"
#include "base/str.h"
#include "pipeline/activity.h"
#include "pipeline/activity_source.h"
#include "pipeline/run.h"

// Four seconds in segments of so many; b and d differ by their names only.
#define LADDER(segment, rate)                                                                      \
    "'segments':{'target':'" segment "'},'renditions':[{'id':'a','codec':'h264','height':32" rate  \
    "},{'id':'b','codec':'h264'" rate "},{'id':'c','codec':'h264','height':48" rate                \
    "},{'id':'d','codec':'h264'" rate "},{'id':'s','codec':'aac'}],'outputs':["                    \
    "{'type':'hls','path':'h/','segment':'" segment "','use':['a','b','c','s']},"                  \
    "{'type':'mp4','path':'d.mp4','use':['d']}]"
#define RATE ",'maxrate':'300k'"

// A manifest that writes to `output`; the caller frees it.
static char *manifest_of(const char *output, const char *ladder)
{
    struct sr_err err = { 0 };
    char *const text = sr_strf(&err, "{'version':1,'input':'%s/in.mp4','output':'%s/%s',%s}",
                               folder, folder, output, ladder);
    assert_non_null(text);
    for (char *c = text; *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return text;
}

static void run_it(const char *output, const char *ladder, size_t workers,
                   struct run_progress *progress, struct run_result *ret)
{
    struct sr_err err = { 0 };
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(char) char *text = manifest_of(output, ladder);
    sr_auto(char) char *workspace = sr_strf(&err, "%s/ws", folder);
    const struct manifest_params document = { .text = text, .bytes = strlen(text) };
    sr_assert_ok(manifest_parse(&document, &manifest, &err), err);
    const struct run_params params = { .manifest = manifest,
                                       .workspace = workspace,
                                       .keep = true,
                                       .overwrite = true,
                                       .worker_count = workers,
                                       .clock = sr_clock_system(),
                                       .progress = progress };
    sr_assert_ok(run_job(&params, ret, &err), err);
}

// By references alone
// ------------------------------------------------------------------------------

// As one of several workers: all that it knows lies in the workspace.
static json_t *act(const char *name, const char *more)
{
    struct sr_err err = { 0 };
    json_t *result = NULL;
    sr_auto(activity_slot) struct activity_slot *slot = NULL;
    sr_auto(json) json_t *params = NULL;
    const struct activity_env env = { 0 };
    sr_auto(char) char *text =
        sr_strf(&err, "{\"job\":{\"id\":\"j\",\"workspace\":\"%s/ws\",\"slots\":8}%s%s}", folder,
                *more ? "," : "", more);
    sr_assert_ok(jx_parse(text, strlen(text), false, &params, &err), err);
    sr_assert_ok(activity_slot_new(&env, &slot, &err), err);
    sr_assert_ok(activity_run(slot, name, params, &result, &err), err);
    return result;
}

static int64_t number_at(const json_t *json, const char *key)
{
    const json_t *const value = json_object_get(json, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static json_t *load_list(void)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    sr_auto(char) char *path = sr_strf(&err, "%s/ws/segments.json", folder);
    json_t *items = NULL;
    size_t bytes;
    sr_assert_ok(sr_file_load(path, 1 << 20, &text, &bytes, &err), err);
    sr_assert_ok(jx_parse(text, bytes, false, &items, &err), err);
    return items;
}

static void plan_for_eight_slots(const char *ladder)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *path = sr_strf(&err, "%s/ws/manifest.json", folder);
    sr_auto(char) char *text = manifest_of("spread", ladder);
    sr_test_command("cd '%s' && rm -rf ws spread && mkdir ws", folder);
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
    json_decref(act("probe", ""));
    sr_auto(json) json_t *planned = act("plan", "");
    const json_t *const segments = json_object_get(planned, "segments");
    assert_int_equal(number_at(segments, "count"), 2);
    assert_int_equal(number_at(segments, "tasks"), 6);
}

// Each item is a task; the heaviest comes first.
static void do_list(void)
{
    static const char *const groups[] = { "[1,3]", "[2]", "[0]" };
    sr_auto(json) json_t *items = load_list();
    assert_int_equal(json_array_size(items), 6);
    for (size_t i = 0; i < 6; i++) {
        struct sr_err err = { 0 };
        const json_t *const item = json_array_get(items, i);
        sr_auto(char) char *text = json_dumps(item, JSON_COMPACT);
        const int64_t segment = number_at(item, "segment");
        assert_int_equal(segment, number_at(json_array_get(items, i / 3 * 3), "segment"));
        sr_assert_contains(text, groups[i % 3]);
        sr_auto(char) char *more = sr_strf(&err, "\"segment\":%d,\"item\":%s", (int)segment, text);
        sr_auto(json) json_t *made = act("segment", more);
        assert_int_equal(json_array_size(json_object_get(made, "made")), i % 3 ? 1 : 2);
        assert_int_equal(json_array_size(json_object_get(made, "reused")), 0);
        assert_int_equal(number_at(made, "frames"), 50);
    }
}

// Spec: P2: the same bytes, however renditions are grouped into tasks.
static void tasks_by_references(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result result = { 0 };
    plan_for_eight_slots(LADDER("2s", ""));
    do_list();
    // A task that names no renditions is about all of them, and finds them.
    sr_auto(json) json_t *first = act("segment", "\"segment\":0");
    sr_auto(json) json_t *second = act("segment", "\"segment\":1,\"item\":{\"segment\":1}");
    assert_int_equal(json_array_size(json_object_get(first, "reused")), 4);
    assert_int_equal(json_array_size(json_object_get(second, "reused")), 4);
    json_decref(act("audio", "\"audio\":0"));
    json_decref(act("join", "\"output\":0"));
    json_decref(act("join", "\"output\":1"));
    json_decref(act("publish", ""));
    sr_test_command("cd '%s' && mv spread mine && rm -r ws", folder);
    run_it("spread", LADDER("2s", ""), 1, NULL, &result);
    sr_test_command("cd '%s' && test -e spread/h/master.m3u8 && diff -r spread mine && "
                    "rm -r spread mine ws",
                    folder);
}

// In one process
// -----------------------------------------------------------------------------------

// One segment, its pictures once, whatever its tasks are.
static void assert_shown(struct run_progress *progress, bool is_reused)
{
    assert_int_equal(atomic_load(&progress->segment_count), 1);
    assert_int_equal(atomic_load(&progress->cells[0]), is_reused ? RUN_CELL_REUSED : RUN_CELL_DONE);
    assert_int_equal(atomic_load(&progress->frames_total), 100);
    assert_int_equal(atomic_load(&progress->frames_done), 100);
    assert_int_equal(atomic_load(&progress->frames_reused), is_reused ? 100 : 0);
}

static const struct way {
    const char *name;
    size_t workers;
    size_t tasks;  // of the segment
    const char *ladder;
} ways[] = {
    { "one worker", 1, 1, LADDER("6s", RATE) },
    { "two", 2, 2, LADDER("6s", RATE) },
    { "four", 4, 3, LADDER("6s", RATE) },
    { "one worker, encoders of eight threads", 1, 1, LADDER("6s", "") },
    { "eight, as many as an encoder's threads", 8, 1, LADDER("6s", "") },
    { "twice as many", 16, 2, LADDER("6s", "") },
};

// The first of each ladder is one task: the others' bytes are compared with its.
static void slots_of_a_process(void **state)
{
    const struct way *const way = *state;
    for (int again = 0; again < 2; again++) {
        static struct run_progress progress;
        sr_auto(run_result) struct run_result result = { 0 };
        memset(&progress, 0, sizeof(progress));
        run_it("spread", way->ladder, way->workers, &progress, &result);
        assert_int_equal(result.frames, 100);
        assert_int_equal(result.segments_done, 1);
        assert_shown(&progress, again);
        sr_auto(json) json_t *items = load_list();
        assert_int_equal(json_array_size(items), way->tasks);
        assert_int_equal(json_object_get(json_array_get(items, 0), "renditions") != NULL,
                         way->tasks > 1);
        if (way->workers == 1)
            sr_test_command("cd '%s' && rm -rf first && cp -r spread first", folder);
        sr_test_command("cd '%s' && diff -r spread first", folder);
    }
    // Of three parts one is lost: its task makes it again, the others find theirs.
    static struct run_progress progress;
    sr_auto(run_result) struct run_result result = { 0 };
    memset(&progress, 0, sizeof(progress));
    sr_test_command("cd '%s/ws' && test $(ls *.m4s | wc -l) = 4 && "
                    "rm $(ls -S *.m4s | head -n 1)",
                    folder);
    run_it("spread", way->ladder, way->workers, &progress, &result);
    assert_int_equal(atomic_load(&progress.frames_done), 100);
    sr_test_command(
        "cd '%s' && test $(ls ws/*.m4s | wc -l) = 4 && diff -r spread first && rm -r ws", folder);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(ways) + 1];
    size_t count = SR_TEST_ADD(tests, ways, slots_of_a_process);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(tasks_by_references);
    return _cmocka_run_group_tests(__FILE__, tests, count, make_source, remove_source);
}
