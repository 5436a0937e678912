// Decodes pictures on both sides of each seam. Which ones is a matter of cost: a whole decode costs
// about 7 % of the CPU of an x264 medium encode, and this check should stay below 1 %. Every
// sample's bytes are compared with what the encoder made anyway; what is left to show is that a
// decoder passes the seam, which a few pictures tell:
// - after it: SEAM_PICTURES from the key frame on;
// - before it: the last group of pictures whole, so that the decoder goes over the seam as a player
// does, or, when the
//   group is long, its first SEAM_PICTURES;
// - of neither more than 1/SHARE of the segment, but always one picture, so that short segments
// cost no more;
// - deblocking and inverse transforms are left out: no decoder error can come from them.
#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/media_cpu.h"
#include "transcode/media_err.h"
#include "transcode/verify_priv.h"

enum {
    SEAM_PICTURES = 8,
    GROUP_PICTURES_MAX = 48,  // a last group that is decoded whole
    SHARE = 8,
    HELD_MAX = 64,  // pictures that a decoder can hold back, and more
};

struct verify_seam {
    const struct mux_track *track;
    struct verify_result *result;
    AVCodecContext *decoder;
    AVFrame *frame;
    AVPacket *packet;   // a copy, timed as the documents say
    size_t known_part;  // `tail_from` and `tail_to` are of this one; SIZE_MAX: none
    size_t head_to, tail_from, tail_to;  // samples wanted: [0, head_to) and [tail_from, tail_to)
    size_t next_part, next_sample;  // what would follow without a gap; SIZE_MAX: nothing is open
    int64_t segment_number;         // of the packet sent last
    bool has_failed;                // of the run that is open: told, and not told again
    size_t held_count;
    int64_t held[HELD_MAX];  // times of pictures sent and not seen yet, rising
};

static bool open_decoder(struct verify_seam *seam, const AVCodecParameters *codec,
                         struct sr_err *err)
{
    const AVCodec *const decoder = avcodec_find_decoder(codec->codec_id);
    if (!decoder) {
        verify_find(seam->result, 0, "there is no decoder for %s",
                    avcodec_get_name(codec->codec_id));
        return true;
    }
    seam->decoder = avcodec_alloc_context3(decoder);
    if (!seam->decoder)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a decoder");
    int ret = avcodec_parameters_to_context(seam->decoder, codec);
    if (ret < 0)
        return media_fail(err, ret, "a decoder");
    seam->decoder->thread_count = 1;
    seam->decoder->err_recognition = AV_EF_EXPLODE;
    seam->decoder->skip_loop_filter = AVDISCARD_ALL;
    seam->decoder->skip_idct = AVDISCARD_ALL;
    seam->decoder->max_pixels = (int64_t)MEDIA_SIDE_MAX * MEDIA_SIDE_MAX;
    media_open_lock();
    ret = avcodec_open2(seam->decoder, decoder, NULL);
    media_open_unlock();
    if (ret == AVERROR(ENOMEM))
        return media_fail(err, ret, "a decoder");
    if (ret < 0) {
        verify_find(seam->result, 0, "the %s decoder cannot be opened", decoder->name);
        avcodec_free_context(&seam->decoder);
    }
    return true;
}

bool verify_seam_new(const struct mux_track *track, const AVCodecParameters *codec,
                     struct verify_result *result, struct verify_seam **ret_seam,
                     struct sr_err *err)
{
    sr_auto(verify_seam) struct verify_seam *seam = calloc(1, sizeof(*seam));
    if (!seam || !(seam->frame = av_frame_alloc()) || !(seam->packet = av_packet_alloc()))
        return sr_fail(err, SR_ERR_NO_MEMORY, "a check of seams");
    seam->track = track;
    seam->result = result;
    seam->known_part = seam->next_part = SIZE_MAX;
    if (!open_decoder(seam, codec, err))
        return false;
    *ret_seam = sr_take(seam);
    return true;
}

void verify_seam_free(struct verify_seam *seam)
{
    if (!seam)
        return;
    avcodec_free_context(&seam->decoder);
    av_frame_free(&seam->frame);
    av_packet_free(&seam->packet);
    free(seam);
}

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void choose(struct verify_seam *seam, size_t index)
{
    const struct track_part *const part = seam->track->parts[index].part;
    const size_t count = part->sample_count;
    const size_t share = count / SHARE > 0 ? count / SHARE : 1;
    size_t key = count;
    while (key > 0 && !part->samples[--key].is_key)
        continue;
    seam->head_to = at_most(SEAM_PICTURES, share);
    seam->tail_from = key;
    seam->tail_to = count;
    if (count - key > at_most(GROUP_PICTURES_MAX, share))
        seam->tail_to = key + at_most(SEAM_PICTURES, share);
    seam->known_part = index;
}

