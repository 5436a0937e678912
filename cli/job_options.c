#include "cli/job_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "cli/options.h"
#include "pipeline/preset.h"
#include "pipeline/quantity.h"
#include "pipeline/run.h"

enum {
    ID_INPUT,
    ID_OUTPUT,
    ID_TEMPLATE,
    ID_MANIFEST,
    ID_WORKERS,
    ID_WORKSPACE,
    ID_CORRELATION,
    ID_KEEP,
    ID_YES,
    ID_NO,
    ID_STRICT,
    ID_JSON,
    ID_PROGRESS,
    ID_CPUFLAGS,
    ID_LOG_LEVEL,
    ID_SHUFFLE,
    ID_HELP,
    ID_SIZE,
    ID_NO_VIDEO,
    ID_NO_AUDIO,
    ID_MAP,
    ID_VIDEO_CODEC,
    ID_VIDEO_BITRATE,
    ID_LAYOUT,
    ID_SETTING,  // and above: `settings`, in this order
    ID_CRF = ID_SETTING,
    ID_PRESET,
    ID_TUNE,
    ID_PROFILE,
    ID_MAXRATE,
    ID_BUFSIZE,
    ID_RATE,
    ID_PIXEL_FORMAT,
    ID_AUDIO_CODEC,
    ID_AUDIO_BITRATE,
    ID_SAMPLE_RATE,
    ID_CHANNELS,
    ID_SEGMENT,
    ID_SEGMENT_MODE,
    ID_FORMAT,
    ID_ROTATE,
    ID_DEINTERLACE,
};

static const struct option_row rows[] = {
    { "i", "FILE|URL", ID_INPUT, "the input, also s3:// and http(s)://; or just its name" },
    { "o", "FILE|DIR|URL|-", ID_OUTPUT,
      "x.mp4, x.m4a (audio alone), - (a pipe), or a folder with --template; also s3://" },
    { "output", "FILE", ID_OUTPUT, NULL },
    { "template", "NAME", ID_TEMPLATE, "hls-1080p, hls-720p or mp4" },
    { "manifest", "FILE", ID_MANIFEST, "the whole job as JSON; see docs/manifest.md" },
    { "crf", "N", ID_CRF, "quality, 0 (best) to 51; 23 unless said" },
    { "preset", "NAME", ID_PRESET, "ultrafast ... medium ... veryslow" },
    { "tune", "NAME", ID_TUNE, "film, animation, grain, stillimage, fastdecode, psnr, ssim" },
    { "profile", "NAME", ID_PROFILE, "baseline, main, high, high10, high422" },
    { "profile:v", "NAME", ID_PROFILE, NULL },
    { "maxrate", "BITS", ID_MAXRATE, "upper limit of the video's rate, as 6M" },
    { "bufsize", "BITS", ID_BUFSIZE, "over which it holds; twice maxrate unless said" },
    { "c:v", "CODEC", ID_VIDEO_CODEC, "h264" },
    { "vcodec", "CODEC", ID_VIDEO_CODEC, NULL },
    { "b:v", "BITS", ID_VIDEO_BITRATE, NULL },
    { "s", "WxH", ID_SIZE, "size of the picture" },
    { "r", "RATE", ID_RATE, "frames per second, on one grid; the source's own times unless said" },
    { "pix_fmt", "NAME", ID_PIXEL_FORMAT, "yuv420p, yuv420p10le, yuv422p, yuv422p10le" },
    { "rotate", "DEGREES", ID_ROTATE,
      "0, 90, 180 or 270 clockwise instead of what the source says" },
    { "deinterlace", "WHEN", ID_DEINTERLACE, "auto, always, never" },
    { "c:a", "CODEC", ID_AUDIO_CODEC, "aac or copy" },
    { "acodec", "CODEC", ID_AUDIO_CODEC, NULL },
    { "b:a", "BITS", ID_AUDIO_BITRATE, "audio bit rate, as 128k" },
    { "ar", "HZ", ID_SAMPLE_RATE, "audio sample rate" },
    { "ac", "N", ID_CHANNELS, "audio channels" },
    { "vn", NULL, ID_NO_VIDEO, "no video" },
    { "an", NULL, ID_NO_AUDIO, "no audio" },
    { "map", "0:v:N|0:a:N|0:N", ID_MAP,
      "which streams; all audio tracks and one video unless said" },
    { "segment", "LENGTH", ID_SEGMENT, "of parallel work: 10, 0.5, 500ms, 1s" },
    { "segment-mode", "MODE", ID_SEGMENT_MODE, "auto, keyframe, grid, off" },
    { "layout", "NAME", ID_LAYOUT,
      "of MP4: progressive, or composed (joined by the store itself)" },
    { "format", "NAME", ID_FORMAT, "take the input as this container, whatever it looks like" },
    { "workers", "N", ID_WORKERS, "threads that encode; as many as processors unless said" },
    { "w", "N", ID_WORKERS, NULL },
    { "workspace", "DIR", ID_WORKSPACE,
      "where encoded segments wait; .splitreel beside the output unless said, for s3:// in the user's cache" },
    { "correlation", "ID", ID_CORRELATION,
      "what this job is known by elsewhere: in the log, the report, objects and notifications" },
    { "keep", NULL, ID_KEEP, "keep the workspace after success" },
    { "y", NULL, ID_YES, "overwrite what is there" },
    { "n", NULL, ID_NO, "never overwrite (so it is without -y)" },
    { "strict", NULL, ID_STRICT, "refuse a damaged source" },
    { "json", NULL, ID_JSON, "the result as JSON on stdout" },
    { "progress", "KIND", ID_PROGRESS, "bar, plain, json or none" },
    { "cpuflags", "0", ID_CPUFLAGS, "work without the processor's extensions (to compare)" },
    { "shuffle", "N", ID_SHUFFLE, "hand out segments in the order that N gives (to compare)" },
    { "log-level", "LEVEL", ID_LOG_LEVEL, "debug, info, warn, error or off" },
    { "loglevel", "LEVEL", ID_LOG_LEVEL, NULL },
    STORE_OPTION_ROWS,
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    { NULL, NULL, 0, NULL },
};

