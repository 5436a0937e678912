// An element of "renditions": names, ranges and defaults of one encoding.
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/manifest_priv.h"
#include "pipeline/quantity.h"

enum {
    BITRATE_MIN = 1000,
    RATE_BITS_MAX = 2000000000,
    SAMPLE_RATE_MIN = 8000,
    SAMPLE_RATE_MAX = 192000,
    TRACK_MAX = MEDIA_STREAMS_MAX - 1,
};

static const char *const codec_names[] = { "h264", "aac", "copy", NULL };
static const enum media_kind codec_kinds[] = { MEDIA_VIDEO, MEDIA_AUDIO, MEDIA_AUDIO };

static const char *const preset_names[] = { "ultrafast", "superfast", "veryfast", "faster",
                                            "fast",      "medium",    "slow",     "slower",
                                            "veryslow",  NULL };
static const char *const tune_names[] = { "film",       "animation", "grain", "stillimage",
                                          "fastdecode", "psnr",      "ssim",  NULL };
static const char *const profile_names[] = {
    "baseline", "main", "high", "high10", "high422", NULL
};
static const char *const pixel_format_names[] = { "yuv420p", "yuv420p10le", "yuv422p",
                                                  "yuv422p10le", NULL };

static const char *const video_keys[] = { "id",          "codec",     "width", "height",
                                          "crf",         "preset",    "tune",  "profile",
                                          "maxrate",     "bufsize",   "fps",   "pixel_format",
                                          "deinterlace", "if_larger", NULL };
static const char *const audio_keys[] = { "id",       "codec", "bitrate", "sample_rate",
                                          "channels", "track", NULL };

struct manifest_rendition manifest_rendition_default(enum media_kind kind)
{
    struct manifest_rendition made = { .asked = { .kind = kind, .crf = -1, .track = -1 } };
    (void)snprintf(made.asked.id, sizeof(made.asked.id), "%s",
                   kind == MEDIA_VIDEO ? "video" : "audio");
    (void)snprintf(made.asked.codec, sizeof(made.asked.codec), "%s",
                   kind == MEDIA_VIDEO ? "h264" : "aac");
    return made;
}

// An id is a folder's and a file's name.
static bool read_id(const struct jx *at, struct rendition *asked, struct sr_err *err)
{
    if (!manifest_copy(at, "id", asked->id, sizeof(asked->id), err))
        return false;
    for (const char *c = asked->id; *c; c++) {
        const bool plain =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        const bool inner = c > asked->id && (*c == '_' || *c == '-' || *c == '.');
        if (!plain && !inner) {
            const struct jx place = jx_get(at, "id");
            return jx_fail(
                &place, err,
                "want letters and digits, and after the first also \"_\", \"-\" and \".\"");
        }
    }
    return true;
}

static bool read_int(const struct jx *at, const char *key, int min, int max, int *ret,
                     struct sr_err *err)
{
    int64_t value = *ret;
    if (!jx_has(at, key))
        return true;
    if (!jx_int(at, key, min, max, &value, err))
        return false;
    *ret = (int)value;  // between two ints
    return true;
}

static bool read_bits(const struct jx *at, const char *key, int64_t *ret, struct sr_err *err)
{
    const struct jx place = jx_get(at, key);
    if (!place.value)
        return true;
    int64_t bits = -1;
    if (json_is_integer(place.value))
        bits = json_integer_value(place.value);
    else if (json_is_string(place.value) && !quantity_bits(json_string_value(place.value), &bits))
        bits = -1;
    if (bits < BITRATE_MIN || bits > RATE_BITS_MAX)
        return jx_fail(&place, err,
                       "want bits as \"6M\", \"128k\" or a whole number, from %d to %d",
                       BITRATE_MIN, RATE_BITS_MAX);
    *ret = bits;
    return true;
}

static bool read_fps(const struct jx *at, struct media_rational *ret, struct sr_err *err)
{
    const struct jx place = jx_get(at, "fps");
    if (!place.value)
        return true;
    char number[40];
    if (!quantity_rate(manifest_spelling(&place, number), ret))
        return jx_fail(&place, err,
                       "want frames per second as 25, \"30000/1001\" or \"29.97\", at most 1000");
    return true;
}

