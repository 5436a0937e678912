#include <inttypes.h>
#include <stdio.h>

#include "base/jx.h"
#include "transcode/probe.h"

static const char *const kind_names[] = {
    [MEDIA_VIDEO] = "video", [MEDIA_AUDIO] = "audio",           [MEDIA_SUBTITLE] = "subtitle",
    [MEDIA_DATA] = "data",   [MEDIA_ATTACHMENT] = "attachment",
};
static const char *const field_names[] = {
    [MEDIA_PROGRESSIVE] = "progressive",
    [MEDIA_TOP_FIRST] = "top_first",
    [MEDIA_BOTTOM_FIRST] = "bottom_first",
};

static json_t *known_int(int64_t value)
{
    return value == INT64_MIN ? json_null() : json_integer(value);
}

// "30000/1001", "64:45"; null when it is zero.
static json_t *ratio(struct media_rational value, char sign)
{
    char text[32];
    if (value.num == 0 || value.den == 0)
        return json_null();
    (void)snprintf(text, sizeof(text), "%d%c%d", value.num, sign, value.den);  // fits
    return json_string(text);
}

static bool put_text(json_t *object, const char *key, const char *text, struct sr_err *err)
{
    return jx_put(object, key, text[0] ? json_string(text) : json_null(), err);
}

static bool put_colour(json_t *object, const struct media_colour *colour, struct sr_err *err)
{
    static const char *const ranges[] = { NULL, "limited", "full" };
    const bool is_known = colour->range == 1 || colour->range == 2;
    sr_auto(json) json_t *json = json_object();
    return jx_made(json, err) && jx_put(json, "primaries", json_integer(colour->primaries), err) &&
           jx_put(json, "transfer", json_integer(colour->transfer), err) &&
           jx_put(json, "matrix", json_integer(colour->matrix), err) &&
           jx_put(json, "range", is_known ? json_string(ranges[colour->range]) : json_null(),
                  err) &&
           jx_put(json, "chroma_location", json_integer(colour->chroma_location), err) &&
           jx_put(object, "colour", sr_take(json), err);
}

static json_t *point(const struct media_rational at[2])
{
    return json_pack("[o, o]", ratio(at[0], '/'), ratio(at[1], '/'));
}

static bool put_hdr(json_t *object, const struct media_hdr *hdr, struct sr_err *err)
{
    if (!hdr->has_mastering && !hdr->has_light)
        return jx_put(object, "hdr", json_null(), err);
    sr_auto(json) json_t *json = json_object();
    if (!jx_made(json, err))
        return false;
    if (hdr->has_mastering &&
        !(jx_put(json, "red", point(hdr->primaries[0]), err) &&
          jx_put(json, "green", point(hdr->primaries[1]), err) &&
          jx_put(json, "blue", point(hdr->primaries[2]), err) &&
          jx_put(json, "white", point(hdr->white), err) &&
          jx_put(json, "luminance_min", ratio(hdr->luminance_min, '/'), err) &&
          jx_put(json, "luminance_max", ratio(hdr->luminance_max, '/'), err)))
        return false;
    if (hdr->has_light &&
        !(jx_put(json, "max_content", json_integer((json_int_t)hdr->max_content), err) &&
          jx_put(json, "max_average", json_integer((json_int_t)hdr->max_average), err)))
        return false;
    return jx_put(object, "hdr", sr_take(json), err);
}

static bool put_video(json_t *object, const struct media_stream *stream, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    return jx_made(json, err) && jx_put(json, "width", json_integer(stream->video.width), err) &&
           jx_put(json, "height", json_integer(stream->video.height), err) &&
           put_text(json, "pixel_format", stream->video.pixel_format, err) &&
           jx_put(json, "bit_depth", json_integer(stream->video.bit_depth), err) &&
           jx_put(json, "sample_aspect", ratio(stream->video.sample_aspect, ':'), err) &&
           jx_put(json, "rate", ratio(stream->video.rate, '/'), err) &&
           jx_put(json, "average_rate", ratio(stream->video.average_rate, '/'), err) &&
           jx_put(json, "rotation", json_integer(stream->video.rotation), err) &&
           jx_put(json, "mirrored", json_boolean(stream->video.is_mirrored), err) &&
           jx_put(json, "field_order", json_string(field_names[stream->video.field_order]), err) &&
           jx_put(json, "reorder_depth", json_integer(stream->video.reorder_depth), err) &&
           put_colour(json, &stream->video.colour, err) && put_hdr(json, &stream->video.hdr, err) &&
           jx_put(json, "captions", json_boolean(stream->video.has_captions), err) &&
           jx_put(object, "video", sr_take(json), err);
}

