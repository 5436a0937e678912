#include "transcode/verify.h"

#include <inttypes.h>
#include <libavutil/crc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/audio_edit.h"
#include "transcode/verify_priv.h"

enum {
    RESYNC_SAMPLES = 64,  // how far ahead a sample is looked for that is not the next one
    DIFFERENCES_MAX = 8,  // of a track that are told one by one
};

void verify_find(struct verify_result *result, int64_t segment_number, const char *format, ...)
{
    result->verdict = VERIFY_FAIL;
    if (result->finding_count == VERIFY_FINDINGS_MAX)
        return;
    struct verify_finding *const finding = &result->findings[result->finding_count++];
    finding->segment_number = segment_number;
    int length = 0;
    if (result->track)
        length = snprintf(finding->message, sizeof(finding->message), "%.100s: ",
                          result->track);  // fits
    if (segment_number > 0)
        length += snprintf(finding->message + length, sizeof(finding->message) - (size_t)length,
                           "segment %" PRId64 ": ", segment_number);  // fits
    va_list args;
    va_start(args, format);
    (void)vsnprintf(finding->message + length, sizeof(finding->message) - (size_t)length, format,
                    args);  // cut if too long
    va_end(args);
}

// One track on its way through the documents.
struct track_walk {
    const struct mux_track *track;
    size_t number;        // from 1, for messages
    size_t part, sample;  // the next one
    size_t differences;
    int64_t last_end_pts;      // audio: end of the sample presented last; INT64_MIN: unknown
    struct verify_seam *seam;  // NULL: audio
};

struct verify_walk {
    const struct media_source *output;
    struct verify_result *result;
    struct track_walk *tracks;
    size_t track_count;
};

static const struct track_part *part_of(const struct track_walk *walk)
{
    return walk->track->parts[walk->part].part;
}

static bool is_at_end(const struct track_walk *walk)
{
    return walk->part == walk->track->part_count;
}

static void step(struct track_walk *walk)
{
    walk->sample++;
    while (!is_at_end(walk) && walk->sample >= part_of(walk)->sample_count) {
        walk->part++;
        walk->sample = 0;
    }
}

// The documents alone ---------------------------------------------------------------------------

static void check_part(struct verify_result *result, const struct mux_track *track, size_t index)
{
    const struct track_part *const part = track->parts[index].part;
    const int64_t segment = (int64_t)index + 1;
    if (part->end_pts <= part->start_pts)
        verify_find(result, segment, "covers no time");
    if (index > 0 && track->parts[index - 1].part->end_pts != part->start_pts)
        verify_find(result, segment,
                    "begins at %" PRId64 ", the one before ends at %" PRId64 " (1/%" PRIu32 " s)",
                    part->start_pts, track->parts[index - 1].part->end_pts, part->timescale);
    if (index > 0 && part->timescale != track->parts[0].part->timescale)
        verify_find(result, segment, "has another timescale than the first");
    if (part->sample_count == 0)
        verify_find(result, segment, "has no samples");
    if (track->kind == MEDIA_VIDEO && part->sample_count > 0 && !part->samples[0].is_key)
        verify_find(result, segment, "does not begin with a key frame");
    if (track->kind == MEDIA_VIDEO && (uint64_t)part->frame_count != part->sample_count)
        verify_find(result, segment, "%zu samples for %" PRId64 " pictures", part->sample_count,
                    part->frame_count);
}

static void check_documents(struct verify_result *result, const struct mux_track *tracks,
                            size_t track_count)
{
    for (size_t t = 0; t < track_count; t++) {
        for (size_t p = 0; p < tracks[t].part_count; p++)
            check_part(result, &tracks[t], p);
    }
}

// The file against them -------------------------------------------------------------------------

static uint32_t crc_of(const AVPacket *packet)
{
    return av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), UINT32_MAX, packet->data,
                  (size_t)packet->size) ^
           UINT32_MAX;
}

static bool is_sample(const struct track_sample *sample, const AVPacket *packet, uint32_t crc)
{
    return sample->crc32 == crc && sample->bytes == (uint32_t)packet->size;
}

