#include "transcode/media_io.h"

#include "base/test.h"
#include "transcode/media_format.h"
#include "transcode/media_log.h"

enum { Y4M_BYTES_MAX = 4096 };

// Three pictures of 16x16.
static size_t make_y4m(uint8_t *data, const char *head, int frames)
{
    size_t bytes = (size_t)snprintf((char *)data, Y4M_BYTES_MAX, "%s\n", head);
    for (int i = 0; i < frames; i++) {
        memcpy(data + bytes, "FRAME\n", 6);
        memset(data + bytes + 6, i, 384);
        bytes += 6 + 384;
    }
    return bytes;
}
#define Y4M_HEAD "YUV4MPEG2 W16 H16 F25:1 Ip A1:1 C420jpeg"

// A reader over memory that fails at the n-th call and gives few bytes at a time.
struct faulty {
    const uint8_t *data;
    size_t bytes;
    int fail_at, calls;                // fail_at 0: never
    struct sr_cancel *cancel_at_fail;  // instead of failing
};

static bool faulty_read(void *self, uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                        struct sr_err *err)
{
    struct faulty *const faulty = self;
    if (++faulty->calls == faulty->fail_at) {
        if (!faulty->cancel_at_fail)
            return sr_fail(err, SR_ERR_NETWORK, "the cable was cut");
        sr_cancel_set(faulty->cancel_at_fail);
    }
    const size_t left = offset < faulty->bytes ? faulty->bytes - (size_t)offset : 0;
    size_t count = bytes < left ? bytes : left;
    if (count > 100)
        count = 100;
    memcpy(buffer, faulty->data + (left ? offset : 0), count);
    *ret_bytes = count;
    return true;
}
static uint64_t faulty_size(void *self)
{
    return ((struct faulty *)self)->bytes;
}
static void faulty_close(void *self)
{
    (void)self;
}
static const struct sr_reader_ops faulty_ops = { faulty_read, faulty_size, faulty_close };

static struct media_source source_of(struct faulty *faulty)
{
    return (struct media_source){ .reader = { &faulty_ops, faulty }, .name = "clip.mp4" };
}

// Opens, reads to the end; the number of packets, or -1 with *err.
static int count_packets(const struct media_source *source, struct sr_err *err)
{
    sr_auto(media_demuxer) AVFormatContext *demuxer = NULL;
    if (!media_demuxer_open(source, &demuxer, err) ||
        !media_demuxer_find_info(demuxer, source, err))
        return -1;
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    assert_non_null(packet);
    int count = 0;
    enum media_read got;
    while ((got = media_demuxer_read(demuxer, packet, err)) == MEDIA_READ_PACKET) {
        count++;
        av_packet_unref(packet);
    }
    return got == MEDIA_READ_END ? count : -1;
}

static void a_file_is_read(void **state)
{
    (void)state;
    uint8_t data[Y4M_BYTES_MAX];
    struct faulty faulty = { .data = data, .bytes = make_y4m(data, Y4M_HEAD, 3) };
    struct sr_err err = { 0 };
    struct media_source source = source_of(&faulty);
    assert_int_equal(count_packets(&source, &err), 3);
    source.format = "yuv4mpegpipe";
    assert_int_equal(count_packets(&source, &err), 3);

    sr_auto(media_demuxer) AVFormatContext *demuxer = NULL;
    sr_assert_ok(media_demuxer_open(&source, &demuxer, &err), err);
    assert_int_equal(demuxer->streams[0]->codecpar->width, 16);
    assert_int_equal(media_demuxer_error_count(demuxer), 0);
    AVIOContext *io = NULL;
    assert_int_equal(demuxer->io_open(demuxer, &io, "/etc/passwd", AVIO_FLAG_READ, NULL),
                     AVERROR(EACCES));
    assert_null(io);
    assert_int_equal(demuxer->flags & (AVFMT_FLAG_GENPTS | AVFMT_FLAG_DISCARD_CORRUPT), 0);
}

