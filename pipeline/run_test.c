// Whole jobs on small generated sources: the same bytes however it is run, nothing partial, nothing
// trusted that is damaged.
#include "base/test.h"

#include <dirent.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "net/http_fake.h"
#include "pipeline/run.h"
#include "pipeline/workspace.h"
#include "transcode/media_log.h"

static char folder[64];  // of this program, with the sources

static int make_sources(void **state)
{
    (void)state;
    media_log_init();
    sr_test_folder(folder);
    sr_test_command(
        "ffmpeg -v error -nostdin -f lavfi -i testsrc2=s=96x64:r=25:d=4 -f lavfi -i sine=d=4 -c:v libx264 -preset "
        "ultrafast -g 25 -bf 2 -threads 1 -c:a aac '%s/in.mp4'",
        folder);
    sr_test_command("ffmpeg -v error -nostdin -i '%s/in.mp4' -vn -c copy '%s/sound.m4a'", folder,
                    folder);
    return 0;
}

static int remove_sources(void **state)
{
    (void)state;
    sr_test_folder_done(folder);
    return 0;
}

// How a job is run; zero is the usual.
struct how {
    const char *input, *output;  // in the test's folder
    const char *extra;           // members of the manifest, with single quotes
    size_t workers;
    uint64_t shuffle;
    bool keep, overwrite, strict, stopped;
    const char *workspace;
    const struct blob_stores_params *stores;
    int pipe_fd;
};

static char *in_folder(const char *name)
{
    struct sr_err err = { 0 };
    char *const path = sr_strf(&err, "%s/%s", folder, name);
    assert_non_null(path);
    return path;
}

static bool run_it(const struct how *how, struct run_result *ret, struct sr_err *err)
{
    sr_auto(char) char *input = in_folder(how->input ? how->input : "in.mp4");
    sr_auto(char) char *output =
        strcmp(how->output, "-") == 0 ? sr_str_dup("-", err) : in_folder(how->output);
    sr_auto(char) char *workspace = how->workspace ? in_folder(how->workspace) : NULL;
    sr_auto(char) char *text = sr_strf(err, "{'version':1,'segments':{'target':'1s'}%s%s}",
                                       how->extra ? "," : "", how->extra ? how->extra : "");
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_test_quotes(text);
    const struct manifest_params document = {
        .text = text, .bytes = strlen(text), .input = input, .output = output
    };
    sr_assert_ok(manifest_parse(&document, &manifest, err), *err);
    struct sr_cancel stop;
    sr_cancel_init(&stop, NULL, sr_clock_system(), INT64_MAX);
    if (how->stopped)
        sr_cancel_set(&stop);
    const struct run_params params = {
        .manifest = manifest,
        .workspace = workspace,
        .stores = how->stores,
        .keep = how->keep,
        .overwrite = how->overwrite,
        .strict = how->strict,
        .worker_count = how->workers ? how->workers : 2,
        .shuffle = how->shuffle,
        .pipe_fd = how->pipe_fd,
        .stop = &stop,
        .clock = sr_clock_system(),
    };
    return run_job(&params, ret, err);
}

static void run_ok(const struct how *how, struct run_result *ret)
{
    struct sr_err err = { 0 };
    sr_assert_ok(run_it(how, ret, &err), err);
}

static void run_fails(const struct how *how, enum sr_err_code code, const char *says)
{
    struct sr_err err = { 0 };
    sr_auto(run_result) struct run_result result = { 0 };
    sr_assert_fails(run_it(how, &result, &err), code, err);
    sr_assert_contains(err.message, says);
}

static bool is_there(const char *name)
{
    sr_auto(char) char *path = in_folder(name);
    return access(path, F_OK) == 0;
}

static char *load(const char *name, size_t *ret_bytes)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *path = in_folder(name);
    char *text = NULL;
    sr_assert_ok(sr_file_load(path, 1 << 26, &text, ret_bytes, &err), err);
    return text;
}

static void same_file(const char *a, const char *b)
{
    size_t a_bytes, b_bytes;
    sr_auto(char) char *first = load(a, &a_bytes);
    sr_auto(char) char *second = load(b, &b_bytes);
    assert_int_equal(a_bytes, b_bytes);
    assert_memory_equal(first, second, a_bytes);
}

