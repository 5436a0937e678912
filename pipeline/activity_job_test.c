// What a task is told of its job, and what of it is believed: whoever wrote into the workspace.
#include "pipeline/activity_job.h"

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "transcode/media_log.h"

enum { SEGMENTS = 4 };

static char folder[64];

static void make_source(void)
{
    media_log_init();
    sr_test_folder(folder);
    sr_test_command("ffmpeg -v error -nostdin -f lavfi -i testsrc2=s=96x64:r=25:d=4 -c:v libx264 "
                    "-preset ultrafast -g 25 -threads 1 '%s/in.mp4'",
                    folder);
}

// One with two renditions, the larger of which is left out.
static void put_manifest(const char *output, char ret_sha256[SR_SHA256_HEX])
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    sr_auto(char) char *path = sr_strf(&err, "%s/ws/manifest.json", folder);
    sr_auto(char) char *text = sr_strf(
        &err,
        "{\"version\":1,\"input\":\"%s/in.mp4\",\"output\":\"%s/%s/\",\"segments\":{\"target\":\"1s\"},"
        "\"renditions\":[{\"id\":\"l\",\"codec\":\"h264\",\"height\":720,\"if_larger\":\"drop\"},"
        "{\"id\":\"v\",\"codec\":\"h264\",\"preset\":\"ultrafast\"}],"
        "\"outputs\":[{\"type\":\"mp4\",\"path\":\"{id}.mp4\",\"use\":[\"l\",\"v\"]}]}",
        folder, folder, output);
    assert_true(path && text);
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
    sr_assert_ok(sr_sha256(text, strlen(text), digest, &err), err);
    sr_hex(digest, sizeof(digest), ret_sha256);
}

// Runs a task in a slot of its own, as another worker does. `more`: a number for the activity.
static bool act(const char *name, const char *sha256, const char *more, int64_t number,
                const struct sr_log *log, struct sr_err *err)
{
    const struct activity_env env = { .log = log };
    sr_auto(activity_slot) struct activity_slot *slot = NULL;
    sr_auto(json) json_t *result = NULL;
    sr_auto(char) char *workspace = sr_strf(err, "%s/ws", folder);
    sr_auto(json) json_t *params =
        json_pack("{s:{s:s, s:s, s:s*}, s:I, s:s}", "job", "id", "j", "workspace", workspace,
                  "manifest_sha256", sha256, more, (json_int_t)number, "event", "FAILED");
    assert_true(workspace && params);
    sr_assert_ok(activity_slot_new(&env, &slot, err), *err);
    return activity_run(slot, name, params, &result, err);
}

// What another process has written over it does not count, also for who holds keys and secrets.
static void a_manifest_that_is_not_the_jobs(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char given[SR_SHA256_HEX], other[SR_SHA256_HEX];
    make_source();
    put_manifest("given", given);
    sr_assert_ok(act("probe", given, "x", 0, NULL, &err), err);
    put_manifest("taken", other);
    static const char *const names[] = { "probe", "plan", "segment", "clean", "notify" };
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++) {
        err = (struct sr_err){ 0 };
        sr_assert_fails(act(names[i], given, "segment", 0, NULL, &err), SR_ERR_DENIED, err);
        sr_assert_contains(err.message,
                           "manifest.json: is not the manifest that the job was given");
    }
    err = (struct sr_err){ 0 };
    sr_assert_ok(act("plan", other, "x", 0, NULL, &err), err);
    sr_assert_ok(act("plan", NULL, "x", 0, NULL, &err), err);  // whoever does not say which
    static const char *const none[] = { "", "abc",
                                        ("0123456789abcdef0123456789abcdef0123456789abcdef"
                                         "0123456789abcdeF") };
    for (size_t i = 0; i < SR_TEST_COUNT(none); i++) {
        err = (struct sr_err){ 0 };
        sr_assert_fails(act("probe", none[i], "x", 0, NULL, &err), SR_ERR_INVALID, err);
        sr_assert_contains(err.message, "manifest_sha256");
    }
    sr_test_folder_done(folder);
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        count++;
    return count;
}

// Every task makes the plan again; its notes are news only once.
static void a_note_is_told_once(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_log log;
    char given[SR_SHA256_HEX], *text = NULL;
    size_t bytes;
    FILE *const file = open_memstream(&text, &bytes);
    assert_non_null(file);
    sr_assert_ok(sr_log_open(file, SR_LOG_INFO, sr_clock_system(), &log, &err), err);
    make_source();
    put_manifest("noted", given);
    sr_assert_ok(act("plan", given, "x", 0, &log, &err), err);
    for (int s = 0; s < SEGMENTS; s++)
        sr_assert_ok(act("segment", given, "segment", s, &log, &err), err);
    sr_assert_ok(act("join", given, "output", 0, &log, &err), err);
    sr_log_close(&log);
    assert_int_equal(fclose(file), 0);
    if (count_of(text, "rendition l is left out: the source is smaller") != 1)
        fail_msg("%s", text);
    free(text);
    sr_test_folder_done(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_that_is_not_the_jobs),
        cmocka_unit_test(a_note_is_told_once),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
