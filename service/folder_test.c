#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "service/folder.h"

static void one_owner(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char folder[64], inner[96];
    struct stat stat_of;
    int first, second;
    sr_test_folder(folder);
    snprintf(inner, sizeof inner, "%s/a/b", folder);
    sr_assert_ok(folder_take(inner, &first, &err), err);
    sr_assert_fails(folder_take(inner, &second, &err), SR_ERR_BUSY, err);
    char holder[32];
    snprintf(holder, sizeof holder, "by process %ld", (long)getpid());
    sr_assert_contains(err.message, holder);
    close(first);
    sr_assert_ok(folder_take(inner, &second, &err), err);
    close(second);
    snprintf(inner, sizeof inner, "%s/c", folder);
    sr_assert_ok(folder_take(inner, &first, &err), err);
    assert_int_equal(stat(inner, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0700);
    close(first);
    snprintf(inner, sizeof inner, "%s/c/lock", folder);  // a file where the folder should be
    assert_false(folder_take(inner, &first, &err));
    sr_test_folder_done(folder);
}

static void write_secret(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void secret(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    char folder[64], other[64], path[96];
    char one[FOLDER_SECRET_TEXT], again[FOLDER_SECRET_TEXT];
    struct stat stat_of;
    sr_test_folder(folder);
    sr_test_folder(other);
    sr_assert_ok(folder_secret(folder, one, &err), err);
    sr_assert_ok(folder_secret(folder, again, &err), err);
    assert_string_equal(one, again);
    assert_int_equal(strspn(one, "0123456789abcdef"), 64);
    sr_assert_ok(folder_secret(other, again, &err), err);
    assert_string_not_equal(one, again);
    snprintf(path, sizeof path, "%s/token.key", folder);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);

    write_secret(path, one, 0644);
    sr_assert_fails(folder_secret(folder, again, &err), SR_ERR_DENIED, err);
    write_secret(path, "0123", 0600);
    sr_assert_fails(folder_secret(folder, again, &err), SR_ERR_STORAGE, err);
    write_secret(path, "", 0600);
    sr_assert_fails(folder_secret(folder, again, &err), SR_ERR_STORAGE, err);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_false(folder_secret(folder, again, &err));
    assert_false(folder_secret("/nonexistent", again, &err));
    sr_test_folder_done(folder);
    sr_test_folder_done(other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(one_owner),
                                               cmocka_unit_test(secret) };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
