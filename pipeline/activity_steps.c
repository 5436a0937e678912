// The activities: a task's parameters are read, a step of the job is done, its result is told in a
// few words.
#include <stdlib.h>
#include <string.h>

#include "pipeline/act_audio.h"
#include "pipeline/act_join.h"
#include "pipeline/act_segment.h"
#include "pipeline/activity_priv.h"
#include "pipeline/notify.h"
#include "pipeline/publish_note.h"
#include "pipeline/rendition_groups.h"
#include "statemachine/asl_error.h"
#include "transcode/encode.h"

enum { NOTE_BYTES_MAX = 64 << 10 };

// What is returned by value, checked.
static bool made(json_t *result, json_t **ret, struct sr_err *err)
{
    if (!jx_made(result, err))
        return false;
    *ret = result;
    return true;
}

bool activity_probe(struct activity_call *call, json_t **ret, struct sr_err *err)
{
    sr_auto(json) json_t *probed = NULL;
    if (!activity_job_probe(call->open, &probed, err))
        return false;
    const struct job *const job = call->open->job;
    return made(json_pack("{s:s, s:I, s:I}", "document", "probe.json", "bytes",
                          (json_int_t)job->identity.bytes, "duration_us",
                          (json_int_t)job->probe->duration_us),
                ret, err);
}

// The list of segments
// -----------------------------------------------------------------------------
struct heavy {
    size_t segment;
    uint64_t weight;
};

// Heaviest first; the same weight in the title's order.
static int by_weight(const void *a, const void *b)
{
    const struct heavy *const left = a, *const right = b;
    if (left->weight != right->weight)
        return left->weight < right->weight ? 1 : -1;
    return (left->segment > right->segment) - (left->segment < right->segment);
}

// A shuffle that a number decides: xorshift, Fisher and Yates.
static void shuffle(struct heavy *list, size_t count, uint64_t seed)
{
    for (size_t i = count; i > 1; i--) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        const size_t other = (size_t)(seed % i);
        const struct heavy kept = list[i - 1];
        list[i - 1] = list[other];
        list[other] = kept;
    }
}

// How a segment's renditions are spread over tasks. Where slots are threads of this process an
// encoder's threads use the same cores.
static void group_renditions(const struct activity_job *open, struct rendition_groups *ret)
{
    const struct job *const job = open->job;
    struct rendition_groups_params params = { .slot_count = open->slots,
                                              .segment_count = job->plan->segment_count,
                                              .core_count = (size_t)job->plan->encoder_threads,
                                              .rendition_count = job->video_count };
    for (size_t v = 0; v < job->video_count; v++) {
        const struct rendition_video *const video = &job->videos[v].video;
        const size_t threads = (size_t)encode_threads(video, job->plan->encoder_threads);
        params.weight[v] = (uint64_t)video->width * (uint64_t)video->height;
        params.core_count = threads < params.core_count ? threads : params.core_count;
        while (strcmp(job->videos[params.twin[v]].parts[0].key.text,
                      job->videos[v].parts[0].key.text) != 0)
            params.twin[v]++;  // ends at `v` itself
    }
    if (!open->is_shared)
        params.core_count = 1;
    rendition_groups_make(&params, ret);
}

// One of the list. Without "renditions" it is about all of them.
static bool append_item(json_t *items, const struct job *job, size_t segment,
                        const struct rendition_groups *groups, size_t group, struct sr_err *err)
{
    json_t *const item = json_pack("{s:I}", "segment", (json_int_t)segment);
    if (!jx_append(items, item, err))
        return false;
    if (groups->count == 1)
        return true;
    json_t *const renditions = json_array();
    if (!jx_put(item, "renditions", renditions, err))
        return false;
    for (size_t v = 0; v < job->video_count; v++) {
        if (groups->group[v] == group && !jx_append(renditions, json_integer((json_int_t)v), err))
            return false;
    }
    return true;
}

static bool note_segments(struct activity_job *open, size_t count,
                          const struct rendition_groups *groups, struct sr_err *err)
{
    sr_auto(json) json_t *items = json_array();
    struct heavy *const list = calloc(count + 1, sizeof(*list));
    bool done = jx_made(items, err) && (list || sr_fail(err, SR_ERR_NO_MEMORY, "a list"));
    for (size_t s = 0; done && s < count; s++)
        list[s] = (struct heavy){ s, open->job->plan->segment[s].source_bytes };
    if (done && open->shuffle)
        shuffle(list, count, open->shuffle);
    else if (done)
        qsort(list, count, sizeof(*list), by_weight);
    for (size_t i = 0; done && i < count * groups->count; i++)
        done = append_item(items, open->job, list[i / groups->count].segment, groups,
                           i % groups->count, err);
    free(list);
    return done && workspace_note(open->workspace, "segments.json", items, err);
}

