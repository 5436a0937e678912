#include "transcode/media_io.h"

#include <libavutil/dict.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "transcode/media_err.h"
#include "transcode/media_format.h"
#include "transcode/media_log.h"

enum {
    BUFFER_BYTES = 64 << 10,
    PROBE_BYTES = 5 << 20,      // what find_info reads at most ...
    PROBE_BYTES_TS = 16 << 20,  // ... and of streams that are only announced when they begin
    ANALYZE_US = 5 * AV_TIME_BASE,
    ANALYZE_US_TS = 30 * AV_TIME_BASE,
    PROBE_PACKETS = 2500,
};

// What stands behind an AVIOContext's opaque pointer: a reader or a writer, and the first error it
// met.
struct media_io {
    bool failed;
    struct sr_err err;
    struct media_source source;  // demuxers
    struct sr_writer *writer;    // outputs
    uint64_t position;           // of the next read or write
    uint64_t written;            // outputs: bytes given to the writer
    uint64_t error_count;        // demuxers: gone over
};

static int fail(struct media_io *io, const struct sr_err *err)
{
    if (!io->failed)
        io->err = *err;
    io->failed = true;
    return err->code == SR_ERR_CANCELLED || err->code == SR_ERR_TIMEOUT ? AVERROR_EXIT
                                                                        : AVERROR(EIO);
}

bool media_io_error(const AVIOContext *avio, struct sr_err *err)
{
    const struct media_io *const io = avio->opaque;
    if (!io->failed)
        return true;
    *err = io->err;
    return false;
}

static int64_t seek_in(struct media_io *io, int64_t offset, int whence, uint64_t size)
{
    int64_t base = 0, position;
    if (whence == SEEK_CUR)
        base = (int64_t)io->position;
    else if (whence == SEEK_END)
        base = (int64_t)size;
    else if (whence != SEEK_SET)
        return AVERROR(EINVAL);
    if (!sr_add_i64(base, offset, &position) || position < 0)
        return AVERROR(EINVAL);
    io->position = (uint64_t)position;
    return position;
}

// Callbacks ------------------------------------------------------------------------------------

static int read_bytes(void *opaque, uint8_t *buffer, int bytes)
{
    struct media_io *const io = opaque;
    struct sr_err err = { 0 };
    size_t got;
    if (io->failed)
        return fail(io, &io->err);
    if (!sr_cancel_check(io->source.cancel, &err) ||
        !sr_read_at(&io->source.reader, io->position, buffer, (size_t)bytes, &got, &err))
        return fail(io, &err);
    io->position += got;
    return got > 0 ? (int)got : AVERROR_EOF;
}

static int64_t seek_input(void *opaque, int64_t offset, int whence)
{
    struct media_io *const io = opaque;
    const uint64_t size = sr_reader_size(&io->source.reader);
    if (whence & AVSEEK_SIZE)
        return size <= INT64_MAX ? (int64_t)size : AVERROR(EFBIG);
    return seek_in(io, offset, whence & ~AVSEEK_FORCE, size);
}

static int is_interrupted(void *opaque)
{
    const struct media_io *const io = opaque;
    return sr_cancel_asked(io->source.cancel);
}

// A demuxer that asks for a second file: external references of MOV, playlists, cuesheets.
static int refuse_open(AVFormatContext *demuxer, AVIOContext **io, const char *url, int flags,
                       AVDictionary **options)
{
    (void)io;
    (void)flags;
    (void)options;
    av_log(demuxer, AV_LOG_ERROR, "refused to open a second file: %s\n", url);
    return AVERROR(EACCES);
}

// What lies before the end of what was written is a rewrite; the rest continues it.
static bool write_at(struct media_io *io, const uint8_t *data, size_t bytes, struct sr_err *err)
{
    if (io->position > io->written)
        return sr_fail(err, SR_ERR_INTERNAL, "a muxer leaves a hole at byte %" PRIu64, io->written);
    const uint64_t behind = io->written - io->position;
    const size_t old = behind < bytes ? (size_t)behind : bytes;
    if (old > 0 && !io->writer->ops->rewrite_head(io->writer->self, io->position, data, old, err))
        return false;
    if (bytes > old && !sr_write(io->writer, data + old, bytes - old, err))
        return false;
    io->written += bytes - old;
    io->position += bytes;
    return true;
}

static int write_bytes(void *opaque, uint8_t *data, int bytes)
{
    struct media_io *const io = opaque;
    struct sr_err err = { 0 };
    if (io->failed)
        return fail(io, &io->err);
    return write_at(io, data, (size_t)bytes, &err) ? bytes : fail(io, &err);
}

static int64_t seek_output(void *opaque, int64_t offset, int whence)
{
    struct media_io *const io = opaque;
    if (whence & AVSEEK_SIZE)
        return (int64_t)io->written;
    return seek_in(io, offset, whence & ~AVSEEK_FORCE, io->written);
}

