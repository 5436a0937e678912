#include "base/test.h"

#include "pipeline/quantity.h"

enum kind { US, BITS, RATE, SIZE };

static const struct row {
    const char *name;
    enum kind kind;
    const char *text;
    int64_t a, b;  // a < 0: refused
} rows[] = {
    { "seconds by default", US, "10", 10000000, 0 },
    { "seconds", US, "1s", 1000000, 0 },
    { "half a second", US, "0.5", 500000, 0 },
    { "without a leading digit", US, ".5s", 500000, 0 },
    { "milliseconds", US, "500ms", 500000, 0 },
    { "a tenth is exact", US, "0.1s", 100000, 0 },
    { "rounded to nearest", US, "0.0000015s", 2, 0 },
    { "minutes", US, "1.5m", 90000000, 0 },
    { "hours", US, "1h", 3600000000, 0 },
    { "empty length", US, "", -1, 0 },
    { "unit alone", US, "s", -1, 0 },
    { "negative length", US, "-1s", -1, 0 },
    { "unknown unit", US, "1d", -1, 0 },
    { "blank before the unit", US, "1 s", -1, 0 },
    { "exponent", US, "1e3", -1, 0 },
    { "length beyond 64 bits", US, "9999999999999h", -1, 0 },
    { "more digits than an integer has", US, "99999999999999999999999999", -1, 0 },
    { "two points", US, "1.2.3", -1, 0 },
    { "bits", BITS, "1500000", 1500000, 0 },
    { "kilobits", BITS, "128k", 128000, 0 },
    { "megabits with fraction", BITS, "1.5M", 1500000, 0 },
    { "gigabits", BITS, "1G", 1000000000, 0 },
    { "bytes are not bits", BITS, "6MB", -1, 0 },
    { "not a number", BITS, "fast", -1, 0 },
    { "whole rate", RATE, "25", 25, 1 },
    { "rate as a fraction", RATE, "30000/1001", 30000, 1001 },
    { "ntsc by its short name", RATE, "29.97", 30000, 1001 },
    { "film on video", RATE, "23.976", 24000, 1001 },
    { "rate with fraction", RATE, "12.5", 25, 2 },
    { "rate in lowest terms", RATE, "50/2", 25, 1 },
    { "trailing zeros", RATE, "25.000000000", 25, 1 },
    { "no frames", RATE, "0", -1, 0 },
    { "division by zero", RATE, "25/0", -1, 0 },
    { "too fast", RATE, "1001", -1, 0 },
    { "fraction of fractions", RATE, "2.5/1", -1, 0 },
    { "words after a rate", RATE, "25fps", -1, 0 },
    { "size", SIZE, "1920x1080", 1920, 1080 },
    { "no width", SIZE, "x1080", -1, 0 },
    { "zero height", SIZE, "1920x0", -1, 0 },
    { "too wide", SIZE, "8193x2", -1, 0 },
    { "size with a star", SIZE, "1920*1080", -1, 0 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    int64_t a = -1, b = 0;
    struct media_rational rate = { -1, 0 };
    int width = -1, height = 0;
    bool ok = false;
    switch (row->kind) {
    case US: ok = quantity_us(row->text, &a); break;
    case BITS: ok = quantity_bits(row->text, &a); break;
    case RATE:
        ok = quantity_rate(row->text, &rate);
        a = rate.num;
        b = rate.den;
        break;
    case SIZE:
        ok = quantity_size(row->text, &width, &height);
        a = width;
        b = height;
        break;
    }
    assert_int_equal(ok, row->a >= 0);
    assert_int_equal(a, row->a);
    assert_int_equal(b, row->b);
}

SR_TEST_ROWS(rows, each_row)
