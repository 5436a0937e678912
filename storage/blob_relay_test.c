#include "storage/blob_relay.h"

#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "storage/blob_dir.h"

enum {
    SIZE = (5 << 20) + 7,
    PIECE = 1 << 20,
    THREADS = 4,
    RANGES_MAX = 64,
    WAIT_US = 20000000,  // only a broken relay lets a test wait for that long
};

// An object in memory whose store does as it is told.
struct fake {
    struct sr_mutex lock;
    struct sr_cond changed;
    char *data;
    unsigned gather;  // so many requests must be there at once before any is answered
    unsigned inside, inside_max, begun;
    uint64_t offsets[RANGES_MAX], ends[RANGES_MAX];
    bool first_last;     // the first range is answered when another has been
    bool again;          // half of each range comes, then all of it from its beginning
    uint64_t fail_at;    // the range with this byte fails; 0: none
    uint64_t short_at;   // comes short
    uint64_t total;      // of what the store says the object has
    uint32_t fail_part;  // 0: none
    uint32_t parts_begun;
    struct sr_cancel *cancel_at_half;
    const char *etag;  // that was asked for
    char *up;          // what has come in parts
};

static void pass(const struct fake *fake, const struct blob_get *get)
{
    const char *from = fake->data + get->offset;
    const bool is_short = fake->short_at && get->offset <= fake->short_at &&
                          fake->short_at - get->offset < get->bytes;
    const size_t bytes = (size_t)get->bytes - is_short;
    if (fake->again)
        get->sink(get->self, 0, from, bytes / 2);
    get->sink(get->self, 0, from, bytes / 3);
    get->sink(get->self, bytes / 3, from + bytes / 3, bytes - bytes / 3);
}

static bool fake_get(void *self, const struct blob_get *get, struct blob_info *ret,
                     struct sr_err *err)
{
    struct fake *fake = self;
    sr_lock(&fake->lock);
    assert_true(fake->begun < RANGES_MAX);
    fake->offsets[fake->begun] = get->offset;
    fake->ends[fake->begun++] = get->offset + get->bytes;
    fake->etag = get->if_match;
    if (++fake->inside > fake->inside_max)
        fake->inside_max = fake->inside;
    if (fake->cancel_at_half && get->offset >= SIZE / 2)
        sr_cancel_set(fake->cancel_at_half);
    sr_cond_broadcast(&fake->changed);
    bool in_time = true;
    while (in_time && fake->inside_max < fake->gather)
        in_time = sr_cond_wait_us(&fake->changed, &fake->lock, WAIT_US);
    while (in_time && fake->first_last && get->offset == 0 && fake->begun == fake->inside)
        in_time = sr_cond_wait_us(&fake->changed, &fake->lock, WAIT_US);
    sr_unlock(&fake->lock);
    const bool fails =
        fake->fail_at && get->offset <= fake->fail_at && fake->fail_at - get->offset < get->bytes;
    if (!fails && in_time)
        pass(fake, get);
    sr_lock(&fake->lock);
    fake->inside--;
    sr_cond_broadcast(&fake->changed);
    sr_unlock(&fake->lock);
    *ret = (struct blob_info){ .bytes = fake->total };
    if (!in_time)
        return sr_fail(err, SR_ERR_INTERNAL, "the others did not come");
    return !fails || sr_fail(err, SR_ERR_NETWORK, "the cable is out");
}

static bool fake_part(void *self, const struct blob_upload *upload, uint32_t number,
                      const void *data, size_t bytes, struct blob_part *ret, struct sr_err *err)
{
    struct fake *fake = self;
    assert_string_equal(upload->id, "id");
    sr_lock(&fake->lock);
    fake->parts_begun++;
    sr_unlock(&fake->lock);
    if (number == fake->fail_part)
        return sr_fail(err, SR_ERR_BUSY, "part %u", number);
    const uint64_t at = (uint64_t)(number - 1) * PIECE;
    assert_true(at + bytes <= SIZE);
    memcpy(fake->up + at, data, bytes);
    *ret = (struct blob_part){ .number = number, .bytes = bytes };
    return true;
}

static const struct blob_ops fake_ops = { .name = "fake",
                                          .get = fake_get,
                                          .upload_part = fake_part };

static void begin(struct fake *fake)
{
    struct sr_err err = { 0 };
    *fake = (struct fake){ .total = SIZE };
    sr_assert_ok(sr_mutex_init(&fake->lock, &err), err);
    sr_assert_ok(sr_cond_init(&fake->changed, &err), err);
    fake->data = malloc(SIZE);
    fake->up = calloc(1, SIZE);
    assert_true(fake->data && fake->up);
    for (size_t i = 0; i < SIZE; i++)
        fake->data[i] = (char)(i * 2654435761U >> 13);
}

