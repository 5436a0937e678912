// Activities as workers call them: every task in another slot, told by references alone.
#include "base/test.h"

#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "net/http_fake.h"
#include "pipeline/activity.h"
#include "pipeline/activity_source.h"
#include "pipeline/run.h"
#include "pipeline/workspace.h"

enum { SEGMENTS = 4 };

// Two slots, as two workers have them: they share nothing but the workspace.
struct world {
    struct activity_slot *slots[2];
    size_t next;
    char workspace[128];
    uint64_t frames_told;
    const char *job_more;  // members of the "job", each with a comma before it
    struct blob_stores_params stores;
};

static void on_progress(void *self, const json_t *event)
{
    struct world *const world = self;
    const json_t *const frames = json_object_get(event, "frames");
    if (frames)
        world->frames_told = (uint64_t)json_integer_value(frames);
}

// `more`: members of the manifest, with single quotes.
static void open_world(struct world *world, const char *name, const char *more)
{
    struct sr_err err = { 0 };
    const bool is_pipe = strcmp(name, "-") == 0;
    *world = (struct world){ .job_more = "", .stores = { .allow_private = true } };
    snprintf(world->workspace, sizeof(world->workspace), "%s/ws-%s", folder, name);
    sr_assert_ok(sr_make_folders(world->workspace, &err), err);
    sr_auto(char) char *text =
        sr_strf(&err,
                "{'version':1,'input':'%s/in.mp4','output':'%s%s%s',"
                "'segments':{'target':'1s'}%s%s}",
                folder, is_pipe ? "" : folder, is_pipe ? "" : "/", name, *more ? "," : "", more);
    sr_test_quotes(text);
    sr_auto(char) char *path = sr_strf(&err, "%s/manifest.json", world->workspace);
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
    const struct activity_env env = { .stores = &world->stores,
                                      .progress = on_progress,
                                      .progress_self = world };
    for (size_t i = 0; i < 2; i++)
        sr_assert_ok(activity_slot_new(&env, &world->slots[i], &err), err);
}

static void close_world(struct world *world)
{
    activity_slot_free(world->slots[0]);
    activity_slot_free(world->slots[1]);
}

// Parameters with a "job"; `more`: members with single quotes.
static json_t *params_of(const struct world *world, const char *more)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = sr_strf(&err, "{'job':{'id':'job-1','workspace':'%s'%s}%s%s}",
                                       world->workspace, world->job_more, *more ? "," : "", more);
    json_t *params = NULL;
    sr_test_quotes(text);
    sr_assert_ok(jx_parse(text, strlen(text), false, &params, &err), err);
    return params;
}

static bool act(struct world *world, const char *name, const char *more, json_t **ret,
                struct sr_err *err)
{
    sr_auto(json) json_t *params = params_of(world, more);
    return activity_run(world->slots[world->next++ % 2], name, params, ret, err);
}

static json_t *act_ok(struct world *world, const char *name, const char *more)
{
    struct sr_err err = { 0 };
    json_t *result = NULL;
    sr_assert_ok(act(world, name, more, &result, &err), err);
    return result;
}

static void act_done(struct world *world, const char *name, const char *more)
{
    json_decref(act_ok(world, name, more));
}

static void act_fails(struct world *world, const char *name, const char *more,
                      enum sr_err_code code, const char *says)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *result = NULL;
    sr_assert_fails(act(world, name, more, &result, &err), code, err);
    sr_assert_contains(err.message, says);
}

