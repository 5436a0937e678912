#include "storage/blob_read.h"

#include <stdatomic.h>

#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"
#include "storage/blob_dir.h"

enum { BLOCK = 1000, BLOCKS = 40, SIZE = BLOCK * BLOCKS + 123 };

// A folder behind a wall: counts ranges, can fail, and has no reader of its own.
struct wall {
    struct blob inner;
    char folder[64];
    atomic_uint gets;
    atomic_int fail_after;  // ranges until all fail; negative: never
    atomic_bool twice;  // each range comes as after a broken connection: some of it, then all again
    uint64_t last_offset, last_bytes;
};

static bool wall_head(void *self, const char *key, struct blob_info *ret, struct sr_err *err)
{
    return blob_head(&((struct wall *)self)->inner, key, ret, err);
}

static bool wall_get(void *self, const struct blob_get *get, struct blob_info *ret,
                     struct sr_err *err)
{
    struct wall *wall = self;
    atomic_fetch_add(&wall->gets, 1);
    const int left = atomic_load(&wall->fail_after);
    if (left == 0)
        return sr_fail(err, SR_ERR_NETWORK, "the cable is out");
    if (left > 0)
        atomic_fetch_sub(&wall->fail_after, 1);
    if (atomic_load(&wall->twice) && get->bytes > 1) {
        struct blob_get part = *get;
        part.bytes = get->bytes * 2 / 3;
        if (!blob_get(&wall->inner, &part, ret, err))
            return false;
    }
    return blob_get(&wall->inner, get, ret, err);
}

static void wall_close(void *self)
{
    (void)self;
}

static const struct blob_ops wall_ops = {
    .name = "wall", .head = wall_head, .get = wall_get, .close = wall_close
};

static char content[SIZE];

static void put_content(struct wall *wall, unsigned seed)
{
    struct sr_err err = { 0 };
    char etag[BLOB_ETAG_BYTES];
    for (size_t i = 0; i < SIZE; i++)
        content[i] = (char)((i * 7 + i / 251 + seed) % 251);
    const struct blob_put put = { .key = "k", .data = content, .bytes = SIZE };
    sr_assert_ok(blob_put(&wall->inner, &put, etag, &err), err);
}

static struct blob begin(struct wall *wall)
{
    struct sr_err err = { 0 };
    *wall = (struct wall){ .fail_after = -1 };
    sr_test_folder(wall->folder);
    sr_assert_ok(blob_dir_open(wall->folder, &wall->inner, &err), err);
    put_content(wall, 0);
    return (struct blob){ &wall_ops, wall };
}

static void end(struct wall *wall)
{
    blob_close(&wall->inner);
    sr_test_folder_done(wall->folder);
}

static struct blob_cache *new_cache(uint64_t bytes_max)
{
    struct sr_err err = { 0 };
    struct blob_cache *cache = NULL;
    const struct blob_cache_params params = { .bytes_max = bytes_max,
                                              .block_bytes = BLOCK,
                                              .thread_count = 3 };
    sr_assert_ok(blob_cache_new(&params, &cache, &err), err);
    return cache;
}

static struct sr_reader open_reader(const struct blob *blob, struct blob_cache *cache)
{
    struct sr_err err = { 0 };
    struct sr_reader reader = { 0 };
    const struct blob_read_params params = { .blob = blob, .key = "k", .cache = cache };
    sr_assert_ok(blob_read_open(&params, &reader, &err), err);
    assert_int_equal(sr_reader_size(&reader), SIZE);
    return reader;
}

static void assert_read(const struct sr_reader *reader, uint64_t offset, size_t bytes)
{
    struct sr_err err = { 0 };
    char buffer[SIZE];
    sr_assert_ok(sr_read_exact(reader, offset, buffer, bytes, &err), err);
    assert_true(memcmp(buffer, content + offset, bytes) == 0);
}

