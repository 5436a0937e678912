// What the probe says of the fixtures, and of files made from them: turned, encrypted, in an
// unknown codec.
#include "transcode/probe.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <math.h>

#include "base/str.h"
#include "base/test.h"
#include "transcode/media_log.h"

static const char *folder;

static bool probe_memory(const void *data, size_t bytes, struct probe **ret, struct sr_err *err)
{
    struct media_source source = { .name = "clip.mp4" };
    struct sr_err open_err = { 0 };
    sr_assert_ok(sr_memory_reader_open(data, bytes, &source.reader, &open_err), open_err);
    const bool is_done = probe_source(&source, ret, err);
    sr_reader_close(&source.reader);
    return is_done;
}

static void load(const char *name, char **ret_data, size_t *ret_bytes)
{
    char path[512];
    struct sr_err err = { 0 };
    assert_true(sr_format(path, sizeof(path), "%s/%s", folder, name));
    sr_assert_ok(sr_file_load(path, 1 << 24, ret_data, ret_bytes, &err), err);
}

static struct probe *probe_fixture(const char *name)
{
    sr_auto(char) char *data = NULL;
    size_t bytes;
    load(name, &data, &bytes);
    struct probe *probe = NULL;
    struct sr_err err = { 0 };
    if (!probe_memory(data, bytes, &probe, &err))
        fail_msg("%s: %s", name, err.message);
    return probe;
}

// Each fixture and what must be known of it. Oddities: all of them, in any order; '-' for the
// container.
static const struct row {
    const char *name, *format, *codec, *pixel_format;
    int width, height, video_index;
    double start_s, duration_s;  // NAN: unknown
    int audio_channels;          // of the first audio stream; 0: none
    const char *oddities;
} rows[] = {
    { "closed-gop.mp4", "mov,", "h264", "yuv420p", 320, 180, 0, 0, 10, 1, "1:edit_list" },
    { "open-gop.ts", "mpegts", "h264", "yuv420p", 320, 180, 0, 1.456, 10.053, 1, "-:start_offset" },
    { "open-gop-hevc.mp4", "mov,", "hevc", "yuv420p", 320, 180, 0, 0, 10, 1, "1:edit_list" },
    { "b-pyramid.mkv", "matroska,", "h264", "yuv420p", 320, 180, 0, 0, 8, 0, "" },
    { "edit-list.mp4", "mov,", "h264", "yuv420p", 320, 180, 0, 0, 7.48, 1,
      "0:edit_list 1:edit_list" },
    { "empty-edit.mp4", "mov,", "h264", "yuv420p", 320, 180, 0, 0, 10.8, 1,
      "0:late_start 1:edit_list" },
    { "late-audio.mp4", "mov,", "h264", "yuv420p", 320, 180, 0, 0, NAN, 1, "1:late_start" },
    { "early-audio.ts", "mpegts", "h264", "yuv420p", 320, 180, 0, NAN, NAN, 1,
      "-:start_offset 0:late_start" },
    { "negative-start.mkv", "matroska,", "h264", "yuv420p", 320, 180, 0, -0.007, NAN, 1,
      "-:start_offset" },
    { "no-timestamps.h264", "h264", "h264", "yuv420p", 320, 180, 0, NAN, NAN, 0,
      "-:duration_unknown 0:no_timestamps" },
    { "no-pts.avi", "avi", "h264", "yuv420p", 320, 180, 0, 0, NAN, 1, "0:no_timestamps" },
    { "interlaced-tff.mp4", "mov,", "h264", "yuv420p", 320, 192, 0, 0, 6, 0, "0:interlaced" },
    { "interlaced-bff.ts", "mpegts", "mpeg2video", "yuv420p", 320, 192, 0, NAN, NAN, 1,
      "-:start_offset 0:interlaced" },
    { "rotated.mp4", "mov,", "h264", "yuv420p", 320, 192, 0, 0, 4, 1, "0:rotation 1:edit_list" },
    { "sar.mp4", "mov,", "h264", "yuv420p", 240, 180, 0, 0, 4, 0, "0:sample_aspect" },
    { "odd-size.webm", "matroska,", "vp9", "yuv420p", 161, 121, 0, 0, 3, 0, "0:odd_size" },
    { "422-10bit.mp4", "mov,", "h264", "yuv422p10le", 320, 180, 0, 0, 4, 0, "0:pixel_format" },
    { "full-range.mp4", "mov,", "h264", "yuvj420p", 320, 180, 0, 0, 4, 0, "" },
    { "hdr10.mp4", "mov,", "hevc", "yuv420p10le", 320, 180, 0, 0, 3, 0, "0:hdr 0:pixel_format" },
    { "hlg.mp4", "mov,", "hevc", "yuv420p10le", 320, 180, 0, 0, 3, 0, "0:hdr 0:pixel_format" },
    { "vp8.webm", "matroska,", "vp8", "yuv420p", 320, 180, 0, 0, NAN, 1, "" },
    { "av1.mp4", "mov,", "av1", "yuv420p", 320, 180, 0, 0, 4, 0, "" },
    { "prores.mov", "mov,", "prores", "yuv422p10le", 160, 128, 0, 0, 1, 1, "0:pixel_format" },
    { "theora.ogv", "ogg", "theora", "yuv420p", 320, 192, 0, 0, NAN, 1, "" },
    { "two-video.mkv", "matroska,", "h264", "yuv420p", 320, 180, 1, 0, NAN, 1, "0:other_video" },
    { "with-subs-and-data.mkv", "matroska,", "h264", "yuv420p", 320, 180, 0, 0, NAN, 1,
      "2:subtitles 3:attachment" },
    { "cover-art.mp4", "mov,", "h264", "yuv420p", 320, 180, 0, 0, 10, 1,
      "1:edit_list 2:attached_picture" },
    { "audio-only.m4a", "mov,", NULL, NULL, 0, 0, -1, 0, NAN, 1, "0:edit_list" },
    { "cover-art.m4a", "mov,", NULL, NULL, 0, 0, -1, 0, NAN, 1, "0:edit_list 1:attached_picture" },
    { "audio-51.mkv", "matroska,", "h264", "yuv420p", 320, 180, 0, 0, NAN, 6, "" },
    { "truncated.mp4", "mov,", "h264", "yuv420p", 320, 180, 0, 0, 10, 1,
      "0:truncated 1:truncated 1:edit_list" },
    { "truncated.ts", "mpegts", "h264", "yuv420p", 320, 180, 0, NAN, NAN, 1, "-:start_offset" },
};

