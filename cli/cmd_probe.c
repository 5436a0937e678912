// `splitreel probe`: what is in a file, what is odd about it, and whether it can be split.
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/store_options.h"
#include "pipeline/source.h"
#include "transcode/keyframe_index.h"
#include "transcode/media_log.h"
#include "transcode/probe.h"

enum { ID_INPUT, ID_FORMAT, ID_JSON, ID_HELP };

static const struct option_row rows[] = {
    { "i", "FILE|URL", ID_INPUT, "the file; or just its name" },
    { "format", "NAME", ID_FORMAT, "take it as this container, whatever it looks like" },
    { "json", NULL, ID_JSON, "as JSON" },
    STORE_OPTION_ROWS,
    STORE_OPTION_PROFILE_ROW,
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    { NULL, NULL, 0, NULL },
};

struct request {
    const char *input, *format;
    bool json, help;
    struct store_options stores;
};

static void request_done(struct request *request)
{
    store_options_done(&request->stores);
}
SR_DEFINE_AUTO_VALUE(request, struct request, request_done);

static bool take(void *self, int id, const char *value, struct sr_err *err)
{
    struct request *const request = self;
    if (store_options_has(id))
        return store_options_set(&request->stores, id, value, err);
    switch (id) {
    case OPTIONS_ID_OPERAND:
    case ID_INPUT:
        if (request->input)
            return sr_fail(err, SR_ERR_INVALID, "one file at a time: \"%.80s\" and \"%.80s\"",
                           request->input, value);
        request->input = value;
        return true;
    case ID_FORMAT: request->format = value; return true;
    case ID_JSON: request->json = true; return true;
    default: request->help = true; return true;
    }
}

static bool parse(const struct cli *cli, struct request *ret, struct sr_err *err)
{
    return options_each(cli->argc, cli->argv, rows, take, ret, err) &&
           (ret->help || ret->input || sr_fail(err, SR_ERR_INVALID, "no input: name a file"));
}

// Can it be cut, and if not, why: in words.
static const char *why_whole(const struct probe *probe, const struct packet_table *table,
                             const struct keyframe_index *index)
{
    if (!probe_video(probe))
        return "there is no video: audio is made whole";
    if (table->changes_headers)
        return "codec headers change outside the packets: decoding can start at the beginning only";
    if (table->is_ordinal)
        return "its packets have no times: only a decode from the beginning tells them";
    return index->count < 2 ? "there is one random access point only" : NULL;
}

static void print_video(const struct media_stream *stream)
{
    const struct media_rational rate =
        stream->video.average_rate.num ? stream->video.average_rate : stream->video.rate;
    (void)printf(", %dx%d, %s", stream->video.width, stream->video.height,
                 stream->video.pixel_format);
    if (rate.num > 0 && rate.den > 0)
        (void)printf(", %.3f fps", (double)rate.num / rate.den);
    if (stream->video.rotation)
        (void)printf(", turned by %d degrees", stream->video.rotation);
    if (stream->video.is_interlaced)
        (void)printf(", interlaced");
    if (stream->is_attached_picture)
        (void)printf(", a cover");
}

static void print_stream(const struct media_stream *stream)
{
    static const char *const kinds[] = { "video", "audio", "subtitle", "data", "attachment" };
    (void)printf("  %2d %-10s %s", stream->index, kinds[stream->kind],
                 stream->codec[0] ? stream->codec : "unknown codec");
    if (stream->profile[0])
        (void)printf(" (%s)", stream->profile);
    if (stream->kind == MEDIA_VIDEO)
        print_video(stream);
    if (stream->kind == MEDIA_AUDIO)
        (void)printf(", %d Hz, %d channel%s", stream->audio.sample_rate, stream->audio.channels,
                     stream->audio.channels == 1 ? "" : "s");
    if (stream->language[0])
        (void)printf(", %s", stream->language);
    if (stream->start_pts != INT64_MIN && stream->start_pts != 0 && stream->time_base.den > 0)
        (void)printf(", from %.3f s",
                     (double)stream->start_pts * stream->time_base.num / stream->time_base.den);
    if (stream->is_encrypted)
        (void)printf(", encrypted");
    (void)printf("\n");
}

