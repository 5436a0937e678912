// A path or an intrinsic function from anybody, read from a small document.
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_template.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "asl_path";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = strndup((const char *)data, bytes);
    sr_auto(asl_template) struct asl_template *template = NULL;
    sr_auto(json) json_t *value = NULL;
    sr_auto(asl_failure) struct asl_failure failure = { 0 };
    json_error_t error;
    sr_auto(json) json_t *input = json_loads(
        "{\"a\":[1,2,{\"b\":\"x\"}],\"c\":{\"d\":null,\"e\":1.5},\"f\":\"1,2\"}", 0, &error);
    if (!text || !input || !asl_template_parse_expression("x.$", text, &template, &err))
        return 0;
    const struct asl_scope scope = { .input = input };
    struct asl_random random = { 1 };
    const bool applied = asl_template_apply(template, &scope, &random, &value, &failure);
    FUZZ_CHECK(applied == (value != NULL));
    return 0;
}
