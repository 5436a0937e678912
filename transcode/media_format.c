#include "transcode/media_format.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum {
    PROBE_BYTES_MIN = 2 << 10,
    PROBE_BYTES_MAX =
        1 << 20,  // as libavformat's own limit; behind a long ID3 tag it needs all of it
};

// Demuxers that read one file of coded media, by their full name in FFmpeg 5.1 and later (names are
// appended to a list, so the first one decides). What is not here is refused.
static const char *const open_formats[] = {
    // Containers.
    "mov",
    "matroska",
    "mpegts",
    "mpeg",
    "avi",
    "flv",
    "ogg",
    "asf",
    "mxf",
    "gxf",
    "nut",
    "rm",
    "wtv",
    "dv",
    "lxf",
    "nuv",
    "swf",
    "pva",
    "ivf",
    "obu",
    // Video elementary streams.
    "av1",
    "h264",
    "hevc",
    "m4v",
    "mpegvideo",
    "h261",
    "h263",
    "vc1",
    "vc1test",
    "dirac",
    "dnxhd",
    "cavsvideo",
    "mjpeg",
    "yuv4mpegpipe",
    "gif",
    "apng",
    // Audio.
    "wav",
    "w64",
    "aiff",
    "au",
    "caf",
    "flac",
    "mp3",
    "aac",
    "loas",
    "ac3",
    "eac3",
    "dts",
    "dtshd",
    "truehd",
    "mlp",
    "amr",
    "amrnb",
    "amrwb",
    "ape",
    "tta",
    "wv",
    "tak",
    "mpc",
    "mpc8",
    "voc",
    "dsf",
    "oma",
    "sox",
};

// What is refused most often, in words; the others are named as libavformat does.
static const struct {
    const char *name, *words;
} refused[] = {
    { "hls", "an HLS playlist" },
    { "dash", "a DASH manifest" },
    { "webm_dash_manifest", "a DASH manifest" },
    { "concat", "a list of files to join (ffconcat)" },
    { "imf", "an IMF composition playlist" },
    { "sdp", "a session description (SDP)" },
    { "rtsp", "an RTSP stream" },
    { "ffmetadata", "an ffmpeg metadata file" },
    { "tedcaptions", "JSON text" },
    { "image2", "a still picture" },
    { "image2pipe", "a still picture" },
    { "ico", "a still picture" },
    { "lavfi", "a filter graph" },
    { "srt", "subtitles" },
    { "ass", "subtitles" },
    { "webvtt", "subtitles" },
    { "sami", "subtitles" },
    { "microdvd", "subtitles" },
    { "vobsub", "subtitles" },
    { "tty", "text" },
    { "txd", "a texture file" },
};

// Whether `name` is the first of the comma separated `names`.
static bool is_first(const char *names, const char *name)
{
    const size_t length = strcspn(names, ",");
    return strlen(name) == length && memcmp(names, name, length) == 0;
}

static bool is_open(const AVInputFormat *format)
{
    for (size_t i = 0; i < sizeof(open_formats) / sizeof(open_formats[0]); i++) {
        if (is_first(format->name, open_formats[i]))
            return true;
    }
    return false;
}

static bool refuse(const AVInputFormat *format, struct sr_err *err)
{
    const char *words = NULL;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (is_first(format->name, refused[i].name))
            words = refused[i].words;
    }
    const size_t length = strlen(format->name);
    if (!words && length > 5 && strcmp(format->name + length - 5, "_pipe") == 0)
        words = "a still picture";
    if (!words)
        words = format->long_name && format->long_name[0] ? format->long_name : "a format";
    return sr_fail(err, SR_ERR_UNSUPPORTED,
                   "looks like %s (%s), which is refused: only media files are read", words,
                   format->name);
}

bool media_format_named(const char *name, const AVInputFormat **ret_format, struct sr_err *err)
{
    const AVInputFormat *const format = av_find_input_format(name);
    if (!format)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "no demuxer is called \"%s\"", name);
    if (!is_open(format))
        return sr_fail(err, SR_ERR_UNSUPPORTED, "the format \"%s\" is refused", name);
    *ret_format = format;
    return true;
}

// Reads until `want` bytes are there or the source ends.
static bool fill(const struct media_source *source, unsigned char *buffer, size_t want,
                 size_t *bytes, struct sr_err *err)
{
    while (*bytes < want) {
        size_t got;
        if (!sr_cancel_check(source->cancel, err) ||
            !sr_read_at(&source->reader, *bytes, buffer + *bytes, want - *bytes, &got, err))
            return false;
        if (got == 0)
            break;
        *bytes += got;
    }
    return true;
}

bool media_format_find(const struct media_source *source, const AVInputFormat **ret_format,
                       struct sr_err *err)
{
    if (source->format)
        return media_format_named(source->format, ret_format, err);

    sr_auto(char) char *buffer = NULL;
    size_t bytes = 0;
    for (size_t want = PROBE_BYTES_MIN; want <= PROBE_BYTES_MAX; want *= 2) {
        char *const grown = realloc(buffer, want + AVPROBE_PADDING_SIZE);
        if (!grown)
            return sr_fail(err, SR_ERR_NO_MEMORY, "%zu bytes to look at", want);
        buffer = grown;
        if (!fill(source, (unsigned char *)buffer, want, &bytes, err))
            return false;
        if (bytes == 0)
            return sr_fail(err, SR_ERR_INPUT, "is empty");
        memset(buffer + bytes, 0, want + AVPROBE_PADDING_SIZE - bytes);

        // A guess that is not sure waits for more bytes, while there are any. Without a file name,
        // names do not count.
        const bool is_all = bytes < want || want == PROBE_BYTES_MAX;
        int score = is_all ? 0 : AVPROBE_SCORE_RETRY;
        const AVProbeData data = { .filename = "",
                                   .buf = (unsigned char *)buffer,
                                   .buf_size = (int)bytes };  // at most PROBE_BYTES_MAX
        const AVInputFormat *const format = av_probe_input_format2(&data, 1, &score);
        if (format && !is_open(format))
            return refuse(format, err);
        if (format) {
            *ret_format = format;
            return true;
        }
        if (is_all)
            break;
    }
    return sr_fail(err, SR_ERR_INPUT, "is not a media file that we know");
}
