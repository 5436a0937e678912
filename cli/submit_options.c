#include "cli/submit_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/io.h"
#include "net/url.h"
#include "pipeline/quantity.h"

enum {
    OWN_FIRST = 5000,  // those of `run` stay below
    OWN_WAIT = OWN_FIRST,
    OWN_PROGRESS,
    OWN_KEY,
    OWN_CORRELATION,
    OWN_PRIORITY,
    OWN_YES,
    OWN_STRICT,
    OWN_NOT_HERE,
    ROWS_MAX = 128,
    RUN_WORDS_MAX = 256,
};

static const struct option_row own[] = {
    { "wait", NULL, OWN_WAIT, "follow the job to its end, and end as it does" },
    { "progress", "KIND", OWN_PROGRESS, "with --wait: bar, plain, json or none" },
    { "key", "KEY", OWN_KEY,
      "its idempotency key: once more with it is the same job, for ever; made up unless said" },
    { "correlation", "ID", OWN_CORRELATION, "goes into every line, task, webhook and report" },
    { "priority", "N", OWN_PRIORITY, "0 to 100, the most urgent first; 50 unless said" },
    { "y", NULL, OWN_YES, "outputs that are there may be replaced" },
    { "strict", NULL, OWN_STRICT, "a damaged source fails the job" },
    JOBS_WORD_ROWS,
    // of `run`: how is the service's affair
    { "workers", "N", OWN_NOT_HERE, NULL },
    { "w", "N", OWN_NOT_HERE, NULL },
    { "workspace", "DIR", OWN_NOT_HERE, NULL },
    { "keep", NULL, OWN_NOT_HERE, NULL },
    { "cpuflags", "0", OWN_NOT_HERE, NULL },
    { "shuffle", "N", OWN_NOT_HERE, NULL },
    { "log-level", "LEVEL", OWN_NOT_HERE, NULL },
    { "loglevel", "LEVEL", OWN_NOT_HERE, NULL },
    { "stores", "FILE", OWN_NOT_HERE, NULL },
    { "endpoint-url", "URL", OWN_NOT_HERE, NULL },
    { "addressing", "STYLE", OWN_NOT_HERE, NULL },
    { "path-style", NULL, OWN_NOT_HERE, NULL },
    { "no-sign-request", NULL, OWN_NOT_HERE, NULL },
    { "allow", "HOST", OWN_NOT_HERE, NULL },
    { "allow-private", NULL, OWN_NOT_HERE, NULL },
    { NULL, NULL, 0, NULL },
};

void submit_options_done(struct submit_options *options)
{
    job_options_done(&options->run);
    *options = (struct submit_options){ 0 };
}

void submit_options_print(FILE *file)
{
    options_print(own, file);
    (void)fprintf(file, "\nand what `splitreel run` takes that says what to make.\n");
}

// Words ------------------------------------------------------------------------------------------

struct words {
    struct submit_options *options;
    char *run[RUN_WORDS_MAX];  // handed on
    size_t run_count;
};

static bool take_own(struct submit_options *options, const struct option_row *row,
                     const char *value, struct sr_err *err)
{
    if (jobs_words_has(row->id)) {
        jobs_words_set(&options->words, row->id, value);
        return true;
    }
    switch (row->id) {
    case OWN_WAIT: options->wait = true; return true;
    case OWN_PROGRESS: return jobs_progress_kind(value, &options->progress, err);
    case OWN_KEY: options->key = value; return true;
    case OWN_CORRELATION: options->correlation = value; return true;
    case OWN_PRIORITY:
        return quantity_count(value, 100, &options->priority) ||
               sr_fail(err, SR_ERR_INVALID, "--priority %.40s: want a number from 0 to 100", value);
    case OWN_YES: options->overwrite = true; return true;
    case OWN_STRICT: options->strict = true; return true;
    default:
        return sr_fail(err, SR_ERR_INVALID,
                       "-%s: how a job is done is the service's affair; `splitreel run` takes it",
                       row->name);
    }
}

static bool hand_on(struct words *words, char **argv, int from, int to, struct sr_err *err)
{
    for (int i = from; i < to; i++) {
        if (words->run_count == RUN_WORDS_MAX)
            return sr_fail(err, SR_ERR_INVALID, "too many words: \"%.40s\"", argv[i]);
        words->run[words->run_count++] = argv[i];
    }
    return true;
}

static bool take_operand(struct submit_options *options, const char *value, struct sr_err *err)
{
    if (options->file_count == SUBMIT_FILES_MAX)
        return sr_fail(err, SR_ERR_INVALID, "more than %d files", SUBMIT_FILES_MAX);
    options->files[options->file_count++] = value;
    return true;
}