static bool put_place(json_t *result, const struct activity_job *open, const char *name,
                      const char *member, const char *key_name, struct sr_err *err)
{
    sr_auto(char) char *bucket = NULL, *key = NULL;
    json_t *const place = json_object();
    return jx_put(result, member, place, err) &&
           workspace_note_place(open->workspace, name, &bucket, &key, err) &&
           jx_put(place, "bucket", jx_string(bucket), err) &&
           jx_put(place, key_name, jx_string(key), err);
}

static bool put_numbers(json_t *result, const char *member, size_t count, struct sr_err *err)
{
    json_t *const list = json_array();
    if (!jx_put(result, member, list, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!jx_append(list, json_integer((json_int_t)i), err))
            return false;
    }
    return true;
}

bool activity_plan(struct activity_call *call, json_t **ret, struct sr_err *err)
{
    sr_auto(json) json_t *planned = NULL;
    sr_auto(json) json_t *result = NULL;
    struct activity_job *const open = call->open;
    if (!activity_job_plan(open, &planned, err))
        return false;
    const struct job *const job = open->job;
    const size_t segments = job->video_count > 0 ? job->plan->segment_count : 0;
    const char *const engine = json_string_value(json_object_get(planned, "engine"));
    struct rendition_groups groups = { .count = 1 };
    if (segments > 0)
        group_renditions(open, &groups);
    result = json_pack("{s:s, s:s}", "document", "plan.json", "engine", engine);
    if (!jx_made(result, err) || !note_segments(open, segments, &groups, err) ||
        !put_place(result, open, "segments.json", "segments", "key", err) ||
        !jx_put(json_object_get(result, "segments"), "count", json_integer((json_int_t)segments),
                err) ||
        !jx_put(json_object_get(result, "segments"), "tasks",
                json_integer((json_int_t)(segments * groups.count)), err) ||
        !put_place(result, open, "results", "results", "prefix", err) ||
        !put_numbers(result, "audio", job->audio_count, err) ||
        !put_numbers(result, "outputs", open->manifest->output_count, err))
        return false;
    *ret = sr_take(result);
    return true;
}

// Parts
// --------------------------------------------------------------------------------------------
static void tell(const struct activity_call *call, const char *what, int64_t value)
{
    const struct activity_env *const env = &call->slot->env;
    if (!env->progress)
        return;
    sr_auto(json) json_t *event = json_pack("{s:I}", what, (json_int_t)value);
    if (event)  // without memory nobody is told
        env->progress(env->progress_self, event);
}

static void on_frames(void *self, uint64_t frames)
{
    tell(self, "frames", (int64_t)frames);
}

static void on_audio(void *self, int64_t us)
{
    tell(self, "audio_us", us);
}

static bool number(const struct activity_call *call, const char *key, size_t count, size_t *ret,
                   struct sr_err *err)
{
    int64_t value;
    if (count == 0)
        return jx_fail(&call->params, err, "there is no %s in this job", key);
    if (!jx_int(&call->params, key, 0, (int64_t)count - 1, &value, err))
        return false;
    *ret = (size_t)value;
    return true;
}

// The renditions that the list's "item" names; without any: all.
static bool read_renditions(const struct activity_call *call, size_t video_count,
                            struct act_segment_params *params, struct sr_err *err)
{
    struct jx item, list;
    if (!jx_has(&call->params, "item"))
        return true;
    if (!jx_object(&call->params, "item", &item, err))
        return false;
    if (!jx_has(&item, "renditions"))
        return true;
    if (!jx_array(&item, "renditions", &list, err))
        return false;
    const size_t count = json_array_size(list.value);
    if (count < 1 || count > video_count)
        return jx_fail(&list, err, "want 1 to %zu renditions", video_count);
    for (size_t i = 0; i < count; i++) {
        const struct jx at = jx_at(&list, i);
        const json_int_t index = json_integer_value(at.value);
        const json_int_t least = i == 0 ? 0 : (json_int_t)params->renditions[i - 1] + 1;
        if (!json_is_integer(at.value) || index < least || index >= (json_int_t)video_count)
            return jx_fail(&at, err, "want a rendition's number, rising, below %zu", video_count);
        params->renditions[i] = (size_t)index;
    }
    params->rendition_count = count;
    return true;
}

bool activity_segment(struct activity_call *call, json_t **ret, struct sr_err *err)
{
    struct act_segment_params params = { .progress = on_frames, .progress_self = call };
    if (!activity_job_need_plan(call->open, err))
        return false;
    struct job *const job = call->open->job;
    return number(call, "segment", job->video_count > 0 ? job->plan->segment_count : 0,
                  &params.segment, err) &&
           read_renditions(call, job->video_count, &params, err) &&
           act_segment(job, &params, ret, err);
}