static int64_t number_at(const json_t *json, const char *key)
{
    const json_t *const value = json_object_get(json, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void encode(struct world *world, bool reused)
{
    for (int s = 0; s < SEGMENTS; s++) {
        char more[32];
        snprintf(more, sizeof(more), "'segment':%d", s);
        sr_auto(json) json_t *segment = act_ok(world, "splitreel-segment", more);
        assert_int_equal(number_at(segment, "segment"), s);
        assert_int_equal(number_at(segment, "frames"), 25);
        assert_int_equal(json_array_size(json_object_get(segment, reused ? "reused" : "made")), 1);
    }
    sr_auto(json) json_t *audio = act_ok(world, "quick-audio", "'audio':0");
    assert_int_equal(json_is_true(json_object_get(audio, "reused")), reused);
}

static void begin(struct world *world)
{
    sr_auto(json) json_t *probed = act_ok(world, "probe", "");
    assert_int_equal(number_at(probed, "duration_us"), 4000000);
    sr_auto(json) json_t *planned = act_ok(world, "plan", "");
    assert_string_equal(json_string_value(json_object_get(planned, "engine")), "quick");
    assert_int_equal(json_array_size(json_object_get(planned, "audio")), 1);
    const json_t *const segments = json_object_get(planned, "segments");
    assert_int_equal(number_at(segments, "count"), SEGMENTS);
    assert_int_equal(number_at(segments, "tasks"), SEGMENTS);
    sr_auto(char) char *text = NULL;
    struct sr_err err = { 0 };
    size_t bytes;
    sr_auto(char) char *path =
        sr_strf(&err, "%s/%s", json_string_value(json_object_get(segments, "bucket")),
                json_string_value(json_object_get(segments, "key")));
    sr_assert_ok(sr_file_load(path, 1 << 20, &text, &bytes, &err), err);
    sr_auto(json) json_t *items = NULL;
    sr_assert_ok(jx_parse(text, bytes, false, &items, &err), err);
    assert_int_equal(json_array_size(items), SEGMENTS);
    sr_assert_contains(text, "{\n    \"segment\": 0\n  }");
}

static void run_it(const char *name, const char *more)
{
    struct sr_err err = { 0 };
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(run_result) struct run_result result = { 0 };
    sr_auto(char) char *text = sr_strf(
        &err, "{'version':1,'input':'%s/in.mp4','output':'%s/%s','segments':{'target':'1s'}%s%s}",
        folder, folder, name, *more ? "," : "", more);
    sr_test_quotes(text);
    const struct manifest_params document = { .text = text, .bytes = strlen(text) };
    sr_assert_ok(manifest_parse(&document, &manifest, &err), err);
    const struct run_params params = { .manifest = manifest,
                                       .worker_count = 1,
                                       .clock = sr_clock_system() };
    sr_assert_ok(run_job(&params, &result, &err), err);
}

// -------------------------------------------------------------------------------------------------
static const struct row {
    const char *name, *output, *more;
    int outputs;
} rows[] = {
    { "one file", "one.mp4", "", 1 },
    { "a correlation", "known.mp4", "'correlation':'c-7'", 1 },
    { "HLS", "hls", "'template':'hls-720p'", 1 },
    { "composed, and sound", "two",
      "'renditions':[{'id':'v','codec':'h264'},{'id':'a','codec':'aac'}],'outputs':["
      "{'type':'mp4','path':'v.mp4','use':['v','a'],'layout':'composed'},"
      "{'type':'m4a','path':'a.m4a','use':['a']}]",
      2 },
};

// Spec: P2: the same bytes, whoever does it; and every task twice, as after a lost answer.
static void a_job_by_references(void **state)
{
    const struct row *const row = *state;
    struct world world;
    open_world(&world, row->output, row->more);
    begin(&world);
    encode(&world, false);
    assert_true(world.frames_told > 0 && world.frames_told <= 25);
    encode(&world, true);
    for (int twice = 0; twice < 2; twice++) {
        for (int o = 0; o < row->outputs; o++) {
            char more[32];
            snprintf(more, sizeof(more), "'output':%d", o);
            sr_auto(json) json_t *joined = act_ok(&world, "join", more);
            assert_int_equal(number_at(joined, "files"), 1);
        }
    }
    for (int twice = 0; twice < 2; twice++) {
        sr_auto(json) json_t *verified = act_ok(&world, "verify", "");
        assert_string_equal(json_string_value(json_object_get(verified, "verdict")), "PASS");
    }
    sr_auto(json) json_t *first = act_ok(&world, "publish", "");
    sr_auto(json) json_t *second = act_ok(&world, "publish", "");
    assert_true(json_equal(first, second));
    assert_int_equal(number_at(first, "files"), row->outputs);
    close_world(&world);
    if (strstr(row->more, "correlation"))
        sr_test_command("grep -q '\"correlation\": \"c-7\"' '%s/known.report.json'", folder);
    sr_test_command("cd '%s' && mkdir mine && mv '%s' *report.json mine 2>/dev/null; "
                    "! find . -name '.splitreel*' | grep .",
                    folder, row->output);
    run_it(row->output, row->more);
    sr_test_command("cd '%s' && mkdir theirs && mv '%s' *report.json theirs 2>/dev/null; "
                    "test -e theirs/'%s' && diff -r mine theirs && rm -rf mine theirs",
                    folder, row->output, row->output);
}

static void a_slot_forgets_another_job(void **state)
{
    (void)state;
    struct world one, two;
    open_world(&one, "x.mp4", "");
    open_world(&two, "y.mp4", "");
    activity_slot_free(two.slots[1]);
    two.slots[1] = one.slots[0];  // one slot, two jobs in turn
    for (int i = 0; i < 2; i++) {
        one.next = 0;
        two.next = 1;
        begin(&one);
        one.next = 0;
        two.next = 1;
        act_done(&two, "probe", "");
    }
    activity_slot_free(two.slots[0]);
    close_world(&one);
}

// -------------------------------------------------------------------------------------------------
static void what_is_refused(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, "refused.mp4", "");
    act_fails(&world, "wash", "", SR_ERR_NOT_FOUND, "no activity wash");
    act_fails(&world, "segment", "'segment':0", SR_ERR_NOT_FOUND, "probe.json");
    begin(&world);
    act_fails(&world, "segment", "'segment':4", SR_ERR_INVALID, "$.segment");
    act_fails(&world, "segment", "'segment':-1", SR_ERR_INVALID, "$.segment");
    act_fails(&world, "segment", "", SR_ERR_INVALID, "$.segment");
    act_fails(&world, "segment", "'segment':0,'item':0", SR_ERR_INVALID, "$.item");
    static const char *const lists[] = { "0", "[]", "[1]", "[-1]", "[0,0]", "[0.5]", "['v']" };
    for (size_t i = 0; i < SR_TEST_COUNT(lists); i++) {
        char more[64];
        snprintf(more, sizeof(more), "'segment':0,'item':{'renditions':%s}", lists[i]);
        act_fails(&world, "segment", more, SR_ERR_INVALID, "$.item.renditions");
    }
    act_fails(&world, "audio", "'audio':1", SR_ERR_INVALID, "$.audio");
    act_fails(&world, "join", "'output':1", SR_ERR_INVALID, "$.output");
    act_fails(&world, "join", "'output':0", SR_ERR_CONFLICT, "segment 1 is not in the workspace");
    struct sr_err err = { 0 };
    static const struct {
        const char *params, *says;
    } bad[] = {
        { "{}", "$.job" },
        { "{\"job\":{\"workspace\":\"/tmp\"}}", "$.job.id" },
        { "{\"job\":{\"id\":\"x\"}}", "$.job.workspace" },
        { "{\"job\":{\"id\":\"../x\",\"workspace\":\"/tmp\"}}", "$.job" },
        { "{\"job\":{\"id\":\"x\",\"workspace\":\"\"}}", "$.job" },
        { "{\"job\":{\"id\":\"x\",\"workspace\":\"/tmp\",\"manifest\":\"a/b\"}}", "$.job" },
        { "{\"job\":{\"id\":\"x\",\"workspace\":\"/tmp\",\"colour\":1}}", "colour" },
        { "{\"job\":{\"id\":\"x\",\"workspace\":\"/tmp\",\"slots\":-1}}", "$.job.slots" },
        { "{\"job\":{\"id\":\"x\",\"workspace\":\"/tmp\",\"slots\":10001}}", "$.job.slots" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(bad); i++) {
        sr_auto(json) json_t *params = json_loads(bad[i].params, 0, NULL);
        json_t *result = NULL;
        sr_assert_fails(activity_run(world.slots[0], "probe", params, &result, &err),
                        SR_ERR_INVALID, err);
        sr_assert_contains(err.message, bad[i].says);
    }
    close_world(&world);
}

// A worker's slot must not go on with another source than the one that was planned.
static void a_source_that_changes(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, "changed.mp4", "");
    sr_test_command("cp '%s/in.mp4' '%s/keep.mp4'", folder, folder);
    begin(&world);
    act_done(&world, "segment", "'segment':0");
    world.next--;  // the slot that has the job open
    sr_test_command("touch -d '2001-01-01' '%s/in.mp4'", folder);
    act_fails(&world, "segment", "'segment':1", SR_ERR_INPUT, "was changed");
    close_world(&world);
    open_world(&world, "changed.mp4", "");
    act_fails(&world, "segment", "'segment':1", SR_ERR_CONFLICT, "not the file any more");
    sr_test_command("mv '%s/keep.mp4' '%s/in.mp4'", folder, folder);
    close_world(&world);
}

static void a_plan_of_another_manifest(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, "other.mp4", "");
    begin(&world);
    close_world(&world);
    open_world(&world, "other.mp4",
               "'renditions':[{'id':'v','codec':'h264','height':32}],"
               "'outputs':[{'type':'mp4','path':'v.mp4','use':['v']}]");
    act_fails(&world, "segment", "'segment':0", SR_ERR_CONFLICT, "plan");
    close_world(&world);
}

