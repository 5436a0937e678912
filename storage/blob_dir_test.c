#include "storage/blob_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"

struct place {
    char folder[64];
    struct blob blob;
};

static struct place begin(void)
{
    struct sr_err err = { 0 };
    struct place place;
    sr_test_folder(place.folder);
    sr_assert_ok(blob_dir_open(place.folder, &place.blob, &err), err);
    return place;
}

static void end(struct place *place)
{
    blob_close(&place->blob);
    sr_test_folder_done(place->folder);
}

static size_t count_files(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void not_a_folder(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct blob blob;
    sr_assert_fails(blob_dir_open("/nowhere/at/all", &blob, &err), SR_ERR_NOT_FOUND, err);
    sr_assert_fails(blob_dir_open("/dev/null", &blob, &err), SR_ERR_INVALID, err);
}

// Objects are plain files under their own names; nothing else is left in the folder.
static void plain_files(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct place place = begin();
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = "hls/a b%20.m3u8", .data = "x", .bytes = 1 };
    sr_assert_ok(blob_put(&place.blob, &put, etag, &err), err);
    sr_auto(char) char *path = sr_strf(&err, "%s/hls/a b%%20.m3u8", place.folder);
    assert_int_equal(access(path, R_OK), 0);
    sr_auto(char) char *folder = sr_strf(&err, "%s/hls", place.folder);
    assert_int_equal(count_files(folder), 1);
    sr_assert_ok(blob_remove(&place.blob, &put.key, 1, &err), err);
    assert_int_equal(count_files(place.folder), 0);
    end(&place);
}

// No key leads out of the folder.
static void no_way_out(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct place place = begin();
    sr_auto(char) char *outside = sr_strf(&err, "%s-outside", place.folder);
    sr_auto(char) char *key = sr_strf(&err, "../%s", strrchr(outside, '/') + 1);
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = key, .data = "x", .bytes = 1 };
    sr_assert_ok(blob_put(&place.blob, &put, etag, &err), err);
    assert_int_equal(access(outside, F_OK), -1);
    end(&place);
}

// A file that grows or is rewritten in place while we read it is not quietly mixed.
static void changed_in_place(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct place place = begin();
    char etag[BLOB_ETAG_BYTES];
    const struct blob_put put = { .key = "a", .data = "0123456789", .bytes = 10 };
    sr_assert_ok(blob_put(&place.blob, &put, etag, &err), err);
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_assert_ok(place.blob.ops->open_reader(place.blob.self, "a", etag, &reader, &err), err);
    assert_int_equal(sr_reader_size(&reader), 10);
    char buffer[10];
    sr_assert_ok(sr_read_exact(&reader, 5, buffer, 5, &err), err);
    assert_memory_equal(buffer, "56789", 5);
    sr_auto(char) char *path = sr_strf(&err, "%s/a", place.folder);
    const int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "more", 4), 4);
    close(fd);
    size_t bytes;
    sr_assert_fails(sr_read_at(&reader, 0, buffer, 5, &bytes, &err), SR_ERR_CONFLICT, err);
    struct sr_reader again;
    sr_assert_fails(place.blob.ops->open_reader(place.blob.self, "a", etag, &again, &err),
                    SR_ERR_CONFLICT, err);
    end(&place);
}

static void writer_is_atomic(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct place place = begin();
    char text[32] = { 0 };
    size_t bytes;
    for (int publish = 0; publish < 2; publish++) {
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        const struct blob_attrs attrs = { .if_absent = true };
        sr_assert_ok(place.blob.ops->open_writer(place.blob.self, "d/e", &attrs, &writer, &err),
                     err);
        sr_assert_ok(sr_write(&writer, "????body", 8, &err), err);
        sr_assert_ok(writer.ops->rewrite_head(writer.self, 0, "head", 4, &err), err);
        sr_assert_fails(writer.ops->rewrite_head(writer.self, 6, "head", 4, &err), SR_ERR_INVALID,
                        err);
        struct blob_info info;
        sr_assert_fails(blob_head(&place.blob, "d/e", &info, &err), SR_ERR_NOT_FOUND, err);
        const struct blob_list list = { .prefix = "" };
        sr_auto(blob_page) struct blob_page page = { 0 };
        sr_assert_ok(blob_list(&place.blob, &list, &page, &err), err);
        assert_int_equal(page.count, 0);
        if (publish)
            sr_assert_ok(writer.ops->publish(writer.self, &err), err);
    }
    sr_assert_ok(blob_get_bytes(&place.blob, "d/e", NULL, 0, text, 31, &bytes, &err), err);
    assert_string_equal(text, "headbody");
    sr_auto(char) char *folder = sr_strf(&err, "%s/d", place.folder);
    assert_int_equal(count_files(folder), 1);
    end(&place);
}

