#include "pipeline/child_shared.h"

#include <sched.h>

#include "base/test.h"
#include "base/thread.h"

enum { SIZE = 3 << 20, BLOCK = 512 << 10 };

// A store whose objects are all alike, and which counts; it can be told to hold a request back.
struct fake {
    unsigned gets;
    bool holds;
    struct sr_cancel *reached;  // is set when a request is held
    struct sr_cancel *release;
};

static bool fake_get(void *self, const struct blob_get *get, struct blob_info *ret,
                     struct sr_err *err)
{
    struct fake *fake = self;
    fake->gets++;
    if (fake->holds) {
        sr_cancel_set(fake->reached);
        while (!sr_cancel_asked(fake->release))
            sched_yield();
        return sr_fail(err, SR_ERR_NETWORK, "the cable is out");
    }
    char *const data = malloc((size_t)get->bytes);
    assert_non_null(data);
    for (size_t i = 0; i < get->bytes; i++)
        data[i] = (char)((get->offset + i) % 251);
    get->sink(get->self, 0, data, (size_t)get->bytes);
    free(data);
    *ret = (struct blob_info){ .bytes = SIZE };
    return true;
}
static const struct blob_ops fake_ops = { .name = "fake", .get = fake_get };

// A child as its parent sees it.
struct child {
    struct fake fake;
    struct blob blob;
    struct sr_cancel cancel;
    struct child_shared *shared;
};

static void begin(struct child *child, struct blob_cache *cache)
{
    struct sr_err err = { 0 };
    *child = (struct child){ .blob = { .ops = &fake_ops } };
    child->blob.self = &child->fake;
    sr_cancel_init(&child->cancel, NULL, NULL, INT64_MAX);
    sr_assert_ok(child_shared_new(cache, &child->cancel, &child->shared, &err), err);
}

static void note(struct child *child, const char *url, const char *etag, uint64_t bytes)
{
    struct sr_err err = { 0 };
    struct blob_info info = { .bytes = bytes };
    strcpy(info.etag, etag);
    sr_assert_ok(child_shared_note(child->shared, &child->blob, "key", url, &info, &err), err);
}

// Whether it was there; what was read is right.
static bool reads(struct child *child, const char *url, const char *etag, uint64_t offset,
                  size_t bytes)
{
    struct sr_err err = { 0 };
    const struct blob_info *info;
    size_t got = 0;
    uint8_t *const data = malloc(bytes);
    assert_non_null(data);
    sr_assert_ok(
        child_shared_read(child->shared, url, etag, offset, data, bytes, &got, &info, &err), err);
    if (info) {
        const uint64_t left = offset < SIZE ? SIZE - offset : 0;
        assert_int_equal(got, left < bytes ? left : bytes);
        assert_int_equal(info->bytes, SIZE);
        for (size_t i = 0; i < got; i++)
            assert_int_equal(data[i], (offset + i) % 251);
    }
    free(data);
    return info != NULL;
}

static struct blob_cache *new_cache(void)
{
    struct sr_err err = { 0 };
    struct blob_cache *cache = NULL;
    const struct blob_cache_params params = { .block_bytes = BLOCK, .thread_count = 1 };
    sr_assert_ok(blob_cache_new(&params, &cache, &err), err);
    return cache;
}

