#include "transcode/filter.h"

#include "transcode/filter_chain.h"
#include "transcode/media_log.h"
#include "transcode/test_video.h"

// What came out, by rendition.
struct taken {
    size_t count[4];
    uint64_t numbers[4][64];
    AVFrame *pictures[4][64];
    size_t fail_after;  // 0: never
};

static bool take(void *self, size_t index, const AVFrame *picture, uint64_t number,
                 struct sr_err *err)
{
    struct taken *taken = self;
    const size_t at = taken->count[index]++;
    if (taken->fail_after && at + 1 == taken->fail_after)
        return sr_fail(err, SR_ERR_STORAGE, "no more");
    taken->numbers[index][at] = number;
    taken->pictures[index][at] = av_frame_clone(picture);
    assert_non_null(taken->pictures[index][at]);
    return true;
}

static void taken_done(struct taken *taken)
{
    for (size_t r = 0; r < 4; r++) {
        for (size_t i = 0; i < 64; i++)
            av_frame_free(&taken->pictures[r][i]);
    }
}

static struct rendition_video video_of(int width, int height)
{
    struct rendition_video video = test_video_rendition();
    video.width = width;
    video.height = height;
    return video;
}

static bool same_picture(const AVFrame *a, const AVFrame *b)
{
    for (int plane = 0; plane < 3; plane++) {
        const int shift = plane ? 1 : 0;
        for (int y = 0; y < a->height >> shift; y++) {
            if (memcmp(a->data[plane] + y * a->linesize[plane],
                       b->data[plane] + y * b->linesize[plane], (size_t)(a->width >> shift)) != 0)
                return false;
        }
    }
    return true;
}

static void add(struct filter *filter, enum AVPixelFormat format, int width, int height, int number)
{
    struct sr_err err;
    sr_auto(av_frame) AVFrame *frame = test_video_picture(format, width, height, number);
    sr_assert_ok(filter_add(filter, frame, (uint64_t)number, &err), err);
}

static void right_pictures_are_not_copied(void **state)
{
    (void)state;
    struct sr_err err;
    const struct rendition_video video = video_of(160, 96);
    const struct rendition_video *const videos[] = { &video };
    struct taken taken = { 0 };
    sr_auto(filter) struct filter *filter = NULL;
    sr_assert_ok(
        filter_new(&(struct filter_params){ 1, videos, 160, 96, take, &taken }, &filter, &err),
        err);
    sr_auto(av_frame) AVFrame *frame = test_video_picture(AV_PIX_FMT_YUV420P, 160, 96, 1);
    sr_assert_ok(filter_add(filter, frame, 7, &err), err);
    assert_int_equal(taken.count[0], 1);
    assert_int_equal(taken.numbers[0][0], 7);
    assert_ptr_equal(taken.pictures[0][0]->data[0], frame->data[0]);
    // JPEG's name for it is the same picture with a full range.
    frame->format = AV_PIX_FMT_YUVJ420P;
    sr_assert_ok(filter_add(filter, frame, 8, &err), err);
    assert_ptr_equal(taken.pictures[0][1]->data[0], frame->data[0]);
    assert_int_equal(taken.pictures[0][1]->format, AV_PIX_FMT_YUV420P);
    assert_int_equal(taken.pictures[0][1]->color_range, AVCOL_RANGE_JPEG);
    taken_done(&taken);
}

static void pictures_of_any_size_become_the_planned_one(void **state)
{
    (void)state;
    struct sr_err err;
    const struct rendition_video large = video_of(160, 96);
    const struct rendition_video small = video_of(80, 48);
    const struct rendition_video *const videos[] = { &large, &small };
    static const struct {
        enum AVPixelFormat format;
        int width, height;
    } in[] = { { AV_PIX_FMT_YUV420P, 160, 96 },  { AV_PIX_FMT_YUV420P, 160, 96 },
               { AV_PIX_FMT_YUV420P, 320, 200 }, { AV_PIX_FMT_YUV422P, 320, 200 },
               { AV_PIX_FMT_YUV420P10, 97, 51 }, { AV_PIX_FMT_YUV420P, 160, 96 } };
    struct taken taken = { 0 };
    sr_auto(filter) struct filter *filter = NULL;
    sr_assert_ok(
        filter_new(&(struct filter_params){ 2, videos, 160, 96, take, &taken }, &filter, &err),
        err);
    for (int i = 0; i < 6; i++)
        add(filter, in[i].format, in[i].width, in[i].height, i);
    sr_assert_ok(filter_end(filter, &err), err);
    for (size_t r = 0; r < 2; r++) {
        assert_int_equal(taken.count[r], 6);
        for (size_t i = 0; i < 6; i++) {
            assert_int_equal(taken.numbers[r][i], i);
            assert_int_equal(taken.pictures[r][i]->width, videos[r]->width);
            assert_int_equal(test_video_number(taken.pictures[r][i]), (int)i);
        }
    }
    taken_done(&taken);
}

