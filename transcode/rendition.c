#include "transcode/rendition.h"

#include <inttypes.h>
#include <libavutil/mathematics.h>
#include <libavutil/pixdesc.h>
#include <limits.h>
#include <string.h>

#include "base/str.h"
#include "transcode/encode.h"

enum { TRANSFER_PQ = 16, TRANSFER_HLG = 18, MATRIX_RGB = 0, MATRIX_BT709 = 1, UNSPECIFIED = 2 };

// What is worked out before the result can be filled in.
struct draft {
    const struct rendition *asked;
    const struct media_stream *source;
    const struct encode_codec *codec;
    const struct encode_profile *profile;  // NULL: not asked for
    const AVPixFmtDescriptor *format;      // of the output
    bool is_turned;                        // width and height change places
    int width, height;                     // of the source, cropped and upright
    struct media_rational sample_aspect;   // of the source, upright
};

// Names and numbers ------------------------------------------------------------------------------

static bool find_name(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

static bool fail_choice(const char *what, const char *got, const char *const *names,
                        struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str list = { 0 };
    for (; *names; names++) {
        if (!sr_str_addf(&list, err, " %s", *names))
            return false;
    }
    return sr_fail(err, SR_ERR_INVALID, "%s \"%s\": want one of%s", what, got, sr_str_text(&list));
}

static bool find_profile(struct draft *draft, struct sr_err *err)
{
    const char *names[16] = { 0 };
    size_t count = 0;
    for (const struct encode_profile *row = draft->codec->profiles; row->name && count < 15;
         row++) {
        if (strcmp(row->name, draft->asked->profile) == 0)
            draft->profile = row;
        names[count++] = row->name;
    }
    return draft->profile || fail_choice("profile", draft->asked->profile, names, err);
}

static bool check_rate_control(const struct draft *draft, struct sr_err *err)
{
    const struct rendition *asked = draft->asked;
    if (!(asked->crf <= draft->codec->crf_max))  // also refuses what is no number
        return sr_fail(err, SR_ERR_INVALID, "crf %g: want 0..%g", asked->crf,
                       draft->codec->crf_max);
    if (asked->maxrate_bps < 0 || asked->bufsize_bits < 0 || asked->maxrate_bps > INT_MAX ||
        asked->bufsize_bits > INT_MAX)
        return sr_fail(err, SR_ERR_INVALID, "maxrate and bufsize: want 0..%d", INT_MAX);
    if (asked->bufsize_bits > 0 && asked->maxrate_bps == 0)
        return sr_fail(err, SR_ERR_INVALID, "bufsize without maxrate");
    const struct media_rational fps = asked->fps;
    if ((fps.num || fps.den) &&
        (fps.num <= 0 || fps.den <= 0 || (int64_t)fps.num > (int64_t)fps.den * RENDITION_FPS_MAX))
        return sr_fail(err, SR_ERR_INVALID, "fps %d/%d: want more than 0 and at most %d", fps.num,
                       fps.den, RENDITION_FPS_MAX);
    return true;
}

static bool check_names(struct draft *draft, struct sr_err *err)
{
    const struct rendition *asked = draft->asked;
    draft->codec = encode_codec_find(asked->codec);
    if (!draft->codec) {
        const char *names[16] = { 0 };
        for (size_t i = 0; i < 15 && encode_codecs[i].name; i++)
            names[i] = encode_codecs[i].name;
        return fail_choice("codec", asked->codec, names, err);
    }
    if (asked->preset[0] && !find_name(draft->codec->presets, asked->preset))
        return fail_choice("preset", asked->preset, draft->codec->presets, err);
    if (asked->tune[0] && !find_name(draft->codec->tunes, asked->tune))
        return fail_choice("tune", asked->tune, draft->codec->tunes, err);
    if (asked->profile[0] && !find_profile(draft, err))
        return false;
    return check_rate_control(draft, err);
}

// Pixels -----------------------------------------------------------------------------------------

static bool is_hdr(const struct media_stream *source)
{
    const int transfer = source->video.colour.transfer;
    return transfer == TRANSFER_PQ || transfer == TRANSFER_HLG;
}

static bool choose_format(struct draft *draft, struct rendition_video *video, struct sr_err *err)
{
    const char *name = draft->asked->pixel_format;
    if (!name[0])
        name = is_hdr(draft->source) ? "yuv420p10le" : "yuv420p";
    if (!find_name(draft->codec->pixel_formats, name))
        return fail_choice("pixel_format", name, draft->codec->pixel_formats, err);
    draft->format = av_pix_fmt_desc_get(av_get_pix_fmt(name));
    if (!draft->format || !sr_format(video->pixel_format, sizeof(video->pixel_format), "%s", name))
        return sr_fail(err, SR_ERR_UNSUPPORTED, "libavutil of this machine has no %s", name);
    const struct encode_profile *profile = draft->profile;
    if (profile && (draft->format->comp[0].depth > profile->depth_max ||
                    draft->format->log2_chroma_w < profile->log2_chroma_w_min ||
                    draft->format->log2_chroma_h < profile->log2_chroma_h_min))
        return sr_fail(err, SR_ERR_INVALID, "profile %s cannot hold %s", profile->name, name);
    return true;
}

static void choose_colour(const struct draft *draft, struct rendition_video *video)
{
    struct media_colour *colour = &video->colour;
    *colour = draft->source->video.colour;
    const char *name = draft->source->video.pixel_format;
    const AVPixFmtDescriptor *from = av_pix_fmt_desc_get(av_get_pix_fmt(name));
    const bool is_rgb = from && (from->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL));
    const bool is_grey = from && from->nb_components < 3 && !is_rgb;
    if (is_rgb || colour->matrix == MATRIX_RGB) {
        colour->matrix = is_rgb ? MATRIX_BT709 : UNSPECIFIED;
        colour->range = 1;
    }
    if (strncmp(name, "yuvj", 4) == 0)
        colour->range = 2;
    if (is_grey && colour->range == 0)
        colour->range = 1;  // the scaler takes grey as full range
    // Where chroma lies is only kept for samples that stay where they are.
    if (draft->format->log2_chroma_w != 1 || draft->format->log2_chroma_h != 1 || !from ||
        from->log2_chroma_w != 1 || from->log2_chroma_h != 1)
        colour->chroma_location = 0;
}