static int64_t number_at(const json_t *json, const char *key)
{
    const json_t *const value = json_object_get(json, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

// Entries of a folder below the test's whose name ends so.
static size_t count_ending(const char *name, const char *ending)
{
    sr_auto(char) char *path = in_folder(name);
    DIR *const open = opendir(path);
    size_t count = 0;
    for (const struct dirent *entry; open && (entry = readdir(open));) {
        const size_t bytes = strlen(entry->d_name), end_bytes = strlen(ending);
        count += bytes >= end_bytes && strcmp(entry->d_name + bytes - end_bytes, ending) == 0;
    }
    if (open)
        (void)closedir(open);
    return count;
}

// -------------------------------------------------------------------------------------------------
static void a_job_proves_itself(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result result = { 0 };
    run_ok(&(struct how){ .output = "whole.mp4" }, &result);
    assert_int_equal(result.frames, 100);
    assert_int_equal(result.duration_us, 4000000);
    assert_int_equal(result.damaged, 0);
    assert_string_equal(json_string_value(json_object_get(result.report, "verdict")), "PASS");
    const json_t *const packets = json_object_get(result.report, "packets");
    assert_int_equal(number_at(packets, "packets"), 100);
    assert_int_equal(number_at(packets, "in_source"), 100);
    assert_int_equal(number_at(packets, "shown"), 100);
    const json_t *const video = json_array_get(json_object_get(result.report, "video"), 0);
    assert_int_equal(json_array_size(json_object_get(video, "segments")), 4);
    assert_int_equal(json_array_size(json_object_get(video, "seams")), 3);
    const json_t *const audio = json_array_get(json_object_get(result.report, "audio"), 0);
    assert_int_equal(number_at(audio, "samples"), 4 * 44100);
    assert_true(is_there("whole.mp4"));
    assert_true(is_there("whole.report.json"));
    assert_false(is_there(".splitreel"));
    assert_int_equal(count_ending(".", ".part"), 0);
    // The report on disk is the one that was given.
    size_t bytes;
    struct sr_err err = { 0 };
    sr_auto(char) char *text = load("whole.report.json", &bytes);
    sr_auto(json) json_t *on_disk = NULL;
    sr_assert_ok(jx_parse(text, bytes, false, &on_disk, &err), err);
    assert_true(json_equal(on_disk, result.report));
}

// Spec: P2 same bytes for any number of workers and any order.
static void the_same_bytes_however_it_is_run(void **state)
{
    (void)state;
    static const struct {
        size_t workers;
        uint64_t shuffle;
    } ways[] = { { 1, 0 }, { 2, 0 }, { 4, 7 }, { 7, 99 } };
    for (size_t i = 0; i < SR_TEST_COUNT(ways); i++) {
        sr_auto(run_result) struct run_result result = { 0 };
        run_ok(&(struct how){ .output = "way.mp4",
                              .workers = ways[i].workers,
                              .shuffle = ways[i].shuffle,
                              .overwrite = true },
               &result);
        if (i == 0)
            sr_test_command(
                "cp '%s/way.mp4' '%s/first.mp4' && cp '%s/way.report.json' '%s/first.json'", folder,
                folder, folder, folder);
        same_file("way.mp4", "first.mp4");
        same_file("way.report.json", "first.json");
    }
}

static void nothing_is_encoded_twice(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result first = { 0 }, second = { 0 }, third = { 0 };
    run_ok(&(struct how){ .output = "once.mp4", .workspace = "ws", .keep = true }, &first);
    assert_true(first.workspace_kept);
    assert_int_equal(count_ending("ws", ".m4s"), 5);  // four segments, one track
    sr_test_command(
        "cp '%s/once.mp4' '%s/before.mp4' && mkdir '%s/times' && cp -p '%s'/ws/*.m4s '%s/times'",
        folder, folder, folder, folder, folder);
    // One part is lost and one cut short: these two are made again, the others are not touched.
    sr_test_command("cd '%s/ws' && set -- *.m4s && rm \"$1\" && truncate -s -1 \"$2\"", folder);
    run_ok(
        &(struct how){ .output = "once.mp4", .workspace = "ws", .keep = true, .overwrite = true },
        &second);
    same_file("once.mp4", "before.mp4");
    sr_test_command(
        "cd '%s/ws' && n=0; for f in *.m4s; do cmp -s $f ../times/$f || exit 1; [ $f -nt ../times/$f ] && n=$((n+1)); "
        "done; [ $n = 2 ]",
        folder);
    run_ok(&(struct how){ .output = "once.mp4", .workspace = "ws", .overwrite = true }, &third);
    same_file("once.mp4", "before.mp4");
    assert_false(is_there("ws"));
}

static void one_more_rendition_alone_is_encoded(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result first = { 0 }, second = { 0 };
    run_ok(
        &(struct how){
            .output = "ladder/",
            .workspace = "ws2",
            .keep = true,
            .extra =
                "'renditions':[{'id':'a','codec':'h264'}],'outputs':[{'type':'mp4','path':'{id}.mp4','use':['a']}]" },
        &first);
    assert_int_equal(count_ending("ws2", ".m4s"), 4);
    sr_test_command("mkdir '%s/times2' && cp -p '%s'/ws2/*.m4s '%s/times2' && rm -r '%s/ladder'",
                    folder, folder, folder, folder);
    run_ok(
        &(struct how){
            .output = "ladder/",
            .workspace = "ws2",
            .keep = true,
            .extra =
                "'renditions':[{'id':'a','codec':'h264'},{'id':'b','codec':'h264','height':32}],"
                "'outputs':[{'type':'mp4','path':'{id}.mp4','use':['a','b']}]" },
        &second);
    assert_int_equal(count_ending("ws2", ".m4s"), 8);
    sr_test_command(
        "cd '%s/times2' && for f in *.m4s; do [ ../ws2/$f -nt $f ] && exit 1; cmp $f ../ws2/$f || exit 1; done; true",
        folder);
    assert_true(is_there("ladder/a.mp4"));
    assert_true(is_there("ladder/b.mp4"));
    assert_true(is_there("ladder/report.json"));
}

static void an_output_that_is_there_stays(void **state)
{
    (void)state;
    sr_test_command("echo precious > '%s/old.mp4' && cp '%s/old.mp4' '%s/old.copy'", folder, folder,
                    folder);
    run_fails(&(struct how){ .output = "old.mp4" }, SR_ERR_EXISTS, "-y");
    same_file("old.mp4", "old.copy");
    assert_false(is_there("old.report.json"));
    assert_false(is_there(".splitreel"));
    sr_auto(run_result) struct run_result result = { 0 };
    run_ok(&(struct how){ .output = "old.mp4", .overwrite = true }, &result);
    assert_true(is_there("old.report.json"));
    sr_test_command("echo mine > '%s/mine.report.json'", folder);
    run_fails(&(struct how){ .output = "mine.mp4" }, SR_ERR_EXISTS, "is not a report");
    assert_false(is_there("mine.mp4"));
}

// A kept workspace is no licence to overwrite.
static void a_second_run_is_refused_too(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result first = { 0 };
    const struct how how = { .output = "again.mp4", .workspace = "ws4", .keep = true };
    run_ok(&how, &first);
    assert_false(is_there("ws4/publish.json"));
    run_fails(&how, SR_ERR_EXISTS, "-y");
}

static void the_input_is_never_the_output(void **state)
{
    (void)state;
    sr_test_command("cp '%s/in.mp4' '%s/self.mp4' && ln -s self.mp4 '%s/link.mp4'", folder, folder,
                    folder);
    run_fails(&(struct how){ .input = "self.mp4", .output = "self.mp4", .overwrite = true },
              SR_ERR_INVALID, "input itself");
    run_fails(&(struct how){ .input = "self.mp4", .output = "link.mp4", .overwrite = true },
              SR_ERR_INVALID, "input itself");
    same_file("self.mp4", "in.mp4");
}

// Spec: an unexplained difference is VERIFY, and nothing is published; the message names the segment.
static void a_damaged_part_is_caught(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result first = { 0 };
    run_ok(&(struct how){ .output = "bad.mp4",
                          .workspace = "ws3",
                          .keep = true,
                          .extra = "'input':{'url':'x','streams':{'audio':'none'}}" },
           &first);
    sr_test_command("rm '%s/bad.mp4' '%s/bad.report.json'", folder, folder);
    // One bit of the last byte of each part: sizes and headers stay.
    sr_test_command(
        "cd '%s/ws3' && for f in *.m4s; do printf '\\377' | dd of=$f bs=1 seek=$(($(stat -c %%s $f) - 9)) conv=notrunc "
        "2>/dev/null; done",
        folder);
    run_fails(&(struct how){ .output = "bad.mp4",
                             .workspace = "ws3",
                             .extra = "'input':{'url':'x','streams':{'audio':'none'}}" },
              SR_ERR_VERIFY, "segment 1");
    assert_false(is_there("bad.mp4"));
    assert_false(is_there("bad.report.json"));
    assert_true(is_there("ws3"));
    assert_int_equal(count_ending(".", ".part"), 0);
}

static void an_interrupted_job_goes_on(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result result = { 0 };
    run_fails(&(struct how){ .output = "stop.mp4", .stopped = true }, SR_ERR_CANCELLED, "");
    assert_false(is_there("stop.mp4"));
    run_ok(&(struct how){ .output = "stop.mp4" }, &result);
    assert_false(is_there(".splitreel"));
}

static void two_jobs_of_one_workspace_do_not_mix(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct workspace *held = NULL;
    sr_auto(char) char *path = in_folder("held");
    sr_assert_ok(workspace_open(&(struct workspace_params){ .folder = path }, &held, &err), err);
    run_fails(&(struct how){ .output = "held.mp4", .workspace = "held" }, SR_ERR_BUSY,
              "--workspace");
    workspace_free(held);
    assert_false(is_there("held.mp4"));
}

static void sound_alone(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result one = { 0 }, two = { 0 };
    run_ok(&(struct how){ .output = "a.m4a" }, &one);
    assert_int_equal(one.frames, 0);
    assert_int_equal(one.duration_us, 4000000);
    run_ok(&(struct how){ .input = "sound.m4a", .output = "b.mp4" }, &two);
    assert_int_equal(two.frames, 0);
    run_fails(
        &(struct how){ .input = "sound.m4a", .output = "c/", .extra = "'template':'hls-720p'" },
        SR_ERR_UNSUPPORTED, "needs a video");
    assert_false(is_there("c"));
}

static void hls_in_a_new_folder(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result result = { 0 };
    run_ok(&(struct how){ .output = "hls/", .extra = "'template':'hls-1080p'" }, &result);
    static const char *const names[] = { "hls/master.m3u8",     "hls/360p/init.mp4",
                                         "hls/360p/media.m3u8", "hls/360p/seg_00001.m4s",
                                         "hls/aac/init.mp4",    "hls/aac/seg_00001.m4s",
                                         "hls/report.json" };
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++) {
        if (!is_there(names[i]))
            fail_msg("%s is not there", names[i]);
    }
    sr_test_command(
        "test \"$(ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0 "
        "'%s/hls/master.m3u8' | sort -u | tr -d '\\n')\" = 100",
        folder);
    assert_int_equal(count_ending(".", ".part"), 0);
    sr_test_command("test -z \"$(find '%s' -name '.splitreel*')\"", folder);
    run_fails(&(struct how){ .output = "hls/", .extra = "'template':'hls-1080p'" }, SR_ERR_EXISTS,
              "-y");
}

static void hls_in_a_folder_that_is_there(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result first = { 0 }, second = { 0 };
    sr_test_command("mkdir '%s/site' && echo hello > '%s/site/index.html'", folder, folder);
    run_ok(&(struct how){ .output = "site", .extra = "'template':'hls-720p'" }, &first);
    assert_true(is_there("site/index.html"));
    assert_true(is_there("site/master.m3u8"));
    sr_test_command("touch '%s/site/360p/seg_00002.m4s' '%s/site/360p/seg_00003.m4s'", folder,
                    folder);  // of a longer one
    run_ok(&(struct how){ .output = "site", .extra = "'template':'hls-720p'", .overwrite = true },
           &second);
    assert_false(is_there("site/360p/seg_00002.m4s"));
    assert_false(is_there("site/360p/seg_00003.m4s"));
    assert_true(is_there("site/360p/seg_00001.m4s"));
    sr_test_command("test -z \"$(find '%s' -name '.splitreel*')\"", folder);
}

static void to_a_pipe(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result result = { 0 };
    sr_auto(char) char *path = in_folder("pipe.mp4");
    FILE *const file = fopen(path, "w");
    assert_non_null(file);
    run_ok(&(struct how){ .output = "-", .pipe_fd = fileno(file) }, &result);
    assert_int_equal(fclose(file), 0);
    assert_null(result.report_path);
    assert_int_not_equal(access(result.workspace, F_OK), 0);
    sr_test_command(
        "test \"$(ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0 '%s')\" "
        "= 100",
        path);
}

static void damage_is_told_or_refused(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result result = { 0 };
    // Noise over some packets in the middle.
    sr_test_command(
        "cp '%s/in.mp4' '%s/torn.mp4' && head -c 6000 /dev/zero | tr '\\0' '\\125' | dd "
        "of='%s/torn.mp4' bs=1 seek=$(($(stat -c %%s '%s/in.mp4') / 2)) conv=notrunc 2>/dev/null",
        folder, folder, folder, folder);
    run_fails(&(struct how){ .input = "torn.mp4", .output = "mended.mp4", .strict = true },
              SR_ERR_INPUT, "--strict");
    assert_false(is_there("mended.mp4"));
    sr_test_command("rm -rf '%s/.splitreel'", folder);
    run_ok(&(struct how){ .input = "torn.mp4", .output = "mended.mp4" }, &result);
    assert_true(result.damaged > 0);
    assert_true(json_array_size(json_object_get(result.report, "damage")) > 0);
    assert_string_equal(json_string_value(json_object_get(result.report, "verdict")), "PASS");
}

// Segments of which nothing can be decoded, at a declared rate: there is no picture to repeat.
static void damage_of_whole_segments_at_a_rate(void **state)
{
    (void)state;
    sr_auto(run_result) struct run_result result = { 0 };
    sr_test_command(
        "ffmpeg -v error -nostdin -i '%s/in.mp4' -an -c copy -movflags +faststart '%s/zeros.mp4' && cd '%s' && "
        "bytes=$(stat -c %%s zeros.mp4) && dd if=/dev/zero of=zeros.mp4 bs=1 seek=$((bytes / 2)) "
        "count=$((bytes - bytes / 2)) conv=notrunc status=none",
        folder, folder, folder);
    run_ok(&(struct how){ .input = "zeros.mp4",
                          .output = "held.mp4",
                          .extra = "'renditions':[{'id':'v','codec':'h264','fps':50}]" },
           &result);
    assert_true(result.damaged > 0);
    assert_true(is_there("held.mp4"));
}

static void what_cannot_be_read_leaves_nothing(void **state)
{
    (void)state;
    sr_test_command("echo not media > '%s/words.mp4' && : > '%s/empty.mp4'", folder, folder);
    run_fails(&(struct how){ .input = "none.mp4", .output = "n.mp4" }, SR_ERR_NOT_FOUND,
              "no such file");
    run_fails(&(struct how){ .input = "words.mp4", .output = "n.mp4" }, SR_ERR_INPUT, "words.mp4");
    run_fails(&(struct how){ .input = "empty.mp4", .output = "n.mp4" }, SR_ERR_INPUT, "empty");
    assert_false(is_there("n.mp4"));
    assert_false(is_there(".splitreel"));
}

// Who is told how a job ended: the bodies that came, with their signatures.
struct told {
    char *body[4];
    bool is_signed[4];
    atomic_int count;
};

static void note(void *self, const struct http_fake_request *request, struct http_fake_reply *reply)
{
    struct told *const told = self;
    struct sr_err err = { 0 };
    const int at = atomic_fetch_add(&told->count, 1);
    if (at < 4) {
        told->body[at] = sr_strf(&err, "%.*s", (int)request->body_bytes, request->body);
        told->is_signed[at] =
            http_header_find(request->headers, request->header_count, "webhook-signature") != NULL;
    }
    http_fake_text(reply, 200, "ok");
}

static void notifications(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct told told = { 0 };
    sr_auto(http_fake) struct http_fake *fake = NULL;
    sr_assert_ok(http_fake_new(note, &told, &fake, &err), err);
    const struct blob_stores_params stores = { .allow_private = true, .clock = sr_clock_system() };
    sr_auto(char) char *extra = sr_strf(
        &err,
        "'metadata':{'asset':'42'},'notifications':[{'url':'%s/a','secret_env':'SPLITREEL_TEST_HOOK'},"
        "{'url':'%s/b','events':['FAILED']}]",
        http_fake_url(fake), http_fake_url(fake));
    struct how how = { .output = "told.mp4", .extra = extra, .stores = &stores };
    unsetenv("SPLITREEL_TEST_HOOK");
    run_fails(&how, SR_ERR_INVALID, "$.notifications[0].secret_env: SPLITREEL_TEST_HOOK");
    assert_false(is_there(".splitreel"));
    assert_int_equal(told.count, 0);
    setenv("SPLITREEL_TEST_HOOK", "a secret", 1);
    sr_auto(run_result) struct run_result result = { 0 };
    run_ok(&how, &result);
    assert_int_equal(result.untold, 0);
    assert_int_equal(told.count, 1);
    assert_true(told.is_signed[0]);
    sr_assert_contains(told.body[0], "\"type\":\"job.succeeded\"");
    sr_assert_contains(told.body[0], "\"verdict\":\"PASS\"");
    sr_assert_contains(told.body[0], "\"asset\":\"42\"");
    sr_assert_contains(told.body[0], "told.report.json");
    how.output = "deaf.mp4";  // nobody may be told at a private address: a warning, not a failure
    how.stores = NULL;
    sr_auto(run_result) struct run_result deaf = { 0 };
    run_ok(&how, &deaf);
    assert_int_equal(deaf.untold, 1);
    assert_int_equal(told.count, 1);
    how.input = "text.mp4";
    how.stores = &stores;
    sr_test_command("echo this is no media >'%s/text.mp4'", folder);
    run_fails(&how, SR_ERR_INPUT, "text.mp4");
    assert_int_equal(told.count, 3);
    assert_true(told.is_signed[1]);
    assert_false(told.is_signed[2]);
    assert_string_equal(told.body[1], told.body[2]);  // one event
    sr_assert_contains(told.body[1], "\"type\":\"job.failed\"");
    sr_assert_contains(told.body[1], "\"code\":\"INPUT\"");
    for (size_t i = 0; i < 4; i++)
        free(told.body[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_proves_itself),
        cmocka_unit_test(the_same_bytes_however_it_is_run),
        cmocka_unit_test(nothing_is_encoded_twice),
        cmocka_unit_test(one_more_rendition_alone_is_encoded),
        cmocka_unit_test(an_output_that_is_there_stays),
        cmocka_unit_test(a_second_run_is_refused_too),
        cmocka_unit_test(the_input_is_never_the_output),
        cmocka_unit_test(a_damaged_part_is_caught),
        cmocka_unit_test(an_interrupted_job_goes_on),
        cmocka_unit_test(two_jobs_of_one_workspace_do_not_mix),
        cmocka_unit_test(sound_alone),
        cmocka_unit_test(hls_in_a_new_folder),
        cmocka_unit_test(hls_in_a_folder_that_is_there),
        cmocka_unit_test(to_a_pipe),
        cmocka_unit_test(damage_is_told_or_refused),
        cmocka_unit_test(damage_of_whole_segments_at_a_rate),
        cmocka_unit_test(what_cannot_be_read_leaves_nothing),
        cmocka_unit_test(notifications),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, make_sources, remove_sources);
}