static void check_seconds(const char *what, int64_t us, double want)
{
    if (isnan(want))
        return;
    if (us == INT64_MIN || fabs((double)us / 1e6 - want) > 0.06)
        fail_msg("%s is %" PRId64 " us, want %.3f s", what, us, want);
}

static void check_oddities(const struct probe *probe, const char *want)
{
    char text[1024] = "";
    size_t wanted = 0;
    for (const char *at = want; *at; at += strspn(at, " ")) {
        char word[64], name[64];
        const size_t length = strcspn(at, " ");
        memcpy(word, at, length);
        word[length] = '\0';
        at += length;
        const int index = word[0] == '-' ? -1 : atoi(word);
        snprintf(name, sizeof(name), "%s", strchr(word, ':') + 1);
        if (!probe_has_oddity(probe, index, name))
            fail_msg("no oddity %s", word);
        wanted++;
    }
    for (size_t i = 0; i < probe->oddity_count; i++) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, " %d:%s (%s)", probe->oddities[i].stream_index,
                 probe->oddities[i].name, probe->oddities[i].detail);
    }
    if (wanted != probe->oddity_count)
        fail_msg("oddities are%s, want %s", text, want);
}

static void each_fixture(void **state)
{
    const struct row *row = *state;
    sr_auto(probe) struct probe *probe = probe_fixture(row->name);
    assert_true(strncmp(probe->format, row->format, strlen(row->format)) == 0);
    assert_int_equal(probe->video_index, row->video_index);
    const struct media_stream *video = probe_video(probe);
    assert_int_equal(video != NULL, row->codec != NULL);
    if (video) {
        assert_string_equal(video->codec, row->codec);
        assert_string_equal(video->video.pixel_format, row->pixel_format);
        assert_int_equal(video->video.width, row->width);
        assert_int_equal(video->video.height, row->height);
        assert_true(video->can_decode);
    }
    const struct media_stream *audio = NULL;
    for (size_t i = 0; i < probe->stream_count; i++) {
        assert_int_equal(probe->streams[i].index, i);
        if (probe->streams[i].kind == MEDIA_AUDIO && !audio)
            audio = &probe->streams[i];
    }
    assert_int_equal(audio ? audio->audio.channels : 0, row->audio_channels);
    check_seconds("start", probe->start_us, row->start_s);
    check_seconds("duration", probe->duration_us, row->duration_s);
    check_oddities(probe, row->oddities);

    struct sr_err err = { 0 };
    sr_auto(json) json_t *json = NULL;
    sr_assert_ok(probe_json(probe, &json, &err), err);
    const json_t *streams = json_object_get(json, "streams");
    assert_int_equal(json_array_size(streams), probe->stream_count);
    assert_int_equal(json_array_size(json_object_get(json, "oddities")), probe->oddity_count);
}

