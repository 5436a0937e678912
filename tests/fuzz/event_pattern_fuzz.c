// Any pattern, and behind the first line's end any event.
#include <string.h>

#include "pipeline/event_pattern.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "event_pattern";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_err err = { 0 };
    bool match = false, again = true;
    sr_auto(json) json_t *json = NULL;
    sr_auto(json) json_t *event = NULL;
    sr_auto(faults) struct faults faults = { 0 };
    sr_auto(event_pattern) struct event_pattern *pattern = NULL;
    const char *const text = (const char *)data;
    const char *const end = bytes ? memchr(text, '\n', bytes) : NULL;
    const size_t first = end ? (size_t)(end - text) : bytes;
    if (!jx_parse(text, first, false, &json, &err))
        return 0;
    const struct jx root = jx_root(json);
    FUZZ_CHECK(event_pattern_parse(&root, &faults, &pattern, &err));
    FUZZ_CHECK((pattern != NULL) == (faults.count == 0));
    for (size_t i = 0; i < faults.count; i++)
        FUZZ_CHECK(faults.items[i].place[0] == '$' && faults.items[i].message[0]);
    if (!pattern || !end || !jx_parse(end + 1, bytes - first - 1, false, &event, &err))
        return 0;
    if (!event_pattern_match(pattern, event, &match, &err)) {
        FUZZ_CHECK(err.code == SR_ERR_INVALID || err.code == SR_ERR_LIMIT);
        return 0;
    }
    FUZZ_CHECK(event_pattern_match(pattern, event, &again, &err) && match == again);
    return 0;
}
