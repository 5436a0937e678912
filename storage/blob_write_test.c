#include "storage/blob_write.h"

#include <stdatomic.h>

#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "storage/blob_dir.h"

enum { PART = BLOB_PART_BYTES_MIN };

// A folder without a writer of its own, that can be told to fail.
struct wall {
    struct blob inner;
    char folder[64];
    atomic_int parts, puts, begun, aborted;
    atomic_int on_the_way, on_the_way_max;
    atomic_uint fail_part;  // this one fails
    atomic_bool fail_finish;
};

static bool wall_head(void *self, const char *key, struct blob_info *ret, struct sr_err *err)
{
    return blob_head(&((struct wall *)self)->inner, key, ret, err);
}
static bool wall_get(void *self, const struct blob_get *get, struct blob_info *ret,
                     struct sr_err *err)
{
    return blob_get(&((struct wall *)self)->inner, get, ret, err);
}
static bool wall_put(void *self, const struct blob_put *put, char ret_etag[BLOB_ETAG_BYTES],
                     struct sr_err *err)
{
    struct wall *wall = self;
    atomic_fetch_add(&wall->puts, 1);
    return blob_put(&wall->inner, put, ret_etag, err);
}
static bool wall_begin(void *self, const char *key, const struct blob_attrs *attrs,
                       struct blob_upload *ret, struct sr_err *err)
{
    struct wall *wall = self;
    atomic_fetch_add(&wall->begun, 1);
    return blob_upload_begin(&wall->inner, key, attrs, ret, err);
}
static bool wall_part(void *self, const struct blob_upload *upload, uint32_t number,
                      const void *data, size_t bytes, struct blob_part *ret, struct sr_err *err)
{
    struct wall *wall = self;
    const int now = atomic_fetch_add(&wall->on_the_way, 1) + 1;
    int most = atomic_load(&wall->on_the_way_max);
    while (now > most && !atomic_compare_exchange_weak(&wall->on_the_way_max, &most, now))
        continue;
    atomic_fetch_add(&wall->parts, 1);
    const bool done = atomic_load(&wall->fail_part) == number
                          ? sr_fail(err, SR_ERR_NETWORK, "the cable is out")
                          : blob_upload_part(&wall->inner, upload, number, data, bytes, ret, err);
    atomic_fetch_sub(&wall->on_the_way, 1);
    return done;
}
static bool wall_finish(void *self, const struct blob_upload *upload,
                        const struct blob_parts *parts, const struct blob_attrs *attrs,
                        char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err)
{
    struct wall *wall = self;
    if (atomic_load(&wall->fail_finish))
        return sr_fail(err, SR_ERR_NETWORK, "the cable is out");
    return blob_upload_finish(&wall->inner, upload, parts, attrs, ret_etag, err);
}
static bool wall_abort(void *self, const struct blob_upload *upload, struct sr_err *err)
{
    struct wall *wall = self;
    atomic_fetch_add(&wall->aborted, 1);
    return blob_upload_abort(&wall->inner, upload, err);
}
static void wall_close(void *self)
{
    (void)self;
}
static const struct blob_ops wall_ops = {
    .name = "wall",
    .head = wall_head,
    .get = wall_get,
    .put = wall_put,
    .upload_begin = wall_begin,
    .upload_part = wall_part,
    .upload_finish = wall_finish,
    .upload_abort = wall_abort,
    .close = wall_close,
};

static struct blob begin(struct wall *wall)
{
    struct sr_err err = { 0 };
    *wall = (struct wall){ 0 };
    sr_test_folder(wall->folder);
    sr_assert_ok(blob_dir_open(wall->folder, &wall->inner, &err), err);
    return (struct blob){ &wall_ops, wall };
}

// Whatever happened, no upload stays open.
static void end(struct wall *wall)
{
    struct sr_err err = { 0 };
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    sr_assert_ok(blob_uploads(&wall->inner, "", &uploads, &err), err);
    assert_int_equal(uploads.count, 0);
    blob_close(&wall->inner);
    sr_test_folder_done(wall->folder);
}

static char *pattern(size_t bytes)
{
    char *data = malloc(bytes + 1);
    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)((i * 31 + i / 65521) % 253);
    return data;
}

