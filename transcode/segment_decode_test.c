// Splitting loses nothing: the pictures of a source decoded in segments, one after the other, are
// those of one decode from its start, bit by bit, at the same times, for every fixture, mode and
// length; and every packet is accounted for.
#include "transcode/segment_decode.h"

#include <dirent.h>
#include <libavcodec/avcodec.h>
#include <libavutil/adler32.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

#include "base/test.h"
#include "transcode/media_log.h"

struct shown {
    int64_t pts;
    uint32_t sum;  // of the picture's samples
};

struct pictures {
    size_t count, room;
    struct shown *list;
    struct track_account account;  // damage list left out
};

static uint32_t sum_of(const AVFrame *frame)
{
    int width[4];
    assert_true(av_image_fill_linesizes(width, frame->format, frame->width) >= 0);
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    AVAdler sum = 1;
    for (int plane = 0; plane < 4 && frame->data[plane] && width[plane] > 0; plane++) {
        const int height = plane == 1 || plane == 2
                               ? AV_CEIL_RSHIFT(frame->height, format->log2_chroma_h)
                               : frame->height;
        for (int y = 0; y < height; y++)
            sum = av_adler32_update(sum, frame->data[plane] + y * frame->linesize[plane],
                                    (size_t)width[plane]);
    }
    return sum;
}

static void add(struct pictures *pictures, struct shown shown)
{
    if (pictures->count == pictures->room) {
        pictures->room = pictures->room ? 2 * pictures->room : 256;
        pictures->list = realloc(pictures->list, pictures->room * sizeof(*pictures->list));
        assert_non_null(pictures->list);
    }
    pictures->list[pictures->count++] = shown;
}

static void decode_plan(const struct segment_decode_params *common, const struct segment_plan *plan,
                        struct pictures *ret)
{
    struct sr_err err = { 0 };
    for (size_t i = 0; i < plan->segment_count; i++) {
        struct segment_decode_params params = *common;
        params.segment = plan->segment[i];
        params.is_first = i == 0;
        params.is_last = i + 1 == plan->segment_count;
        struct segment_decoder *decoder = NULL;
        sr_assert_ok(segment_decoder_new(&params, &decoder, &err), err);
        enum segment_next next;
        AVFrame *frame = NULL;
        struct segment_picture picture;
        while ((next = segment_decoder_next(decoder, &frame, &picture, &err)) == SEGMENT_PICTURE) {
            if (!picture.is_context) {
                assert_true(picture.pts >= params.segment.start_pts &&
                            picture.pts < params.segment.end_pts);
                add(ret, (struct shown){ picture.pts, sum_of(frame) });
            }
            av_frame_free(&frame);
        }
        if (next == SEGMENT_FAILED)
            fail_msg("segment %zu: %s", i + 1, err.message);
        struct track_account account;
        segment_decoder_account(decoder, &account);
        assert_int_equal(account.packets,
                         account.shown + account.hidden + account.discarded + account.damaged);
        ret->account.packets += account.packets;
        ret->account.shown += account.shown;
        ret->account.hidden += account.hidden;
        ret->account.discarded += account.discarded;
        ret->account.damaged += account.damaged;
        ret->account.damage_count += account.damage_count;
        segment_decoder_free(decoder);
    }
}

static void check_against(const char *what, const struct pictures *whole,
                          const struct pictures *split, bool is_damaged)
{
    assert_int_equal(split->account.packets, whole->account.packets);
    if (is_damaged)
        return;  // what damage conceals depends on where decoding began
    for (size_t i = 0; i < whole->count && i < split->count; i++) {
        if (whole->list[i].pts != split->list[i].pts || whole->list[i].sum != split->list[i].sum)
            fail_msg("%s: picture %zu at %lld is not the one at %lld of the whole (%s)", what, i,
                     (long long)split->list[i].pts, (long long)whole->list[i].pts,
                     whole->list[i].sum == split->list[i].sum ? "time" : "content");
    }
    if (whole->count != split->count)
        fail_msg("%s: %zu pictures, want %zu", what, split->count, whole->count);
}

