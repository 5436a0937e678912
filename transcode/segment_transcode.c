#include "transcode/segment_transcode.h"

#include <inttypes.h>
#include <libavfilter/avfilter.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/encode.h"
#include "transcode/filter.h"
#include "transcode/fragment.h"
#include "transcode/frame_grid.h"
#include "transcode/media_io.h"
#include "transcode/media_log.h"

enum {
    CONTEXT_MAX = 4,  // pictures that a filter may hold back; a power of two
    // An IDR comes after so many pictures at the latest, so that a fragment stays within its
    // limits.
    GROUP_PICTURES_MAX = 3000,
};

// One rendition's way from pictures to its part.
struct lane {
    const struct rendition_video *rendition;
    const struct segment_output *output;
    struct encoder *encoder;
    struct fragment_writer *writer;
    int64_t offset_pts;  // of the timeline's start, in output ticks
    int64_t group;       // grid: the GOP that the last picture was in
    int picture_count_in_group;
    int64_t picture_count;
    // A declared frame rate.
    struct frame_grid grid;
    int64_t next_frame, end_frame;
    AVFrame *held;  // the picture on the screen
    bool is_holding;
};

struct job {
    const struct segment_transcode_params *params;
    const struct packet_table *table;
    struct segment_decoder *decoder;
    struct filter *filter;
    AVPacket *packet;
    size_t lane_count;
    struct lane lanes[MEDIA_RENDITIONS_MAX];
    const struct rendition_video *renditions[MEDIA_RENDITIONS_MAX];
    struct segment_picture pictures[CONTEXT_MAX];  // by number
};

static void job_done(struct job *job)
{
    segment_decoder_free(job->decoder);
    filter_free(job->filter);
    av_packet_free(&job->packet);
    for (size_t i = 0; i < job->lane_count; i++) {
        encoder_close(job->lanes[i].encoder);
        fragment_writer_free(job->lanes[i].writer);
        av_frame_free(&job->lanes[i].held);
    }
}
SR_DEFINE_AUTO_VALUE(job, struct job, job_done);

// Time
// ---------------------------------------------------------------------------------------------

static bool has_rate(const struct rendition_video *rendition)
{
    return rendition->asked.fps.num > 0;
}

// Ticks of the table after its start, as ticks of the output.
static int64_t output_ticks(const struct job *job, const struct lane *lane, int64_t pts)
{
    const AVRational from = { job->table->time_base.num, job->table->time_base.den };
    const AVRational to = { 1, lane->rendition->time_base.den };
    return av_rescale_q_rnd(pts - job->table->start_pts, from, to, AV_ROUND_NEAR_INF);
}

static int64_t frame_pts(const struct lane *lane, int64_t frame)
{
    const AVRational from = { lane->grid.fps.den, lane->grid.fps.num };
    const AVRational to = { 1, lane->rendition->time_base.den };
    return lane->offset_pts + av_rescale_q_rnd(frame, from, to, AV_ROUND_NEAR_INF);
}

// The timeline's start less output time zero, rounded once.
static bool find_offset(const struct job *job, struct lane *lane, struct sr_err *err)
{
    const struct media_rational base = job->table->time_base, zero = job->params->zero_base;
    if (zero.num <= 0 || zero.den <= 0)
        return sr_fail(err, SR_ERR_INVALID, "time zero in a base of %d/%d", zero.num, zero.den);
    const __int128 unit = (__int128)base.den * zero.den;
    __int128 start, origin, distance, half;
    if (__builtin_mul_overflow((__int128)job->table->start_pts * base.num, (__int128)zero.den,
                               &start) ||
        __builtin_mul_overflow((__int128)job->params->zero_pts * zero.num, (__int128)base.den,
                               &origin) ||
        __builtin_sub_overflow(start, origin, &distance) ||
        __builtin_mul_overflow(distance, (__int128)2 * lane->rendition->time_base.den, &half))
        return sr_fail(err, SR_ERR_LIMIT, "the source starts too far from time zero");
    const __int128 rounded = (half + unit) / (2 * unit) - ((half + unit) % (2 * unit) < 0);
    if (rounded < 0 || rounded > INT64_MAX / 8)
        return sr_fail(err, SR_ERR_INVALID,
                       "the source starts before time zero or too late after it");
    lane->offset_pts = (int64_t)rounded;
    return true;
}

