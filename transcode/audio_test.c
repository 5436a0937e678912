#include "transcode/audio.h"

#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/cpu.h>

#include "base/test.h"
#include "transcode/audio_read.h"
#include "transcode/media_log.h"
#include "transcode/mux.h"

// Sources, made here
// -------------------------------------------------------------------------------

struct sound {
    const char *muxer, *encoder;
    int rate, channels;
    int64_t samples;
    int frame_samples;         // of encoders that take any number; 0: the encoder's
    int64_t start_ms;          // of the first sample
    int64_t hole_at, hole_ms;  // times jump at this sample
    int spoil_packet;          // from 1: its bytes are garbage; 0: none
    int64_t loud_at;           // silence before this sample
};

struct maker {
    const struct sound *sound;
    AVFormatContext *muxer;
    AVCodecContext *encoder;
    AVPacket *packet;
    int packet_count;
};

static void drain(struct maker *maker)
{
    while (avcodec_receive_packet(maker->encoder, maker->packet) == 0) {
        AVStream *const stream = maker->muxer->streams[0];
        const struct sound *sound = maker->sound;
        if (++maker->packet_count == sound->spoil_packet)
            memset(maker->packet->data, 0xff, (size_t)maker->packet->size);
        int64_t ms = sound->start_ms;
        if (sound->hole_ms && maker->packet->pts >= sound->hole_at)
            ms += sound->hole_ms;
        maker->packet->pts += ms * sound->rate / 1000;
        maker->packet->dts = maker->packet->pts;
        av_packet_rescale_ts(maker->packet, (AVRational){ 1, sound->rate }, stream->time_base);
        assert_true(av_interleaved_write_frame(maker->muxer, maker->packet) >= 0);
    }
}

// A saw tooth from `loud_at` on, another height in each channel.
static void fill(const struct sound *sound, AVFrame *frame, int64_t first)
{
    const bool planar = av_sample_fmt_is_planar(frame->format);
    for (int c = 0; c < sound->channels; c++) {
        for (int i = 0; i < frame->nb_samples; i++) {
            const int64_t n = first + i;
            const double value = n < sound->loud_at ? 0 : (double)(n % 100 - 50) / 60.0 / (c + 1);
            const int at = planar ? i : i * sound->channels + c;
            uint8_t *const plane = frame->extended_data[planar ? c : 0];
            if (av_get_bytes_per_sample(frame->format) == 2)
                ((int16_t *)(void *)plane)[at] = (int16_t)(value * 32767);
            else
                ((float *)(void *)plane)[at] = (float)value;
        }
    }
}