static void print_table(const char *name, const struct probe *probe,
                        const struct packet_table *table, const struct keyframe_index *index)
{
    (void)printf("%s: %s, %llu bytes", name, probe->format, (unsigned long long)probe->bytes);
    if (probe->duration_us != INT64_MIN)
        (void)printf(", %.3f s", (double)probe->duration_us / 1e6);
    (void)printf("\n");
    for (size_t i = 0; i < probe->stream_count; i++)
        print_stream(&probe->streams[i]);
    for (size_t i = 0; i < probe->oddity_count; i++) {
        const struct probe_oddity *const oddity = &probe->oddities[i];
        if (oddity->stream_index >= 0)
            (void)printf("  odd: stream %d: %s: %s\n", oddity->stream_index, oddity->name,
                         oddity->detail);
        else
            (void)printf("  odd: %s: %s\n", oddity->name, oddity->detail);
    }
    if (table)
        (void)printf("  %zu frames presented, %zu random access points\n", table->presented_count,
                     index->count);
    const char *const why = why_whole(probe, table, index);
    (void)printf(why ? "  cannot be split: %s\n" : "  can be split\n", why);
}

static bool print_json(const struct probe *probe, const struct packet_table *table,
                       const struct keyframe_index *index, struct sr_err *err)
{
    json_t *made = NULL;
    if (!probe_json(probe, &made, err))
        return false;
    sr_auto(json) json_t *json = made;
    sr_auto(char) char *text = NULL;
    const char *const why = why_whole(probe, table, index);
    if (!jx_put(json, "can_split", json_boolean(!why), err) ||
        (why && !jx_put(json, "why_not", json_string(why), err)))
        return false;
    if (table &&
        (!jx_put(json, "frames", json_integer((json_int_t)table->presented_count), err) ||
         !jx_put(json, "random_access_points", json_integer((json_int_t)index->count), err)))
        return false;
    return jx_dump(json, true, &text, err) && ((printf("%s\n", text) >= 0 && fflush(stdout) == 0) ||
                                               sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

static bool show(const struct cli *cli, struct request *request, struct sr_err *err)
{
    sr_auto(remote) struct remote *remote = NULL;  // before the reader: freed after it
    sr_auto(char) char *name = remote_shown(request->input, err);
    struct blob_stores_params stores = { .clock = sr_clock_system() };
    if (!name || !store_options_params(&request->stores, &stores, err) ||
        !remote_new(&(struct remote_params){ .stores = &stores, .cancel = cli->stop }, &remote,
                    err))
        return false;
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_auto(probe) struct probe *probe = NULL;
    sr_auto(packet_table) struct packet_table *table = NULL;
    sr_auto(keyframe_index) struct keyframe_index *index = NULL;
    struct source_identity identity;
    if (!source_open(remote, request->input, &reader, &identity, err))
        return sr_err_wrap(err, "%s", name);
    const struct media_source source = {
        .reader = reader,
        .name = name,
        .format = request->format,
        .cancel = cli->stop,
    };
    if (!probe_source(&source, &probe, err))
        return false;
    const struct media_stream *const video = probe_video(probe);
    if (video && video->can_decode && !video->is_encrypted &&
        (!packet_table_new(&source, probe, video->index, &table, err) ||
         !keyframe_index_new(table, &index, err)))
        return false;
    if (request->json)
        return print_json(probe, table, index, err);
    print_table(name, probe, table, index);
    return true;
}

int cmd_probe(const struct cli *cli)
{
    struct sr_err err = { 0 };
    sr_auto(request) struct request request = { 0 };
    if (!parse(cli, &request, &err))
        return cli_fail(cli, &err);
    if (request.help) {
        (void)printf(
            "splitreel probe FILE [--json] - what is in a file, what is odd about it, and whether it can be split\n\n"
            "  splitreel probe film.mov\n"
            "  splitreel probe s3://in/film.mov --json\n\n");
        options_print(rows, stdout);
        (void)printf(
            "\nExit status: 0, also when it cannot be split; 2 wrong usage, 3 it cannot be "
            "used, 4 disk, store or\nnetwork, 7 a limit.\n");
        return 0;
    }
    return show(cli, &request, &err) ? 0 : cli_fail(cli, &err);
}