static bool read_words(struct words *words, struct options *options, struct sr_err *err)
{
    for (;;) {
        const struct option_row *row = NULL;
        const char *value = NULL;
        const int from = options->at;
        bool done = true;
        switch (options_next(options, &row, &value, err)) {
        case OPTIONS_END: return true;
        case OPTIONS_FAILED: return false;
        case OPTIONS_OPERAND: done = take_operand(words->options, value, err); break;
        case OPTIONS_OPTION:
            done = row->id >= OWN_FIRST ? take_own(words->options, row, value, err)
                                        : hand_on(words, options->argv, from, options->at, err);
            break;
        }
        if (!done)
            return false;
    }
}

// Ours stand in front: of two rows with one name the first counts.
static bool join_rows(struct option_row rows[ROWS_MAX], struct sr_err *err)
{
    size_t count = 0;
    for (const struct option_row *row = own; row->name && count < ROWS_MAX - 1; row++)
        rows[count++] = *row;
    for (const struct option_row *row = job_options_rows(); row->name && count < ROWS_MAX; row++) {
        if (!store_options_has(row->id))
            rows[count++] = *row;
    }
    if (count == ROWS_MAX)
        return sr_fail(err, SR_ERR_INTERNAL, "more than %d options", ROWS_MAX);
    rows[count] = (struct option_row){ 0 };
    return true;
}

// With words of `run` the operand is the source, without it is a manifest.
static bool settle(struct words *words, struct sr_err *err)
{
    struct submit_options *const options = words->options;
    if (options->words.help)
        return true;
    if (options->words.json && options->progress == PROGRESS_JSON)
        return sr_fail(err, SR_ERR_INVALID, "--json and --progress json both want standard output");
    options->is_said = words->run_count > 0;
    if (!options->is_said)
        return options->file_count > 0 ||
               sr_fail(err, SR_ERR_INVALID,
                       "name a manifest, - for standard input, or IN -o OUT as for `run`");
    for (size_t i = 0; i < options->file_count; i++) {
        char *argv[] = { (char *)"-i", (char *)(uintptr_t)options->files[i] };
        if (!hand_on(words, argv, 0, 2, err))
            return false;
    }
    return job_options_parse((int)words->run_count, words->run, &options->run, err);
}

bool submit_options_parse(int argc, char **argv, struct submit_options *ret, struct sr_err *err)
{
    sr_auto(submit_options) struct submit_options options = { .priority = -1 };
    struct option_row rows[ROWS_MAX];
    struct options list = { .argc = argc, .argv = argv, .rows = rows };
    struct words words = { .options = &options };
    if (!join_rows(rows, err) || !read_words(&words, &list, err) || !settle(&words, err))
        return false;
    *ret = options;
    options = (struct submit_options){ 0 };
    return true;
}

// Manifests --------------------------------------------------------------------------------------

