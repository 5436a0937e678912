#include "storage/blob_compose.h"

#include "base/str.h"
#include "base/test.h"
#include "storage/blob_dir.h"

enum { MIN = BLOB_PART_BYTES_MIN, SOURCE = 4 * MIN };

struct scene {
    char folder[64];
    struct blob blob;
    char *content;  // of "source"
    char etag[BLOB_ETAG_BYTES];
};

static void begin(struct scene *scene)
{
    struct sr_err err = { 0 };
    sr_test_folder(scene->folder);
    sr_assert_ok(blob_dir_open(scene->folder, &scene->blob, &err), err);
    scene->content = malloc(SOURCE);
    assert_non_null(scene->content);
    for (size_t i = 0; i < SOURCE; i++)
        scene->content[i] = (char)((i * 13 + i / 65521) % 251);
    const struct blob_put put = { .key = "source", .data = scene->content, .bytes = SOURCE };
    sr_assert_ok(blob_put(&scene->blob, &put, scene->etag, &err), err);
}

// Nothing stays open, whatever happened.
static void end(struct scene *scene)
{
    struct sr_err err = { 0 };
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    sr_assert_ok(blob_uploads(&scene->blob, "", &uploads, &err), err);
    assert_int_equal(uploads.count, 0);
    blob_close(&scene->blob);
    free(scene->content);
    sr_test_folder_done(scene->folder);
}

#define RANGE(from, count)                                                                         \
    {                                                                                              \
        .key = "source", .offset = (from), .bytes = (count)                                        \
    }
#define BYTES(text)                                                                                \
    {                                                                                              \
        .data = (text), .bytes = sizeof(text) - 1                                                  \
    }

static const struct row {
    const char *name;
    struct blob_piece piece[5];
    size_t count;
    uint64_t copied, fetched;
} rows[] = {
    { "bytes only", { BYTES("head"), BYTES("tail") }, 2, 0, 0 },
    { "small ranges", { RANGE(5, 100), BYTES("x"), RANGE(0, 7) }, 3, 0, 107 },
    { "one large range", { RANGE(100, MIN) }, 1, MIN, 0 },
    { "large ranges", { RANGE(100, MIN), RANGE(7, 2 * MIN + 1) }, 2, 3 * MIN + 1, 0 },
    { "a head before large ones",
      { BYTES("moov"), RANGE(0, 3 * MIN), RANGE(MIN, MIN) },
      3,
      2 * MIN + 4 + MIN,
      MIN - 4 },
    { "a tail", { RANGE(0, MIN), BYTES("tail") }, 2, MIN, 0 },
    { "a little between large ones",
      { RANGE(0, 2 * MIN), BYTES("mid"), RANGE(1, 2 * MIN) },
      3,
      2 * MIN + MIN + 3,
      MIN - 3 },
    { "just too small to copy",
      { BYTES("h"), RANGE(0, 2 * MIN - 2), BYTES("t") },
      3,
      0,
      2 * MIN - 2 },
    { "small, then large", { RANGE(0, MIN - 1), RANGE(0, 3 * MIN) }, 2, 3 * MIN - 1, MIN },
};

static void compose_row(struct scene *scene, const struct blob *blob, const struct row *row,
                        bool copies)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str want = { 0 };
    for (size_t i = 0; i < row->count; i++) {
        const struct blob_piece *piece = &row->piece[i];
        const char *from = piece->key ? scene->content + piece->offset : piece->data;
        sr_assert_ok(sr_str_add_bytes(&want, from, (size_t)piece->bytes, &err), err);
    }
    const struct blob_compose_params params = {
        .blob = blob, .key = "out.mp4", .piece = row->piece, .piece_count = row->count
    };
    struct blob_compose_result result;
    sr_assert_ok(blob_compose(&params, &result, &err), err);
    assert_int_equal(result.copied_bytes, copies ? row->copied : 0);
    if (copies)
        assert_int_equal(result.fetched_bytes, row->fetched);
    assert_int_equal(result.copied_bytes + result.sent_bytes, want.bytes);
    sr_auto(char) char *got = NULL;
    size_t bytes;
    sr_assert_ok(blob_load(&scene->blob, "out.mp4", 1 << 30, &got, &bytes, &err), err);
    assert_int_equal(bytes, want.bytes);
    assert_true(memcmp(got, want.text, bytes) == 0);
}

// With and without a store that copies parts: the same bytes.
static void each_row(void **state)
{
    const struct row *row = *state;
    struct scene scene;
    begin(&scene);
    compose_row(&scene, &scene.blob, row, true);
    struct blob_ops lame = *scene.blob.ops;
    lame.upload_copy = NULL;
    const struct blob without = { &lame, scene.blob.self };
    compose_row(&scene, &without, row, false);
    end(&scene);
}

static void mistakes(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    static const struct {
        struct blob_piece piece[2];
        size_t count;
        enum sr_err_code code;
    } cases[] = {
        { { BYTES("") }, 1, SR_ERR_INVALID },
        { { BYTES("") }, 0, SR_ERR_INVALID },
        { { RANGE(0, MIN), { .key = "source" } }, 2, SR_ERR_INVALID },
        { { RANGE(0, MIN), { .key = "absent", .bytes = MIN } }, 2, SR_ERR_NOT_FOUND },
        { { { .key = "source", .bytes = MIN, .if_match = "\"other\"" } }, 1, SR_ERR_CONFLICT },
        { { { .key = "source", .bytes = 5, .if_match = "\"other\"" }, RANGE(0, MIN) },
          2,
          SR_ERR_CONFLICT },
        { { BYTES("x"), RANGE(SOURCE - 5, 10) }, 2, SR_ERR_CONFLICT },
        { { RANGE(SOURCE - MIN, MIN + 1) }, 1, SR_ERR_INVALID },
        { { RANGE(0, UINT64_MAX), RANGE(0, MIN) }, 2, SR_ERR_TOO_LARGE },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        const struct blob_compose_params params = { .blob = &scene.blob,
                                                    .key = "out",
                                                    .piece = cases[i].piece,
                                                    .piece_count = cases[i].count };
        struct blob_compose_result result;
        sr_assert_fails(blob_compose(&params, &result, &err), cases[i].code, err);
        sr_auto(blob_info) struct blob_info info = { 0 };
        sr_assert_fails(blob_head(&scene.blob, "out", &info, &err), SR_ERR_NOT_FOUND, err);
    }
    end(&scene);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(mistakes);
    return sr_test_run(__FILE__, tests, count);
}