static void bad_input_is_told_as_such(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, "bad.mp4", "");
    sr_test_command("mv '%s/in.mp4' '%s/keep.mp4' && echo not media > '%s/in.mp4'", folder, folder,
                    folder);
    act_fails(&world, "probe", "", SR_ERR_INPUT, "in.mp4");
    sr_auto(json) json_t *cleaned =
        act_ok(&world, "clean", "'error':'Splitreel.BadInput','cause':'x'");
    assert_string_equal(json_string_value(json_object_get(cleaned, "error")), "Splitreel.BadInput");
    sr_test_command("mv '%s/keep.mp4' '%s/in.mp4'", folder, folder);
    close_world(&world);
}

// What was joined goes, what was encoded stays; the cause of a failed segment is found again.
static void cleaning_up(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, "clean.mp4", "");
    begin(&world);
    encode(&world, false);
    act_done(&world, "join", "'output':0");
    sr_test_command("ls -a '%s' | grep -q '^.splitreel-'", folder);
    act_done(&world, "note", "'segment':2,'error':'Splitreel.WorkerDied','cause':'signal 11'");
    sr_auto(json) json_t *told =
        act_ok(&world, "clean", "'error':'States.ExceedToleratedFailureThreshold','cause':'x'");
    assert_string_equal(json_string_value(json_object_get(told, "error")), "Splitreel.WorkerDied");
    assert_string_equal(json_string_value(json_object_get(told, "cause")), "signal 11");
    sr_test_command("! ls -a '%s' | grep '^.splitreel-'", folder);
    sr_test_command("test $(ls '%s' | grep -c 'm4s$') = %d", world.workspace, SEGMENTS + 1);
    sr_auto(json) json_t *again = act_ok(&world, "clean", "'error':'Splitreel.Verify','cause':'y'");
    assert_string_equal(json_string_value(json_object_get(again, "cause")), "y");
    // And the job can still be done.
    sr_auto(json) json_t *published = act_ok(&world, "publish", "");
    assert_int_equal(number_at(published, "files"), 1);
    sr_auto(json) json_t *same = act_ok(&world, "publish", "");  // its answer was lost
    assert_true(json_equal(same, published));
    // Cancelled too late, and somebody has removed what was published: another attempt makes it.
    act_done(&world, "clean", "'error':'Splitreel.Cancelled','cause':'z'");
    sr_test_command("rm '%s'/clean.mp4 '%s'/clean.report.json", folder, folder);
    sr_auto(json) json_t *anew = act_ok(&world, "publish", "");
    assert_int_equal(number_at(anew, "files"), 1);
    sr_test_command("test -s '%s'/clean.mp4", folder);
    close_world(&world);
}

