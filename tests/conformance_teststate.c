// teststate.jsonl: TestState calls recorded against AWS.
#include "tests/conformance.h"

static enum conformance_result run_teststate(const json_t *item, struct sr_str *why)
{
    (void)item;
    conformance_say(why, "not run");
    return CONFORMANCE_SKIP;
}

const struct conformance_file conformance_teststate = { "teststate.jsonl", "id", run_teststate };