enum place { IN_VIDEO, IN_AUDIO, IN_SEGMENTS, IN_INPUT };
enum kind { AS_TEXT, AS_NUMBER };

// Options that are a manifest's keys: from ID_SETTING on, in that order.
static const struct setting {
    enum place place;
    enum kind kind;
    const char *key, *option;
} settings[] = {
    { IN_VIDEO, AS_NUMBER, "crf", "-crf" },
    { IN_VIDEO, AS_TEXT, "preset", "-preset" },
    { IN_VIDEO, AS_TEXT, "tune", "-tune" },
    { IN_VIDEO, AS_TEXT, "profile", "-profile:v" },
    { IN_VIDEO, AS_TEXT, "maxrate", "-maxrate" },
    { IN_VIDEO, AS_TEXT, "bufsize", "-bufsize" },
    { IN_VIDEO, AS_TEXT, "fps", "-r" },
    { IN_VIDEO, AS_TEXT, "pixel_format", "-pix_fmt" },
    { IN_AUDIO, AS_TEXT, "codec", "-c:a" },
    { IN_AUDIO, AS_TEXT, "bitrate", "-b:a" },
    { IN_AUDIO, AS_NUMBER, "sample_rate", "-ar" },
    { IN_AUDIO, AS_NUMBER, "channels", "-ac" },
    { IN_SEGMENTS, AS_TEXT, "target", "--segment" },
    { IN_SEGMENTS, AS_TEXT, "mode", "--segment-mode" },
    { IN_INPUT, AS_TEXT, "format", "--format" },
    { IN_INPUT, AS_NUMBER, "rotate", "-rotate" },
    { IN_INPUT, AS_TEXT, "deinterlace", "-deinterlace" },
};
enum { SETTING_COUNT = sizeof(settings) / sizeof(settings[0]) };

