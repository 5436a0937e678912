// The conformance tests of storage/ against a folder that is reached as a child process reaches its
// stores: each operation as a request, and an answer.
#include "base/io.h"
#include "base/test.h"
#include "base/thread.h"
#include "pipeline/child_blob.h"
#include "pipeline/child_json.h"
#include "pipeline/child_store.h"
#include "storage/blob_dir.h"
#include "tests/blob_conformance.h"

// A request that waits for its answer.
struct waiting {
    uint32_t number;
    struct child_frame answer;  // kind 0: not there
    struct waiting *next;
};

struct line {
    struct child_store *store;
    struct sr_mutex lock;
    struct sr_cond changed;
    uint32_t number;          // of the last request; under `lock`, like the others
    struct waiting *waiting;  // several at once
};

static char folder[64], workspace[64];

static struct blob_ops ranged;  // a folder that is read by ranges: only then there is a cache
static struct blob_cache *cache;

static bool open_folder(void *self, const char *url, enum blob_place_use use,
                        struct blob_place *ret_place, struct sr_err *err)
{
    (void)self;
    (void)use;
    assert_int_equal(strncmp(url, "s3://bucket/", 12), 0);  // what the jobs name
    ret_place->key = strdup(url + 12);
    ret_place->own = true;
    if (!blob_dir_open(folder, &ret_place->blob, err))
        return false;
    ranged = *ret_place->blob.ops;  // under the remote's lock
    ranged.open_reader = NULL;
    ret_place->blob.ops = &ranged;
    return true;
}

// Through text, as on a socket.
static json_t *through_text(const json_t *value)
{
    struct sr_err err = { 0 };
    char *text;
    json_t *copy;
    sr_assert_ok(jx_dump(value, false, &text, &err), err);
    sr_assert_ok(jx_parse(text, strlen(text), false, &copy, &err), err);
    free(text);
    return copy;
}

static uint8_t *copy_bytes(const void *data, size_t bytes)
{
    uint8_t *const copy = malloc(bytes + 1);
    assert_non_null(copy);
    if (bytes > 0)
        memcpy(copy, data, bytes);
    return copy;
}

static void take_answer(void *self, const struct child_frame *frame)
{
    struct line *const line = self;
    sr_lock(&line->lock);
    struct waiting *waiting = line->waiting;
    while (waiting && waiting->number != frame->number)
        waiting = waiting->next;
    assert_non_null(waiting);
    waiting->answer = (struct child_frame){ .kind = frame->kind,
                                            .json = through_text(frame->json),
                                            .bytes = frame->bytes,
                                            .memory = copy_bytes(frame->data, frame->bytes) };
    waiting->answer.data = waiting->answer.memory;
    sr_cond_broadcast(&line->changed);
    sr_unlock(&line->lock);
}

static struct child_frame wait_for(struct line *line, struct waiting *waiting)
{
    sr_lock(&line->lock);
    while (!waiting->answer.kind)
        sr_cond_wait(&line->changed, &line->lock);
    struct waiting **place = &line->waiting;
    while (*place != waiting)
        place = &(*place)->next;
    *place = waiting->next;
    sr_unlock(&line->lock);
    return waiting->answer;
}

static bool call(void *self, const json_t *request, const void *data, size_t bytes,
                 struct child_frame *ret_answer, struct sr_err *err)
{
    struct line *const line = self;
    struct waiting waiting = { 0 };
    sr_lock(&line->lock);
    waiting.number = ++line->number;
    waiting.next = line->waiting;
    line->waiting = &waiting;
    sr_unlock(&line->lock);
    struct child_frame frame = { .kind = CHILD_FRAME_REQUEST,
                                 .number = waiting.number,
                                 .json = through_text(request),
                                 .bytes = bytes,
                                 .memory = copy_bytes(data, bytes) };
    frame.data = frame.memory;
    sr_assert_ok(child_store_request(line->store, &frame, err), *err);
    struct child_frame answer = wait_for(line, &waiting);
    if (child_json_raise(answer.json, err)) {
        *ret_answer = answer;
        return true;
    }
    child_frame_done(&answer);
    return false;
}