static bool is_between(struct media_rational value, double min, double max)
{
    const double real = value.den > 0 ? (double)value.num / value.den : -1;
    return real >= min && real <= max;
}

// Values that no stream can carry are a broken file's: they are left out.
static void choose_hdr(const struct draft *draft, struct rendition_video *video)
{
    const struct media_hdr *from = &draft->source->video.hdr;
    bool is_sane = is_between(from->luminance_max, 0, 100000) &&
                   is_between(from->luminance_min, 0, 100000) &&
                   av_cmp_q((AVRational){ from->luminance_min.num, from->luminance_min.den },
                            (AVRational){ from->luminance_max.num, from->luminance_max.den }) < 0;
    for (int i = 0; i < 2; i++) {
        is_sane = is_sane && is_between(from->white[i], 0, 1);
        for (int j = 0; j < 3; j++)
            is_sane = is_sane && is_between(from->primaries[j][i], 0, 1);
    }
    video->hdr = (struct media_hdr){ 0 };
    if (from->has_mastering && is_sane) {
        video->hdr = *from;
        video->hdr.has_light = false;
        video->hdr.max_content = video->hdr.max_average = 0;
    }
    if (from->has_light && from->max_content <= UINT16_MAX && from->max_average <= UINT16_MAX) {
        video->hdr.has_light = true;
        video->hdr.max_content = from->max_content;
        video->hdr.max_average = from->max_average;
    }
}

// Size -------------------------------------------------------------------------------------------

static int turned(int rotation)
{
    return rotation == 90 || rotation == 270;
}

void rendition_crop(const struct rendition_video *video, int source_width, int source_height,
                    int *ret_width, int *ret_height)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(av_get_pix_fmt(video->pixel_format));
    int across = format->log2_chroma_w, down = format->log2_chroma_h;
    if (turned(video->rotation)) {
        across = format->log2_chroma_h;
        down = format->log2_chroma_w;
    }
    *ret_width = source_width >> across << across;
    *ret_height = source_height >> down << down;
}