void job_options_print(FILE *file)
{
    options_print(rows, file);
}

const struct option_row *job_options_rows(void)
{
    return rows;
}

void job_options_done(struct job_options *options)
{
    store_options_done(&options->stores);
    json_decref(options->input_json);
    json_decref(options->streams_json);
    json_decref(options->segments_json);
    json_decref(options->video_json);
    json_decref(options->audio_json);
    json_decref(options->audio_picks);
    *options = (struct job_options){ 0 };
}

// What a word says, when it is a number; else the word, so that the manifest's parser refuses it by
// name.
static json_t *number_json(const char *text)
{
    char *end;
    const double real = strtod(text, &end);
    if (end == text || *end != '\0' || strspn(text, "0123456789.") != strlen(text))
        return jx_string(text);
    if (!strchr(text, '.') && real < 1e15)
        return json_integer((json_int_t)real);
    return json_real(real);
}

static bool set(struct job_options *options, const struct setting *setting, const char *value,
                struct sr_err *err)
{
    json_t *const places[] = { options->video_json, options->audio_json, options->segments_json,
                               options->input_json };
    options->is_set = true;
    return jx_put(places[setting->place], setting->key,
                  setting->kind == AS_NUMBER ? number_json(value) : jx_string(value), err);
}

static bool set_size(struct job_options *options, const char *value, struct sr_err *err)
{
    int width, height;
    if (!quantity_size(value, &width, &height))
        return sr_fail(err, SR_ERR_INVALID, "-s %.40s: want a size as 1280x720", value);
    options->is_set = true;
    return jx_put(options->video_json, "width", json_integer(width), err) &&
           jx_put(options->video_json, "height", json_integer(height), err);
}

static bool set_video_codec(const char *value, struct sr_err *err)
{
    if (strcmp(value, "h264") == 0 || strcmp(value, "libx264") == 0)
        return true;
    if (strcmp(value, "copy") == 0)
        return sr_fail(err, SR_ERR_UNSUPPORTED,
                       "-c:v copy: segments are encoded anew; a copy needs no splitreel");
    return sr_fail(err, SR_ERR_INVALID,
                   "-c:v %.40s: want h264; other codecs come with a later release", value);
}

// "0", "0:3", "0:v", "0:v:1", "0:a", "0:a:1", "0:a:m:language:eng".
static bool set_map(struct job_options *options, const char *value, struct sr_err *err)
{
    const char *at = value;
    int64_t index;
    options->is_set = true;
    if (strcmp(at, "0") == 0)
        return true;
    if (strncmp(at, "0:", 2) != 0)
        return sr_fail(err, SR_ERR_INVALID,
                       "-map %.40s: want 0:v:N, 0:a:N, 0:a:m:language:LANG or 0:N", value);
    at += 2;
    if (strcmp(at, "v") == 0 || strcmp(at, "a") == 0)
        return jx_put(options->streams_json, at[0] == 'v' ? "map_video" : "map_audio", json_true(),
                      err);
    if (strncmp(at, "v:", 2) == 0)
        return jx_put(options->streams_json, "map_video", json_true(), err) &&
               jx_put(options->streams_json, "video", jx_string(at), err);
    if (strncmp(at, "a:m:language:", 13) == 0)
        return jx_append(options->audio_picks, jx_string(at + 13), err);
    if (strncmp(at, "a:", 2) == 0)
        return jx_append(options->audio_picks, jx_string(at), err);
    if (!quantity_count(at, MEDIA_STREAMS_MAX - 1, &index))
        return sr_fail(err, SR_ERR_INVALID,
                       "-map %.40s: want 0:v:N, 0:a:N, 0:a:m:language:LANG or 0:N", value);
    return sr_fail(
        err, SR_ERR_UNSUPPORTED,
        "-map %.40s: say the kind, as 0:v:0 or 0:a:0; a manifest's \"streams\" takes indexes",
        value);
}

