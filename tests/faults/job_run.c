#include "tests/faults/job_run.h"

#include <stdio.h>
#include <string.h>

#include "pipeline/run.h"

static const char *source_path;

void job_run_source(const char *path)
{
    source_path = path;
}

#define VIDEO "{'id':'v','codec':'h264','height':48,'crf':40,'preset':'ultrafast'}"
#define AUDIO "{'id':'a','codec':'aac','bitrate':'32k'}"

// Pictures are scaled; there are several segments.
static const char mp4_manifest[] =
    "{'version':1,"
    "'segments':{'mode':'keyframe','target':'0.6s'},'renditions':[" VIDEO "," AUDIO "]}";
static const char hls_manifest[] =
    "{'version':1,"
    "'segments':{'mode':'grid','target':'1s'},'renditions':[" VIDEO "," AUDIO "],"
    "'outputs':[{'type':'hls','path':'hls/','use':['v','a'],'segment':'1s'}]}";

static bool run(const char *pattern, const char *folder, const char *name, struct sr_err *err)
{
    char text[1024];
    (void)snprintf(text, sizeof(text), "%s", pattern);
    for (char *quote = text; (quote = strchr(quote, '\''));)
        *quote = '"';
    char output[128];
    (void)snprintf(output, sizeof(output), "%s/%s", folder, name);
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(run_result) struct run_result result = { 0 };
    const struct manifest_params parse = {
        .text = text,
        .bytes = strlen(text),
        .input = source_path,
        .output = output,
    };
    if (!manifest_parse(&parse, &manifest, err))
        return false;
    const struct run_params params = {
        .manifest = manifest,
        .overwrite = true,
        .worker_count = 1,  // so that the order of calls is the same each time
        .memory_bytes = 1 << 30,
        .clock = sr_clock_system(),
    };
    return run_job(&params, &result, err);
}

static bool run_mp4(const char *folder, struct sr_err *err)
{
    return run(mp4_manifest, folder, "out.mp4", err);
}

static bool run_hls(const char *folder, struct sr_err *err)
{
    return run(hls_manifest, folder, "out/", err);
}

static const char *const mp4_published[] = { "out.mp4", "out.report.json", NULL };
const struct sweep_job job_run_mp4 = { "run to MP4", run_mp4, mp4_published, 60, true };
static const char *const hls_published[] = { "out/hls", "out/report.json", NULL };
const struct sweep_job job_run_hls = { "run to HLS", run_hls, hls_published, 30, false };
