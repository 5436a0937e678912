#include "storage/blob_gc.h"

#include "base/str.h"
#include "base/test.h"

enum { UPLOADS = 10 };

// A store that only knows of open uploads: number i began at (i + 1) * 100, the last never says.
struct store {
    bool open[UPLOADS];
    size_t page;         // uploads in one
    bool ignores_after;  // gives the first page again and again
    bool refuses;        // to abort
    struct sr_str noted;
};

static bool list(void *self, const char *prefix, const struct blob_upload *after,
                 struct blob_uploads *ret, struct sr_err *err)
{
    const struct store *store = self;
    assert_string_equal(prefix, "p");
    struct blob_uploads page = { 0 };
    for (size_t i = 0; i < UPLOADS; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%zu", i);
        if (!store->open[i] || (after && !store->ignores_after && strcmp(id, after->id) <= 0))
            continue;
        page.more = page.count == store->page;
        if (page.more)
            break;
        assert_true(blob_uploads_add(&page, "p/key", id,
                                     i + 1 < UPLOADS ? ((int64_t)i + 1) * 100 : 0, err));
    }
    *ret = page;
    return true;
}

static bool drop(void *self, const struct blob_upload *upload, struct sr_err *err)
{
    struct store *store = self;
    if (store->refuses)
        return sr_fail(err, SR_ERR_DENIED, "no");
    store->open[upload->id[0] - '0'] = false;
    return true;
}

static bool note(void *self, const struct blob_upload *upload, struct sr_err *err)
{
    return sr_str_add(&((struct store *)self)->noted, upload->id, err);
}

static const struct blob_ops ops = { .name = "fake", .uploads = list, .upload_abort = drop };

static const struct row {
    const char *name;
    int64_t before_us;
    size_t page;
    bool dry_run;
    const char *stale;
    uint64_t left;
} rows[] = {
    { "none is old enough", 100, 3, false, "", 10 },
    { "some, one page", 400, 99, false, "012", 7 },
    { "some, behind pages of younger ones", 400, 1, false, "012", 7 },
    { "all whose age is known", 5000, 3, false, "012345678", 1 },
    { "all", INT64_MAX, 3, false, "0123456789", 0 },
    { "only looking", 5000, 3, true, "012345678", 1 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    struct store store = { .page = row->page };
    memset(store.open, true, sizeof(store.open));
    const struct blob blob = { .ops = &ops, .self = &store };
    const struct blob_gc_params params = { .prefix = "p",
                                           .before_us = row->before_us,
                                           .dry_run = row->dry_run,
                                           .each = note,
                                           .self = &store };
    struct blob_gc_result result;
    sr_assert_ok(blob_gc(&blob, &params, &result, &err), err);
    assert_string_equal(sr_str_text(&store.noted), row->stale);
    assert_int_equal(result.stale, strlen(row->stale));
    assert_int_equal(result.left, row->left);
    for (const char *id = row->stale; *id; id++)
        assert_int_equal(store.open[*id - '0'], row->dry_run);
    sr_str_done(&store.noted);
}

static void failures(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct store store = { .page = 3, .ignores_after = true };
    memset(store.open, true, sizeof(store.open));
    const struct blob blob = { .ops = &ops, .self = &store };
    struct blob_gc_params params = { .prefix = "p", .before_us = 100 };
    struct blob_gc_result result;
    sr_assert_fails(blob_gc(&blob, &params, &result, &err), SR_ERR_STORAGE, err);
    store.refuses = true;
    params.before_us = 5000;
    sr_assert_fails(blob_gc(&blob, &params, &result, &err), SR_ERR_DENIED, err);
    sr_assert_contains(err.message, "upload of p/key");
    struct sr_cancel stop;
    sr_cancel_init(&stop, NULL, sr_clock_system(), INT64_MAX);
    sr_cancel_set(&stop);
    params.cancel = &stop;
    sr_assert_fails(blob_gc(&blob, &params, &result, &err), SR_ERR_CANCELLED, err);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(failures);
    return sr_test_run(__FILE__, tests, count);
}
