#include "storage/blob_tools.h"

#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "net/http_fake.h"
#include "storage/blob_dir.h"

struct scene {
    char folder[64];
    struct blob_stores *stores;
    struct http_fake *fake;
    char region[32], endpoint[64];
    char host[64];  // of the last request
};

static const char *env(void *self, const char *name)
{
    const struct scene *scene = self;
    if (strcmp(name, "AWS_ENDPOINT_URL_S3") == 0)
        return *scene->endpoint ? scene->endpoint : NULL;
    if (strcmp(name, "AWS_ACCESS_KEY_ID") == 0 || strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0)
        return "key";
    if (strcmp(name, "AWS_EC2_METADATA_DISABLED") == 0)
        return "true";
    return NULL;
}

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    (void)self;
    const bool object = strncmp(request->target, "/bucket/in%20put", 16) == 0 ||
                        strcmp(request->target, "/plain") == 0;
    const char *const range = http_header_find(request->headers, request->header_count, "Range");
    size_t first = 0, last = 6;
    if (range)
        assert_int_equal(sscanf(range, "bytes=%zu-%zu", &first, &last), 2);
    char text[] = "content";
    text[last + 1] = '\0';
    if (object)
        http_fake_text(reply, range ? 206 : 200, text + first);
    else
        http_fake_text(reply, 404, "");
    strcpy(reply->headers, "ETag: \"e\"\r\n");
    if (range)
        snprintf(reply->headers, sizeof(reply->headers),
                 "ETag: \"e\"\r\nContent-Range: bytes %zu-%zu/7\r\n", first, last);
    if (object && strcmp(request->method, "HEAD") == 0)
        strcat(reply->headers, "Content-Length: 7\r\n");
}

static void begin(struct scene *scene, bool allow_private)
{
    struct sr_err err = { 0 };
    *scene = (struct scene){ 0 };
    sr_test_folder(scene->folder);
    sr_assert_ok(http_fake_new(answer, scene, &scene->fake, &err), err);
    strcpy(scene->endpoint, http_fake_url(scene->fake));
    const struct blob_stores_params params = { .env = env,
                                               .env_self = scene,
                                               .allow_private = allow_private };
    sr_assert_ok(blob_stores_new(&params, &scene->stores, &err), err);
}

static void end(struct scene *scene)
{
    blob_stores_free(scene->stores);
    http_fake_free(scene->fake);
    sr_test_folder_done(scene->folder);
}

static struct blob_place place_of(struct scene *scene, const char *url, enum blob_place_use use)
{
    struct sr_err err = { 0 };
    struct blob_place place = { 0 };
    sr_assert_ok(blob_stores_open(scene->stores, url, use, &place, &err), err);
    return place;
}

static char *path_in(const struct scene *scene, const char *name)
{
    struct sr_err err = { 0 };
    char *path = sr_strf(&err, "%s/%s", scene->folder, name);
    assert_non_null(path);
    return path;
}

static void copies_between_stores(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, true);
    sr_auto(char) char *out = path_in(&scene, "deep/er/out.bin");
    sr_auto(char) char *http = sr_strf(&err, "%s/plain", http_fake_url(scene.fake));
    const char *const sources[] = { "s3://bucket/in put", http };
    for (size_t i = 0; i < 2; i++) {
        sr_auto(blob_place) struct blob_place from = place_of(&scene, sources[i], BLOB_PLACE_READ);
        sr_auto(blob_place) struct blob_place to = place_of(&scene, out, BLOB_PLACE_WRITE);
        struct blob_cp_params params = { .overwrite = i > 0 };
        struct blob_moved moved = { 0 };
        params.moved = &moved;
        struct blob_cp_result result;
        sr_assert_ok(blob_cp(&from, &to, &params, &result, &err), err);
        assert_int_equal(result.bytes, 7);
        assert_false(result.inside);
        assert_int_equal(moved.bytes, 7);
        assert_int_equal(moved.bytes_total, 7);
        sr_auto(char) char *text = NULL;
        size_t loaded;
        sr_assert_ok(sr_file_load(out, 100, &text, &loaded, &err), err);
        assert_string_equal(text, "content");
        params.overwrite = false;
        sr_assert_fails(blob_cp(&from, &to, &params, &result, &err), SR_ERR_EXISTS, err);
    }
    assert_true(blob_stores_stats(scene.stores).requests > 3);
    end(&scene);
}

