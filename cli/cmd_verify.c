// `splitreel verify`: any file against the source it was made from.
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/store_options.h"
#include "cli/store_verb.h"
#include "pipeline/hls_verify.h"
#include "pipeline/quantity.h"
#include "pipeline/source.h"
#include "pipeline/verify_whole.h"
#include "transcode/verify.h"

enum { ID_OUTPUT, ID_AGAINST, ID_FULL, ID_RATE, ID_SEGMENT, ID_JSON, ID_HELP };

static const struct option_row rows[] = {
    { "i", "FILE|DIR|URL", ID_OUTPUT,
      "what to check, a file or a folder with HLS; or just its name" },
    { "against", "SOURCE", ID_AGAINST, "what it was made from" },
    { "full", NULL, ID_FULL, "decode both and compare every picture and sample" },
    { "r", "RATE", ID_RATE, "the frame rate that was asked for; none unless said" },
    { "segment", "LENGTH", ID_SEGMENT, "to name segments in what is found" },
    { "json", NULL, ID_JSON, "as JSON" },
    STORE_OPTION_ROWS,
    STORE_OPTION_PROFILE_ROW,
    { "help", NULL, ID_HELP, "this text" },
    { "h", NULL, ID_HELP, NULL },
    { NULL, NULL, 0, NULL },
};

struct request {
    const char *output, *against;
    char *output_name, *against_name;  // for messages
    bool full, json, help;
    struct store_options stores;
    struct media_rational fps;
    int64_t segment_us;
};

static void request_done(struct request *request)
{
    store_options_done(&request->stores);
    free(request->output_name);
    free(request->against_name);
}
SR_DEFINE_AUTO_VALUE(request, struct request, request_done);

static bool take(struct request *request, int id, const char *value, struct sr_err *err)
{
    if (store_options_has(id))
        return store_options_set(&request->stores, id, value, err);
    switch (id) {
    case ID_OUTPUT:
        if (request->output)
            return sr_fail(err, SR_ERR_INVALID, "one file at a time: \"%.80s\" and \"%.80s\"",
                           request->output, value);
        request->output = value;
        return true;
    case ID_AGAINST: request->against = value; return true;
    case ID_FULL: request->full = true; return true;
    case ID_JSON: request->json = true; return true;
    case ID_RATE:
        return quantity_rate(value, &request->fps) ||
               sr_fail(err, SR_ERR_INVALID, "-r %.40s: want frames per second as 25 or 30000/1001",
                       value);
    case ID_SEGMENT:
        return quantity_us(value, &request->segment_us) ||
               sr_fail(err, SR_ERR_INVALID, "--segment %.40s: want a length as 10s or 500ms",
                       value);
    default: request->help = true; return true;
    }
}

static bool parse(const struct cli *cli, struct request *ret, struct sr_err *err)
{
    struct options words = { .argc = cli->argc, .argv = cli->argv, .rows = rows };
    for (;;) {
        const struct option_row *row = NULL;
        const char *value = NULL;
        const enum options_next next = options_next(&words, &row, &value, err);
        if (next == OPTIONS_FAILED)
            return false;
        if (next == OPTIONS_END)
            break;
        if (!take(ret, next == OPTIONS_OPERAND ? ID_OUTPUT : row->id, value, err))
            return false;
    }
    if (ret->help || (ret->output && ret->against))
        return true;
    return sr_fail(err, SR_ERR_INVALID,
                   ret->output ? "no source: name it with --against" : "no file to check: name it");
}

// It may quote what a stranger's playlist says, which is not the terminal's to obey.
static bool print_finding(const char *message, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str line = { 0 };
    return store_verb_add_name(&line, message, err) && printf("%s\n", sr_str_text(&line)) >= 0;
}

static void print_table(const struct request *request, const struct verify_result *result)
{
    struct sr_err ignored;  // a line that finds no memory; the verdict is told all the same
    for (size_t i = 0; i < result->finding_count && i < VERIFY_FINDINGS_MAX; i++)
        (void)!print_finding(result->findings[i].message, &ignored);
    (void)printf("%s: %s: %llu frames", request->output_name,
                 result->verdict == VERIFY_PASS ? "PASS" : "FAIL",
                 (unsigned long long)result->frames_seen);
    if (request->full)
        (void)printf(", %llu audio samples, %llu frames decoded\n",
                     (unsigned long long)result->samples_seen,
                     (unsigned long long)result->frames_decoded);
    else
        (void)printf(", none decoded: --full decodes all\n");
}

