// Runs a fuzzer over its kept inputs, without libFuzzer: prints `ok` when it has survived them all.
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_BYTES_MAX = 1 << 20 };

static bool replay(const char *path)
{
    struct sr_err err = { 0 };
    char *text;
    size_t bytes;
    fprintf(stderr, "%s\n", path);  // shown if this is the last one
    if (!sr_file_load(path, INPUT_BYTES_MAX, &text, &bytes, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return false;
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)text, bytes);
    free(text);
    return true;
}

int main(int argc, char **argv)
{
    char folder[256];
    snprintf(folder, sizeof(folder), "tests/fuzz/corpus/%s", fuzz_name);
    (void)LLVMFuzzerInitialize(&argc, &argv);
    DIR *const list = opendir(folder);
    if (!list) {
        perror(folder);
        return 1;
    }
    size_t count = 0;
    bool ok = true;
    for (struct dirent *entry; (entry = readdir(list));) {
        char path[600];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        ok = replay(path) && ok;
        count++;
    }
    closedir(list);
    printf("%s %s fuzzer: %zu kept inputs\n", ok && count > 0 ? "ok" : "not ok", fuzz_name, count);
    return ok && count > 0 ? 0 : 1;
}
