// `splitreel plan`: where the source would be cut, and what would be made of it. Nothing is encoded
// or written.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/job_options.h"
#include "pipeline/act_plan.h"
#include "pipeline/act_probe.h"
#include "pipeline/job.h"
#include "transcode/media_log.h"

static void help(void)
{
    (void)printf(
        "splitreel plan IN [options] - show where a source is cut, and what is made of it\n\n"
        "  splitreel plan film.mov\n"
        "  splitreel plan film.mov --template hls-1080p --json\n\n"
        "Takes the options of `splitreel run`; -o may be left out. Encodes and writes nothing.\n\n");
    job_options_print(stdout);
    (void)printf("\nExit status: 0, 2 wrong usage, 3 the input cannot be used, 4 disk, store or "
                 "network, 7 a limit.\n");
}

static void print_table(const struct job *job)
{
    const struct segment_plan *const plan = job->plan;
    for (size_t v = 0; v < job->video_count; v++) {
        const struct rendition_video *const video = &job->videos[v].video;
        (void)printf("%-12s %s %dx%d%s, %s\n", job_video_id(job, v), video->asked.codec,
                     video->width, video->height, video->is_interlaced ? " interlaced" : "",
                     video->pixel_format);
    }
    for (size_t a = 0; a < job->audio_count; a++)
        (void)printf("%-12s %s, stream %d, from %.3f s\n", job->audios[a].id,
                     job_rendition(job, job->audios[a].rendition)->codec,
                     job->audios[a].stream_index,
                     (double)job_out_us(job, job->audios[a].extent.start_pts,
                                        job->audios[a].extent.time_base) /
                         1e6);
    for (size_t i = 0; i < json_array_size(job->notes); i++)
        (void)printf("note: %s\n", json_string_value(json_array_get(job->notes, i)));
    if (!plan)
        return;
    (void)printf("%zu segment%s, mode %s, %zu frames, %d encoder thread%s\n", plan->segment_count,
                 plan->segment_count == 1 ? "" : "s", segment_mode_name(plan->mode),
                 job->table->presented_count, plan->encoder_threads,
                 plan->encoder_threads == 1 ? "" : "s");
    if (plan->why_one)
        (void)printf("one segment: %s\n", plan->why_one);
    (void)printf("%8s %12s %12s %8s %12s\n", "segment", "from", "to", "frames", "source bytes");
    for (size_t s = 0; s < plan->segment_count; s++) {
        const struct segment *const segment = &plan->segment[s];
        (void)printf("%8zu %12.3f %12.3f %8zu %12llu\n", s + 1,
                     (double)job_out_us(job, segment->start_pts, job->table->time_base) / 1e6,
                     (double)job_out_us(job, segment->end_pts, job->table->time_base) / 1e6,
                     segment->packet_count, (unsigned long long)segment->source_bytes);
    }
}

static bool plan(const struct cli *cli, struct job_options *options, struct sr_err *err)
{
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(remote) struct remote *remote = NULL;
    sr_auto(job) struct job *job = NULL;
    sr_auto(json) json_t *probed = NULL;
    sr_auto(json) json_t *planned = NULL;
    sr_auto(char) char *text = NULL;
    struct blob_stores_params stores = { .clock = sr_clock_system() };
    struct sr_log log;
    if (!job_options_manifest(options, options->template_name ? "./" : "output.mp4", &manifest,
                              err) ||
        !store_options_params(&options->stores, &stores, err) ||
        !remote_new(&(struct remote_params){ .stores = &stores, .cancel = cli->stop }, &remote,
                    err) ||
        !sr_log_open(stderr, options->log_level, sr_clock_system(), &log, err))
        return false;
    const struct job_params params = {
        .manifest = manifest, .remote = remote, .cancel = cli->stop, .log = &log
    };
    (void)media_log_set(&log);
    bool done = job_open(&params, &job, err) && act_probe(job, &probed, err) &&
                act_plan(job, &planned, err);
    if (done && options->json)
        done = jx_dump(planned, true, &text, err) &&
               (printf("%s\n", text) >= 0 || sr_fail(err, SR_ERR_STORAGE, "standard output"));
    else if (done)
        print_table(job);
    (void)media_log_set(NULL);
    sr_log_close(&log);
    return done;
}

int cmd_plan(const struct cli *cli)
{
    struct sr_err err = { 0 };
    sr_auto(job_options) struct job_options options = { 0 };
    if (!job_options_parse(cli->argc, cli->argv, &options, &err))
        return cli_fail(cli, &err);
    if (options.help) {
        help();
        return 0;
    }
    return plan(cli, &options, &err) ? 0 : cli_fail(cli, &err);
}