static void every_failing_read_is_reported(void **state)
{
    (void)state;
    uint8_t data[Y4M_BYTES_MAX];
    struct faulty faulty = { .data = data, .bytes = make_y4m(data, Y4M_HEAD, 3) };
    int at = 0, count;
    do {
        struct sr_err err = { 0 };
        faulty.calls = 0;
        faulty.fail_at = ++at;
        const struct media_source source = source_of(&faulty);
        count = count_packets(&source, &err);
        if (count < 0) {
            assert_int_equal(err.code, SR_ERR_NETWORK);
            assert_string_equal(err.message, "clip.mp4: the cable was cut");
        }
    } while (count < 0);
    assert_int_equal(count, 3);
    assert_true(at > 10);
}

static void it_can_be_cancelled_at_every_read(void **state)
{
    (void)state;
    uint8_t data[Y4M_BYTES_MAX];
    struct faulty faulty = { .data = data, .bytes = make_y4m(data, Y4M_HEAD, 3) };
    int count, cancelled = 0;
    struct sr_cancel cancel;
    do {
        struct sr_err err = { 0 };
        sr_cancel_init(&cancel, NULL, sr_clock_system(), INT64_MAX);
        faulty.calls = 0;
        faulty.fail_at++;
        faulty.cancel_at_fail = &cancel;
        struct media_source source = source_of(&faulty);
        source.cancel = &cancel;
        count = count_packets(&source, &err);
        if (count < 0)
            assert_int_equal(err.code, SR_ERR_CANCELLED);
        cancelled += count < 0;
    } while (sr_cancel_asked(&cancel));  // until its turn is behind the last read
    assert_int_equal(count, 3);
    assert_true(cancelled > 10);

    struct sr_clock_fake clock;
    sr_clock_fake_init(&clock, 0);
    struct sr_cancel late;
    sr_cancel_init(&late, NULL, &clock.clock, sr_clock_monotonic_us(&clock.clock) + 5);
    sr_clock_fake_advance(&clock, 10);
    struct media_source source = source_of(&faulty);
    source.cancel = &late;
    struct sr_err err = { 0 };
    assert_int_equal(count_packets(&source, &err), -1);
    assert_int_equal(err.code, SR_ERR_TIMEOUT);
}

static const struct refusal {
    const char *name, *text, *format;
    enum sr_err_code code;
    const char *message;
} refusals[] = {
    { "hls", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n", NULL,
      SR_ERR_UNSUPPORTED, "clip.mp4: looks like an HLS playlist (hls), which is refused" },
    { "ffconcat", "ffconcat version 1.0\nfile /etc/passwd\n", NULL, SR_ERR_UNSUPPORTED,
      "ffconcat" },
    { "dash",
      "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
      "profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\"></MPD>\n",
      NULL, SR_ERR_UNSUPPORTED, "a DASH manifest" },
    { "sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n", NULL,
      SR_ERR_UNSUPPORTED, "session description" },
    { "subtitles", "WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n", NULL, SR_ERR_UNSUPPORTED,
      "subtitles" },
    { "ffmetadata", ";FFMETADATA1\ntitle=x\n", NULL, SR_ERR_UNSUPPORTED, "metadata file" },
    { "still picture",
      "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89", NULL,
      SR_ERR_UNSUPPORTED, "a still picture" },
    { "prose", "This is not media at all, just a sentence.\n", NULL, SR_ERR_INPUT,
      "clip.mp4: is not a media file that we know" },
    { "hls is refused also by name", "#EXTM3U\n", "hls", SR_ERR_UNSUPPORTED,
      "the format \"hls\" is refused" },
    { "concat is refused also by name", "ffconcat version 1.0\n", "concat", SR_ERR_UNSUPPORTED,
      "refused" },
    { "no such format", "x", "mp5", SR_ERR_UNSUPPORTED, "no demuxer is called \"mp5\"" },
    { "another format than the name says", "not an y4m", "yuv4mpegpipe", SR_ERR_INPUT,
      "clip.mp4: cannot be opened as yuv4mpegpipe" },
    { "sides beyond the limit", "YUV4MPEG2 W9000 H16 F25:1 Ip A1:1 C420jpeg\nFRAME\n", NULL,
      SR_ERR_LIMIT, "9000x16" },
    { "sides beyond everything", "YUV4MPEG2 W65535 H65535 F25:1 Ip A1:1 C420jpeg\nFRAME\n", NULL,
      SR_ERR_LIMIT, "65535x65535" },
};