static void colour_and_hdr(void **state)
{
    (void)state;
    sr_auto(probe) struct probe *probe = probe_fixture("hdr10.mp4");
    const struct media_stream *video = probe_video(probe);
    assert_int_equal(video->video.bit_depth, 10);
    assert_int_equal(video->video.colour.primaries, 9);
    assert_int_equal(video->video.colour.transfer, 16);
    assert_int_equal(video->video.colour.matrix, 9);
    assert_int_equal(video->video.colour.range, 1);
    const struct media_hdr *hdr = &video->video.hdr;
    assert_true(hdr->has_mastering);
    assert_true(hdr->has_light);
    assert_true(hdr->max_content > hdr->max_average && hdr->max_average > 0);
    assert_true(hdr->luminance_max.num > 0 && hdr->luminance_max.den > 0);
    const double red_x = (double)hdr->primaries[0][0].num / hdr->primaries[0][0].den;
    const double blue_y = (double)hdr->primaries[2][1].num / hdr->primaries[2][1].den;
    assert_true(red_x > 0.6 && red_x < 0.75 && blue_y > 0.03 && blue_y < 0.07);

    sr_auto(probe) struct probe *hlg = probe_fixture("hlg.mp4");
    assert_int_equal(probe_video(hlg)->video.colour.transfer, 18);
    assert_false(probe_video(hlg)->video.hdr.has_mastering);
    sr_auto(probe) struct probe *full = probe_fixture("full-range.mp4");
    assert_int_equal(probe_video(full)->video.colour.range, 2);
    sr_auto(probe) struct probe *sar = probe_fixture("sar.mp4");
    assert_int_equal(probe_video(sar)->video.sample_aspect.num, 4);
    assert_int_equal(probe_video(sar)->video.sample_aspect.den, 3);
}

static void fields_order_and_rates(void **state)
{
    (void)state;
    sr_auto(probe) struct probe *top = probe_fixture("interlaced-tff.mp4");
    assert_int_equal(probe_video(top)->video.field_order, MEDIA_TOP_FIRST);
    assert_true(probe_video(top)->video.is_interlaced);
    sr_auto(probe) struct probe *bottom = probe_fixture("interlaced-bff.ts");
    assert_int_equal(probe_video(bottom)->video.field_order, MEDIA_BOTTOM_FIRST);
    sr_auto(probe) struct probe *deep = probe_fixture("b-pyramid.mkv");
    assert_in_range(probe_video(deep)->video.reorder_depth, 2, 4);
    assert_int_equal(probe_video(deep)->video.rate.num, 25);
    assert_int_equal(probe_video(deep)->video.rate.den, 1);
    sr_auto(probe) struct probe *plain = probe_fixture("fragmented.mp4");
    assert_int_equal(probe_video(plain)->video.rate.num, 25);
    sr_auto(probe) struct probe *two = probe_fixture("two-audio.mkv");
    assert_string_equal(two->streams[1].language, "eng");
    assert_string_equal(two->streams[2].language, "deu");
    assert_true(two->streams[2].is_default);
}

// Making files ---------------------------------------------------------------------------------

struct remake {
    const int32_t *matrix;  // of the video; NULL: as it is
    const char *title;      // of the video
    bool encrypt;
    int copies;  // more of the audio stream; 0: as it is
};

