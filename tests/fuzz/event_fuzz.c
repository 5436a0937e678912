// Any body of an upload event.
#include <string.h>

#include "storage/s3_event.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "event";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_err err = { 0 };
    sr_auto(s3_events) struct s3_events events = { 0 };
    if (!s3_event_parse((const char *)data, bytes, &events, &err)) {
        FUZZ_CHECK(err.code != SR_OK && err.message[0] != '\0' && events.count == 0);
        return 0;
    }
    for (size_t i = 0; i < events.count; i++) {
        sr_auto(sr_str) struct sr_str identity = { 0 };
        FUZZ_CHECK(s3_event_add_identity(&events.item[i], &identity, &err));
        sr_auto(json) json_t *json = NULL;
        FUZZ_CHECK(s3_event_json(&events.item[i], "id", "123456789012", &json, &err));
        FUZZ_CHECK(events.item[i].key && events.item[i].bucket && events.item[i].url);
    }
    return 0;
}