static void check_source(const char *path, const char *name)
{
    struct sr_err err = { 0 };
    struct media_source source = { .name = name };
    sr_assert_ok(sr_file_reader_open(path, &source.reader, &err), err);
    struct probe *probe = NULL;
    if (!probe_source(&source, &probe, &err) || probe->video_index < 0) {
        probe_free(probe);
        sr_reader_close(&source.reader);
        if (getenv("SPLITREEL_SHOW"))
            fprintf(stderr, "%s: %s\n", name, err.message);
        return;  // refused, or audio alone: probe_test says which
    }
    struct packet_table *table = NULL;
    struct keyframe_index *index = NULL;
    if (!packet_table_new(&source, probe, probe_video(probe)->index, &table, &err)) {
        assert_int_equal(err.code, SR_ERR_INPUT);
        probe_free(probe);
        sr_reader_close(&source.reader);
        return;
    }
    sr_assert_ok(keyframe_index_new(table, &index, &err), err);
    struct segment_decode_params common = {
        .source = &source, .probe = probe, .table = table, .index = index
    };

    struct pictures whole = { 0 };
    struct segment_plan *plan = NULL;
    struct segment_plan_params params = { .table = table,
                                          .index = index,
                                          .mode = SEGMENT_OFF,
                                          .gop_us = 500000,
                                          .media_segment_us = 6000000 };
    sr_assert_ok(segment_plan_new(&params, &plan, &err), err);
    decode_plan(&common, plan, &whole);
    segment_plan_free(plan);
    const bool is_damaged = whole.account.damaged > 0 || whole.account.damage_count > 0;
    if (getenv("SPLITREEL_SHOW"))
        fprintf(
            stderr,
            "%-34s packets %zu shown %zu (hidden %llu discarded %llu damaged %llu) points %zu depth %d tb %d/%d%s%s%s%s\n",
            name, table->count, whole.count, (unsigned long long)whole.account.hidden,
            (unsigned long long)whole.account.discarded, (unsigned long long)whole.account.damaged,
            index->count, table->reorder_depth, table->time_base.num, table->time_base.den,
            table->from_index ? " index" : "", table->is_ordinal ? " ordinal" : "",
            table->is_variable ? " vfr" : "", table->changes_headers ? " headers" : "");

    static const struct {
        enum segment_mode mode;
        int64_t us;
    } ways[] = {
        { SEGMENT_KEYFRAME, 100000 },
        { SEGMENT_KEYFRAME, 2000000 },
        { SEGMENT_GRID, 500000 },
        { SEGMENT_GRID, 1234567 },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(ways); i++) {
        params.mode = ways[i].mode;
        params.target_us = ways[i].us;
        sr_assert_ok(segment_plan_new(&params, &plan, &err), err);
        struct pictures split = { 0 };
        char what[256];
        snprintf(what, sizeof(what), "%s, %s %.1f s, %zu segments", name,
                 segment_mode_name(ways[i].mode), (double)ways[i].us / 1e6, plan->segment_count);
        decode_plan(&common, plan, &split);
        check_against(what, &whole, &split, is_damaged);
        free(split.list);
        segment_plan_free(plan);
    }
    free(whole.list);
    keyframe_index_free(index);
    packet_table_free(table);
    probe_free(probe);
    sr_reader_close(&source.reader);
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

static void each_fixture(void **state)
{
    const char *path = *state;
    const char *slash = strrchr(path, '/');
    check_source(path, slash ? slash + 1 : path);
}

int main(void)
{
    enum { FIXTURES_MAX = 512 };
    static struct CMUnitTest tests[FIXTURES_MAX];
    static char paths[FIXTURES_MAX][512];
    const char *folder = getenv("SPLITREEL_FIXTURES");
    folder = folder ? folder : "build/fixtures";
    media_log_init();
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) && count < FIXTURES_MAX;) {
        if (entry->d_name[0] == '.' || entry->d_type == DT_DIR || strstr(entry->d_name, ".json") ||
            strstr(entry->d_name, ".tsv"))
            continue;
        snprintf(paths[count], sizeof(paths[count]), "%s/%s", folder, entry->d_name);
        tests[count] = (struct CMUnitTest){ .name = strrchr(paths[count], '/') + 1,
                                            .test_func = each_fixture,
                                            .initial_state = paths[count] };
        count++;
    }
    if (dir)
        closedir(dir);
    if (count == 0) {
        fprintf(stderr, "no fixtures in %s: run make fixtures\n", folder);
        return 1;
    }
    qsort(tests, count, sizeof(tests[0]), compare_rows);
    return sr_test_run(__FILE__, tests, count);
}
