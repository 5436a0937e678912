#include "cli/jobs_remote.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "net/url.h"

#define SERVER_DEFAULT "http://127.0.0.1:8083"  // where `serve` listens

enum { TOKEN_BYTES_MAX = 4096 };

// Words ------------------------------------------------------------------------------------------

void jobs_words_set(struct jobs_words *words, int id, const char *value)
{
    switch (id) {
    case JOBS_WORD_SERVER: words->server = value; break;
    case JOBS_WORD_TOKEN_FILE: words->token_file = value; break;
    case JOBS_WORD_PROFILE: words->profile = value; break;
    case JOBS_WORD_REGION: words->region = value; break;
    case JOBS_WORD_UNSIGNED: words->unsigned_calls = true; break;
    case JOBS_WORD_JSON: words->json = true; break;
    default: words->help = true; break;
    }
}

bool jobs_progress_kind(const char *word, enum progress_kind *ret, struct sr_err *err)
{
    static const char *const names[] = { "auto", "bar", "plain", "json", "none" };
    for (int i = 0; i < 5; i++) {
        if (strcmp(word, names[i]) == 0) {
            *ret = (enum progress_kind)i;
            return true;
        }
    }
    return sr_fail(err, SR_ERR_INVALID, "--progress %.40s: want bar, plain, json or none", word);
}

// The server -------------------------------------------------------------------------------------

void jobs_remote_done(struct jobs_remote *remote)
{
    jobs_client_free(remote->client);
    *remote = (struct jobs_remote){ 0 };
}

// NULL: none. *ret_owned: what of it must be overwritten and freed.
static bool find_token(const struct jobs_words *words, const char **ret_token, char **ret_owned,
                       struct sr_err *err)
{
    size_t bytes;
    if (!words->token_file) {
        const char *const token = getenv("SPLITREEL_TOKEN");
        *ret_token = token && *token ? token : NULL;
        return true;
    }
    if (!sr_file_load(words->token_file, TOKEN_BYTES_MAX, ret_owned, &bytes, err))
        return sr_err_wrap(err, "--token-file");
    char *const token = *ret_owned;
    token[strcspn(token, "\r\n")] = '\0';
    *ret_token = token;
    return *token ||
           sr_fail(err, SR_ERR_INVALID, "--token-file: %.200s is empty", words->token_file);
}

bool jobs_remote_open(const struct jobs_words *words, struct jobs_remote *ret, struct sr_err *err)
{
    const char *const said = words->server ? words->server : getenv("SPLITREEL_SERVER");
    const char *token = NULL;
    char *owned = NULL;
    sr_auto(jobs_remote) struct jobs_remote remote = { 0 };
    if (!find_token(words, &token, &owned, err)) {
        free(owned);
        return false;
    }
    const struct jobs_client_params params = { .url = said && *said ? said : SERVER_DEFAULT,
                                               .token = token,
                                               .is_unsigned = words->unsigned_calls,
                                               .profile = words->profile,
                                               .region = words->region,
                                               .attempts_max = words->attempts_max };
    const bool opened = jobs_client_new(&params, &remote.client, err);
    if (owned)
        explicit_bzero(owned, strlen(owned));
    free(owned);
    if (!opened)
        return false;
    *ret = remote;
    remote = (struct jobs_remote){ 0 };
    return true;
}

bool jobs_remote_ask(const struct jobs_remote *remote, const char *method, const char *job,
                     const char *below, const struct sr_cancel *cancel, json_t **ret_answer,
                     struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str path = { 0 };
    if (!sr_str_add(&path, "/v1/jobs", err) ||
        (job && (!sr_str_add(&path, "/", err) || !url_encode(job, strlen(job), "", &path, err))) ||
        !sr_str_add(&path, below, err))
        return false;
    const struct jobs_client_call call = { .method = method, .path = path.text };
    return jobs_client_ask(remote->client, &call, cancel, ret_answer, err);
}

bool jobs_remote_post(const struct jobs_remote *remote, const char *text,
                      const struct jobs_post *post, const struct sr_cancel *cancel,
                      json_t **ret_answer, struct sr_err *err)
{
    static const char *const paths[2][2] = {
        { "/v1/jobs", "/v1/jobs?strict=true" },
        { "/v1/jobs?overwrite=true", "/v1/jobs?overwrite=true&strict=true" },
    };
    const struct jobs_client_call call = { .method = "POST",
                                           .path = paths[post->overwrite][post->strict],
                                           .body = text,
                                           .body_bytes = strlen(text),
                                           .correlation = post->correlation };
    return jobs_client_ask(remote->client, &call, cancel, ret_answer, err);
}

struct watching {
    struct job_view *view;
    json_t *job;
};

// On the HTTP client's thread, which does nothing else here.
static bool on_job(void *self, const json_t *job, struct sr_err *err)
{
    struct watching *const watching = self;
    json_decref(watching->job);
    watching->job = json_deep_copy(job);
    return jx_made(watching->job, err) &&
           job_view_show(watching->view, job, sr_clock_monotonic_us(sr_clock_system()), err);
}

bool jobs_remote_watch(const struct jobs_remote *remote, const char *job, struct job_view *view,
                       const struct sr_cancel *cancel, json_t **ret_job, struct sr_err *err)
{
    struct watching watching = { .view = view };
    const bool done = jobs_client_watch(remote->client, job, on_job, &watching, cancel, err);
    job_view_end(view);
    if (done && watching.job) {
        *ret_job = watching.job;
        return true;
    }
    json_decref(watching.job);
    return done ? sr_fail(err, SR_ERR_NETWORK, "the server tells nothing of the job") : false;
}

// Printing ---------------------------------------------------------------------------------------

// Who reads on no more, as `head`, has all that it wants: that ends us as it ends others, without a
// word. Sockets are why SIGPIPE is ignored elsewhere (main.c).
static void end_by_pipe(void)
{
    (void)signal(SIGPIPE, SIG_DFL);
    (void)raise(SIGPIPE);
}

bool jobs_say(const char *text, struct sr_err *err)
{
    for (; *text; text++)
        (void)putchar((unsigned char)*text < ' ' || *text == 127 ? ' ' : *text);  // fflush() tells
    (void)putchar('\n');
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    const int number = errno;
    if (number == EPIPE)
        end_by_pipe();
    return sr_fail_errno(err, number, "standard output");
}

bool jobs_print(const json_t *document, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    return jx_dump(document, false, &text, err) && jobs_say(text, err);
}
