#include "base/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    sr_test_folder(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    sr_test_folder_done(folder);
    return 0;
}

// "FOLDER/NAME"; the caller frees it.
static char *in_folder(const char *name)
{
    struct sr_err err;
    return sr_strf(&err, "%s/%s", folder, name);
}

static int entries_of(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static bool publish(struct sr_writer *writer, struct sr_err *err)
{
    return writer->ops->publish(writer->self, err);
}

static void opening_what_cannot_be_read(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_reader reader = { 0 };
    sr_auto(char) char *fifo = in_folder("fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    sr_assert_fails(sr_file_reader_open("/nowhere/at/all", &reader, &err), SR_ERR_NOT_FOUND, err);
    sr_assert_contains(err.message, "/nowhere/at/all");
    sr_assert_fails(sr_file_reader_open("", &reader, &err), SR_ERR_NOT_FOUND, err);
    sr_assert_fails(sr_file_reader_open(folder, &reader, &err), SR_ERR_INPUT, err);
    sr_assert_fails(sr_file_reader_open(fifo, &reader, &err), SR_ERR_INPUT, err);
    assert_null(reader.ops);
}

static void reads_at_positions(const struct sr_reader *reader)
{
    struct sr_err err = { 0 };
    char buffer[16];
    size_t got = 99;
    assert_int_equal(sr_reader_size(reader), 10);
    sr_assert_ok(sr_read_exact(reader, 3, buffer, 4, &err), err);
    assert_memory_equal(buffer, "3456", 4);
    sr_assert_ok(sr_read_at(reader, 8, buffer, 16, &got, &err), err);
    assert_int_equal(got, 2);
    sr_assert_ok(sr_read_at(reader, 10, buffer, 16, &got, &err), err);
    assert_int_equal(got, 0);
    sr_assert_ok(sr_read_at(reader, UINT64_MAX, buffer, 1, &got, &err), err);
    assert_int_equal(got, 0);
    sr_assert_fails(sr_read_exact(reader, 8, buffer, 3, &err), SR_ERR_INPUT, err);
    assert_string_equal(err.message, "ends at 10, wanted 3 bytes at 8");
}

static void files_and_memory_read_alike(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = in_folder("ten");
    sr_assert_ok(sr_file_store(path, "0123456789", 10, &err), err);
    sr_auto(sr_reader) struct sr_reader file = { 0 };
    sr_assert_ok(sr_file_reader_open(path, &file, &err), err);
    reads_at_positions(&file);
    sr_auto(sr_reader) struct sr_reader memory = { 0 };
    sr_assert_ok(sr_memory_reader_open("0123456789", 10, &memory, &err), err);
    reads_at_positions(&memory);
}

// Input turning bad: the file gets shorter than it said.
static void a_file_that_shrinks(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = in_folder("shrinks");
    sr_assert_ok(sr_file_store(path, "0123456789", 10, &err), err);
    sr_auto(sr_reader) struct sr_reader file = { 0 };
    sr_assert_ok(sr_file_reader_open(path, &file, &err), err);
    assert_int_equal(truncate(path, 5), 0);
    char buffer[10];
    sr_assert_fails(sr_read_exact(&file, 0, buffer, 10, &err), SR_ERR_INPUT, err);
}

static void nothing_shows_before_publish(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *parent = in_folder("new/deep");
    sr_auto(char) char *path = in_folder("new/deep/out");
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(sr_file_writer_open(path, &writer, &err), err);
    sr_assert_ok(sr_write(&writer, "head", 4, &err), err);
    sr_assert_ok(sr_write(&writer, " and tail", 9, &err), err);
    sr_assert_ok(writer.ops->rewrite_head(writer.self, 1, "AI", 2, &err), err);
    sr_assert_fails(writer.ops->rewrite_head(writer.self, 12, "xx", 2, &err), SR_ERR_INVALID, err);
    sr_assert_fails(writer.ops->rewrite_head(writer.self, UINT64_MAX, "xx", 2, &err),
                    SR_ERR_INVALID, err);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(entries_of(parent), 1);
    sr_assert_ok(publish(&writer, &err), err);
    assert_int_equal(entries_of(parent), 1);
    char *text = NULL;
    size_t bytes = 0;
    sr_assert_ok(sr_file_load(path, 100, &text, &bytes, &err), err);
    assert_string_equal(text, "hAId and tail");
    assert_int_equal(bytes, 13);
    free(text);
}

static void discard_leaves_no_trace(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *parent = in_folder("discard");
    sr_auto(char) char *path = in_folder("discard/out");
    sr_assert_ok(sr_file_store(path, "old", 3, &err), err);
    struct sr_writer one = { 0 }, two = { 0 };  // two writers of one name do not meet
    sr_assert_ok(sr_file_writer_open(path, &one, &err), err);
    sr_assert_ok(sr_file_writer_open(path, &two, &err), err);
    sr_assert_ok(sr_write(&one, "new", 3, &err), err);
    sr_assert_ok(sr_write(&two, "NEW!", 4, &err), err);
    assert_int_equal(entries_of(parent), 3);
    sr_writer_close(&one);
    sr_writer_close(&two);
    assert_int_equal(entries_of(parent), 1);
    char *text = NULL;
    size_t bytes = 0;
    sr_assert_ok(sr_file_load(path, 100, &text, &bytes, &err), err);
    assert_string_equal(text, "old");
    free(text);
}

static void writing_where_one_cannot(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct sr_writer writer = { 0 };
    sr_auto(char) char *file = in_folder("file");
    sr_auto(char) char *below = in_folder("file/below");
    sr_auto(char) char *slash = in_folder("file/");
    sr_assert_ok(sr_file_store(file, "", 0, &err), err);
    sr_assert_fails(sr_file_writer_open(below, &writer, &err), SR_ERR_STORAGE, err);
    sr_assert_fails(sr_file_writer_open(slash, &writer, &err), SR_ERR_INVALID, err);
    sr_assert_fails(sr_file_writer_open("", &writer, &err), SR_ERR_INVALID, err);
    sr_assert_fails(sr_file_writer_open(folder, &writer, &err), SR_ERR_INVALID, err);
    sr_assert_fails(sr_make_folders("", &err), SR_ERR_INVALID, err);
    sr_assert_fails(sr_make_folders(file, &err), SR_ERR_STORAGE, err);
    sr_assert_ok(sr_make_folders("/", &err), err);
    assert_null(writer.ops);
}

// Output turning bad: the folder goes away under the writer.
static void publish_may_fail(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *parent = in_folder("gone");
    sr_auto(char) char *path = in_folder("gone/out");
    sr_auto(char) char *moved = in_folder("moved");
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(sr_file_writer_open(path, &writer, &err), err);
    assert_int_equal(rename(parent, moved), 0);
    sr_assert_fails(publish(&writer, &err), SR_ERR_NOT_FOUND, err);
}

// A process that is killed while it writes.
static void leave_part(const char *path)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sr_err err = { 0 };
        struct sr_writer writer = { 0 };
        if (sr_file_writer_open(path, &writer, &err) && sr_write(&writer, "half", 4, &err))
            (void)kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void what_the_dead_leave_is_removed(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    size_t count = 9;
    bool removed = true;
    sr_auto(char) char *parent = in_folder("left");
    sr_auto(char) char *path = in_folder("left/out.mp4");
    sr_auto(char) char *other = in_folder("left/out.mp4.txt");
    sr_auto(char) char *words = in_folder("left/out.mp4.my-notes.part");
    sr_auto(sr_writer) struct sr_writer alive = { 0 };
    sr_assert_ok(sr_file_left_remove_of(path, &count, &err), err);  // there is no folder yet
    assert_int_equal(count, 0);
    leave_part(path);
    leave_part(path);
    leave_part(other);
    sr_assert_ok(sr_file_store(words, "", 0, &err), err);  // somebody's
    sr_assert_ok(sr_file_writer_open(path, &alive, &err), err);
    assert_int_equal(entries_of(parent), 5);
    sr_assert_ok(sr_file_left_remove_of(path, &count, &err), err);
    assert_int_equal(count, 2);
    assert_int_equal(entries_of(parent), 3);
    sr_assert_ok(sr_write(&alive, "all", 3, &err), err);
    sr_assert_ok(publish(&alive, &err), err);
    sr_assert_ok(sr_file_left_remove_of(path, &count, &err), err);
    assert_int_equal(count, 0);
    sr_assert_ok(sr_file_left_remove_of(other, &count, &err), err);
    assert_int_equal(count, 1);
    sr_assert_ok(sr_file_left_remove("/nowhere/x.1-0.part", &removed, &err), err);
    assert_false(removed);
    sr_assert_fails(sr_file_left_remove(parent, &removed, &err), SR_ERR_STORAGE, err);
    assert_int_equal(entries_of(parent), 2);
}

static void a_full_disk_is_storage(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(sr_fd_writer_open(fd, &writer, &err), err);
    sr_assert_fails(sr_write(&writer, "x", 1, &err), SR_ERR_STORAGE, err);
    close(fd);
}

static void a_pipe_writes_but_does_not_rewrite(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct sr_writer writer = { 0 };
    sr_assert_ok(sr_fd_writer_open(ends[1], &writer, &err), err);
    sr_assert_ok(sr_write(&writer, "abc", 3, &err), err);
    sr_assert_fails(writer.ops->rewrite_head(writer.self, 0, "x", 1, &err), SR_ERR_UNSUPPORTED,
                    err);
    sr_assert_ok(publish(&writer, &err), err);
    sr_writer_close(&writer);
    char buffer[8];
    assert_int_equal(write(ends[1], "d", 1), 1);  // still open
    assert_int_equal(read(ends[0], buffer, sizeof(buffer)), 4);
    assert_memory_equal(buffer, "abcd", 4);
    close(ends[0]);
    close(ends[1]);
}

static void memory_writer(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    uint8_t *data = NULL;
    size_t bytes = 99;
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(sr_memory_writer_open(&data, &bytes, &writer, &err), err);
    sr_assert_ok(sr_write(&writer, "abc", 3, &err), err);
    sr_assert_ok(writer.ops->rewrite_head(writer.self, 0, "X", 1, &err), err);
    sr_assert_fails(writer.ops->rewrite_head(writer.self, 3, "X", 1, &err), SR_ERR_INVALID, err);
    assert_null(data);
    sr_assert_ok(publish(&writer, &err), err);
    assert_int_equal(bytes, 3);
    assert_memory_equal(data, "Xbc", 3);
    free(data);

    struct sr_writer dropped = { 0 };
    data = NULL;
    sr_assert_ok(sr_memory_writer_open(&data, &bytes, &dropped, &err), err);
    sr_assert_ok(sr_write(&dropped, "abc", 3, &err), err);
    sr_writer_close(&dropped);
    assert_null(data);
}

static void load_has_a_limit(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *path = in_folder("limit");
    char *text = NULL;
    size_t bytes = 0;
    sr_assert_ok(sr_file_store(path, "12345", 5, &err), err);
    sr_assert_fails(sr_file_load(path, 4, &text, &bytes, &err), SR_ERR_TOO_LARGE, err);
    assert_null(text);
    sr_assert_ok(sr_file_load(path, 5, &text, &bytes, &err), err);
    assert_string_equal(text, "12345");
    free(text);
    text = NULL;
    // tells a size of 0 and has more
    sr_assert_fails(sr_file_load("/proc/self/status", 10, &text, &bytes, &err), SR_ERR_TOO_LARGE,
                    err);
    sr_assert_ok(sr_file_load("/proc/self/status", 1 << 20, &text, &bytes, &err), err);
    assert_true(bytes > 10);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_what_cannot_be_read),
        cmocka_unit_test(files_and_memory_read_alike),
        cmocka_unit_test(a_file_that_shrinks),
        cmocka_unit_test(nothing_shows_before_publish),
        cmocka_unit_test(discard_leaves_no_trace),
        cmocka_unit_test(writing_where_one_cannot),
        cmocka_unit_test(publish_may_fail),
        cmocka_unit_test(what_the_dead_leave_is_removed),
        cmocka_unit_test(a_full_disk_is_storage),
        cmocka_unit_test(a_pipe_writes_but_does_not_rewrite),
        cmocka_unit_test(memory_writer),
        cmocka_unit_test(load_has_a_limit),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
