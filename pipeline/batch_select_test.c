// Which sources a batch finds in folders and lists, and where their outputs go.
#include "pipeline/batch_select.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"

static char folder[64];
static struct blob_stores *stores;

static const char *const files[] = {
    "a.mov",          "b.MP4",
    "c.txt",          ".hidden.mov",
    "day 1/a.mov",    "day 1/x+y%20.mkv",
    "day 1/.t/z.mov", "day 2/deep/a.mov",
    "noending",       "list.txt",
};

static int make_files(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct blob_stores_params params = { 0 };
    sr_test_folder(folder);
    for (size_t i = 0; i < SR_TEST_COUNT(files); i++) {
        sr_auto(char) char *path = sr_strf(&err, "%s/%s", folder, files[i]);
        sr_auto(char) char *parent = sr_strf(&err, "%.*s", (int)(strrchr(path, '/') - path), path);
        sr_assert_ok(sr_make_folders(parent, &err), err);
        sr_assert_ok(sr_file_store(path, "1234567890", i, &err), err);
    }
    assert_int_equal(chdir(folder), 0);
    sr_assert_ok(blob_stores_new(&params, &stores, &err), err);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    blob_stores_free(stores);
    assert_int_equal(chdir("/"), 0);
    sr_test_folder_done(folder);
    return 0;
}

// The sources and their paths, as "source=path source=path".
static void selects(const char *source, const struct batch_filter *filter, const char *want)
{
    struct sr_err err = { 0 };
    static const struct batch_filter all = { 0 };
    sr_auto(batch_items) struct batch_items items = { 0 };
    sr_auto(sr_str) struct sr_str got = { 0 };
    sr_assert_ok(batch_select(stores, source, filter ? filter : &all, NULL, &items, &err), err);
    for (size_t i = 0; i < items.count; i++)
        sr_assert_ok(sr_str_addf(&got, &err, "%s%s=%s", i ? "|" : "", items.item[i].source,
                                 items.item[i].path),
                     err);
    assert_string_equal(sr_str_text(&got), want);
}

static void folders(void **state)
{
    (void)state;
    const char *const all =
        "./a.mov=a.mov|./b.MP4=b.MP4|./day 1/a.mov=day 1/a.mov|"
        "./day 1/x+y%20.mkv=day 1/x+y%20.mkv|./day 2/deep/a.mov=day 2/deep/a.mov";
    selects("day 1", NULL, "day 1/a.mov=a.mov|day 1/x+y%20.mkv=x+y%20.mkv");
    selects("day 1/", NULL, "day 1/a.mov=a.mov|day 1/x+y%20.mkv=x+y%20.mkv");
    sr_auto(char) char *plain = strdup(all);
    char *to = plain;  // "./" in front of a source is not kept
    for (const char *from = all; *from; from++) {
        if (strncmp(from, "./", 2) == 0)
            from++;
        else
            *to++ = *from;
    }
    *to = '\0';
    selects(".", NULL, plain);
}

static void filters(void **state)
{
    (void)state;
    const char *const text[] = { "*.txt", NULL }, *const a[] = { "a.mov", NULL };
    const char *const deep[] = { "day */*.mov", NULL }, *const mkv[] = { "*.mkv", "b.*", NULL };
    selects(".", &(struct batch_filter){ .include = text }, "c.txt=c.txt|list.txt=list.txt");
    selects(".", &(struct batch_filter){ .include = a },
            "a.mov=a.mov|day 1/a.mov=day 1/a.mov|day 2/deep/a.mov=day 2/deep/a.mov");
    selects(".", &(struct batch_filter){ .include = deep }, "day 1/a.mov=day 1/a.mov");
    selects(".", &(struct batch_filter){ .include = a, .exclude = deep },
            "a.mov=a.mov|day 2/deep/a.mov=day 2/deep/a.mov");
    selects("day 1", &(struct batch_filter){ .exclude = mkv }, "day 1/a.mov=a.mov");
    selects(".", &(struct batch_filter){ .newer_than_us = INT64_MAX }, "");
}

static void patterns(void **state)
{
    (void)state;
    selects("*.mov", NULL, "a.mov=a.mov");
    selects("day ?/*.mov", NULL, "day 1/a.mov=day 1/a.mov");
    selects("day 1/[x-z]*", NULL, "day 1/x+y%20.mkv=x+y%20.mkv");
    selects("*.avi", NULL, "");
}

static void one_file(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct batch_filter all = { 0 };
    sr_auto(batch_items) struct batch_items items = { 0 };
    selects("noending", NULL, "noending=noending");  // named: whatever it is called
    selects("day 1/.t/z.mov", NULL, "day 1/.t/z.mov=z.mov");
    sr_assert_fails(batch_select(stores, "absent.mov", &all, NULL, &items, &err), SR_ERR_NOT_FOUND,
                    err);
    sr_assert_contains(err.message, "absent.mov");
}

static void lists(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct batch_filter all = { 0 };
    sr_auto(batch_items) struct batch_items items = { 0 };
    static const char text[] = "# what came in\na.mov\r\n\nday 1\n";
    sr_assert_ok(sr_file_store("list.txt", text, strlen(text), &err), err);
    selects("@list.txt", NULL, "a.mov=a.mov|day 1/a.mov=a.mov|day 1/x+y%20.mkv=x+y%20.mkv");
    sr_assert_ok(sr_file_store("list.txt", "@list.txt\n", 10, &err), err);
    sr_assert_fails(batch_select(stores, "@list.txt", &all, NULL, &items, &err), SR_ERR_INVALID,
                    err);
    sr_assert_contains(err.message, "lists within lists");
    sr_assert_ok(sr_file_store("list.txt", "a\0b\n", 4, &err), err);
    sr_assert_fails(batch_select(stores, "@list.txt", &all, NULL, &items, &err), SR_ERR_INVALID,
                    err);
    sr_assert_fails(batch_select(stores, "@absent", &all, NULL, &items, &err), SR_ERR_NOT_FOUND,
                    err);
}

static void outputs(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path, *want;  // NULL: refused
    } rows[] = {
        { "out/{name}.mp4", "a/b/c.d.mov", "out/c.d.mp4" },
        { "out/{path}/", "a/b/c.d.mov", "out/a/b/c.d/" },
        { "{name}/{name}.mp4", "x", "x/x.mp4" },
        { "{path}.mp4", ".a", ".a.mp4" },
        { "s3://o/{path}.mp4", "a+b %20/ü.mov", "s3://o/a+b %20/ü.mp4" },
        { "out.mp4", "a.mov", NULL },
        { "{id}.mp4", "a.mov", NULL },
        { "{name", "a.mov", NULL },
        { "out/{path}.mp4", "../a.mov", NULL },
        { "out/{path}.mp4", "a//b.mov", NULL },
        { "out/{path}.mp4", "a/./b.mov", NULL },
        { "out/{name}.mp4", "../a.mov", "out/a.mp4" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        struct sr_err err = { 0 };
        sr_auto(char) char *output = NULL;
        const struct batch_item item = { .path = (char *)rows[i].path };
        const bool done = batch_output(rows[i].pattern, &item, &output, &err);
        assert_int_equal(done, rows[i].want != NULL);
        if (done)
            assert_string_equal(output, rows[i].want);
        else
            assert_int_equal(err.code, SR_ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders),  cmocka_unit_test(filters), cmocka_unit_test(patterns),
        cmocka_unit_test(one_file), cmocka_unit_test(lists),   cmocka_unit_test(outputs),
    };
    return cmocka_run_group_tests_name("batch_select", tests, make_files, remove_files);
}