// One file, or what a playlist names.
static bool judge(const struct cli *cli, const struct request *request, struct remote *remote,
                  const struct verify_full_params *params, struct verify_result *result,
                  struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader output = { 0 };
    struct source_identity identity;
    if (hls_verify_is(request->output))
        return hls_verify(remote, request->output, params, result, err) ||
               sr_err_wrap(err, "%s", request->output_name);
    if (!source_open(remote, request->output, &output, &identity, err))
        return sr_err_wrap(err, "%s", request->output_name);
    const struct media_source made = { .reader = output,
                                       .name = request->output_name,
                                       .cancel = cli->stop };
    struct verify_full_params whole = *params;
    whole.output = &made;
    return verify_against_source(&whole, result, err) && verify_whole(&output, result, err);
}

static bool compare(const struct cli *cli, struct request *request, struct verify_result *result,
                    struct sr_err *err)
{
    sr_auto(remote) struct remote *remote = NULL;
    sr_auto(sr_reader) struct sr_reader against = { 0 };
    struct source_identity identity;
    struct blob_stores_params stores = { .clock = sr_clock_system() };
    if (!store_options_params(&request->stores, &stores, err) ||
        !remote_new(&(struct remote_params){ .stores = &stores, .cancel = cli->stop }, &remote,
                    err))
        return false;
    if (!source_open(remote, request->against, &against, &identity, err))
        return sr_err_wrap(err, "%s", request->against_name);
    const struct media_source source = { .reader = against,
                                         .name = request->against_name,
                                         .cancel = cli->stop };
    const struct verify_full_params params = {
        .source = &source,
        .decode_all = request->full,
        .fps = request->fps,
        .segment_us = request->segment_us,
    };
    return judge(cli, request, remote, &params, result, err);
}

static bool print(const struct request *request, const struct verify_result *result,
                  struct sr_err *err)
{
    sr_auto(json) json_t *json = NULL;
    sr_auto(char) char *text = NULL;
    if (!request->json) {
        print_table(request, result);
        return true;
    }
    return verify_json(result, &json, err) && jx_dump(json, true, &text, err) &&
           ((printf("%s\n", text) >= 0 && fflush(stdout) == 0) ||
            sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

static bool verify(const struct cli *cli, struct request *request, struct sr_err *err)
{
    request->output_name = remote_shown(request->output, err);
    request->against_name = request->output_name ? remote_shown(request->against, err) : NULL;
    if (!request->against_name)
        return false;
    struct verify_result *const result = calloc(1, sizeof(*result));
    if (!result)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a verdict");
    bool done = compare(cli, request, result, err) && print(request, result, err);
    if (done && result->verdict == VERIFY_FAIL)
        done = sr_fail(err, SR_ERR_VERIFY, "%.80s is not what %.80s demands", request->output_name,
                       request->against_name);
    free(result);
    return done;
}

int cmd_verify(const struct cli *cli)
{
    struct sr_err err = { 0 };
    sr_auto(request) struct request request = { 0 };
    if (!parse(cli, &request, &err))
        return cli_fail(cli, &err);
    if (request.help) {
        (void)printf(
            "splitreel verify OUT --against SOURCE [--full] [--json] - is every picture and sample there, in order, at its "
            "time?\n\n"
            "  splitreel verify film.mp4 --against film.mov --full\n"
            "  splitreel verify out/ --against film.mov\n\n"
            "OUT is a file or object, or an HLS output: its folder (s3://bucket/out/) or one of its playlists. Of HLS the\n"
            "playlists are held against their files, and every rendition and all sound against the source.\n\n");
        options_print(rows, stdout);
        (void)printf(
            "\nExit status: 0 it is what the source demands, 5 it is not, 2 wrong usage, 3 one of "
            "them cannot be used,\n4 disk, store or network, 7 a limit.\n");
        return 0;
    }
    return verify(cli, &request, &err) ? 0 : cli_fail(cli, &err);
}
