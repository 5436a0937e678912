// A job under kill -9: children, workers, the service and the store's gateway die every second or
// two, and connections to the store are cut. It ends, with the bytes of an undisturbed run, no
// upload left open, and no finished part made again.
//   make chaos SEED=7 MINUTES=30
#include <inttypes.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "tests/chaos_world.h"
#include "tests/env.h"
#include "tests/s3_job.h"
#include "tests/title.h"

enum {
    SEGMENTS_MIN = 40,
    RENDITIONS = 2,
    TRACKS = 1,
    KILLS = 20,     // of the short form
    KILLS_MIN = 4,  // or it was over too soon
    WAVE = 8,       // kills of the long form, then comes a rest
    REST_S_MIN = 20,
    REST_S_MAX = 60,
    JOB_S_MAX = 900,
    SLOW_MAX = 3,
    RUN_US = 10000000,  // that a quick machine takes undisturbed, at most
    PARTS_BEFORE = 6,   // that are finished when results are lost
    LOSE_S_MAX = 5,
    TICK_MS = 200,
    PARTS_MAX = 400,
    SEGMENTS_MAX = 100,
};

#define PREFIX "arn:aws:states:us-east-1:123456789012"
#define FILM "in/chaos.mp4"
#define MANIFEST                                                                                   \
    "{\"version\": 1, \"input\": \"%s\", \"output\": \"%s\","                                      \
    " \"segments\": {\"mode\": \"grid\", \"target\": \"1.4s\"},"                                   \
    " \"renditions\": ["                                                                           \
    "  {\"id\": \"low\", \"codec\": \"h264\", \"height\": 90, \"preset\": \"veryfast\"},"          \
    "  {\"id\": \"high\", \"codec\": \"h264\", \"height\": 180, \"preset\": \"slow\"},"            \
    "  {\"id\": \"aac\", \"codec\": \"aac\", \"bitrate\": \"64k\"}],"                              \
    " \"outputs\": ["                                                                              \
    "  {\"type\": \"mp4\", \"path\": \"film-{id}.mp4\", \"use\": [\"low\", \"high\", \"aac\"]},"   \
    "  {\"type\": \"hls\", \"path\": \"hls/\", \"use\": [\"low\", \"high\", \"aac\"]}],"           \
    " \"idempotency_key\": \"%s\"}"

static int64_t now_us(void)
{
    return sr_clock_monotonic_us(sr_clock_system());
}

// The undisturbed run -----------------------------------------------------------------------------
// Gives how long it took.
static int64_t run_undisturbed(const char *folder)
{
    const int64_t begun_us = now_us();
    struct sr_err err = { 0 };
    sr_auto(char) char *film = s3_job_fixture("main-60s.mp4");
    sr_auto(char) char *output = sr_strf(&err, "%s/", folder);
    sr_auto(char) char *text = sr_strf(&err, MANIFEST, film, output, "undisturbed");
    sr_auto(char) char *path = s3_job_scratch("undisturbed.json");
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
    sr_auto(char) char *command =
        sr_strf(&err, "\"$SPLITREEL\" run --manifest '%s' --progress none", path);
    assert_int_equal(system(command), 0);
    s3_job_put_file(film, FILM);
    return now_us() - begun_us;
}

// Parts -------------------------------------------------------------------------------------------
struct parts {
    struct {
        char key[160], etag[BLOB_ETAG_BYTES];
        int64_t modified_us;
    } list[PARTS_MAX];
    size_t count;
};

static bool is_listed(const struct blob_page *page, const char *key)
{
    for (size_t i = 0; i < page->count; i++) {
        if (strcmp(page->item[i].key, key) == 0)
            return true;
    }
    return false;
}

static void look_at_part(struct parts *parts, const struct blob_entry *entry)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (strcmp(parts->list[i].key, entry->key) != 0)
            continue;
        if (parts->list[i].modified_us != entry->modified_us ||
            strcmp(parts->list[i].etag, entry->etag) != 0)
            fail_msg("%s was finished and is made again", entry->key);
        return;
    }
    assert_true(parts->count < PARTS_MAX);
    assert_true(strlen(entry->key) < sizeof(parts->list->key));
    parts->list[parts->count].modified_us = entry->modified_us;
    (void)strcpy(parts->list[parts->count].etag, entry->etag);
    (void)strcpy(parts->list[parts->count++].key, entry->key);
}

