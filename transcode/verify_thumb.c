// Pictures small enough to keep and compare. Cells are area means of the luma plane with exact
// shares of the pixels at their edges, so that the same picture in another size gives the same
// cells; a square of cells can be turned and mirrored after scaling, which saves turning the
// picture. Formats without a luma plane take the way over swscale.
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/media_cpu.h"
#include "transcode/media_err.h"
#include "transcode/verify_priv.h"

// The part of a row (or column) that one cell covers, in 1/256 of a pixel.
struct span {
    int first, last;                   // pixels
    uint32_t first_share, last_share;  // of 256; of a single pixel: first_share alone
};

struct verify_thumb {
    int rotation;
    bool is_mirrored;
    int width, height;  // that the spans are for
    struct span column[VERIFY_SIDE], row[VERIFY_SIDE];
    struct SwsContext *scaler;
    AVFrame *plain;  // 8 bit grey in the frame's size, from the scaler
};

bool verify_thumb_new(const struct media_stream *stream, struct verify_thumb **ret_thumb,
                      struct sr_err *err)
{
    struct verify_thumb *const thumb = calloc(1, sizeof(*thumb));
    if (!thumb)
        return sr_fail(err, SR_ERR_NO_MEMORY, "small pictures");
    thumb->rotation = stream->video.rotation;
    thumb->is_mirrored = stream->video.is_mirrored;
    *ret_thumb = thumb;
    return true;
}

void verify_thumb_free(struct verify_thumb *thumb)
{
    if (!thumb)
        return;
    sws_freeContext(thumb->scaler);
    av_frame_free(&thumb->plain);
    free(thumb);
}

// `length` is at most MEDIA_SIDE_MAX or what a decoder takes (32 bits hold 8 * 2^28).
static void set_spans(struct span *spans, int length)
{
    for (int i = 0; i < VERIFY_SIDE; i++) {
        const int64_t from = (int64_t)i * length * 256 / VERIFY_SIDE;
        const int64_t to = (int64_t)(i + 1) * length * 256 / VERIFY_SIDE;
        struct span *const span = &spans[i];
        span->first = (int)(from >> 8);
        span->last = (int)((to - 1) >> 8);
        span->last_share = 0;
        if (span->first == span->last) {
            span->first_share = (uint32_t)(to - from);
        } else {
            span->first_share = (uint32_t)(((int64_t)(span->first + 1) << 8) - from);
            span->last_share = (uint32_t)(to - ((int64_t)span->last << 8));
        }
    }
}

static uint64_t sum_8(const uint8_t *line, const struct span *span)
{
    uint32_t whole = 0;  // 256 * 255 * 65536 pixels would overflow: rows are shorter
    for (int x = span->first + 1; x < span->last; x++)
        whole += line[x];
    return (uint64_t)whole * 256 + (uint64_t)line[span->first] * span->first_share +
           (uint64_t)line[span->last] * span->last_share;
}

static uint64_t sum_16(const uint16_t *line, const struct span *span)
{
    uint64_t whole = 0;
    for (int x = span->first + 1; x < span->last; x++)
        whole += line[x];
    return whole * 256 + (uint64_t)line[span->first] * span->first_share +
           (uint64_t)line[span->last] * span->last_share;
}

static void add_line(const uint8_t *line, bool is_wide, const struct span *columns, uint32_t share,
                     uint64_t *cells)
{
    for (int i = 0; i < VERIFY_SIDE; i++) {
        const uint64_t sum = is_wide ? sum_16((const uint16_t *)(const void *)line, &columns[i])
                                     : sum_8(line, &columns[i]);
        cells[i] += sum * share;
    }
}

// `top` is the largest value that a pixel can have.
static void make_cells(struct verify_thumb *thumb, const uint8_t *data, int stride, bool is_wide,
                       double black, double scale, uint8_t *grey)
{
    const double area =
        (double)thumb->width * 256 / VERIFY_SIDE * (double)thumb->height * 256 / VERIFY_SIDE;
    for (int i = 0; i < VERIFY_SIDE; i++) {
        const struct span *const rows = &thumb->row[i];
        uint64_t cells[VERIFY_SIDE] = { 0 };
        for (int y = rows->first; y <= rows->last; y++) {
            uint32_t share = 256;
            if (y == rows->first)
                share = rows->first_share;
            else if (y == rows->last)
                share = rows->last_share;
            add_line(data + (ptrdiff_t)y * stride, is_wide, thumb->column, share, cells);
        }
        for (int k = 0; k < VERIFY_SIDE; k++) {
            const double value = ((double)cells[k] / area - black) * scale + 0.5;
            const double top = value > 255 ? 255 : value;
            grey[i * VERIFY_SIDE + k] = (uint8_t)(top < 0 ? 0 : top);
        }
    }
}

