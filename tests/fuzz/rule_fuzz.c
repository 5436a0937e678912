// Any rule: refused with faults, or it can be asked, and its schedule goes on.
#include <string.h>

#include "pipeline/event_pattern.h"
#include "pipeline/rule.h"
#include "pipeline/schedule.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "rule";

static json_t *event;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    event = json_pack("{ss,ss,ss,s{s{ss},s{ss,si}}}", "id", "e", "source", "aws.s3", "detail-type",
                      "Object Created", "detail", "bucket", "name", "in", "object", "key",
                      "a \"b\".mp4", "size", 3000);
    return event ? 0 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_err err = { 0 };
    bool match;
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(rule) struct rule *rule = NULL;
    sr_auto(json) json_t *value = NULL;
    FUZZ_CHECK(rule_parse("r", (const char *)data, bytes, &faults, &rule, &err));
    FUZZ_CHECK((rule != NULL) == (faults.count == 0));
    if (!rule)
        return 0;
    char *input = NULL;
    if (rule_input(rule, "arn:r", event, 0, &input, &err))
        FUZZ_CHECK(jx_parse(input, strlen(input), false, &value, &err));
    else
        FUZZ_CHECK(err.code != SR_OK && err.message[0]);
    free(input);
    FUZZ_CHECK(rule_matches(rule, event, &match, &err) || err.code == SR_ERR_LIMIT);
    int64_t at_us = INT64_C(1795342741000000);
    for (int i = 0; rule->schedule && i < 3 && at_us != INT64_MAX; i++) {
        const int64_t next_us = schedule_next_us(rule->schedule, at_us, at_us);
        FUZZ_CHECK(next_us > at_us);
        at_us = next_us;
    }
    return 0;
}
