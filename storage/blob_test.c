// What blob.c does for all stores; the stores themselves are tested by blob_conformance.
#include "storage/blob.h"

#include "base/test.h"

static void content_types(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "a/b.m3u8", "application/vnd.apple.mpegurl" },
        { "x.MPD", "application/dash+xml" },
        { "seg_1.m4s", "video/iso.segment" },
        { "a.mp4", "video/mp4" },
        { "a.ts", "video/mp2t" },
        { "thumbs.vtt", "text/vtt" },
        { "p.jpg", "image/jpeg" },
        { "r.json", "application/json" },
        { "noending", "application/octet-stream" },
        { ".mp4", "application/octet-stream" },
        { "a.mp4.part", "application/octet-stream" },
        { "", "application/octet-stream" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++)
        assert_string_equal(blob_content_type(cases[i][0]), cases[i][1]);
}

static void lists_grow(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(blob_pairs) struct blob_pairs pairs = { 0 };
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    sr_auto(blob_page) struct blob_page page = { 0 };
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    for (uint32_t i = 0; i < 100; i++) {
        char name[16];
        struct blob_entry *entry;
        const struct blob_part part = { .number = i + 1, .bytes = i };
        snprintf(name, sizeof(name), "n%u", i);
        sr_assert_ok(blob_pairs_add(&pairs, name, "v", &err), err);
        sr_assert_ok(blob_parts_add(&parts, &part, &err), err);
        sr_assert_ok(blob_page_add(&page, name, false, &entry, &err), err);
        sr_assert_ok(blob_uploads_add(&uploads, name, "id", i, &err), err);
        entry->bytes = i;
    }
    assert_string_equal(blob_pairs_find(&pairs, "n99"), "v");
    assert_null(blob_pairs_find(&pairs, "n100"));
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(parts.item[i].bytes, i);
        assert_int_equal(page.item[i].bytes, i);
        assert_int_equal(uploads.item[i].started_us, i);
    }
}

// A store that has nothing but what every store must have.
static bool bare_head(void *self, const char *key, struct blob_info *ret, struct sr_err *err)
{
    (void)self;
    (void)ret;
    return sr_fail(err, SR_ERR_NOT_FOUND, "no object %s", key);
}
static void bare_close(void *self)
{
    ++*(int *)self;
}
static const struct blob_ops bare_ops = { .name = "a bare store",
                                          .head = bare_head,
                                          .close = bare_close };

static void what_a_store_lacks(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    int closed = 0;
    struct blob blob = { &bare_ops, &closed };
    char etag[BLOB_ETAG_BYTES];
    char *url;
    const char *const key = "k";
    const struct blob_put put = { .key = "k" };
    const struct blob_attrs attrs = { 0 };
    const struct blob_list list = { .prefix = NULL };
    const struct blob_source from = { .key = "k", .bytes = 1 };
    struct blob_part part = { .number = 1 };
    const struct blob_parts parts = { &part, 1 };
    struct blob_parts some;
    struct blob_pairs pairs = { 0 };
    struct blob_page page;
    struct blob_uploads uploads;
    struct blob_upload upload;
    size_t count;
    const enum sr_err_code no = SR_ERR_UNSUPPORTED;
    sr_assert_fails(blob_put(&blob, &put, etag, &err), no, err);
    sr_assert_fails(blob_upload_begin(&blob, "k", &attrs, &upload, &err), no, err);
    sr_assert_fails(blob_upload_part(&blob, &upload, 1, "", 0, &part, &err), no, err);
    sr_assert_fails(blob_upload_copy(&blob, &upload, 1, &from, &part, &err), no, err);
    sr_assert_fails(blob_upload_parts(&blob, &upload, &some, &err), no, err);
    sr_assert_fails(blob_upload_finish(&blob, &upload, &parts, &attrs, etag, &err), no, err);
    sr_assert_fails(blob_upload_abort(&blob, &upload, &err), no, err);
    sr_assert_fails(blob_uploads(&blob, NULL, &uploads, &err), no, err);
    sr_assert_fails(blob_abort_stale(&blob, NULL, 0, &count, &err), no, err);
    sr_assert_fails(blob_list(&blob, &list, &page, &err), no, err);
    sr_assert_fails(blob_remove(&blob, &key, 1, &err), no, err);
    sr_assert_fails(blob_copy(&blob, "k", NULL, "l", NULL, &err), no, err);
    sr_assert_fails(blob_tags_get(&blob, "k", &pairs, &err), no, err);
    sr_assert_fails(blob_tags_set(&blob, "k", &pairs, &err), no, err);
    sr_assert_fails(blob_presign(&blob, "GET", "k", 1, &url, &err), no, err);
    sr_assert_contains(err.message, "a bare store cannot presign");
    blob_close(&blob);
    blob_close(&blob);
    assert_int_equal(closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_types),
        cmocka_unit_test(lists_grow),
        cmocka_unit_test(what_a_store_lacks),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
