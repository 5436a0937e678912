#include "transcode/fragment.h"

#include "transcode/box.h"
#include "transcode/media_log.h"
#include "transcode/test_video.h"

struct bytes {
    uint8_t *data;
    size_t count;
};

struct made {
    struct bytes file;
    struct track_part part;
};

static void made_done(struct made *made)
{
    free(made->file.data);
    track_part_done(&made->part);
}

struct plan {
    struct rendition_video video;
    int64_t start, end;
    const int64_t *times;  // output ticks of each picture
    int first, count;      // numbers of the pictures
    int gop;               // an IDR every so many pictures
    uint32_t sequence;
};

static void drain(struct encoder *encoder, struct fragment_writer *writer, enum encode_next until)
{
    struct sr_err err;
    AVPacket *packet = av_packet_alloc();
    enum encode_next next;
    while ((next = encoder_next(encoder, packet, &err)) == ENCODE_PACKET) {
        sr_assert_ok(fragment_writer_add(writer, packet, packet->flags & AV_PKT_FLAG_KEY, &err),
                     err);
        av_packet_unref(packet);
    }
    if (next == ENCODE_FAILED)
        fail_msg("%s", err.message);
    assert_int_equal(next, until);
    av_packet_free(&packet);
}

static struct made make(const struct plan *plan)
{
    struct sr_err err;
    struct made made = { 0 };
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_assert_ok(sr_memory_writer_open(&made.file.data, &made.file.count, &out, &err), err);
    sr_auto(encoder) struct encoder *encoder = NULL;
    const struct encode_params options = { .video = &plan->video,
                                           .threads = 1,
                                           .only_forced_keys = true };
    sr_assert_ok(encoder_open(&options, &encoder, &err), err);
    sr_auto(fragment_writer) struct fragment_writer *writer = NULL;
    const struct fragment_params params = {
        .codec = encoder_parameters(encoder),
        .time_base = plan->video.time_base,
        .rate = plan->video.rate,
        .start_pts = plan->start,
        .end_pts = plan->end,
        .shift_ticks = encoder_shift_ticks(encoder),
        .first_sequence = plan->sequence,
        .hdr = &plan->video.hdr,
        .writer = &out,
    };
    sr_assert_ok(fragment_writer_new(&params, &writer, &err), err);
    const enum AVPixelFormat format = av_get_pix_fmt(plan->video.pixel_format);
    for (int i = 0; i < plan->count; i++) {
        sr_auto(av_frame) AVFrame *frame =
            test_video_picture(format, plan->video.width, plan->video.height, plan->first + i);
        sr_assert_ok(encoder_add(encoder, frame, plan->times[i], i % plan->gop == 0, &err), err);
        drain(encoder, writer, ENCODE_WANTS_PICTURE);
    }
    sr_assert_ok(encoder_end(encoder, &err), err);
    drain(encoder, writer, ENCODE_DONE);
    sr_assert_ok(fragment_writer_end(writer, &made.part, &err), err);
    sr_assert_ok(out.ops->publish(out.self, &err), err);
    return made;
}

enum { COUNT_MAX = 64 };

// Times at 1/12800: 25 fps, or the same with holes and bursts.
static void regular(int64_t *times, int64_t start, int count)
{
    for (int i = 0; i < count; i++)
        times[i] = start + i * 512;
}

static void irregular(int64_t *times, int64_t start, int count)
{
    static const int64_t steps[] = { 512, 1, 1, 1, 1, 40000, 3, 2, 1, 900, 5, 512, 1, 30000 };
    for (int i = 0; i < count; i++) {
        times[i] = start;
        start += steps[(size_t)i % (sizeof(steps) / sizeof(steps[0]))];
    }
}

// What packaging relies on, from the document alone.
static void check_part(const struct made *made, const struct plan *plan)
{
    const struct track_part *part = &made->part;
    assert_int_equal(part->sample_count, plan->count);
    assert_int_equal(part->frame_count, plan->count);
    assert_int_equal(part->start_pts, plan->start);
    assert_int_equal(part->end_pts, plan->end);
    assert_int_equal(part->fragment_count, (plan->count + plan->gop - 1) / plan->gop);
    assert_int_equal(part->samples[0].dts + part->shift_ticks, plan->start);
    bool seen[COUNT_MAX] = { false };
    for (size_t i = 0; i < part->sample_count; i++) {
        const struct track_sample *sample = &part->samples[i];
        assert_true(sample->pts >= sample->dts);
        assert_true(i == 0 || sample->dts > sample[-1].dts);
        assert_int_equal(sample->is_key, i % (size_t)plan->gop == 0);
        for (int j = 0; j < plan->count; j++)
            seen[j] |= sample->pts == plan->times[j];
    }
    for (int j = 0; j < plan->count; j++)
        assert_true(seen[j]);
    uint64_t behind = part->init_bytes;
    for (size_t i = 0; i < part->fragment_count; i++) {
        assert_int_equal(part->fragments[i].offset, behind);
        behind += part->fragments[i].bytes;
        assert_int_equal(part->fragments[i].start_pts, plan->times[i * (size_t)plan->gop]);
    }
    assert_int_equal(behind, made->file.count);
}