static struct blob_write_params params_of(const struct blob *blob)
{
    return (struct blob_write_params){
        .blob = blob,
        .key = "out.mp4",
        .head_bytes = 1000,
        .part_bytes = PART,
        .attrs = { .cache_control = "max-age=1" },
    };
}

static bool write_pieces(struct sr_writer *writer, const char *data, size_t bytes, size_t piece,
                         struct sr_err *err)
{
    for (size_t at = 0; at < bytes; at += piece) {
        if (!sr_write(writer, data + at, bytes - at < piece ? bytes - at : piece, err))
            return false;
    }
    return true;
}

static const struct row {
    const char *name;
    size_t bytes, piece;
    int parts;
} rows[] = {
    { "empty", 0, 1, 0 },
    { "small", 5, 2, 0 },
    { "one part less a byte", PART - 1, 100000, 0 },
    { "one part", PART, PART, 0 },
    { "one part and a byte", PART + 1, 65536, 2 },
    { "three parts", 3 * PART, 1 << 20, 3 },
    { "five parts and more, at once", 5 * PART + 777, 6 * PART, 6 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    sr_auto(char) char *data = pattern(row->bytes);
    {
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        const struct blob_write_params params = params_of(&blob);
        sr_assert_ok(blob_write_open(&params, &writer, &err), err);
        sr_assert_ok(write_pieces(&writer, data, row->bytes, row->piece, &err), err);
        sr_auto(blob_info) struct blob_info info = { 0 };
        sr_assert_fails(blob_head(&blob, "out.mp4", &info, &err), SR_ERR_NOT_FOUND, err);
        if (row->bytes >= 4) {  // the head is written last
            memcpy(data, "moov", 4);
            sr_assert_ok(writer.ops->rewrite_head(writer.self, 0, "moov", 4, &err), err);
        }
        const size_t end_of_head = row->bytes < 1000 ? row->bytes : 1000;
        sr_assert_fails(writer.ops->rewrite_head(writer.self, end_of_head, "x", 1, &err),
                        SR_ERR_INVALID, err);
        sr_assert_ok(writer.ops->publish(writer.self, &err), err);
    }
    sr_auto(char) char *got = NULL;
    size_t bytes;
    sr_assert_ok(blob_load(&blob, "out.mp4", 64 << 20, &got, &bytes, &err), err);
    assert_int_equal(bytes, row->bytes);
    assert_true(memcmp(got, data, bytes) == 0);
    assert_int_equal(wall.parts, row->parts);
    assert_int_equal(wall.puts, row->parts == 0);
    assert_int_equal(wall.aborted, 0);
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_ok(blob_head(&blob, "out.mp4", &info, &err), err);
    assert_string_equal(info.content_type, "video/mp4");
    assert_string_equal(info.cache_control, "max-age=1");
    end(&wall);
}

// Sealed: all is up, nothing can be seen; then it appears at once, or leaves nothing.
static void sealed(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const size_t sizes[] = { 0, 5, (1 << 20) + 1, PART, 2 * PART + 3 };
    sr_auto(char) char *data = pattern(3 * PART);
    for (size_t i = 0; i < 2 * SR_TEST_COUNT(sizes); i++) {
        struct wall wall;
        const struct blob blob = begin(&wall);
        const size_t bytes = sizes[i / 2];
        const bool is_small = bytes < 1 << 20;
        {
            sr_auto(sr_writer) struct sr_writer writer = { 0 };
            sr_auto(blob_info) struct blob_info info = { 0 };
            const struct blob_write_params params = params_of(&blob);
            sr_assert_ok(blob_write_open(&params, &writer, &err), err);
            sr_assert_ok(sr_write(&writer, data, bytes, &err), err);
            sr_assert_ok(blob_write_seal(&writer, &err), err);
            sr_assert_fails(blob_head(&blob, "out.mp4", &info, &err), SR_ERR_NOT_FOUND, err);
            assert_int_equal(wall.parts, is_small ? 0 : bytes <= PART ? 1 : 3);
            if (i % 2)
                sr_assert_ok(writer.ops->publish(writer.self, &err), err);
        }
        assert_int_equal(wall.aborted, i % 2 == 0 && !is_small);
        if (i % 2) {
            sr_auto(char) char *got = NULL;
            size_t got_bytes;
            sr_assert_ok(blob_load(&blob, "out.mp4", 64 << 20, &got, &got_bytes, &err), err);
            assert_int_equal(got_bytes, bytes);
            assert_true(memcmp(got, data, bytes) == 0);
        }
        end(&wall);
    }
    struct wall wall;
    const struct blob blob = begin(&wall);
    {
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        const struct blob_write_params params = params_of(&blob);
        atomic_store(&wall.fail_part, 2);
        sr_assert_ok(blob_write_open(&params, &writer, &err), err);
        sr_assert_ok(sr_write(&writer, data, 2 * PART, &err), err);
        sr_assert_fails(blob_write_seal(&writer, &err), SR_ERR_NETWORK, err);
    }
    end(&wall);
}

static void discarded(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    sr_auto(char) char *data = pattern(3 * PART);
    for (size_t bytes = 0; bytes <= 3 * PART; bytes += PART) {
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        const struct blob_write_params params = params_of(&blob);
        sr_assert_ok(blob_write_open(&params, &writer, &err), err);
        sr_assert_ok(sr_write(&writer, data, bytes, &err), err);
    }
    assert_int_equal(wall.begun, wall.aborted);
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_fails(blob_head(&blob, "out.mp4", &info, &err), SR_ERR_NOT_FOUND, err);
    end(&wall);
}

// Whichever part fails, or the end: an error, no object, no open upload.
static void failing(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *data = pattern(6 * PART);
    for (unsigned which = 1; which <= 7; which++) {
        struct wall wall;
        const struct blob blob = begin(&wall);
        atomic_store(&wall.fail_part, which);
        atomic_store(&wall.fail_finish, which == 7);
        {
            sr_auto(sr_writer) struct sr_writer writer = { 0 };
            const struct blob_write_params params = params_of(&blob);
            sr_assert_ok(blob_write_open(&params, &writer, &err), err);
            err = (struct sr_err){ 0 };
            const bool done = write_pieces(&writer, data, 6 * PART, 1 << 20, &err) &&
                              writer.ops->publish(writer.self, &err);
            assert_false(done);
            assert_int_equal(err.code, SR_ERR_NETWORK);
        }
        assert_int_equal(wall.aborted, 1);
        sr_auto(blob_info) struct blob_info info = { 0 };
        sr_assert_fails(blob_head(&blob, "out.mp4", &info, &err), SR_ERR_NOT_FOUND, err);
        end(&wall);
    }
}

static void inside_the_budget(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    sr_auto(sr_budget) struct sr_budget *budget = NULL;
    sr_assert_ok(sr_budget_new(2 * PART, &budget, &err), err);
    sr_auto(char) char *data = pattern(10 * PART);
    {
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        struct blob_write_params params = params_of(&blob);
        params.budget = budget;
        sr_assert_ok(blob_write_open(&params, &writer, &err), err);
        sr_assert_ok(sr_write(&writer, data, 10 * PART, &err), err);
        sr_assert_ok(writer.ops->publish(writer.self, &err), err);
    }
    assert_in_range(sr_budget_peak(budget), PART, 2 * PART);
    assert_in_range(wall.on_the_way_max, 1, 3);  // two parts and the head
    end(&wall);
}

static void cancelled(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    struct sr_cancel cancel;
    sr_cancel_init(&cancel, NULL, sr_clock_system(), INT64_MAX);
    sr_auto(char) char *data = pattern(3 * PART);
    {
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        struct blob_write_params params = params_of(&blob);
        params.cancel = &cancel;
        sr_assert_ok(blob_write_open(&params, &writer, &err), err);
        sr_assert_ok(sr_write(&writer, data, 2 * PART + 1, &err), err);
        sr_cancel_set(&cancel);
        sr_assert_fails(writer.ops->publish(writer.self, &err), SR_ERR_CANCELLED, err);
    }
    end(&wall);
}

static void taken_key(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = "out.mp4", .data = "old", .bytes = 3 };
    sr_assert_ok(blob_put(&blob, &put, etag, &err), err);
    sr_auto(char) char *data = pattern(2 * PART);
    for (size_t bytes = 1; bytes <= 2 * PART; bytes += 2 * PART - 1) {
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        struct blob_write_params params = params_of(&blob);
        params.attrs.if_absent = true;
        sr_assert_ok(blob_write_open(&params, &writer, &err), err);
        sr_assert_ok(sr_write(&writer, data, bytes, &err), err);
        sr_assert_fails(writer.ops->publish(writer.self, &err), SR_ERR_EXISTS, err);
    }
    char text[4] = { 0 };
    size_t bytes;
    sr_assert_ok(blob_get_bytes(&blob, "out.mp4", NULL, 0, text, 3, &bytes, &err), err);
    assert_string_equal(text, "old");
    end(&wall);
}

