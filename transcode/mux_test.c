#include "transcode/mux.h"

#include <inttypes.h>
#include <libavutil/crc.h>

#include "base/budget.h"
#include "base/hash.h"
#include "base/test.h"
#include "transcode/box.h"
#include "transcode/fragment.h"
#include "transcode/media_io.h"
#include "transcode/media_log.h"

// Parts ----------------------------------------------------------------------------------------

struct made {
    struct track_part part;
    uint8_t *data;
    size_t bytes;
    int opened;  // how often, less how often closed
};

struct made_reader {
    struct sr_reader inner;
    struct made *made;
};

static bool made_read(void *self, uint64_t offset, void *buffer, size_t bytes, size_t *ret_bytes,
                      struct sr_err *err)
{
    struct made_reader *reader = self;
    return sr_read_at(&reader->inner, offset, buffer, bytes, ret_bytes, err);
}
static uint64_t made_size(void *self)
{
    return sr_reader_size(&((struct made_reader *)self)->inner);
}
static void made_close(void *self)
{
    struct made_reader *reader = self;
    reader->made->opened--;
    sr_reader_close(&reader->inner);
    free(reader);
}

static bool open_made(void *self, struct sr_reader *ret_reader, struct sr_err *err)
{
    static const struct sr_reader_ops ops = { made_read, made_size, made_close };
    struct made *made = self;
    struct made_reader *reader = calloc(1, sizeof(*reader));
    reader->made = made;
    if (!sr_memory_reader_open(made->data, made->bytes, &reader->inner, err)) {
        free(reader);
        return false;
    }
    made->opened++;
    *ret_reader = (struct sr_reader){ &ops, reader };
    return true;
}

static void made_done(struct made *made)
{
    assert_int_equal(made->opened, 0);
    track_part_done(&made->part);
    free(made->data);
    *made = (struct made){ 0 };
}

static const uint8_t avcc[] = { 1,    0x64, 0,    0x1f, 0xff, 0xe1, 0,    10, 0x67,
                                0x64, 0,    0x1f, 0xac, 0xd9, 0x40, 0x50, 5,  0xbb,
                                1,    0,    4,    0x68, 0xef, 0xbc, 0xb0 };
static const uint8_t asc[] = { 0x11, 0x90 };

static void add(struct fragment_writer *writer, int64_t pts, uint8_t seed, int bytes, bool is_key,
                bool starts)
{
    struct sr_err err = { 0 };
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    assert_int_equal(av_new_packet(packet, bytes), 0);
    memset(packet->data, seed, (size_t)bytes);
    if (bytes >= 4)
        box_set_u32(packet->data, (uint32_t)bytes - 4);  // one NAL unit
    packet->pts = pts;
    packet->flags = is_key ? AV_PKT_FLAG_KEY : 0;
    sr_assert_ok(fragment_writer_add(writer, packet, starts, &err), err);
}

struct shape {
    bool is_audio;
    int timescale;
    int64_t start, end, shift;
    int64_t pts[12];  // decode order
    size_t count;
    size_t cut;     // a new fragment before this sample; 0: none
    uint8_t level;  // in the codec header
};

static void make(const struct shape *shape, struct made *ret)
{
    struct sr_err err = { 0 };
    uint8_t header[sizeof(avcc)];
    memcpy(header, avcc, sizeof(avcc));
    header[3] = (uint8_t)(0x1f + shape->level);
    AVCodecParameters *codec = avcodec_parameters_alloc();
    codec->codec_type = shape->is_audio ? AVMEDIA_TYPE_AUDIO : AVMEDIA_TYPE_VIDEO;
    codec->codec_id = shape->is_audio ? AV_CODEC_ID_AAC : AV_CODEC_ID_H264;
    codec->width = 320;
    codec->height = 180;
    codec->sample_rate = 48000;
    codec->frame_size = 1024;
    av_channel_layout_default(&codec->ch_layout, 2);
    codec->extradata_size = shape->is_audio ? sizeof(asc) : sizeof(header);
    codec->extradata = av_mallocz((size_t)codec->extradata_size + AV_INPUT_BUFFER_PADDING_SIZE);
    memcpy(codec->extradata, shape->is_audio ? asc : header, (size_t)codec->extradata_size);

    *ret = (struct made){ 0 };
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    sr_auto(fragment_writer) struct fragment_writer *writer = NULL;
    sr_assert_ok(sr_memory_writer_open(&ret->data, &ret->bytes, &out, &err), err);
    sr_assert_ok(
        fragment_writer_new(&(struct fragment_params){ .codec = codec,
                                                       .time_base = { 1, shape->timescale },
                                                       .rate = { 25, 1 },
                                                       .start_pts = shape->start,
                                                       .end_pts = shape->end,
                                                       .shift_ticks = shape->shift,
                                                       .first_sequence = 1,
                                                       .language = shape->is_audio ? "swe" : "",
                                                       .writer = &out },
                            &writer, &err),
        err);
    for (size_t i = 0; i < shape->count; i++)
        add(writer, shape->pts[i], (uint8_t)(i + 1), 100 + 10 * (int)i, i == 0 || shape->is_audio,
            shape->cut && i == shape->cut);
    sr_assert_ok(fragment_writer_end(writer, &ret->part, &err), err);
    sr_assert_ok(out.ops->publish(out.self, &err), err);
    avcodec_parameters_free(&codec);
}

