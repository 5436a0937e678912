// A definition from anybody: checked, and when it is found valid parsed and started.
#include <string.h>

#include "base/jx.h"
#include "statemachine/asl_exec.h"
#include "statemachine/asl_parse.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "asl_def";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_err err = { 0 };
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    sr_auto(asl_def) struct asl_def *def = NULL;
    sr_auto(asl_exec) struct asl_exec *exec = NULL;
    sr_auto(asl_effects) struct asl_effects effects = { 0 };
    if (!asl_parse_text((const char *)data, bytes, ASL_STANDARD, &faults, &def, &err)) {
        FUZZ_CHECK(err.code == SR_ERR_NO_MEMORY);  // what the checker lets through must parse
        return 0;
    }
    if (!def)
        return 0;
    const struct asl_exec_params params = {
        .def = def, .execution_arn = "e", .execution_name = "e", .step_max = 200
    };
    sr_auto(json) json_t *input = json_pack("{s:[i,i], s:s}", "a", 1, 2, "b", "x");
    if (!asl_exec_new(&params, &exec, &err))
        return 0;
    if (!asl_exec_apply(exec,
                        &(struct asl_input){ .kind = ASL_INPUT_START, .value = input, .now_us = 1 },
                        &effects, &err) &&
        err.code != SR_ERR_LIMIT)
        FUZZ_CHECK(err.code == SR_ERR_NO_MEMORY);
    return 0;
}