static bool set_progress(struct job_options *options, const char *value, struct sr_err *err)
{
    static const char *const names[] = { "auto", "bar", "plain", "json", "none" };
    for (int i = 0; i < 5; i++) {
        if (strcmp(value, names[i]) == 0) {
            options->progress = (enum progress_kind)i;
            return true;
        }
    }
    return sr_fail(err, SR_ERR_INVALID, "--progress %.40s: want bar, plain, json or none", value);
}

static bool set_log_level(struct job_options *options, const char *value, struct sr_err *err)
{
    return sr_log_level_named(value, &options->log_level) ||
           sr_fail(err, SR_ERR_INVALID, "--log-level %.40s: want debug, info, warn, error or off",
                   value);
}

static bool set_workers(struct job_options *options, const char *value, struct sr_err *err)
{
    int64_t workers;
    if (!quantity_count(value, RUN_WORKERS_MAX, &workers) || workers < 1)
        return sr_fail(err, SR_ERR_INVALID, "-w %.40s: want a number from 1 to %d", value,
                       RUN_WORKERS_MAX);
    options->workers = (size_t)workers;
    return true;
}

static bool set_shuffle(struct job_options *options, const char *value, struct sr_err *err)
{
    int64_t seed;
    if (!quantity_count(value, INT64_MAX, &seed) || seed < 1)
        return sr_fail(err, SR_ERR_INVALID, "--shuffle %.40s: want a number from 1", value);
    options->shuffle = (uint64_t)seed;
    return true;
}

static bool set_operand(const char **place, const char *what, const char *value, struct sr_err *err)
{
    if (*place)
        return sr_fail(err, SR_ERR_INVALID, "two %ss: \"%.80s\" and \"%.80s\"", what, *place,
                       value);
    if (*value == '\0')
        return sr_fail(err, SR_ERR_INVALID, "the name of the %s is empty", what);
    *place = value;
    return true;
}

static bool take_word(void *self, int id, const char *value, struct sr_err *err)
{
    struct job_options *const options = self;
    if (store_options_has(id))
        return store_options_set(&options->stores, id, value, err);
    if (id >= ID_SETTING)
        return set(options, &settings[id - ID_SETTING], value, err);
    switch (id) {
    case OPTIONS_ID_OPERAND:
    case ID_INPUT: return set_operand(&options->input, "input", value, err);
    case ID_OUTPUT: return set_operand(&options->output, "output", value, err);
    case ID_TEMPLATE:
        options->is_set = true;
        return set_operand(&options->template_name, "template", value, err);
    case ID_MANIFEST: return set_operand(&options->manifest_path, "manifest", value, err);
    case ID_CORRELATION: return set_operand(&options->correlation, "correlation", value, err);
    case ID_WORKSPACE: return set_operand(&options->workspace, "workspace", value, err);
    case ID_WORKERS: return set_workers(options, value, err);
    case ID_SHUFFLE: return set_shuffle(options, value, err);
    case ID_PROGRESS: return set_progress(options, value, err);
    case ID_LOG_LEVEL: return set_log_level(options, value, err);
    case ID_KEEP: options->keep = true; return true;
    case ID_YES: options->overwrite = true; return true;
    case ID_NO: options->never = true; return true;
    case ID_STRICT: options->strict = true; return true;
    case ID_JSON: options->json = true; return true;
    case ID_HELP: options->help = true; return true;
    case ID_CPUFLAGS:
        options->no_extensions = true;
        return strcmp(value, "0") == 0 ||
               sr_fail(err, SR_ERR_INVALID, "-cpuflags %.40s: want 0", value);
    case ID_SIZE: return set_size(options, value, err);
    case ID_VIDEO_CODEC: options->is_set = true; return set_video_codec(value, err);
    case ID_VIDEO_BITRATE:
        return sr_fail(
            err, SR_ERR_UNSUPPORTED,
            "-b:v %.40s: a target bitrate cannot be kept over the whole title yet; use -crf, "
            "with -maxrate and -bufsize for an upper limit",
            value);
    case ID_LAYOUT:
        options->is_set = true;
        return set_operand(&options->layout, "layout", value, err);
    case ID_NO_VIDEO:
        options->is_set = true;
        return jx_put(options->streams_json, "video", json_string("none"), err);
    case ID_NO_AUDIO:
        options->is_set = true;
        return jx_put(options->streams_json, "audio", json_string("none"), err);
    case ID_MAP: return set_map(options, value, err);
    default: return sr_fail(err, SR_ERR_INTERNAL, "option %d is not handled", id);
    }
}