static void make_sound(const struct sound *sound, uint8_t **ret_data, size_t *ret_bytes)
{
    struct maker maker = { .sound = sound, .packet = av_packet_alloc() };
    const AVCodec *const codec = avcodec_find_encoder_by_name(sound->encoder);
    assert_non_null(codec);
    maker.encoder = avcodec_alloc_context3(codec);
    maker.encoder->sample_rate = sound->rate;
    maker.encoder->sample_fmt = codec->sample_fmts[0];
    maker.encoder->time_base = (AVRational){ 1, sound->rate };
    maker.encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    maker.encoder->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    av_channel_layout_default(&maker.encoder->ch_layout, sound->channels);
    assert_int_equal(avcodec_open2(maker.encoder, codec, NULL), 0);

    assert_true(avformat_alloc_output_context2(&maker.muxer, NULL, sound->muxer, NULL) >= 0);
    AVStream *const stream = avformat_new_stream(maker.muxer, NULL);
    avcodec_parameters_from_context(stream->codecpar, maker.encoder);
    stream->time_base = (AVRational){ 1, sound->rate };
    av_dict_set(&stream->metadata, "language", "swe", 0);
    assert_int_equal(avio_open_dyn_buf(&maker.muxer->pb), 0);
    maker.muxer->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
    assert_true(avformat_write_header(maker.muxer, NULL) >= 0);

    const int step = sound->frame_samples        ? sound->frame_samples
                     : maker.encoder->frame_size ? maker.encoder->frame_size
                                                 : 1024;
    for (int64_t at = 0; at < sound->samples; at += step) {
        AVFrame *frame = av_frame_alloc();
        frame->format = maker.encoder->sample_fmt;
        frame->sample_rate = sound->rate;
        frame->nb_samples = (int)(sound->samples - at < step ? sound->samples - at : step);
        av_channel_layout_copy(&frame->ch_layout, &maker.encoder->ch_layout);
        frame->pts = at;
        assert_int_equal(av_frame_get_buffer(frame, 0), 0);
        fill(sound, frame, at);
        assert_int_equal(avcodec_send_frame(maker.encoder, frame), 0);
        av_frame_free(&frame);
        drain(&maker);
    }
    avcodec_send_frame(maker.encoder, NULL);
    drain(&maker);
    assert_int_equal(av_write_trailer(maker.muxer), 0);
    uint8_t *data;
    const int bytes = avio_close_dyn_buf(maker.muxer->pb, &data);
    assert_true(bytes > 0);
    *ret_data = malloc((size_t)bytes);
    memcpy(*ret_data, data, (size_t)bytes);
    *ret_bytes = (size_t)bytes;
    av_free(data);
    avcodec_free_context(&maker.encoder);
    av_packet_free(&maker.packet);
    avformat_free_context(maker.muxer);
}

// Running --------------------------------------------------------------------------------------

struct job {
    uint8_t *source_data, *part_data;
    size_t source_bytes, part_bytes;
    struct media_source source;
    struct media_stream stream;
    struct probe probe;
    struct rendition rendition;
    struct track_part part;
    struct audio_params params;
    struct sr_err err;
};

static void job_begin(struct job *job, const struct sound *sound)
{
    *job = (struct job){ 0 };
    make_sound(sound, &job->source_data, &job->source_bytes);
    sr_assert_ok(
        sr_memory_reader_open(job->source_data, job->source_bytes, &job->source.reader, &job->err),
        job->err);
    job->source.name = "sound";
    job->stream = (struct media_stream){ .kind = MEDIA_AUDIO, .language = "swe" };
    job->probe = (struct probe){ .video_index = -1, .stream_count = 1, .streams = &job->stream };
    job->rendition = (struct rendition){ .kind = MEDIA_AUDIO, .codec = "aac", .track = -1 };
    job->params = (struct audio_params){ .source = &job->source,
                                         .probe = &job->probe,
                                         .rendition = &job->rendition,
                                         .zero_base = { 1, 1000 },
                                         .fragment_us = 1000000 };
}

static bool job_run(struct job *job)
{
    free(job->part_data);
    job->part_data = NULL;
    track_part_done(&job->part);
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(sr_memory_writer_open(&job->part_data, &job->part_bytes, &writer, &job->err),
                 job->err);
    job->params.writer = &writer;
    return audio_transcode(&job->params, &job->part, &job->err) &&
           writer.ops->publish(writer.self, &job->err);
}

static void job_end(struct job *job)
{
    sr_reader_close(&job->source.reader);
    track_part_done(&job->part);
    free(job->source_data);
    free(job->part_data);
}

static void check_account(const struct track_account *account)
{
    assert_true(account->packets > 0);
    assert_int_equal(account->packets,
                     account->shown + account->hidden + account->discarded + account->damaged);
}