// Puts the walk on the sample that the packet is, when it is a little further on, and says what is
// missing.
static bool resync(struct verify_walk *verify, struct track_walk *walk, const AVPacket *packet,
                   uint32_t crc)
{
    struct track_walk ahead = *walk;
    size_t missing = 0;
    for (; missing < RESYNC_SAMPLES && !is_at_end(&ahead); missing++, step(&ahead)) {
        if (is_sample(&part_of(&ahead)->samples[ahead.sample], packet, crc))
            break;
    }
    if (missing == RESYNC_SAMPLES || is_at_end(&ahead))
        return false;
    verify_find(verify->result, (int64_t)walk->part + 1,
                "track %zu: %zu samples are missing from sample %zu on", walk->number, missing,
                walk->sample + 1);
    walk->part = ahead.part;
    walk->sample = ahead.sample;
    return true;
}

static bool is_repeated(const struct track_walk *walk, const AVPacket *packet, uint32_t crc)
{
    if (walk->sample > 0 && !is_at_end(walk))
        return is_sample(&part_of(walk)->samples[walk->sample - 1], packet, crc);
    if (walk->part == 0)
        return false;
    const struct track_part *const before = walk->track->parts[walk->part - 1].part;
    return before->sample_count > 0 &&
           is_sample(&before->samples[before->sample_count - 1], packet, crc);
}

static void check_times(struct verify_walk *verify, struct track_walk *walk, const AVPacket *packet)
{
    const struct track_sample *const sample = &part_of(walk)->samples[walk->sample];
    const int64_t segment = (int64_t)walk->part + 1;
    if (packet->pts == sample->pts && packet->dts == sample->dts) {
        const bool is_key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
        if (walk->track->kind == MEDIA_VIDEO && is_key != sample->is_key &&
            walk->differences++ < DIFFERENCES_MAX)
            verify_find(verify->result, segment, "track %zu: sample %zu is %s key frame",
                        walk->number, walk->sample + 1, is_key ? "flagged as" : "not flagged as");
        return;
    }
    if (walk->differences++ < DIFFERENCES_MAX)
        verify_find(verify->result, segment,
                    "track %zu: sample %zu is at %" PRId64 " (decoded at %" PRId64
                    "), want %" PRId64 " (%" PRId64 ")",
                    walk->number, walk->sample + 1, packet->pts, packet->dts, sample->pts,
                    sample->dts);
}

static bool take_packet(struct verify_walk *verify, const AVPacket *packet, struct sr_err *err)
{
    struct verify_result *const result = verify->result;
    if (packet->stream_index >= (int)verify->track_count)
        return true;  // told by the check of the streams
    struct track_walk *const walk = &verify->tracks[packet->stream_index];
    const uint32_t crc = crc_of(packet);
    const int64_t segment = (int64_t)(is_at_end(walk) ? walk->part : walk->part + 1);
    if (is_at_end(walk) || !is_sample(&part_of(walk)->samples[walk->sample], packet, crc)) {
        if (walk->differences++ >= DIFFERENCES_MAX && is_at_end(walk))
            return true;
        if (is_repeated(walk, packet, crc)) {
            verify_find(result, segment, "track %zu: a sample is there twice, before sample %zu",
                        walk->number, walk->sample + 1);
            return true;
        }
        if (is_at_end(walk)) {
            verify_find(result, segment, "track %zu: a sample behind the last one", walk->number);
            return true;
        }
        if (!resync(verify, walk, packet, crc) && walk->differences <= DIFFERENCES_MAX)
            verify_find(result, segment,
                        "track %zu: the bytes of sample %zu are not those that were made",
                        walk->number, walk->sample + 1);
    }
    check_times(verify, walk, packet);
    if (walk->track->kind == MEDIA_VIDEO)
        result->frames_seen++;
    else
        walk->last_end_pts = packet->duration > 0 ? packet->pts + packet->duration : INT64_MIN;
    if (walk->seam && !verify_seam_packet(walk->seam, walk->part, walk->sample, packet, err))
        return false;
    step(walk);
    return true;
}