static void free_avio(AVIOContext **avio)
{
    if (!*avio)
        return;
    free((*avio)->opaque);
    av_freep(&(*avio)->buffer);
    avio_context_free(avio);
}

// Takes `io`. The callbacks must be there from the start: without them libavformat takes the buffer
// for the content.
static bool new_avio(struct media_io *io, bool is_output, bool is_seekable, AVIOContext **ret_avio,
                     struct sr_err *err)
{
    int64_t (*const seek)(void *, int64_t, int) = is_output ? seek_output : seek_input;
    unsigned char *buffer = av_malloc(BUFFER_BYTES);
    AVIOContext *const avio =
        buffer ? avio_alloc_context(buffer, BUFFER_BYTES, is_output, io, read_bytes, write_bytes,
                                    is_seekable ? seek : NULL)
               : NULL;
    if (!avio) {
        av_free(buffer);
        free(io);
        return sr_fail(err, SR_ERR_NO_MEMORY, "an I/O buffer");
    }
    *ret_avio = avio;
    return true;
}

static bool open_input_avio(const struct media_source *source, AVIOContext **ret_avio,
                            struct sr_err *err)
{
    struct media_io *const io = calloc(1, sizeof(*io));
    if (!io)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a reader");
    io->source = *source;
    return new_avio(io, false, true, ret_avio, err);
}

// Demuxers -------------------------------------------------------------------------------------

static bool announces_late(const AVInputFormat *format)
{
    return strcmp(format->name, "mpegts") == 0 || strcmp(format->name, "mpeg") == 0 ||
           strcmp(format->name, "flv") == 0;
}

static void set_limits(AVFormatContext *demuxer, const AVInputFormat *format)
{
    const bool is_late = announces_late(format);
    demuxer->flags |= AVFMT_FLAG_CUSTOM_IO;
    demuxer->flags &= ~(AVFMT_FLAG_GENPTS | AVFMT_FLAG_DISCARD_CORRUPT);
    demuxer->io_open = refuse_open;
    demuxer->probesize = is_late ? PROBE_BYTES_TS : PROBE_BYTES;
    demuxer->max_analyze_duration = is_late ? ANALYZE_US_TS : ANALYZE_US;
    demuxer->max_probe_packets = PROBE_PACKETS;
    // More than we take, so that too many are told apart from no memory.
    demuxer->max_streams = 4 * MEDIA_STREAMS_MAX;
    demuxer->interrupt_callback =
        (AVIOInterruptCB){ .callback = is_interrupted, .opaque = demuxer->pb->opaque };
}

static bool check_streams(const AVFormatContext *demuxer, struct sr_err *err)
{
    if (demuxer->nb_streams > MEDIA_STREAMS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "has %u streams, at most %d are taken",
                       demuxer->nb_streams, MEDIA_STREAMS_MAX);
    const bool is_mov = strncmp(demuxer->iformat->name, "mov", 3) == 0;
    for (unsigned i = 0; i < demuxer->nb_streams; i++) {
        const AVCodecParameters *const codec = demuxer->streams[i]->codecpar;
        // libavformat 59 takes an error for an index then: each fragment costs it 2^30 steps.
        if (is_mov && demuxer->streams[i]->id < 0)
            return sr_fail(err, SR_ERR_INPUT, "stream %u: its track has no number", i);
        if (codec->codec_type == AVMEDIA_TYPE_VIDEO &&
            (codec->width > MEDIA_SIDE_MAX || codec->height > MEDIA_SIDE_MAX))
            return sr_fail(err, SR_ERR_LIMIT,
                           "stream %u: pictures of %dx%d, at most %dx%d are taken", i, codec->width,
                           codec->height, MEDIA_SIDE_MAX, MEDIA_SIDE_MAX);
    }
    return true;
}

// Why opening failed: what our reader met, or else what libav said first, which is often the better
// half of it.
static bool open_failed(const AVIOContext *avio, int ret, const char *format, struct sr_err *err)
{
    unsigned width, height;
    const char *const first = media_log_first();
    if (!media_io_error(avio, err))
        return false;
    // av_image_check_size() is the guard before ours, for sides whose product does not fit.
    if (sscanf(first, "Picture size %ux%u is invalid", &width, &height) == 2 &&
        (width > MEDIA_SIDE_MAX || height > MEDIA_SIDE_MAX))
        return sr_fail_native(err, SR_ERR_LIMIT, ret, "pictures of %ux%u, at most %dx%d are taken",
                              width, height, MEDIA_SIDE_MAX, MEDIA_SIDE_MAX);
    if (strstr(first, "exceeds max_streams"))
        return sr_fail_native(err, SR_ERR_LIMIT, ret, "more than %d streams", MEDIA_STREAMS_MAX);
    // Numbers like EINVAL and EBUSY come from the format's arithmetic here, never from a disk: that
    // is ours. Some demuxers say ENOMEM for sizes that make no sense, but then they say so in words
    // as well.
    if ((ret != AVERROR(ENOMEM) || first[0]) && ret != AVERROR_PATCHWELCOME)
        ret = AVERROR_INVALIDDATA;
    return media_fail(err, ret, "cannot be opened as %.*s%s%s%s", (int)strcspn(format, ","), format,
                      first[0] ? " (" : "", first, first[0] ? ")" : "");
}