static bool read_choice(const struct jx *at, const char *key, const char *const *names,
                        char *buffer, size_t capacity, struct sr_err *err)
{
    if (!jx_has(at, key))
        return true;
    int index;
    if (!manifest_name(at, key, names, &index, err))
        return false;
    return sr_format(buffer, capacity, "%s", names[index]) ||
           sr_fail(err, SR_ERR_INTERNAL, "%s: the name \"%s\" is too long for its field", key,
                   names[index]);
}

static bool read_video(const struct jx *at, struct manifest_rendition *ret, struct sr_err *err)
{
    static const char *const if_larger_names[] = { "refuse", "drop", NULL };
    struct rendition *const asked = &ret->asked;
    static const char *const targets[] = { "bitrate", "b:v" };
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (jx_has(at, targets[i])) {
            const struct jx place = jx_get(at, targets[i]);
            (void)jx_fail(
                &place, err,
                "a target bitrate for video cannot be kept over the whole title yet; use \"crf\", "
                "with \"maxrate\" and \"bufsize\" for an upper limit");
            err->code = SR_ERR_UNSUPPORTED;
            return false;
        }
    }
    int if_larger = 0;
    if (!jx_only(at, video_keys, err) ||
        !read_int(at, "width", 2, MEDIA_SIDE_MAX, &asked->width, err) ||
        !read_int(at, "height", 2, MEDIA_SIDE_MAX, &asked->height, err) ||
        !jx_real_opt(at, "crf", 0, 51, &asked->crf, err) ||
        !read_choice(at, "preset", preset_names, asked->preset, sizeof(asked->preset), err) ||
        !read_choice(at, "tune", tune_names, asked->tune, sizeof(asked->tune), err) ||
        !read_choice(at, "profile", profile_names, asked->profile, sizeof(asked->profile), err) ||
        !read_choice(at, "pixel_format", pixel_format_names, asked->pixel_format,
                     sizeof(asked->pixel_format), err) ||
        !read_bits(at, "maxrate", &asked->maxrate_bps, err) ||
        !read_bits(at, "bufsize", &asked->bufsize_bits, err) || !read_fps(at, &asked->fps, err) ||
        !jx_bool_opt(at, "deinterlace", &asked->deinterlace, err))
        return false;
    if (jx_has(at, "if_larger") &&
        !manifest_name(at, "if_larger", if_larger_names, &if_larger, err))
        return false;
    ret->drops_if_larger = if_larger == 1;
    if (asked->bufsize_bits > 0 && asked->maxrate_bps == 0)
        return jx_fail(at, err, "\"bufsize\" needs \"maxrate\"");
    if (asked->maxrate_bps > 0 && asked->bufsize_bits == 0)
        asked->bufsize_bits = 2 * asked->maxrate_bps;
    return true;
}

static bool read_audio(const struct jx *at, struct manifest_rendition *ret, struct sr_err *err)
{
    struct rendition *const asked = &ret->asked;
    if (!jx_only(at, audio_keys, err) || !read_bits(at, "bitrate", &asked->bitrate_bps, err) ||
        !read_int(at, "sample_rate", SAMPLE_RATE_MIN, SAMPLE_RATE_MAX, &asked->sample_rate, err) ||
        !read_int(at, "channels", 1, MEDIA_AUDIO_CHANNELS_MAX, &asked->channels, err) ||
        !read_int(at, "track", 0, TRACK_MAX, &asked->track, err))
        return false;
    if (strcmp(asked->codec, "copy") == 0 &&
        (asked->bitrate_bps || asked->sample_rate || asked->channels))
        return jx_fail(
            at, err,
            "\"copy\" changes nothing: leave \"bitrate\", \"sample_rate\" and \"channels\" out");
    return true;
}

bool manifest_rendition_parse(const struct jx *at, struct manifest_rendition *ret,
                              struct sr_err *err)
{
    int codec;
    if (!json_is_object(at->value))
        return jx_fail(at, err, "want an object");
    if (!manifest_name(at, "codec", codec_names, &codec, err))
        return false;
    struct manifest_rendition made = manifest_rendition_default(codec_kinds[codec]);
    (void)snprintf(made.asked.codec, sizeof(made.asked.codec), "%s", codec_names[codec]);
    if (!read_id(at, &made.asked, err))
        return false;
    if (codec_kinds[codec] == MEDIA_VIDEO ? !read_video(at, &made, err)
                                          : !read_audio(at, &made, err))
        return false;
    *ret = made;
    return true;
}
