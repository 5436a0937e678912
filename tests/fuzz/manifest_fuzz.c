// Any text as a manifest: it becomes a job or an error with words; every output path stays below
// the output folder.
#include <string.h>

#include "base/str.h"
#include "pipeline/manifest.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "manifest";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void check_path(const char *pattern)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *path = NULL;
    if (!manifest_path(pattern, "name", "id", &path, &err)) {
        FUZZ_CHECK(err.code != SR_OK && err.message[0] != '\0');
        return;
    }
    FUZZ_CHECK(path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0);
    FUZZ_CHECK(!strstr(path, "/../"));
    const size_t bytes = strlen(path);
    FUZZ_CHECK(bytes < 3 || strcmp(path + bytes - 3, "/..") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_err err = { 0 };
    const struct manifest_params params = { .text = (const char *)data, .bytes = bytes };
    sr_auto(manifest) struct manifest *manifest = NULL;
    if (!manifest_parse(&params, &manifest, &err)) {
        FUZZ_CHECK(err.code != SR_OK && err.message[0] != '\0' && !manifest);
        return 0;
    }
    FUZZ_CHECK(manifest->input && manifest->output);
    FUZZ_CHECK(manifest->rendition_count <= MEDIA_RENDITIONS_MAX);
    FUZZ_CHECK(manifest->output_count >= 1 && manifest->output_count <= MANIFEST_OUTPUTS_MAX);
    for (size_t i = 0; i < manifest->output_count; i++) {
        const struct manifest_output *const output = &manifest->outputs[i];
        FUZZ_CHECK(output->use_count >= 1 && output->use_count <= MEDIA_RENDITIONS_MAX);
        for (size_t j = 0; j < output->use_count; j++)
            FUZZ_CHECK(output->use[j] < manifest->rendition_count);
        if (manifest->output_is_folder)
            check_path(output->path);
    }
    return 0;
}