static bool read_packets(struct verify_walk *verify, AVFormatContext *demuxer, struct sr_err *err)
{
    sr_auto(av_packet) AVPacket *packet = av_packet_alloc();
    if (!packet)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a packet");
    enum media_read read;
    while ((read = media_demuxer_read(demuxer, packet, err)) == MEDIA_READ_PACKET) {
        const bool is_good = take_packet(verify, packet, err);
        av_packet_unref(packet);
        if (!is_good)
            return false;
    }
    const uint64_t errors = media_demuxer_error_count(demuxer);
    if (errors > 0)
        verify_find(verify->result, 0, "%" PRIu64 " places cannot be read", errors);
    return read == MEDIA_READ_END;
}

// libavformat gives packets of fragments no duration, but knows where the last one ends: on the
// file's clock, which is the shift ahead. Behind an empty edit (a track that begins late) it does
// not know the end of a whole file's track either: there the boxes say it.
static bool find_end(struct track_walk *walk, const struct media_source *output,
                     const AVStream *stream, struct sr_err *err)
{
    bool found = false;
    if (walk->track->kind == MEDIA_AUDIO &&
        !audio_edit_end(&output->reader, stream->id, &found, &walk->last_end_pts, err))
        return sr_err_wrap(err, "%s", output->name);
    if (walk->last_end_pts == INT64_MIN && stream->duration != AV_NOPTS_VALUE)
        walk->last_end_pts = stream->duration - walk->track->parts[0].part->shift_ticks;
    return true;
}

static void check_rest(struct verify_walk *verify, struct track_walk *walk)
{
    while (!is_at_end(walk)) {
        const struct track_part *const part = part_of(walk);
        if (walk->sample < part->sample_count)
            verify_find(verify->result, (int64_t)walk->part + 1,
                        "track %zu: ends before sample %zu of %zu", walk->number, walk->sample + 1,
                        part->sample_count);
        walk->part++;
        walk->sample = 0;
    }
    if (walk->track->kind != MEDIA_AUDIO)
        return;
    const struct track_part *const last = walk->track->parts[walk->track->part_count - 1].part;
    // What a decoder that honours the file's times plays: priming and padding stand outside.
    const int64_t heard = walk->last_end_pts - walk->track->parts[0].part->start_pts;
    if (heard > 0)
        verify->result->samples_seen += (uint64_t)heard;
    if (walk->last_end_pts != last->end_pts)
        verify_find(verify->result, (int64_t)walk->track->part_count,
                    "track %zu: its sound ends at %" PRId64 ", want %" PRId64 " (1/%" PRIu32 " s)",
                    walk->number, walk->last_end_pts, last->end_pts, last->timescale);
}

static bool check_streams(struct verify_walk *verify, const AVFormatContext *demuxer)
{
    if (demuxer->nb_streams != verify->track_count) {
        verify_find(verify->result, 0, "%u tracks, want %zu", demuxer->nb_streams,
                    verify->track_count);
        return false;
    }
    for (size_t i = 0; i < verify->track_count; i++) {
        const AVStream *const stream = demuxer->streams[i];
        const struct mux_track *const track = verify->tracks[i].track;
        const enum AVMediaType type =
            track->kind == MEDIA_VIDEO ? AVMEDIA_TYPE_VIDEO : AVMEDIA_TYPE_AUDIO;
        const uint32_t timescale = track->parts[0].part->timescale;
        if (stream->codecpar->codec_type != type)
            verify_find(verify->result, 0, "track %zu is of another kind", i + 1);
        else if (stream->time_base.num != 1 || stream->time_base.den != (int)timescale)
            verify_find(verify->result, 0, "track %zu counts in %d/%d s, want 1/%" PRIu32, i + 1,
                        stream->time_base.num, stream->time_base.den, timescale);
    }
    return verify->result->verdict == VERIFY_PASS;
}