static bool measure_source(struct draft *draft, struct rendition_video *video, struct sr_err *err)
{
    const struct media_stream *source = draft->source;
    const int width = source->video.width, height = source->video.height;
    if (width < RENDITION_SIDE_MIN || height < RENDITION_SIDE_MIN || width > MEDIA_SIDE_MAX ||
        height > MEDIA_SIDE_MAX)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "source of %dx%d: want sides of %d..%d", width,
                       height, RENDITION_SIDE_MIN, MEDIA_SIDE_MAX);
    const int rotation = source->video.rotation;
    if (rotation % 90 != 0 || rotation < 0 || rotation > 270)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "rotation by %d degrees", rotation);
    video->rotation = rotation;
    video->is_mirrored = source->video.is_mirrored;
    draft->is_turned = turned(rotation);
    struct media_rational aspect = source->video.sample_aspect;
    if (aspect.num <= 0 || aspect.den <= 0)
        aspect = (struct media_rational){ 1, 1 };
    int cropped_width, cropped_height;
    rendition_crop(video, width, height, &cropped_width, &cropped_height);
    draft->width = draft->is_turned ? cropped_height : cropped_width;
    draft->height = draft->is_turned ? cropped_width : cropped_height;
    draft->sample_aspect =
        draft->is_turned ? (struct media_rational){ aspect.den, aspect.num } : aspect;
    return true;
}

// `of` * `num` / `den`, to the nearest multiple of 1 << `log2`.
static int scaled_side(int of, int num, int den, int log2)
{
    const int64_t unit = INT64_C(1) << log2;
    return (int)(av_rescale_rnd(of, num, den * unit, AV_ROUND_NEAR_INF) * unit);
}

// Keeps the picture's shape: the same samples when the size keeps it within rounding, else samples
// of another one.
static void choose_aspect(const struct draft *draft, struct rendition_video *video)
{
    const int want =
        scaled_side(draft->width, video->height, draft->height, draft->format->log2_chroma_w);
    video->sample_aspect = draft->sample_aspect;
    if (video->width == want)
        return;
    AVRational aspect = { draft->sample_aspect.num, draft->sample_aspect.den };
    aspect = av_mul_q(aspect, (AVRational){ draft->width, draft->height });
    aspect = av_mul_q(aspect, (AVRational){ video->height, video->width });
    int num, den;
    av_reduce(&num, &den, aspect.num, aspect.den, UINT16_MAX);
    if (num > 0 && den > 0)
        video->sample_aspect = (struct media_rational){ num, den };
}

static bool choose_size(const struct draft *draft, struct rendition_video *video,
                        struct sr_err *err)
{
    const struct rendition *asked = draft->asked;
    const int across = draft->format->log2_chroma_w, down = draft->format->log2_chroma_h;
    if (asked->width < 0 || asked->height < 0)
        return sr_fail(err, SR_ERR_INVALID, "size %dx%d", asked->width, asked->height);
    if (!asked->width != !asked->height &&
        (asked->width > draft->width + 1 || asked->height > draft->height + 1))
        return sr_fail(err, SR_ERR_INVALID,
                       "%s %d is more than the source's %dx%d: give both sides to enlarge",
                       asked->width ? "width" : "height",
                       asked->width ? asked->width : asked->height, draft->width, draft->height);
    video->width = asked->width >> across << across;
    video->height = asked->height >> down << down;
    if (!asked->width && !asked->height) {
        video->width = draft->width;
        video->height = draft->height;
    } else if (!asked->width) {
        video->width = scaled_side(draft->width, video->height, draft->height, across);
    } else if (!asked->height) {
        video->height = scaled_side(draft->height, video->width, draft->width, down);
    }
    if (video->width < RENDITION_SIDE_MIN || video->height < RENDITION_SIDE_MIN ||
        video->width > MEDIA_SIDE_MAX || video->height > MEDIA_SIDE_MAX)
        return sr_fail(err, SR_ERR_INVALID, "size %dx%d: want sides of %d..%d", video->width,
                       video->height, RENDITION_SIDE_MIN, MEDIA_SIDE_MAX);
    choose_aspect(draft, video);
    return true;
}

static void choose_rungs(const struct draft *draft, struct rendition_video *video)
{
    static const int heights[] = { 2160, 1080, 720, 360 };
    for (size_t i = 0; i < sizeof(heights) / sizeof(heights[0]); i++) {
        const int height = heights[i];
        if (height >= draft->height || height <= video->height)
            continue;
        const int width = scaled_side(draft->width, height, draft->height, 1);
        if (width < video->width || width < RENDITION_SIDE_MIN)
            continue;
        video->rung[video->rung_count].width = width;
        video->rung[video->rung_count++].height = height;
    }
}