// Two segments of video at 25 fps with B-frames that start at 0, and sound that starts a quarter of
// a second later: 1024 samples of priming, 5000 heard, 120 of padding.
struct title {
    struct made video[2], audio[1];
    struct mux_part parts[3];
    struct mux_track tracks[2];
};

static const struct shape video_1 = { .timescale = 12800,
                                      .start = 0,
                                      .end = 4096,
                                      .shift = 1024,
                                      .pts = { 0, 2048, 1024, 512, 1536, 3072, 2560, 3584 },
                                      .count = 8 };
static const struct shape video_2 = { .timescale = 12800,
                                      .start = 4096,
                                      .end = 6144,
                                      .shift = 1024,
                                      .pts = { 4096, 5632, 5120, 4608 },
                                      .count = 4 };
static const struct shape audio_1 = { .is_audio = true,
                                      .timescale = 48000,
                                      .start = 12000,
                                      .end = 17000,
                                      .shift = 1024,
                                      .cut = 3,
                                      .pts = { 10976, 12000, 13024, 14048, 15072, 16096 },
                                      .count = 6 };

static void make_title(struct title *title)
{
    make(&video_1, &title->video[0]);
    make(&video_2, &title->video[1]);
    make(&audio_1, &title->audio[0]);
    title->audio[0].part.priming_samples = 1024;
    title->audio[0].part.padding_samples = 120;
    struct made *all[] = { &title->video[0], &title->video[1], &title->audio[0] };
    for (int i = 0; i < 3; i++)
        title->parts[i] = (struct mux_part){ &all[i]->part, open_made, all[i] };
    title->tracks[0] = (struct mux_track){ MEDIA_VIDEO, "", false, 2, &title->parts[0] };
    title->tracks[1] = (struct mux_track){ MEDIA_AUDIO, "swe", false, 1, &title->parts[2] };
}

static void title_done(struct title *title)
{
    made_done(&title->video[0]);
    made_done(&title->video[1]);
    made_done(&title->audio[0]);
}

// Output ---------------------------------------------------------------------------------------

// Into memory, and nothing is ever rewritten: what is packaged may be a pipe.
struct sink {
    struct sr_str bytes;
};
static bool sink_write(void *self, const void *data, size_t bytes, struct sr_err *err)
{
    return sr_str_add_bytes(&((struct sink *)self)->bytes, data, bytes, err);
}
static bool sink_rewrite(void *self, uint64_t offset, const void *data, size_t bytes,
                         struct sr_err *err)
{
    (void)self;
    (void)data;
    return sr_fail(err, SR_ERR_UNSUPPORTED, "rewrite of %zu at %" PRIu64, bytes, offset);
}
static bool sink_publish(void *self, struct sr_err *err)
{
    (void)self;
    return sr_fail(err, SR_ERR_INTERNAL, "publishing is the caller's");
}
static void sink_discard(void *self)
{
    (void)self;
}
static struct sr_writer sink_writer(struct sink *sink)
{
    static const struct sr_writer_ops ops = { sink_write, sink_rewrite, sink_publish,
                                              sink_discard };
    return (struct sr_writer){ &ops, sink };
}

