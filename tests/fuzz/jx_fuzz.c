// Any text as JSON: what was read, written and read again is the same.
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "jx";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void check_round(const json_t *json, bool indent)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *again = NULL;
    FUZZ_CHECK(jx_dump(json, indent, &text, &err));
    FUZZ_CHECK(jx_parse(text, strlen(text), false, &again, &err));
    FUZZ_CHECK(json_equal(json, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *json = NULL;
    sr_auto(json) json_t *plain = NULL;
    if (!jx_parse((const char *)data, bytes, true, &json, &err)) {
        FUZZ_CHECK(err.code != SR_OK && err.message[0] != '\0' && !json);
        return 0;
    }
    check_round(json, false);
    check_round(json, true);
    // Without comments both ways of reading agree.
    if (jx_parse((const char *)data, bytes, false, &plain, &err))
        FUZZ_CHECK(json_equal(json, plain));
    return 0;
}
