#include "statemachine/asl_time.h"

#include <ctype.h>
#include <stddef.h>

static bool digits(const char **at, int count, int min, int max, int *ret)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (!isdigit((unsigned char)**at))
            return false;
        value = value * 10 + (**at - '0');
    }
    *ret = value;
    return value >= min && value <= max;
}

static bool mark(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static int64_t days_since_1970(int year, int month, int day)
{
    const int y = month <= 2 ? year - 1 : year;
    const int era = (y >= 0 ? y : y - 399) / 400;
    const int of_era = y - era * 400;
    const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool zone(const char **at, int *ret_offset_s)
{
    int hours, minutes;
    *ret_offset_s = 0;
    if (mark(at, 'Z'))
        return true;
    const int sign = **at == '-' ? -1 : 1;
    if (!mark(at, '+') && !mark(at, '-'))
        return false;
    if (!digits(at, 2, 0, 23, &hours) || !mark(at, ':') || !digits(at, 2, 0, 59, &minutes))
        return false;
    *ret_offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool asl_time_parse(const char *text, struct asl_time *ret_time)
{
    int year, month, day, hour, minute, second, offset_s;
    const char *at = text;
    if (!digits(&at, 4, 0, 9999, &year) || !mark(&at, '-') || !digits(&at, 2, 1, 12, &month) ||
        !mark(&at, '-') || !digits(&at, 2, 1, 31, &day) || !mark(&at, 'T') ||
        !digits(&at, 2, 0, 23, &hour) || !mark(&at, ':') || !digits(&at, 2, 0, 59, &minute) ||
        !mark(&at, ':') || !digits(&at, 2, 0, 60, &second))
        return false;
    int32_t nanoseconds = 0;
    if (mark(&at, '.')) {
        int32_t unit = 100000000;
        if (!isdigit((unsigned char)*at))
            return false;
        for (; isdigit((unsigned char)*at); at++, unit /= 10)
            nanoseconds += (*at - '0') * unit;
    }
    if (!zone(&at, &offset_s) || *at || day > days_in(year, month))
        return false;
    ret_time->seconds =
        days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
    ret_time->nanoseconds = nanoseconds;
    return true;
}

int asl_time_compare(struct asl_time a, struct asl_time b)
{
    if (a.seconds != b.seconds)
        return a.seconds < b.seconds ? -1 : 1;
    return a.nanoseconds < b.nanoseconds ? -1 : a.nanoseconds > b.nanoseconds;
}

int64_t asl_time_us(struct asl_time time)
{
    return time.seconds * 1000000 +
           (time.nanoseconds + 999) / 1000;  // four-digit years: far from overflow
}