static void each_refusal(void **state)
{
    const struct refusal *row = *state;
    media_log_init();
    const size_t png = 29;  // has NULs inside
    struct faulty faulty = { .data = (const uint8_t *)row->text,
                             .bytes = row->text[0] == '\x89' ? png : strlen(row->text) };
    struct media_source source = source_of(&faulty);
    source.format = row->format;
    struct sr_err err = { 0 };
    AVFormatContext *demuxer = NULL;
    sr_assert_fails(media_demuxer_open(&source, &demuxer, &err), row->code, err);
    sr_assert_contains(err.message, row->message);
    assert_null(demuxer);
}

static void nothing_and_noise(void **state)
{
    (void)state;
    static uint8_t data[64 << 10];
    struct faulty faulty = { .data = data, .bytes = 0 };
    const struct media_source source = source_of(&faulty);
    struct sr_err err = { 0 };
    AVFormatContext *demuxer = NULL;
    sr_assert_fails(media_demuxer_open(&source, &demuxer, &err), SR_ERR_INPUT, err);
    assert_string_equal(err.message, "clip.mp4: is empty");

    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof(data); i++) {
        seed = seed * 1664525 + 1013904223;
        data[i] = (uint8_t)(seed >> 24);
    }
    faulty.bytes = sizeof(data);
    sr_assert_fails(media_demuxer_open(&source, &demuxer, &err), SR_ERR_INPUT, err);
}

// 20 000 moov boxes, one inside the other.
static void nested_boxes(void **state)
{
    (void)state;
    media_log_init();
    enum { DEPTH = 20000 };
    static uint8_t data[24 + DEPTH * 8];
    memcpy(data,
           "\0\0\0\x18"
           "ftypisom\0\0\0\0isommp41",
           24);
    for (uint32_t i = 0; i < DEPTH; i++) {
        uint8_t *const box = data + 24 + i * 8;
        const uint32_t bytes = (DEPTH - i) * 8;
        for (int k = 0; k < 4; k++)
            box[k] = (uint8_t)(bytes >> (24 - 8 * k));
        memcpy(box + 4, "moov", 4);
    }
    struct faulty faulty = { .data = data, .bytes = sizeof(data) };
    const struct media_source source = source_of(&faulty);
    struct sr_err err = { 0 };
    AVFormatContext *demuxer = NULL;
    sr_assert_fails(media_demuxer_open(&source, &demuxer, &err), SR_ERR_INPUT, err);
    sr_assert_contains(err.message, "clip.mp4: cannot be opened as mov");
}

// The table of open formats, written once more as what must never be in it.
static void formats_that_open_others_are_closed(void **state)
{
    (void)state;
    static const char *const names[] = {
        "hls",         "dash",     "concat",
        "sdp",         "rtsp",     "rtp",
        "sap",         "imf",      "webm_dash_manifest",
        "tedcaptions", "image2",   "image2pipe",
        "lavfi",       "srt",      "ass",
        "webvtt",      "vobsub",   "data",
        "ffmetadata",  "rawvideo", "png_pipe",
        "s16le",       "tty",
    };
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++) {
        const AVInputFormat *format = NULL;
        struct sr_err err = { 0 };
        sr_assert_fails(media_format_named(names[i], &format, &err), SR_ERR_UNSUPPORTED, err);
    }
    static const char *const open[] = { "mov", "mp4", "matroska", "webm", "mpegts", "h264", "mp3" };
    for (size_t i = 0; i < SR_TEST_COUNT(open); i++) {
        const AVInputFormat *format = NULL;
        struct sr_err err = { 0 };
        sr_assert_ok(media_format_named(open[i], &format, &err), err);
    }
}

static void an_output_is_written_and_rewritten(void **state)
{
    (void)state;
    uint8_t *data = NULL;
    size_t bytes = 0;
    struct sr_err err = { 0 };
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(sr_memory_writer_open(&data, &bytes, &writer, &err), err);
    sr_auto(media_output) AVIOContext *io = NULL;
    sr_assert_ok(media_output_open(&writer, true, &io, &err), err);
    for (int i = 0; i < 100000; i++)
        avio_w8(io, i & 0xff);
    assert_int_equal(avio_seek(io, 4, SEEK_SET), 4);
    avio_wb32(io, 0xdeadbeef);
    assert_int_equal(avio_seek(io, 99998, SEEK_SET), 99998);
    avio_wb32(io, 0xcafebabe);  // half rewritten, half new
    sr_assert_ok(media_output_flush(io, &err), err);
    assert_int_equal(avio_size(io), 100002);
    sr_assert_ok(writer.ops->publish(writer.self, &err), err);
    assert_int_equal(bytes, 100002);
    assert_memory_equal(data + 4, "\xde\xad\xbe\xef\x08", 5);
    assert_memory_equal(data + 99997, "\x9d\xca\xfe\xba\xbe", 5);
    free(data);
}