// Spec: S3 "Multipart upload limits": 10,000 parts, 5 MiB to 5 GiB each, 5 TiB in all
static void part_sizes(void **state)
{
    (void)state;
    uint64_t sum = 0;
    for (uint32_t number = 1; number <= BLOB_PARTS_MAX; number++) {
        const uint64_t bytes = blob_write_part_bytes(BLOB_WRITE_PART_BYTES, number);
        assert_true(bytes >= BLOB_PART_BYTES_MIN && bytes <= BLOB_PART_BYTES_MAX);
        sum += bytes;
    }
    assert_true(sum >= 5ULL << 40);
    assert_int_equal(blob_write_part_bytes(PART, 1000), PART);
    assert_int_equal(blob_write_part_bytes(PART, 1001), 2 * PART);
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    struct sr_writer writer;
    struct blob_write_params params = params_of(&blob);
    params.part_bytes = PART - 1;
    sr_assert_fails(blob_write_open(&params, &writer, &err), SR_ERR_INVALID, err);
    params = params_of(&blob);
    params.head_bytes = BLOB_PART_BYTES_MAX + 1;
    sr_assert_fails(blob_write_open(&params, &writer, &err), SR_ERR_TOO_LARGE, err);
    end(&wall);
}

// With a length that is known the parts are of the size that 9,000 of them need.
static void expected_length(void **state)
{
    (void)state;
    enum { BYTES = 11 << 20 };
    static const struct {
        uint64_t expected;
        int parts;
    } cases[] = {
        { 0, 3 },
        { BYTES, 3 },
        { 9000ULL * (6 << 20), 2 },
        { UINT64_MAX, 3 },
    };
    char *data = pattern(BYTES);
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        struct sr_err err = { 0 };
        struct wall wall;
        const struct blob blob = begin(&wall);
        struct blob_write_params params = params_of(&blob);
        params.bytes_expected = cases[i].expected;
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        sr_assert_ok(blob_write_open(&params, &writer, &err), err);
        sr_assert_ok(write_pieces(&writer, data, BYTES, 1 << 20, &err), err);
        sr_assert_ok(writer.ops->publish(writer.self, &err), err);
        assert_int_equal(wall.parts, cases[i].parts);
        end(&wall);
    }
    free(data);
}

