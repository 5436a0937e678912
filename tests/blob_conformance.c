#include "tests/blob_conformance.h"

#include "base/str.h"
#include "base/test.h"
#include "tests/blob_conformance_priv.h"

struct blob_conformance *blob_conformance_store(void **state)
{
    return *state;
}

void blob_conformance_put(const struct blob *blob, const char *key, const char *text)
{
    struct sr_err err = { 0 };
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = key, .data = text, .bytes = strlen(text) };
    sr_assert_ok(blob_put(blob, &put, etag, &err), err);
    assert_true(strlen(etag) > 2);
}

void blob_conformance_assert(const struct blob *blob, const char *key, const char *text)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *data = NULL;
    size_t bytes;
    sr_assert_ok(blob_load(blob, key, 1 << 20, &data, &bytes, &err), err);
    assert_string_equal(data, text);
    assert_int_equal(bytes, strlen(text));
}

bool blob_conformance_has(const struct blob *blob, const char *key)
{
    struct sr_err err = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    if (blob_head(blob, key, &info, &err))
        return true;
    assert_int_equal(err.code, SR_ERR_NOT_FOUND);
    return false;
}

// All keys below a prefix, one per line.
static char *listing(const struct blob *blob, const char *prefix, const char *delimiter,
                     size_t page)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str out = { 0 };
    sr_auto(char) char *token = NULL;
    sr_assert_ok(sr_str_add(&out, "", &err), err);
    for (unsigned pages = 0;; pages++) {
        assert_true(pages < 1000);
        const struct blob_list list = {
            .prefix = prefix, .delimiter = delimiter, .token = token, .count_max = page
        };
        sr_auto(blob_page) struct blob_page got = { 0 };
        sr_assert_ok(blob_list(blob, &list, &got, &err), err);
        assert_true(got.count <= (page ? page : BLOB_PAGE_MAX));
        for (size_t i = 0; i < got.count; i++)
            sr_assert_ok(sr_str_addf(&out, &err, "%s\n", got.item[i].key), err);
        if (!got.more)
            break;
        free(token);
        token = sr_take(got.next);
        assert_non_null(token);
    }
    return sr_str_take(&out);
}

void blob_conformance_clear(const struct blob *blob, const char *prefix)
{
    struct sr_err err = { 0 };
    for (bool more = true; more;) {
        const struct blob_list list = { .prefix = prefix };
        sr_auto(blob_page) struct blob_page page = { 0 };
        sr_assert_ok(blob_list(blob, &list, &page, &err), err);
        const char *keys[BLOB_PAGE_MAX];
        for (size_t i = 0; i < page.count; i++)
            keys[i] = page.item[i].key;
        sr_assert_ok(blob_remove(blob, keys, page.count, &err), err);
        more = page.more;
    }
    sr_auto(char) char *left = listing(blob, prefix, NULL, 0);
    assert_string_equal(left, "");
}

static void whole_objects(void **state)
{
    const struct blob *blob = &blob_conformance_store(state)->blob;
    struct sr_err err = { 0 };
    const char *key = ROOT "whole.txt";
    assert_false(blob_conformance_has(blob, key));
    blob_conformance_put(blob, key, "first");
    blob_conformance_assert(blob, key, "first");
    sr_auto(blob_info) struct blob_info first = { 0 };
    sr_auto(blob_info) struct blob_info second = { 0 };
    sr_assert_ok(blob_head(blob, key, &first, &err), err);
    assert_int_equal(first.bytes, 5);
    assert_true(first.modified_us > 1500000000LL * 1000000);
    blob_conformance_put(blob, key, "second one");
    blob_conformance_assert(blob, key, "second one");
    sr_assert_ok(blob_head(blob, key, &second, &err), err);
    assert_string_not_equal(first.etag, second.etag);
    blob_conformance_put(blob, key, "");
    blob_conformance_assert(blob, key, "");
    const char *const keys[] = { key, ROOT "never" };
    sr_assert_ok(blob_remove(blob, keys, 2, &err), err);
    assert_false(blob_conformance_has(blob, key));
    sr_assert_ok(blob_remove(blob, keys, 2, &err), err);
    char *data;
    size_t bytes;
    sr_assert_fails(blob_load(blob, key, 100, &data, &bytes, &err), SR_ERR_NOT_FOUND, err);
}