// Also when the size changes while a picture is held back: none is lost.
static void deinterlacing_holds_back_one_and_loses_none(void **state)
{
    (void)state;
    struct sr_err err;
    struct rendition_video fields = video_of(160, 96);
    fields.deinterlace = true;
    const struct rendition_video plain = video_of(160, 96);
    const struct rendition_video *const videos[] = { &fields, &plain };
    assert_int_equal(filter_context(&fields), 1);
    assert_int_equal(filter_context(&plain), 0);
    struct taken taken = { 0 };
    sr_auto(filter) struct filter *filter = NULL;
    sr_assert_ok(
        filter_new(&(struct filter_params){ 2, videos, 160, 96, take, &taken }, &filter, &err),
        err);
    for (int i = 0; i < 10; i++)
        add(filter, AV_PIX_FMT_YUV420P, i < 5 ? 160 : 320, i < 5 ? 96 : 192, i);
    assert_int_equal(taken.count[0], 9);
    assert_int_equal(taken.count[1], 10);
    sr_assert_ok(filter_end(filter, &err), err);
    assert_int_equal(taken.count[0], 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(taken.numbers[0][i], i);
        assert_int_equal(test_video_number(taken.pictures[0][i]), (int)i);
    }
    assert_false(same_picture(taken.pictures[0][2], taken.pictures[1][2]));  // it does something
    taken_done(&taken);
}

static void rungs_are_shared(void **state)
{
    (void)state;
    struct sr_err err;
    struct rendition_video videos[3];
    for (size_t i = 0; i < 3; i++) {
        videos[i] = video_of(320, 180);
        videos[i].rung_count = 2;
        videos[i].rung[0].width = 1280;
        videos[i].rung[0].height = 720;
        videos[i].rung[1].width = 640;
        videos[i].rung[1].height = 360;
    }
    videos[1].width = 160;
    videos[1].height = 90;
    strcpy(videos[2].pixel_format, "yuv420p10le");
    const struct rendition_video *const list[] = { &videos[0], &videos[1], &videos[2] };
    struct filter_chain *chain = calloc(1, sizeof(*chain));
    assert_non_null(chain);
    const struct filter_chain_params params = { 3, list, true, 1920, 1080, AV_PIX_FMT_YUV420P };
    sr_assert_ok(filter_chain_make(&params, chain, &err), err);
    // The source, two rungs and two leaves of 8 bits, three steps of 10 bits.
    assert_int_equal(chain->step_count, 1 + 4 + 3);
    assert_int_equal(chain->steps[0].consumer_count, 2);
    assert_int_equal(chain->steps[chain->leaf[0]].parent, chain->steps[chain->leaf[1]].parent);
    for (size_t i = 1; i < chain->step_count; i++)
        assert_true(chain->steps[i].parent < i);
    free(chain);
}

static void failure_of_the_taker_comes_back(void **state)
{
    (void)state;
    struct sr_err err;
    const struct rendition_video small = video_of(80, 48);
    const struct rendition_video *const videos[] = { &small };
    struct taken taken = { .fail_after = 2 };
    sr_auto(filter) struct filter *filter = NULL;
    sr_assert_ok(
        filter_new(&(struct filter_params){ 1, videos, 160, 96, take, &taken }, &filter, &err),
        err);
    add(filter, AV_PIX_FMT_YUV420P, 160, 96, 0);
    sr_auto(av_frame) AVFrame *frame = test_video_picture(AV_PIX_FMT_YUV420P, 160, 96, 1);
    sr_assert_fails(filter_add(filter, frame, 1, &err), SR_ERR_STORAGE, err);
    sr_assert_contains(err.message, "no more");
    taken_done(&taken);
}

static void ending_without_pictures_is_fine(void **state)
{
    (void)state;
    struct sr_err err;
    const struct rendition_video small = video_of(80, 48);
    const struct rendition_video *const videos[] = { &small };
    struct taken taken = { 0 };
    sr_auto(filter) struct filter *filter = NULL;
    sr_assert_ok(
        filter_new(&(struct filter_params){ 1, videos, 160, 96, take, &taken }, &filter, &err),
        err);
    sr_assert_ok(filter_end(filter, &err), err);
    assert_int_equal(taken.count[0], 0);
}

// A full range stays full through a conversion, and limited stays limited.
static void range_is_kept(void **state)
{
    (void)state;
    struct sr_err err;
    for (int range = 1; range <= 2; range++) {
        struct rendition_video small = video_of(80, 48);
        small.colour.range = range;
        const struct rendition_video *const videos[] = { &small };
        struct taken taken = { 0 };
        sr_auto(filter) struct filter *filter = NULL;
        sr_assert_ok(
            filter_new(&(struct filter_params){ 1, videos, 160, 96, take, &taken }, &filter, &err),
            err);
        sr_auto(av_frame) AVFrame *frame = test_video_picture(AV_PIX_FMT_YUV444P, 160, 96, 0);
        for (int y = 0; y < 96; y++)
            memset(frame->data[0] + y * frame->linesize[0], 200, 160);
        frame->color_range = (enum AVColorRange)range;
        sr_assert_ok(filter_add(filter, frame, 0, &err), err);
        frame->color_range = AVCOL_RANGE_UNSPECIFIED;  // as the rendition's then
        sr_assert_ok(filter_add(filter, frame, 1, &err), err);
        assert_int_equal(taken.count[0], 2);
        for (size_t i = 0; i < 2; i++)
            assert_in_range(taken.pictures[0][i]->data[0][40], 199, 201);
        taken_done(&taken);
    }
}

int main(void)
{
    media_log_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_pictures_are_not_copied),
        cmocka_unit_test(pictures_of_any_size_become_the_planned_one),
        cmocka_unit_test(deinterlacing_holds_back_one_and_loses_none),
        cmocka_unit_test(rungs_are_shared),
        cmocka_unit_test(failure_of_the_taker_comes_back),
        cmocka_unit_test(ending_without_pictures_is_fine),
        cmocka_unit_test(range_is_kept),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