static void every_place(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    for (int twice = 0; twice < 2; twice++) {
        atomic_store(&wall.twice, twice != 0);
        sr_auto(blob_cache) struct blob_cache *cache = new_cache(64 * BLOCK);
        sr_auto(sr_reader) struct sr_reader reader = open_reader(&blob, cache);
        for (uint64_t offset = 0; offset < SIZE; offset += 777)
            assert_read(&reader, offset, SIZE - offset < 1500 ? SIZE - (size_t)offset : 1500);
        assert_read(&reader, 0, SIZE);
        assert_read(&reader, SIZE - 1, 1);
        char byte, pair[2];
        size_t bytes = 9;
        sr_assert_ok(sr_read_at(&reader, SIZE, &byte, 1, &bytes, &err), err);
        assert_int_equal(bytes, 0);
        sr_assert_ok(sr_read_at(&reader, UINT64_MAX, &byte, 1, &bytes, &err), err);
        assert_int_equal(bytes, 0);
        sr_assert_fails(sr_read_exact(&reader, SIZE - 1, pair, 2, &err), SR_ERR_INPUT, err);
    }
    end(&wall);
}

// A jump is one request of one block; reading on takes few, large ones.
static void requests(void **state)
{
    (void)state;
    struct wall wall;
    const struct blob blob = begin(&wall);
    {
        sr_auto(blob_cache) struct blob_cache *cache = new_cache(1000 * BLOCK);
        sr_auto(sr_reader) struct sr_reader reader = open_reader(&blob, cache);
        static const unsigned jumps[] = { 30, 5, 20, 12 };
        for (size_t i = 0; i < SR_TEST_COUNT(jumps); i++) {
            assert_read(&reader, jumps[i] * BLOCK + 10, 100);
            assert_int_equal(wall.gets, i + 1);
            assert_read(&reader, jumps[i] * BLOCK + 500, 100);  // the same block again
            assert_int_equal(wall.gets, i + 1);
        }
        const struct blob_cache_stats stats = blob_cache_stats(cache);
        assert_int_equal(stats.requests, 4);
        assert_int_equal(stats.bytes, 4 * BLOCK);
        assert_int_equal(stats.hits, 4);
    }
    {
        const unsigned before = wall.gets;
        sr_auto(blob_cache) struct blob_cache *cache = new_cache(1000 * BLOCK);
        sr_auto(sr_reader) struct sr_reader reader = open_reader(&blob, cache);
        for (uint64_t offset = 0; offset < SIZE; offset += 100)
            assert_read(&reader, offset, SIZE - offset < 100 ? SIZE - (size_t)offset : 100);
        assert_in_range(wall.gets - before, 6, 22);  // of 41 blocks
    }
    end(&wall);
}

// One read is one request, however many blocks it spans; two places are read on from at a time.
static void requests_of_wide_and_parallel_reads(void **state)
{
    (void)state;
    struct wall wall;
    const struct blob blob = begin(&wall);
    {
        sr_auto(blob_cache) struct blob_cache *cache = new_cache(1000 * BLOCK);
        sr_auto(sr_reader) struct sr_reader reader = open_reader(&blob, cache);
        assert_read(&reader, 10 * BLOCK + 5, 6 * BLOCK);  // touches seven
        assert_int_equal(wall.gets, 1);
        assert_read(&reader, SIZE - 2 * BLOCK, 2 * BLOCK);
        assert_int_equal(wall.gets, 2);
    }
    {
        const unsigned before = wall.gets;
        sr_auto(blob_cache) struct blob_cache *cache = new_cache(1000 * BLOCK);
        sr_auto(sr_reader) struct sr_reader reader = open_reader(&blob, cache);
        for (uint64_t offset = 0; offset < 20 * BLOCK; offset += 100) {
            assert_read(&reader, offset, 100);
            assert_read(&reader, offset + 20 * BLOCK, 100);
        }
        assert_in_range(wall.gets - before, 6, 24);  // of 40 blocks
    }
    end(&wall);
}

// Several readers of a job fetch a block once.
static void shared(void **state)
{
    (void)state;
    struct wall wall;
    const struct blob blob = begin(&wall);
    {
        sr_auto(blob_cache) struct blob_cache *cache = new_cache(1000 * BLOCK);
        for (int i = 0; i < 5; i++) {
            sr_auto(sr_reader) struct sr_reader reader = open_reader(&blob, cache);
            assert_read(&reader, 0, 500);
            assert_int_equal(wall.gets, 1);
        }
        put_content(&wall, 3);  // another version is another object
        sr_auto(sr_reader) struct sr_reader reader = open_reader(&blob, cache);
        assert_read(&reader, 0, 500);
        assert_int_equal(wall.gets, 2);
    }
    end(&wall);
}