// What of "content" a range gives; NULL: it is refused.
static void check_range(const struct blob_place *place, uint64_t offset, uint64_t bytes,
                        uint64_t last, const char *want)
{
    struct sr_err err = { 0 };
    const struct blob_cat_params params = { .offset = offset, .bytes = bytes, .last_bytes = last };
    uint8_t *data = NULL;
    size_t count = 0;
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_assert_ok(sr_memory_writer_open(&data, &count, &out, &err), err);
    if (!want) {
        sr_assert_fails(blob_cat(place, &params, &out, &err), SR_ERR_INVALID, err);
        return;
    }
    sr_assert_ok(blob_cat(place, &params, &out, &err), err);
    sr_assert_ok(out.ops->publish(out.self, &err), err);
    assert_int_equal(count, strlen(want));
    if (count)
        assert_memory_equal(data, want, count);
    free(data);
}

static void cat(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, true);
    sr_auto(blob_place) struct blob_place place =
        place_of(&scene, "s3://bucket/in put", BLOB_PLACE_READ);
    check_range(&place, 0, BLOB_TO_END, 0, "content");
    check_range(&place, 0, 0, 0, "");
    check_range(&place, 3, 2, 0, "te");
    check_range(&place, 5, 99, 0, "nt");
    check_range(&place, 6, BLOB_TO_END, 0, "t");
    check_range(&place, 7, BLOB_TO_END, 0, NULL);
    check_range(&place, UINT64_MAX, 1, 0, NULL);
    check_range(&place, 0, 0, 3, "ent");
    check_range(&place, 0, 0, UINT64_MAX, "content");
    sr_auto(blob_place) struct blob_place absent =
        place_of(&scene, "s3://bucket/absent", BLOB_PLACE_READ);
    uint8_t *data = NULL;
    size_t bytes = 0;
    const struct blob_cat_params all = { .bytes = BLOB_TO_END };
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_assert_ok(sr_memory_writer_open(&data, &bytes, &out, &err), err);
    sr_assert_fails(blob_cat(&absent, &all, &out, &err), SR_ERR_NOT_FOUND, err);
    end(&scene);
}

// What comes through a pipe has no length beforehand, and its end may be an abort.
static void from_a_pipe(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, true);
    sr_auto(char) char *path = path_in(&scene, "piped");
    sr_auto(blob_place) struct blob_place to = place_of(&scene, path, BLOB_PLACE_WRITE);
    struct blob_cp_result result;
    struct blob_cp_params params = { .overwrite = false };
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "through", 7), 7);
    struct sr_cancel stop;
    sr_cancel_init(&stop, NULL, sr_clock_system(), INT64_MAX);
    sr_cancel_set(&stop);
    params.cancel = &stop;
    sr_assert_fails(blob_cp_from_fd(ends[0], &to, &params, &result, &err), SR_ERR_CANCELLED, err);
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_fails(blob_head(&to.blob, to.key, &info, &err), SR_ERR_NOT_FOUND, err);
    params.cancel = NULL;
    assert_int_equal(close(ends[1]), 0);
    sr_assert_ok(blob_cp_from_fd(ends[0], &to, &params, &result, &err), err);
    assert_int_equal(result.bytes, 7);
    sr_assert_ok(blob_head(&to.blob, to.key, &info, &err), err);
    assert_int_equal(info.bytes, 7);
    sr_assert_fails(blob_cp_from_fd(ends[0], &to, &params, &result, &err), SR_ERR_EXISTS, err);
    assert_int_equal(close(ends[0]), 0);
    end(&scene);
}

