#include "tests/barcode.h"

enum { CELL_COUNT = BARCODE_COLUMNS * BARCODE_ROWS, SIDE_MIN = 16, SIDE_MAX = 65535 };

struct plane {
    const uint8_t *luma;
    int width, height, bits_per_sample;
    ptrdiff_t stride;
};

static uint32_t sample(const struct plane *p, int x, int y)
{
    const uint8_t *row = p->luma + (ptrdiff_t)y * p->stride;
    if (p->bits_per_sample == 8)
        return row[x];
    return row[2 * x] | (uint32_t)row[2 * x + 1] << 8;
}

// Mean of the middle half of a cell in each direction: its edges are blurred by scaling and coding.
// The result has 8 more bits than a sample. At most 65535^2 / 128 samples of 10 bits: no overflow.
static int64_t cell_mean(const struct plane *p, int cell)
{
    const int column = cell % BARCODE_COLUMNS, row = cell / BARCODE_COLUMNS;
    const int x0 = (4 * column + 1) * p->width / 32, x1 = (4 * column + 3) * p->width / 32;
    const int y0 = (4 * row + 1) * p->height / 32, y1 = (4 * row + 3) * p->height / 32;

    uint64_t sum = 0;
    for (int y = y0; y < y1; y++) {
        for (int x = x0; x < x1; x++)
            sum += sample(p, x, y);
    }
    return (int64_t)(sum * 256 / ((uint64_t)(x1 - x0) * (uint64_t)(y1 - y0)));
}

// What the corners say is black and white; false when they contradict each other.
static bool levels(const int64_t mean[CELL_COUNT], int bits_per_sample, int64_t *ret_black,
                   int64_t *ret_white)
{
    const int64_t white_a = mean[0], white_b = mean[CELL_COUNT - 1];
    const int64_t black_a = mean[BARCODE_COLUMNS - 1], black_b = mean[CELL_COUNT - BARCODE_COLUMNS];
    const int64_t white = (white_a + white_b) / 2, black = (black_a + black_b) / 2;
    const int64_t span = white - black, full = (int64_t)256 << bits_per_sample;

    if (span < full / 4)
        return false;
    if (5 * (white_a - white_b) > span || 5 * (white_b - white_a) > span)
        return false;
    if (5 * (black_a - black_b) > span || 5 * (black_b - black_a) > span)
        return false;
    *ret_black = black;
    *ret_white = white;
    return true;
}

bool barcode_read(const uint8_t *luma, int width, int height, ptrdiff_t stride, int bits_per_sample,
                  uint32_t *ret_number)
{
    if (width < SIDE_MIN || height < SIDE_MIN || width > SIDE_MAX || height > SIDE_MAX)
        return false;
    if (bits_per_sample != 8 && bits_per_sample != 10)
        return false;

    const struct plane plane = { luma, width, height, bits_per_sample, stride };
    int64_t mean[CELL_COUNT], black, white;
    for (int i = 0; i < CELL_COUNT; i++)
        mean[i] = cell_mean(&plane, i);
    if (!levels(mean, bits_per_sample, &black, &white))
        return false;

    uint32_t code = 0;  // 16 bits of number, 4 check bits
    for (int i = 0; i < CELL_COUNT; i++) {
        if (i == 0 || i == CELL_COUNT - 1 || i == BARCODE_COLUMNS - 1 ||
            i == CELL_COUNT - BARCODE_COLUMNS)
            continue;
        const int64_t percent = 100 * (mean[i] - black) / (white - black);
        if (percent > 35 && percent < 65)
            return false;
        code = code << 1 | (percent >= 65 ? 1U : 0U);
    }

    const uint32_t number = code >> 4;
    const uint32_t check = (number ^ number >> 4 ^ number >> 8 ^ number >> 12 ^ 0xA) & 0xF;
    if (check != (code & 0xF))
        return false;
    *ret_number = number;
    return true;
}
