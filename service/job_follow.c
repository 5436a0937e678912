#include "service/job_follow.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/str.h"
#include "base/thread.h"
#include "service/job_log.h"
#include "service/problem.h"
#include "statemachine/store_sqlite.h"

struct stream {
    struct stream *next;
    struct server_call *call;
    char id[SR_ID_TEXT];
    char *last;       // the document that was sent last
    int64_t said_us;  // monotonic: when anything was
};

struct wish {  // for a log
    struct wish *next;
    struct server_call *call;
    char id[SR_ID_TEXT];
    char page[JOB_LOG_PAGE_MAX];
    size_t line_max;
};

struct job_follow {
    const struct job_follow_params params;
    struct sr_thread *thread;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        struct stream *streams;  // that the thread has not seen yet
        struct wish *first, **end;
        size_t stream_count, wish_count;
        bool stops;
    } synced;  // under `lock`
    struct {
        struct store reader;
        struct stream *streams;  // by id, so that each job is looked at once
        int64_t look_us;         // monotonic: the next look
    } work;                      // the thread's
};

static int64_t now_us(const struct job_follow *follow)
{
    return sr_clock_monotonic_us(follow->params.clock);
}

// That nobody reads a refusal is the client's affair.
static void refuse(struct server_call *call, const struct sr_err *err)
{
    const bool is_busy = err->code == SR_ERR_STORAGE || err->code == SR_ERR_LIMIT;
    const int status = is_busy ? 503 : sr_err_row(err->code)->http_status;
    sr_ignore(problem_answer(call, status, err->message, NULL, NULL));
}

// Streams ----------------------------------------------------------------------------------------

static void stream_free(struct job_follow *follow, struct stream *stream)
{
    sr_lock(&follow->lock);
    follow->synced.stream_count--;
    sr_unlock(&follow->lock);
    free(stream->last);
    free(stream);
}

static bool has_ended(const json_t *job)
{
    const char *const state = json_string_value(json_object_get(job, "state"));
    return state && (strcmp(state, "SUCCEEDED") == 0 || strcmp(state, "FAILED") == 0 ||
                     strcmp(state, "CANCELLED") == 0);
}

// A job as it is now.
struct look {
    char id[SR_ID_TEXT];
    char *text;  // NULL: it could not be read, or is no more
    bool is_over;
    struct sr_err err;
};

static void look_at(const struct job_follow *follow, const char *id, struct look *look)
{
    const struct job_follow_params *const params = &follow->params;
    sr_auto(json) json_t *job = NULL;
    free(look->text);
    *look = (struct look){ .text = NULL };
    memcpy(look->id, id, sizeof look->id);
    if (!params->document(params->self, id, &job, &look->err) ||
        !jx_dump(job, false, &look->text, &look->err)) {
        look->is_over = look->err.code == SR_ERR_NOT_FOUND;
        return;
    }
    look->is_over = has_ended(job);
}

static bool add_job(struct sr_str *out, const struct look *look, struct sr_err *err)
{
    return sr_str_add(out, "event: job\ndata: ", err) && sr_str_add(out, look->text, err) &&
           sr_str_add(out, "\n\n", err);
}

static bool add_end(struct sr_str *out, struct sr_err *err)
{
    return sr_str_add(out, "event: end\ndata: {}\n\n", err);
}

// Tells a stream what is new. False: it is over.
static bool tell(const struct job_follow *follow, struct stream *stream, const struct look *look)
{
    struct sr_err err = { 0 };  // without memory it is told later
    sr_auto(sr_str) struct sr_str news = { 0 };
    const int64_t at_us = now_us(follow);
    const bool is_news = look->text && strcmp(look->text, stream->last) != 0;
    const bool is_silent = at_us - stream->said_us >= JOB_FOLLOW_SILENT_US;
    if ((is_news && !add_job(&news, look, &err)) ||
        (look->is_over ? !add_end(&news, &err)
                       : !is_news && is_silent && !sr_str_add(&news, ": here\n\n", &err)))
        return true;
    const enum server_stream_state state =
        server_stream_add(stream->call, sr_str_text(&news), news.bytes);
    if (state == SERVER_STREAM_GONE)
        return false;
    if (state == SERVER_STREAM_FULL)
        return true;  // it hears of a newer one
    if (news.bytes > 0)
        stream->said_us = at_us;
    if (is_news) {
        char *const copy = strdup(look->text);
        if (copy) {
            free(stream->last);
            stream->last = copy;
        }
    }
    return !look->is_over;
}

static void end_stream(struct job_follow *follow, struct stream *stream)
{
    server_stream_end(stream->call);
    stream_free(follow, stream);
}

static void look_at_all(struct job_follow *follow)
{
    struct look look = { .text = NULL };
    for (struct stream **at = &follow->work.streams; *at;) {
        struct stream *const stream = *at;
        if (strcmp(look.id, stream->id) != 0)
            look_at(follow, stream->id, &look);
        if (tell(follow, stream, &look)) {
            at = &stream->next;
            continue;
        }
        *at = stream->next;
        end_stream(follow, stream);
    }
    free(look.text);
}