// Number of the GOP on the grid that a time lies in: `ticks` of `num / den` seconds after the
// timeline's start.
static int64_t group_at(const struct job *job, __int128 ticks, int num, int den)
{
    const __int128 unit = (__int128)den * job->params->gop_us;
    const __int128 us = ticks * num * 1000000;
    return (int64_t)(us / unit - (us % unit < 0));
}

static bool is_grid(const struct job *job)
{
    return job->params->mode == SEGMENT_GRID;
}

// Encoding
// -----------------------------------------------------------------------------------------

static bool take_packets(struct job *job, struct lane *lane, enum encode_next until,
                         struct sr_err *err)
{
    for (;;) {
        const enum encode_next next = encoder_next(lane->encoder, job->packet, err);
        if (next == ENCODE_FAILED)
            return false;
        if (next != ENCODE_PACKET)
            return next == until || sr_fail(err, SR_ERR_INTERNAL, "the encoder ended early");
        const bool done = fragment_writer_add(lane->writer, job->packet,
                                              job->packet->flags & AV_PKT_FLAG_KEY, err);
        av_packet_unref(job->packet);
        if (!done)
            return false;
    }
}

static bool encode(struct job *job, struct lane *lane, const AVFrame *picture, int64_t pts,
                   int64_t group, struct sr_err *err)
{
    const bool force_key =
        is_grid(job) && (group > lane->group || lane->picture_count_in_group >= GROUP_PICTURES_MAX);
    if (force_key)
        lane->picture_count_in_group = 0;
    if (group > lane->group)
        lane->group = group;
    lane->picture_count_in_group++;
    if (!encoder_add(lane->encoder, picture, pts, force_key, err) ||
        !take_packets(job, lane, ENCODE_WANTS_PICTURE, err))
        return false;
    lane->picture_count++;
    if (lane == job->lanes && job->params->progress)
        job->params->progress(job->params->progress_self, (uint64_t)lane->picture_count);
    return true;
}

static bool encode_at_own_time(struct job *job, struct lane *lane, const AVFrame *picture,
                               const struct segment_picture *info, struct sr_err *err)
{
    if (info->is_context)
        return true;
    const struct media_rational base = job->table->time_base;
    const int64_t group = is_grid(job) ? group_at(job, (__int128)info->pts - job->table->start_pts,
                                                  base.num, base.den)
                                       : 0;
    return encode(job, lane, picture, lane->offset_pts + output_ticks(job, lane, info->pts), group,
                  err);
}

// Every frame before `until` shows `picture`.
static bool encode_frames(struct job *job, struct lane *lane, AVFrame *picture, int64_t until,
                          struct sr_err *err)
{
    for (; lane->next_frame < until && lane->next_frame < lane->end_frame; lane->next_frame++) {
        const struct media_rational fps = lane->grid.fps;
        const int64_t group = is_grid(job) ? group_at(job, lane->next_frame, fps.den, fps.num) : 0;
        if (!sr_cancel_check(job->params->decode.source->cancel, err) ||
            !encode(job, lane, picture, frame_pts(lane, lane->next_frame), group, err))
            return false;
        av_frame_remove_side_data(picture, AV_FRAME_DATA_A53_CC);  // said once
    }
    return true;
}