// Without a head the first part goes up like the others, and buffers are used again.
static void without_a_head(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    sr_auto(char) char *data = pattern(10 * PART + 1);
    struct blob_write_params params = params_of(&blob);
    params.head_bytes = 0;
    {
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        sr_assert_ok(blob_write_open(&params, &writer, &err), err);
        sr_assert_ok(write_pieces(&writer, data, 10 * PART + 1, PART - 1, &err), err);
        sr_assert_fails(writer.ops->rewrite_head(writer.self, 0, "moov", 4, &err), SR_ERR_INVALID,
                        err);
        sr_assert_ok(writer.ops->publish(writer.self, &err), err);
    }
    sr_auto(char) char *got = NULL;
    size_t bytes;
    sr_assert_ok(blob_load(&blob, "out.mp4", 64 << 20, &got, &bytes, &err), err);
    assert_int_equal(bytes, 10 * PART + 1);
    assert_true(memcmp(got, data, bytes) == 0);
    assert_int_equal(wall.parts, 11);

    atomic_store(&wall.fail_part, 1);
    params.key = "other";
    {
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        sr_assert_ok(blob_write_open(&params, &writer, &err), err);
        sr_assert_fails(write_pieces(&writer, data, 10 * PART, PART, &err), SR_ERR_NETWORK, err);
    }
    end(&wall);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 9];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(sealed);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(discarded);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(failing);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(inside_the_budget);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(cancelled);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(taken_key);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(part_sizes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(expected_length);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(without_a_head);
    return sr_test_run(__FILE__, tests, count);
}
