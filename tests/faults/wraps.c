// Wrappers of every call that can fail, for `ld --wrap`: each passes on to the real one, unless it
// is the one that must fail now. The Makefile takes the names from the lines that begin with WRAP;
// what our code calls and is neither here nor in exempt.txt is reported by
// tests/faults/check-calls.sh.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/faults/fault.h"

#define WRAP(type, name, params, args, failure)                                                    \
    type __real_##name params;                                                                     \
    type __wrap_##name params;                                                                     \
    type __wrap_##name params                                                                      \
    {                                                                                              \
        if (fault_now(#name))                                                                      \
            return failure;                                                                        \
        return __real_##name args;                                                                 \
    }                                                                                              \
    _Static_assert(__builtin_types_compatible_p(__typeof__(&name), __typeof__(&__real_##name)),    \
                   #name)
// The real call is made all the same, or what it frees would leak.
#define WRAP_AFTER(type, name, params, args, failure)                                              \
    type __real_##name params;                                                                     \
    type __wrap_##name params;                                                                     \
    type __wrap_##name params                                                                      \
    {                                                                                              \
        const type result = __real_##name args;                                                    \
        if (fault_now(#name))                                                                      \
            return failure;                                                                        \
        return result;                                                                             \
    }                                                                                              \
    _Static_assert(__builtin_types_compatible_p(__typeof__(&name), __typeof__(&__real_##name)),    \
                   #name)
// Written out below: only tells the Makefile the name.
#define WRAP_BELOW(name) _Static_assert(sizeof(&name) > 0, #name)

#define BY_ERRNO(number) (errno = (number), -1)
#define NO_POINTER (errno = ENOMEM, NULL)
#define NO_MEMORY AVERROR(ENOMEM)

// clang-format off

// Memory
WRAP(void *, malloc, (size_t bytes), (bytes), NO_POINTER);
WRAP(void *, calloc, (size_t count, size_t bytes), (count, bytes), NO_POINTER);
WRAP(void *, realloc, (void *old, size_t bytes), (old, bytes), NO_POINTER);
WRAP(void *, reallocarray, (void *old, size_t count, size_t bytes), (old, count, bytes), NO_POINTER);
WRAP(char *, strdup, (const char *text), (text), NO_POINTER);
WRAP(char *, strndup, (const char *text, size_t bytes), (text, bytes), NO_POINTER);

// Files
WRAP_BELOW(open);
WRAP_AFTER(int, close, (int fd), (fd), BY_ERRNO(EIO));
WRAP(ssize_t, read, (int fd, void *to, size_t bytes), (fd, to, bytes), BY_ERRNO(EIO));
WRAP(ssize_t, pread, (int fd, void *to, size_t bytes, off_t at), (fd, to, bytes, at), BY_ERRNO(EIO));
WRAP(ssize_t, write, (int fd, const void *from, size_t bytes), (fd, from, bytes), BY_ERRNO(ENOSPC));
WRAP(ssize_t, pwrite, (int fd, const void *from, size_t bytes, off_t at), (fd, from, bytes, at), BY_ERRNO(ENOSPC));
WRAP(int, fsync, (int fd), (fd), BY_ERRNO(EIO));
WRAP(int, ftruncate, (int fd, off_t bytes), (fd, bytes), BY_ERRNO(EIO));
WRAP(int, fstat, (int fd, struct stat *about), (fd, about), BY_ERRNO(EIO));
WRAP(int, stat, (const char *path, struct stat *about), (path, about), BY_ERRNO(EIO));
WRAP(int, lstat, (const char *path, struct stat *about), (path, about), BY_ERRNO(EIO));
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), BY_ERRNO(ENOSPC));
WRAP(int, rmdir, (const char *path), (path), BY_ERRNO(EIO));
WRAP(int, unlink, (const char *path), (path), BY_ERRNO(EIO));
WRAP(int, remove, (const char *path), (path), BY_ERRNO(EIO));
WRAP(char *, mkdtemp, (char *path), (path), (errno = EIO, NULL));
WRAP(char *, realpath, (const char *path, char *resolved), (path, resolved), (errno = EIO, NULL));
WRAP(int, rename, (const char *from, const char *to), (from, to), BY_ERRNO(EIO));
WRAP(int, renameat2, (int at, const char *from, int to_at, const char *to, unsigned flags), (at, from, to_at, to, flags), BY_ERRNO(EIO));
WRAP(int, utimensat, (int at, const char *path, const struct timespec times[2], int flags), (at, path, times, flags), BY_ERRNO(EIO));
WRAP(int, flock, (int fd, int operation), (fd, operation), BY_ERRNO(ENOLCK));
WRAP(int, nftw, (const char *path, __nftw_func_t each, int fds, int flags), (path, each, fds, flags), BY_ERRNO(EIO));
WRAP(DIR *, opendir, (const char *path), (path), (errno = EIO, NULL));
WRAP(struct dirent *, readdir, (DIR *folder), (folder), (errno = EIO, NULL));
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), (errno = EIO, NULL));
WRAP_AFTER(int, fclose, (FILE *file), (file), BY_ERRNO(ENOSPC));
WRAP(FILE *, open_memstream, (char **text, size_t *bytes), (text, bytes), NO_POINTER);

// Threads, randomness
WRAP(int, pthread_create, (pthread_t *thread, const pthread_attr_t *about, void *(*run)(void *), void *arg), (thread, about, run, arg), EAGAIN);
WRAP(int, pthread_mutex_init, (pthread_mutex_t *mutex, const pthread_mutexattr_t *about), (mutex, about), ENOMEM);
WRAP(int, pthread_cond_init, (pthread_cond_t *cond, const pthread_condattr_t *about), (cond, about), ENOMEM);
WRAP(ssize_t, getrandom, (void *to, size_t bytes, unsigned flags), (to, bytes, flags), BY_ERRNO(ENOSYS));

// Digests
WRAP(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), NULL);
WRAP(int, EVP_DigestInit_ex, (EVP_MD_CTX *to, const EVP_MD *type, ENGINE *engine), (to, type, engine), 0);
WRAP(int, EVP_DigestUpdate, (EVP_MD_CTX *to, const void *from, size_t bytes), (to, from, bytes), 0);
WRAP(int, EVP_DigestFinal_ex, (EVP_MD_CTX *from, unsigned char *to, unsigned *bytes), (from, to, bytes), 0);
WRAP(int, EVP_Digest, (const void *from, size_t from_bytes, unsigned char *to, unsigned *bytes, const EVP_MD *type, ENGINE *engine), (from, from_bytes, to, bytes, type, engine), 0);

// libavutil
WRAP(void *, av_malloc, (size_t bytes), (bytes), NULL);
WRAP(void *, av_mallocz, (size_t bytes), (bytes), NULL);
WRAP(char *, av_strdup, (const char *text), (text), NULL);
WRAP(AVContentLightMetadata *, av_content_light_metadata_alloc, (size_t *bytes), (bytes), NULL);
WRAP(AVMasteringDisplayMetadata *, av_mastering_display_metadata_alloc, (void), (), NULL);
WRAP(int, av_dict_set, (AVDictionary **to, const char *key, const char *value, int flags), (to, key, value, flags), NO_MEMORY);
WRAP(int, av_dict_set_int, (AVDictionary **to, const char *key, int64_t value, int flags), (to, key, value, flags), NO_MEMORY);
WRAP(AVFrame *, av_frame_alloc, (void), (), NULL);
WRAP(AVFrame *, av_frame_clone, (const AVFrame *from), (from), NULL);
WRAP(int, av_frame_ref, (AVFrame *to, const AVFrame *from), (to, from), NO_MEMORY);
WRAP(int, av_frame_get_buffer, (AVFrame *to, int align), (to, align), NO_MEMORY);
WRAP(int, av_frame_make_writable, (AVFrame *frame), (frame), NO_MEMORY);
WRAP(int, av_channel_layout_copy, (AVChannelLayout *to, const AVChannelLayout *from), (to, from), NO_MEMORY);
WRAP(int, av_samples_alloc_array_and_samples, (uint8_t ***to, int *line, int channels, int samples, enum AVSampleFormat format, int align), (to, line, channels, samples, format, align), NO_MEMORY);
WRAP(AVAudioFifo *, av_audio_fifo_alloc, (enum AVSampleFormat format, int channels, int samples), (format, channels, samples), NULL);
WRAP(int, av_audio_fifo_write, (AVAudioFifo *to, void **from, int samples), (to, from, samples), NO_MEMORY);
WRAP(int, av_audio_fifo_read, (AVAudioFifo *from, void **to, int samples), (from, to, samples), NO_MEMORY);

// libavcodec
WRAP(AVCodecContext *, avcodec_alloc_context3, (const AVCodec *codec), (codec), NULL);
WRAP(AVCodecParameters *, avcodec_parameters_alloc, (void), (), NULL);
WRAP(int, avcodec_parameters_copy, (AVCodecParameters *to, const AVCodecParameters *from), (to, from), NO_MEMORY);
WRAP(int, avcodec_parameters_to_context, (AVCodecContext *to, const AVCodecParameters *from), (to, from), NO_MEMORY);
WRAP(int, avcodec_parameters_from_context, (AVCodecParameters *to, const AVCodecContext *from), (to, from), NO_MEMORY);
WRAP(int, avcodec_open2, (AVCodecContext *codec, const AVCodec *which, AVDictionary **options), (codec, which, options), NO_MEMORY);
WRAP(int, avcodec_send_packet, (AVCodecContext *codec, const AVPacket *packet), (codec, packet), NO_MEMORY);
WRAP(int, avcodec_receive_frame, (AVCodecContext *codec, AVFrame *frame), (codec, frame), NO_MEMORY);
WRAP(int, avcodec_send_frame, (AVCodecContext *codec, const AVFrame *frame), (codec, frame), NO_MEMORY);
WRAP(int, avcodec_receive_packet, (AVCodecContext *codec, AVPacket *packet), (codec, packet), NO_MEMORY);
WRAP(AVPacket *, av_packet_alloc, (void), (), NULL);
WRAP(AVPacket *, av_packet_clone, (const AVPacket *from), (from), NULL);
WRAP(int, av_new_packet, (AVPacket *packet, int bytes), (packet, bytes), NO_MEMORY);
WRAP(int, av_packet_ref, (AVPacket *to, const AVPacket *from), (to, from), NO_MEMORY);
WRAP(int, av_packet_copy_props, (AVPacket *to, const AVPacket *from), (to, from), NO_MEMORY);
WRAP(AVCodecParserContext *, av_parser_init, (int codec), (codec), NULL);
WRAP(int, av_bsf_alloc, (const AVBitStreamFilter *which, AVBSFContext **to), (which, to), NO_MEMORY);
WRAP(int, av_bsf_init, (AVBSFContext *filter), (filter), NO_MEMORY);
WRAP(int, av_bsf_send_packet, (AVBSFContext *filter, AVPacket *packet), (filter, packet), NO_MEMORY);
WRAP(int, av_bsf_receive_packet, (AVBSFContext *filter, AVPacket *packet), (filter, packet), NO_MEMORY);

// libavformat
WRAP(AVFormatContext *, avformat_alloc_context, (void), (), NULL);
WRAP_BELOW(avformat_open_input);
WRAP(int, avformat_find_stream_info, (AVFormatContext *demuxer, AVDictionary **options), (demuxer, options), NO_MEMORY);
WRAP(int, av_read_frame, (AVFormatContext *demuxer, AVPacket *packet), (demuxer, packet), NO_MEMORY);
WRAP(int, av_seek_frame, (AVFormatContext *demuxer, int stream, int64_t time, int flags), (demuxer, stream, time, flags), NO_MEMORY);
WRAP(int, avformat_alloc_output_context2, (AVFormatContext **to, const AVOutputFormat *format, const char *name, const char *file), (to, format, name, file), NO_MEMORY);
WRAP(AVStream *, avformat_new_stream, (AVFormatContext *muxer, const AVCodec *codec), (muxer, codec), NULL);
WRAP(int, av_stream_add_side_data, (AVStream *stream, enum AVPacketSideDataType type, uint8_t *data, size_t bytes), (stream, type, data, bytes), NO_MEMORY);
WRAP(int, avformat_write_header, (AVFormatContext *muxer, AVDictionary **options), (muxer, options), NO_MEMORY);
WRAP(int, av_write_frame, (AVFormatContext *muxer, AVPacket *packet), (muxer, packet), NO_MEMORY);
WRAP(int, av_write_trailer, (AVFormatContext *muxer), (muxer), NO_MEMORY);
WRAP(AVIOContext *, avio_alloc_context, (unsigned char *buffer, int bytes, int writes, void *self, int (*read_packet)(void *, uint8_t *, int), int (*write_packet)(void *, uint8_t *, int), int64_t (*seek)(void *, int64_t, int)), (buffer, bytes, writes, self, read_packet, write_packet, seek), NULL);
WRAP(int64_t, avio_seek, (AVIOContext *io, int64_t at, int whence), (io, at, whence), AVERROR(EIO));
WRAP(int64_t, avio_size, (AVIOContext *io), (io), AVERROR(EIO));

// libavfilter
WRAP(AVFilterGraph *, avfilter_graph_alloc, (void), (), NULL);
WRAP(AVFilterContext *, avfilter_graph_alloc_filter, (AVFilterGraph *graph, const AVFilter *filter, const char *name), (graph, filter, name), NULL);
WRAP(int, avfilter_graph_create_filter, (AVFilterContext **to, const AVFilter *filter, const char *name, const char *args, void *opaque, AVFilterGraph *graph), (to, filter, name, args, opaque, graph), NO_MEMORY);
WRAP(int, avfilter_link, (AVFilterContext *from, unsigned from_pad, AVFilterContext *to, unsigned to_pad), (from, from_pad, to, to_pad), NO_MEMORY);
WRAP(int, avfilter_graph_config, (AVFilterGraph *graph, void *log), (graph, log), NO_MEMORY);
WRAP(int, av_buffersrc_add_frame, (AVFilterContext *filter, AVFrame *frame), (filter, frame), NO_MEMORY);
WRAP(int, av_buffersrc_add_frame_flags, (AVFilterContext *filter, AVFrame *frame, int flags), (filter, frame, flags), NO_MEMORY);
WRAP(int, av_buffersink_get_frame, (AVFilterContext *filter, AVFrame *frame), (filter, frame), NO_MEMORY);

// libswresample, libswscale
WRAP(struct SwsContext *, sws_getCachedContext, (struct SwsContext *old, int from_width, int from_height, enum AVPixelFormat from_format, int to_width, int to_height, enum AVPixelFormat to_format, int flags, SwsFilter *from_filter, SwsFilter *to_filter, const double *param), (old, from_width, from_height, from_format, to_width, to_height, to_format, flags, from_filter, to_filter, param), (sws_freeContext(old), NULL));
WRAP(int, sws_scale, (struct SwsContext *sws, const uint8_t *const from[], const int from_lines[], int y, int height, uint8_t *const to[], const int to_lines[]), (sws, from, from_lines, y, height, to, to_lines), NO_MEMORY);
WRAP(int, swr_alloc_set_opts2, (SwrContext **to, AVChannelLayout *to_layout, enum AVSampleFormat to_format, int to_rate, AVChannelLayout *from_layout, enum AVSampleFormat from_format, int from_rate, int log_offset, void *log), (to, to_layout, to_format, to_rate, from_layout, from_format, from_rate, log_offset, log), NO_MEMORY);
WRAP(int, swr_init, (SwrContext *swr), (swr), NO_MEMORY);
WRAP(int, swr_convert, (SwrContext *swr, uint8_t **to, int to_samples, const uint8_t **from, int from_samples), (swr, to, to_samples, from, from_samples), NO_MEMORY);

// clang-format on

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fault_now("open") ? BY_ERRNO(EMFILE) : __real_open(path, flags, mode);
}

int __real_avformat_open_input(AVFormatContext **demuxer, const char *name,
                               const AVInputFormat *format, AVDictionary **options);
int __wrap_avformat_open_input(AVFormatContext **demuxer, const char *name,
                               const AVInputFormat *format, AVDictionary **options);
int __wrap_avformat_open_input(AVFormatContext **demuxer, const char *name,
                               const AVInputFormat *format, AVDictionary **options)
{
    if (!fault_now("avformat_open_input"))
        return __real_avformat_open_input(demuxer, name, format, options);
    avformat_free_context(*demuxer);  // as a failing one does
    *demuxer = NULL;
    return NO_MEMORY;
}