// A part is finished when its document is there; from then on nobody writes it.
static void look_at_parts(struct parts *parts, const char *prefix)
{
    struct sr_err err = { 0 };
    sr_auto(blob_page) struct blob_page page = { 0 };
    const struct blob_list list = { .prefix = prefix };
    sr_assert_ok(blob_list(&s3_job()->direct.blob, &list, &page, &err), err);
    assert_false(page.more);
    for (size_t i = 0; i < page.count; i++) {
        const char *const key = page.item[i].key;
        const size_t bytes = strlen(key);
        if (bytes < 4 || strcmp(key + bytes - 4, ".m4s") != 0)
            continue;
        sr_auto(char) char *document = sr_strf(&err, "%.*s.json", (int)(bytes - 4), key);
        if (is_listed(&page, document))
            look_at_part(parts, &page.item[i]);
    }
}

// Histories ---------------------------------------------------------------------------------------
struct tally {
    size_t begun, failed, lost, made, reused;
    size_t segments[SEGMENTS_MAX];  // how often each succeeded
};

static void add_success(struct tally *tally, const json_t *event)
{
    const char *const text = json_string_value(
        json_object_get(json_object_get(event, "activitySucceededEventDetails"), "output"));
    sr_auto(json) json_t *output = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    const json_t *const segment = json_object_get(output, "segment");
    if (!segment)
        return;
    const size_t number = (size_t)json_integer_value(segment);
    assert_in_range(number, 0, SEGMENTS_MAX - 1);
    tally->segments[number]++;
    tally->made += json_array_size(json_object_get(output, "made"));
    tally->reused += json_array_size(json_object_get(output, "reused"));
}

static void add_history(struct chaos_world *world, const char *arn, struct tally *tally)
{
    sr_auto(json) json_t *token = NULL;
    do {
        sr_auto(json) json_t *page =
            chaos_world_ask(world, "GetExecutionHistory",
                            json_pack("{s:s, s:i, s:O*}", "executionArn", arn, "maxResults", 1000,
                                      "nextToken", token));
        size_t i;
        const json_t *event;
        json_array_foreach(json_object_get(page, "events"), i, event)
        {
            const char *const type = json_string_value(json_object_get(event, "type"));
            tally->begun += strcmp(type, "ActivityStarted") == 0;
            tally->failed += strcmp(type, "ActivityFailed") == 0;
            tally->lost += strcmp(type, "ActivityTimedOut") == 0;
            if (strcmp(type, "ActivitySucceeded") == 0)
                add_success(tally, event);
        }
        json_decref(token);
        token = json_incref(json_object_get(page, "nextToken"));
    } while (token);
}

// The children of its distributed maps.
static void add_children(struct chaos_world *world, const char *arn, struct tally *tally)
{
    size_t r, i;
    const json_t *run, *child;
    sr_auto(json) json_t *runs =
        chaos_world_ask(world, "ListMapRuns", json_pack("{s:s}", "executionArn", arn));
    json_array_foreach(json_object_get(runs, "mapRuns"), r, run)
    {
        sr_auto(json) json_t *children =
            chaos_world_ask(world, "ListExecutions",
                            json_pack("{s:O, s:i}", "mapRunArn", json_object_get(run, "mapRunArn"),
                                      "maxResults", 1000));
        assert_null(json_object_get(children, "nextToken"));
        json_array_foreach(json_object_get(children, "executions"), i, child)
        {
            add_history(world, json_string_value(json_object_get(child, "executionArn")), tally);
        }
    }
}

static void check_histories(struct chaos_world *world, const char *arn)
{
    struct tally tally = { 0 };
    add_history(world, arn, &tally);
    add_children(world, arn, &tally);
    size_t segments = 0;
    while (segments < SEGMENTS_MAX && tally.segments[segments] == 1)
        segments++;
    for (size_t i = segments; i < SEGMENTS_MAX; i++)
        assert_int_equal(tally.segments[i], 0);
    assert_true(segments >= SEGMENTS_MIN);
    assert_int_equal(tally.made + tally.reused, segments * RENDITIONS);
    assert_true(tally.failed + tally.lost > 0);  // or nothing was disturbed
    assert_true(tally.reused > 0);
    print_message(
        "%zu segments; tasks: %zu begun, %zu failed, %zu lost; parts: %zu made, %zu found\n",
        segments, tally.begun, tally.failed, tally.lost, tally.made, tally.reused);
}