// How long a fragment's samples last together, as its boxes say. Spec: ISO/IEC
// 14496-12 8.8.7, 8.8.8.
static int64_t fragment_ticks(const struct made *made, const struct track_fragment *fragment)
{
    struct box moof, traf, tfhd, trun;
    const uint8_t *at = made->file.data + fragment->offset;
    assert_true(box_find(at, fragment->bytes, "moof", &moof));
    assert_true(box_child(&moof, "traf", &traf) && box_child(&traf, "tfhd", &tfhd) &&
                box_child(&traf, "trun", &trun));
    const uint32_t has = box_get_u32(tfhd.body) & 0xffffff;
    assert_int_equal(has & 3, 0);  // no base offset, no description
    const uint32_t usual = has & 8 ? box_get_u32(tfhd.body + 8) : 0;
    const uint32_t flags = box_get_u32(trun.body) & 0xffffff;
    const size_t head = flags & 4 ? 16 : 12;
    const size_t item = (trun.body_bytes - head) / fragment->sample_count;
    int64_t sum = 0;
    for (size_t i = 0; i < fragment->sample_count; i++)
        sum += flags & 0x100 ? box_get_u32(trun.body + head + i * item) : usual;
    return sum;
}

// Samples last until the next fragment begins, the last of a part until the part's end.
static void check_lengths(const struct made *made)
{
    const struct track_part *part = &made->part;
    int64_t end = part->end_pts + (part->kind == MEDIA_AUDIO ? part->shift_ticks : 0);
    for (size_t i = part->fragment_count; i-- > 0;) {
        const struct track_fragment *fragment = &part->fragments[i];
        const int64_t start = part->samples[fragment->first_sample].dts + part->shift_ticks;
        assert_int_equal(fragment_ticks(made, fragment), end - start);
        end = start;
    }
}

// The file as libavformat's demuxer sees it has the document's samples.
static void check_file(const struct made *made)
{
    struct sr_err err;
    struct media_source source = { .name = "part" };
    sr_assert_ok(sr_memory_reader_open(made->file.data, made->file.count, &source.reader, &err),
                 err);
    sr_auto(media_demuxer) AVFormatContext *demuxer = NULL;
    sr_assert_ok(media_demuxer_open(&source, &demuxer, &err), err);
    assert_int_equal(demuxer->nb_streams, 1);
    assert_int_equal(demuxer->streams[0]->time_base.den, made->part.timescale);
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    const struct track_part *part = &made->part;
    size_t count = 0;
    for (size_t f = 0; f < part->fragment_count; f++) {
        uint64_t at = part->fragments[f].data_offset;
        for (size_t i = 0; i < part->fragments[f].sample_count; i++, count++) {
            const struct track_sample *sample = &part->samples[count];
            assert_int_equal(media_demuxer_read(demuxer, packet, &err), MEDIA_READ_PACKET);
            assert_int_equal(packet->pos, at);
            assert_int_equal(packet->size, sample->bytes);
            assert_int_equal(packet->pts, sample->pts + part->shift_ticks);
            assert_int_equal(packet->dts, sample->dts + part->shift_ticks);
            assert_int_equal((packet->flags & AV_PKT_FLAG_KEY) != 0, sample->is_key);
            assert_memory_equal(packet->data, made->file.data + at, sample->bytes);
            uint32_t crc = UINT32_MAX;  // ISO 3309, bit by bit
            for (int b = 0; b < packet->size; b++) {
                crc ^= packet->data[b];
                for (int bit = 0; bit < 8; bit++)
                    crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
            }
            assert_int_equal(~crc, sample->crc32);
            at += sample->bytes;
            av_packet_unref(packet);
        }
        assert_int_equal(at, part->fragments[f].offset + part->fragments[f].bytes);
    }
    assert_int_equal(count, part->sample_count);
    assert_int_equal(media_demuxer_read(demuxer, packet, &err), MEDIA_READ_END);
    media_demuxer_close(&demuxer);
    sr_reader_close(&source.reader);
}

