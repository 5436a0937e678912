// What is packaged has each sample once, in order, at its time, in every layout.
#include "transcode/mux.h"

#include "base/budget.h"
#include "transcode/media_log.h"
#include "transcode/test_parts.h"

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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progressive),           cmocka_unit_test(composed),
        cmocka_unit_test(first_picture_is_late), cmocka_unit_test(fragmented),
        cmocka_unit_test(init_segment),          cmocka_unit_test(cancelled),
        cmocka_unit_test(draws_on_the_budget),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
