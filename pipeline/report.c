#include "pipeline/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/str.h"
#include "transcode/segment_transcode.h"

enum { REPORT_VERSION = 1, DAMAGE_LISTED_MAX = 1000, FAULTS_LISTED_MAX = 100 };

// What is being put together.
struct making {
    const struct job *job;
    struct report *report;
    json_t *faults, *damage;
    int64_t first_damage_us;
};

void report_done(struct report *report)
{
    json_decref(report->json);
    report->json = NULL;
}

static bool fault(struct making *making, struct sr_err *err, const char *format, ...)
    SR_PRINTF(3, 4);
static bool fault(struct making *making, struct sr_err *err, const char *format, ...)
{
    char text[sizeof(making->report->first_fault)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (making->report->first_fault[0] == '\0')
        memcpy(making->report->first_fault, text, sizeof(text));
    making->report->has_passed = false;
    return json_array_size(making->faults) >= FAULTS_LISTED_MAX ||
           jx_append(making->faults, jx_string(text), err);
}

static json_t *verdict(bool passed)
{
    return json_string(passed ? "PASS" : "FAIL");
}

static json_t *count(uint64_t number)
{
    return json_integer((json_int_t)number);
}

static int64_t ticks_us(int64_t ticks, uint32_t timescale)
{
    const __int128_t us = (__int128_t)ticks * 1000000;
    return (int64_t)(us / timescale - (us % timescale < 0));
}

// Earliest and latest presentation time; the document lists samples in decode order.
static void first_and_last(const struct track_part *part, int64_t *ret_first, int64_t *ret_last)
{
    int64_t first = part->start_pts, last = first;
    for (size_t i = 0; i < part->sample_count; i++) {
        const int64_t pts = part->samples[i].pts;
        first = i == 0 || pts < first ? pts : first;
        last = i == 0 || pts > last ? pts : last;
    }
    *ret_first = first;
    *ret_last = last;
}

// Accounts ---------------------------------------------------------------------------------------
static bool account_json(const struct track_account *account, json_t **ret_json, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    if (!jx_put(json, "packets", count(account->packets), err) ||
        !jx_put(json, "shown", count(account->shown), err) ||
        !jx_put(json, "hidden", count(account->hidden), err) ||
        !jx_put(json, "discarded", count(account->discarded), err) ||
        !jx_put(json, "damaged", count(account->damaged), err))
        return false;
    *ret_json = sr_take(json);
    return true;
}

static bool closes(const struct track_account *account)
{
    return account->packets ==
           account->shown + account->hidden + account->discarded + account->damaged;
}

static bool same_counts(const struct track_account *a, const struct track_account *b)
{
    return a->packets == b->packets && a->shown == b->shown && a->hidden == b->hidden &&
           a->discarded == b->discarded && a->damaged == b->damaged;
}

static bool add_damage(struct making *making, const struct track_account *account, int stream,
                       struct media_rational base, struct sr_err *err)
{
    struct report *const report = making->report;
    for (size_t i = 0; i < account->damage_count; i++) {
        const struct track_damage *const damage = &account->damage[i];
        const int64_t us = job_out_us(making->job, damage->pts, base);
        if (report->first_damage[0] == '\0' || us < making->first_damage_us) {
            making->first_damage_us = us;
            (void)snprintf(report->first_damage, sizeof(report->first_damage),
                           "stream %d at %.3f s: %s", stream, (double)us / 1e6, damage->reason);
        }
        if (json_array_size(making->damage) >= DAMAGE_LISTED_MAX)
            break;
        json_t *const item = json_object();
        if (!jx_append(making->damage, item, err) ||
            !jx_put(item, "stream", json_integer(stream), err) ||
            !jx_put(item, "time_us", json_integer(us), err) ||
            !jx_put(item, "reason", jx_string(damage->reason), err))
            return false;
    }
    report->damaged +=
        account->damaged > account->damage_count ? account->damaged : account->damage_count;
    return true;
}

// Segments and seams -----------------------------------------------------------------------------
// Pictures that a declared rate puts into the interval: one at each grid point of it. Where nothing
// could be decoded there may be none to repeat; then the one before stands longer.
static bool rate_agrees(const struct job_video *video, const struct track_part *part)
{
    const struct media_rational rate = video->video.rate;
    const int64_t length = part->end_pts - part->start_pts;
    if (part->account.shown == 0 && part->frame_count == 0)
        return true;
    // count = length / (timescale * den / num); both sides stay in 64 bits for titles under a
    // century.
    return (__int128_t)part->frame_count * part->timescale * rate.den ==
           (__int128_t)length * rate.num;
}

// A result's own account against what the source says of the interval.
static bool check_account(struct making *making, const char *id, size_t s,
                          const struct track_account *account, struct sr_err *err)
{
    const struct job *const job = making->job;
    const struct segment_decode_params params = {
        .source = &job->source,
        .probe = job->probe,
        .table = job->table,
        .index = job->index,
        .segment = job->plan->segment[s],
        .is_first = s == 0,
        .is_last = s + 1 == job->plan->segment_count,
    };
    struct track_account *const least = calloc(1, sizeof(*least));
    if (!least)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an account");
    uint64_t hidden_max;
    segment_decode_expect(&params, least, &hidden_max);
    bool done = true;
    if (account->packets != least->packets)
        done = fault(making, err,
                     "segment %zu, %s: answers for %" PRIu64 " packets, the source has %" PRIu64
                     " there",
                     s + 1, id, account->packets, least->packets);
    if (done && account->discarded != least->discarded)
        done = fault(making, err,
                     "segment %zu, %s: %" PRIu64
                     " packets discarded, the source's edit list discards %" PRIu64,
                     s + 1, id, account->discarded, least->discarded);
    if (done && (account->hidden < least->hidden || account->hidden > hidden_max))
        done =
            fault(making, err,
                  "segment %zu, %s: %" PRIu64 " packets that show nothing, the source has %" PRIu64,
                  s + 1, id, account->hidden, least->hidden);
    free(least);
    return done;
}

static bool check_segment(struct making *making, size_t v, size_t s, bool *ret_passed,
                          struct sr_err *err)
{
    const struct job *const job = making->job;
    const struct job_video *const video = &job->videos[v];
    const struct track_part *const part = &video->parts[s].part;
    const char *const id = job_video_id(job, v);
    const bool has_rate = video->video.asked.fps.num > 0;
    const bool failed_before = !making->report->has_passed;
    making->report->has_passed = true;  // of this segment, until the end
    bool done = true;
    if (done && !closes(&part->account))
        done = fault(making, err,
                     "segment %zu, %s: %" PRIu64 " packets are not the sum of their kinds", s + 1,
                     id, part->account.packets);
    if (done)
        done = check_account(making, id, s, &part->account, err);
    if (done && !same_counts(&part->account, &job->videos[0].parts[s].part.account))
        done = fault(making, err, "segment %zu, %s: counts packets differently from %s", s + 1, id,
                     job_video_id(job, 0));
    if (done && (uint64_t)part->frame_count != part->sample_count)
        done = fault(making, err, "segment %zu, %s: %" PRId64 " pictures in %zu samples", s + 1, id,
                     part->frame_count, part->sample_count);
    if (done && !has_rate && (uint64_t)part->frame_count != part->account.shown)
        done = fault(making, err, "segment %zu, %s: %" PRId64 " pictures, want %" PRIu64, s + 1, id,
                     part->frame_count, part->account.shown);
    if (done && has_rate && !rate_agrees(video, part))
        done = fault(making, err,
                     "segment %zu, %s: %" PRId64
                     " pictures do not fill the interval at the declared rate",
                     s + 1, id, part->frame_count);
    *ret_passed = making->report->has_passed;
    if (failed_before)
        making->report->has_passed = false;
    return done;
}

static bool segment_json(struct making *making, size_t v, size_t s, json_t *list,
                         struct sr_err *err)
{
    const struct job *const job = making->job;
    const struct track_part *const part = &job->videos[v].parts[s].part;
    int64_t first, last;
    bool passed;
    json_t *const item = json_object();
    if (!jx_append(list, item, err) || !check_segment(making, v, s, &passed, err))
        return false;
    first_and_last(part, &first, &last);
    return jx_put(item, "number", count(s + 1), err) &&
           jx_put(item, "frames", json_integer(part->frame_count), err) &&
           jx_put(item, "expected", count(part->account.shown), err) &&
           jx_put(item, "first_us", json_integer(ticks_us(first, part->timescale)), err) &&
           jx_put(item, "last_us", json_integer(ticks_us(last, part->timescale)), err) &&
           jx_put(item, "end_us", json_integer(ticks_us(part->end_pts, part->timescale)), err) &&
           jx_put(item, "verdict", verdict(passed), err);
}

static bool seam_json(struct making *making, size_t v, size_t s, json_t *list, struct sr_err *err)
{
    const struct job *const job = making->job;
    const struct track_part *const before = &job->videos[v].parts[s].part;
    const struct track_part *const after = &job->videos[v].parts[s + 1].part;
    int64_t first_before, last_before, first_after, last_after;
    first_and_last(before, &first_before, &last_before);
    first_and_last(after, &first_after, &last_after);
    const bool meets = before->end_pts == after->start_pts;
    const bool rises =
        before->sample_count == 0 || after->sample_count == 0 || last_before < first_after;
    const bool same_header = strcmp(before->init_sha256, after->init_sha256) == 0;
    if ((!meets && !fault(making, err, "seam %zu, %s: the segments do not meet", s + 1,
                          job_video_id(job, v))) ||
        (!rises &&
         !fault(making, err, "seam %zu, %s: time does not rise", s + 1, job_video_id(job, v))) ||
        (!same_header &&
         !fault(making, err, "seam %zu, %s: the headers differ", s + 1, job_video_id(job, v))))
        return false;
    json_t *const item = json_object();
    return jx_append(list, item, err) && jx_put(item, "number", count(s + 1), err) &&
           jx_put(item, "last_before_us", json_integer(ticks_us(last_before, before->timescale)),
                  err) &&
           jx_put(item, "first_after_us", json_integer(ticks_us(first_after, after->timescale)),
                  err) &&
           jx_put(item, "verdict", verdict(meets && rises && same_header), err);
}

static bool video_json(struct making *making, size_t v, json_t *list, struct sr_err *err)
{
    const struct job *const job = making->job;
    json_t *const item = json_object();
    if (!jx_append(list, item, err) || !jx_put(item, "id", json_string(job_video_id(job, v)), err))
        return false;
    json_t *const segments = json_array();
    if (!jx_put(item, "segments", segments, err))
        return false;
    json_t *const seams = json_array();
    if (!jx_put(item, "seams", seams, err))
        return false;
    uint64_t frames = 0;
    for (size_t s = 0; s < job->plan->segment_count; s++) {
        frames += (uint64_t)job->videos[v].parts[s].part.frame_count;
        if (!segment_json(making, v, s, segments, err) ||
            (s + 1 < job->plan->segment_count && !seam_json(making, v, s, seams, err)))
            return false;
    }
    return jx_put(item, "frames", count(frames), err);
}

// The whole title's account: every packet of the source's table, once.
static bool total_json(struct making *making, json_t *root, struct sr_err *err)
{
    const struct job *const job = making->job;
    struct track_account *const total = calloc(1, sizeof(*total));
    if (!total)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an account");
    bool done = true;
    for (size_t s = 0; done && s < job->plan->segment_count; s++) {
        const struct track_account *const account = &job->videos[0].parts[s].part.account;
        total->packets += account->packets;
        total->shown += account->shown;
        total->hidden += account->hidden;
        total->discarded += account->discarded;
        total->damaged += account->damaged;
        done = add_damage(making, account, job->video_stream->index, job->table->time_base, err);
    }
    json_t *json = NULL;
    done = done && account_json(total, &json, err) &&
           jx_put(json, "in_source", count(job->table->count), err) &&
           jx_put(json, "verdict", verdict(closes(total) && total->packets == job->table->count),
                  err) &&
           (json_incref(json), jx_put(root, "packets", json, err));
    if (done && total->packets != job->table->count)
        done =
            fault(making, err, "the segments account for %" PRIu64 " packets, the source has %zu",
                  total->packets, job->table->count);
    json_decref(json);
    free(total);
    return done;
}

// Sound begins where the plan has it, within the rounding of both clocks, and is as long as its
// samples. A track of sound is one segment, from its beginning to its end.
static bool check_audio(struct making *making, const struct job_audio *audio, struct sr_err *err)
{
    const struct track_part *const part = &audio->part.part;
    const int64_t wanted_us =
        job_out_us(making->job, audio->extent.start_pts, audio->extent.time_base);
    const int64_t late_us = ticks_us(part->start_pts, part->timescale) - wanted_us;
    const int64_t tolerance_us =
        2 + 2000000 / (int64_t)part->timescale +
        2 * (int64_t)audio->extent.time_base.num * 1000000 / audio->extent.time_base.den;
    if ((late_us > tolerance_us || late_us < -tolerance_us) &&
        !fault(making, err, "segment 1 of %s: its sound begins %" PRId64 " us late", audio->id,
               late_us))
        return false;
    if (part->end_pts - part->start_pts != part->frame_count)
        return fault(making, err, "segment 1 of %s: %" PRId64 " samples in an interval of %" PRId64,
                     audio->id, part->frame_count, part->end_pts - part->start_pts);
    return true;
}

static bool audio_json(struct making *making, size_t a, json_t *list, struct sr_err *err)
{
    const struct job *const job = making->job;
    const struct job_audio *const audio = &job->audios[a];
    const struct track_part *const part = &audio->part.part;
    if (!check_audio(making, audio, err))
        return false;
    json_t *const item = json_object();
    return jx_append(list, item, err) && jx_put(item, "id", json_string(audio->id), err) &&
           jx_put(item, "stream", json_integer(audio->stream_index), err) &&
           jx_put(item, "sample_rate", count(part->timescale), err) &&
           jx_put(item, "samples", json_integer(part->frame_count), err) &&
           jx_put(item, "priming", json_integer(part->priming_samples), err) &&
           jx_put(item, "padding", json_integer(part->padding_samples), err) &&
           jx_put(item, "start_us", json_integer(ticks_us(part->start_pts, part->timescale)),
                  err) &&
           jx_put(item, "end_us", json_integer(ticks_us(part->end_pts, part->timescale)), err) &&
           add_damage(making, &part->account, audio->stream_index, audio->extent.time_base, err);
}

static bool files_json(const struct job *job, json_t *list, struct sr_err *err)
{
    for (size_t f = 0; f < job->file_count; f++) {
        const struct job_file *const file = &job->files[f];
        json_t *const item = json_object();
        if (!jx_append(list, item, err) ||
            !jx_put(item, "type", json_string(manifest_output_type_name(file->output->type)),
                    err) ||
            !jx_put(item, "path", jx_string(file->final ? file->final : "-"), err) ||
            !jx_put(item, "bytes", count(file->bytes), err) ||
            !jx_put(item, "sha256", json_string(file->sha256), err))
            return false;
        if (file->output->type == MANIFEST_HLS &&
            !jx_put(item, "media_segments", count(file->media_segments), err))
            return false;
    }
    return true;
}

static bool findings_json(struct making *making, const struct act_verify_found *found, json_t *root,
                          struct sr_err *err)
{
    if (!found)
        return true;
    for (size_t i = 0; i < found->count; i++) {
        if (!fault(making, err, "%s", found->list[i].message))
            return false;
    }
    json_t *const json = json_object();
    return jx_put(root, "verified", json, err) &&
           jx_put(json, "frames_seen", count(found->frames_seen), err) &&
           jx_put(json, "samples_seen", count(found->samples_seen), err) &&
           jx_put(json, "frames_decoded", count(found->frames_decoded), err);
}

static bool fill(struct making *making, const struct act_verify_found *found, json_t *root,
                 struct sr_err *err)
{
    const struct job *const job = making->job;
    json_t *const videos = json_array();
    if (!jx_put(root, "video", videos, err))
        return false;
    for (size_t v = 0; v < job->video_count; v++) {
        if (!video_json(making, v, videos, err))
            return false;
    }
    json_t *const audios = json_array();
    if (!jx_put(root, "audio", audios, err))
        return false;
    for (size_t a = 0; a < job->audio_count; a++) {
        if (!audio_json(making, a, audios, err))
            return false;
    }
    if (job->video_count > 0 && !total_json(making, root, err))
        return false;
    json_t *const files = json_array();
    return jx_put(root, "outputs", files, err) && files_json(job, files, err) &&
           findings_json(making, found, root, err);
}

bool report_make(const struct job *job, const struct act_verify_found *found, struct report *ret,
                 struct sr_err *err)
{
    struct report report = { .has_passed = true };
    sr_auto(json) json_t *root = json_object();
    sr_auto(json) json_t *faults = json_array();
    sr_auto(json) json_t *damage = json_array();
    struct making making = { .job = job, .report = &report, .faults = faults, .damage = damage };
    // The verdict stands in front, so its place is made before it is known.
    if (!jx_made(faults, err) || !jx_made(damage, err) ||
        !jx_put(root, "splitreel_report", json_integer(REPORT_VERSION), err) ||
        !jx_put(root, "verdict", json_null(), err) ||
        !jx_put(root, "faults", json_incref(faults), err) || !fill(&making, found, root, err) ||
        !jx_put(root, "damage", json_incref(damage), err) ||
        !jx_put(root, "damage_count", count(report.damaged), err) ||
        !jx_put(root, "plan", json_incref(job->plan_json), err) ||
        !jx_put(root, "verdict", verdict(report.has_passed), err))
        return false;
    if (job->manifest->metadata &&
        !jx_put(root, "metadata", json_deep_copy(job->manifest->metadata), err))
        return false;
    if (job->correlation && !jx_put(root, "correlation", jx_string(job->correlation), err))
        return false;
    report.json = sr_take(root);
    *ret = report;
    return true;
}
