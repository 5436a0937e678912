#include "transcode/filter.h"

#include <assert.h>
#include <inttypes.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "transcode/filter_chain.h"
#include "transcode/media_cpu.h"
#include "transcode/media_err.h"
#include "transcode/media_io.h"

struct filter {
    struct filter_params params;
    struct filter_chain *chain;  // of the pictures that come now; NULL: none came
    AVFilterGraph *graph;        // NULL: nothing to do for any of them
    AVFilterContext *source;
    AVFilterContext *sinks[MEDIA_RENDITIONS_MAX];  // NULL: passed on as it is
    AVFrame *in, *out;
    int width, height, format;  // of the pictures that come now
};

int filter_context(const struct rendition_video *rendition)
{
    return rendition->deinterlace ? 1 : 0;
}

// Building
// -----------------------------------------------------------------------------------------

static bool make(struct filter *filter, const char *name, const char *args, AVFilterContext **ret,
                 struct sr_err *err)
{
    const AVFilter *type = avfilter_get_by_name(name);
    if (!type)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "libavfilter of this machine has no %s", name);
    const int failed = avfilter_graph_create_filter(ret, type, NULL, args, NULL, filter->graph);
    if (failed < 0)
        return media_fail(err, failed, "filter %s=%s", name, args ? args : "");
    return true;
}

static bool join(AVFilterContext *from, unsigned pad, AVFilterContext *to, struct sr_err *err)
{
    const int failed = avfilter_link(from, pad, to, 0);
    return failed >= 0 || media_fail(err, failed, "join filters");
}

// Where the next consumer of a step takes its pictures from.
struct tap {
    AVFilterContext *last;
    unsigned pad;
};

// A step with several consumers gets a split, whose outputs they take in turn.
static bool make_split(struct filter *filter, size_t step_index, struct tap *tap,
                       struct sr_err *err)
{
    const int count = filter->chain->steps[step_index].consumer_count;
    if (count < 2)
        return true;
    char args[16];
    AVFilterContext *split;
    if (!sr_format(args, sizeof(args), "%d", count))
        return sr_fail(err, SR_ERR_INTERNAL, "split %d", count);
    if (!make(filter, "split", args, &split, err) || !join(tap->last, 0, split, err))
        return false;
    *tap = (struct tap){ .last = split };
    return true;
}

static bool make_step(struct filter *filter, size_t index, struct tap *taps, struct sr_err *err)
{
    const struct filter_step *step = &filter->chain->steps[index];
    struct tap *from = &taps[step->parent];
    AVFilterContext *context;
    if (!make(filter, step->filter, step->args, &context, err) ||
        !join(from->last, from->pad++, context, err))
        return false;
    taps[index] = (struct tap){ .last = context };
    if (step->sets_format) {
        AVFilterContext *format;
        if (!make(filter, "format", av_get_pix_fmt_name(step->format), &format, err) ||
            !join(context, 0, format, err))
            return false;
        taps[index].last = format;
    }
    return make_split(filter, index, &taps[index], err);
}

static bool make_source(struct filter *filter, struct tap *tap, struct sr_err *err)
{
    char args[160];
    // Pictures are told apart by their number: it is their time, one a second.
    if (!sr_format(args, sizeof(args), "video_size=%dx%d:pix_fmt=%d:time_base=1/1:pixel_aspect=1/1",
                   filter->width, filter->height, filter->format))
        return sr_fail(err, SR_ERR_INTERNAL, "size");
    if (!make(filter, "buffer", args, &filter->source, err))
        return false;
    *tap = (struct tap){ .last = filter->source };
    return make_split(filter, 0, tap, err);
}

static bool make_graph(struct filter *filter, struct sr_err *err)
{
    const struct filter_chain *chain = filter->chain;
    filter->graph = avfilter_graph_alloc();
    if (!filter->graph)
        return sr_fail(err, SR_ERR_NO_MEMORY, "filter graph");
    filter->graph->nb_threads = 1;
    filter->graph->scale_sws_opts = av_strdup("flags=" FILTER_SCALE_FLAGS);
    if (!filter->graph->scale_sws_opts)
        return sr_fail(err, SR_ERR_NO_MEMORY, "filter graph");
    struct tap taps[FILTER_STEPS_MAX] = { 0 };
    if (!make_source(filter, &taps[0], err))
        return false;
    for (size_t i = 1; i < chain->step_count; i++) {
        if (!make_step(filter, i, taps, err))
            return false;
    }
    for (size_t i = 0; i < filter->params.rendition_count; i++) {
        if (chain->leaf[i] == 0)
            continue;
        struct tap *from = &taps[chain->leaf[i]];
        if (!make(filter, "buffersink", NULL, &filter->sinks[i], err) ||
            !join(from->last, from->pad++, filter->sinks[i], err))
            return false;
    }
    const int failed = avfilter_graph_config(filter->graph, NULL);
    return failed >= 0 || media_fail(err, failed, "filter graph");
}

static void drop_graph(struct filter *filter)
{
    avfilter_graph_free(&filter->graph);
    memset(filter->sinks, 0, sizeof(filter->sinks));
    filter->source = NULL;
}

static bool build(struct filter *filter, const AVFrame *picture, struct sr_err *err)
{
    filter->width = picture->width;
    filter->height = picture->height;
    filter->format = picture->format;
    const struct filter_chain_params params = {
        .rendition_count = filter->params.rendition_count,
        .renditions = filter->params.renditions,
        .is_planned_size = picture->width == filter->params.source_width &&
                           picture->height == filter->params.source_height,
        .width = picture->width,
        .height = picture->height,
        .format = (enum AVPixelFormat)picture->format,
    };
    if (!filter_chain_make(&params, filter->chain, err))
        return false;
    if (filter->chain->step_count == 1)
        return true;
    media_open_lock();
    const bool done = make_graph(filter, err);
    media_open_unlock();
    return done;
}

