// Exact decimal arithmetic: a length of 0.1 s is 100000 us on every machine and in every locale.
#include "pipeline/quantity.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { FRACTION_DIGITS_MAX = 9, RATE_MAX = 1000, TERM_MAX = 10000000 };

// A decimal "12.345" as an integer over a power of ten.
struct decimal {
    int64_t digits;
    int64_t scale;  // 1, 10, 100 ...
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool add_digit(int64_t *number, char digit)
{
    return sr_mul_i64(*number, 10, number) && sr_add_i64(*number, digit - '0', number);
}

// Reads from *text and moves it behind what was read.
static bool read_decimal(const char **text, struct decimal *ret)
{
    struct decimal decimal = { .scale = 1 };
    const char *at = *text;
    bool any = false;
    for (; is_digit(*at); at++, any = true) {
        if (!add_digit(&decimal.digits, *at))
            return false;
    }
    if (*at == '.') {
        int places = 0;
        for (at++; is_digit(*at); at++, any = true) {
            if (++places > FRACTION_DIGITS_MAX || !add_digit(&decimal.digits, *at))
                return false;
            decimal.scale *= 10;
        }
    }
    if (!any)
        return false;
    *text = at;
    *ret = decimal;
    return true;
}

// decimal * unit, rounded to nearest.
static bool times(const struct decimal *decimal, int64_t unit, int64_t *ret)
{
    int64_t product;
    if (!sr_mul_i64(decimal->digits, unit, &product) ||
        !sr_add_i64(product, decimal->scale / 2, &product))
        return false;
    *ret = product / decimal->scale;
    return true;
}

bool quantity_us(const char *text, int64_t *ret_us)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {
        { "", 1000000 }, { "s", 1000000 },  { "ms", 1000 },
        { "us", 1 },     { "m", 60000000 }, { "h", 3600000000 },
    };
    struct decimal decimal;
    if (!read_decimal(&text, &decimal))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text, units[i].name) == 0)
            return times(&decimal, units[i].us, ret_us);
    }
    return false;
}

bool quantity_bits(const char *text, int64_t *ret_bits)
{
    static const struct {
        const char *name;
        int64_t bits;
    } units[] = {
        { "", 1 },        { "k", 1000 },    { "K", 1000 },
        { "M", 1000000 }, { "m", 1000000 }, { "G", 1000000000 },
    };
    struct decimal decimal;
    if (!read_decimal(&text, &decimal))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text, units[i].name) == 0)
            return times(&decimal, units[i].bits, ret_bits);
    }
    return false;
}

static bool set_rate(int64_t num, int64_t den, struct media_rational *ret)
{
    if (num <= 0 || den <= 0 || num > TERM_MAX || den > TERM_MAX || num / den > RATE_MAX)
        return false;
    for (int64_t a = num, b = den;;) {  // lowest terms, so that one rate has one spelling
        if (b == 0) {
            *ret = (struct media_rational){ .num = (int)(num / a), .den = (int)(den / a) };
            return true;
        }
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
}

bool quantity_rate(const char *text, struct media_rational *ret_rate)
{
    static const struct {
        const char *text;
        int num;
    } ntsc[] = {
        { "23.976", 24000 }, { "23.98", 24000 },   { "29.97", 30000 },
        { "59.94", 60000 },  { "119.88", 120000 },
    };
    for (size_t i = 0; i < sizeof(ntsc) / sizeof(ntsc[0]); i++) {
        if (strcmp(text, ntsc[i].text) == 0)
            return set_rate(ntsc[i].num, 1001, ret_rate);
    }
    struct decimal num, den = { .digits = 1, .scale = 1 };
    if (!read_decimal(&text, &num))
        return false;
    if (*text == '/') {
        text++;
        if (num.scale != 1 || !read_decimal(&text, &den) || den.scale != 1)
            return false;
    }
    while (num.scale > 1 && num.digits % 10 == 0) {
        num.digits /= 10;
        num.scale /= 10;
    }
    return *text == '\0' && set_rate(num.digits, num.scale * den.digits, ret_rate);
}

bool quantity_count(const char *text, int64_t max, int64_t *ret)
{
    struct decimal decimal;
    if (!is_digit(*text) || !read_decimal(&text, &decimal) || *text != '\0' || decimal.scale != 1 ||
        decimal.digits > max)
        return false;
    *ret = decimal.digits;
    return true;
}

bool quantity_size(const char *text, int *ret_width, int *ret_height)
{
    struct decimal width, height;
    if (!read_decimal(&text, &width) || *text != 'x')
        return false;
    text++;
    if (!read_decimal(&text, &height) || *text != '\0' || width.scale != 1 || height.scale != 1)
        return false;
    if (width.digits < 1 || width.digits > MEDIA_SIDE_MAX || height.digits < 1 ||
        height.digits > MEDIA_SIDE_MAX)
        return false;
    *ret_width = (int)width.digits;
    *ret_height = (int)height.digits;
    return true;
}
