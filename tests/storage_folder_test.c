// The conformance tests of storage/ against a folder, the store that the others are measured by.
#include <dirent.h>

#include "base/test.h"
#include "storage/blob_dir.h"
#include "tests/blob_conformance.h"

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

int main(void)
{
    struct sr_err err = { 0 };
    char folder[64];
    struct blob blob;
    sr_test_folder(folder);
    sr_assert_ok(blob_dir_open(folder, &blob, &err), err);
    struct blob_conformance store = { .name = "folder", .blob = blob, .lacks = BLOB_LACKS_NESTING };
    const int failed = blob_conformance_run(&store);
    assert_int_equal(count_files(folder), 0);
    blob_close(&blob);
    sr_test_folder_done(folder);
    return failed;
}