struct times_row {
    const char *name;
    void (*set)(int64_t *times, int64_t start, int count);
    int64_t start, late;  // of the part; of its first picture after that
    int count, gop;
};

static const struct times_row times_rows[] = {
    { "one picture", regular, 0, 0, 1, 8 },
    { "from zero", regular, 0, 0, 20, 8 },
    { "absolute times", regular, 5000000000, 0, 20, 8 },
    { "first picture late", regular, 512, 77, 20, 20 },
    { "holes and bursts", irregular, 1000, 0, 60, 21 },
    { "late holes and bursts", irregular, 1000, 5, 30, 30 },
    { "only keys", regular, 0, 0, 5, 1 },
};

static void times_are_kept(void **state)
{
    const struct times_row *row = *state;
    int64_t times[COUNT_MAX];
    row->set(times, row->start + row->late, row->count);
    const struct plan plan = { test_video_rendition(),
                               row->start,
                               times[row->count - 1] + 512,
                               times,
                               0,
                               row->count,
                               row->gop,
                               7 };
    struct made made = make(&plan);
    check_part(&made, &plan);
    check_lengths(&made);
    check_file(&made);
    made_done(&made);
}

static void parts_share_one_init_segment(void **state)
{
    (void)state;
    int64_t times[COUNT_MAX], later[COUNT_MAX];
    regular(times, 0, 10);
    regular(later, 5120, 3);
    struct plan plan = { test_video_rendition(), 0, 5120, times, 0, 10, 5, 1 };
    struct made first = make(&plan);
    plan.times = later;
    plan.start = 5120;
    plan.end = 6656;
    plan.first = 100;
    plan.count = 3;
    plan.sequence = 1 << 16;
    struct made second = make(&plan);
    assert_int_equal(first.part.init_bytes, second.part.init_bytes);
    assert_memory_equal(first.file.data, second.file.data, first.part.init_bytes);
    assert_string_equal(first.part.init_sha256, second.part.init_sha256);
    assert_int_equal(first.part.shift_ticks, second.part.shift_ticks);

    // And the same pictures give the same bytes.
    struct made again = make(&plan);
    assert_int_equal(again.file.count, second.file.count);
    assert_memory_equal(again.file.data, second.file.data, second.file.count);
    made_done(&first);
    made_done(&second);
    made_done(&again);
}

static void init_segment_carries_what_players_need(void **state)
{
    (void)state;
    struct plan plan = { test_video_rendition(), 0, 512, (const int64_t[]){ 0 }, 0, 1, 1, 1 };
    plan.video.colour = (struct media_colour){ 9, 16, 9, 1, 1 };
    plan.video.sample_aspect = (struct media_rational){ 4, 3 };
    memcpy(plan.video.pixel_format, "yuv420p10le", sizeof("yuv420p10le"));
    plan.video.hdr = (struct media_hdr){
        .has_mastering = true,
        .has_light = true,
        .primaries = { { { 34000, 50000 }, { 16000, 50000 } },
                       { { 13250, 50000 }, { 34500, 50000 } },
                       { { 7500, 50000 }, { 3000, 50000 } } },
        .white = { { 15635, 50000 }, { 16450, 50000 } },
        .luminance_min = { 1, 10000 },
        .luminance_max = { 1000, 1 },
        .max_content = 1000,
        .max_average = 400,
    };
    struct made made = make(&plan);
    static const uint8_t colr[] = { 'c', 'o', 'l', 'r', 'n', 'c', 'l', 'x', 0, 9, 0, 16, 0, 9, 0 };
    static const uint8_t pasp[] = { 'p', 'a', 's', 'p', 0, 0, 0, 4, 0, 0, 0, 3 };
    static const uint8_t clli[] = { 'c', 'l', 'l', 'i', 3, 232, 1, 144 };
    assert_non_null(memmem(made.file.data, made.part.init_bytes, colr, sizeof(colr)));
    assert_non_null(memmem(made.file.data, made.part.init_bytes, pasp, sizeof(pasp)));
    assert_non_null(memmem(made.file.data, made.part.init_bytes, "mdcv", 4));
    assert_non_null(memmem(made.file.data, made.part.init_bytes, clli, sizeof(clli)));
    assert_non_null(memmem(made.file.data, made.part.init_bytes, "avcC", 4));
    assert_null(memmem(made.file.data, made.part.init_bytes, "elst", 4));
    made_done(&made);
}