typedef bool mux_fn(const struct mux_params *params, struct sr_err *err);

static bool run(mux_fn *mux, const struct title *title, struct sink *sink, struct sr_err *err)
{
    struct sr_writer writer = sink_writer(sink);
    return mux(&(struct mux_params){ .track_count = 2, .tracks = title->tracks, .writer = &writer },
               err);
}

struct seen {
    int64_t pts[16], dts[16];
    uint32_t crc[16];
    size_t count;
};

// Reads a file with libavformat; times in the ticks of each stream.
static AVFormatContext *read_all(const void *data, size_t bytes, struct seen seen[2])
{
    struct sr_err err = { 0 };
    struct media_source source = { .name = "output" };
    AVFormatContext *demuxer = NULL;
    sr_assert_ok(sr_memory_reader_open(data, bytes, &source.reader, &err), err);
    sr_assert_ok(media_demuxer_open(&source, &demuxer, &err), err);
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    enum media_read read;
    while ((read = media_demuxer_read(demuxer, packet, &err)) == MEDIA_READ_PACKET) {
        struct seen *at = &seen[packet->stream_index];
        assert_true(at->count < 16);
        at->pts[at->count] = packet->pts;
        at->dts[at->count] = packet->dts;
        at->crc[at->count++] = av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), UINT32_MAX, packet->data,
                                      (size_t)packet->size) ^
                               UINT32_MAX;
        av_packet_unref(packet);
    }
    assert_int_equal(read, MEDIA_READ_END);
    sr_reader_close(&source.reader);  // the demuxer is not read any more
    return demuxer;
}

// Each sample of the documents, in order, at its time.
static void check_samples(const struct title *title, const struct seen seen[2])
{
    for (int t = 0; t < 2; t++) {
        size_t at = 0;
        for (size_t p = 0; p < title->tracks[t].part_count; p++) {
            const struct track_part *part = title->tracks[t].parts[p].part;
            for (size_t i = 0; i < part->sample_count; i++, at++) {
                assert_int_equal(seen[t].pts[at], part->samples[i].pts);
                assert_int_equal(seen[t].dts[at], part->samples[i].dts);
                assert_int_equal(seen[t].crc[at], part->samples[i].crc32);
            }
        }
        assert_int_equal(seen[t].count, at);
    }
}

// P1: each sample once, in order, at its time; the offset between tracks; the sound's length to the
// sample.
static void progressive(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct title title;
    struct sink sink = { 0 };
    struct seen seen[2] = { 0 };
    make_title(&title);
    sr_assert_ok(run(mux_mp4, &title, &sink, &err), err);

    AVFormatContext *demuxer = read_all(sink.bytes.text, sink.bytes.bytes, seen);
    assert_int_equal(demuxer->nb_streams, 2);
    const AVStream *video = demuxer->streams[0], *audio = demuxer->streams[1];
    check_samples(&title, seen);
    assert_int_equal(video->time_base.den, 12800);
    assert_int_equal(video->start_time, 0);
    assert_int_equal(video->duration, 6144);
    assert_int_equal(audio->time_base.den, 48000);
    assert_int_equal(audio->start_time, 12000);
    assert_string_equal(av_dict_get(audio->metadata, "language", NULL, 0)->value, "swe");
    assert_true(video->disposition & AV_DISPOSITION_DEFAULT);
    assert_true(audio->disposition &
                AV_DISPOSITION_DEFAULT);  // the first of its kind, when none is
    media_demuxer_close(&demuxer);

    // Spec: ISO/IEC 14496-12 8.6.6: an empty edit of a quarter second, then 5000 of 48000 after the priming.
    const uint8_t *const data = (const uint8_t *)sink.bytes.text;
    struct box moov, mvhd, trak, elst, mdhd, box;
    assert_true(box_find(data, sink.bytes.bytes, "moov", &moov));
    assert_true(box_child(&moov, "mvhd", &mvhd));
    assert_int_equal(box_get_u32(mvhd.body + 4), 0);        // no time of creation
    assert_int_equal(box_get_u32(mvhd.body + 12), 192000);  // lcm of 12800 and 48000
    const uint8_t *at = mvhd.start + mvhd.bytes;
    assert_true(box_next(&at, moov.body + moov.body_bytes, &trak));
    assert_true(box_next(&at, moov.body + moov.body_bytes, &trak));
    assert_true(box_find(trak.body, trak.body_bytes, "edts/elst", &elst));
    assert_int_equal(box_get_u32(elst.body + 4), 2);
    assert_int_equal(box_get_u32(elst.body + 8), 48000);
    assert_int_equal(box_get_u32(elst.body + 12), UINT32_MAX);
    assert_int_equal(box_get_u32(elst.body + 20), 20000);
    assert_int_equal(box_get_u32(elst.body + 24), 1024);
    assert_true(box_find(trak.body, trak.body_bytes, "mdia/mdhd", &mdhd));
    assert_int_equal(box_get_u32(mdhd.body + 16), 6024);  // priming and what is heard; no padding
    assert_true(box_find(trak.body, trak.body_bytes, "mdia/minf/stbl/sgpd", &box));
    // moov stands before the samples, and there is nothing but these.
    at = data;
    static const char *const order[] = { "ftyp", "moov", "mdat" };
    for (int i = 0; i < 3; i++) {
        assert_true(box_next(&at, data + sink.bytes.bytes, &box));
        assert_memory_equal(box.start + 4, order[i], 4);
    }
    assert_ptr_equal(at, data + sink.bytes.bytes);
    sr_str_done(&sink.bytes);
    title_done(&title);
}

