#include "cli/store_verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "net/url.h"

enum { URL_SHOWN_BYTES = 120 };

// Words ------------------------------------------------------------------------------------------

static bool set_log_level(struct store_call *call, const char *value, struct sr_err *err)
{
    return sr_log_level_named(value, &call->log_level) ||
           sr_fail(err, SR_ERR_INVALID, "--log-level %.40s: want debug, info, warn, error or off",
                   value);
}

static bool set_option(struct store_call *call, const struct store_verb *verb, int id,
                       const char *value, struct sr_err *err)
{
    if (store_options_has(id))
        return store_options_set(&call->options, id, value, err);
    switch (id) {
    case STORE_VERB_JSON: call->json = true; return true;
    case STORE_VERB_HELP: call->help = true; return true;
    case STORE_VERB_LOG_LEVEL: return set_log_level(call, value, err);
    default: return verb->set(verb->self, id, value, err);
    }
}

static bool parse(struct store_call *call, const struct store_verb *verb, struct sr_err *err)
{
    struct options words = { .argc = call->cli->argc, .argv = call->cli->argv, .rows = verb->rows };
    for (;;) {
        const struct option_row *row = NULL;
        const char *value = NULL;
        switch (options_next(&words, &row, &value, err)) {
        case OPTIONS_END:
            return call->help || call->operand_count >= verb->operands_min ||
                   sr_fail(err, SR_ERR_INVALID, "want %s; --help explains", verb->wants);
        case OPTIONS_FAILED: return false;
        case OPTIONS_OPERAND:
            if (call->operand_count == verb->operands_max)
                return sr_fail(err, SR_ERR_INVALID, "\"%.80s\" is one too many: want %s", value,
                               verb->wants);
            if (!*value)
                return sr_fail(err, SR_ERR_INVALID, "an empty name; want %s", verb->wants);
            call->operands[call->operand_count++] = value;
            break;
        case OPTIONS_OPTION:
            if (!set_option(call, verb, row->id, value, err))
                return false;
        }
    }
}

// Errors -----------------------------------------------------------------------------------------

static bool is_http(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

const char *store_call_advice(const char *url, const struct sr_err *err)
{
    const bool s3 = strncasecmp(url, "s3://", 5) == 0;
    switch (err->code) {
    case SR_ERR_EXISTS: return "-y overwrites what is there";
    case SR_ERR_DENIED:
        if (is_http(url) && err->native == 0)
            return "--allow HOST lets an input be there, --allow-private at any private address";
        return s3 ? "are these the right keys? AWS_PROFILE and --aws-profile choose them; "
                    "--no-sign-request asks without"
                  : NULL;
    case SR_ERR_NOT_FOUND:
        if (s3 && strstr(err->message, "NoSuchBucket"))
            return "no such bucket there: --endpoint-url, --region and the stores file say where";
        if (s3 && err->native == 0)
            return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (--aws-profile), or "
                   "--no-sign-request for what is public";
        return s3 ? "`splitreel ls s3://BUCKET/` shows what is there; --endpoint-url says where"
                  : NULL;
    case SR_ERR_NETWORK:
    case SR_ERR_TIMEOUT:
        return s3 ? "is the endpoint right? --endpoint-url or AWS_ENDPOINT_URL_S3" : NULL;
    default: return NULL;
    }
}

static void show_url(const char *url, char text[URL_SHOWN_BYTES])
{
    char whole[4096];
    if (is_http(url))
        url_redact(url, whole, sizeof(whole));
    else
        (void)!sr_format(whole, sizeof(whole), "%s", url);  // cut below anyway
    if (!sr_format(text, URL_SHOWN_BYTES, "%s", whole))
        memcpy(text + URL_SHOWN_BYTES - 4, "...", 4);
}

bool store_call_fail(struct store_call *call, const char *url, struct sr_err *err)
{
    char shown[URL_SHOWN_BYTES];
    show_url(url, shown);
    if (!call->advice)
        call->advice = store_call_advice(url, err);
    if (err->code == SR_ERR_EXISTS)
        return sr_fail(err, SR_ERR_EXISTS, "%s is there already", shown);
    return sr_err_wrap(err, "%s", shown);
}

static void show_advice(const struct store_call *call, const struct sr_err *err)
{
    if (call->advice && err->code != SR_ERR_CANCELLED)
        (void)fprintf(stderr, "splitreel: %s\n", call->advice);
}

void store_call_report(struct store_call *call, const char *url, struct sr_err *err)
{
    (void)store_call_fail(call, url, err);
    (void)fprintf(stderr, "%ssplitreel: %s\n", store_verb_line_start(), err->message);
}

// Text -------------------------------------------------------------------------------------------

const char *store_verb_line_start(void)
{
    return isatty(STDERR_FILENO) ? "\r\033[K" : "";
}

// Errors of standard output's buffer are found here.
static bool flush_output(struct sr_err *err)
{
    return (fflush(stdout) == 0 && !ferror(stdout)) ||
           sr_fail(err, SR_ERR_STORAGE, "standard output cannot be written");
}

bool store_verb_add_name(struct sr_str *out, const char *name, struct sr_err *err)
{
    for (const char *c = name; *c; c++) {
        const unsigned char byte = (unsigned char)*c;
        if (!(byte < 0x20 || byte == 0x7F ? sr_str_addf(out, err, "\\x%02X", byte)
                                          : sr_str_add_bytes(out, c, 1, err)))
            return false;
    }
    return true;
}

void store_verb_time(int64_t wall_us, bool space, char text[32])
{
    const time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    text[0] = '\0';
    if (wall_us > 0 && gmtime_r(&seconds, &tm))
        (void)strftime(text, 32, space ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%SZ", &tm);
}

// Running ----------------------------------------------------------------------------------------

static bool run(struct store_call *call, const struct store_verb *verb, struct sr_err *err)
{
    struct blob_stores_params params = { .clock = sr_clock_system(),
                                         .log = &call->log,
                                         .cancel = call->cli->stop };
    return store_options_params(&call->options, &params, err) &&
           blob_stores_new(&params, &call->stores, err) && verb->run(verb->self, call, err) &&
           flush_output(err);
}

static int run_logged(struct store_call *call, const struct store_verb *verb)
{
    struct sr_err err = { 0 };
    if (!sr_log_open(stderr, call->log_level, sr_clock_system(), &call->log, &err))
        return cli_fail(call->cli, &err);
    int status;
    if (run(call, verb, &err)) {
        status = call->status;
    } else {
        status = cli_fail(call->cli, &err);
        show_advice(call, &err);
    }
    blob_stores_free(call->stores);
    sr_log_close(&call->log);
    return status;
}

int store_verb_main(const struct cli *cli, const struct store_verb *verb)
{
    struct sr_err err = { 0 };
    struct store_call *call = calloc(1, sizeof(*call));
    if (!call) {
        (void)sr_fail(&err, SR_ERR_NO_MEMORY, "command line");
        return cli_fail(cli, &err);
    }
    call->cli = cli;
    call->log_level = SR_LOG_OFF;
    int status = 0;
    if (!parse(call, verb, &err)) {
        status = cli_fail(cli, &err);
    } else if (call->help) {
        (void)printf("%s\n", verb->help);
        options_print(verb->rows, stdout);
    } else {
        status = run_logged(call, verb);
    }
    store_options_done(&call->options);
    free(call);
    return status;
}