static bool put_audio(json_t *object, const struct media_stream *stream, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    return jx_made(json, err) &&
           jx_put(json, "sample_rate", json_integer(stream->audio.sample_rate), err) &&
           jx_put(json, "channels", json_integer(stream->audio.channels), err) &&
           put_text(json, "layout", stream->audio.layout, err) &&
           jx_put(json, "initial_padding", json_integer(stream->audio.initial_padding), err) &&
           jx_put(object, "audio", sr_take(json), err);
}

static bool put_stream(json_t *array, const struct media_stream *stream, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    return jx_made(json, err) && jx_put(json, "index", json_integer(stream->index), err) &&
           jx_put(json, "kind", json_string(kind_names[stream->kind]), err) &&
           jx_put(json, "codec", json_string(stream->codec), err) &&
           put_text(json, "profile", stream->profile, err) &&
           put_text(json, "language", stream->language, err) &&
           put_text(json, "title", stream->title, err) &&
           jx_put(json, "time_base", ratio(stream->time_base, '/'), err) &&
           jx_put(json, "start_pts", known_int(stream->start_pts), err) &&
           jx_put(json, "duration_ticks", known_int(stream->duration_ticks), err) &&
           jx_put(json, "bit_rate",
                  stream->bit_rate > 0 ? json_integer(stream->bit_rate) : json_null(), err) &&
           jx_put(json, "default", json_boolean(stream->is_default), err) &&
           jx_put(json, "attached_picture", json_boolean(stream->is_attached_picture), err) &&
           jx_put(json, "can_decode", json_boolean(stream->can_decode), err) &&
           (stream->kind != MEDIA_VIDEO || put_video(json, stream, err)) &&
           (stream->kind != MEDIA_AUDIO || put_audio(json, stream, err)) &&
           jx_append(array, sr_take(json), err);
}

static bool put_oddity(json_t *array, const struct probe_oddity *oddity, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    return jx_made(json, err) &&
           jx_put(json, "stream",
                  oddity->stream_index >= 0 ? json_integer(oddity->stream_index) : json_null(),
                  err) &&
           jx_put(json, "name", json_string(oddity->name), err) &&
           jx_put(json, "detail", json_string(oddity->detail), err) &&
           jx_append(array, sr_take(json), err);
}

bool probe_json(const struct probe *probe, json_t **ret_json, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    sr_auto(json) json_t *streams = json_array();
    sr_auto(json) json_t *oddities = json_array();
    if (!jx_made(json, err) || !jx_made(streams, err) || !jx_made(oddities, err))
        return false;
    for (size_t i = 0; i < probe->stream_count; i++) {
        if (!put_stream(streams, &probe->streams[i], err))
            return false;
    }
    for (size_t i = 0; i < probe->oddity_count; i++) {
        if (!put_oddity(oddities, &probe->oddities[i], err))
            return false;
    }
    const int video = probe->video_index;
    if (!jx_put(json, "format", json_string(probe->format), err) ||
        !jx_put(json, "bytes", json_integer((json_int_t)probe->bytes), err) ||
        !jx_put(json, "fragmented", json_boolean(probe->is_fragmented), err) ||
        !jx_put(json, "duration_us", known_int(probe->duration_us), err) ||
        !jx_put(json, "start_us", known_int(probe->start_us), err) ||
        !jx_put(json, "video_stream", video >= 0 ? json_integer(video) : json_null(), err) ||
        !jx_put(json, "streams", sr_take(streams), err) ||
        !jx_put(json, "oddities", sr_take(oddities), err))
        return false;
    *ret_json = sr_take(json);
    return true;
}