// The store's part of the work: runs of the parts' files, as they lie there.
struct composer {
    struct sink sink;
    uint64_t piece_bytes;
    size_t runs;
};

static bool copy_run(void *self, const struct mux_part *part, uint64_t offset, uint64_t bytes,
                     struct sr_err *err)
{
    struct composer *composer = self;
    const struct made *made = part->self;
    const struct track_part *const own = part->part;
    const bool is_whole = bytes == made->bytes - own->init_bytes;
    assert_true(offset >= own->init_bytes && bytes <= made->bytes - offset);
    assert_true(is_whole || bytes >= composer->piece_bytes);
    composer->runs++;
    return sr_str_add_bytes(&composer->sink.bytes, made->data + offset, (size_t)bytes, err);
}

// Spec: P1 as for the progressive layout, of runs of any length; nothing is read, nothing lacks.
static void composed(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct {
        uint64_t piece_bytes;
        size_t runs;
    } rows[] = { { 1, 4 }, { 1 << 20, 3 } };  // the sound has two fragments
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        struct title title;
        struct seen seen[2] = { 0 };
        struct composer composer = { .piece_bytes = rows[i].piece_bytes };
        make_title(&title);
        struct sr_writer writer = sink_writer(&composer.sink);
        const struct mux_params params = { .track_count = 2,
                                           .tracks = title.tracks,
                                           .writer = &writer,
                                           .from_part = copy_run,
                                           .from_self = &composer };
        sr_assert_ok(mux_composed(&params, rows[i].piece_bytes, &err), err);
        assert_int_equal(composer.runs, rows[i].runs);
        const struct sr_str *const all = &composer.sink.bytes;
        AVFormatContext *demuxer = read_all(all->text, all->bytes, seen);
        check_samples(&title, seen);
        assert_int_equal(demuxer->streams[1]->start_time, 12000);
        media_demuxer_close(&demuxer);
        const uint8_t *at = (const uint8_t *)all->text, *const end = at + all->bytes;
        static const char *const order[] = { "ftyp", "moov", "mdat" };
        struct box box;
        for (int j = 0; j < 3; j++) {
            assert_true(box_next(&at, end, &box));
            assert_memory_equal(box.start + 4, order[j], 4);
        }
        assert_ptr_equal(at, end);
        sr_str_done(&composer.sink.bytes);
        title_done(&title);
    }
}

// A segment that begins before its first picture (a broadcast that starts within a GOP), after the
// sound: nothing moves.
static void first_picture_is_late(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct title title;
    struct sink sink = { 0 };
    struct seen seen[2] = { 0 };
    make_title(&title);
    made_done(&title.video[0]);
    made_done(&title.video[1]);
    const struct shape shape = { .timescale = 12800,
                                 .start = 5120,
                                 .end = 9216,
                                 .shift = 1024,
                                 .pts = { 7168, 8704, 8192, 7680 },
                                 .count = 4 };
    make(&shape, &title.video[0]);
    title.tracks[0].part_count = 1;
    sr_assert_ok(run(mux_mp4, &title, &sink, &err), err);
    AVFormatContext *demuxer = read_all(sink.bytes.text, sink.bytes.bytes, seen);
    check_samples(&title, seen);
    media_demuxer_close(&demuxer);
    sr_str_done(&sink.bytes);
    title_done(&title);
}

