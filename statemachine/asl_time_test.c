#include "statemachine/asl_time.h"

#include "base/test.h"

static const struct row {
    const char *name, *text;
    int64_t us;  // -1: none
} rows[] = {
    { "epoch", "1970-01-01T00:00:00Z", 0 },
    { "offset", "1970-01-01T02:30:00+02:30", 0 },
    { "fraction is rounded up", "1970-01-01T00:00:01.0000001Z", 1000001 },
    { "nanoseconds", "2016-03-05T21:29:29.243167252Z", 1457213369243168 },
    { "leap day", "2024-02-29T00:00:00Z", 1709164800000000 },
    { "no leap day", "2023-02-29T00:00:00Z", -1 },
    { "before the epoch", "1969-12-31T23:59:59Z", -1000000 },
    { "month 13", "2016-13-05T21:29:29Z", -1 },
    { "hour 25", "2016-12-05T25:29:29Z", -1 },
    { "no zone", "2016-12-05T21:29:29", -1 },
    { "a blank for T", "2016-12-05 21:29:29Z", -1 },
    { "lower case", "2016-12-05t21:29:29z", -1 },
    { "no digits behind the point", "2016-12-05T21:29:29.Z", -1 },
    { "a date", "2016-12-05", -1 },
    { "more behind it", "1970-01-01T00:00:00Zx", -1 },
    { "nothing", "", -1 },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct asl_time time = { 0 };
    const bool parsed = asl_time_parse(row->text, &time);
    assert_int_equal(parsed, row->us != -1);
    if (parsed)
        assert_int_equal(asl_time_us(time), row->us);
}
SR_TEST_ROWS(rows, each_row)