static bool encode_on_grid(struct job *job, struct lane *lane, const AVFrame *picture,
                           const struct segment_picture *info, struct sr_err *err)
{
    const int64_t first = frame_grid_first(&lane->grid, info->pts);
    if (lane->is_holding && !encode_frames(job, lane, lane->held, first, err))
        return false;
    const bool is_first = !lane->is_holding;
    av_frame_unref(lane->held);
    lane->is_holding = false;
    if (av_frame_ref(lane->held, picture) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "picture");
    lane->is_holding = true;
    // Before the first picture there is none to show but this.
    return !is_first || encode_frames(job, lane, lane->held, first, err);
}

static bool deliver(void *self, size_t index, const AVFrame *picture, uint64_t number,
                    struct sr_err *err)
{
    struct job *job = self;
    struct lane *lane = &job->lanes[index];
    const struct segment_picture *info = &job->pictures[number % CONTEXT_MAX];
    const bool done = has_rate(lane->rendition) ? encode_on_grid(job, lane, picture, info, err)
                                                : encode_at_own_time(job, lane, picture, info, err);
    return done || sr_err_wrap(err, "rendition \"%s\"", lane->rendition->asked.id);
}

// Opening
// ------------------------------------------------------------------------------------------

static void find_interval(const struct job *job, struct lane *lane, int64_t *ret_start,
                          int64_t *ret_end)
{
    const struct segment *segment = &job->params->decode.segment;
    if (has_rate(lane->rendition)) {
        lane->grid = frame_grid_of(lane->rendition->asked.fps, job->table);
        lane->next_frame =
            job->params->decode.is_first ? 0 : frame_grid_first(&lane->grid, segment->start_pts);
        lane->end_frame = job->params->decode.is_last
                              ? frame_grid_count(&lane->grid, segment->end_pts)
                              : frame_grid_first(&lane->grid, segment->end_pts);
        // The last segment's end is rounded down further: it may have nothing left to make.
        if (lane->end_frame < lane->next_frame)
            lane->end_frame = lane->next_frame;
        *ret_start = frame_pts(lane, lane->next_frame);
        *ret_end = frame_pts(lane, lane->end_frame);
    } else {
        *ret_start = lane->offset_pts + output_ticks(job, lane, segment->start_pts);
        *ret_end = lane->offset_pts + output_ticks(job, lane, segment->end_pts);
    }
    const struct media_rational base = job->table->time_base;
    lane->group = is_grid(job) ? group_at(job, (__int128)segment->start_pts - job->table->start_pts,
                                          base.num, base.den)
                               : 0;
}

static bool open_lane(struct job *job, struct lane *lane, const struct segment_output *output,
                      struct sr_err *err)
{
    lane->output = output;
    lane->rendition = output->rendition;
    int64_t start, end;
    if (!find_offset(job, lane, err))
        return false;
    find_interval(job, lane, &start, &end);
    const int threads = encode_threads(output->rendition, job->params->encoder_threads);
    const struct encode_params options = { .video = output->rendition,
                                           .threads = threads,
                                           .only_forced_keys = is_grid(job),
                                           .shortest_us = job->params->shortest_us };
    lane->held = av_frame_alloc();
    if (!lane->held)
        return sr_fail(err, SR_ERR_NO_MEMORY, "picture");
    if (!encoder_open(&options, &lane->encoder, err))
        return false;
    const struct fragment_params params = {
        .codec = encoder_parameters(lane->encoder),
        .time_base = output->rendition->time_base,
        .rate = output->rendition->rate,
        .start_pts = start,
        .end_pts = end,
        .shift_ticks = encoder_shift_ticks(lane->encoder),
        .first_sequence = (uint32_t)(job->params->segment_index << 16) + 1,
        .hdr = &output->rendition->hdr,
        .writer = output->writer,
    };
    return fragment_writer_new(&params, &lane->writer, err);
}