static void bounded(void **state)
{
    (void)state;
    struct wall wall;
    const struct blob blob = begin(&wall);
    {
        sr_auto(blob_cache) struct blob_cache *cache = new_cache(8 * BLOCK);
        sr_auto(sr_reader) struct sr_reader reader = open_reader(&blob, cache);
        for (int round = 0; round < 3; round++)
            assert_read(&reader, 0, SIZE);
        assert_in_range(blob_cache_stats(cache).bytes_peak, BLOCK, 9 * BLOCK);
    }
    end(&wall);
}

static void changed_meanwhile(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    {
        sr_auto(blob_cache) struct blob_cache *cache = new_cache(8 * BLOCK);
        sr_auto(sr_reader) struct sr_reader reader = open_reader(&blob, cache);
        assert_read(&reader, 0, 10);
        put_content(&wall, 9);
        char buffer[10];
        size_t bytes;
        sr_assert_fails(sr_read_at(&reader, 20 * BLOCK, buffer, 10, &bytes, &err), SR_ERR_CONFLICT,
                        err);
        struct sr_reader other;
        const struct blob_read_params params = {
            .blob = &blob, .key = "k", .cache = cache, .if_match = "\"another\""
        };
        sr_assert_fails(blob_read_open(&params, &other, &err), SR_ERR_CONFLICT, err);
    }
    end(&wall);
}

// What fails ahead is asked for again; what fails then is an error, and heals when the store does.
static void failing(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    for (int good = 0; good < 12; good++) {
        sr_auto(blob_cache) struct blob_cache *cache = new_cache(1000 * BLOCK);
        sr_auto(sr_reader) struct sr_reader reader = open_reader(&blob, cache);
        char buffer[SIZE];
        bool failed = false;
        atomic_store(&wall.fail_after, good);
        for (uint64_t offset = 0; offset + 100 <= SIZE && !failed; offset += 100) {
            size_t bytes;
            failed = !sr_read_at(&reader, offset, buffer, 100, &bytes, &err);
            assert_true(!failed || err.code == SR_ERR_NETWORK);
        }
        assert_true(failed || good >= 6);
        atomic_store(&wall.fail_after, -1);
        assert_read(&reader, 0, SIZE);
    }
    end(&wall);
}

struct job {
    const struct sr_reader *reader;
    unsigned seed;
};

static void read_around(void *arg)
{
    const struct job *job = arg;
    unsigned x = job->seed;
    char buffer[3000];
    struct sr_err err = { 0 };
    for (int i = 0; i < 300; i++) {
        x = x * 1664525u + 1013904223u;
        const uint64_t offset = i % 3 ? (uint64_t)i * 100 : (x >> 8) % (SIZE - sizeof(buffer));
        if (!sr_read_exact(job->reader, offset, buffer, sizeof(buffer), &err) ||
            memcmp(buffer, content + offset, sizeof(buffer)) != 0)
            abort();
    }
}

static void many_threads(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct wall wall;
    const struct blob blob = begin(&wall);
    {
        sr_auto(blob_cache) struct blob_cache *cache = new_cache(12 * BLOCK);
        sr_auto(sr_reader) struct sr_reader one = open_reader(&blob, cache);
        sr_auto(sr_reader) struct sr_reader two = open_reader(&blob, cache);
        struct sr_thread *threads[4];
        struct job jobs[4];
        for (unsigned i = 0; i < 4; i++) {
            jobs[i] = (struct job){ i % 2 ? &one : &two, i };
            sr_assert_ok(sr_thread_start("read", read_around, &jobs[i], &threads[i], &err), err);
        }
        for (unsigned i = 0; i < 4; i++)
            sr_thread_join(threads[i]);
    }
    end(&wall);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place),
        cmocka_unit_test(requests),
        cmocka_unit_test(requests_of_wide_and_parallel_reads),
        cmocka_unit_test(shared),
        cmocka_unit_test(bounded),
        cmocka_unit_test(changed_meanwhile),
        cmocka_unit_test(failing),
        cmocka_unit_test(many_threads),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