static void ranges(void **state)
{
    const struct blob *blob = &blob_conformance_store(state)->blob;
    struct sr_err err = { 0 };
    const char *key = ROOT "range.bin";
    blob_conformance_put(blob, key, "0123456789");
    static const struct {
        uint64_t offset;
        size_t bytes;
        const char *want;
    } cases[] = { { 0, 10, "0123456789" }, { 0, 1, "0" },         { 9, 1, "9" },
                  { 3, 4, "3456" },        { 8, 100, "89" },      { 10, 5, "" },
                  { 11, 1, "" },           { 1ULL << 40, 1, "" }, { 0, 200, "0123456789" } };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        char buffer[256] = { 0 };
        size_t bytes = 99;
        const bool edge = cases[i].offset + cases[i].bytes > 10;
        if (edge && (blob_conformance_store(state)->lacks & BLOB_LACKS_RANGE_ENDS))
            continue;
        sr_assert_ok(
            blob_get_bytes(blob, key, NULL, cases[i].offset, buffer, cases[i].bytes, &bytes, &err),
            err);
        assert_int_equal(bytes, strlen(cases[i].want));
        assert_memory_equal(buffer, cases[i].want, bytes);
    }
    blob_conformance_put(blob, key, "");
    char byte;
    size_t bytes = 0;
    if (!(blob_conformance_store(state)->lacks & BLOB_LACKS_RANGE_ENDS))
        sr_assert_ok(blob_get_bytes(blob, key, NULL, 0, &byte, 1, &bytes, &err), err);
    assert_int_equal(bytes, 0);
    blob_conformance_clear(blob, ROOT);
}

static const struct odd_key {
    const char *key;
    unsigned needs;  // what a store must not lack
} odd_keys[] = {
    { "plain", 0 },
    { "with space", 0 },
    { "plus+sign", 0 },
    { "percent%20sign%", 0 },
    { "percent%2Fslash", 0 },
    { "\xc3\xbcml\xc3\xa4ut-\xe2\x82\xac-\xf0\x9f\x8e\xac", 0 },
    { "quote'double\"back\\slash", 0 },
    { "ask?hash#amp&equals=semi;colon:comma,at@dollar$", 0 },
    { "less<greater>paren()bracket[]brace{}star*bang!tilde~pipe|caret^grave`", 0 },
    { ".hidden", 0 },
    { "dots..inside", 0 },
    { ".%looks-like-ours", 0 },
    { "deep/er/and/deep/er", 0 },
    { "double//slash", BLOB_LACKS_SLASHES },
    { "end-slash/", BLOB_LACKS_SLASHES },
    { "/leading", BLOB_LACKS_SLASHES },
    { "dot/./dot", BLOB_LACKS_SLASHES },
    { "dot/../dot", BLOB_LACKS_SLASHES },
    { "..", BLOB_LACKS_SLASHES },
};

static void one_key(const struct blob *blob, const char *key)
{
    struct sr_err err = { 0 };
    blob_conformance_put(blob, key, key);
    blob_conformance_assert(blob, key, key);
    sr_auto(char) char *found = listing(blob, ROOT, NULL, 0);
    sr_auto(char) char *want = sr_strf(&err, "%s\n", key);
    assert_string_equal(found, want);
    sr_assert_ok(blob_remove(blob, &key, 1, &err), err);
    assert_false(blob_conformance_has(blob, key));
}

static void odd_names(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    struct sr_err err = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(odd_keys); i++) {
        if (odd_keys[i].needs & store->lacks)
            continue;
        sr_auto(char) char *key = sr_strf(&err, "%s%s", ROOT, odd_keys[i].key);
        print_message("key %s\n", key);
        one_key(&store->blob, key);
    }
    // a key that begins with a slash, and one that is nothing but slashes
    static const char *const slashes[] = { "/conformance", "//" };
    for (size_t i = 0; i < 2 && !(store->lacks & BLOB_LACKS_SLASHES); i++) {
        blob_conformance_put(&store->blob, slashes[i], "slash");
        blob_conformance_assert(&store->blob, slashes[i], "slash");
        sr_assert_ok(blob_remove(&store->blob, &slashes[i], 1, &err), err);
        assert_false(blob_conformance_has(&store->blob, slashes[i]));
    }
}