// Interlaced pictures stay so where nothing would mix their fields and the encoder can say it.
static void choose_fields(const struct draft *draft, struct rendition_video *video)
{
    const struct media_stream *source = draft->source;
    const bool can_stay = !draft->asked->deinterlace && video->height == draft->height &&
                          video->rotation == 0 && draft->codec->can_interlace &&
                          (!draft->profile || draft->profile->can_interlace) &&
                          video->height % draft->codec->interlaced_rows == 0;
    video->is_interlaced = source->video.is_interlaced && can_stay;
    video->deinterlace = draft->asked->deinterlace || (source->video.is_interlaced && !can_stay);
    if (video->is_interlaced || video->deinterlace)
        video->field_order =
            source->video.field_order == MEDIA_BOTTOM_FIRST ? MEDIA_BOTTOM_FIRST : MEDIA_TOP_FIRST;
}

// Time -------------------------------------------------------------------------------------------

static bool is_rate(struct media_rational rate)
{
    return rate.num > 0 && rate.den > 0 && rate.num / rate.den <= RENDITION_FPS_MAX;
}

// Whether one picture at this rate lasts as long as the table's pictures do, within a tick.
static bool fits_table(struct media_rational rate, const struct packet_table *table)
{
    const int64_t ticks = av_rescale_q(1, (AVRational){ rate.den, rate.num },
                                       (AVRational){ table->time_base.num, table->time_base.den });
    return ticks >= table->frame_ticks - 1 && ticks <= table->frame_ticks + 1;
}

static struct media_rational nominal_rate(const struct draft *draft,
                                          const struct packet_table *table)
{
    const struct media_rational rate = draft->source->video.rate;
    const struct media_rational average = draft->source->video.average_rate;
    if (!table->is_variable && is_rate(rate) && fits_table(rate, table))
        return rate;
    if (is_rate(average) && (table->is_variable || fits_table(average, table)))
        return average;
    int num, den;
    av_reduce(&num, &den, table->time_base.den, table->time_base.num * table->frame_ticks, 1000000);
    const struct media_rational measured = { num, den };
    return is_rate(measured) ? measured : (struct media_rational){ 25, 1 };
}

static void choose_time(const struct draft *draft, const struct packet_table *table,
                        struct rendition_video *video)
{
    int tick_num = table->time_base.num, tick_den = table->time_base.den;
    video->rate = draft->asked->fps;
    if (video->rate.num)
        av_reduce(&tick_num, &tick_den, video->rate.den, video->rate.num, INT_MAX);
    else
        video->rate = nominal_rate(draft, table);
    av_reduce(&tick_num, &tick_den, tick_num, tick_den, INT_MAX);
    int scale = tick_den;
    if (scale < RENDITION_TIMESCALE_MIN)
        scale *= (RENDITION_TIMESCALE_MIN + scale - 1) / scale;
    if (scale > RENDITION_TIMESCALE_MAX)
        scale = 1000000;
    video->time_base = (struct media_rational){ 1, scale };
}

bool rendition_resolve(const struct rendition *asked, const struct media_stream *source,
                       const struct packet_table *table, struct rendition_video *ret,
                       struct sr_err *err)
{
    struct rendition_video video = { .asked = *asked };
    struct draft draft = { .asked = asked, .source = source };
    if (asked->kind != MEDIA_VIDEO || source->kind != MEDIA_VIDEO)
        return sr_fail(err, SR_ERR_INVALID, "rendition \"%s\": not video", asked->id);
    if (table->time_base.num <= 0 || table->time_base.den <= 0 || table->frame_ticks <= 0)
        return sr_fail(err, SR_ERR_INVALID, "rendition \"%s\": source without a time base",
                       asked->id);
    if (!check_names(&draft, err) || !choose_format(&draft, &video, err) ||
        !measure_source(&draft, &video, err) || !choose_size(&draft, &video, err))
        return sr_err_wrap(err, "rendition \"%s\"", asked->id);
    choose_colour(&draft, &video);
    choose_hdr(&draft, &video);
    choose_rungs(&draft, &video);
    choose_fields(&draft, &video);
    choose_time(&draft, table, &video);
    if (!video.asked.preset[0])
        memcpy(video.asked.preset, draft.codec->preset, strlen(draft.codec->preset) + 1);
    if (video.asked.crf < 0)
        video.asked.crf = draft.codec->crf;
    if (video.asked.maxrate_bps > 0 && video.asked.bufsize_bits == 0)
        video.asked.bufsize_bits = video.asked.maxrate_bps > INT_MAX / 2
                                       ? INT_MAX
                                       : 2 * video.asked.maxrate_bps;  // two seconds of it
    *ret = video;
    return true;
}

