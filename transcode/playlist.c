#include "transcode/playlist.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

// A number in thousandths or millionths, always rounded to nearest: n / d * scale.
static int64_t scaled(int64_t n, int64_t scale, int64_t d)
{
    const __int128 twice = (__int128)n * scale * 2 + d;
    return (int64_t)(twice / ((__int128)d * 2));
}

// Spec: RFC 8216 4.2: a quoted-string holds no line feed, carriage return or double quote; a URI
// line neither starts with '#' nor is empty.
static bool check_text(const char *what, const char *text, struct sr_err *err)
{
    if (!text || !*text || *text == '#')
        return sr_fail(err, SR_ERR_INVALID, "%s is %s", what,
                       text && *text ? "a comment" : "empty");
    for (const char *c = text; *c; c++) {
        if (*c == '"' || (unsigned char)*c < ' ' || *c == 0x7f)
            return sr_fail(err, SR_ERR_INVALID, "%s has a character that a playlist cannot hold",
                           what);
    }
    return true;
}

static bool check_media(const struct playlist_media *media, struct sr_err *err)
{
    if (media->timescale == 0)
        return sr_fail(err, SR_ERR_INVALID, "the timescale is 0");
    if (media->segment_count == 0)
        return sr_fail(err, SR_ERR_INVALID, "no segment");
    int64_t total = 0;
    for (size_t i = 0; i < media->segment_count; i++) {
        if (media->segments[i].duration_ticks <= 0)
            return sr_fail(err, SR_ERR_INVALID, "segment %zu lasts %" PRId64 " ticks", i + 1,
                           media->segments[i].duration_ticks);
        if (!sr_add_i64(total, media->segments[i].duration_ticks, &total))
            return sr_fail(err, SR_ERR_TOO_LARGE, "the title's duration");
    }
    return true;
}

int64_t playlist_longest_s(const struct playlist_media *media)
{
    int64_t longest = 1;
    for (size_t i = 0; i < media->segment_count; i++) {
        const int64_t s = scaled(media->segments[i].duration_ticks, 1, media->timescale);
        if (s > longest)
            longest = s;
    }
    return longest;
}

static int64_t target_s(const struct playlist_media *media)
{
    return media->target_s ? media->target_s : playlist_longest_s(media);
}

bool playlist_media_write(const struct playlist_media *media, struct sr_str *out,
                          struct sr_err *err)
{
    if (!check_media(media, err) || !check_text("the init segment's URI", media->init_uri, err))
        return false;
    // Spec: RFC 8216 7: EXT-X-MAP in a playlist that is not of I-frames needs version 6; 7 is what
    // fMP4 players look for.
    if (!sr_str_addf(out, err,
                     "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%" PRId64
                     "\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
                     "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"%s\"\n",
                     target_s(media), media->init_uri))
        return false;

    // Times are rounded, not durations: so that the sum of the durations stays at the title's.
    int64_t ticks = 0, before_us = 0;
    for (size_t i = 0; i < media->segment_count; i++) {
        const struct playlist_segment *segment = &media->segments[i];
        if (!check_text("a segment's URI", segment->uri, err))
            return sr_err_wrap(err, "segment %zu", i + 1);
        ticks += segment->duration_ticks;  // check_media added them up: no overflow
        const int64_t now_us = scaled(ticks, 1000000, media->timescale);
        const int64_t us = now_us - before_us;
        before_us = now_us;
        if (!sr_str_addf(out, err, "#EXTINF:%" PRId64 ".%06" PRId64 ",\n%s\n", us / 1000000,
                         us % 1000000, segment->uri))
            return false;
    }
    return sr_str_add(out, "#EXT-X-ENDLIST\n", err);
}

// Bits per second of `bytes` in `ticks`, rounded up.
static uint64_t rate_bps(uint64_t bytes, int64_t ticks, uint32_t timescale)
{
    const unsigned __int128 bits = (unsigned __int128)bytes * 8 * timescale;
    return (uint64_t)((bits + (uint64_t)ticks - 1) / (uint64_t)ticks);
}

// Spec: RFC 8216 4.1: the peak segment bit rate is the largest of any contiguous set of segments
// that lasts between 0.5 and 1.5 target durations. A title shorter than that is taken whole.
static uint64_t peak_bps(const struct playlist_media *media)
{
    const int64_t target = target_s(media);
    uint64_t peak = 0, bytes_all = 0;
    int64_t ticks_all = 0;
    for (size_t first = 0; first < media->segment_count; first++) {
        bytes_all += media->segments[first].bytes;
        ticks_all += media->segments[first].duration_ticks;
        uint64_t bytes = 0;
        int64_t ticks = 0;
        for (size_t i = first; i < media->segment_count; i++) {
            bytes += media->segments[i].bytes;
            ticks += media->segments[i].duration_ticks;
            const __int128 twice = (__int128)ticks * 2, unit = (__int128)target * media->timescale;
            if (twice > unit * 3)
                break;
            const uint64_t rate = rate_bps(bytes, ticks, media->timescale);
            if (twice >= unit && rate > peak)
                peak = rate;
        }
    }
    const uint64_t whole = rate_bps(bytes_all, ticks_all, media->timescale);
    return peak > whole ? peak : whole;
}