// The store copies, in parts when one copy may not be that large; onto itself never.
static void inside(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char folder[64];
    sr_test_folder(folder);
    enum { BYTES = (11 << 20) + 5 };
    char *data = malloc(BYTES);
    assert_non_null(data);
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (char)(i * 31 >> 7);
    sr_auto(blob) struct blob blob = { 0 };
    sr_assert_ok(blob_dir_open(folder, &blob, &err), err);
    const struct blob_place from = { .blob = blob, .key = "from" },
                            to = { .blob = blob, .key = "to" };
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = "from", .data = data, .bytes = BYTES };
    sr_assert_ok(blob_put(&blob, &put, etag, &err), err);
    struct blob_cp_params params = { .overwrite = true };
    struct blob_cp_result result;
    struct blob_moved moved = { 0 };
    params.moved = &moved;
    for (int in_parts = 0; in_parts < 2; in_parts++) {
        moved = (struct blob_moved){ 0 };
        params.copy_bytes_max = in_parts ? BLOB_PART_BYTES_MIN : 0;
        sr_assert_ok(blob_cp(&from, &to, &params, &result, &err), err);
        assert_true(result.inside);
        assert_int_equal(moved.bytes, BYTES);
        sr_auto(char) char *copied = NULL;
        size_t bytes;
        sr_assert_ok(blob_load(&blob, "to", BYTES, &copied, &bytes, &err), err);
        assert_int_equal(bytes, BYTES);
        assert_memory_equal(copied, data, BYTES);
    }
    sr_auto(blob_uploads) struct blob_uploads open = { 0 };
    sr_assert_ok(blob_uploads(&blob, NULL, &open, &err), err);
    assert_int_equal(open.count, 0);
    params.overwrite = false;
    sr_assert_fails(blob_cp(&from, &to, &params, &result, &err), SR_ERR_EXISTS, err);
    params.overwrite = true;
    sr_assert_fails(blob_cp(&from, &from, &params, &result, &err), SR_ERR_INVALID, err);
    free(data);
    sr_test_folder_done(folder);
}

static bool note(void *self, const struct blob_entry *entry, struct sr_err *err)
{
    return sr_str_addf(self, err, "%s%s ", entry->key, entry->folder ? "*" : "");
}

static void ls(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, true);
    static const char *const names[] = { "a/1", "a/2", "b", "c/d/e" };
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++) {
        sr_auto(char) char *path = path_in(&scene, names[i]);
        sr_assert_ok(sr_make_folders(scene.folder, &err), err);
        sr_auto(blob_place) struct blob_place place = place_of(&scene, path, BLOB_PLACE_WRITE);
        char etag[BLOB_ETAG_BYTES];
        const struct blob_put put = { .key = place.key, .data = "x", .bytes = 1 };
        sr_assert_ok(blob_put(&place.blob, &put, etag, &err), err);
    }
    static const struct {
        const char *path;
        bool recursive;
        const char *want;
    } cases[] = {
        { "", false, "a/* b c/* " }, { "", true, "a/1 a/2 b c/d/e " }, { "a", true, "1 2 " },
        { "b", false, "b " },        { "c", false, "d/* " },           { "nothing", true, "" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(char) char *path = path_in(&scene, cases[i].path);
        sr_auto(blob_place) struct blob_place place = place_of(&scene, path, BLOB_PLACE_LIST);
        sr_auto(sr_str) struct sr_str got = { 0 };
        sr_assert_ok(blob_ls(&place, cases[i].recursive, note, &got, NULL, &err), err);
        assert_string_equal(sr_str_text(&got), cases[i].want);
    }
    end(&scene);
}