static void long_keys(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    struct sr_err err = { 0 };
    if (store->lacks & BLOB_LACKS_LONG_KEYS)
        skip();
    char key[BLOB_KEY_BYTES_MAX + 2];
    memset(key, 'k', sizeof(key));
    memcpy(key, ROOT, strlen(ROOT));
    for (size_t bytes = 900; bytes <= BLOB_KEY_BYTES_MAX; bytes += BLOB_KEY_BYTES_MAX - 900) {
        key[bytes] = '\0';
        one_key(&store->blob, key);
        key[bytes] = 'k';
    }
    key[BLOB_KEY_BYTES_MAX + 1] = '\0';
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_fails(blob_head(&store->blob, key, &info, &err), SR_ERR_INVALID, err);
    sr_assert_fails(blob_head(&store->blob, "", &info, &err), SR_ERR_INVALID, err);
}

static void conditions(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    struct sr_err err = { 0 };
    const char *key = ROOT "condition";
    char etag[BLOB_ETAG_BYTES];
    struct blob_put put = { .key = key, .data = "old", .bytes = 3, .attrs = { .if_absent = true } };
    sr_assert_ok(blob_put(blob, &put, etag, &err), err);
    put.data = "new";
    sr_assert_fails(blob_put(blob, &put, etag, &err), SR_ERR_EXISTS, err);
    blob_conformance_assert(blob, key, "old");

    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_ok(blob_head(blob, key, &info, &err), err);
    char buffer[8] = { 0 };
    size_t bytes;
    sr_assert_ok(blob_get_bytes(blob, key, info.etag, 0, buffer, 3, &bytes, &err), err);
    assert_string_equal(buffer, "old");
    blob_conformance_put(blob, key, "changed meanwhile");
    sr_assert_fails(blob_get_bytes(blob, key, info.etag, 0, buffer, 3, &bytes, &err),
                    SR_ERR_CONFLICT, err);
    blob_conformance_clear(blob, ROOT);
}

static void listings(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    static const char *const keys[] = { "a-b", "a.txt", "a/1",        "a/2", "a/b/3",
                                        "a0",  "b/z",   "b/\xc3\xa4", "c" };
    struct sr_err err = { 0 };
    for (size_t i = SR_TEST_COUNT(keys); i-- > 0;) {
        sr_auto(char) char *key = sr_strf(&err, "%s%s", ROOT, keys[i]);
        blob_conformance_put(blob, key, "x");
    }
    static const struct {
        const char *prefix, *delimiter, *want;
    } cases[] = {
        { "", NULL, "a-b a.txt a/1 a/2 a/b/3 a0 b/z b/\xc3\xa4 c " },
        { "", "/", "a-b a.txt a/ a0 b/ c " },
        { "a", NULL, "a-b a.txt a/1 a/2 a/b/3 a0 " },
        { "a", "/", "a-b a.txt a/ a0 " },
        { "a/", "/", "a/1 a/2 a/b/ " },
        { "b/", NULL, "b/z b/\xc3\xa4 " },
        { "nothing", NULL, "" },
        { "a/1", "/", "a/1 " },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(sr_str) struct sr_str want = { 0 };
        sr_assert_ok(sr_str_add(&want, "", &err), err);
        for (const char *at = cases[i].want; *at;) {
            const int bytes = (int)strcspn(at, " ");
            sr_assert_ok(sr_str_addf(&want, &err, "%s%.*s\n", ROOT, bytes, at), err);
            at += bytes + 1;
        }
        sr_auto(char) char *prefix = sr_strf(&err, "%s%s", ROOT, cases[i].prefix);
        for (size_t page = 0; page < 5; page++) {
            if (page && (store->lacks & BLOB_LACKS_PAGES))
                continue;
            sr_auto(char) char *got = listing(blob, prefix, cases[i].delimiter, page);
            print_message("prefix %s, delimiter %s, page %zu\n", prefix, cases[i].delimiter, page);
            // folders and keys are merged into one order
            assert_string_equal(got, sr_str_text(&want));
        }
    }
    const struct blob_list list = { .prefix = ROOT "a.txt" };
    sr_auto(blob_page) struct blob_page page = { 0 };
    sr_assert_ok(blob_list(blob, &list, &page, &err), err);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.item[0].bytes, 1);
    assert_true(page.item[0].modified_us > 1500000000LL * 1000000);
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_ok(blob_head(blob, ROOT "a.txt", &info, &err), err);
    assert_string_equal(page.item[0].etag, info.etag);
    blob_conformance_clear(blob, ROOT);
}

