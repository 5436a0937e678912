// transcode/test_video.h - for tests: pictures whose number can be read back, renditions, encoded
// parts in memory.
#pragma once

#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>

#include "base/test.h"
#include "transcode/encode.h"
#include "transcode/media_io.h"

enum { TEST_VIDEO_BITS = 12 };

// A grey picture with texture that moves, and its number as black and white blocks along the top.
static inline AVFrame *test_video_picture(enum AVPixelFormat format, int width, int height,
                                          int number)
{
    AVFrame *frame = av_frame_alloc();
    assert_non_null(frame);
    frame->format = format;
    frame->width = width;
    frame->height = height;
    assert_int_equal(av_frame_get_buffer(frame, 0), 0);
    const AVPixFmtDescriptor *info = av_pix_fmt_desc_get(format);
    const int shift = info->comp[0].depth - 8;
    for (int plane = 0; plane < info->nb_components; plane++) {
        const int w = plane ? -((-width) >> info->log2_chroma_w) : width;
        const int h = plane ? -((-height) >> info->log2_chroma_h) : height;
        for (int y = 0; y < h; y++) {
            uint8_t *row = frame->data[plane] + (ptrdiff_t)y * frame->linesize[plane];
            for (int x = 0; x < w; x++) {
                int value = plane ? 128 + (x + y + number) % 16
                                  : 64 + ((x * 3 + y * 5 + number * 7) ^ (x * y / 16)) % 96;
                if (!plane && y < height / 4)
                    value = number >> (x * TEST_VIDEO_BITS / width) & 1 ? 235 : 16;
                if (shift)
                    ((uint16_t *)(void *)row)[x] = (uint16_t)(value << shift);
                else
                    row[x] = (uint8_t)value;
            }
        }
    }
    return frame;
}

// Reads the blocks back.
static inline int test_video_number(const AVFrame *frame)
{
    const int shift = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format)->comp[0].depth - 8;
    const uint8_t *row = frame->data[0] + (ptrdiff_t)(frame->height / 8) * frame->linesize[0];
    int number = 0;
    for (int bit = 0; bit < TEST_VIDEO_BITS; bit++) {
        const int x = (2 * bit + 1) * frame->width / (2 * TEST_VIDEO_BITS);
        const int value = shift ? ((const uint16_t *)(const void *)row)[x] >> shift : row[x];
        number |= (value > 125) << bit;
    }
    return number;
}

// 160x96 at 25 fps, 1/12800.
static inline struct rendition_video test_video_rendition(void)
{
    return (struct rendition_video){
        .asked = { .id = "test", .codec = "h264", .crf = 30, .preset = "veryfast" },
        .width = 160,
        .height = 96,
        .sample_aspect = { 1, 1 },
        .pixel_format = "yuv420p",
        .colour = { 1, 1, 1, 1, 1 },
        .time_base = { 1, 12800 },
        .rate = { 25, 1 },
    };
}