// A picture that came out must be the earliest of those that went in.
static void take_frame(struct verify_seam *seam)
{
    const AVFrame *const frame = seam->frame;
    seam->result->frames_decoded++;
    if (seam->has_failed)
        return;
    if ((frame->flags & AV_FRAME_FLAG_CORRUPT) || frame->decode_error_flags != 0) {
        verify_find(seam->result, seam->segment_number, "the picture at %" PRId64 " is damaged",
                    frame->pts);
        seam->has_failed = true;
    } else if (seam->held_count == 0 || frame->pts != seam->held[0]) {
        verify_find(seam->result, seam->segment_number,
                    "a picture comes out at %" PRId64 ", want %" PRId64, frame->pts,
                    seam->held_count > 0 ? seam->held[0] : INT64_MIN);
        seam->has_failed = true;
    } else {
        seam->held_count--;
        memmove(seam->held, seam->held + 1, seam->held_count * sizeof(seam->held[0]));
    }
}

static void hold(struct verify_seam *seam, int64_t pts)
{
    if (seam->held_count == HELD_MAX) {
        if (!seam->has_failed)
            verify_find(seam->result, seam->segment_number, "%d pictures in, none out", HELD_MAX);
        seam->has_failed = true;
        return;
    }
    size_t at = seam->held_count++;
    for (; at > 0 && seam->held[at - 1] > pts; at--)
        seam->held[at] = seam->held[at - 1];
    seam->held[at] = pts;
}

// `packet` NULL: drains.
static bool decode(struct verify_seam *seam, const AVPacket *packet, struct sr_err *err)
{
    int ret = avcodec_send_packet(seam->decoder, packet);
    while (ret >= 0) {
        ret = avcodec_receive_frame(seam->decoder, seam->frame);
        if (ret >= 0)
            take_frame(seam);
        av_frame_unref(seam->frame);
    }
    if (ret == AVERROR(ENOMEM))
        return media_fail(err, ret, "decoding");
    if (ret == AVERROR(EAGAIN) || ret == AVERROR_EOF || seam->has_failed)
        return true;
    struct sr_err why = { 0 };
    (void)media_fail(&why, ret, "%s", "");
    verify_find(seam->result, seam->segment_number,
                "the picture at %" PRId64 " (1/%" PRIu32 " s) cannot be decoded%s",
                packet ? packet->pts : INT64_C(0), seam->track->parts[0].part->timescale,
                why.message);
    seam->has_failed = true;
    return true;
}

// Ends a run of pictures: all that went in must have come out.
static bool end_run(struct verify_seam *seam, struct sr_err *err)
{
    if (seam->next_part == SIZE_MAX)
        return true;
    if (!decode(seam, NULL, err))
        return false;
    if (seam->held_count > 0 && !seam->has_failed)
        verify_find(seam->result, seam->segment_number,
                    "%zu pictures did not come out of the decoder, the first at %" PRId64,
                    seam->held_count, seam->held[0]);
    avcodec_flush_buffers(seam->decoder);
    seam->held_count = 0;
    seam->has_failed = false;
    seam->next_part = SIZE_MAX;
    return true;
}

bool verify_seam_packet(struct verify_seam *seam, size_t part, size_t sample,
                        const AVPacket *packet, struct sr_err *err)
{
    if (!seam->decoder)
        return true;
    if (seam->known_part != part)
        choose(seam, part);
    if (sample >= seam->head_to && (sample < seam->tail_from || sample >= seam->tail_to))
        return end_run(seam, err);

    const struct track_part *const document = seam->track->parts[part].part;
    const bool follows = seam->next_part == part && seam->next_sample == sample;
    if (!follows && !end_run(seam, err))
        return false;
    if (!follows && !document->samples[sample].is_key)
        return true;  // what it needs is missing, which has been told
    if (sample + 1 == document->sample_count) {
        seam->next_part = part + 1;
        seam->next_sample = 0;
    } else {
        seam->next_part = part;
        seam->next_sample = sample + 1;
    }
    seam->segment_number = (int64_t)part + 1;
    if (av_packet_ref(seam->packet, packet) < 0)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a packet");
    seam->packet->pts = document->samples[sample].pts;
    seam->packet->dts = document->samples[sample].dts;
    seam->packet->flags &= ~AV_PKT_FLAG_DISCARD;
    hold(seam, seam->packet->pts);
    const bool is_done = decode(seam, seam->packet, err);
    av_packet_unref(seam->packet);
    return is_done;
}

bool verify_seam_end(struct verify_seam *seam, struct sr_err *err)
{
    return !seam->decoder || end_run(seam, err);
}