static bool open_format(const struct media_source *source, const AVInputFormat *format,
                        AVIOContext *avio, AVFormatContext **ret_demuxer, struct sr_err *err)
{
    AVFormatContext *demuxer = avformat_alloc_context();
    if (!demuxer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a demuxer");
    demuxer->pb = avio;
    set_limits(demuxer, format);

    // Demuxers that open another one inside (subtitles in AVI) pass these two on to it. A protocol
    // list must name something: an empty one means all.
    AVDictionary *options = NULL;
    const char *const name = format->name;
    if (av_dict_set(&options, "format_whitelist", name, 0) < 0 ||
        av_dict_set(&options, "protocol_whitelist", "none", 0) < 0 ||
        (strcmp(name, "mpegts") == 0 && av_dict_set(&options, "scan_all_pmts", "1", 0) < 0)) {
        av_dict_free(&options);
        avformat_free_context(demuxer);
        return sr_fail(err, SR_ERR_NO_MEMORY, "options of a demuxer");
    }
    media_log_forget();
    const struct sr_log *const before = media_log_set(source->log);
    const int ret = avformat_open_input(&demuxer, "", format, &options);  // frees it on failure
    media_log_set(before);
    av_dict_free(&options);
    if (ret < 0)
        return open_failed(avio, ret, name, err);
    *ret_demuxer = demuxer;
    return true;
}

bool media_demuxer_open(const struct media_source *source, AVFormatContext **ret_demuxer,
                        struct sr_err *err)
{
    const AVInputFormat *format;
    if (!media_format_find(source, &format, err))
        return sr_err_wrap(err, "%s", source->name);

    AVIOContext *avio = NULL;
    if (!open_input_avio(source, &avio, err))
        return sr_err_wrap(err, "%s", source->name);
    AVFormatContext *demuxer = NULL;
    if (!open_format(source, format, avio, &demuxer, err)) {
        free_avio(&avio);
        return sr_err_wrap(err, "%s", source->name);
    }
    if (!check_streams(demuxer, err)) {
        media_demuxer_close(&demuxer);
        return sr_err_wrap(err, "%s", source->name);
    }
    *ret_demuxer = demuxer;
    return true;
}

void media_demuxer_close(AVFormatContext **demuxer)
{
    if (!*demuxer)
        return;
    AVIOContext *avio = (*demuxer)->pb;
    avformat_close_input(demuxer);
    free_avio(&avio);
}

// Whether sample tables say what elsewhere must be learnt from packets: rates and orders. Fragments
// have none.
static bool has_tables(const AVFormatContext *demuxer)
{
    if (strncmp(demuxer->iformat->name, "mov", 3) != 0)
        return false;
    for (unsigned i = 0; i < demuxer->nb_streams; i++) {
        const AVStream *const stream = demuxer->streams[i];
        if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && stream->nb_frames == 0 &&
            !(stream->disposition & AV_DISPOSITION_ATTACHED_PIC))
            return false;
    }
    return true;
}

// One set of decoder options for each stream: only sizes, formats and flags are wanted, not pixels.
// Where tables say how pictures are ordered, the first one is enough; elsewhere that is learnt from
// all that are decoded.
static bool set_options(const AVFormatContext *demuxer, AVDictionary **options)
{
    static const char *const skips[][2] = { { "skip_loop_filter", "all" },
                                            { "skip_idct", "all" },
                                            { "skip_frame", "nokey" } };
    const size_t count = has_tables(demuxer) ? 3 : 2;
    for (unsigned i = 0; i < demuxer->nb_streams; i++) {
        for (size_t k = 0; k < count; k++) {
            if (av_dict_set(&options[i], skips[k][0], skips[k][1], 0) < 0)
                return false;
        }
    }
    return true;
}

static bool find_info(AVFormatContext *demuxer, struct sr_err *err)
{
    AVDictionary *options[MEDIA_STREAMS_MAX] = { NULL };
    const unsigned count = demuxer->nb_streams;  // at most MEDIA_STREAMS_MAX, checked at opening
    media_log_forget();
    if (has_tables(demuxer))
        demuxer->fps_probe_size = 0;
    // It opens decoders, whose functions libavcodec picks by the processor's flags (media_cpu.h):
    // here only facts come out of them, so that nobody has to wait for us.
    const int ret = set_options(demuxer, options) ? avformat_find_stream_info(demuxer, options)
                                                  : AVERROR(ENOMEM);
    for (unsigned i = 0; i < count; i++)
        av_dict_free(&options[i]);
    if (!media_io_error(demuxer->pb, err))
        return false;
    if (ret < 0)
        return media_fail(err, ret, "its streams cannot be read");
    return check_streams(demuxer, err);
}