bool activity_audio(struct activity_call *call, json_t **ret, struct sr_err *err)
{
    struct act_audio_params params = { .progress = on_audio, .progress_self = call };
    return activity_job_need_plan(call->open, err) &&
           number(call, "audio", call->open->job->audio_count, &params.audio, err) &&
           act_audio(call->open->job, &params, ret, err);
}

// From parts to outputs
// ------------------------------------------------------------------------------
bool activity_join(struct activity_call *call, json_t **ret, struct sr_err *err)
{
    size_t output = 0;
    if (!number(call, "output", call->open->manifest->output_count, &output, err) ||
        !activity_job_need_parts(call->open, err) || !activity_job_check(call->open, err))
        return false;
    const struct act_join_params params = { .output = (int)output };
    return act_join(call->open->job, &params, ret, err);
}

bool activity_verify(struct activity_call *call, json_t **ret, struct sr_err *err)
{
    return activity_job_need_parts(call->open, err) && activity_job_verify(call->open, err) &&
           made(json_pack("{s:s, s:I}", "verdict", "PASS", "damaged",
                          (json_int_t)call->open->report.damaged),
                ret, err);
}

// Whether this very job has published all already: its answer was lost.
static bool find_published(struct activity_job *open, json_t **ret)
{
    struct sr_err ignored = { 0 };
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *note = NULL;
    size_t bytes;
    if (!workspace_note_load(open->workspace, "published.json", NOTE_BYTES_MAX, &text, &bytes,
                             &ignored) ||
        !jx_parse(text, bytes, false, &note, &ignored))
        return false;
    const char *const id = json_string_value(json_object_get(note, "job"));
    json_t *const result = json_object_get(note, "result");
    if (!id || strcmp(id, open->id) != 0 || !result)
        return false;
    *ret = json_incref(result);
    return true;
}

static bool note_published(struct activity_job *open, json_t *result, struct sr_err *err)
{
    sr_auto(json) json_t *note = json_pack("{s:s, s:O}", "job", open->id, "result", result);
    if (!jx_made(note, err) || !workspace_note(open->workspace, "published.json", note, err))
        return false;
    publish_note_remove(open->job);
    return true;
}

bool activity_publish(struct activity_call *call, json_t **ret, struct sr_err *err)
{
    struct activity_job *const open = call->open;
    sr_auto(json) json_t *result = json_object();
    size_t count;
    if (find_published(open, ret))
        return true;
    if (!activity_job_need_parts(open, err) || !activity_job_verify(open, err) ||
        !activity_job_publish(open, &count, err) ||
        !jx_put(result, "files", json_integer((json_int_t)count), err) ||
        !jx_put(result, "report", open->report_path ? jx_string(open->report_path) : json_null(),
                err) ||
        !note_published(open, result, err))
        return false;
    *ret = sr_take(result);
    return true;
}

// Ends
// ---------------------------------------------------------------------------------------------
// Keeps why a segment failed: a distributed map tells only that one did.
bool activity_note(struct activity_call *call, json_t **ret, struct sr_err *err)
{
    const char *error, *cause = "";
    int64_t segment;
    if (!jx_text(&call->params, "error", &error, err) ||
        !jx_text_opt(&call->params, "cause", &cause, err) ||
        !jx_int(&call->params, "segment", 0, INT64_MAX, &segment, err))
        return false;
    sr_auto(json) json_t *note = json_pack("{s:s, s:s, s:I}", "job", call->open->id, "error", error,
                                           "segment", (json_int_t)segment);
    return jx_made(note, err) && jx_put(note, "cause", jx_string(cause), err) &&
           workspace_note(call->open->workspace, "failure.json", note, err) &&
           made(json_object(), ret, err);
}

// What activity_note() has kept of this job; else false.
static bool find_failure(struct activity_job *open, json_t **ret)
{
    struct sr_err ignored = { 0 };
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *note = NULL;
    size_t bytes;
    if (!workspace_note_load(open->workspace, "failure.json", NOTE_BYTES_MAX, &text, &bytes,
                             &ignored) ||
        !jx_parse(text, bytes, false, &note, &ignored))
        return false;
    const char *const id = json_string_value(json_object_get(note, "job"));
    json_t *const error = json_object_get(note, "error"), *const cause =
                                                              json_object_get(note, "cause");
    if (!id || strcmp(id, open->id) != 0 || !json_is_string(error) || !json_is_string(cause))
        return false;
    *ret = json_pack("{s:O, s:O}", "error", error, "cause", cause);
    return *ret != NULL;
}

// What was published when the end came too late is not another attempt's: somebody may have removed
// it since.
static bool forget_published(struct activity_job *open, struct sr_err *err)
{
    sr_auto(json) json_t *result = NULL;
    sr_auto(json) json_t *nobodys = json_pack("{s:s}", "job", "");
    return !find_published(open, &result) ||
           (jx_made(nobodys, err) &&
            workspace_note(open->workspace, "published.json", nobodys, err));
}