// P1: sound lasts to the sample what the source's does.
static const struct length_row {
    const char *name;
    struct sound sound;
    int rate, channels;  // asked
    int64_t frame_count;
} length_rows[] = {
    { "aac in mp4, 48 kHz", { "mp4", "aac", 48000, 2, .samples = 240000 }, 0, 0, 240000 },
    { "aac in mp4, an odd length", { "mp4", "aac", 44100, 1, .samples = 123457 }, 0, 0, 123457 },
    { "aac in mp4, one sample beyond a ms",
      { "mp4", "aac", 48000, 1, .samples = 48049 },
      0,
      0,
      48049 },
    { "aac in mp4, less than a frame", { "mp4", "aac", 48000, 1, .samples = 100 }, 0, 0, 100 },
    { "aac in mp4, 8 kHz", { "mp4", "aac", 8000, 1, .samples = 20000 }, 0, 0, 20000 },
    { "flac in matroska", { "matroska", "flac", 48000, 2, .samples = 100001 }, 0, 0, 100001 },
    { "pcm in wav", { "wav", "pcm_s16le", 22050, 1, .samples = 54321 }, 0, 0, 54321 },
    { "ac3 5.1 in mp4", { "mp4", "ac3", 48000, 6, .samples = 15360 + 256 }, 0, 0, 16640 },
    { "half the rate, mono", { "wav", "pcm_s16le", 48000, 2, .samples = 100001 }, 24000, 1, 50001 },
    { "to another rate family",
      { "wav", "pcm_s16le", 44100, 2, .samples = 44100 },
      48000,
      0,
      48000 },
    { "a rate that AAC has not", { "wav", "pcm_s16le", 37800, 1, .samples = 37800 }, 0, 0, 44100 },
};

static void each_length(void **state)
{
    const struct length_row *row = *state;
    struct job job;
    job_begin(&job, &row->sound);
    job.rendition.sample_rate = row->rate;
    job.rendition.channels = row->channels;
    sr_assert_ok(job_run(&job), job.err);
    assert_int_equal(job.part.frame_count, row->frame_count);
    assert_int_equal(job.part.priming_samples, 1024);
    assert_int_equal(job.part.shift_ticks, 1024);
    assert_int_equal(job.part.end_pts - job.part.start_pts, row->frame_count);
    assert_int_equal(job.part.samples[0].pts, job.part.start_pts - 1024);
    // Every packet is 1024 samples, and together they are what is heard, primed and padded.
    assert_int_equal((int64_t)job.part.sample_count * 1024,
                     1024 + row->frame_count + job.part.padding_samples);
    assert_in_range(job.part.padding_samples, 0, 1023);
    check_account(&job.part.account);
    job_end(&job);
}

static bool open_bytes(void *self, struct sr_reader *ret_reader, struct sr_err *err)
{
    const struct job *job = self;
    return sr_memory_reader_open(job->part_data, job->part_bytes, ret_reader, err);
}

// Puts the part into an MP4 and gives it as the next job's source: what was made is read with what
// reads sources.
static void deliver(struct job *job, struct job *next)
{
    *next = (struct job){ 0 };
    const struct mux_part part = { &job->part, open_bytes, job };
    const struct mux_track track = { MEDIA_AUDIO, "swe", true, 1, &part };
    sr_auto(sr_writer) struct sr_writer writer = { 0 };
    sr_assert_ok(sr_memory_writer_open(&next->source_data, &next->source_bytes, &writer, &job->err),
                 job->err);
    sr_assert_ok(
        mux_mp4(&(struct mux_params){ .track_count = 1, .tracks = &track, .writer = &writer },
                &job->err),
        job->err);
    sr_assert_ok(writer.ops->publish(writer.self, &job->err), job->err);
    sr_assert_ok(sr_memory_reader_open(next->source_data, next->source_bytes, &next->source.reader,
                                       &job->err),
                 job->err);
    next->source.name = "delivered";
    next->stream = job->stream;
    next->probe = (struct probe){ .video_index = -1, .stream_count = 1, .streams = &next->stream };
}