// Running
// ------------------------------------------------------------------------------------------

bool filter_new(const struct filter_params *params, struct filter **ret_filter, struct sr_err *err)
{
    assert(params->rendition_count >= 1 && params->rendition_count <= MEDIA_RENDITIONS_MAX);
    sr_auto(filter) struct filter *filter = calloc(1, sizeof(*filter));
    if (!filter)
        return sr_fail(err, SR_ERR_NO_MEMORY, "filter");
    filter->params = *params;
    filter->chain = calloc(1, sizeof(*filter->chain));
    filter->in = av_frame_alloc();
    filter->out = av_frame_alloc();
    if (!filter->chain || !filter->in || !filter->out)
        return sr_fail(err, SR_ERR_NO_MEMORY, "filter");
    *ret_filter = sr_take(filter);
    return true;
}

void filter_free(struct filter *filter)
{
    if (!filter)
        return;
    drop_graph(filter);
    free(filter->chain);
    av_frame_free(&filter->in);
    av_frame_free(&filter->out);
    free(filter);
}

static bool deliver(struct filter *filter, size_t index, const AVFrame *picture, uint64_t number,
                    struct sr_err *err)
{
    const struct rendition_video *rendition = filter->params.renditions[index];
    if (picture->width != rendition->width || picture->height != rendition->height ||
        picture->format != av_get_pix_fmt(rendition->pixel_format))
        return sr_fail(err, SR_ERR_INTERNAL, "filters made %dx%d %s for \"%s\"", picture->width,
                       picture->height, av_get_pix_fmt_name((enum AVPixelFormat)picture->format),
                       rendition->asked.id);
    return filter->params.deliver(filter->params.self, index, picture, number, err);
}

static bool drain(struct filter *filter, struct sr_err *err)
{
    for (size_t i = 0; i < filter->params.rendition_count; i++) {
        if (!filter->sinks[i])
            continue;
        const AVRational tick = av_buffersink_get_time_base(filter->sinks[i]);
        int got;
        while ((got = av_buffersink_get_frame(filter->sinks[i], filter->out)) >= 0) {
            const int64_t number = av_rescale_q(filter->out->pts, tick, (AVRational){ 1, 1 });
            const bool done = deliver(filter, i, filter->out, (uint64_t)number, err);
            av_frame_unref(filter->out);
            if (!done)
                return false;
        }
        if (got != AVERROR(EAGAIN) && got != AVERROR_EOF)
            return media_fail(err, got, "filter");
    }
    return true;
}

// The picture in our terms: JPEG's formats are the usual ones with a full range.
static void normalise(const struct filter *filter, AVFrame *picture)
{
    static const struct {
        enum AVPixelFormat jpeg, usual;
    } rows[] = { { AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P },
                 { AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P },
                 { AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P },
                 { AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUV440P },
                 { AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUV411P } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (picture->format == rows[i].jpeg) {
            picture->format = rows[i].usual;
            picture->color_range = AVCOL_RANGE_JPEG;
        }
    }
    // Every rendition has the source's range.
    if (picture->color_range == AVCOL_RANGE_UNSPECIFIED && filter->chain->keeps_range)
        picture->color_range = (enum AVColorRange)filter->params.renditions[0]->colour.range;
    if (picture->interlaced_frame)
        return;
    for (size_t i = 0; i < filter->params.rendition_count; i++) {
        const struct rendition_video *rendition = filter->params.renditions[i];
        if (!rendition->deinterlace)
            continue;
        picture->interlaced_frame = 1;
        picture->top_field_first = rendition->field_order != MEDIA_BOTTOM_FIRST;
    }
}

static bool add_owned(struct filter *filter, uint64_t number, struct sr_err *err)
{
    AVFrame *in = filter->in;
    normalise(filter, in);
    const bool is_other =
        in->width != filter->width || in->height != filter->height || in->format != filter->format;
    if (is_other) {
        if (!filter_end(filter, err) || !build(filter, in, err))
            return false;
        normalise(filter, in);  // the new chain may say more
    }
    for (size_t i = 0; i < filter->params.rendition_count; i++) {
        if (!filter->sinks[i] && !deliver(filter, i, in, number, err))
            return false;
    }
    if (!filter->graph)
        return true;
    in->pts = (int64_t)number;
    in->pkt_duration = 0;
    const int failed = av_buffersrc_add_frame(filter->source, in);
    if (failed < 0)
        return media_fail(err, failed, "filter");
    return drain(filter, err);
}

bool filter_add(struct filter *filter, const AVFrame *picture, uint64_t number, struct sr_err *err)
{
    if (av_frame_ref(filter->in, picture) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "picture");
    const bool done = add_owned(filter, number, err);
    av_frame_unref(filter->in);
    return done || sr_err_wrap(err, "picture %" PRIu64, number);
}

bool filter_end(struct filter *filter, struct sr_err *err)
{
    filter->width = filter->height = 0;  // what comes next gets a graph of its own
    if (!filter->graph)
        return true;
    const int failed = av_buffersrc_add_frame(filter->source, NULL);
    if (failed < 0)
        return media_fail(err, failed, "end filters");
    const bool done = drain(filter, err);
    drop_graph(filter);
    return done;
}