static void take_streams(struct job_follow *follow)
{
    sr_lock(&follow->lock);
    struct stream *added = sr_take(follow->synced.streams);
    sr_unlock(&follow->lock);
    while (added) {
        struct stream *const stream = added;
        struct stream **at = &follow->work.streams;
        added = added->next;
        while (*at && strcmp((*at)->id, stream->id) < 0)
            at = &(*at)->next;
        stream->next = *at;
        *at = stream;
    }
}

// A place among the streams.
static bool take_place(struct job_follow *follow, struct sr_err *err)
{
    sr_lock(&follow->lock);
    const bool stops = follow->synced.stops;
    const bool fits = !stops && follow->synced.stream_count < JOB_FOLLOW_STREAMS_MAX;
    follow->synced.stream_count += fits;
    sr_unlock(&follow->lock);
    if (stops)
        return sr_fail(err, SR_ERR_BUSY, "the service is stopping");
    return fits || sr_fail(err, SR_ERR_BUSY, "%d streams are open", JOB_FOLLOW_STREAMS_MAX);
}

static bool is_id(const char *id)
{
    return strlen(id) < SR_ID_TEXT;
}

// Takes the stream, whose answer has begun.
static void add_stream(struct job_follow *follow, struct stream *stream)
{
    sr_lock(&follow->lock);
    const bool stops = follow->synced.stops;
    if (!stops) {
        stream->next = follow->synced.streams;
        follow->synced.streams = stream;
    }
    sr_unlock(&follow->lock);
    if (stops)
        end_stream(follow, stream);
}

// What the stream begins with; *ret_stream is NULL when that is all of it.
static bool begin_stream(struct job_follow *follow, const struct look *look, struct sr_str *text,
                         struct stream **ret_stream, struct sr_err *err)
{
    *ret_stream = NULL;
    if (!add_job(text, look, err))
        return false;
    if (look->is_over)
        return add_end(text, err);
    if (!take_place(follow, err))
        return false;
    struct stream *const stream = calloc(1, sizeof *stream);
    char *const last = strdup(look->text);
    if (!stream || !last) {
        sr_lock(&follow->lock);
        follow->synced.stream_count--;
        sr_unlock(&follow->lock);
        free(stream);
        free(last);
        return sr_fail(err, SR_ERR_NO_MEMORY, "a stream");
    }
    stream->last = last;
    stream->said_us = now_us(follow);
    memcpy(stream->id, look->id, sizeof stream->id);
    *ret_stream = stream;
    return true;
}

void job_follow_events(struct job_follow *follow, struct server_call *call, const char *id)
{
    struct look look = { .text = NULL };
    struct stream *stream = NULL;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    char known[SR_ID_TEXT] = "";
    if (is_id(id)) {
        memcpy(known, id, strlen(id));
        look_at(follow, known, &look);
    } else {
        (void)sr_fail(&look.err, SR_ERR_NOT_FOUND, "there is no such job");
    }
    if (!look.text || !begin_stream(follow, &look, &text, &stream, &err)) {
        refuse(call, look.text ? &err : &look.err);
        free(look.text);
        return;
    }
    const bool is_over = look.is_over;
    free(look.text);
    if (stream) {
        stream->call = call;
        server_call_is_long(call);
    }
    const struct server_answer head = {
        .status = 200, .content_type = "text/event-stream", .body = text.text, .size = text.bytes
    };
    const bool begun = server_stream(call, &head);
    if (begun && is_over)
        server_stream_end(call);
    else if (begun)
        add_stream(follow, stream);
    else if (stream)
        stream_free(follow, stream);
}

// Logs -------------------------------------------------------------------------------------------

struct asking {
    const struct job_follow *follow;
    const char *id;
};

static char *name_execution(void *self, int64_t attempt, bool clean, struct sr_err *err)
{
    const struct asking *const asking = self;
    const struct job_follow_params *const params = &asking->follow->params;
    return params->execution(params->self, asking->id, attempt, clean, err);
}

static bool read_log(struct job_follow *follow, const struct wish *wish, struct sr_str *out,
                     struct sr_err *err)
{
    const struct job_follow_params *const params = &follow->params;
    sr_auto(json) json_t *job = NULL, *log = NULL;
    struct asking asking = { follow, wish->id };
    if (!params->document(params->self, wish->id, &job, err))
        return false;
    const struct job_log_query query = { .attempts =
                                             json_integer_value(json_object_get(job, "attempt")),
                                         .line_max = wish->line_max,
                                         .page = *wish->page ? wish->page : NULL,
                                         .execution = name_execution,
                                         .self = &asking };
    return job_log_read(&follow->work.reader, &query, &log, err) && jx_dump_add(log, out, err) &&
           sr_str_add(out, "\n", err);
}

static void answer_wish(struct job_follow *follow, const struct wish *wish)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    if (!read_log(follow, wish, &text, &err)) {
        refuse(wish->call, &err);
        return;
    }
    const struct server_answer answer = {
        .status = 200, .content_type = "application/json", .body = text.text, .size = text.bytes
    };
    sr_ignore(server_answer(wish->call, &answer));  // as with refusals
}