static uint64_t average_bps(const struct playlist_media *media)
{
    uint64_t bytes = 0;
    int64_t ticks = 0;
    for (size_t i = 0; i < media->segment_count; i++) {
        bytes += media->segments[i].bytes;
        ticks += media->segments[i].duration_ticks;
    }
    return rate_bps(bytes, ticks, media->timescale);
}

// Spec: RFC 8216 4.3.4.1: NAME is unique within the group, one rendition at most is DEFAULT, and a
// default one is AUTOSELECT.
static bool write_audio(const struct playlist_master *master, struct sr_str *out,
                        struct sr_err *err)
{
    bool has_default = false;
    for (size_t i = 0; i < master->audio_count; i++) {
        const struct playlist_audio *audio = &master->audios[i];
        if (!check_text("an audio playlist's URI", audio->uri, err) ||
            !check_text("an audio rendition's name", audio->name, err) ||
            !check_media(audio->media, err))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(audio->name, master->audios[j].name) == 0)
                return sr_fail(err, SR_ERR_INVALID, "two audio renditions are named \"%s\"",
                               audio->name);
        }
        const bool is_default = audio->is_default && !has_default;
        has_default |= is_default;
        if (!sr_str_addf(out, err, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"%s\"",
                         audio->name))
            return false;
        if (audio->language && *audio->language &&
            (!check_text("a language", audio->language, err) ||
             !sr_str_addf(out, err, ",LANGUAGE=\"%s\"", audio->language)))
            return false;
        if (!sr_str_addf(out, err, ",DEFAULT=%s,AUTOSELECT=YES", is_default ? "YES" : "NO") ||
            (audio->channels > 0 && !sr_str_addf(out, err, ",CHANNELS=\"%d\"", audio->channels)) ||
            !sr_str_addf(out, err, ",URI=\"%s\"\n", audio->uri))
            return false;
    }
    return true;
}

// Whichever of them is played. They have been checked.
static void add_audio_rates(const struct playlist_master *master, uint64_t *peak, uint64_t *average)
{
    uint64_t most_peak = 0, most_average = 0;
    for (size_t i = 0; i < master->audio_count; i++) {
        const uint64_t own_peak = peak_bps(master->audios[i].media);
        const uint64_t own_average = average_bps(master->audios[i].media);
        most_peak = own_peak > most_peak ? own_peak : most_peak;
        most_average = own_average > most_average ? own_average : most_average;
    }
    *peak += most_peak;
    *average += most_average;
}

// Spec: RFC 8216 4.3.4.2; VIDEO-RANGE: draft-pantos-hls-rfc8216bis 4.4.6.2.
static bool write_variant(const struct playlist_master *master,
                          const struct playlist_variant *variant, struct sr_str *out,
                          struct sr_err *err)
{
    if (!check_text("a variant's URI", variant->uri, err) ||
        !check_text("a variant's codecs", variant->codecs, err) ||
        !check_media(variant->media, err))
        return false;
    uint64_t peak = peak_bps(variant->media), average = average_bps(variant->media);
    add_audio_rates(master, &peak, &average);
    if (!sr_str_addf(out, err,
                     "#EXT-X-STREAM-INF:BANDWIDTH=%" PRIu64 ",AVERAGE-BANDWIDTH=%" PRIu64
                     ",CODECS=\"%s\"",
                     peak, average, variant->codecs))
        return false;
    if (variant->width > 0 && variant->height > 0 &&
        !sr_str_addf(out, err, ",RESOLUTION=%dx%d", variant->width, variant->height))
        return false;
    if (variant->rate.num > 0 && variant->rate.den > 0) {
        const int64_t milli = scaled(variant->rate.num, 1000, variant->rate.den);
        if (!sr_str_addf(out, err, ",FRAME-RATE=%" PRId64 ".%03" PRId64, milli / 1000,
                         milli % 1000))
            return false;
    }
    if (variant->width > 0 && variant->video_range && *variant->video_range &&
        (!check_text("a video range", variant->video_range, err) ||
         !sr_str_addf(out, err, ",VIDEO-RANGE=%s", variant->video_range)))
        return false;
    if (master->audio_count > 0 && !sr_str_add(out, ",AUDIO=\"audio\"", err))
        return false;
    return sr_str_addf(out, err, "\n%s\n", variant->uri);
}

bool playlist_master_write(const struct playlist_master *master, struct sr_str *out,
                           struct sr_err *err)
{
    if (master->variant_count == 0)
        return sr_fail(err, SR_ERR_INVALID, "a master playlist without a variant");
    if (!sr_str_add(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n", err) ||
        !write_audio(master, out, err))
        return false;
    for (size_t i = 0; i < master->variant_count; i++) {
        if (!write_variant(master, &master->variants[i], out, err))
            return sr_err_wrap(err, "variant %zu", i + 1);
    }
    return true;
}