// Requests that only a process gone wrong would make.
static void refuses_nonsense(struct line *line)
{
    static const char *const texts[] = {
        "null",
        "[]",
        "{}",
        "{\"op\": 7}",
        "{\"op\": \"head\"}",
        "{\"op\": \"head\", \"place\": 99, \"key\": \"a\"}",
        "{\"op\": \"head\", \"place\": 0}",
        "{\"op\": \"get\", \"place\": 0, \"key\": \"a\", \"offset\": 0, \"bytes\": -1}",
        "{\"op\": \"get\", \"place\": 0, \"key\": \"a\", \"offset\": 0, \"bytes\": 4194305}",
        "{\"op\": \"upload_part\", \"place\": 0, \"key\": \"a\", \"id\": \"x\", \"number\": 0}",
        "{\"op\": \"remove\", \"place\": 0, \"keys\": [7]}",
        "{\"op\": \"copy\", \"place\": 0, \"key\": \"a\", \"from\": \"b\", \"from_place\": 9}",
        "{\"op\": \"fly\", \"place\": 0}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct sr_err err = { 0 };
        sr_auto(json) json_t *request = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        sr_auto(child_frame) struct child_frame answer = { 0 };
        if (call(line, request, NULL, 0, &answer, &err))
            fail_msg("%s is answered", texts[i]);
        if (err.code != SR_ERR_INVALID)
            fail_msg("%s: %s", texts[i], err.message);
    }
    struct sr_err err = { 0 };
    sr_auto(json) json_t *path =
        json_pack("{s:s, s:s, s:s}", "op", "open", "url", "/etc/passwd", "use", "read");
    sr_auto(child_frame) struct child_frame answer = { 0 };
    sr_assert_fails(call(line, path, NULL, 0, &answer, &err), SR_ERR_DENIED, err);
}

// What the job does not name is not even opened.
static void refuses_what_is_not_named(struct line *line)
{
    static const char *const urls[] = { "s3://secret/x.mp4", "s3://bucket2/x.mp4",
                                        "http://127.0.0.1:1/x.mp4" };
    for (size_t i = 0; i < SR_TEST_COUNT(urls); i++) {
        struct sr_err err = { 0 };
        sr_auto(json) json_t *request =
            json_pack("{s:s, s:s, s:s}", "op", "open", "url", urls[i], "use", "read");
        sr_auto(child_frame) struct child_frame answer = { 0 };
        sr_assert_fails(call(line, request, NULL, 0, &answer, &err), SR_ERR_DENIED, err);
        sr_assert_contains(err.message, urls[i]);
    }
}

// The input alone: its bucket's other keys are refused by every operation.
static void refuses_other_keys(struct line *line)
{
    static const char *const texts[] = {
        "{\"op\": \"head\", \"key\": \"x\"}",
        "{\"op\": \"get\", \"key\": \"x\", \"bytes\": 1}",
        "{\"op\": \"list\"}",
        "{\"op\": \"list\", \"prefix\": \"in\"}",
        "{\"op\": \"uploads\", \"prefix\": \"x\"}",
        "{\"op\": \"put\", \"key\": \"in.mov\", \"if_absent\": false}",
        "{\"op\": \"upload_begin\", \"key\": \"x.mp4\", \"if_absent\": false}",
        "{\"op\": \"upload_abort\", \"key\": \"x\", \"id\": \"1\"}",
        "{\"op\": \"remove\", \"keys\": [\"out.mp4\", \"x\"]}",
        "{\"op\": \"tags_get\", \"key\": \"x\"}",
        "{\"op\": \"tags_set\", \"key\": \"in.mov\", \"tags\": []}",
        "{\"op\": \"upload_copy\", \"key\": \"out.mp4\", \"id\": \"1\", \"number\": 1, "
        "\"from\": \"x\", \"offset\": 0, \"bytes\": 1}",
        "{\"op\": \"copy\", \"key\": \"out.mp4\", \"from\": \"x\", \"from_place\": 0, "
        "\"has_attrs\": false, \"if_absent\": false}",
    };
    for (size_t i = 0; i < SR_TEST_COUNT(texts); i++) {
        struct sr_err err = { 0 };
        sr_auto(json) json_t *request = json_loads(texts[i], 0, NULL);
        sr_auto(child_frame) struct child_frame answer = { 0 };
        assert_non_null(request);
        json_object_set_new(request, "place", json_integer(0));
        if (call(line, request, NULL, 0, &answer, &err))
            fail_msg("%s is done", texts[i]);
        if (err.code != SR_ERR_DENIED)
            fail_msg("%s: %s", texts[i], err.message);
    }
}