static void nesting(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    if (store->lacks & BLOB_LACKS_NESTING) {
        struct sr_err err = { 0 };
        char etag[BLOB_ETAG_BYTES];
        blob_conformance_put(&store->blob, ROOT "n", "leaf");
        const struct blob_put put = { .key = ROOT "n/m", .data = "x", .bytes = 1 };
        sr_assert_fails(blob_put(&store->blob, &put, etag, &err), SR_ERR_UNSUPPORTED, err);
        blob_conformance_assert(&store->blob, ROOT "n", "leaf");
    } else {
        blob_conformance_put(&store->blob, ROOT "n", "leaf");
        blob_conformance_put(&store->blob, ROOT "n/m", "below");
        blob_conformance_assert(&store->blob, ROOT "n", "leaf");
        blob_conformance_assert(&store->blob, ROOT "n/m", "below");
    }
    blob_conformance_clear(&store->blob, ROOT);
}

static void attributes(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    struct sr_err err = { 0 };
    sr_auto(blob_pairs) struct blob_pairs meta = { 0 };
    sr_assert_ok(blob_pairs_add(&meta, "asset", "forty two & more", &err), err);
    sr_assert_ok(blob_pairs_add(&meta, "job-id", "01H=", &err), err);
    const struct blob_put put = {
        .key = ROOT "typed",
        .data = "x",
        .bytes = 1,
        .attrs = { .content_type = "video/mp4", .cache_control = "max-age=60", .meta = &meta },
    };
    char etag[BLOB_ETAG_BYTES];
    sr_assert_ok(blob_put(blob, &put, etag, &err), err);
    const char *const keys[] = { ROOT "typed", ROOT "copied" };
    sr_assert_ok(blob_copy(blob, keys[0], NULL, keys[1], NULL, &err), err);
    for (size_t i = 0; i < 2; i++) {
        sr_auto(blob_info) struct blob_info info = { 0 };
        sr_assert_ok(blob_head(blob, keys[i], &info, &err), err);
        assert_string_equal(info.content_type, "video/mp4");
        if (!(store->lacks & BLOB_LACKS_ATTRS))
            assert_string_equal(info.cache_control, "max-age=60");
        assert_string_equal(blob_pairs_find(&info.meta, "asset"), "forty two & more");
        assert_string_equal(blob_pairs_find(&info.meta, "job-id"), "01H=");
        assert_int_equal(info.meta.count, 2);
    }
    blob_conformance_put(blob, ROOT "list.m3u8", "#EXTM3U");
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_assert_ok(blob_head(blob, ROOT "list.m3u8", &info, &err), err);
    assert_string_equal(info.content_type, "application/vnd.apple.mpegurl");
    blob_conformance_clear(blob, ROOT);
}

