#include "tests/judge.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <sys/stat.h>

#include "base/test.h"
#include "tests/barcode.h"

enum { SOUND_SECONDS_MAX = 600, SOUND_GAP_MS = 15, LAG_MS = 60, WINDOW_MS = 200 };

struct judging {
    struct judge *judge;
    AVFormatContext *format;
    AVCodecContext *codecs[32];
    int audio_of[32];  // index in judge->audio; -1: none
    int video_stream;
    int64_t capacity[JUDGE_AUDIOS_MAX];
    size_t picture_capacity, packet_capacity;
    uint8_t *header;
    size_t header_bytes;
};

void judge_done(struct judge *judge)
{
    free(judge->video.pictures);
    free(judge->video.packets);
    for (int i = 0; i < JUDGE_AUDIOS_MAX; i++)
        free(judge->audio[i].sound);
    *judge = (struct judge){ 0 };
}

static void *grow(void *list, size_t count, size_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return list;
    *capacity = *capacity ? 2 * *capacity : 256;
    void *const bigger = realloc(list, *capacity * item_bytes);
    assert_non_null(bigger);
    return bigger;
}

// Pictures ---------------------------------------------------------------------------------------
static void note_mastering(struct judge_video *video, const AVMasteringDisplayMetadata *data)
{
    video->has_mastering = data->has_luminance && data->has_primaries;
    video->mastering_luminance_max = av_q2d(data->max_luminance);
    video->mastering_red_x = av_q2d(data->display_primaries[0][0]);
}

static void note_light_level(struct judge_video *video, const AVContentLightMetadata *data)
{
    video->has_light_level = true;
    video->light_level_max = (int)data->MaxCLL;
}

static bool turns(const int32_t *matrix)
{
    return matrix[0] != 1 << 16 || matrix[1] != 0 || matrix[3] != 0 || matrix[4] != 1 << 16;
}

static void note_stream(struct judge_video *video, const AVStream *stream)
{
    const int32_t *const matrix = (const int32_t *)(const void *)av_stream_get_side_data(
        stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    const void *const mastering =
        av_stream_get_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, NULL);
    const void *const light =
        av_stream_get_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, NULL);
    video->has_matrix = matrix && turns(matrix);
    if (mastering)
        note_mastering(video, mastering);
    if (light)
        note_light_level(video, light);
    snprintf(video->codec, sizeof(video->codec), "%s",
             avcodec_get_name(stream->codecpar->codec_id));
    video->seconds_per_tick = av_q2d(stream->time_base);
}

