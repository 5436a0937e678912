#include "pipeline/schedule.h"

#include "base/clock.h"
#include "base/test.h"
#include "pipeline/time_zone.h"

static int64_t at_us(const char *text)  // "2026-11-22T10:19"
{
    int year, month, day, hour, minute;
    assert_int_equal(sscanf(text, "%d-%d-%dT%d:%d", &year, &month, &day, &hour, &minute), 5);
    return ((time_days(year, month, day) * 24 + hour) * 60 + minute) * 60 * 1000000;
}

// The next moments behind `after`, all in UTC; "" ends the list, "never" is one.
static const struct row {
    const char *name, *text, *zone, *after;
    const char *next[5];
} rows[] = {
    { "every quarter",
      "cron(*/15 * * * ? *)",
      NULL,
      "2026-11-22T10:19",
      { "2026-11-22T10:30", "2026-11-22T10:45", "2026-11-22T11:00" } },
    { "from five on",
      "cron(5/20 10 * * ? *)",
      NULL,
      "2026-11-22T10:19",
      { "2026-11-22T10:25", "2026-11-22T10:45", "2026-11-23T10:05" } },
    { "work days",
      "cron(0 12 ? * MON-FRI *)",
      NULL,
      "2026-11-20T12:00",
      { "2026-11-23T12:00", "2026-11-24T12:00" } },
    { "a list",
      "cron(0 8,20 1,15 * ? *)",
      NULL,
      "2026-11-22T00:00",
      { "2026-12-01T08:00", "2026-12-01T20:00", "2026-12-15T08:00" } },
    { "last day",
      "cron(0 0 L * ? *)",
      NULL,
      "2028-01-31T00:00",
      { "2028-02-29T00:00", "2028-03-31T00:00" } },
    { "last work day",
      "cron(0 0 LW * ? *)",
      NULL,
      "2026-01-01T00:00",
      { "2026-01-30T00:00", "2026-02-27T00:00" } },
    { "work day near the first, a Saturday",
      "cron(0 0 1W * ? *)",
      NULL,
      "2026-07-15T00:00",
      { "2026-08-03T00:00", "2026-09-01T00:00" } },
    { "work day near the 15th, a Sunday",
      "cron(0 0 15W * ? *)",
      NULL,
      "2026-11-01T00:00",
      { "2026-11-16T00:00" } },
    { "work day near the 31st, where there is one",
      "cron(0 0 31W * ? *)",
      NULL,
      "2026-02-01T00:00",
      { "2026-03-31T00:00", "2026-05-29T00:00" } },
    { "last Friday",
      "cron(15 10 ? * 6L 2026-2027)",
      NULL,
      "2026-11-22T00:00",
      { "2026-11-27T10:15", "2026-12-25T10:15", "2027-01-29T10:15" } },
    { "L is Saturday", "cron(0 0 ? * L *)", NULL, "2026-11-22T00:00", { "2026-11-28T00:00" } },
    { "second Tuesday",
      "cron(0 0 ? * TUE#2 *)",
      NULL,
      "2026-11-22T00:00",
      { "2026-12-08T00:00", "2027-01-12T00:00" } },
    { "fifth Monday",
      "cron(0 0 ? * 2#5 *)",
      NULL,
      "2026-11-22T00:00",
      { "2026-11-30T00:00", "2027-03-29T00:00" } },
    { "29 February",
      "cron(0 0 29 FEB ? *)",
      NULL,
      "2026-11-22T00:00",
      { "2028-02-29T00:00", "2032-02-29T00:00" } },
    { "30 February", "cron(0 0 30 2 ? *)", NULL, "2026-11-22T00:00", { "never" } },
    { "over", "cron(0 0 1 1 ? 2025)", NULL, "2026-11-22T00:00", { "never" } },
    { "years in steps",
      "cron(0 0 1 1 ? 2026/4)",
      NULL,
      "2026-11-22T00:00",
      { "2030-01-01T00:00", "2034-01-01T00:00" } },
    { "Berlin, winter and summer",
      "cron(0 12 1 * ? *)",
      "Europe/Berlin",
      "2026-02-15T00:00",
      { "2026-03-01T11:00", "2026-04-01T10:00" } },
    { "an hour that is skipped",
      "cron(30 2 * * ? *)",
      "Europe/Berlin",
      "2026-03-27T12:00",
      { "2026-03-28T01:30", "2026-03-30T00:30" } },
    { "an hour that comes twice counts once",
      "cron(30 2 * * ? *)",
      "Europe/Berlin",
      "2026-10-24T12:00",
      { "2026-10-25T00:30", "2026-10-26T01:30" } },
    { "every half hour over the hour that comes twice",
      "cron(0/30 * * * ? *)",
      "Europe/Berlin",
      "2026-10-25T00:00",
      { "2026-10-25T00:30", "2026-10-25T02:00", "2026-10-25T02:30" } },
    { "behind the zone's table",
      "cron(0 12 1 7 ? 2150)",
      "America/New_York",
      "2026-11-22T00:00",
      { "2150-07-01T16:00" } },
    { "the other half of the earth",
      "cron(0 0 1 1 ? *)",
      "Pacific/Kiritimati",
      "2026-11-22T00:00",
      { "2026-12-31T10:00" } },
    { "rate",
      "rate(5 minutes)",
      NULL,
      "2026-11-22T10:19",
      { "2026-11-22T10:20", "2026-11-22T10:25" } },
    { "rate of a day", "rate(1 day)", NULL, "2026-11-22T10:19", { "2026-11-23T00:00" } },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(schedule) struct schedule *schedule = NULL;
    sr_assert_ok(schedule_parse(row->text, row->zone, &schedule, &err), err);
    int64_t after_us = at_us(row->after);
    for (size_t i = 0; i < SR_TEST_COUNT(row->next) && row->next[i]; i++) {
        char text[25] = "never";
        after_us = schedule_next_us(schedule, at_us("2026-11-22T00:00"), after_us);
        if (after_us != INT64_MAX) {
            sr_clock_format(after_us, text);
            text[16] = '\0';
        }
        assert_string_equal(text, row->next[i]);
    }
}

