// The table of codecs.
#include <inttypes.h>
#include <libavutil/cpu.h>
#include <math.h>
#include <string.h>

#include "transcode/bitstream.h"
#include "transcode/encode.h"
#include "transcode/encode_priv.h"

static bool put(AVDictionary **options, const char *key, const char *value, struct sr_err *err)
{
    if (av_dict_set(options, key, value, 0) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "encoder options");
    return true;
}

// x264 -------------------------------------------------------------------------------------------

static double real(struct media_rational value)
{
    return value.den ? (double)value.num / value.den : 0;
}

// As x264 spells it: chromaticity in 1/50000, luminance in 1/10000 cd/m2.
static bool add_hdr(const struct media_hdr *hdr, struct sr_str *text, struct sr_err *err)
{
    if (hdr->has_mastering) {
        long point[4][2];  // R, G, B, white
        for (int i = 0; i < 4; i++) {
            const struct media_rational *from = i < 3 ? hdr->primaries[i] : hdr->white;
            for (int j = 0; j < 2; j++)
                point[i][j] = lround(real(from[j]) * 50000);
        }
        if (!sr_str_addf(
                text, err, ":mastering-display=G(%ld,%ld)B(%ld,%ld)R(%ld,%ld)WP(%ld,%ld)L(%ld,%ld)",
                point[1][0], point[1][1], point[2][0], point[2][1], point[0][0], point[0][1],
                point[3][0], point[3][1], lround(real(hdr->luminance_max) * 10000),
                lround(real(hdr->luminance_min) * 10000)))
            return false;
    }
    if (!hdr->has_light)
        return true;
    return sr_str_addf(text, err, ":cll=%u,%u", hdr->max_content, hdr->max_average);
}

static bool x264_options(const struct encode_params *params, AVCodecContext *codec,
                         AVDictionary **options, struct sr_err *err)
{
    const struct rendition *asked = &params->video->asked;
    sr_auto(sr_str) struct sr_str text = { 0 };
    // The same bytes with every instruction set; and none when libav was told to use none.
    if (!sr_str_addf(&text, err, "cpu-independent=1:sliced-threads=0%s%s%s",
                     av_get_cpu_flags() == 0 ? ":asm=0" : "",
                     params->threads == 1 ? ":lookahead-threads=1" : "",
                     params->only_forced_keys ? ":keyint=infinite:scenecut=0" : "") ||
        !add_hdr(&params->video->hdr, &text, err))
        return false;
    if (asked->maxrate_bps > 0) {
        codec->rc_max_rate = asked->maxrate_bps;
        codec->rc_buffer_size = (int)asked->bufsize_bits;  // rendition_resolve checked that it fits
    }
    char crf[32];
    if (!sr_format(crf, sizeof(crf), "%.3f", asked->crf < 0 ? 23.0 : asked->crf))
        return sr_fail(err, SR_ERR_INVALID, "crf %g", asked->crf);
    return put(options, "preset", asked->preset[0] ? asked->preset : "medium", err) &&
           (!asked->tune[0] || put(options, "tune", asked->tune, err)) &&
           (!asked->profile[0] || put(options, "profile", asked->profile, err)) &&
           put(options, "crf", crf, err) && put(options, "forced-idr", "1", err) &&
           put(options, "x264-params", sr_str_text(&text), err);
}

static int x264_reorder_count(const AVCodecContext *codec)
{
    return codec->has_b_frames;
}

static bool h264_starts_clean(const AVPacket *packet)
{
    const struct bitstream_format format = { .codec_id = AV_CODEC_ID_H264, .can_confirm = true };
    return bitstream_inspect(&format, packet->data, (size_t)packet->size).start ==
           BITSTREAM_START_CLOSED;
}

static uint64_t x264_picture_count(const struct rendition_video *video, int threads)
{
    static const struct {
        const char *preset;
        uint64_t lookahead, references;
    } rows[] = {
        { "ultrafast", 0, 1 },  { "superfast", 0, 1 }, { "veryfast", 10, 1 }, { "faster", 20, 2 },
        { "fast", 30, 2 },      { "medium", 40, 3 },   { "slow", 50, 5 },     { "slower", 60, 8 },
        { "veryslow", 60, 16 }, { "placebo", 60, 16 },
    };
    uint64_t count = 60 + 16;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].preset, video->asked.preset[0] ? video->asked.preset : "medium") == 0)
            count = rows[i].lookahead + rows[i].references;
    }
    return count + 8 + 3 * (uint64_t)threads;  // 8: reordering and what is being filled and freed
}

static bool x264_signature(const AVPacket *packet, struct sr_str *text, struct sr_err *err)
{
    static const char mark[] = "x264 - core ";
    const char *at = memmem(packet->data, (size_t)packet->size, mark, sizeof(mark) - 1);
    if (!at)
        return sr_fail(err, SR_ERR_INTERNAL, "libx264 does not name its build");
    at += sizeof(mark) - 1;
    // "164 r3095 baee400 - H.264/..."; a packet is followed by zero padding, so a search ends.
    const size_t bytes = strcspn(at, "-");
    return sr_str_add(text, ", x264 ", err) &&
           sr_str_add_bytes(text, at, bytes && at[bytes - 1] == ' ' ? bytes - 1 : bytes, err);
}

static const char *const x264_presets[] = { "ultrafast", "superfast", "veryfast", "faster",
                                            "fast",      "medium",    "slow",     "slower",
                                            "veryslow",  "placebo",   NULL };
static const char *const x264_tunes[] = { "film", "animation",  "grain",       "stillimage", "psnr",
                                          "ssim", "fastdecode", "zerolatency", NULL };
static const struct encode_profile x264_profiles[] = {
    { "baseline", 8, 1, 1, false },
    { "main", 8, 1, 1, true },
    { "high", 8, 1, 1, true },
    { "high10", 10, 1, 1, true },
    { "high422", 10, 1, 0, true },
    { "high444", 10, 0, 0, true },
    { 0 },
};
// As libavcodec names them; 4:2:0 first, by depth.
static const char *const x264_pixel_formats[] = { "yuv420p",     "yuv420p10le", "yuv422p",
                                                  "yuv422p10le", "yuv444p",     "yuv444p10le",
                                                  NULL };

const struct encode_codec encode_codecs[] = {
    {
        .name = "h264",
        .encoder = "libx264",
        .presets = x264_presets,
        .tunes = x264_tunes,
        .profiles = x264_profiles,
        .pixel_formats = x264_pixel_formats,
        .preset = "medium",
        .crf = 23,
        .crf_max = 51,
        .can_interlace = true,
        .interlaced_rows = 4,
        .set_options = x264_options,
        .reorder_count = x264_reorder_count,
        .starts_clean = h264_starts_clean,
        .picture_count = x264_picture_count,
        .add_signature = x264_signature,
    },
    { 0 },
};