static void note_first(struct judge_video *video, const AVFrame *frame, AVRational sample_aspect)
{
    const AVFrameSideData *const mastering =
        av_frame_get_side_data(frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
    const AVFrameSideData *const light =
        av_frame_get_side_data(frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
    video->width = frame->width;
    video->height = frame->height;
    video->has_one_size = true;
    video->sample_aspect = sample_aspect.num > 0 ? av_q2d(sample_aspect) : 1;
    video->range = frame->color_range;
    video->primaries = frame->color_primaries;
    video->transfer = frame->color_trc;
    video->space = frame->colorspace;
    snprintf(video->pixel_format, sizeof(video->pixel_format), "%s",
             av_get_pix_fmt_name(frame->format));
    if (mastering)
        note_mastering(video, (const void *)mastering->data);
    if (light)
        note_light_level(video, (const void *)light->data);
}

static void make_thumb(const AVFrame *frame, int depth, struct judge_picture *picture)
{
    for (int ty = 0; ty < JUDGE_THUMB_SIDE; ty++) {
        for (int tx = 0; tx < JUDGE_THUMB_SIDE; tx++) {
            const int x0 = tx * frame->width / JUDGE_THUMB_SIDE;
            const int x1 = (tx + 1) * frame->width / JUDGE_THUMB_SIDE;
            const int y0 = ty * frame->height / JUDGE_THUMB_SIDE;
            const int y1 = (ty + 1) * frame->height / JUDGE_THUMB_SIDE;
            uint64_t sum = 0, count = 0;
            for (int y = y0; y < y1; y++) {
                const uint8_t *const row = frame->data[0] + (ptrdiff_t)y * frame->linesize[0];
                for (int x = x0; x < x1; x++, count++)
                    sum += depth == 8 ? row[x]
                                      : ((uint32_t)row[2 * x] | (uint32_t)row[2 * x + 1] << 8) >>
                                            (depth - 8);
            }
            picture->thumb[ty * JUDGE_THUMB_SIDE + tx] = (uint8_t)(count ? sum / count : 0);
        }
    }
}

static void take_picture(struct judging *judging, const AVFrame *frame)
{
    struct judge_video *const video = &judging->judge->video;
    AVStream *const stream = judging->format->streams[judging->video_stream];
    const AVPixFmtDescriptor *const format = av_pix_fmt_desc_get(frame->format);
    const int depth = format->comp[0].depth;
    if (video->count == 0)
        note_first(video, frame,
                   av_guess_sample_aspect_ratio(judging->format, stream, (AVFrame *)frame));
    video->has_one_size &= frame->width == video->width && frame->height == video->height;
    video->pictures =
        grow(video->pictures, video->count, &judging->picture_capacity, sizeof(*video->pictures));
    struct judge_picture *const picture = &video->pictures[video->count++];
    uint32_t number;
    *picture = (struct judge_picture){
        .time = (double)frame->best_effort_timestamp * video->seconds_per_tick,
        .number = JUDGE_NO_NUMBER,
        .is_interlaced = frame->interlaced_frame,
        .is_top_first = frame->top_field_first,
    };
    if (barcode_read(frame->data[0], frame->width, frame->height, frame->linesize[0], depth,
                     &number))
        picture->number = (int32_t)number;
    make_thumb(frame, depth, picture);
    video->end = picture->time + (double)frame->pkt_duration * video->seconds_per_tick;
}

// Sound ------------------------------------------------------------------------------------------
static float sample_of(const AVFrame *frame, int i)
{
    const bool planar = av_sample_fmt_is_planar(frame->format);
    const int at = planar ? i : i * frame->ch_layout.nb_channels;
    switch (av_get_packed_sample_fmt(frame->format)) {
    case AV_SAMPLE_FMT_U8: return ((float)frame->data[0][at] - 128) / 128;
    case AV_SAMPLE_FMT_S16:
        return (float)((const int16_t *)(const void *)frame->data[0])[at] / 32768;
    case AV_SAMPLE_FMT_S32:
        return (float)((const int32_t *)(const void *)frame->data[0])[at] / 2147483648.0F;
    case AV_SAMPLE_FMT_FLT: return ((const float *)(const void *)frame->data[0])[at];
    case AV_SAMPLE_FMT_DBL: return (float)((const double *)(const void *)frame->data[0])[at];
    default: fail_msg("sample format %d", frame->format); return 0;
    }
}

static void take_sound(struct judging *judging, int a, const AVFrame *frame, AVRational base)
{
    struct judge_audio *const audio = &judging->judge->audio[a];
    if (audio->decoded == 0) {
        audio->start = (double)frame->best_effort_timestamp * av_q2d(base);
        audio->rate = frame->sample_rate;
        audio->channels = frame->ch_layout.nb_channels;
    }
    const double time = (double)frame->best_effort_timestamp * av_q2d(base);
    int64_t place = llround((time - audio->start) * audio->rate);
    const int64_t apart = place > audio->places ? place - audio->places : audio->places - place;
    if (frame->best_effort_timestamp == AV_NOPTS_VALUE ||
        apart <= (int64_t)audio->rate * SOUND_GAP_MS / 1000)
        place = audio->places;
    audio->decoded += frame->nb_samples;
    if (place < 0 || place > (int64_t)audio->rate * SOUND_SECONDS_MAX)
        return;
    const int64_t end = place + frame->nb_samples;
    if (end > judging->capacity[a]) {
        const int64_t capacity = 2 * end;
        audio->sound = realloc(audio->sound, (size_t)capacity * sizeof(*audio->sound));
        assert_non_null(audio->sound);
        memset(audio->sound + judging->capacity[a], 0,
               (size_t)(capacity - judging->capacity[a]) * sizeof(*audio->sound));
        judging->capacity[a] = capacity;
    }
    for (int i = 0; i < frame->nb_samples; i++)
        audio->sound[place + i] = sample_of(frame, i);
    if (end > audio->places)
        audio->places = end;
}

// The file ---------------------------------------------------------------------------------------
static bool has_idr(const AVPacket *packet)
{
    for (int at = 0; at + 5 <= packet->size;) {
        const uint32_t bytes = (uint32_t)packet->data[at] << 24 |
                               (uint32_t)packet->data[at + 1] << 16 |
                               (uint32_t)packet->data[at + 2] << 8 | packet->data[at + 3];
        if ((packet->data[at + 4] & 31) == 5)
            return true;
        if (bytes > (uint32_t)(packet->size - at - 4))
            break;
        at += 4 + (int)bytes;
    }
    return false;
}

static void take_packet(struct judging *judging, const AVPacket *packet)
{
    struct judge_video *const video = &judging->judge->video;
    size_t header_bytes = 0;
    const uint8_t *const header =
        av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &header_bytes);
    if (header && (header_bytes != judging->header_bytes ||
                   memcmp(header, judging->header, header_bytes) != 0)) {
        free(judging->header);
        judging->header = malloc(header_bytes + 1);
        assert_non_null(judging->header);
        memcpy(judging->header, header, header_bytes);
        judging->header_bytes = header_bytes;
        video->headers++;
    }
    video->packets = grow(video->packets, video->packet_count, &judging->packet_capacity,
                          sizeof(*video->packets));
    video->packets[video->packet_count++] = (struct judge_packet){
        .pts = packet->pts,
        .dts = packet->dts,
        .time = (double)packet->pts * video->seconds_per_tick,
        .bytes = (size_t)packet->size,
        .is_key = packet->flags & AV_PKT_FLAG_KEY,
        .is_idr = has_idr(packet),
    };
}

static void drain(struct judging *judging, int index, AVFrame *frame)
{
    for (;;) {
        const int error = avcodec_receive_frame(judging->codecs[index], frame);
        if (error == AVERROR(EAGAIN) || error == AVERROR_EOF)
            return;
        if (error < 0) {
            judging->judge->decode_errors++;
            continue;
        }
        if (index == judging->video_stream)
            take_picture(judging, frame);
        else
            take_sound(judging, judging->audio_of[index], frame,
                       judging->format->streams[index]->time_base);
        av_frame_unref(frame);
    }
}

static void open_codec(struct judging *judging, int index)
{
    AVStream *const stream = judging->format->streams[index];
    const AVCodec *const codec = avcodec_find_decoder(stream->codecpar->codec_id);
    assert_non_null(codec);
    AVCodecContext *const context = avcodec_alloc_context3(codec);
    assert_non_null(context);
    assert_true(avcodec_parameters_to_context(context, stream->codecpar) >= 0);
    context->pkt_timebase = stream->time_base;
    context->thread_count = 1;
    assert_true(avcodec_open2(context, codec, NULL) >= 0);
    judging->codecs[index] = context;
}

static void open_audio(struct judging *judging, int index)
{
    const AVStream *const stream = judging->format->streams[index];
    const int a = judging->judge->audio_streams++;
    if (a >= JUDGE_AUDIOS_MAX)
        return;
    struct judge_audio *const audio = &judging->judge->audio[a];
    const AVDictionaryEntry *const language = av_dict_get(stream->metadata, "language", NULL, 0);
    snprintf(audio->codec, sizeof(audio->codec), "%s",
             avcodec_get_name(stream->codecpar->codec_id));
    snprintf(audio->language, sizeof(audio->language), "%s", language ? language->value : "");
    audio->is_default = stream->disposition & AV_DISPOSITION_DEFAULT;
    judging->audio_of[index] = a;
    open_codec(judging, index);
}

static void open_streams(struct judging *judging)
{
    for (int i = 0; i < (int)judging->format->nb_streams; i++) {
        AVStream *const stream = judging->format->streams[i];
        if (i >= (int)(sizeof(judging->audio_of) / sizeof(judging->audio_of[0])))
            continue;
        judging->audio_of[i] = -1;
        if (stream->disposition & AV_DISPOSITION_ATTACHED_PIC)
            judging->judge->attached_pictures++;
        else if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
            judging->judge->video_streams++;
        else if (stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
            open_audio(judging, i);
        else
            judging->judge->other_streams++;
    }
    judging->video_stream =
        av_find_best_stream(judging->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (judging->judge->video_streams == 0)
        judging->video_stream = -1;
    if (judging->video_stream >= 0) {
        const AVStream *const stream = judging->format->streams[judging->video_stream];
        note_stream(&judging->judge->video, stream);
        open_codec(judging, judging->video_stream);
        judging->judge->video.headers = 1;
        judging->header_bytes = (size_t)stream->codecpar->extradata_size;
        judging->header = malloc(judging->header_bytes + 1);
        assert_non_null(judging->header);
        if (judging->header_bytes > 0)
            memcpy(judging->header, stream->codecpar->extradata, judging->header_bytes);
    }
}

static void decode_all(struct judging *judging)
{
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    assert_true(packet && frame);
    while (av_read_frame(judging->format, packet) >= 0) {
        const int index = packet->stream_index;
        if (index < 32 && judging->codecs[index]) {
            if (index == judging->video_stream)
                take_packet(judging, packet);
            const int error = avcodec_send_packet(judging->codecs[index], packet);
            judging->judge->decode_errors += error < 0 && error != AVERROR(EAGAIN);
            drain(judging, index, frame);
        }
        av_packet_unref(packet);
    }
    for (int i = 0; i < 32; i++) {
        if (judging->codecs[i] && avcodec_send_packet(judging->codecs[i], NULL) >= 0)
            drain(judging, i, frame);
    }
    av_packet_free(&packet);
    av_frame_free(&frame);
}

static uint8_t *load(const char *path, size_t *ret_bytes)
{
    FILE *const file = fopen(path, "rb");
    struct stat status;
    assert_true(file && fstat(fileno(file), &status) == 0);
    uint8_t *const data = malloc((size_t)status.st_size + 1);
    assert_true(data && fread(data, 1, (size_t)status.st_size, file) == (size_t)status.st_size);
    fclose(file);
    *ret_bytes = (size_t)status.st_size;
    return data;
}

// Edit lists --------------------------------------------------------------------------------------
// Spec: ISO/IEC 14496-12, 8.6.6 EditListBox. libavformat's duration of a stream mixes in empty edits,
// so that the length a track presents is read here.
struct box {
    const uint8_t *data;
    size_t bytes;
};

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
static uint64_t be64(const uint8_t *at)
{
    return (uint64_t)be32(at) << 32 | be32(at + 4);
}

// The n-th box of this type among the children, without its header; empty when there is none.
static struct box child(struct box parent, const char *type, int n)
{
    for (size_t at = 0; at + 8 <= parent.bytes;) {
        const size_t bytes = be32(parent.data + at);
        if (bytes < 8 || bytes > parent.bytes - at)
            break;
        if (memcmp(parent.data + at + 4, type, 4) == 0 && n-- == 0)
            return (struct box){ parent.data + at + 8, bytes - 8 };
        at += bytes;
    }
    return (struct box){ NULL, 0 };
}

// Seconds that the track presents; negative: no edit list says.
static double presented_seconds(struct box moov, int track)
{
    const struct box mvhd = child(moov, "mvhd", 0);
    const struct box elst = child(child(child(moov, "trak", track), "edts", 0), "elst", 0);
    if (mvhd.bytes < 32 || elst.bytes < 8)
        return -1;
    const uint32_t timescale = be32(mvhd.data + (mvhd.data[0] == 1 ? 20 : 12));
    const bool is_long = elst.data[0] == 1;
    const size_t entry_bytes = is_long ? 20 : 12;
    double seconds = -1;
    for (size_t at = 8; at + entry_bytes <= elst.bytes; at += entry_bytes) {
        const uint64_t ticks = is_long ? be64(elst.data + at) : be32(elst.data + at);
        const bool is_empty = be32(elst.data + at + (is_long ? 8 : 4)) == UINT32_MAX;
        if (!is_empty && ticks > 0 && timescale > 0)
            seconds = (seconds < 0 ? 0 : seconds) + (double)ticks / timescale;
    }
    return seconds;
}

// A decoder hears no more than the edit list presents.
static void count_samples(const struct judging *judging, const char *path)
{
    size_t bytes = 0;
    uint8_t *const data = load(path, &bytes);
    const struct box moov = child((struct box){ data, bytes }, "moov", 0);
    for (int i = 0; i < (int)judging->format->nb_streams && i < 32; i++) {
        const int a = judging->audio_of[i];
        if (a < 0)
            continue;
        struct judge_audio *const audio = &judging->judge->audio[a];
        const double seconds = presented_seconds(moov, i);
        const int64_t presented = llround(seconds * audio->rate);
        audio->samples = audio->decoded;
        if (seconds >= 0 && presented < audio->samples)
            audio->samples = presented;
    }
    free(data);
}

void judge_file(const char *path, struct judge *ret)
{
    struct judging judging = { .judge = ret };
    *ret = (struct judge){ 0 };
    av_log_set_level(AV_LOG_QUIET);
    const int error = avformat_open_input(&judging.format, path, NULL, NULL);
    if (error < 0)
        fail_msg("%s: %s", path, av_err2str(error));
    assert_true(avformat_find_stream_info(judging.format, NULL) >= 0);
    open_streams(&judging);
    decode_all(&judging);
    count_samples(&judging, path);
    for (int i = 0; i < 32; i++)
        avcodec_free_context(&judging.codecs[i]);
    free(judging.header);
    avformat_close_input(&judging.format);
}

// Comparing --------------------------------------------------------------------------------------
static float at_place(const struct judge_audio *audio, int64_t place)
{
    return place >= 0 && place < audio->places ? audio->sound[place] : 0;
}

static double match(const struct judge_audio *a, int64_t place_a, const struct judge_audio *b,
                    int64_t place_b, int64_t count)
{
    double product = 0, power = 1e-9;
    for (int64_t i = 0; i < count; i++) {
        const double x = (double)at_place(a, place_a + i), y = (double)at_place(b, place_b + i);
        product += x * y;
        power += y * y;
    }
    return product / sqrt(power);
}

int64_t judge_lag(const struct judge_audio *a, double zero_a, const struct judge_audio *b,
                  double zero_b, double at_s)
{
    assert_int_equal(a->rate, b->rate);
    const int64_t count = (int64_t)a->rate * WINDOW_MS / 1000;
    const int64_t most = (int64_t)a->rate * LAG_MS / 1000;
    const int64_t place_a = llround((at_s + zero_a - a->start) * a->rate);
    const int64_t place_b = llround((at_s + zero_b - b->start) * b->rate);
    int64_t best = 0;
    double best_match = -1e9;
    for (int64_t lag = -most; lag <= most; lag++) {
        const double found = match(a, place_a, b, place_b + lag, count);
        if (found > best_match) {
            best_match = found;
            best = lag;
        }
    }
    return best;
}

double judge_distance(const struct judge_picture *a, const struct judge_picture *b)
{
    int sum = 0;
    for (size_t i = 0; i < sizeof(a->thumb); i++)
        sum += abs((int)a->thumb[i] - (int)b->thumb[i]);
    return (double)sum / (double)sizeof(a->thumb);
}
