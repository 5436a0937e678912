#include "base/str.h"
#include "base/test.h"
#include "storage/blob_compose.h"
#include "tests/blob_conformance_priv.h"

// Bytes that differ everywhere, so that a piece in the wrong place is seen.
static char *pattern(size_t bytes, unsigned seed)
{
    char *data = malloc(bytes);
    assert_non_null(data);
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < bytes; i++) {
        x = x * 1664525u + 1013904223u;
        data[i] = (char)(x >> 24);
    }
    return data;
}

enum { PART = BLOB_PART_BYTES_MIN, TAIL = 12345 };

static void assert_content(const struct blob *blob, const char *key, const char *want, size_t bytes)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *got = NULL;
    size_t got_bytes;
    sr_assert_ok(blob_load(blob, key, bytes + 1, &got, &got_bytes, &err), err);
    assert_int_equal(got_bytes, bytes);
    assert_true(memcmp(got, want, bytes) == 0);
}

void blob_conformance_upload_in_parts(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    struct sr_err err = { 0 };
    const char *key = ROOT "parts +.mp4";
    sr_auto(char) char *data = pattern(2 * PART + TAIL, 1);
    const struct blob_attrs attrs = { .content_type = "video/x-test" };
    sr_auto(blob_upload) struct blob_upload upload = { 0 };
    sr_assert_ok(blob_upload_begin(blob, key, &attrs, &upload, &err), err);
    struct blob_part part[4];
    sr_assert_ok(blob_upload_part(blob, &upload, 7, data + 2 * PART, TAIL, &part[3], &err), err);
    sr_assert_ok(blob_upload_part(blob, &upload, 2, data, PART, &part[0], &err),
                 err);  // the wrong one: replaced
    sr_assert_ok(blob_upload_part(blob, &upload, 2, data + PART, PART, &part[2], &err), err);
    sr_assert_ok(blob_upload_part(blob, &upload, 1, data, PART, &part[1], &err), err);
    assert_false(blob_conformance_has(blob, key));
    struct blob_parts parts = { .item = part + 1, .count = 3 };
    if (!(store->lacks & BLOB_LACKS_ABORT)) {  // resume: what is there already?
        sr_auto(blob_parts) struct blob_parts there = { 0 };
        sr_assert_ok(blob_upload_parts(blob, &upload, &there, &err), err);
        assert_int_equal(there.count, 3);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(there.item[i].number, parts.item[i].number);
            assert_int_equal(there.item[i].bytes, parts.item[i].bytes);
            assert_string_equal(there.item[i].etag, parts.item[i].etag);
        }
    }
    char etag[BLOB_ETAG_BYTES];
    sr_assert_ok(blob_upload_finish(blob, &upload, &parts, &attrs, etag, &err), err);
    assert_content(blob, key, data, 2 * PART + TAIL);
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_ok(blob_head(blob, key, &info, &err), err);
    assert_string_equal(info.content_type, "video/x-test");
    assert_string_equal(info.etag, etag);
    blob_conformance_clear(blob, ROOT);
}

void blob_conformance_upload_aborted(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    struct sr_err err = { 0 };
    if (store->lacks & BLOB_LACKS_ABORT)
        skip();
    blob_conformance_put(blob, ROOT "kept", "old");
    const struct blob_attrs attrs = { 0 };
    sr_auto(blob_upload) struct blob_upload upload = { 0 };
    sr_auto(blob_upload) struct blob_upload stale = { 0 };
    struct blob_part part;
    sr_assert_ok(blob_upload_begin(blob, ROOT "kept", &attrs, &upload, &err), err);
    sr_assert_ok(blob_upload_begin(blob, ROOT "stale <&> 1", &attrs, &stale, &err), err);
    sr_assert_ok(blob_upload_part(blob, &upload, 1, "new", 3, &part, &err), err);
    sr_auto(blob_uploads) struct blob_uploads open = { 0 };
    sr_assert_ok(blob_uploads(blob, ROOT, &open, &err), err);
    assert_int_equal(open.count, 2);
    sr_assert_ok(blob_upload_abort(blob, &upload, &err), err);
    sr_assert_ok(blob_upload_abort(blob, &upload, &err), err);
    blob_conformance_assert(blob, ROOT "kept", "old");
    sr_assert_fails(blob_upload_part(blob, &upload, 2, "x", 1, &part, &err), SR_ERR_NOT_FOUND, err);
    size_t count = 99;
    sr_assert_ok(blob_abort_stale(blob, ROOT, 1000, &count, &err), err);
    assert_int_equal(count, 0);
    sr_assert_ok(blob_abort_stale(blob, ROOT, INT64_MAX, &count, &err), err);
    assert_int_equal(count, 1);
    sr_auto(blob_uploads) struct blob_uploads left = { 0 };
    sr_assert_ok(blob_uploads(blob, ROOT, &left, &err), err);
    assert_int_equal(left.count, 0);
    blob_conformance_clear(blob, ROOT);
}