bool media_demuxer_find_info(AVFormatContext *demuxer, const struct media_source *source,
                             struct sr_err *err)
{
    const struct sr_log *const before = media_log_set(source->log);
    const bool is_found = find_info(demuxer, err);
    media_log_set(before);
    if (!sr_cancel_check(source->cancel, err))
        return sr_err_wrap(err, "%s", source->name);
    return is_found || sr_err_wrap(err, "%s", source->name);
}

bool media_demuxer_find_info_of(AVFormatContext *demuxer, int stream_index,
                                const struct media_source *source, struct sr_err *err)
{
    // Data has no facts that avformat_find_stream_info would wait for.
    enum AVMediaType types[MEDIA_STREAMS_MAX] = { 0 };
    const unsigned count = demuxer->nb_streams;
    const bool is_apart = has_tables(demuxer);
    for (unsigned i = 0; is_apart && i < count; i++) {
        AVStream *const stream = demuxer->streams[i];
        types[i] = stream->codecpar->codec_type;
        if ((int)i != stream_index) {
            stream->codecpar->codec_type = AVMEDIA_TYPE_DATA;
            stream->discard = AVDISCARD_ALL;
        }
    }
    const bool is_found = media_demuxer_find_info(demuxer, source, err);
    for (unsigned i = 0; is_apart && i < count; i++)
        demuxer->streams[i]->codecpar->codec_type = types[i];
    if (!is_found)
        return false;
    if (stream_index < 0 || (unsigned)stream_index >= demuxer->nb_streams)
        return sr_fail(err, SR_ERR_INPUT, "%s: no stream %d", source->name, stream_index);
    for (unsigned i = 0; i < demuxer->nb_streams; i++)
        demuxer->streams[i]->discard = (int)i == stream_index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    return true;
}

static enum media_read read_failed(const struct media_io *io, struct sr_err *err)
{
    (void)sr_err_wrap(err, "%s", io->source.name);
    return MEDIA_READ_FAILED;
}

// A demuxer says ENOMEM also when a file's numbers ask for more than it would take anyway. Packets
// that are worth their memory are far smaller than this.
static bool is_memory_short(void)
{
    void *volatile block = malloc((size_t)256 << 20);  // compilers leave out what is only freed
    const bool is_short = !block;
    free(block);
    return is_short;
}

enum media_read media_demuxer_read(AVFormatContext *demuxer, AVPacket *packet, struct sr_err *err)
{
    struct media_io *const io = demuxer->pb->opaque;
    for (int errors = 0; errors < MEDIA_READ_ERRORS_MAX; errors++) {
        if (!sr_cancel_check(io->source.cancel, err))
            return read_failed(io, err);
        const struct sr_log *const before = media_log_set(io->source.log);
        const int ret = av_read_frame(demuxer, packet);
        media_log_set(before);
        // A demuxer may call a failed read the end, or even a short packet.
        if (!media_io_error(demuxer->pb, err)) {
            av_packet_unref(packet);
            return read_failed(io, err);
        }
        if (ret >= 0)
            return MEDIA_READ_PACKET;
        if (ret == AVERROR_EOF)
            return MEDIA_READ_END;
        if (ret == AVERROR(ENOMEM)) {
            if (is_memory_short())
                (void)media_fail(err, ret, "a packet");
            else
                (void)sr_fail_native(err, SR_ERR_INPUT, ret, "a packet larger than all memory");
            return read_failed(io, err);
        }
        io->error_count++;
    }
    return MEDIA_READ_END;
}

uint64_t media_demuxer_error_count(const AVFormatContext *demuxer)
{
    const struct media_io *const io = demuxer->pb->opaque;
    return io->error_count;
}

// Outputs --------------------------------------------------------------------------------------

bool media_output_open(struct sr_writer *writer, bool can_rewrite, AVIOContext **ret_io,
                       struct sr_err *err)
{
    struct media_io *const io = calloc(1, sizeof(*io));
    if (!io)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a writer");
    io->writer = writer;
    return new_avio(io, true, can_rewrite, ret_io, err);
}

bool media_output_flush(AVIOContext *io, struct sr_err *err)
{
    avio_flush(io);
    if (!media_io_error(io, err))
        return false;
    return io->error >= 0 || media_fail(err, io->error, "writing");
}

void media_output_close(AVIOContext **io)
{
    free_avio(io);
}