static void tags(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    struct sr_err err = { 0 };
    if (store->lacks & BLOB_LACKS_TAGS)
        skip();
    const char *key = ROOT "tagged";
    blob_conformance_put(blob, key, "x");
    sr_auto(blob_pairs) struct blob_pairs none = { 0 };
    sr_assert_ok(blob_tags_get(blob, key, &none, &err), err);
    assert_int_equal(none.count, 0);
    sr_auto(blob_pairs) struct blob_pairs set = { 0 };
    sr_assert_ok(blob_pairs_add(&set, "owner", "me & you <3", &err), err);
    sr_assert_ok(blob_pairs_add(&set, "state", "done", &err), err);
    sr_assert_ok(blob_tags_set(blob, key, &set, &err), err);
    sr_auto(blob_pairs) struct blob_pairs got = { 0 };
    sr_assert_ok(blob_tags_get(blob, key, &got, &err), err);
    assert_int_equal(got.count, 2);
    assert_string_equal(blob_pairs_find(&got, "owner"), "me & you <3");
    assert_string_equal(blob_pairs_find(&got, "state"), "done");
    sr_assert_fails(blob_tags_set(blob, ROOT "absent", &set, &err), SR_ERR_NOT_FOUND, err);
    blob_conformance_clear(blob, ROOT);
}

static void copies(void **state)
{
    const struct blob_conformance *store = blob_conformance_store(state);
    const struct blob *blob = &store->blob;
    struct sr_err err = { 0 };
    const char *from = store->lacks & BLOB_LACKS_ODD_COPIES ? ROOT "from" : ROOT "from +%\xc3\xa4";
    blob_conformance_put(blob, from, "content");
    sr_assert_ok(blob_copy(blob, from, NULL, ROOT "to", NULL, &err), err);
    blob_conformance_assert(blob, ROOT "to", "content");
    sr_assert_fails(blob_copy(blob, ROOT "absent", NULL, ROOT "to", NULL, &err), SR_ERR_NOT_FOUND,
                    err);
    if (!(store->lacks & BLOB_LACKS_IF_MATCH)) {
        sr_assert_fails(blob_copy(blob, ROOT "to", "\"00112233445566778899aabbccddeeff\"",
                                  ROOT "other", NULL, &err),
                        SR_ERR_CONFLICT, err);
        assert_false(blob_conformance_has(blob, ROOT "other"));
    }
    blob_conformance_clear(blob, ROOT);
}

static void many_removed(void **state)
{
    const struct blob *blob = &blob_conformance_store(state)->blob;
    struct sr_err err = { 0 };
    enum { COUNT = 25 };
    char *keys[COUNT];
    for (int i = 0; i < COUNT; i++) {
        keys[i] = sr_strf(&err, "%smany/<&>%02d", ROOT, i);
        blob_conformance_put(blob, keys[i], "x");
    }
    sr_assert_ok(blob_remove(blob, (const char *const *)keys, COUNT - 1, &err), err);
    sr_auto(char) char *left = listing(blob, ROOT, NULL, 0);
    assert_string_equal(left, ROOT "many/<&>24\n");
    for (int i = 0; i < COUNT; i++)
        free(keys[i]);
    blob_conformance_clear(blob, ROOT);
}

static int clean(void **state)
{
    blob_conformance_clear(&blob_conformance_store(state)->blob, ROOT);
    return 0;
}

int blob_conformance_run(struct blob_conformance *store)
{
    static const struct {
        const char *name;
        CMUnitTestFunction run;
    } all[] = {
        { "whole objects", whole_objects },
        { "ranges", ranges },
        { "odd names", odd_names },
        { "long keys", long_keys },
        { "conditions", conditions },
        { "listings", listings },
        { "nesting", nesting },
        { "attributes", attributes },
        { "tags", tags },
        { "copies", copies },
        { "many removed", many_removed },
        { "presigned", blob_conformance_presigned },
        { "first wins", blob_conformance_first_wins },
        { "upload in parts", blob_conformance_upload_in_parts },
        { "upload aborted", blob_conformance_upload_aborted },
        { "upload mistakes", blob_conformance_upload_mistakes },
        { "parts copied", blob_conformance_parts_copied },
        { "composed", blob_conformance_composed },
    };
    static struct CMUnitTest tests[SR_TEST_COUNT(all)];
    static char names[SR_TEST_COUNT(all)][96];
    for (size_t i = 0; i < SR_TEST_COUNT(all); i++) {
        snprintf(names[i], sizeof(names[i]), "%s: %s", store->name, all[i].name);
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = all[i].run, .setup_func = clean, .initial_state = store
        };
    }
    return sr_test_run(store->name, tests, SR_TEST_COUNT(all));
}
