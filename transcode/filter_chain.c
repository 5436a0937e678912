#include "transcode/filter_chain.h"

#include <libavutil/pixdesc.h>
#include <string.h>

#include "base/str.h"

// Where one rendition's chain has come to.
struct place {
    struct filter_chain *chain;
    const struct rendition_video *rendition;
    bool from_rgb;
    size_t step;
};

static const struct filter_step *here(const struct place *place)
{
    return &place->chain->steps[place->step];
}

static enum AVPixelFormat target_format(const struct place *place)
{
    return av_get_pix_fmt(place->rendition->pixel_format);
}

// Goes on to `next`, or to an equal step that is there already.
static bool go(struct place *place, struct filter_step *next, struct sr_err *err)
{
    struct filter_chain *chain = place->chain;
    next->parent = place->step;
    for (size_t i = 1; i < chain->step_count; i++) {
        const struct filter_step *step = &chain->steps[i];
        if (step->parent == next->parent && strcmp(step->filter, next->filter) == 0 &&
            strcmp(step->args, next->args) == 0 && step->format == next->format) {
            place->step = i;
            return true;
        }
    }
    if (chain->step_count == FILTER_STEPS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d filters", FILTER_STEPS_MAX);
    chain->steps[next->parent].consumer_count++;
    place->step = chain->step_count++;
    chain->steps[place->step] = *next;
    return true;
}

static bool scale(struct place *place, int width, int height, enum AVPixelFormat format,
                  struct sr_err *err)
{
    const struct filter_step *from = here(place);
    if (from->width == width && from->height == height && from->format == format)
        return true;
    // Fields that are still apart are scaled apart.
    const bool has_fields = place->rendition->is_interlaced ||
                            (place->rendition->deinterlace && from->format != format &&
                             from->width == width && from->height == height && place->step == 0);
    const int range = place->rendition->colour.range;
    struct filter_step next = {
        .filter = "scale", .width = width, .height = height, .format = format, .sets_format = true
    };
    if (!sr_format(next.args, sizeof(next.args),
                   "w=%d:h=%d:flags=" FILTER_SCALE_FLAGS ":interl=%d%s%s", width, height,
                   has_fields,
                   range == 2   ? ":out_range=full"
                   : range == 1 ? ":out_range=limited"
                                : "",
                   place->from_rgb ? ":out_color_matrix=bt709" : ""))
        return sr_fail(err, SR_ERR_INTERNAL, "scale filter");
    return go(place, &next, err);
}

static bool crop(struct place *place, struct sr_err *err)
{
    const struct filter_step *from = here(place);
    int width, height;
    rendition_crop(place->rendition, from->width, from->height, &width, &height);
    if (width == from->width && height == from->height)
        return true;
    struct filter_step next = {
        .filter = "crop", .width = width, .height = height, .format = from->format
    };
    // `exact`: an even size of samples that are kept, whatever chroma the source has.
    if (!sr_format(next.args, sizeof(next.args), "w=%d:h=%d:x=0:y=0:exact=1", width, height))
        return sr_fail(err, SR_ERR_INTERNAL, "crop filter");
    return go(place, &next, err);
}

// What bwdif takes: planes of one component each.
static bool has_planes(enum AVPixelFormat format)
{
    const AVPixFmtDescriptor *info = av_pix_fmt_desc_get(format);
    if (!info || info->flags & (AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM |
                                AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_BE))
        return false;
    return av_pix_fmt_count_planes(format) == info->nb_components && info->nb_components == 3;
}

static bool deinterlace(struct place *place, struct sr_err *err)
{
    if (!place->rendition->deinterlace)
        return true;
    if (!has_planes(here(place)->format) &&
        !scale(place, here(place)->width, here(place)->height, target_format(place), err))
        return false;
    struct filter_step next = *here(place);
    next.filter = "bwdif";
    next.sets_format = false;
    next.consumer_count = 0;
    memcpy(next.args, "mode=send_frame:parity=auto:deint=all",
           sizeof("mode=send_frame:parity=auto:deint=all"));
    return go(place, &next, err);
}

static bool turn_by(struct place *place, const char *filter, const char *args, bool is_quarter,
                    struct sr_err *err)
{
    struct filter_step next = *here(place);
    next.filter = filter;
    next.sets_format = false;
    next.consumer_count = 0;
    if (!sr_format(next.args, sizeof(next.args), "%s", args))
        return sr_fail(err, SR_ERR_INTERNAL, "%s", filter);
    if (is_quarter) {
        next.width = here(place)->height;
        next.height = here(place)->width;
    }
    return go(place, &next, err);
}

// Turning exchanges the two directions' chroma: formats that halve only one of them are converted
// before.
static bool make_turnable(struct place *place, struct sr_err *err)
{
    const AVPixFmtDescriptor *info = av_pix_fmt_desc_get(here(place)->format);
    if (info->log2_chroma_w == info->log2_chroma_h)
        return true;
    enum AVPixelFormat format = target_format(place);
    const AVPixFmtDescriptor *target = av_pix_fmt_desc_get(format);
    if (target->log2_chroma_w != target->log2_chroma_h)
        format = target->comp[0].depth > 8 ? AV_PIX_FMT_YUV444P10 : AV_PIX_FMT_YUV444P;
    return scale(place, here(place)->width, here(place)->height, format, err);
}

static bool turn(struct place *place, struct sr_err *err)
{
    const struct rendition_video *rendition = place->rendition;
    if (rendition->is_mirrored && !turn_by(place, "hflip", "", false, err))
        return false;
    switch (rendition->rotation) {
    case 90:
        return make_turnable(place, err) && turn_by(place, "transpose", "dir=clock", true, err);
    case 180:
        return turn_by(place, "vflip", "", false, err) && turn_by(place, "hflip", "", false, err);
    case 270:
        return make_turnable(place, err) && turn_by(place, "transpose", "dir=cclock", true, err);
    default: return true;
    }
}

static bool scale_down(struct place *place, struct sr_err *err)
{
    const struct rendition_video *rendition = place->rendition;
    const enum AVPixelFormat format = target_format(place);
    for (int i = 0; i < rendition->rung_count; i++) {
        // A picture smaller than planned joins further down.
        if (rendition->rung[i].height < here(place)->height &&
            rendition->rung[i].width < here(place)->width &&
            !scale(place, rendition->rung[i].width, rendition->rung[i].height, format, err))
            return false;
    }
    return scale(place, rendition->width, rendition->height, format, err);
}

bool filter_chain_make(const struct filter_chain_params *params, struct filter_chain *ret,
                       struct sr_err *err)
{
    memset(ret, 0, sizeof(*ret));
    ret->step_count = 1;
    ret->steps[0] = (struct filter_step){
        .filter = "", .width = params->width, .height = params->height, .format = params->format
    };
    const AVPixFmtDescriptor *info = av_pix_fmt_desc_get(params->format);
    if (!info)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "pixel format %d", (int)params->format);
    const bool from_rgb = info->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL);
    ret->keeps_range = !from_rgb && info->nb_components >= 3;
    for (size_t i = 0; i < params->rendition_count; i++) {
        struct place place = { .chain = ret,
                               .rendition = params->renditions[i],
                               .from_rgb = from_rgb };
        if ((params->is_planned_size && !crop(&place, err)) || !deinterlace(&place, err) ||
            !turn(&place, err) || !scale_down(&place, err))
            return false;
        ret->leaf[i] = place.step;
        if (place.step != 0)
            ret->steps[place.step].consumer_count++;
    }
    return true;
}