// Decodes a job's source; gives the count of samples and the first loud one.
static void listen(struct job *job, int64_t *ret_samples, int64_t *ret_loud, int *ret_channels)
{
    sr_auto(audio_reader) struct audio_reader *reader = NULL;
    sr_assert_ok(audio_reader_new(&job->source, &job->probe, 0, &reader, &job->err), job->err);
    *ret_samples = 0;
    *ret_loud = -1;
    for (;;) {
        sr_auto(av_frame) AVFrame *frame = NULL;
        const enum audio_next next = audio_reader_next(reader, &frame, &job->err);
        if (next == AUDIO_END)
            break;
        assert_int_equal(next, AUDIO_FRAME);
        *ret_channels = frame->ch_layout.nb_channels;
        const float *const samples = (const float *)frame->extended_data[0];
        for (int i = 0;
             i < frame->nb_samples && *ret_loud < 0 && frame->format == AV_SAMPLE_FMT_FLTP; i++) {
            if (samples[i] > 0.2F || samples[i] < -0.2F)
                *ret_loud = *ret_samples + i;
        }
        *ret_samples += frame->nb_samples;
    }
    check_account(audio_reader_account(reader));
}

// Priming is not heard: what sounds at a sample sounds there again, and the file is as long.
static void sounds_at_its_place(void **state)
{
    (void)state;
    struct job job, again;
    const struct sound sound = { "wav", "pcm_s16le", 48000, 2, .samples = 96001, .loud_at = 40000 };
    int64_t samples, loud;
    int channels = 0;
    job_begin(&job, &sound);
    sr_assert_ok(job_run(&job), job.err);
    deliver(&job, &again);
    listen(&again, &samples, &loud, &channels);
    assert_int_equal(samples, 96001);
    assert_int_equal(channels, 2);
    assert_in_range(loud, 40000 - 128, 40000 + 128);  // the transform spreads an edge
    job_end(&again);
    job_end(&job);
}

static const struct channels_row {
    const char *name;
    int source, asked, want;
} channel_rows[] = {
    { "mono", 1, 0, 1 },          { "stereo", 2, 0, 2 },     { "5.1", 6, 0, 6 },
    { "7.1", 8, 0, 8 },           { "6.1 to 5.1", 7, 0, 6 }, { "stereo to mono", 2, 1, 1 },
    { "5.1 to stereo", 6, 2, 2 },
};

static void each_channels(void **state)
{
    const struct channels_row *row = *state;
    struct job job, again;
    const struct sound sound = { "matroska", "pcm_s16le", 48000, row->source, .samples = 9600 };
    int64_t samples, loud;
    int channels = 0;
    job_begin(&job, &sound);
    job.rendition.channels = row->asked;
    sr_assert_ok(job_run(&job), job.err);
    deliver(&job, &again);
    listen(&again, &samples, &loud, &channels);
    assert_int_equal(channels, row->want);
    assert_int_equal(samples, 9600);
    job_end(&again);
    job_end(&job);
}

// A hole of a second becomes a second of silence, to the sample, and is listed.
static void hole_is_silence(void **state)
{
    (void)state;
    struct job job;
    const struct sound sound = {
        "matroska",           "pcm_s16le",      48000,          1, .samples = 48000,
        .frame_samples = 960, .hole_at = 24000, .hole_ms = 1000
    };
    job_begin(&job, &sound);
    sr_assert_ok(job_run(&job), job.err);
    assert_int_equal(job.part.frame_count, 96000);
    assert_int_equal(job.part.account.damage_count, 1);
    assert_int_equal(job.part.account.damage[0].pts, 1500);
    sr_assert_contains(job.part.account.damage[0].reason, "hole of 1000.0 ms");
    check_account(&job.part.account);
    job_end(&job);
}

// A packet that does not decode is silence of its length, listed with its time; what follows stays
// in its place.
static void lost_packet_is_silence(void **state)
{
    (void)state;
    struct job job, again;
    const struct sound sound = {
        "mp4", "aac", 48000, 1, .samples = 96000, .spoil_packet = 20, .loud_at = 60000
    };
    int64_t samples, loud;
    int channels = 0;
    job_begin(&job, &sound);
    sr_assert_ok(job_run(&job), job.err);
    assert_int_equal(job.part.frame_count, 96000);
    assert_int_equal(job.part.account.damaged, 1);
    assert_int_equal(job.part.account.damage[0].pts, 19 * 1024 - 1024);
    check_account(&job.part.account);
    deliver(&job, &again);
    listen(&again, &samples, &loud, &channels);
    assert_in_range(loud, 60000 - 256, 60000 + 256);
    job_end(&again);
    job_end(&job);
}

