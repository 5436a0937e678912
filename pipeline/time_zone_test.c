#include "pipeline/time_zone.h"

#include <time.h>

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"

static const struct row {
    const char *name;
} rows[] = {
    { "UTC" },
    { "Europe/Berlin" },
    { "America/New_York" },
    { "America/Sao_Paulo" },
    { "Australia/Lord_Howe" },  // half an hour
    { "Africa/Casablanca" },    // the other way round, by the moon
    { "Asia/Kolkata" },
    { "Pacific/Apia" },  // left out a day
    { "Europe/Dublin" },
    { "America/Asuncion" },
};

// As libc has it, from 1900 to 2150 in steps of some hours.
static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(time_zone) struct time_zone *zone = NULL;
    sr_assert_ok(time_zone_open(row->name, &zone, &err), err);
    assert_int_equal(setenv("TZ", row->name, 1), 0);
    tzset();
    for (int64_t at_s = INT64_C(-2208988800); at_s < INT64_C(5680281600); at_s += 12347 * 11) {
        const time_t at = (time_t)at_s;
        struct tm tm;
        int64_t year, back_s;
        int month, day;
        assert_non_null(localtime_r(&at, &tm));
        const int64_t offset_s = time_zone_offset(zone, at_s);
        if (offset_s != tm.tm_gmtoff)
            fail_msg("%s at %lld: %lld, libc says %ld", row->name, (long long)at_s,
                     (long long)offset_s, tm.tm_gmtoff);
        const int64_t local_s = at_s + offset_s;
        const int64_t days = (local_s - (((local_s % 86400) + 86400) % 86400)) / 86400;
        time_date(days, &year, &month, &day);
        assert_int_equal(year, tm.tm_year + 1900);
        assert_int_equal(month, tm.tm_mon + 1);
        assert_int_equal(day, tm.tm_mday);
        assert_int_equal(time_days(year, month, day), days);
        // what a clock shows was there, at this moment or earlier
        assert_true(time_zone_moment(zone, local_s, &back_s));
        assert_true(back_s <= at_s && back_s + time_zone_offset(zone, back_s) == local_s);
    }
    unsetenv("TZ");
}

// Cut anywhere, or with a byte that is wrong, a file is refused or read, never more.
static void damaged(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *data = NULL;
    size_t bytes, refused = 0;
    sr_assert_ok(sr_file_load("/usr/share/zoneinfo/Europe/Berlin", 1 << 20, &data, &bytes, &err),
                 err);
    for (size_t i = 0; i < bytes; i++) {
        char *copy = malloc(i ? i : 1);  // exactly as long, so that a read behind it is seen
        sr_auto(time_zone) struct time_zone *zone = NULL;
        assert_non_null(copy);
        memcpy(copy, data, i);
        refused += !time_zone_read(copy, i, &zone, &err);
        free(copy);
    }
    assert_int_equal(refused, bytes);
    for (size_t i = 0; i < bytes; i++) {
        sr_auto(time_zone) struct time_zone *zone = NULL;
        data[i] = (char)~data[i];
        if (time_zone_read(data, bytes, &zone, &err))
            (void)time_zone_offset(zone, INT64_C(4000000000));
        data[i] = (char)~data[i];
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(damaged);
    return sr_test_run(__FILE__, tests, count);
}