// Muxes a fixture's packets into a new MP4 in memory; free with av_free.
static size_t remux(const char *name, const struct remake *how, uint8_t **ret_data)
{
    char path[512];
    assert_true(sr_format(path, sizeof(path), "file:%s/%s", folder, name));
    AVFormatContext *in = NULL, *out = NULL;
    assert_int_equal(avformat_open_input(&in, path, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(in, NULL) >= 0);
    assert_true(avformat_alloc_output_context2(&out, NULL, "mp4", NULL) >= 0);
    assert_int_equal(avio_open_dyn_buf(&out->pb), 0);
    const unsigned total = in->nb_streams + (unsigned)how->copies;
    for (unsigned i = 0; i < total; i++) {
        AVStream *const from = in->streams[i < in->nb_streams ? i : 1];
        AVStream *const to = avformat_new_stream(out, NULL);
        assert_non_null(to);
        assert_true(avcodec_parameters_copy(to->codecpar, from->codecpar) >= 0);
        to->time_base = from->time_base;
        if (i == 0 && how->matrix)
            memcpy(av_stream_new_side_data(to, AV_PKT_DATA_DISPLAYMATRIX, 36), how->matrix, 36);
        if (i == 0 && how->title)
            av_dict_set(&to->metadata, "title", how->title, 0);
    }
    AVDictionary *options = NULL;
    if (how->encrypt) {
        av_dict_set(&options, "encryption_scheme", "cenc-aes-ctr", 0);
        av_dict_set(&options, "encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", 0);
        av_dict_set(&options, "encryption_kid", "a7e61c373e219033c21091fa607bf3b8", 0);
    }
    assert_true(avformat_write_header(out, &options) >= 0);
    av_dict_free(&options);
    AVPacket *packet = av_packet_alloc();
    for (int i = 0; i < 60 && av_read_frame(in, packet) >= 0; i++) {
        const AVStream *const from = in->streams[packet->stream_index];
        // A stream without a packet would be no stream to the demuxer.
        for (int copy = 0; packet->stream_index == 1 && copy < how->copies; copy++) {
            AVPacket *again = av_packet_clone(packet);
            again->stream_index = (int)in->nb_streams + copy;
            av_packet_rescale_ts(again, from->time_base,
                                 out->streams[again->stream_index]->time_base);
            assert_true(av_interleaved_write_frame(out, again) >= 0);
            av_packet_free(&again);
        }
        av_packet_rescale_ts(packet, from->time_base,
                             out->streams[packet->stream_index]->time_base);
        assert_true(av_interleaved_write_frame(out, packet) >= 0);
    }
    av_packet_free(&packet);
    assert_int_equal(av_write_trailer(out), 0);
    const int bytes = avio_close_dyn_buf(out->pb, ret_data);
    avformat_free_context(out);
    avformat_close_input(&in);
    assert_true(bytes > 0);
    return (size_t)bytes;
}

// (a b; c d) as they stand in the file, and what must be done to the picture.
static const struct turn {
    const char *name;
    int a, b, c, d, rotation;
    bool is_mirrored;
} turns[] = {
    { "upright", 1, 0, 0, 1, 0, false },
    { "quarter clockwise", 0, 1, -1, 0, 90, false },
    { "upside down", -1, 0, 0, -1, 180, false },
    { "quarter counter-clockwise", 0, -1, 1, 0, 270, false },
    { "left and right swapped", -1, 0, 0, 1, 0, true },
    { "top and bottom swapped", 1, 0, 0, -1, 180, true },
    { "rows become columns", 0, 1, 1, 0, 270, true },
    { "the other diagonal", 0, -1, -1, 0, 90, true },
};

static void each_turn(void **state)
{
    const struct turn *row = *state;
    const int32_t one = 1 << 16;
    const int32_t matrix[9] = { row->a * one, row->b * one, 0, row->c * one, row->d * one, 0, 0, 0,
                                1 << 30 };
    uint8_t *data;
    const size_t bytes = remux("sar.mp4", &(struct remake){ .matrix = matrix }, &data);
    struct probe *probe = NULL;
    struct sr_err err = { 0 };
    sr_assert_ok(probe_memory(data, bytes, &probe, &err), err);
    const struct media_stream *const video = probe_video(probe);
    assert_int_equal(video->video.rotation, row->rotation);
    assert_int_equal(video->video.is_mirrored, row->is_mirrored);
    // The matrix once more, from the answer: mirror (x becomes -x), then turn clockwise, y
    // downwards.
    const int cosine = row->rotation == 0 ? 1 : row->rotation == 180 ? -1 : 0;
    const int sine = row->rotation == 90 ? 1 : row->rotation == 270 ? -1 : 0;
    const int mirror = row->is_mirrored ? -1 : 1;
    assert_int_equal(mirror * cosine, row->a);
    assert_int_equal(mirror * sine, row->b);
    assert_int_equal(-sine, row->c);
    assert_int_equal(cosine, row->d);
    assert_int_equal(probe_has_oddity(probe, 0, "rotation"),
                     row->rotation != 0 || row->is_mirrored);
    probe_free(probe);
    av_free(data);
}

static void encrypted_is_refused(void **state)
{
    (void)state;
    uint8_t *data;
    const size_t bytes = remux("closed-gop.mp4", &(struct remake){ .encrypt = true }, &data);
    struct probe *probe = NULL;
    struct sr_err err = { 0 };
    sr_assert_fails(probe_memory(data, bytes, &probe, &err), SR_ERR_UNSUPPORTED, err);
    sr_assert_contains(err.message, "clip.mp4: stream 0 (video h264) is encrypted");
    av_free(data);
}

static void an_unknown_codec_is_refused_by_name(void **state)
{
    (void)state;
    sr_auto(char) char *data = NULL;
    size_t bytes;
    load("closed-gop.mp4", &data, &bytes);
    char *const entry = memmem(data, bytes, "avc1\0\0\0\0\0\0\0\1", 12);
    assert_non_null(entry);
    memcpy(entry, "vvc1", 4);
    struct probe *probe = NULL;
    struct sr_err err = { 0 };
    sr_assert_fails(probe_memory(data, bytes, &probe, &err), SR_ERR_UNSUPPORTED, err);
    assert_string_equal(err.message, "clip.mp4: stream 0: there is no decoder for vvc1");
}

static void unknown_audio_is_only_odd(void **state)
{
    (void)state;
    sr_auto(char) char *data = NULL;
    size_t bytes;
    load("closed-gop.mp4", &data, &bytes);
    char *const entry = memmem(data, bytes, "mp4a\0\0\0\0\0\0\0\1", 12);
    assert_non_null(entry);
    memcpy(entry, "xyz1", 4);
    char *const detail = memmem(entry, 100, "esds", 4);
    assert_non_null(detail);
    memcpy(detail, "free", 4);
    struct probe *probe = NULL;
    struct sr_err err = { 0 };
    sr_assert_ok(probe_memory(data, bytes, &probe, &err), err);
    assert_true(probe_has_oddity(probe, 1, "no_decoder"));
    assert_false(probe->streams[1].can_decode);
    assert_string_equal(probe->streams[1].codec, "xyz1");
    probe_free(probe);
}

static void too_many_streams_are_refused(void **state)
{
    (void)state;
    uint8_t *data;
    const size_t bytes =
        remux("closed-gop.mp4", &(struct remake){ .copies = MEDIA_STREAMS_MAX - 1 }, &data);
    struct probe *probe = NULL;
    struct sr_err err = { 0 };
    sr_assert_fails(probe_memory(data, bytes, &probe, &err), SR_ERR_LIMIT, err);
    av_free(data);
    const size_t fewer =
        remux("closed-gop.mp4", &(struct remake){ .copies = MEDIA_STREAMS_MAX - 2 }, &data);
    sr_assert_ok(probe_memory(data, fewer, &probe, &err), err);
    assert_int_equal(probe->stream_count, MEDIA_STREAMS_MAX);
    probe_free(probe);
    av_free(data);
}

static const struct bad {
    const char *name;
    enum sr_err_code code;
    const char *message;
} bads[] = {
    { "no-moov.mp4", SR_ERR_INPUT, "moov atom not found" },
    { "empty.mp4", SR_ERR_INPUT, "is empty" },
    { "text.mp4", SR_ERR_INPUT, "not a media file" },
    { "playlist.mp4", SR_ERR_UNSUPPORTED, "an HLS playlist" },
    { "concat.mp4", SR_ERR_UNSUPPORTED, "ffconcat" },
    { "no-streams.mkv", SR_ERR_INPUT, "clip.mp4: " },
};

static void each_bad_file(void **state)
{
    const struct bad *row = *state;
    sr_auto(char) char *data = NULL;
    size_t bytes;
    load(row->name, &data, &bytes);
    struct probe *probe = NULL;
    struct sr_err err = { 0 };
    sr_assert_fails(probe_memory(data, bytes, &probe, &err), row->code, err);
    sr_assert_contains(err.message, row->message);
    sr_assert_contains(err.message, "clip.mp4: ");
}

// Good input turning bad: cut anywhere, it is an answer or an error that names the file.
static void every_length_of_a_file(void **state)
{
    (void)state;
    static const char *const names[] = { "sar.mp4", "fragmented.mp4", "odd-size.webm", "no-pts.avi",
                                         "starts-mid-gop.ts" };
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++) {
        sr_auto(char) char *data = NULL;
        size_t bytes;
        load(names[i], &data, &bytes);
        for (size_t cut = 1; cut < bytes; cut += cut / 4 + 7) {
            struct probe *probe = NULL;
            struct sr_err err = { 0 };
            if (probe_memory(data, cut, &probe, &err))
                assert_true(probe->stream_count > 0);
            else
                sr_assert_contains(err.message, "clip.mp4: ");
            probe_free(probe);
        }
    }
}