// Receives what jobs tell.
struct receiver {
    int status;
    char body[1024], id[80], correlation[80], traceparent[80];
};

static void keep_header(const struct http_fake_request *request, const char *name, char text[80])
{
    const char *const value = http_header_find(request->headers, request->header_count, name);
    snprintf(text, 80, "%s", value ? value : "none");
}

static void receive(void *self, const struct http_fake_request *request,
                    struct http_fake_reply *reply)
{
    struct receiver *const receiver = self;
    snprintf(receiver->body, sizeof(receiver->body), "%.*s", (int)request->body_bytes,
             request->body_bytes ? (const char *)request->body : "");
    keep_header(request, "webhook-id", receiver->id);
    keep_header(request, "X-Correlation-Id", receiver->correlation);
    keep_header(request, "traceparent", receiver->traceparent);
    http_fake_text(reply, receiver->status, "");
}

#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define OTHER_PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01"
#define EVENT(event) "'id':'e-1','time':'2026-01-01T00:00:00.000Z','tell':{'event':'" event "'"

// Whom the manifest names, and one of them at a time.
static void telling(void **state)
{
    (void)state;
    struct world world;
    struct receiver receiver = { .status = 503 };
    struct sr_err err = { 0 };
    sr_auto(http_fake) struct http_fake *fake = NULL;
    sr_assert_ok(http_fake_new(receive, &receiver, &fake, &err), err);
    sr_auto(char) char *more = sr_strf(
        &err,
        "'correlation':'c-7','traceparent':'" TRACEPARENT "','notifications':[{'url':'%s/a'},"
        "{'url':'http://127.0.0.1:1/b','events':['FAILED']},"
        "{'url':'http://127.0.0.1:1/c','events':['CANCELLED'],'secret_env':'NO_SUCH'}]",
        http_fake_url(fake));
    open_world(&world, "told.mp4", more);
    sr_auto(json) json_t *good =
        act_ok(&world, "notify", "'event':'SUCCEEDED','report':'x.report.json'");
    sr_auto(json) json_t *bad =
        act_ok(&world, "notify", "'event':'FAILED','error':'Splitreel.BadInput','cause':'torn'");
    sr_auto(json) json_t *stopped =
        act_ok(&world, "notify", "'event':'FAILED','error':'Splitreel.Cancelled','cause':'u'");
    sr_auto(json) json_t *want_good =
        json_pack("{s:[i], s:s, s:s}", "to", 0, "event", "SUCCEEDED", "report", "x.report.json");
    sr_auto(json) json_t *want_bad =
        json_pack("{s:[i, i], s:s, s:s, s:s}", "to", 0, 1, "event", "FAILED", "error",
                  "Splitreel.BadInput", "cause", "torn");
    sr_auto(json) json_t *want_stopped =
        json_pack("{s:[i, i], s:s, s:s, s:s}", "to", 0, 2, "event", "CANCELLED", "error",
                  "Splitreel.Cancelled", "cause", "u");
    assert_true(json_equal(good, want_good));
    assert_true(json_equal(bad, want_bad));
    assert_true(json_equal(stopped, want_stopped));
    act_fails(&world, "notify", "'event':'HALF'", SR_ERR_INVALID, "event");

    act_fails(&world, "notify", "'to':0," EVENT("SUCCEEDED") "}", SR_ERR_BUSY, "503");
    receiver.status = 204;
    sr_auto(json) json_t *told =
        act_ok(&world, "notify", "'to':0," EVENT("SUCCEEDED") ",'report':'x.report.json'}");
    assert_int_equal(number_at(told, "to"), 0);
    assert_string_equal(receiver.id, "e-1");
    assert_string_equal(receiver.correlation, "c-7");
    assert_string_equal(receiver.traceparent, TRACEPARENT);
    sr_auto(json) json_t *body = json_loads(receiver.body, 0, NULL);
    char input[128], output[128];
    snprintf(input, sizeof(input), "%s/in.mp4", folder);
    snprintf(output, sizeof(output), "%s/told.mp4", folder);
    sr_auto(json) json_t *want = json_pack(
        "{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s}}", "type", "job.succeeded", "timestamp",
        "2026-01-01T00:00:00.000Z", "data", "job", "job-1", "correlation", "c-7", "input", input,
        "output", output, "verdict", "PASS", "report", "x.report.json");
    assert_true(json_equal(body, want));
    world.job_more = ",'correlation':'c-8','traceparent':'" OTHER_PARENT "','priority':3";
    act_done(&world, "notify", "'to':0," EVENT("CANCELLED") ",'error':'E','cause':'u'}");
    assert_string_equal(receiver.correlation, "c-8");  // the job's go before the manifest's
    assert_string_equal(receiver.traceparent, OTHER_PARENT);
    sr_assert_contains(receiver.body, "\"type\":\"job.cancelled\"");
    sr_assert_contains(receiver.body, "\"message\":\"u\"");

    act_fails(&world, "notify", "'to':1," EVENT("FAILED") "}", SR_ERR_NETWORK, "127.0.0.1:1");
    act_fails(&world, "notify", "'to':2," EVENT("CANCELLED") "}", SR_ERR_INVALID, "NO_SUCH");
    act_fails(&world, "notify", "'to':3," EVENT("FAILED") "}", SR_ERR_INVALID, "notification 3");
    act_fails(&world, "notify", "'to':0,'id':'a b','time':'t','tell':{'event':'FAILED'}",
              SR_ERR_INVALID, "id");
    close_world(&world);
}