// A writer for packets made by hand; the muxer never looks into them.
static AVCodecParameters *any_codec(enum AVMediaType type)
{
    AVCodecParameters *codec = avcodec_parameters_alloc();
    assert_non_null(codec);
    codec->codec_type = type;
    if (type == AVMEDIA_TYPE_VIDEO) {
        codec->codec_id = AV_CODEC_ID_VP9;
        codec->width = codec->height = 64;
        codec->format = AV_PIX_FMT_YUV420P;
    } else {
        codec->codec_id = AV_CODEC_ID_AAC;
        codec->sample_rate = 48000;
        codec->frame_size = 1024;
        av_channel_layout_default(&codec->ch_layout, 2);
        codec->extradata = av_mallocz(2 + AV_INPUT_BUFFER_PADDING_SIZE);
        assert_non_null(codec->extradata);
        codec->extradata[0] = 0x11;
        codec->extradata[1] = 0x90;
        codec->extradata_size = 2;
    }
    return codec;
}

static AVPacket *any_packet(int64_t pts, int bytes)
{
    AVPacket *packet = av_packet_alloc();
    assert_non_null(packet);
    assert_int_equal(av_new_packet(packet, bytes), 0);
    memset(packet->data, bytes, (size_t)bytes);
    packet->pts = packet->dts = pts;
    packet->flags = AV_PKT_FLAG_KEY;
    return packet;
}

static void audio_begins_with_its_priming(void **state)
{
    (void)state;
    struct sr_err err;
    struct made made = { 0 };
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_assert_ok(sr_memory_writer_open(&made.file.data, &made.file.count, &out, &err), err);
    AVCodecParameters *codec = any_codec(AVMEDIA_TYPE_AUDIO);
    sr_auto(fragment_writer) struct fragment_writer *writer = NULL;
    sr_assert_ok(fragment_writer_new(&(struct fragment_params){ .codec = codec,
                                                                .time_base = { 1, 48000 },
                                                                .start_pts = 480,
                                                                .end_pts = 480 + 5000,
                                                                .shift_ticks = 1024,
                                                                .first_sequence = 1,
                                                                .language = "swe",
                                                                .writer = &out },
                                     &writer, &err),
                 err);
    for (int i = 0; i < 6; i++) {
        sr_auto(av_packet) AVPacket *packet = any_packet(480 + 1024 * (i - 1), 50 + i % 2);
        sr_assert_ok(fragment_writer_add(writer, packet, i == 3, &err), err);
    }
    sr_assert_ok(fragment_writer_end(writer, &made.part, &err), err);
    sr_assert_ok(out.ops->publish(out.self, &err), err);
    assert_int_equal(made.part.samples[0].pts, 480 - 1024);
    assert_int_equal(made.part.samples[0].dts, 480 - 1024);
    assert_int_equal(made.part.fragment_count, 2);
    assert_int_equal(made.part.fragments[1].start_pts, 480 + 2048);
    check_lengths(&made);
    check_file(&made);
    avcodec_parameters_free(&codec);
    made_done(&made);
}

struct bad_row {
    const char *name;
    enum AVMediaType type;
    int64_t start, end, shift;
    int64_t pts[3];  // ends with INT64_MIN
};

static const struct bad_row bad_rows[] = {
    { "time before the part", AVMEDIA_TYPE_VIDEO, 100, 200, 0, { 99, INT64_MIN, 0 } },
    { "time at the part's end", AVMEDIA_TYPE_VIDEO, 100, 200, 0, { 200, INT64_MIN, 0 } },
    { "the same time twice", AVMEDIA_TYPE_VIDEO, 0, 200, 0, { 0, 0, INT64_MIN } },
    { "reordered beyond the shift", AVMEDIA_TYPE_VIDEO, 0, 200, 0, { 100, 0, INT64_MIN } },
    { "audio begins late", AVMEDIA_TYPE_AUDIO, 0, 4096, 1024, { 0, INT64_MIN, 0 } },
    { "audio beyond its end", AVMEDIA_TYPE_AUDIO, 0, 1000, 0, { 0, 1024, INT64_MIN } },
    { "audio goes back", AVMEDIA_TYPE_AUDIO, 0, 4096, 0, { 0, 0, INT64_MIN } },
    { "part from the end", AVMEDIA_TYPE_VIDEO, 200, 100, 0, { INT64_MIN, 0, 0 } },
    { "negative start", AVMEDIA_TYPE_VIDEO, -1, 100, 0, { INT64_MIN, 0, 0 } },
};