static void fragmented(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct title title;
    struct sink sink = { 0 };
    struct seen seen[2] = { 0 };
    make_title(&title);
    sr_assert_ok(run(mux_fragmented, &title, &sink, &err), err);
    AVFormatContext *demuxer = read_all(sink.bytes.text, sink.bytes.bytes, seen);
    check_samples(&title, seen);
    assert_int_equal(demuxer->streams[1]->time_base.den, 48000);
    media_demuxer_close(&demuxer);

    // Fragments are in the order of their time and are numbered.
    const uint8_t *const data = (const uint8_t *)sink.bytes.text, *at = data;
    struct box box, mfhd, tfhd;
    uint32_t sequence = 0;
    static const uint32_t tracks[] = { 1, 2, 1, 2 };
    while (box_next(&at, data + sink.bytes.bytes, &box)) {
        if (!box_child(&box, "mfhd", &mfhd) || memcmp(box.start + 4, "moof", 4) != 0)
            continue;
        assert_true(box_find(box.body, box.body_bytes, "traf/tfhd", &tfhd));
        assert_true(sequence < 4);
        assert_int_equal(box_get_u32(tfhd.body + 4), tracks[sequence]);
        assert_int_equal(box_get_u32(mfhd.body + 4), ++sequence);
    }
    assert_int_equal(sequence, 4);
    sr_str_done(&sink.bytes);
    title_done(&title);
}

// Init segment and a part's fragments, as an HLS player would put them together: output time,
// without the shift.
static void init_segment(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct title title;
    make_title(&title);
    for (int t = 0; t < 2; t++) {
        struct sink sink = { 0 };
        struct seen seen[2] = { 0 };
        struct sr_writer writer = sink_writer(&sink);
        sr_assert_ok(mux_init_segment(&title.tracks[t], &writer, &err), err);
        const struct made *last = t == 0 ? &title.video[1] : &title.audio[0];
        const size_t skip = (size_t)last->part.init_bytes;
        sr_assert_ok(sr_write(&writer, last->data + skip, last->bytes - skip, &err), err);
        AVFormatContext *demuxer = read_all(sink.bytes.text, sink.bytes.bytes, seen);
        assert_int_equal(seen[0].count, last->part.sample_count);
        for (size_t i = 0; i < seen[0].count; i++)
            assert_int_equal(seen[0].pts[i], last->part.samples[i].pts);
        media_demuxer_close(&demuxer);
        sr_str_done(&sink.bytes);
    }
    title_done(&title);
}

// What must not pass
// --------------------------------------------------------------------------------

static void spoil_sample(struct title *title)
{
    title->video[1].data[title->video[1].part.fragments[0].data_offset + 50] ^= 1;
}
static void spoil_header(struct title *title)
{
    title->video[1].data[title->video[1].part.init_bytes - 20] ^= 1;
}
static void spoil_first_header(struct title *title)
{
    title->video[0].data[30] ^= 1;
}
static void cut_file(struct title *title)
{
    title->video[1].bytes -= 3;
}
static void drop_sample(struct title *title)
{
    title->video[1].part.sample_count--;
}
static void swap_parts(struct title *title)
{
    const struct mux_part first = title->parts[0];
    title->parts[0] = title->parts[1];
    title->parts[1] = first;
}
static void repeat_part(struct title *title)
{
    title->parts[1] = title->parts[0];
}
static void leave_a_gap(struct title *title)
{
    struct shape shape = video_2;
    shape.start++;
    shape.pts[0]++;
    made_done(&title->video[1]);
    make(&shape, &title->video[1]);
}
static void other_codec_header(struct title *title)
{
    struct shape shape = video_2;
    shape.level = 1;
    made_done(&title->video[1]);
    make(&shape, &title->video[1]);
}
static void time_goes_back(struct title *title)
{
    title->video[1].part.samples[2].dts = title->video[1].part.samples[0].dts;
}
static void shown_outside(struct title *title)
{
    title->video[1].part.samples[3].pts = title->video[1].part.end_pts;
}
static void no_key_first(struct title *title)
{
    title->video[1].part.samples[0].is_key = false;
}
static void other_timescale(struct title *title)
{
    title->video[1].part.timescale++;
}
static void swap_sample_documents(struct title *title)
{
    struct track_sample *samples = title->video[1].part.samples;
    const uint32_t crc32 = samples[1].crc32;
    samples[1].crc32 = samples[2].crc32;
    samples[2].crc32 = crc32;
}

