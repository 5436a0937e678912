// `splitreel submit`: hands jobs to a service, which has them on disk before it answers.
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/submit_options.h"

enum { EXIT_SOME_FAILED = 6 };

static void help(void)
{
    (void)printf(
        "splitreel submit MANIFEST... [options] - hands jobs to a service\n\n"
        "  splitreel submit job.json\n"
        "  splitreel submit film.mov -o film.mp4 -crf 21 --wait\n"
        "  jq -c .jobs[] list.json | splitreel submit - --json\n\n"
        "MANIFEST is a file (JSON with comments), or - for standard input: one manifest, "
        "{\"jobs\": [...]}, or one in\n"
        "each line; all of them are accepted, or none. The job's id on standard output.\n"
        "With options that say what to make, as those of `run`, the operand is the source.\n\n");
    submit_options_print(stdout);
    (void)printf("\nExit status: 0 accepted, 2 wrong usage or manifest, 4 the server cannot be "
                 "reached or does not allow it.\n"
                 "With --wait the job's own, as `splitreel watch --help` has it; of several jobs 6 "
                 "when some failed.\n");
}

// The body: a manifest, or several.
static bool dump(const json_t *manifests, char **ret_text, struct sr_err *err)
{
    if (json_array_size(manifests) == 1)
        return jx_dump(json_array_get(manifests, 0), false, ret_text, err);
    sr_auto(json) json_t *many = json_pack("{s:O}", "jobs", manifests);
    return jx_made(many, err) && jx_dump(many, false, ret_text, err);
}

static bool post(const struct cli *cli, const struct submit_options *options,
                 const struct jobs_remote *remote, const json_t *manifests, json_t **ret_answer,
                 struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    const struct jobs_post post = { .overwrite = options->overwrite,
                                    .strict = options->strict,
                                    .correlation = options->correlation };
    if (!dump(manifests, &text, err))
        return false;
    return jobs_remote_post(remote, text, &post, cli->stop, ret_answer, err);
}

static const char *id_of(const json_t *job)
{
    return json_string_value(json_object_get(job, "id"));
}

static bool tell(const struct submit_options *options, const json_t *jobs, struct sr_err *err)
{
    size_t i;
    json_t *job;
    json_array_foreach(jobs, i, job)
    {
        if (!id_of(job))
            return sr_fail(err, SR_ERR_NETWORK, "the server's answer has no id");
        if (options->words.json && options->wait)
            continue;  // as they end
        if (options->words.json ? !jobs_print(job, err) : !jobs_say(id_of(job), err))
            return false;
    }
    return true;
}

static bool wait_for(const struct cli *cli, const struct submit_options *options,
                     const struct jobs_remote *remote, const json_t *jobs, int *ret_status,
                     struct sr_err *err)
{
    const size_t count = json_array_size(jobs);
    size_t i;
    json_t *job;
    json_array_foreach(jobs, i, job)
    {
        sr_auto(json) json_t *end = NULL;
        struct job_view view = { .file = options->progress == PROGRESS_JSON ? stdout : stderr,
                                 .kind = options->progress };
        if (!jobs_remote_watch(remote, id_of(job), &view, cli->stop, &end, err)) {
            if (err->code == SR_ERR_CANCELLED)
                (void)fprintf(stderr,
                              "splitreel: the service goes on with it; `splitreel watch %s`\n",
                              id_of(job));
            return false;
        }
        if (options->words.json && !jobs_print(end, err))
            return false;
        const int status = job_view_status(end);
        if (status != 0)
            *ret_status = count == 1 ? status : EXIT_SOME_FAILED;
    }
    return true;
}

static bool submit(const struct cli *cli, struct submit_options *options, int *ret_status,
                   struct sr_err *err)
{
    sr_auto(json) json_t *manifests = NULL, *answer = NULL, *one = NULL;
    sr_auto(jobs_remote) struct jobs_remote remote = { 0 };
    if (!submit_options_manifests(options, &manifests, err) ||
        !jobs_remote_open(&options->words, &remote, err) ||
        !post(cli, options, &remote, manifests, &answer, err))
        return false;
    const json_t *jobs = json_object_get(answer, "jobs");
    if (!jobs) {
        one = json_pack("[O]", answer);
        if (!jx_made(one, err))
            return false;
        jobs = one;
    }
    return tell(options, jobs, err) &&
           (!options->wait || wait_for(cli, options, &remote, jobs, ret_status, err));
}

int cmd_submit(const struct cli *cli)
{
    struct sr_err err = { 0 };
    int status = 0;
    sr_auto(submit_options) struct submit_options options = { 0 };
    if (!submit_options_parse(cli->argc, cli->argv, &options, &err))
        return cli_fail(cli, &err);
    if (options.words.help) {
        help();
        return 0;
    }
    return submit(cli, &options, &status, &err) ? status : cli_fail(cli, &err);
}