static bool open_decoder(struct job *job, struct sr_err *err)
{
    struct segment_decode_params params = job->params->decode;
    params.context_before = params.context_after = 0;
    for (size_t i = 0; i < job->lane_count; i++) {
        const struct rendition_video *rendition = job->renditions[i];
        const int around = filter_context(rendition);
        const int before = around + has_rate(rendition);
        if (before > params.context_before)
            params.context_before = before;
        if (around > params.context_after)
            params.context_after = around;
    }
    return segment_decoder_new(&params, &job->decoder, err);
}

static bool check_params(const struct segment_transcode_params *params, struct sr_err *err)
{
    if (params->output_count < 1 || params->output_count > MEDIA_RENDITIONS_MAX)
        return sr_fail(err, SR_ERR_INVALID, "%zu renditions, want 1..%d", params->output_count,
                       MEDIA_RENDITIONS_MAX);
    if (params->mode == SEGMENT_GRID && params->gop_us <= 0)
        return sr_fail(err, SR_ERR_INVALID, "gop of %" PRId64 " us", params->gop_us);
    if (params->segment_index >= 1 << 16)
        return sr_fail(err, SR_ERR_LIMIT, "segment %zu, at most %d", params->segment_index + 1,
                       1 << 16);
    if (params->encoder_threads < 1)
        return sr_fail(err, SR_ERR_INVALID, "%d encoder threads", params->encoder_threads);
    return true;
}

static bool open_job(struct job *job, struct sr_err *err)
{
    const struct segment_transcode_params *params = job->params;
    for (size_t i = 0; i < params->output_count; i++) {
        job->renditions[i] = params->outputs[i].rendition;
        job->lane_count++;  // what is half open is closed, too
        if (!open_lane(job, &job->lanes[i], &params->outputs[i], err))
            return sr_err_wrap(err, "rendition \"%s\"", job->renditions[i]->asked.id);
    }
    const struct media_stream *source = NULL;
    for (size_t i = 0; i < params->decode.probe->stream_count; i++) {
        if (params->decode.probe->streams[i].index == job->table->stream_index)
            source = &params->decode.probe->streams[i];
    }
    if (!source)
        return sr_fail(err, SR_ERR_INVALID, "no stream %d", job->table->stream_index);
    const struct filter_params filter = {
        .rendition_count = job->lane_count,
        .renditions = job->renditions,
        .source_width = source->video.width,
        .source_height = source->video.height,
        .deliver = deliver,
        .self = job,
    };
    job->packet = av_packet_alloc();
    if (!job->packet)
        return sr_fail(err, SR_ERR_NO_MEMORY, "packet");
    return filter_new(&filter, &job->filter, err) && open_decoder(job, err);
}

// The whole
// ----------------------------------------------------------------------------------------

static bool pump(struct job *job, struct sr_err *err)
{
    for (uint64_t number = 0;; number++) {
        if (!sr_cancel_check(job->params->decode.source->cancel, err))
            return false;
        sr_auto(av_frame) AVFrame *frame = NULL;
        struct segment_picture *info = &job->pictures[number % CONTEXT_MAX];
        switch (segment_decoder_next(job->decoder, &frame, info, err)) {
        case SEGMENT_END: return filter_end(job->filter, err);
        case SEGMENT_FAILED: return false;
        case SEGMENT_PICTURE: break;
        }
        if (!filter_add(job->filter, frame, number, err))
            return false;
    }
}

static bool finish_lane(struct job *job, struct lane *lane, struct track_part *ret,
                        struct sr_err *err)
{
    if (has_rate(lane->rendition) && lane->is_holding &&
        !encode_frames(job, lane, lane->held, lane->end_frame, err))
        return false;
    if (!encoder_end(lane->encoder, err) || !take_packets(job, lane, ENCODE_DONE, err) ||
        !fragment_writer_end(lane->writer, ret, err))
        return false;
    if (ret->frame_count != lane->picture_count)
        return sr_fail(err, SR_ERR_INTERNAL, "%" PRId64 " pictures became %" PRId64 " samples",
                       lane->picture_count, ret->frame_count);
    return true;
}