// What is not well-formed would be a header of its own making.
static void ids_that_are_none(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, "ids.mp4", "");
    world.job_more = ",'correlation':'a\\r\\nX-Other: 1'";
    act_fails(&world, "probe", "", SR_ERR_INVALID, "correlation");
    world.job_more = ",'traceparent':'00-1-2-01'";
    act_fails(&world, "probe", "", SR_ERR_INVALID, "traceparent");
    close_world(&world);
}

static void an_output_that_is_there(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, "there.mp4", "");
    sr_test_command("echo precious > '%s/there.mp4'", folder);
    act_done(&world, "probe", "");
    act_fails(&world, "plan", "", SR_ERR_EXISTS, "is there already");
    sr_test_command("grep -q precious '%s/there.mp4'", folder);
    close_world(&world);
    open_world(&world, "-", "");
    act_fails(&world, "plan", "", SR_ERR_UNSUPPORTED, "\"-\"");
    close_world(&world);
}

static void who_works_alone_keeps_workers_away(void **state)
{
    (void)state;
    struct world world;
    struct sr_err err = { 0 };
    struct workspace *held = NULL;
    open_world(&world, "held.mp4", "");
    sr_assert_ok(
        workspace_open(&(struct workspace_params){ .folder = world.workspace }, &held, &err), err);
    act_fails(&world, "probe", "", SR_ERR_BUSY, "works in");
    workspace_free(held);
    act_done(&world, "probe", "");
    sr_assert_fails(
        workspace_open(&(struct workspace_params){ .folder = world.workspace }, &held, &err),
        SR_ERR_BUSY, err);
    close_world(&world);
}

static void the_table(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct activity *row; (row = activity_at(count)); count++) {
        char name[64];
        snprintf(name, sizeof(name), ACTIVITY_PREFIX "%s", row->name);
        assert_ptr_equal(activity_find(row->name), row);
        assert_ptr_equal(activity_find(name), row);
        assert_true(row->heartbeat_s > 0 && row->heartbeat_s <= row->timeout_s);
    }
    assert_true(count > 0);
    assert_null(activity_find("splitreel-"));
    assert_null(activity_find(""));
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 11];
    size_t count = SR_TEST_ADD(tests, rows, a_job_by_references);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_slot_forgets_another_job);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_source_that_changes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_plan_of_another_manifest);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(bad_input_is_told_as_such);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(cleaning_up);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(telling);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(ids_that_are_none);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(an_output_that_is_there);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(who_works_alone_keeps_workers_away);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(the_table);
    return _cmocka_run_group_tests(__FILE__, tests, count, make_source, remove_source);
}