void blob_conformance_upload_mistakes(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    struct sr_err err = { 0 };
    const struct blob_attrs attrs = { 0 };
    struct blob_part part[2];
    char etag[BLOB_ETAG_BYTES];
    sr_auto(blob_upload) struct blob_upload upload = { 0 };
    sr_assert_ok(blob_upload_begin(blob, ROOT "mistake", &attrs, &upload, &err), err);
    sr_assert_fails(blob_upload_part(blob, &upload, 0, "x", 1, part, &err), SR_ERR_INVALID, err);
    sr_assert_fails(blob_upload_part(blob, &upload, BLOB_PARTS_MAX + 1, "x", 1, part, &err),
                    SR_ERR_INVALID, err);
    sr_assert_ok(blob_upload_part(blob, &upload, 1, "small", 5, &part[0], &err), err);
    sr_assert_ok(blob_upload_part(blob, &upload, 2, "small", 5, &part[1], &err), err);
    struct blob_parts parts = { .item = part, .count = 2 };
    const struct blob_parts none = { 0 };
    sr_assert_fails(blob_upload_finish(blob, &upload, &none, &attrs, etag, &err), SR_ERR_INVALID,
                    err);
    if (!(store->lacks & BLOB_LACKS_PART_CHECKS)) {
        sr_assert_fails(blob_upload_finish(blob, &upload, &parts, &attrs, etag, &err),
                        SR_ERR_INVALID, err);
        assert_false(blob_conformance_has(blob, ROOT "mistake"));
        strcpy(part[1].etag, "\"00112233445566778899aabbccddeeff\"");
        parts = (struct blob_parts){ .item = part + 1, .count = 1 };
        sr_assert_fails(blob_upload_finish(blob, &upload, &parts, &attrs, etag, &err),
                        SR_ERR_INVALID, err);
    }
    if (!(store->lacks & BLOB_LACKS_ABORT))
        sr_assert_ok(blob_upload_abort(blob, &upload, &err), err);
    assert_false(blob_conformance_has(blob, ROOT "mistake"));
}

void blob_conformance_parts_copied(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    struct sr_err err = { 0 };
    const struct blob_attrs attrs = { 0 };
    struct blob_part part[3];
    char etag[BLOB_ETAG_BYTES];
    sr_auto(char) char *data = pattern(2 * PART, 2);
    const struct blob_put put = { .key = ROOT "piece +", .data = data, .bytes = 2 * PART };
    sr_assert_ok(blob_put(blob, &put, etag, &err), err);
    const struct blob_source second = {
        .key = put.key, .offset = PART, .bytes = PART, .if_match = etag
    };
    const struct blob_source tail = { .key = put.key, .offset = 100, .bytes = TAIL };
    sr_auto(blob_upload) struct blob_upload upload = { 0 };
    sr_assert_ok(blob_upload_begin(blob, ROOT "joined", &attrs, &upload, &err), err);
    sr_assert_ok(blob_upload_part(blob, &upload, 1, data, PART, &part[0], &err), err);
    if (store->lacks & BLOB_LACKS_PART_COPY) {
        sr_assert_fails(blob_upload_copy(blob, &upload, 2, &second, &part[1], &err),
                        SR_ERR_UNSUPPORTED, err);
        blob_conformance_clear(blob, ROOT);
        return;
    }
    sr_assert_ok(blob_upload_copy(blob, &upload, 2, &second, &part[1], &err), err);
    sr_assert_ok(blob_upload_copy(blob, &upload, 3, &tail, &part[2], &err), err);
    const struct blob_source changed = { .key = put.key,
                                         .offset = 0,
                                         .bytes = PART,
                                         .if_match = "\"00112233445566778899aabbccddeeff\"" };
    struct blob_part never;
    sr_assert_fails(blob_upload_copy(blob, &upload, 4, &changed, &never, &err), SR_ERR_CONFLICT,
                    err);
    const struct blob_parts parts = { .item = part, .count = 3 };
    sr_assert_ok(blob_upload_finish(blob, &upload, &parts, &attrs, etag, &err), err);
    sr_auto(char) char *want = malloc(2 * PART + TAIL);
    assert_non_null(want);
    memcpy(want, data, 2 * PART);
    memcpy(want + 2 * PART, data + 100, TAIL);
    assert_content(blob, ROOT "joined", want, 2 * PART + TAIL);
    blob_conformance_clear(blob, ROOT);
}

// The same bytes whether the store copies parts or not.
void blob_conformance_composed(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    struct sr_err err = { 0 };
    char etag[BLOB_ETAG_BYTES];
    sr_auto(char) char *data = pattern(2 * PART + 1000, 3);
    const struct blob_put put = { .key = ROOT "fragments", .data = data, .bytes = 2 * PART + 1000 };
    sr_assert_ok(blob_put(blob, &put, etag, &err), err);
    const struct blob_piece pieces[] = {
        { .data = "head", .bytes = 4 },
        { .key = put.key, .if_match = etag, .offset = 4, .bytes = 2 * PART },
        { .key = put.key, .offset = 500, .bytes = TAIL },
    };
    const struct blob_compose_params params = { .blob = blob,
                                                .key = ROOT "joined.mp4",
                                                .piece = pieces,
                                                .piece_count = SR_TEST_COUNT(pieces) };
    struct blob_compose_result result;
    sr_assert_ok(blob_compose(&params, &result, &err), err);
    assert_int_equal(result.copied_bytes > 0, !(store->lacks & BLOB_LACKS_PART_COPY));
    sr_auto(char) char *want = malloc(4 + 2 * PART + TAIL);
    assert_non_null(want);
    memcpy(want, "head", 4);
    memcpy(want + 4, data + 4, 2 * PART);
    memcpy(want + 4 + 2 * PART, data + 500, TAIL);
    assert_content(blob, params.key, want, 4 + 2 * PART + TAIL);
    blob_conformance_clear(blob, ROOT);
}
