#include "tests/barcode.h"

#include "base/test.h"

// A picture of our own making.
struct picture {
    int width, height, bits;
    uint8_t *luma;
};

static struct picture picture_new(int width, int height, int bits)
{
    const size_t bytes = (size_t)width * (size_t)height * (bits == 8 ? 1 : 2);
    struct picture p = { width, height, bits, malloc(bytes) };
    assert_non_null(p.luma);
    memset(p.luma, 0x3B, bytes);
    return p;
}

static ptrdiff_t stride_of(const struct picture *p)
{
    return (ptrdiff_t)p->width * (p->bits == 8 ? 1 : 2);
}

static void put(struct picture *p, int x, int y, unsigned value)
{
    uint8_t *row = p->luma + (ptrdiff_t)y * stride_of(p);
    if (p->bits == 8) {
        row[x] = (uint8_t)value;
    } else {
        row[2 * x] = (uint8_t)value;
        row[2 * x + 1] = (uint8_t)(value >> 8);
    }
}

static unsigned get(const struct picture *p, int x, int y)
{
    const uint8_t *row = p->luma + (ptrdiff_t)y * stride_of(p);
    return p->bits == 8 ? row[x] : row[2 * x] | (unsigned)row[2 * x + 1] << 8;
}

// The 24 cells of a number, written down from the header's picture and not from the reader's code.
static void cells_of(uint32_t number, bool cell[24])
{
    static const int row0[] = { -1, 15, 14, 13, 12, 11, 10, -2 };
    static const int row1[] = { 9, 8, 7, 6, 5, 4, 3, 2 };
    static const int row2[] = { -2, 1, 0, -13, -12, -11, -10, -1 };  // -10-k: check bit k
    for (int i = 0; i < 24; i++) {
        const int what = i < 8 ? row0[i] : i < 16 ? row1[i - 8] : row2[i - 16];
        if (what >= 0) {
            cell[i] = (number >> what & 1) != 0;
        } else if (what <= -10) {
            const int k = -10 - what;
            const int ones = __builtin_popcount(number & 0x1111U << k) + (0xA >> k & 1);
            cell[i] = (ones & 1) != 0;
        } else {
            cell[i] = what == -1;
        }
    }
}

static void draw(struct picture *p, const bool cell[24], unsigned black, unsigned white)
{
    for (int y = 0; 8 * y < 3 * p->height; y++) {
        for (int x = 0; x < p->width; x++)
            put(p, x, y, cell[y * 8 / p->height * 8 + x * 8 / p->width] ? white : black);
    }
}

static bool read_back(const struct picture *p, uint32_t *ret_number)
{
    return barcode_read(p->luma, p->width, p->height, stride_of(p), p->bits, ret_number);
}

static const struct row {
    const char *name;
    int width, height, bits;
    unsigned black, white;
} rows[] = {
    { "smallest", 16, 16, 8, 16, 235 },
    { "half of the smallest fixture", 80, 64, 8, 16, 235 },
    { "odd", 161, 121, 8, 16, 235 },
    { "full range", 320, 180, 8, 0, 255 },
    { "portrait", 180, 320, 8, 16, 235 },
    { "ten bits", 320, 180, 10, 64, 940 },
    { "ten bits, tone mapped", 320, 180, 10, 80, 450 },
    { "four times as large", 1280, 720, 8, 16, 235 },
};

static void each_size(void **state)
{
    const struct row *row = *state;
    struct picture p = picture_new(row->width, row->height, row->bits);
    for (uint32_t number = 0; number < 65536; number += number < 1600 ? 37 : 1009) {
        bool cell[24];
        uint32_t got = UINT32_MAX;
        cells_of(number, cell);
        draw(&p, cell, row->black, row->white);
        assert_true(read_back(&p, &got));
        assert_int_equal(got, number);
    }
    free(p.luma);
}

// Every number there is, and every single wrong cell of some of them.
static void each_number_and_each_wrong_cell(void **state)
{
    (void)state;
    struct picture p = picture_new(32, 32, 8);
    for (uint32_t number = 0; number < 65536; number++) {
        bool cell[24];
        uint32_t got = UINT32_MAX;
        cells_of(number, cell);
        draw(&p, cell, 16, 235);
        assert_true(read_back(&p, &got));
        assert_int_equal(got, number);
        for (int i = 0; i < 24 && number % 331 == 0; i++) {
            cell[i] = !cell[i];
            draw(&p, cell, 16, 235);
            cell[i] = !cell[i];
            got = 77;
            assert_false(read_back(&p, &got));
            assert_int_equal(got, 77);
        }
    }
    free(p.luma);
}