static const struct bad_row {
    const char *name;
    void (*spoil)(struct title *title);
    const char *message;
} bad_rows[] = {
    { "a byte of a sample", spoil_sample, "segment 2: track 1: the bytes of sample 1" },
    { "two samples' sums swapped", swap_sample_documents,
      "segment 2: track 1: the bytes of sample 2" },
    { "a byte of the second header", spoil_header, "segment 2" },
    { "a byte of the first header", spoil_first_header, "segment 1" },
    { "a file cut short", cut_file, "segment 2" },
    { "a sample missing from the document", drop_sample, "segment 2" },
    { "segments swapped", swap_parts, "segment 2: track 1: begins at 0" },
    { "a segment twice", repeat_part, "segment 2: track 1: begins at 0" },
    { "a gap between segments", leave_a_gap, "segment 2: track 1: begins at 4097" },
    { "another codec header", other_codec_header, "segment 2" },
    { "decode time goes back", time_goes_back, "segment 2" },
    { "a picture outside its segment", shown_outside, "segment 2" },
    { "no key frame first", no_key_first, "segment 2" },
    { "another timescale", other_timescale, "segment 2" },
};

static void each_bad(void **state)
{
    const struct bad_row *row = *state;
    mux_fn *const muxers[] = { mux_mp4, mux_fragmented };
    for (int i = 0; i < 2; i++) {
        struct sr_err err = { 0 };
        struct title title;
        struct sink sink = { 0 };
        make_title(&title);
        row->spoil(&title);
        sr_assert_fails(run(muxers[i], &title, &sink, &err), SR_ERR_VERIFY, err);
        sr_assert_contains(err.message, row->message);
        sr_str_done(&sink.bytes);
        title_done(&title);
    }
}

static void cancelled(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct title title;
    struct sink sink = { 0 };
    struct sr_cancel cancel;
    sr_cancel_init(&cancel, NULL, sr_clock_system(), INT64_MAX);
    sr_cancel_set(&cancel);
    make_title(&title);
    struct sr_writer writer = sink_writer(&sink);
    const struct mux_params params = {
        .track_count = 2, .tracks = title.tracks, .writer = &writer, .cancel = &cancel
    };
    sr_assert_fails(mux_mp4(&params, &err), SR_ERR_CANCELLED, err);
    sr_assert_fails(mux_fragmented(&params, &err), SR_ERR_CANCELLED, err);
    sr_str_done(&sink.bytes);
    title_done(&title);
}

// P5: what is held is paid for, and given back.
static void draws_on_the_budget(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct title title;
    struct sink sink = { 0 };
    sr_auto(sr_budget) struct sr_budget *budget = NULL;
    sr_assert_ok(sr_budget_new(4 << 20, &budget, &err), err);
    make_title(&title);
    struct sr_writer writer = sink_writer(&sink);
    const struct mux_params params = {
        .track_count = 2, .tracks = title.tracks, .writer = &writer, .budget = budget
    };
    sr_assert_ok(mux_mp4(&params, &err), err);
    assert_int_equal(sr_budget_peak(budget), 1 << 20);
    sr_assert_ok(sr_budget_take(budget, 4 << 20, NULL, &err), err);
    sr_budget_give(budget, 4 << 20);
    sr_str_done(&sink.bytes);
    title_done(&title);
}

int main(void)
{
    media_log_init();
    static struct CMUnitTest tests[SR_TEST_COUNT(bad_rows) + 7];
    size_t count = SR_TEST_ADD(tests, bad_rows, each_bad);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(progressive);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(composed);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(first_picture_is_late);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(fragmented);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(init_segment);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(cancelled);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(draws_on_the_budget);
    return sr_test_run(__FILE__, tests, count);
}