static bool make_pieces(struct job_options *options, struct sr_err *err)
{
    options->input_json = json_object();
    options->streams_json = json_object();
    options->segments_json = json_object();
    options->video_json = json_pack("{s:s,s:s}", "id", "video", "codec", "h264");
    options->audio_json = json_pack("{s:s,s:s}", "id", "audio", "codec", "aac");
    options->audio_picks = json_array();
    return jx_made(options->input_json, err) && jx_made(options->streams_json, err) &&
           jx_made(options->segments_json, err) && jx_made(options->video_json, err) &&
           jx_made(options->audio_json, err) && jx_made(options->audio_picks, err);
}

bool job_options_parse(int argc, char **argv, struct job_options *ret, struct sr_err *err)
{
    sr_auto(job_options) struct job_options options = { .log_level = SR_LOG_OFF };
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    options.workers = processors < 1                 ? 1
                      : processors > RUN_WORKERS_MAX ? RUN_WORKERS_MAX
                                                     : (size_t)processors;
    if (!make_pieces(&options, err) || !options_each(argc, argv, rows, take_word, &options, err))
        return false;
    if (options.overwrite && options.never)
        return sr_fail(err, SR_ERR_INVALID, "-y and -n contradict each other");
    *ret = options;
    options = (struct job_options){ 0 };
    return true;
}

// The manifest
// -------------------------------------------------------------------------------------- -map
// chooses, as with ffmpeg: once it is there, what is not mapped is left out.
static bool settle_streams(struct job_options *options, struct sr_err *err)
{
    json_t *const streams = options->streams_json;
    const bool video = json_object_get(streams, "map_video"),
               all_audio = json_object_get(streams, "map_audio");
    const bool some_audio = json_array_size(options->audio_picks) > 0;
    (void)json_object_del(streams, "map_video");  // absent is fine
    (void)json_object_del(streams, "map_audio");
    if (!video && !all_audio && !some_audio)
        return true;
    if (!video && !json_object_get(streams, "video") &&
        !jx_put(streams, "video", json_string("none"), err))
        return false;
    if (json_object_get(streams, "audio"))
        return true;  // -an
    if (all_audio)
        return jx_put(streams, "audio", json_string("all"), err);
    return jx_put(streams, "audio",
                  some_audio ? json_incref(options->audio_picks) : json_string("none"), err);
}

// What was said of video and audio is said of every rendition of the template.
static bool expand_template(const struct job_options *options, json_t *document, struct sr_err *err)
{
    sr_auto(json) json_t *preset = NULL;
    if (!preset_find(options->template_name, &preset, err))
        return false;
    json_t *const renditions = json_object_get(preset, "renditions");
    for (size_t i = 0; i < json_array_size(renditions); i++) {
        json_t *const rendition = json_array_get(renditions, i);
        const bool is_video =
            strcmp(json_string_value(json_object_get(rendition, "codec")), "h264") == 0;
        const char *key;
        json_t *value;
        json_object_foreach(is_video ? options->video_json : options->audio_json, key, value)
        {
            const bool is_default =
                strcmp(key, "id") == 0 || (strcmp(key, "codec") == 0 && is_video);
            if (!is_default && !jx_put(rendition, key, json_incref(value), err))
                return false;
        }
        // "copy" takes nothing else with it.
        if (strcmp(json_string_value(json_object_get(rendition, "codec")), "copy") == 0) {
            (void)json_object_del(rendition, "bitrate");  // absent is fine
            (void)json_object_del(rendition, "channels");
        }
    }
    if (json_object_update(document, preset) != 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "template %s", options->template_name);
    return true;
}