static void blend_of_two_frames_is_refused(void **state)
{
    (void)state;
    struct picture p = picture_new(160, 128, 8);
    for (uint32_t number = 0; number < 2000; number++) {
        bool first[24], second[24];
        uint32_t got;
        cells_of(number, first);
        cells_of(number + 1, second);
        for (int y = 0; y < 48; y++) {
            for (int x = 0; x < 160; x++) {
                const int i = y / 16 * 8 + x / 20;
                put(&p, x, y, ((first[i] ? 235U : 16U) + (second[i] ? 235U : 16U)) / 2);
            }
        }
        assert_false(read_back(&p, &got));
    }
    free(p.luma);
}

// Blurred edges and noise, as a codec at a low rate and a scaler leave them.
static void survives_blur_and_noise(void **state)
{
    (void)state;
    struct picture sharp = picture_new(160, 128, 8), p = picture_new(160, 128, 8);
    uint32_t noise = 12345;
    for (uint32_t number = 0; number < 1500; number += 7) {
        bool cell[24];
        uint32_t got = UINT32_MAX;
        cells_of(number, cell);
        draw(&sharp, cell, 16, 235);
        for (int y = 0; y < 128; y++) {
            for (int x = 0; x < 160; x++) {
                unsigned sum = 0;
                for (int i = -4; i <= 4; i++)
                    sum += get(&sharp, x + i < 0 ? 0 : x + i > 159 ? 159 : x + i, y);
                noise = noise * 1664525U + 1013904223U;
                const int value = (int)(sum / 9) + (int)(noise >> 24) % 41 - 20;
                put(&p, x, y, (unsigned)(value < 0 ? 0 : value > 255 ? 255 : value));
            }
        }
        assert_true(read_back(&p, &got));
        assert_int_equal(got, number);
    }
    free(p.luma);
    free(sharp.luma);
}

enum turn { MIRRORED, FLIPPED, TURNED, INVERTED, TURN_COUNT };

static void turned_picture_is_refused(void **state)
{
    (void)state;
    struct picture p = picture_new(64, 64, 8), q = picture_new(64, 64, 8);
    for (uint32_t number = 0; number < 3000; number += 11) {
        bool cell[24];
        cells_of(number, cell);
        draw(&p, cell, 16, 235);
        for (int turn = 0; turn < TURN_COUNT; turn++) {
            for (int y = 0; y < 64; y++) {
                for (int x = 0; x < 64; x++) {
                    const unsigned value = turn == MIRRORED  ? get(&p, 63 - x, y)
                                           : turn == FLIPPED ? get(&p, x, 63 - y)
                                           : turn == TURNED  ? get(&p, y, 63 - x)
                                                             : 251 - get(&p, x, y);
                    put(&q, x, y, value);
                }
            }
            uint32_t got;
            assert_false(read_back(&q, &got));
        }
    }
    free(q.luma);
    free(p.luma);
}

static void stride_may_be_wider_or_negative(void **state)
{
    (void)state;
    struct picture p = picture_new(48, 48, 8);
    bool cell[24];
    uint32_t got = 0;
    cells_of(54321, cell);
    draw(&p, cell, 16, 235);

    uint8_t upside_down[48 * 64];
    memset(upside_down, 0x80, sizeof(upside_down));
    for (size_t y = 0; y < 48; y++)
        memcpy(upside_down + (47 - y) * 64, p.luma + y * 48, 48);
    assert_true(barcode_read(upside_down + 47 * 64, 48, 48, -64, 8, &got));
    assert_int_equal(got, 54321);
    free(p.luma);
}

static void what_is_no_barcode_is_refused(void **state)
{
    (void)state;
    struct picture p = picture_new(64, 64, 8);
    bool cell[24];
    uint32_t got = 99;
    static const unsigned flat[] = { 0, 16, 128, 235, 255 };
    for (size_t i = 0; i < SR_TEST_COUNT(flat); i++) {
        memset(p.luma, (int)flat[i], (size_t)64 * 64);
        assert_false(read_back(&p, &got));
    }
    cells_of(5, cell);
    draw(&p, cell, 100, 130);  // too little contrast
    assert_false(read_back(&p, &got));
    draw(&p, cell, 16, 235);
    assert_true(barcode_read(p.luma, 64, 64, 64, 8, &got));
    got = 99;
    assert_false(barcode_read(p.luma, 15, 64, 64, 8, &got));
    assert_false(barcode_read(p.luma, 64, 15, 64, 8, &got));
    assert_false(barcode_read(p.luma, 0, -1, 64, 8, &got));
    assert_false(barcode_read(p.luma, 64, 65536, 0, 8, &got));
    assert_false(barcode_read(p.luma, 64, 64, 64, 12, &got));
    assert_int_equal(got, 99);
    free(p.luma);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 6];
    size_t count = SR_TEST_ADD(tests, rows, each_size);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(each_number_and_each_wrong_cell);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(blend_of_two_frames_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(survives_blur_and_noise);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(turned_picture_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(stride_may_be_wider_or_negative);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_is_no_barcode_is_refused);
    return sr_test_run(__FILE__, tests, count);
}
