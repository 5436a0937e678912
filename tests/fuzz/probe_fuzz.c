// Any bytes as a source: probing ends with a document or an error, in time.
#include <string.h>

#include "base/jx.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"
#include "transcode/media_log.h"
#include "transcode/probe.h"

const char fuzz_name[] = "probe";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    media_log_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_cancel cancel;
    fuzz_deadline(&cancel);
    struct sr_err err = { 0 };
    struct media_source source = { .name = "input", .cancel = &cancel };
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    if (!sr_memory_reader_open(data, bytes, &reader, &err))
        return 0;
    source.reader = reader;
    sr_auto(probe) struct probe *probe = NULL;
    if (!probe_source(&source, &probe, &err)) {
        FUZZ_CHECK(err.code != SR_OK && err.message[0] != '\0' && !probe);
        return 0;
    }
    FUZZ_CHECK(probe->stream_count <= MEDIA_STREAMS_MAX);
    FUZZ_CHECK(probe->video_index < (int)probe->stream_count);
    sr_auto(json) json_t *json = NULL;
    sr_auto(char) char *text = NULL;
    if (!probe_json(probe, &json, &err) || !jx_dump(json, false, &text, &err))
        abort();
    return 0;
}