// When what happens next; `left`: of the wave.
struct waves {
    uint64_t seed;
    bool is_long, has_lost;
    unsigned left, count;
    int64_t slow;  // all waits are so many times longer
    int64_t next_us;
};

// The job -----------------------------------------------------------------------------------------
// Killed as soon as it has answered: what it has accepted is there.
static void submit(struct chaos_world *world, struct waves *waves, char id[64])
{
    struct sr_err err = { 0 };
    sr_auto(char) char *key = sr_strf(&err, "chaos-%" PRIu64, waves->seed);
    sr_auto(char) char *manifest =
        sr_strf(&err, MANIFEST, S3_JOB_BUCKET FILM, S3_JOB_BUCKET "out/", key);
    sr_auto(json) json_t *job = chaos_world_job(world, NULL, manifest);
    waves->count += chaos_world_kill(world, CHAOS_SERVE, &waves->seed);
    sr_auto(json) json_t *again = chaos_world_job(world, NULL, manifest);
    const char *const text = json_string_value(json_object_get(job, "id"));
    assert_non_null(text);
    assert_string_equal(json_string_value(json_object_get(again, "id")), text);
    (void)snprintf(id, 64, "%s", text);
}

static bool has_ended(struct chaos_world *world, const char *id)
{
    sr_auto(json) json_t *job = chaos_world_job(world, id, NULL);
    const char *const state = json_string_value(json_object_get(job, "state"));
    assert_int_equal(json_integer_value(json_object_get(job, "attempt")), 1);
    if (strcmp(state, "QUEUED") == 0 || strcmp(state, "RUNNING") == 0)
        return false;
    if (strcmp(state, "SUCCEEDED") != 0) {
        chaos_world_show(world);
        fail_msg("%s: %s: %s", state, json_string_value(json_object_get(job, "error")),
                 json_string_value(json_object_get(job, "cause")));
    }
    return true;
}

// The chaos ---------------------------------------------------------------------------------------
static enum chaos_victim draw_victim(uint64_t *seed)
{
    static const unsigned of_100[CHAOS_VICTIM_COUNT] = { 30, 14, 14, 14, 14, 14 };
    unsigned left = (unsigned)env_draw(seed, 100);
    enum chaos_victim victim = 0;
    while (left >= of_100[victim])
        left -= of_100[victim++];
    return victim;
}

// Results that cannot be told: the service is stopped until two more parts are finished, at least
// one of them a segment's, then all die. Who does these tasks again must find the parts.
static void lose_results(struct chaos_world *world, struct waves *waves, struct parts *parts)
{
    static const enum chaos_victim all[] = { CHAOS_WORKER, CHAOS_LOCAL_WORKER, CHAOS_SERVE };
    const int64_t end_us = now_us() + waves->slow * LOSE_S_MAX * 1000000;
    if (waves->has_lost || parts->count < PARTS_BEFORE || !world->serve.pid || !world->worker.pid ||
        world->is_store_down)
        return;
    chaos_world_freeze(world, true);
    look_at_parts(parts, "ws/");  // what has been told already
    const size_t want = parts->count + TRACKS + 1;
    while (parts->count < want && now_us() < end_us) {
        (void)poll(NULL, 0, TICK_MS / 10);
        look_at_parts(parts, "ws/");
    }
    waves->has_lost = parts->count >= want;
    if (!waves->has_lost)
        chaos_world_freeze(world, false);
    for (size_t i = 0; waves->has_lost && i < SR_TEST_COUNT(all); i++)
        waves->count += chaos_world_kill(world, all[i], &waves->seed);
}

// Kills every second or two. The long form goes on in waves: a step that takes longer than the
// time between two kills would else never end, and be given up.
static void disturb(struct chaos_world *world, struct waves *waves)
{
    if (waves->left == 0 || now_us() < waves->next_us)
        return;
    const bool done = chaos_world_kill(world, draw_victim(&waves->seed), &waves->seed);
    waves->count += done;
    waves->left -= done;
    int64_t wait_ms = 1000 + (int64_t)env_draw(&waves->seed, 1000);
    if (waves->left == 0 && !waves->is_long) {
        fault_proxy_plan(s3_job()->proxy, (struct fault_plan){ 0 });  // the rest is quick
    } else if (waves->left == 0) {
        waves->left = WAVE;
        wait_ms += (REST_S_MIN + (int64_t)env_draw(&waves->seed, REST_S_MAX - REST_S_MIN)) * 1000;
    }
    waves->next_us = now_us() + waves->slow * wait_ms * 1000;
}