// The next that was asked for; NULL: none.
static struct wish *take_wish(struct job_follow *follow)
{
    sr_lock(&follow->lock);
    struct wish *const wish = follow->synced.first;
    if (wish) {
        follow->synced.first = wish->next;
        follow->synced.wish_count--;
        if (!follow->synced.first)
            follow->synced.end = &follow->synced.first;
    }
    sr_unlock(&follow->lock);
    return wish;
}

// Takes the wish unless it fails.
static bool add_wish(struct job_follow *follow, struct wish *wish, struct sr_err *err)
{
    sr_lock(&follow->lock);
    const bool fits = !follow->synced.stops && follow->synced.wish_count < JOB_FOLLOW_LOGS_MAX;
    if (fits) {
        *follow->synced.end = wish;
        follow->synced.end = &wish->next;
        follow->synced.wish_count++;
        sr_cond_signal(&follow->changed);
    }
    sr_unlock(&follow->lock);
    return fits || sr_fail(err, SR_ERR_BUSY, "too many logs are asked for");
}

void job_follow_log(struct job_follow *follow, struct server_call *call, const char *id,
                    size_t line_max, const char *page)
{
    struct sr_err err = { 0 };
    struct wish *const wish = calloc(1, sizeof *wish);
    bool good = wish || sr_fail(&err, SR_ERR_NO_MEMORY, "a log");
    if (good && !is_id(id))
        good = sr_fail(&err, SR_ERR_NOT_FOUND, "there is no such job");
    if (good && page && !sr_format(wish->page, sizeof wish->page, "%s", page))
        good = sr_fail(&err, SR_ERR_INVALID, "\"page\" is none that was given");
    if (good) {
        wish->call = call;
        wish->line_max = line_max;
        memcpy(wish->id, id, strlen(id));
        good = add_wish(follow, wish, &err);
    }
    if (good)
        return;
    free(wish);
    refuse(call, &err);
}

// The thread -------------------------------------------------------------------------------------

int64_t job_follow_step(struct job_follow *follow)
{
    struct wish *const wish = take_wish(follow);
    if (wish)
        answer_wish(follow, wish);
    free(wish);
    take_streams(follow);
    if (now_us(follow) >= follow->work.look_us) {
        look_at_all(follow);
        follow->work.look_us = now_us(follow) + JOB_FOLLOW_LOOK_US;
    }
    return follow->work.look_us;
}

static void run(void *arg)
{
    struct job_follow *const follow = arg;
    for (bool stops = false; !stops;) {
        const int64_t wait_us = job_follow_step(follow) - now_us(follow);
        sr_lock(&follow->lock);
        if (wait_us > 0 && !follow->synced.first && !follow->synced.stops)
            (void)sr_cond_wait_us(&follow->changed, &follow->lock, wait_us);  // looked at again
        stops = follow->synced.stops;
        sr_unlock(&follow->lock);
    }
}

bool job_follow_new(const struct job_follow_params *params, struct job_follow **ret_follow,
                    struct sr_err *err)
{
    struct job_follow *follow = calloc(1, sizeof *follow);
    if (!follow)
        return sr_fail(err, SR_ERR_NO_MEMORY, "followers of jobs");
    memcpy((void *)(uintptr_t)&follow->params, params, sizeof *params);  // read only from here on
    follow->synced.end = &follow->synced.first;
    if (!sr_mutex_init(&follow->lock, err)) {
        free(follow);
        return false;
    }
    if (!sr_cond_init(&follow->changed, err)) {
        sr_mutex_done(&follow->lock);
        free(follow);
        return false;
    }
    if (!store_sqlite_open_reader(params->database, &follow->work.reader, err)) {
        job_follow_free(follow);
        return false;
    }
    *ret_follow = follow;
    return true;
}

bool job_follow_start(struct job_follow *follow, struct sr_err *err)
{
    return sr_thread_start("job follow", run, follow, &follow->thread, err);
}

void job_follow_stop(struct job_follow *follow)
{
    sr_lock(&follow->lock);
    follow->synced.stops = true;
    sr_cond_broadcast(&follow->changed);
    sr_unlock(&follow->lock);
    sr_thread_join(sr_take(follow->thread));
    take_streams(follow);
    for (struct stream *stream = sr_take(follow->work.streams), *next; stream; stream = next) {
        next = stream->next;
        end_stream(follow, stream);
    }
    struct sr_err err = { 0 };
    (void)sr_fail(&err, SR_ERR_BUSY, "the service is stopping");
    for (struct wish *wish; (wish = take_wish(follow));) {
        refuse(wish->call, &err);
        free(wish);
    }
}

void job_follow_free(struct job_follow *follow)
{
    if (!follow)
        return;
    store_close(&follow->work.reader);
    sr_cond_done(&follow->changed);
    sr_mutex_done(&follow->lock);
    free(follow);
}

size_t job_follow_count(struct job_follow *follow)
{
    sr_lock(&follow->lock);
    const size_t count = follow->synced.stream_count;
    sr_unlock(&follow->lock);
    return count;
}