static void oddities_are_added_up_to_a_limit(void **state)
{
    (void)state;
    struct probe probe = { .video_index = -1 };
    struct sr_err err = { 0 };
    for (int i = 0; i < PROBE_ODDITIES_MAX + 10; i++)
        sr_assert_ok(probe_add_oddity(&probe, 3, "open_gop", &err, "%0300d", i), err);
    assert_int_equal(probe.oddity_count, PROBE_ODDITIES_MAX);
    assert_true(probe_has_oddity(&probe, 3, "open_gop"));
    assert_false(probe_has_oddity(&probe, 2, "open_gop"));
    assert_int_equal(strlen(probe.oddities[0].detail), sizeof(probe.oddities[0].detail) - 1);
    free(probe.oddities);
}

// A title may hold anything; JSON takes UTF-8 only.
static void texts_are_made_clean(void **state)
{
    (void)state;
    uint8_t *data;
    const size_t bytes =
        remux("two-video.mkv", &(struct remake){ .title = "a\xff\xc3\xa9\x01z" }, &data);
    struct probe *probe = NULL;
    struct sr_err err = { 0 };
    sr_assert_ok(probe_memory(data, bytes, &probe, &err), err);
    sr_auto(json) json_t *json = NULL;
    sr_assert_ok(probe_json(probe, &json, &err), err);
    probe_free(probe);
    av_free(data);
}

int main(void)
{
    folder = getenv("SPLITREEL_FIXTURES");
    if (!folder)
        folder = "build/fixtures";
    char path[512];
    snprintf(path, sizeof(path), "%s/closed-gop.mp4", folder);
    FILE *const there = fopen(path, "rb");
    if (!there) {
        fprintf(stderr, "no fixtures in %s: run make fixtures\n", folder);
        return 1;
    }
    fclose(there);
    media_log_init();

    static struct CMUnitTest
        tests[SR_TEST_COUNT(rows) + SR_TEST_COUNT(turns) + SR_TEST_COUNT(bads) + 10];
    size_t count = SR_TEST_ADD(tests, rows, each_fixture);
    count += SR_TEST_ADD(tests + count, turns, each_turn);
    count += SR_TEST_ADD(tests + count, bads, each_bad_file);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(colour_and_hdr);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(fields_order_and_rates);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(encrypted_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(an_unknown_codec_is_refused_by_name);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(unknown_audio_is_only_odd);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_many_streams_are_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(every_length_of_a_file);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(oddities_are_added_up_to_a_limit);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(texts_are_made_clean);
    return sr_test_run(__FILE__, tests, count);
}