static void a_rate_begins_when_it_is_seen(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(schedule) struct schedule *schedule = NULL;
    sr_assert_ok(schedule_parse("rate(2 hours)", NULL, &schedule, &err), err);
    assert_int_equal(
        schedule_next_us(schedule, at_us("2026-11-22T10:19"), at_us("2026-01-01T00:00")),
        at_us("2026-11-22T12:19"));
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *zone, *says;
        enum sr_err_code code;
    } cases[] = {
        { "", NULL, "want rate", SR_ERR_INVALID },
        { "at(2026-11-22T10:00:00)", NULL, "want rate", SR_ERR_INVALID },
        { "rate(5 minutes", NULL, "want rate", SR_ERR_INVALID },
        { "rate()", NULL, "rate() takes a number", SR_ERR_INVALID },
        { "rate(0 minutes)", NULL, "rate() takes a number", SR_ERR_INVALID },
        { "rate(-5 minutes)", NULL, "rate() takes a number", SR_ERR_INVALID },
        { "rate(1 minutes)", NULL, "minute, hour or day with 1", SR_ERR_INVALID },
        { "rate(5 minute)", NULL, "minute, hour or day with 1", SR_ERR_INVALID },
        { "rate(5 weeks)", NULL, "minute, hour or day with 1", SR_ERR_INVALID },
        { "rate(99999 days)", NULL, "ten years", SR_ERR_INVALID },
        { "rate(5 minutes)", "UTC", "no time zone", SR_ERR_INVALID },
        { "cron()", NULL, "six fields, these are 0", SR_ERR_INVALID },
        { "cron(0 12 * * ?)", NULL, "six fields, these are 5", SR_ERR_INVALID },
        { "cron(0 12 * * ? * *)", NULL, "these are more", SR_ERR_INVALID },
        { "cron(0 12 * * * *)", NULL, "must be ?", SR_ERR_INVALID },
        { "cron(0 12 ? * ? *)", NULL, "must be ?", SR_ERR_INVALID },
        { "cron(60 12 * * ? *)", NULL, "minutes: \"60\"", SR_ERR_INVALID },
        { "cron(0 24 * * ? *)", NULL, "hours: \"24\"", SR_ERR_INVALID },
        { "cron(0 0 0 * ? *)", NULL, "day of month: \"0\"", SR_ERR_INVALID },
        { "cron(0 0 1 JANUARY ? *)", NULL, "month: \"JANUARY\"", SR_ERR_INVALID },
        { "cron(0 0 ? * 8 *)", NULL, "day of week: \"8\"", SR_ERR_INVALID },
        { "cron(0 0 ? * MON#6 *)", NULL, "day of week: \"MON#6\"", SR_ERR_INVALID },
        { "cron(0 0 32W * ? *)", NULL, "day of month: \"32W\"", SR_ERR_INVALID },
        { "cron(0 0 1 1 ? 1969)", NULL, "year: \"1969\"", SR_ERR_INVALID },
        { "cron(5-1 0 1 1 ? *)", NULL, "minutes: \"5-1\"", SR_ERR_INVALID },
        { "cron(*/0 0 1 1 ? *)", NULL, "minutes: \"*/0\"", SR_ERR_INVALID },
        { "cron(*/ 0 1 1 ? *)", NULL, "minutes: \"*/\"", SR_ERR_INVALID },
        { "cron(1, 0 1 1 ? *)", NULL, "minutes: \"\"", SR_ERR_INVALID },
        { "cron(0 0 1 1 ? *)", "../../etc/passwd", "no time zone's name", SR_ERR_INVALID },
        { "cron(0 0 1 1 ? *)", "Europe/Atlantis", "there is no time zone", SR_ERR_NOT_FOUND },
        { "cron(0 0 1 1 ? *)", "zone.tab", "no time zone's name", SR_ERR_INVALID },
        { "cron(0 0 1 1 ? *)", "leapseconds", "version 2", SR_ERR_INVALID },
    };
    struct sr_err err = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        struct schedule *schedule;
        sr_assert_fails(schedule_parse(cases[i].text, cases[i].zone, &schedule, &err),
                        cases[i].code, err);
        sr_assert_contains(err.message, cases[i].says);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 2];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_rate_begins_when_it_is_seen);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(mistakes);
    return sr_test_run(__FILE__, tests, count);
}