bool activity_clean(struct activity_call *call, json_t **ret, struct sr_err *err)
{
    const char *error, *cause = "";
    if (!jx_text(&call->params, "error", &error, err) ||
        !jx_text_opt(&call->params, "cause", &cause, err) || !activity_job_clean(call->open, err) ||
        !forget_published(call->open, err))
        return false;
    if (strcmp(error, ASL_ERROR_THRESHOLD) == 0 && find_failure(call->open, ret))
        return true;
    return made(json_pack("{s:s, s:s}", "error", error, "cause", cause), ret, err);
}

// Telling who wants to know
// ------------------------------------------------------------------------
static bool read_outcome(const struct jx *tell, struct notify_outcome *ret, struct sr_err *why,
                         struct sr_err *err)
{
    const char *event, *error = "", *cause = "";
    if (!jx_text(tell, "event", &event, err) || !jx_text_opt(tell, "error", &error, err) ||
        !jx_text_opt(tell, "cause", &cause, err))
        return false;
    enum manifest_event e = MANIFEST_SUCCEEDED;
    while (e < MANIFEST_EVENT_COUNT && strcmp(event, manifest_event_name(e)) != 0)
        e++;
    if (e == MANIFEST_EVENT_COUNT)
        return jx_fail(tell, err, "\"event\": want SUCCEEDED, FAILED or CANCELLED");
    const enum sr_err_code code = sr_err_of_flow(error);
    if (e == MANIFEST_FAILED && code == SR_ERR_CANCELLED)
        e = MANIFEST_CANCELLED;
    const json_t *const report = json_object_get(tell->value, "report");
    *ret = (struct notify_outcome){ .event = e };
    if (e == MANIFEST_SUCCEEDED) {
        ret->verdict = "PASS";
        ret->report_path = json_string_value(report);
    } else {
        (void)sr_fail(why, code, "%s", cause);
        ret->err = why;
    }
    return true;
}

// What is passed on to those that it names.
static bool list_receivers(const struct activity_job *open, const struct jx *params, json_t **ret,
                           struct sr_err *err)
{
    static const char *const passed[] = { "report", "error", "cause" };
    sr_auto(json) json_t *result = json_object();
    json_t *const to = json_array();
    struct notify_outcome outcome;
    struct sr_err why = { 0 };
    if (!jx_put(result, "to", to, err) || !read_outcome(params, &outcome, &why, err) ||
        !jx_put(result, "event", json_string(manifest_event_name(outcome.event)), err))
        return false;
    for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++) {
        json_t *const value = json_object_get(params->value, passed[i]);
        if (value && !jx_put(result, passed[i], json_incref(value), err))
            return false;
    }
    // Whoever holds a shared job tells how it ended, when it has cleaned up after it.
    for (size_t i = 0; !open->is_shared && i < open->manifest->notification_count; i++) {
        if (open->manifest->notifications[i].wants[outcome.event] &&
            !jx_append(to, json_integer((json_int_t)i), err))
            return false;
    }
    *ret = sr_take(result);
    return true;
}

// One try: the flow has patience, and remembers over a restart.
bool activity_notify(struct activity_call *call, json_t **ret, struct sr_err *err)
{
    const struct activity_job *const open = call->open;
    struct notify_outcome outcome;
    struct sr_err why = { 0 };
    struct jx tell;
    int64_t to;
    const char *id, *time;
    if (!jx_has(&call->params, "to"))
        return list_receivers(open, &call->params, ret, err);
    if (!jx_int(&call->params, "to", 0, MANIFEST_NOTIFICATIONS_MAX - 1, &to, err) ||
        !jx_object(&call->params, "tell", &tell, err) ||
        !read_outcome(&tell, &outcome, &why, err) || !jx_text(&call->params, "id", &id, err) ||
        !jx_text(&call->params, "time", &time, err))
        return false;
    if (!correlation_is_id(id))
        return jx_fail(&call->params, err, "\"id\": want 1..%d visible characters of ASCII",
                       CORRELATION_BYTES_MAX);
    outcome.id = id;
    outcome.time = time;
    const struct notify_params params = {
        .manifest = open->manifest,
        .remote = open->remote,
        .clock = call->slot->env.clock,
        .cancel = open->cancel,
        .log = open->log,
        .job = open->id,
        .correlation = open->correlation,
        .traceparent = open->traceparent,
        .attempts_max = 1,
    };
    return notify_one(&params, &outcome, (size_t)to, err) &&
           made(json_pack("{s:I, s:b}", "to", (json_int_t)to, "told", 1), ret, err);
}