static bool run(struct job *job, struct sr_err *err)
{
    if (!check_params(job->params, err) || !open_job(job, err) || !pump(job, err))
        return false;
    struct track_part parts[MEDIA_RENDITIONS_MAX] = { 0 };
    for (size_t i = 0; i < job->lane_count; i++) {
        if (finish_lane(job, &job->lanes[i], &parts[i], err))
            continue;
        for (size_t j = 0; j < i; j++)
            track_part_done(&parts[j]);
        return sr_err_wrap(err, "rendition \"%s\"", job->renditions[i]->asked.id);
    }
    for (size_t i = 0; i < job->lane_count; i++) {
        segment_decoder_account(job->decoder, &parts[i].account);
        *job->lanes[i].output->part = parts[i];
    }
    return true;
}

bool segment_transcode(const struct segment_transcode_params *params, struct sr_err *err)
{
    sr_auto(job) struct job job = { .params = params, .table = params->decode.table };
    const struct sr_log *before = media_log_set(params->decode.source->log);
    const bool done = run(&job, err);
    (void)media_log_set(before);
    return done;
}

uint64_t segment_transcode_peak_bytes(const struct media_stream *source,
                                      const struct rendition_video *const *renditions,
                                      size_t rendition_count, int encoder_threads)
{
    enum {
        DECODER_PICTURES = 24,      // 16 references, reordering, what waits at a seam
        FILTER_PICTURES = 4,        // per rendition and rung
        FRAGMENT_BYTES = 16 << 20,  // a GOP, twice: the muxer copies it
        FIXED_BYTES = 32 << 20,     // libraries, the demuxer's buffers
    };
    const AVPixFmtDescriptor *format =
        av_pix_fmt_desc_get(av_get_pix_fmt(source->video.pixel_format));
    const uint64_t bits = format ? (uint64_t)av_get_padded_bits_per_pixel(format) : 24;
    const uint64_t picture =
        (uint64_t)source->video.width * (uint64_t)source->video.height * bits / 8;
    uint64_t bytes = FIXED_BYTES + DECODER_PICTURES * picture;
    for (size_t i = 0; i < rendition_count; i++) {
        const uint64_t rungs = (uint64_t)renditions[i]->rung_count + 1;
        const int threads = encode_threads(renditions[i], encoder_threads);
        bytes += encode_peak_bytes(renditions[i], threads) + FRAGMENT_BYTES +
                 FILTER_PICTURES * rungs * picture;
    }
    return bytes;
}

// Made once and then only read. It stays in the process like the libraries that it names.
static pthread_mutex_t build_lock = PTHREAD_MUTEX_INITIALIZER;
static char build_text[256];

static bool describe_build(struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    const struct {
        const char *name;
        unsigned version;
    } rows[] = { { "libavcodec", avcodec_version() },
                 { "libavformat", avformat_version() },
                 { "libavfilter", avfilter_version() },
                 { "libswscale", swscale_version() },
                 { "libavutil", avutil_version() } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!sr_str_addf(&text, err, "%s%s %u.%u.%u", i ? ", " : "", rows[i].name,
                         AV_VERSION_MAJOR(rows[i].version), AV_VERSION_MINOR(rows[i].version),
                         AV_VERSION_MICRO(rows[i].version)))
            return false;
    }
    if (!encode_build(&text, err))
        return false;
    if (!sr_format(build_text, sizeof(build_text), "%s", sr_str_text(&text)))
        return sr_fail(err, SR_ERR_INTERNAL, "names of builds are too long");
    return true;
}

const char *segment_transcode_build(void)
{
    struct sr_err err;
    pthread_mutex_lock(&build_lock);
    // Without it no result is ever found again, which costs time and harms nothing.
    const bool done = build_text[0] || describe_build(&err);
    pthread_mutex_unlock(&build_lock);
    return done ? build_text : "unknown build";
}