static bool write_all(const struct bad_row *row, struct sr_writer *out, struct sr_err *err)
{
    AVCodecParameters *codec = any_codec(row->type);
    sr_auto(fragment_writer) struct fragment_writer *writer = NULL;
    const struct fragment_params params = { .codec = codec,
                                            .time_base = { 1, 48000 },
                                            .rate = { 25, 1 },
                                            .start_pts = row->start,
                                            .end_pts = row->end,
                                            .shift_ticks = row->shift,
                                            .first_sequence = 1,
                                            .writer = out };
    bool done = fragment_writer_new(&params, &writer, err);
    avcodec_parameters_free(&codec);
    for (size_t i = 0; done && row->pts[i] != INT64_MIN; i++) {
        sr_auto(av_packet) AVPacket *packet = any_packet(row->pts[i], 100);
        done = fragment_writer_add(writer, packet, i == 0, err);
    }
    struct track_part part = { 0 };
    done = done && fragment_writer_end(writer, &part, err);
    track_part_done(&part);
    return done;
}

static void bad_times_are_refused(void **state)
{
    const struct bad_row *row = *state;
    struct sr_err err;
    uint8_t *data = NULL;
    size_t bytes;
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_assert_ok(sr_memory_writer_open(&data, &bytes, &out, &err), err);
    sr_assert_fails(write_all(row, &out, &err), SR_ERR_INVALID, err);
}

// A disk that fills up at some byte.
struct full_disk {
    size_t left;
};
static bool full_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    (void)data;
    struct full_disk *disk = self;
    if (bytes > disk->left)
        return sr_fail(err, SR_ERR_STORAGE, "disk is full");
    disk->left -= bytes;
    return true;
}
static void full_discard(void *self)
{
    (void)self;
}

static void a_full_disk_is_said_so(void **state)
{
    (void)state;
    static const struct sr_writer_ops ops = { .write = full_write, .discard = full_discard };
    static const struct bad_row good = { "", AVMEDIA_TYPE_VIDEO, 0, 200, 0, { 0, 100, INT64_MIN } };
    struct sr_err err;
    size_t failures = 0;
    struct full_disk disk;
    for (size_t room = 0;; room += 97) {
        disk.left = room;
        struct sr_writer out = { &ops, &disk };
        if (write_all(&good, &out, &err))
            break;
        assert_int_equal(err.code, SR_ERR_STORAGE);
        sr_assert_contains(err.message, "disk is full");
        failures++;
    }
    assert_true(failures > 5);
}

static void fragments_have_a_limit(void **state)
{
    (void)state;
    struct sr_err err;
    uint8_t *data = NULL;
    size_t bytes;
    struct made made = { 0 };
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_assert_ok(sr_memory_writer_open(&data, &bytes, &out, &err), err);
    AVCodecParameters *codec = any_codec(AVMEDIA_TYPE_VIDEO);
    sr_auto(fragment_writer) struct fragment_writer *writer = NULL;
    const struct fragment_params params = { .codec = codec,
                                            .time_base = { 1, 90000 },
                                            .rate = { 25, 1 },
                                            .end_pts = 90000,
                                            .first_sequence = 1,
                                            .writer = &out };
    sr_assert_ok(fragment_writer_new(&params, &writer, &err), err);
    avcodec_parameters_free(&codec);
    for (int i = 0; i < FRAGMENT_PACKETS_MAX; i++) {
        sr_auto(av_packet) AVPacket *packet = any_packet(2 * i, 1 + i % 3);
        sr_assert_ok(fragment_writer_add(writer, packet, i == 0, &err), err);
    }
    sr_auto(av_packet) AVPacket *packet = any_packet(2 * FRAGMENT_PACKETS_MAX, 1);
    sr_assert_fails(fragment_writer_add(writer, packet, false, &err), SR_ERR_LIMIT, err);
    // As many as are allowed can be written.
    sr_assert_ok(fragment_writer_end(writer, &made.part, &err), err);
    assert_int_equal(made.part.sample_count, FRAGMENT_PACKETS_MAX);
    made_done(&made);
}

int main(void)
{
    media_log_init();
    static struct CMUnitTest tests[SR_TEST_COUNT(times_rows) + SR_TEST_COUNT(bad_rows) + 5];
    size_t count = SR_TEST_ADD(tests, times_rows, times_are_kept);
    count += SR_TEST_ADD(tests + count, bad_rows, bad_times_are_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(parts_share_one_init_segment);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(init_segment_carries_what_players_need);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(audio_begins_with_its_priming);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_full_disk_is_said_so);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(fragments_have_a_limit);
    return sr_test_run(__FILE__, tests, count);
}