// What one has read the other need not fetch, also when the first is gone.
static void two_children(void **state)
{
    (void)state;
    sr_auto(blob_cache) struct blob_cache *cache = new_cache();
    struct child one, two;
    begin(&one, cache);
    begin(&two, cache);
    assert_false(reads(&one, "s3://b/k", "\"e\"", 0, 10));  // not noted
    note(&one, "s3://b/k", "\"e\"", SIZE);
    note(&one, "s3://b/k", "\"e\"", SIZE);
    assert_true(reads(&one, "s3://b/k", "\"e\"", 0, SIZE));
    assert_int_equal(one.fake.gets, 1);
    child_shared_free(one.shared);
    note(&two, "s3://b/k", "\"e\"", SIZE);
    assert_true(reads(&two, "s3://b/k", "\"e\"", 17, BLOCK));
    assert_true(reads(&two, "s3://b/k", "\"e\"", SIZE - 5, 100));
    assert_true(reads(&two, "s3://b/k", "\"e\"", SIZE + 5, 100));
    assert_int_equal(two.fake.gets, 0);
    assert_false(reads(&two, "s3://b/k", NULL, 0, 10));      // any version
    assert_false(reads(&two, "s3://b/k", "\"f\"", 0, 10));   // another
    assert_false(reads(&two, "s3://b/k2", "\"e\"", 0, 10));  // another object
    note(&two, "s3://b/k", "\"f\"", SIZE);
    assert_true(reads(&two, "s3://b/k", "\"f\"", 0, 10));
    assert_int_equal(two.fake.gets, 1);
    child_shared_free(two.shared);
}

static void left_alone(void **state)
{
    (void)state;
    sr_auto(blob_cache) struct blob_cache *cache = new_cache();
    struct child child;
    begin(&child, cache);
    note(&child, "small", "\"e\"", CHILD_SHARED_BYTES_MIN - 1);
    note(&child, "no etag", "", SIZE);
    assert_false(reads(&child, "small", "\"e\"", 0, 10));
    assert_false(reads(&child, "no etag", "", 0, 10));
    for (char name[] = "0"; *name <= '0' + CHILD_SHARED_MAX; ++*name)
        note(&child, name, "\"e\"", SIZE);
    for (char name[] = "0"; *name <= '0' + CHILD_SHARED_MAX; ++*name)
        assert_int_equal(reads(&child, name, "\"e\"", 0, 10), *name < '0' + CHILD_SHARED_MAX);
    child_shared_free(child.shared);
}

static void read_and_fail(void *arg)
{
    struct child *const child = arg;
    struct sr_err err = { 0 };
    const struct blob_info *info;
    char byte;
    size_t got;
    sr_assert_fails(child_shared_read(child->shared, "k", "\"e\"", 0, &byte, 1, &got, &info, &err),
                    SR_ERR_NETWORK, err);
}

// One waits for what the other fetches, which may last: it can be told to end.
static void does_not_wait_for_ever(void **state)
{
    (void)state;
    sr_auto(blob_cache) struct blob_cache *cache = new_cache();
    struct child slow, other;
    struct sr_err err = { 0 };
    struct sr_cancel reached, release;
    struct sr_thread *thread = NULL;
    sr_cancel_init(&reached, NULL, NULL, INT64_MAX);
    sr_cancel_init(&release, NULL, NULL, INT64_MAX);
    begin(&slow, cache);
    begin(&other, cache);
    slow.fake.holds = true;
    slow.fake.reached = &reached;
    slow.fake.release = &release;
    note(&slow, "k", "\"e\"", SIZE);
    note(&other, "k", "\"e\"", SIZE);
    sr_assert_ok(sr_thread_start("slow", read_and_fail, &slow, &thread, &err), err);
    while (!sr_cancel_asked(&reached))
        sched_yield();
    sr_cancel_set(&other.cancel);
    const struct blob_info *info;
    char byte;
    size_t got;
    sr_assert_fails(child_shared_read(other.shared, "k", "\"e\"", 0, &byte, 1, &got, &info, &err),
                    SR_ERR_CANCELLED, err);
    assert_int_equal(other.fake.gets, 0);
    sr_cancel_set(&release);
    sr_thread_join(thread);
    sr_cancel_init(&other.cancel, NULL, NULL, INT64_MAX);
    assert_true(reads(&other, "k", "\"e\"", 0, 1));  // and the failure was the slow one's own
    child_shared_free(slow.shared);
    child_shared_free(other.shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_children),
        cmocka_unit_test(left_alone),
        cmocka_unit_test(does_not_wait_for_ever),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