// A store for a job with this manifest.
static void begin(struct line *line, const char *manifest, json_t **ret_job)
{
    static const struct blob_stores_params stores = { .open = open_folder };
    struct sr_err err = { 0 };
    char path[96];
    sr_test_folder(folder);
    sr_test_folder(workspace);
    (void)snprintf(path, sizeof(path), "%s/manifest.json", workspace);
    sr_assert_ok(sr_file_store(path, manifest, strlen(manifest), &err), err);
    *ret_job = json_pack("{s:s, s:s}", "id", "j", "workspace", workspace);
    const struct blob_cache_params caching = { .thread_count = 1 };
    sr_assert_ok(blob_cache_new(&caching, &cache, &err), err);
    const struct child_store_params params = {
        .stores = &stores,
        .job = *ret_job,
        .cache = cache,
        .answer = take_answer,
        .self = line,
    };
    *line = (struct line){ 0 };
    sr_assert_ok(sr_mutex_init(&line->lock, &err), err);
    sr_assert_ok(sr_cond_init(&line->changed, &err), err);
    sr_assert_ok(child_store_new(&params, &line->store, &err), err);
}

static void end(struct line *line)
{
    child_store_free(line->store);
    blob_cache_free(cache);
    sr_cond_done(&line->changed);
    sr_mutex_done(&line->lock);
    sr_test_folder_done(folder);
    sr_test_folder_done(workspace);
}

// Its outputs may be anywhere in the bucket.
static int run_conformance(void)
{
    struct sr_err err = { 0 };
    struct line line;
    struct child_blob_line child = { .call = call, .self = &line };
    struct blob_place place;
    sr_auto(json) json_t *job = NULL;
    begin(&line,
          "{\"version\": 1, \"input\": \"s3://bucket/in.mov\", \"output\": \"s3://bucket/\", "
          "\"renditions\": [{\"id\": \"v\", \"codec\": \"h264\"}], "
          "\"outputs\": [{\"type\": \"mp4\", \"path\": \"{id}.mp4\", \"use\": [\"v\"]}]}",
          &job);
    sr_assert_ok(child_blob_open(&child, "s3://bucket/", BLOB_PLACE_LIST, &place, &err), err);
    struct blob_conformance store = { .name = "folder through a child's line",
                                      .blob = place.blob,
                                      .lacks = BLOB_LACKS_NESTING };
    const int failed = blob_conformance_run(&store);
    assert_true(blob_cache_stats(cache).requests > 0);  // of the larger objects
    refuses_nonsense(&line);
    blob_place_done(&place);
    end(&line);
    return failed;
}

static void reaches_what_the_job_names(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct line line;
    struct child_blob_line child = { .call = call, .self = &line };
    struct blob_place place;
    sr_auto(json) json_t *job = NULL;
    begin(
        &line,
        "{\"version\": 1, \"input\": \"s3://bucket/in.mov\", \"output\": \"s3://bucket/out.mp4\"}",
        &job);
    refuses_what_is_not_named(&line);
    sr_assert_ok(child_blob_open(&child, "s3://bucket/in.mov", BLOB_PLACE_READ, &place, &err), err);
    refuses_other_keys(&line);
    const struct blob_put put = { .key = "out.mp4", .data = "film", .bytes = 4 };
    char etag[BLOB_ETAG_BYTES];
    sr_assert_ok(blob_put(&place.blob, &put, etag, &err), err);
    blob_place_done(&place);
    end(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reaches_what_the_job_names) };
    return run_conformance() + sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