static void end(struct fake *fake)
{
    free(fake->data);
    free(fake->up);
    sr_cond_done(&fake->changed);
    sr_mutex_done(&fake->lock);
}

static const struct blob_info whole = { .bytes = SIZE, .etag = "\"e\"" };
static struct blob_relay_params params_of(const struct blob *blob)
{
    return (struct blob_relay_params){ .from = blob,
                                       .key = "key",
                                       .info = &whole,
                                       .end = SIZE,
                                       .piece_bytes = PIECE,
                                       .thread_count = THREADS };
}

// What a relay writes, whether it succeeds or not.
static bool relayed(const struct blob_relay_params *params, uint8_t **ret_data, size_t *ret_bytes,
                    struct sr_err *err)
{
    struct sr_err publishing = { 0 };
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_assert_ok(sr_memory_writer_open(ret_data, ret_bytes, &out, &publishing), publishing);
    sr_assert_ok(sr_write(&out, ">", 1, &publishing), publishing);
    const bool done = blob_relay_out(params, &out, err);
    sr_assert_ok(out.ops->publish(out.self, &publishing), publishing);
    return done;
}

static void in_order(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset, end;
        bool again, first_last;
    } cases[] = {
        { 0, SIZE, false, false },  { 0, SIZE, true, true },      { 0, 1, false, false },
        { 7, 7, false, false },     { SIZE, SIZE, false, false }, { SIZE - 1, SIZE, true, false },
        { 1, SIZE, false, false },  { PIECE, 3 * PIECE, 0, 0 },   { 777777, 4 << 20, true, false },
        { 0, 100000, true, false },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        struct sr_err err = { 0 };
        struct fake fake;
        begin(&fake);
        fake.again = cases[i].again;
        fake.first_last = cases[i].first_last;
        const struct blob blob = { .ops = &fake_ops, .self = &fake };
        struct blob_relay_params params = params_of(&blob);
        _Atomic uint64_t moved = 0;
        params.offset = cases[i].offset;
        params.end = cases[i].end;
        params.moved = &moved;
        uint8_t *data = NULL;
        size_t bytes = 0;
        sr_assert_ok(relayed(&params, &data, &bytes, &err), err);
        assert_int_equal(bytes - 1, cases[i].end - cases[i].offset);
        assert_memory_equal(data + 1, fake.data + cases[i].offset, bytes - 1);
        assert_int_equal(moved, bytes - 1);
        assert_true(fake.begun == 0 || strcmp(fake.etag, whole.etag) == 0);
        for (unsigned r = 0; r < fake.begun; r++)  // none goes over a multiple of the size
            assert_int_equal(fake.offsets[r] / PIECE, (fake.ends[r] - 1) / PIECE);
        free(data);
        end(&fake);
    }
}

// The first piece is small, and all threads ask at once.
static void at_once(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct fake fake;
    begin(&fake);
    fake.gather = THREADS;
    const struct blob blob = { .ops = &fake_ops, .self = &fake };
    const struct blob_relay_params params = params_of(&blob);
    uint8_t *data = NULL;
    size_t bytes = 0;
    sr_assert_ok(relayed(&params, &data, &bytes, &err), err);
    assert_int_equal(fake.inside_max, THREADS);
    for (unsigned r = 0; r < fake.begun; r++) {
        if (fake.offsets[r] == 0)
            assert_int_equal(fake.ends[r], 512 << 10);
    }
    free(data);
    const struct blob_upload upload = { .id = (char[]){ "id" } };
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    fake.inside_max = 0;
    sr_assert_ok(blob_relay_up(&params, &blob, &upload, &parts, &err), err);
    assert_int_equal(fake.inside_max, THREADS);
    end(&fake);
}

static void up(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct fake fake;
    begin(&fake);
    const struct blob blob = { .ops = &fake_ops, .self = &fake };
    struct blob_relay_params params = params_of(&blob);
    _Atomic uint64_t moved = 0;
    params.moved = &moved;
    const struct blob_upload upload = { .id = (char[]){ "id" } };
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    sr_assert_ok(blob_relay_up(&params, &blob, &upload, &parts, &err), err);
    assert_int_equal(parts.count, 6);
    for (size_t i = 0; i < parts.count; i++) {
        assert_int_equal(parts.item[i].number, i + 1);
        assert_int_equal(parts.item[i].bytes, i < 5 ? PIECE : 7);
    }
    assert_memory_equal(fake.up, fake.data, SIZE);
    assert_int_equal(moved, SIZE);

    fake.fail_part = 2;
    fake.parts_begun = 0;
    sr_auto(blob_parts) struct blob_parts none = { 0 };
    sr_assert_fails(blob_relay_up(&params, &blob, &upload, &none, &err), SR_ERR_BUSY, err);
    assert_null(none.item);
    params.piece_bytes = SIZE / BLOB_PARTS_MAX;
    sr_assert_fails(blob_relay_up(&params, &blob, &upload, &none, &err), SR_ERR_LIMIT, err);
    end(&fake);
}

