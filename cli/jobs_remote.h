// cli/jobs_remote.h - what the verbs share that talk to a server's Jobs API: their words, the
// client, what they print.
#pragma once

#include "base/cancel.h"
#include "cli/job_view.h"
#include "cli/options.h"
#include "net/jobs_client.h"

enum {
    JOBS_WORD_FIRST = 6000,  // a verb's own ids stay below
    JOBS_WORD_SERVER = JOBS_WORD_FIRST,
    JOBS_WORD_TOKEN_FILE,
    JOBS_WORD_PROFILE,
    JOBS_WORD_REGION,
    JOBS_WORD_UNSIGNED,
    JOBS_WORD_JSON,
    JOBS_WORD_HELP,
    JOBS_WORD_END,
    JOBS_OWN_MAX = 8,  // ids of a verb's own words are 0 to 7
};

// Rows for a verb's table.
#define JOBS_WORD_ROWS                                                                             \
    { "server", "URL", JOBS_WORD_SERVER,                                                           \
      "of the service; $SPLITREEL_SERVER, else http://127.0.0.1:8083" },                           \
        { "token-file", "FILE", JOBS_WORD_TOKEN_FILE,                                              \
          "the bearer token, if the server wants one; $SPLITREEL_TOKEN unless said" },             \
        { "aws-profile", "NAME", JOBS_WORD_PROFILE,                                                \
          "whose keys sign, if the server wants that; else as AWS's tools find them" },            \
        { "region", "NAME", JOBS_WORD_REGION, "to sign for" },                                     \
        { "unsigned", NULL, JOBS_WORD_UNSIGNED, "never sign" },                                    \
        { "json", NULL, JOBS_WORD_JSON, "documents of the API on stdout" },                        \
        { "help", NULL, JOBS_WORD_HELP, "this text" },                                             \
    {                                                                                              \
        "h", NULL, JOBS_WORD_HELP, NULL                                                            \
    }

struct jobs_words {  // borrowed from argv; NULL: not said
    const char *server, *token_file, *profile, *region;
    bool unsigned_calls, json, help;
    uint32_t attempts_max;  // of each call; 0: the HTTP client's own, some seconds
};
static inline bool jobs_words_has(int id)
{
    return id >= JOBS_WORD_FIRST && id < JOBS_WORD_END;
}
void jobs_words_set(struct jobs_words *words, int id, const char *value);

struct jobs_remote {
    struct jobs_client *client;
};
void jobs_remote_done(struct jobs_remote *remote);
SR_DEFINE_AUTO_VALUE(jobs_remote, struct jobs_remote, jobs_remote_done);
// Errors: those of reading the token and of jobs_client_new().
SR_MUST_USE bool jobs_remote_open(const struct jobs_words *words, struct jobs_remote *ret,
                                  struct sr_err *err);

// One call and its answer. `job` NULL: "/v1/jobs" itself; `below`: "", "/log", "?limit=5".
SR_MUST_USE bool jobs_remote_ask(const struct jobs_remote *remote, const char *method,
                                 const char *job, const char *below, const struct sr_cancel *cancel,
                                 json_t **ret_answer, struct sr_err *err);
// Hands in a manifest, or several; `text` is the body.
struct jobs_post {
    bool overwrite, strict;
    const char *correlation;  // NULL: none
};
SR_MUST_USE bool jobs_remote_post(const struct jobs_remote *remote, const char *text,
                                  const struct jobs_post *post, const struct sr_cancel *cancel,
                                  json_t **ret_answer, struct sr_err *err);
// Shows a job until it has ended; *ret_job is its last document, a new reference.
SR_MUST_USE bool jobs_remote_watch(const struct jobs_remote *remote, const char *job,
                                   struct job_view *view, const struct sr_cancel *cancel,
                                   json_t **ret_job, struct sr_err *err);

// Errors: STORAGE: standard output does not take it.
SR_MUST_USE bool jobs_print(const json_t *document, struct sr_err *err);  // one line of JSON
// One line: what a terminal would take for a command becomes a space. Ends the process, of SIGPIPE,
// when nobody reads standard output any more.
SR_MUST_USE bool jobs_say(const char *text, struct sr_err *err);
// The names of enum progress_kind.
SR_MUST_USE bool jobs_progress_kind(const char *word, enum progress_kind *ret, struct sr_err *err);