// Files that somebody else put there are objects too; what is no file is not.
static void foreign_files(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct place place = begin();
    sr_auto(char) char *fifo = sr_strf(&err, "%s/fifo", place.folder);
    sr_auto(char) char *link = sr_strf(&err, "%s/link", place.folder);
    sr_auto(char) char *dangling = sr_strf(&err, "%s/dangling", place.folder);
    sr_auto(char) char *file = sr_strf(&err, "%s/file", place.folder);
    sr_assert_ok(sr_file_store(file, "x", 1, &err), err);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(symlink("nowhere", dangling), 0);
    const struct blob_list list = { .prefix = "" };
    sr_auto(blob_page) struct blob_page page = { 0 };
    sr_assert_ok(blob_list(&place.blob, &list, &page, &err), err);
    assert_int_equal(page.count, 2);
    assert_string_equal(page.item[0].key, "file");
    assert_string_equal(page.item[1].key, "link");
    struct blob_info info;
    sr_assert_fails(blob_head(&place.blob, "fifo", &info, &err), SR_ERR_NOT_FOUND, err);
    end(&place);
}

// A writer that died leaves a file which no key has; it is listed and aborted as an upload is, and
// nothing else can be removed that way.
static void left_behind(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct place place = begin();
    static const char *const names[] = { "deep/.%t0123456789abcdef0123456789abcdef", "deep/.%t0123",
                                         "deep/.%tfile", "file" };
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++) {
        sr_auto(char) char *path = sr_strf(&err, "%s/%s", place.folder, names[i]);
        sr_auto(char) char *deep = sr_strf(&err, "%s/deep", place.folder);
        sr_assert_ok(sr_make_folders(deep, &err), err);
        sr_assert_ok(sr_file_store(path, "x", 1, &err), err);
    }
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    sr_auto(blob_uploads) struct blob_uploads others = { 0 };
    sr_assert_ok(blob_uploads(&place.blob, "dee", &uploads, &err), err);
    sr_assert_ok(blob_uploads(&place.blob, "other", &others, &err), err);
    assert_int_equal(uploads.count, 1);
    assert_int_equal(others.count, 0);
    assert_string_equal(uploads.item[0].key, names[0]);
    assert_true(uploads.item[0].started_us > 0);
    static const char *const wrong[] = { "t/file",
                                         "t/",
                                         "t/deep/.%tfile",
                                         "t/deep/.%t0123",
                                         "t/x/../deep/.%t0123456789abcdef0123456789abcdef",
                                         "t/../.%t0123456789abcdef0123456789abcdef" };
    char key[] = "file";
    for (size_t i = 0; i < SR_TEST_COUNT(wrong); i++) {
        sr_auto(char) char *id = sr_str_dup(wrong[i], &err);
        const struct blob_upload upload = { .key = key, .id = id };
        sr_assert_ok(blob_upload_abort(&place.blob, &upload, &err), err);  // not there: fine
    }
    const struct blob_list list = { .prefix = "" };
    sr_auto(blob_page) struct blob_page page = { 0 };
    sr_assert_ok(blob_list(&place.blob, &list, &page, &err), err);
    assert_int_equal(page.count, 1);
    sr_assert_ok(blob_uploads(&place.blob, "", &others, &err), err);
    assert_int_equal(others.count, 1);
    blob_uploads_done(&others);
    sr_assert_ok(blob_upload_abort(&place.blob, &uploads.item[0], &err), err);
    sr_assert_ok(blob_upload_abort(&place.blob, &uploads.item[0], &err), err);
    sr_assert_ok(blob_uploads(&place.blob, "", &others, &err), err);
    assert_int_equal(others.count, 0);
    end(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_a_folder),     cmocka_unit_test(plain_files),
        cmocka_unit_test(no_way_out),       cmocka_unit_test(changed_in_place),
        cmocka_unit_test(writer_is_atomic), cmocka_unit_test(foreign_files),
        cmocka_unit_test(left_behind),
    };
    return sr_test_run("blob_dir", tests, SR_TEST_COUNT(tests));
}