// Whatever fails: that error, and nothing behind it is written.
static void failures(void **state)
{
    (void)state;
    static const struct {
        uint64_t fail_at, short_at, total, cancel_at;
        enum sr_err_code code;
        size_t most;  // that may have been written
    } cases[] = {
        { 1, 0, SIZE, 0, SR_ERR_NETWORK, 0 },
        { 3 << 20, 0, SIZE, 0, SR_ERR_NETWORK, 3 << 20 },
        { SIZE - 1, 0, SIZE, 0, SR_ERR_NETWORK, SIZE - 7 },
        { 0, 3 << 20, SIZE, 0, SR_ERR_CONFLICT, 3 << 20 },
        { 0, 0, SIZE + 1, 0, SR_ERR_CONFLICT, 0 },  // it grew, and its store knows no ETags
        { 0, 0, SIZE, 1, SR_ERR_CANCELLED, SIZE - 1 },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        struct sr_err err = { 0 };
        struct fake fake;
        struct sr_cancel stop;
        sr_cancel_init(&stop, NULL, sr_clock_system(), INT64_MAX);
        begin(&fake);
        fake.fail_at = cases[i].fail_at;
        fake.short_at = cases[i].short_at;
        fake.total = cases[i].total;
        fake.cancel_at_half = cases[i].cancel_at ? &stop : NULL;
        const struct blob blob = { .ops = &fake_ops, .self = &fake };
        struct blob_relay_params params = params_of(&blob);
        params.cancel = &stop;
        params.thread_count = 2;  // so that not all is asked for before a failure
        uint8_t *data = NULL;
        size_t bytes = 0;
        sr_assert_fails(relayed(&params, &data, &bytes, &err), cases[i].code, err);
        assert_true(bytes - 1 <= cases[i].most);
        assert_memory_equal(data + 1, fake.data, bytes - 1);
        free(data);
        end(&fake);
    }
}

struct small {
    size_t room;
    unsigned writes;
};
static bool small_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    struct small *small = self;
    (void)data;
    if (bytes > small->room)
        return sr_fail(err, SR_ERR_STORAGE, "full");
    small->room -= bytes;
    small->writes++;
    return true;
}
static void small_discard(void *self)
{
    (void)self;
}

// A full disk ends it, and nothing more is given to the writer.
static void the_writer_fails(void **state)
{
    (void)state;
    static const struct sr_writer_ops ops = { .write = small_write, .discard = small_discard };
    struct sr_err err = { 0 };
    struct fake fake;
    begin(&fake);
    const struct blob blob = { .ops = &fake_ops, .self = &fake };
    const struct blob_relay_params params = params_of(&blob);
    struct small small = { .room = 2 << 20 };
    struct sr_writer out = { .ops = &ops, .self = &small };
    sr_assert_fails(blob_relay_out(&params, &out, &err), SR_ERR_STORAGE, err);
    assert_int_equal(small.writes, 3);  // 512 KiB, 512 KiB, 1 MiB
    end(&fake);
}

// A store with a reader of its own, and a file that changes under it.
static void from_a_folder(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct fake fake;
    char folder[64], etag[BLOB_ETAG_BYTES];
    begin(&fake);
    sr_test_folder(folder);
    sr_auto(blob) struct blob blob = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_ok(blob_dir_open(folder, &blob, &err), err);
    struct blob_put put = { .key = "key", .data = fake.data, .bytes = SIZE };
    sr_assert_ok(blob_put(&blob, &put, etag, &err), err);
    sr_assert_ok(blob_head(&blob, "key", &info, &err), err);
    struct blob_relay_params params = params_of(&blob);
    _Atomic uint64_t moved = 0;
    params.info = &info;
    params.moved = &moved;
    uint8_t *data = NULL;
    size_t bytes = 0;
    sr_assert_ok(relayed(&params, &data, &bytes, &err), err);
    assert_int_equal(bytes - 1, SIZE);
    assert_memory_equal(data + 1, fake.data, SIZE);
    assert_int_equal(moved, SIZE);
    free(data);
    put.bytes = SIZE - 1;
    sr_assert_ok(blob_put(&blob, &put, etag, &err), err);
    sr_assert_fails(relayed(&params, &data, &bytes, &err), SR_ERR_CONFLICT, err);
    assert_int_equal(bytes, 1);
    free(data);
    sr_test_folder_done(folder);
    end(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(at_once),
        cmocka_unit_test(up),
        cmocka_unit_test(failures),
        cmocka_unit_test(the_writer_fails),
        cmocka_unit_test(from_a_folder),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