static bool build(struct job_options *options, json_t **ret_document, struct sr_err *err)
{
    sr_auto(json) json_t *document = json_pack("{s:i}", "version", 1);
    if (!jx_made(document, err) || !settle_streams(options, err) ||
        !jx_put(options->input_json, "streams", json_incref(options->streams_json), err) ||
        !jx_put(document, "input", json_incref(options->input_json), err) ||
        !jx_put(document, "segments", json_incref(options->segments_json), err) ||
        (options->layout && !jx_put(document, "layout", jx_string(options->layout), err)))
        return false;
    if (options->template_name) {
        if (!expand_template(options, document, err))
            return false;
    } else {
        json_t *const renditions = json_array();
        if (!jx_put(document, "renditions", renditions, err) ||
            !jx_append(renditions, json_incref(options->video_json), err) ||
            !jx_append(renditions, json_incref(options->audio_json), err))
            return false;
    }
    *ret_document = sr_take(document);
    return true;
}

// "$.renditions[0].crf: want ..." becomes "-crf: want ...": the user has seen no "$".
static void speak_options(struct sr_err *err)
{
    const char *const colon = strstr(err->message, ": ");
    if (err->message[0] != '$' || !colon)
        return;
    const char *key = colon;
    while (key > err->message && key[-1] != '.')
        key--;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const size_t bytes = strlen(settings[i].key);
        if ((size_t)(colon - key) != bytes || strncmp(key, settings[i].key, bytes) != 0)
            continue;
        if ((settings[i].place == IN_AUDIO) != (strstr(err->message, "renditions[1]") != NULL) &&
            settings[i].place <= IN_AUDIO && strcmp(settings[i].key, "codec") != 0)
            continue;
        char text[sizeof(err->message)];
        (void)snprintf(text, sizeof(text), "%s%.200s", settings[i].option, colon);
        memcpy(err->message, text, sizeof(text));
        return;
    }
}

static bool load_manifest(const struct job_options *options, struct manifest **ret_manifest,
                          struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    size_t bytes;
    if (options->is_set)
        return sr_fail(
            err, SR_ERR_INVALID,
            "--manifest says all of the job: beside it, only -i, -o and how to run are taken");
    if (!sr_file_load(options->manifest_path, MANIFEST_BYTES_MAX, &text, &bytes, err))
        return false;
    const struct manifest_params params = {
        .text = text,
        .bytes = bytes,
        .input = options->input,
        .output = options->output,
    };
    return manifest_parse(&params, ret_manifest, err);
}

bool job_options_manifest(struct job_options *options, const char *default_output,
                          struct manifest **ret_manifest, struct sr_err *err)
{
    if (options->manifest_path)
        return load_manifest(options, ret_manifest, err) ||
               sr_err_wrap(err, "%s", options->manifest_path);
    const char *const output = options->output ? options->output : default_output;
    json_t *document = NULL;
    if (!options->input)
        return sr_fail(err, SR_ERR_INVALID, "no input: name a file");
    if (!output)
        return sr_fail(err, SR_ERR_INVALID, "no output: -o names it, as -o x.mp4");
    if (!build(options, &document, err))
        return false;
    if (manifest_take(document, options->input, output, ret_manifest, err))
        return true;
    speak_options(err);
    return false;
}