static void places(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, true);
    static const struct {
        const char *url;
        enum blob_place_use use;
        enum sr_err_code code;
        const char *key;
    } cases[] = {
        { "s3://bucket/a/b%20c ?#", BLOB_PLACE_READ, SR_OK, "a/b%20c ?#" },
        { "S3://bucket//x", BLOB_PLACE_READ, SR_OK, "/x" },
        { "s3://bucket", BLOB_PLACE_LIST, SR_OK, "" },
        { "s3://bucket/", BLOB_PLACE_READ, SR_ERR_INVALID, NULL },
        { "s3:///key", BLOB_PLACE_READ, SR_ERR_INVALID, NULL },
        { "file:///dev/nu%6Cl", BLOB_PLACE_READ, SR_OK, "null" },
        { "file://host/x", BLOB_PLACE_READ, SR_ERR_INVALID, NULL },
        { "/dev/", BLOB_PLACE_READ, SR_ERR_INVALID, NULL },
        { "/nowhere/x", BLOB_PLACE_READ, SR_ERR_NOT_FOUND, NULL },
        { "odd:name", BLOB_PLACE_READ, SR_OK, "odd:name" },
        { "ftp://h/x", BLOB_PLACE_READ, SR_ERR_UNSUPPORTED, NULL },
        { "http://h/x", BLOB_PLACE_WRITE, SR_ERR_UNSUPPORTED, NULL },
        { "http://u:p@h/x", BLOB_PLACE_READ, SR_ERR_INVALID, NULL },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(blob_place) struct blob_place place = { 0 };
        print_message("%s\n", cases[i].url);
        if (cases[i].code != SR_OK) {
            sr_assert_fails(
                blob_stores_open(scene.stores, cases[i].url, cases[i].use, &place, &err),
                cases[i].code, err);
            continue;
        }
        sr_assert_ok(blob_stores_open(scene.stores, cases[i].url, cases[i].use, &place, &err), err);
        assert_string_equal(place.key, cases[i].key);
    }
    end(&scene);
}

// The endpoint is the operator's own word; an http input at a private address is not.
static void private_inputs(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, false);
    sr_auto(char) char *url = sr_strf(&err, "%s/plain", http_fake_url(scene.fake));
    sr_auto(blob_place) struct blob_place http = place_of(&scene, url, BLOB_PLACE_READ);
    sr_auto(blob_place) struct blob_place s3 =
        place_of(&scene, "s3://bucket/in put", BLOB_PLACE_READ);
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_fails(blob_head(&http.blob, http.key, &info, &err), SR_ERR_DENIED, err);
    sr_assert_ok(blob_head(&s3.blob, s3.key, &info, &err), err);
    end(&scene);
}

// Buckets may be in different stores.
static void bucket_of_its_own(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene, true);
    const struct blob_store_config configs[] = {
        { .bucket = NULL, .endpoint = "http://127.0.0.1:1" },
        { .bucket = "bucket", .endpoint = http_fake_url(scene.fake), .region = "eu-1" },
        { .name = "named", .bucket = "bucket", .endpoint = "http://127.0.0.1:2" },
    };
    const struct blob_stores_params params = {
        .store = configs, .store_count = 3, .env = env, .env_self = &scene
    };
    sr_auto(blob_stores) struct blob_stores *stores = NULL;
    sr_assert_ok(blob_stores_new(&params, &stores, &err), err);
    sr_auto(blob_place) struct blob_place one = { 0 };
    sr_auto(blob_place) struct blob_place other = { 0 };
    sr_assert_ok(blob_stores_open(stores, "s3://bucket/in put", BLOB_PLACE_READ, &one, &err), err);
    sr_assert_ok(blob_stores_open(stores, "s3://others/x", BLOB_PLACE_READ, &other, &err), err);
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_ok(blob_head(&one.blob, one.key, &info, &err), err);
    sr_auto(char) char *url = NULL;
    sr_assert_ok(blob_presign(&other.blob, "GET", other.key, 60, &url, &err), err);
    sr_assert_contains(url, "http://127.0.0.1:1/others/x?");
    sr_auto(blob_place) struct blob_place named = { 0 };
    sr_auto(char) char *of_named = NULL;
    sr_assert_ok(blob_stores_open(stores, "s3://named/x", BLOB_PLACE_READ, &named, &err), err);
    sr_assert_ok(blob_presign(&named.blob, "GET", named.key, 60, &of_named, &err), err);
    sr_assert_contains(of_named, "http://127.0.0.1:2/bucket/x?");
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_between_stores),
        cmocka_unit_test(cat),
        cmocka_unit_test(from_a_pipe),
        cmocka_unit_test(inside),
        cmocka_unit_test(ls),
        cmocka_unit_test(places),
        cmocka_unit_test(private_inputs),
        cmocka_unit_test(bucket_of_its_own),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
