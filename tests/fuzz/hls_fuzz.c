// Any HLS output: its playlists, and the boxes of its files. The first byte picks one.
#include <string.h>

#include "pipeline/hls_playlist.h"
#include "tests/fuzz/fuzz.h"
#include "transcode/fragment_times.h"

const char fuzz_name[] = "hls";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

// Names stay below the folder.
static void check_name(const char *name)
{
    FUZZ_CHECK(*name && *name != '/');
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        const size_t bytes = strcspn(part, "/");
        FUZZ_CHECK(bytes > 0 && (bytes != 1 || *part != '.') &&
                   (bytes != 2 || strncmp(part, "..", 2) != 0));
    }
}

static void parse(const char *text, size_t bytes)
{
    struct sr_err err = { 0 };
    sr_auto(hls_playlist) struct hls_playlist playlist = { 0 };
    if (!hls_playlist_parse(text, bytes, "v/media.m3u8", &playlist, &err)) {
        FUZZ_CHECK(err.code != SR_OK && playlist.count == 0);
        return;
    }
    for (size_t i = 0; i < playlist.count; i++) {
        if (playlist.item[i].name)
            check_name(playlist.item[i].name);
        else
            FUZZ_CHECK(playlist.item[i].is_sound);
        FUZZ_CHECK(playlist.item[i].duration_us >= 0);
    }
    if (playlist.init)
        check_name(playlist.init);
}

static void read_boxes(const uint8_t *data, size_t bytes)
{
    struct sr_err err = { 0 };
    struct fragment_form form = { .track_id = 1, .timescale = 1 }, found;
    struct fragment_span span;
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    if (!sr_memory_reader_open(data, bytes, &reader, &err))
        return;
    if (fragment_form_read(&reader, &found, &err)) {
        FUZZ_CHECK(found.timescale > 0 && found.priming_ticks >= 0);
        form = found;
    }
    if (fragment_span_read(&reader, &form, &span, &err))
        FUZZ_CHECK(span.sample_count > 0 && span.end_ticks >= span.start_ticks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    if (data[0] == 'p')
        parse((const char *)data + 1, bytes - 1);
    else
        read_boxes(data + 1, bytes - 1);
    return 0;
}