static bool has_luma_plane(const AVPixFmtDescriptor *format)
{
    const AVComponentDescriptor *const luma = &format->comp[0];
    const uint64_t others = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM |
                            AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BE;
    return !(format->flags & others) && luma->plane == 0 && luma->offset == 0 &&
           luma->step == (luma->depth > 8 ? 2 : 1);
}

static bool is_full_range(const AVFrame *frame)
{
    switch (frame->format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P: return true;
    default: return frame->color_range == AVCOL_RANGE_JPEG;
    }
}

// Grey of the same size by swscale, limited range as encoders are given.
static bool make_plain(struct verify_thumb *thumb, const AVFrame *frame, struct sr_err *err)
{
    if (!thumb->plain || thumb->plain->width != frame->width ||
        thumb->plain->height != frame->height) {
        av_frame_free(&thumb->plain);
        thumb->plain = av_frame_alloc();
        if (!thumb->plain)
            return sr_fail(err, SR_ERR_NO_MEMORY, "a grey picture");
        thumb->plain->format = AV_PIX_FMT_YUV444P;
        thumb->plain->width = frame->width;
        thumb->plain->height = frame->height;
        const int ret = av_frame_get_buffer(thumb->plain, 0);
        if (ret < 0)
            return media_fail(err, ret, "a grey picture");
    }
    media_open_lock();
    thumb->scaler = sws_getCachedContext(
        thumb->scaler, frame->width, frame->height, (enum AVPixelFormat)frame->format, frame->width,
        frame->height, AV_PIX_FMT_YUV444P, SWS_POINT | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL,
        NULL);
    media_open_unlock();
    if (!thumb->scaler)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "pictures of %s cannot be compared",
                       av_get_pix_fmt_name((enum AVPixelFormat)frame->format));
    (void)sws_scale(thumb->scaler, (const uint8_t *const *)frame->data, frame->linesize, 0,
                    frame->height, thumb->plain->data, thumb->plain->linesize);
    return true;
}

// As it is seen: left and right swapped, then turned clockwise.
static void make_upright(const struct verify_thumb *thumb, const uint8_t *from, uint8_t *to)
{
    enum { LAST = VERIFY_SIDE - 1 };
    for (int y = 0; y < VERIFY_SIDE; y++) {
        for (int x = 0; x < VERIFY_SIDE; x++) {
            int row = y, column = x;
            if (thumb->rotation == 90) {
                row = LAST - x;
                column = y;
            } else if (thumb->rotation == 180) {
                row = LAST - y;
                column = LAST - x;
            } else if (thumb->rotation == 270) {
                row = x;
                column = LAST - y;
            }
            if (thumb->is_mirrored)
                column = LAST - column;
            to[y * VERIFY_SIDE + x] = from[row * VERIFY_SIDE + column];
        }
    }
}

bool verify_thumb_make(struct verify_thumb *thumb, const AVFrame *frame, uint8_t grey[VERIFY_CELLS],
                       struct sr_err *err)
{
    const AVPixFmtDescriptor *const format = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    if (!format || frame->width <= 0 || frame->height <= 0)
        return sr_fail(err, SR_ERR_INPUT, "a picture without a format");
    if (thumb->width != frame->width || thumb->height != frame->height) {
        set_spans(thumb->column, frame->width);
        set_spans(thumb->row, frame->height);
        thumb->width = frame->width;
        thumb->height = frame->height;
    }
    uint8_t lying[VERIFY_CELLS];
    if (has_luma_plane(format)) {
        const AVComponentDescriptor *const luma = &format->comp[0];
        const double unit = (double)(1 << luma->shift) * (1 << (luma->depth - 8));
        const bool is_full = is_full_range(frame);
        const double top = (double)(((1 << luma->depth) - 1) << luma->shift);
        make_cells(thumb, frame->data[0], frame->linesize[0], luma->depth > 8,
                   is_full ? 0 : 16 * unit, is_full ? 255 / top : 255 / (219 * unit), lying);
    } else {
        if (!make_plain(thumb, frame, err))
            return false;
        make_cells(thumb, thumb->plain->data[0], thumb->plain->linesize[0], false, 16, 255.0 / 219,
                   lying);
    }
    make_upright(thumb, lying, grey);
    return true;
}

int verify_thumb_apart(const uint8_t a[VERIFY_CELLS], const uint8_t b[VERIFY_CELLS])
{
    int sum = 0;
    for (int i = 0; i < VERIFY_CELLS; i++)
        sum += abs(a[i] - b[i]);
    return sum / (VERIFY_CELLS / 256);
}