static bool add_manifest(json_t *manifests, const json_t *manifest, struct sr_err *err)
{
    if (json_array_size(manifests) == SUBMIT_JOBS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d manifests", SUBMIT_JOBS_MAX);
    return jx_append(manifests, json_incref((json_t *)(uintptr_t)manifest), err);
}

// {"jobs": [...]} or a manifest.
static bool take_document(const json_t *document, json_t *manifests, struct sr_err *err)
{
    const struct jx root = jx_root(document);
    struct jx jobs;
    if (!json_is_object(document))
        return jx_fail(&root, err, "want a manifest, an object");
    if (!jx_has(&root, "jobs"))
        return add_manifest(manifests, document, err);
    static const char *const known[] = { "jobs", NULL };
    if (!jx_only(&root, known, err) || !jx_array(&root, "jobs", &jobs, err))
        return false;
    for (size_t i = 0; i < json_array_size(jobs.value); i++) {
        const struct jx at = jx_at(&jobs, i);
        if (!json_is_object(at.value))
            return jx_fail(&at, err, "want a manifest, an object");
        if (!add_manifest(manifests, at.value, err))
            return false;
    }
    return json_array_size(jobs.value) > 0 || jx_fail(&jobs, err, "want at least one manifest");
}

static bool is_blank(const char *line, size_t bytes)
{
    return strspn(line, " \t\r") >= bytes;
}

// Whether it is JSON Lines: what stands in its first line is whole.
static bool has_lines(const char *text, const char *end)
{
    sr_auto(json) json_t *first = NULL;
    struct sr_err ignored;
    while (text < end && is_blank(text, strcspn(text, "\n")))
        text += strcspn(text, "\n") + 1;
    return text < end && jx_parse(text, strcspn(text, "\n"), true, &first, &ignored) &&
           json_is_object(first);
}

bool submit_read(const char *text, size_t bytes, json_t *manifests, struct sr_err *err)
{
    sr_auto(json) json_t *document = NULL;
    const char *const end = text + bytes;
    size_t number = 0;
    if (jx_parse(text, bytes, true, &document, err))
        return take_document(document, manifests, err);
    if (err->code != SR_ERR_INVALID || strlen(text) != bytes || !has_lines(text, end))
        return false;
    for (const char *at = text; at < end;) {
        const size_t line = strcspn(at, "\n");
        sr_auto(json) json_t *manifest = NULL;
        number++;
        if (!is_blank(at, line) &&
            (!jx_parse(at, line, true, &manifest, err) || !take_document(manifest, manifests, err)))
            return sr_err_wrap(err, "line %zu", number);
        at += line + 1;
    }
    return true;
}

static bool read_stdin(char **ret_text, size_t *ret_bytes, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    char buffer[65536];
    for (size_t got; (got = fread(buffer, 1, sizeof(buffer), stdin)) > 0;) {
        if (text.bytes + got > SUBMIT_BYTES_MAX)
            return sr_fail(err, SR_ERR_TOO_LARGE, "more than %d bytes", SUBMIT_BYTES_MAX);
        if (!sr_str_add_bytes(&text, buffer, got, err))
            return false;
    }
    if (ferror(stdin))
        return sr_fail_errno(err, errno, "standard input");
    *ret_bytes = text.bytes;
    *ret_text = sr_str_take(&text);
    return *ret_text || sr_fail(err, SR_ERR_NO_MEMORY, "standard input");
}

static bool read_file(const char *path, json_t *manifests, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    size_t bytes;
    const bool is_stdin = strcmp(path, "-") == 0;
    const bool done = (is_stdin ? read_stdin(&text, &bytes, err)
                                : sr_file_load(path, SUBMIT_BYTES_MAX, &text, &bytes, err)) &&
                      submit_read(text, bytes, manifests, err);
    // who names a film alone, without -o, is told how its name was taken
    return done || sr_err_wrap(err, "%.200s as a manifest", is_stdin ? "standard input" : path);
}

// A path of this process as the service's: it has its own folder. URLs are what they are.
static json_t *whole_path(const char *path, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str whole = { 0 }, normal = { 0 };
    sr_auto(char) char *here = NULL;
    if (path[0] != '/' && !strstr(path, "://")) {
        here = getcwd(NULL, 0);
        if (!here) {
            (void)sr_fail_errno(err, errno, "this folder");
            return NULL;
        }
        if (!sr_str_addf(&whole, err, "%s/%s", here, path) ||
            !url_add_normal_path(whole.text, &normal, err))
            return NULL;
        path = normal.text;
    }
    json_t *const text = json_string(path);
    if (!text)
        (void)sr_fail(err, SR_ERR_INVALID, "\"%.120s\": a name that is not UTF-8", path);
    return text;
}

bool submit_options_said(struct submit_options *options, json_t **ret_manifest, struct sr_err *err)
{
    sr_auto(manifest) struct manifest *manifest = NULL;
    if (!job_options_manifest(&options->run, NULL, &manifest, err))
        return false;
    if (strcmp(manifest->output, "-") == 0)
        return sr_fail(err, SR_ERR_INVALID, "-o -: a service has no standard output for it");
    sr_auto(json) json_t *document = json_deep_copy(manifest->document);
    if (!jx_made(document, err))
        return false;
    json_t *const input = json_object_get(document, "input");
    json_t *const from = whole_path(manifest->input, err);
    if (!from || (json_is_object(input) ? !jx_put(input, "url", from, err)
                                        : !jx_put(document, "input", from, err)))
        return false;
    json_t *const to = whole_path(manifest->output, err);
    if (!to || !jx_put(document, "output", to, err))
        return false;
    *ret_manifest = sr_take(document);
    return true;
}

static bool add_said(struct submit_options *options, json_t *manifests, struct sr_err *err)
{
    sr_auto(json) json_t *manifest = NULL;
    return submit_options_said(options, &manifest, err) && add_manifest(manifests, manifest, err);
}

static bool complete(const struct submit_options *options, json_t *manifest, struct sr_err *err)
{
    char made[SR_ID_TEXT];
    if (options->priority >= 0 &&
        !jx_put(manifest, "priority", json_integer(options->priority), err))
        return false;
    if (options->key)
        return jx_put(manifest, "idempotency_key", jx_string(options->key), err);
    return json_object_get(manifest, "idempotency_key") ||
           (sr_id_new(sr_clock_system(), made, err) &&
            jx_put(manifest, "idempotency_key", json_string(made), err));
}

bool submit_options_manifests(struct submit_options *options, json_t **ret_manifests,
                              struct sr_err *err)
{
    sr_auto(json) json_t *manifests = json_array();
    if (!jx_made(manifests, err) || (options->is_said && !add_said(options, manifests, err)))
        return false;
    for (size_t i = 0; !options->is_said && i < options->file_count; i++) {
        if (!read_file(options->files[i], manifests, err))
            return false;
    }
    if (json_array_size(manifests) == 0)
        return sr_fail(err, SR_ERR_INVALID, "there is no manifest in it");
    if (options->key && json_array_size(manifests) > 1)
        return sr_fail(err, SR_ERR_INVALID, "--key: one key cannot be that of %zu manifests",
                       json_array_size(manifests));
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        if (!complete(options, json_array_get(manifests, i), err))
            return false;
    }
    *ret_manifests = sr_take(manifests);
    return true;
}