static bool full_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    (void)self;
    (void)data;
    (void)bytes;
    return sr_fail(err, SR_ERR_STORAGE, "the disk is full");
}
static void nothing(void *self)
{
    (void)self;
}

static void a_failing_writer_is_reported(void **state)
{
    (void)state;
    static const struct sr_writer_ops ops = { .write = full_write, .discard = nothing };
    struct sr_writer writer = { &ops, NULL };
    struct sr_err err = { 0 };
    sr_auto(media_output) AVIOContext *io = NULL;
    sr_assert_ok(media_output_open(&writer, false, &io, &err), err);
    assert_int_equal(io->seekable, 0);
    avio_wb32(io, 1);
    sr_assert_fails(media_output_flush(io, &err), SR_ERR_STORAGE, err);
    assert_string_equal(err.message, "the disk is full");
    avio_wb32(io, 2);
    sr_assert_fails(media_output_flush(io, &err), SR_ERR_STORAGE, err);
}

static void a_hole_is_our_bug(void **state)
{
    (void)state;
    uint8_t *data = NULL;
    size_t bytes = 0;
    struct sr_err err = { 0 };
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(sr_memory_writer_open(&data, &bytes, &writer, &err), err);
    sr_auto(media_output) AVIOContext *io = NULL;
    sr_assert_ok(media_output_open(&writer, true, &io, &err), err);
    avio_wb32(io, 1);
    assert_int_equal(avio_seek(io, 1000, SEEK_SET), 1000);
    avio_wb32(io, 2);
    sr_assert_fails(media_output_flush(io, &err), SR_ERR_INTERNAL, err);
    free(data);
}

// Found by the probe fuzzer: libavformat would count to 2^30 for each fragment of such a file.
static void a_track_without_number(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct media_source source = { .name = "tests/fuzz/corpus/probe/track-without-number.mp4" };
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_assert_ok(sr_file_reader_open(source.name, &reader, &err), err);
    source.reader = reader;
    sr_auto(media_demuxer) AVFormatContext *demuxer = NULL;
    sr_assert_fails(media_demuxer_open(&source, &demuxer, &err), SR_ERR_INPUT, err);
    sr_assert_contains(err.message, "track has no number");
}

// Found by broken heads of a film (mutants_test): its size is no lack of memory, which would be
// tried again.
static void a_packet_larger_than_memory(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct media_source source = { .name = "tests/fuzz/corpus/probe/sample-of-all-memory.mp4" };
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_assert_ok(sr_file_reader_open(source.name, &reader, &err), err);
    source.reader = reader;
    sr_auto(media_demuxer) AVFormatContext *demuxer = NULL;
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    assert_non_null(packet);
    sr_assert_ok(media_demuxer_open(&source, &demuxer, &err), err);
    sr_assert_ok(media_demuxer_find_info(demuxer, &source, &err), err);
    enum media_read read;
    while ((read = media_demuxer_read(demuxer, packet, &err)) == MEDIA_READ_PACKET)
        av_packet_unref(packet);
    assert_int_equal(read, MEDIA_READ_FAILED);
    assert_int_equal(err.code, SR_ERR_INPUT);
    sr_assert_contains(err.message, "larger than all memory");
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(refusals) + 11];
    size_t count = SR_TEST_ADD(tests, refusals, each_refusal);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_file_is_read);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(every_failing_read_is_reported);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(it_can_be_cancelled_at_every_read);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(nothing_and_noise);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(nested_boxes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(formats_that_open_others_are_closed);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(an_output_is_written_and_rewritten);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_failing_writer_is_reported);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_hole_is_our_bug);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_track_without_number);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_packet_larger_than_memory);
    return sr_test_run(__FILE__, tests, count);
}