// The offset to output time zero is kept, not filled.
static void starts_late(void **state)
{
    (void)state;
    struct job job;
    struct audio_extent extent;
    const struct sound sound = { "matroska", "pcm_s16le",      44100,
                                 1,          .samples = 44100, .start_ms = 1500 };
    job_begin(&job, &sound);
    sr_assert_ok(audio_extent(&job.source, &job.probe, 0, &extent, &job.err), job.err);
    assert_true(extent.has_samples);
    assert_int_equal(extent.start_pts * extent.time_base.num * 1000 / extent.time_base.den, 1500);
    job.params.zero_pts = 1000;
    sr_assert_ok(job_run(&job), job.err);
    assert_int_equal(job.part.start_pts, 22050);
    assert_int_equal(job.part.frame_count, 44100);
    job.params.zero_pts = 1501;
    sr_assert_fails(job_run(&job), SR_ERR_INVALID, job.err);
    job_end(&job);
}

// A fragment begins at the first packet at or after each cut of the title, and nowhere else.
static void fragments_at_cuts(void **state)
{
    (void)state;
    struct job job;
    const struct sound sound = { "wav", "pcm_s16le", 48000, 1, .samples = 240000 };
    job_begin(&job, &sound);
    job.params.fragment_us = 1500000;
    job.params.fragment_start_us = 250000;
    sr_assert_ok(job_run(&job), job.err);
    // Cuts at 0.25, 1.75, 3.25 and 4.75 s.
    assert_int_equal(job.part.fragment_count, 5);
    for (size_t i = 1; i < 5; i++) {
        const int64_t cut = 12000 + 72000 * ((int64_t)i - 1);
        assert_in_range(job.part.fragments[i].start_pts, cut, cut + 1023);
    }
    job.params.fragment_us = 0;
    sr_assert_fails(job_run(&job), SR_ERR_INVALID, job.err);
    job_end(&job);
}

// P2: the bytes do not depend on the processor's extensions.
static const struct sound cpu_rows[] = {
    { "mp4", "aac", 48000, 2, .samples = 48000 },
    { "adts", "aac", 44100, 2, .samples = 44100 },
    { "matroska", "ac3", 48000, 6, .samples = 46080 },
    { "matroska", "mp2", 44100, 2, .samples = 44100 },
    { "matroska", "vorbis", 44100, 2, .samples = 44100 },
    { "matroska", "opus", 48000, 2, .samples = 48000 },
};

static void same_bytes_without_simd(void **state)
{
    (void)state;
    for (size_t i = 0; i < SR_TEST_COUNT(cpu_rows); i++) {
        struct job job;
        job_begin(&job, &cpu_rows[i]);
        job.rendition.sample_rate = 32000;  // the resampler, too
        job.params.zero_pts = -1000;
        job.rendition.channels = 1;
        sr_assert_ok(job_run(&job), job.err);
        uint8_t *const with = job.part_data;
        const size_t bytes = job.part_bytes;
        job.part_data = NULL;
        const int flags = av_get_cpu_flags();
        av_force_cpu_flags(0);
        const bool done = job_run(&job);
        av_force_cpu_flags(flags);
        sr_assert_ok(done, job.err);
        assert_int_equal(job.part_bytes, bytes);
        assert_memory_equal(job.part_data, with, bytes);
        free(with);
        job_end(&job);
    }
}