static void play(struct chaos_world *world, const char *id, struct waves *waves,
                 struct parts *parts)
{
    const int64_t begun_us = now_us();
    waves->next_us = begun_us + 500000;
    while (!has_ended(world, id)) {
        if (now_us() - begun_us > waves->slow * JOB_S_MAX * INT64_C(1000000)) {
            chaos_world_show(world);
            fail_msg("the job does not end");
        }
        lose_results(world, waves, parts);
        disturb(world, waves);
        chaos_world_tend(world, false);
        if (!world->is_store_down)
            look_at_parts(parts, "ws/");
        (void)poll(NULL, 0, TICK_MS);
    }
    print_message("%u disturbances in %" PRId64 " s:", waves->count,
                  (now_us() - begun_us) / 1000000);
    for (size_t i = 0; i < CHAOS_VICTIM_COUNT; i++)
        print_message(" %u %s%s", world->killed[i], chaos_victim_names[i],
                      i + 1 < CHAOS_VICTIM_COUNT ? "," : "\n");
}

static void a_round(struct waves waves, const char *undisturbed)
{
    struct sr_err err = { 0 };
    struct chaos_world world;
    struct parts *const parts = calloc(1, sizeof(*parts));
    char id[64], arn[160];
    assert_non_null(parts);
    s3_job_clear("out/");
    s3_job_clear("ws/");
    chaos_world_open(&world);
    submit(&world, &waves, id);
    play(&world, id, &waves, parts);
    chaos_world_tend(&world, true);
    look_at_parts(parts, "ws/");
    (void)snprintf(arn, sizeof(arn), PREFIX ":execution:splitreel-transcode:%s-1", id);
    check_histories(&world, arn);
    chaos_world_close(&world);
    assert_true(waves.has_lost && waves.count >= KILLS_MIN);
    assert_true(parts->count >= SEGMENTS_MIN * RENDITIONS + TRACKS);
    sr_auto(char) char *hls = sr_strf(&err, "%s/hls", undisturbed);
    sr_auto(char) char *low = sr_strf(&err, "%s/film-low.mp4", undisturbed);
    sr_auto(char) char *high = sr_strf(&err, "%s/film-high.mp4", undisturbed);
    assert_true(s3_job_assert_same_tree(hls, "out/hls/") > SEGMENTS_MIN / 4);
    s3_job_assert_same(low, "out/film-low.mp4");
    s3_job_assert_same(high, "out/film-high.mp4");
    assert_int_equal(s3_job_open_uploads(), 0);
    free(parts);
}

static void under_chaos(void **state)
{
    (void)state;
    const uint64_t minutes = env_number("CHAOS_MINUTES", 0);
    const int64_t end_us = now_us() + (int64_t)minutes * 60000000;
    uint64_t seed = env_number("CHAOS_SEED", 2);
    sr_auto(char) char *undisturbed = s3_job_scratch("undisturbed");
    const int64_t took_us = run_undisturbed(undisturbed);
    const int64_t slow = took_us / RUN_US < SLOW_MAX ? took_us / RUN_US + 1 : SLOW_MAX;
    if (slow > 1)
        print_message("a slow machine: %" PRId64 " times the time between kills\n", slow);
    do {
        print_message("SEED=%" PRIu64 "\n", seed);
        a_round((struct waves){ .seed = seed,
                                .is_long = minutes > 0,
                                .left = minutes ? WAVE : KILLS,
                                .slow = slow },
                undisturbed);
        seed++;
    } while (now_us() < end_us);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(under_chaos) };
    if (!getenv("SPLITREEL")) {
        printf("skip chaos: SPLITREEL does not name the program (make chaos, make check)\n");
        return 0;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    const int begun = s3_job_begin();
    if (begun >= 0)
        return begun;
    // For the processes.
    if (setenv("AWS_ACCESS_KEY_ID", S3_JOB_ACCESS, 1) != 0 ||
        setenv("AWS_SECRET_ACCESS_KEY", S3_JOB_SECRET, 1) != 0 ||
        setenv("AWS_DEFAULT_REGION", "us-east-1", 1) != 0 ||
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1) != 0 ||
        setenv("AWS_ENDPOINT_URL_S3", fault_proxy_url(s3_job()->proxy), 1) != 0)
        return 1;
    const int status = cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
    s3_job_end();
    return status;
}