static bool walk_file(struct verify_walk *verify, AVFormatContext *demuxer, struct sr_err *err)
{
    for (size_t i = 0; i < verify->track_count; i++) {
        struct track_walk *const walk = &verify->tracks[i];
        if (walk->track->kind == MEDIA_VIDEO &&
            !verify_seam_new(walk->track, demuxer->streams[i]->codecpar, verify->result,
                             &walk->seam, err))
            return false;
    }
    if (!read_packets(verify, demuxer, err))
        return false;
    for (size_t i = 0; i < verify->track_count; i++) {
        if (verify->tracks[i].seam && !verify_seam_end(verify->tracks[i].seam, err))
            return false;
        if (!find_end(&verify->tracks[i], verify->output, demuxer->streams[i], err))
            return false;
        check_rest(verify, &verify->tracks[i]);
    }
    return true;
}

// A file of ours that cannot be opened is a finding. *ret_demuxer stays NULL then.
static bool open_output(const struct media_source *output, struct verify_result *result,
                        AVFormatContext **ret_demuxer, struct sr_err *err)
{
    struct media_source source = *output;
    source.format = "mov";
    if (media_demuxer_open(&source, ret_demuxer, err))
        return true;
    if (err->code != SR_ERR_INPUT && err->code != SR_ERR_UNSUPPORTED && err->code != SR_ERR_LIMIT)
        return false;
    verify_find(result, 0, "%s", err->message);
    *err = (struct sr_err){ 0 };
    return true;
}

bool verify_output(const struct media_source *output, const struct mux_track *tracks,
                   size_t track_count, struct verify_result *ret, struct sr_err *err)
{
    *ret = (struct verify_result){ .verdict = VERIFY_PASS };
    for (size_t i = 0; i < track_count; i++) {
        if (tracks[i].part_count == 0)
            return sr_fail(err, SR_ERR_INVALID, "track %zu has no parts", i + 1);
    }
    sr_auto(media_demuxer) AVFormatContext *demuxer = NULL;
    check_documents(ret, tracks, track_count);
    if (!open_output(output, ret, &demuxer, err))
        return false;
    if (!demuxer)
        return true;

    struct verify_walk verify = { .output = output, .result = ret, .track_count = track_count };
    verify.tracks = calloc(track_count + 1, sizeof(verify.tracks[0]));
    if (!verify.tracks)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu tracks", track_count);
    for (size_t i = 0; i < track_count; i++) {
        verify.tracks[i] =
            (struct track_walk){ .track = &tracks[i], .number = i + 1, .last_end_pts = INT64_MIN };
        if (tracks[i].parts[0].part->sample_count == 0)
            step(&verify.tracks[i]);
    }
    const bool is_done = !check_streams(&verify, demuxer) || walk_file(&verify, demuxer, err);
    for (size_t i = 0; i < track_count; i++)
        verify_seam_free(verify.tracks[i].seam);
    free(verify.tracks);
    return is_done;
}

bool verify_json(const struct verify_result *result, json_t **ret_json, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    sr_auto(json) json_t *findings = json_array();
    if (!jx_made(json, err) || !jx_made(findings, err))
        return false;
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct verify_finding *const finding = &result->findings[i];
        json_t *const segment = finding->segment_number > 0
                                    ? json_integer((json_int_t)finding->segment_number)
                                    : json_null();
        if (!jx_append(
                findings,
                json_pack("{s:o, s:o}", "segment", segment, "message", jx_string(finding->message)),
                err))
            return false;
    }
    const bool is_pass = result->verdict == VERIFY_PASS;
    if (!jx_put(json, "verdict", json_string(is_pass ? "PASS" : "FAIL"), err) ||
        !jx_put(json, "frames_seen", json_integer((json_int_t)result->frames_seen), err) ||
        !jx_put(json, "samples_seen", json_integer((json_int_t)result->samples_seen), err) ||
        !jx_put(json, "frames_decoded", json_integer((json_int_t)result->frames_decoded), err) ||
        !jx_put(json, "findings", sr_take(findings), err))
        return false;
    *ret_json = sr_take(json);
    return true;
}