// Copied packets are the source's, at their times, with its priming.
static const struct copy_row {
    const char *name;
    struct sound sound;
    int64_t priming, frame_count;  // -1: not looked at
    enum sr_err_code code;
} copy_rows[] = {
    { "aac in mp4", { "mp4", "aac", 48000, 2, .samples = 100000 }, 1024, 100000, SR_OK },
    { "aac in adts", { "adts", "aac", 48000, 2, .samples = 102400 }, -1, -1, SR_OK },
    { "aac in mpeg-ts", { "mpegts", "aac", 48000, 2, .samples = 102400 }, -1, -1, SR_OK },
    { "ac3", { "mp4", "ac3", 48000, 6, .samples = 15360 }, 0, 0, SR_ERR_UNSUPPORTED },
    { "flac", { "matroska", "flac", 48000, 2, .samples = 100001 }, 0, -1, SR_OK },
    { "pcm", { "wav", "pcm_s16le", 48000, 2, .samples = 1000 }, 0, 0, SR_ERR_UNSUPPORTED },
    { "vorbis", { "matroska", "vorbis", 48000, 2, .samples = 48000 }, 0, 0, SR_ERR_UNSUPPORTED },
};

static void each_copy(void **state)
{
    const struct copy_row *row = *state;
    struct job job, again;
    job_begin(&job, &row->sound);
    snprintf(job.rendition.codec, sizeof(job.rendition.codec), "copy");
    job.params.zero_pts = -1000;  // priming may be before zero where no edit list hides it
    if (row->code != SR_OK) {
        sr_assert_fails(job_run(&job), row->code, job.err);
        job_end(&job);
        return;
    }
    sr_assert_ok(job_run(&job), job.err);
    if (row->priming >= 0)
        assert_int_equal(job.part.priming_samples, row->priming);
    if (row->frame_count >= 0)
        assert_int_equal(job.part.frame_count, row->frame_count);
    check_account(&job.part.account);
    int64_t heard, samples, loud;
    int channels = 0;
    listen(&job, &heard, &loud, &channels);
    deliver(&job, &again);
    listen(&again, &samples, &loud, &channels);
    assert_int_equal(samples, heard);
    assert_int_equal(channels, row->sound.channels);
    job_end(&again);
    job_end(&job);
}

static void refusals(void **state)
{
    (void)state;
    struct job job;
    const struct sound sound = { "wav", "pcm_s16le", 48000, 2, .samples = 4800 };
    job_begin(&job, &sound);
    job.rendition.sample_rate = 47000;
    sr_assert_fails(job_run(&job), SR_ERR_INVALID, job.err);
    sr_assert_contains(job.err.message, "48000");
    job.rendition.sample_rate = 0;
    job.rendition.channels = 7;
    sr_assert_fails(job_run(&job), SR_ERR_INVALID, job.err);
    job.rendition.channels = 0;
    job.params.stream_index = 1;
    sr_assert_fails(job_run(&job), SR_ERR_INVALID, job.err);
    job.params.stream_index = 0;
    snprintf(job.rendition.codec, sizeof(job.rendition.codec), "mp3");
    sr_assert_fails(job_run(&job), SR_ERR_INVALID, job.err);
    snprintf(job.rendition.codec, sizeof(job.rendition.codec), "aac");
    struct sr_cancel cancel;
    sr_cancel_init(&cancel, NULL, sr_clock_system(), INT64_MAX);
    job.source.cancel = &cancel;
    sr_assert_ok(job_run(&job), job.err);
    sr_cancel_set(&cancel);
    sr_assert_fails(job_run(&job), SR_ERR_CANCELLED, job.err);
    job_end(&job);
}

int main(void)
{
    media_log_init();
    static struct CMUnitTest tests[SR_TEST_COUNT(length_rows) + SR_TEST_COUNT(channel_rows) +
                                   SR_TEST_COUNT(copy_rows) + 7];
    size_t count = SR_TEST_ADD(tests, length_rows, each_length);
    count += SR_TEST_ADD(tests + count, channel_rows, each_channels);
    count += SR_TEST_ADD(tests + count, copy_rows, each_copy);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(sounds_at_its_place);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(hole_is_silence);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(lost_packet_is_silence);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(starts_late);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(fragments_at_cuts);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(same_bytes_without_simd);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(refusals);
    return sr_test_run(__FILE__, tests, count);
}