// JSON -------------------------------------------------------------------------------------------

static json_t *rational_json(struct media_rational value)
{
    return json_pack("[i,i]", value.num, value.den);
}

static json_t *mastering_json(const struct media_hdr *hdr)
{
    return json_pack("[o,o,o,o,o,o,o,o,o,o]", rational_json(hdr->primaries[0][0]),
                     rational_json(hdr->primaries[0][1]), rational_json(hdr->primaries[1][0]),
                     rational_json(hdr->primaries[1][1]), rational_json(hdr->primaries[2][0]),
                     rational_json(hdr->primaries[2][1]), rational_json(hdr->white[0]),
                     rational_json(hdr->white[1]), rational_json(hdr->luminance_min),
                     rational_json(hdr->luminance_max));
}

static bool put_hdr(json_t *json, const struct media_hdr *hdr, struct sr_err *err)
{
    if (hdr->has_mastering && !jx_put(json, "mastering", mastering_json(hdr), err))
        return false;
    return !hdr->has_light ||
           jx_put(json, "light",
                  json_pack("[I,I]", (json_int_t)hdr->max_content, (json_int_t)hdr->max_average),
                  err);
}

static bool put_rungs(json_t *json, const struct rendition_video *video, struct sr_err *err)
{
    sr_auto(json) json_t *rungs = json_array();
    if (!jx_made(rungs, err))
        return false;
    for (int i = 0; i < video->rung_count; i++) {
        if (!jx_append(rungs, json_pack("[i,i]", video->rung[i].width, video->rung[i].height), err))
            return false;
    }
    return jx_put(json, "rungs", sr_take(rungs), err);
}

static const char *fields_name(const struct rendition_video *video)
{
    if (!video->is_interlaced && !video->deinterlace)
        return "progressive";
    return video->field_order == MEDIA_BOTTOM_FIRST ? "bottom_first" : "top_first";
}

bool rendition_video_json(const struct rendition_video *video, json_t **ret_json,
                          struct sr_err *err)
{
    const struct rendition *asked = &video->asked;
    sr_auto(json) json_t *json = json_object();
    if (!jx_made(json, err) || !jx_put(json, "codec", json_string(asked->codec), err) ||
        !jx_put(json, "preset", json_string(asked->preset), err) ||
        !jx_put(json, "tune", json_string(asked->tune), err) ||
        !jx_put(json, "profile", json_string(asked->profile), err) ||
        !jx_put(json, "crf", json_real(asked->crf), err) ||
        !jx_put(json, "maxrate_bps", json_integer(asked->maxrate_bps), err) ||
        !jx_put(json, "bufsize_bits", json_integer(asked->bufsize_bits), err) ||
        !jx_put(json, "fps", rational_json(asked->fps), err) ||
        !jx_put(json, "width", json_integer(video->width), err) ||
        !jx_put(json, "height", json_integer(video->height), err) ||
        !jx_put(json, "sample_aspect", rational_json(video->sample_aspect), err) ||
        !jx_put(json, "pixel_format", json_string(video->pixel_format), err) ||
        !jx_put(json, "interlaced", json_boolean(video->is_interlaced), err) ||
        !jx_put(json, "deinterlace", json_boolean(video->deinterlace), err) ||
        !jx_put(json, "fields", json_string(fields_name(video)), err) ||
        !jx_put(json, "colour",
                json_pack("[i,i,i,i,i]", video->colour.primaries, video->colour.transfer,
                          video->colour.matrix, video->colour.range, video->colour.chroma_location),
                err) ||
        !put_hdr(json, &video->hdr, err) ||
        !jx_put(json, "rotation", json_integer(video->rotation), err) ||
        !jx_put(json, "mirrored", json_boolean(video->is_mirrored), err) ||
        !put_rungs(json, video, err) ||
        !jx_put(json, "time_base", rational_json(video->time_base), err) ||
        !jx_put(json, "rate", rational_json(video->rate), err))
        return sr_err_wrap(err, "write rendition");
    *ret_json = sr_take(json);
    return true;
}
