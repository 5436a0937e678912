#include "pipeline/schedule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/str.h"
#include "pipeline/time_zone.h"

enum { YEAR_MIN = 1970, YEAR_MAX = 2199, DAY_S = 86400, SECOND_US = 1000000 };
#define RATE_MINUTES_MAX ((int64_t)366 * 24 * 60 * 10)

struct schedule {
    int64_t rate_us;  // 0: cron
    struct time_zone *zone;
    uint64_t minutes, hours, months;  // bits
    uint64_t years[4];                // bits from 1970
    bool by_weekday;                  // else by day of the month
    uint64_t days;                    // bits: 1 to 31, or 1 (Sunday) to 7
    bool last;                        // L: the month's last day
    bool last_workday;                // LW
    int near_day;                     // nW; 0: none
    int last_weekday;                 // nL: 1 to 7; 0: none
    int nth_weekday, nth;             // n#k
};

void schedule_free(struct schedule *schedule)
{
    if (!schedule)
        return;
    time_zone_free(schedule->zone);
    free(schedule);
}

// Fields of cron() --------------------------------------------------------------------------------

struct field {
    const char *name;
    int min, max;
    const char *const *words;  // of min, min + 1, ...; NULL: none
};

static const char *const month_words[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                           "AUG", "SEP", "OCT", "NOV", "DEC", NULL };
static const char *const day_words[] = { "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL };

enum { MINUTES, HOURS, DAY_OF_MONTH, MONTH, DAY_OF_WEEK, YEAR, FIELDS };
static const struct field fields[FIELDS] = {
    { "minutes", 0, 59, NULL },         { "hours", 0, 23, NULL },
    { "day of month", 1, 31, NULL },    { "month", 1, 12, month_words },
    { "day of week", 1, 7, day_words }, { "year", YEAR_MIN, YEAR_MAX, NULL },
};

static bool bad(const struct field *field, const char *text, struct sr_err *err)
{
    return sr_fail(err, SR_ERR_INVALID, "%s: \"%.40s\" is not what cron() takes there (%d to %d)",
                   field->name, text, field->min, field->max);
}

// A number or a word at the beginning of *at.
static bool read_value(const struct field *field, const char **at, int *ret)
{
    for (size_t i = 0; field->words && field->words[i]; i++) {
        const size_t bytes = strlen(field->words[i]);
        if (strncasecmp(*at, field->words[i], bytes) == 0 &&
            !isalpha((unsigned char)(*at)[bytes])) {
            *at += bytes;
            *ret = field->min + (int)i;
            return true;
        }
    }
    int number = 0, digits = 0;
    for (; isdigit((unsigned char)**at) && digits < 5; (*at)++, digits++)
        number = number * 10 + (**at - '0');
    *ret = number;
    return digits > 0 && number >= field->min && number <= field->max;
}

static void set_bit(uint64_t *bits, int index)
{
    bits[index / 64] |= (uint64_t)1 << index % 64;
}

static bool has_bit(const uint64_t *bits, int index)
{
    return bits[index / 64] >> index % 64 & 1;
}

// "5", "1-5", "*/15", "10/5", "MON-FRI". Bits count from `base`.
static bool read_item(const struct field *field, const char *item, int base, uint64_t *bits,
                      struct sr_err *err)
{
    const char *at = item;
    int from = field->min, to = field->max, step = 1;
    bool is_range = true;
    if (*at == '*') {
        at++;
    } else {
        if (!read_value(field, &at, &from))
            return bad(field, item, err);
        to = from;
        is_range = *at == '-';
        if (is_range && (at++, !read_value(field, &at, &to)))
            return bad(field, item, err);
    }
    if (*at == '/') {
        char *end;
        at++;
        const long number = isdigit((unsigned char)*at) ? strtol(at, &end, 10) : 0;
        if (number < 1 || number > field->max || *end)
            return bad(field, item, err);
        step = (int)number;
        at = end;
        to = is_range ? to : field->max;
    }
    if (*at || from > to)  // AWS has no range over the end
        return bad(field, item, err);
    for (int i = from; i <= to; i += step)
        set_bit(bits, i - base);
    return true;
}

// "L", "LW", "15W" among days of the month; "L", "6L", "3#2" among days of the week.
static bool read_special(struct schedule *schedule, int index, const char *text, bool *ret_is,
                         struct sr_err *err)
{
    const struct field *const field = &fields[index];
    const char *at = text;
    int day;
    *ret_is = true;
    if (index == DAY_OF_MONTH) {
        schedule->last = strcasecmp(text, "L") == 0;
        schedule->last_workday = strcasecmp(text, "LW") == 0;
        if (schedule->last || schedule->last_workday)
            return true;
        const size_t bytes = strlen(text);
        if (bytes && (text[bytes - 1] == 'W' || text[bytes - 1] == 'w')) {
            if (!read_value(field, &at, &schedule->near_day) || at[1])
                return bad(field, text, err);
            return true;
        }
    } else if (strcasecmp(text, "L") == 0) {  // the week's last day
        schedule->days = (uint64_t)1 << 7;
        return true;
    } else if (read_value(field, &at, &day) && (*at == '#' || *at == 'L' || *at == 'l')) {
        if (*at == '#' && (at[1] < '1' || at[1] > '5' || at[2]))
            return bad(field, text, err);
        if (*at != '#' && at[1])
            return bad(field, text, err);
        schedule->nth = *at == '#' ? at[1] - '0' : 0;
        *(*at == '#' ? &schedule->nth_weekday : &schedule->last_weekday) = day;
        return true;
    }
    *ret_is = false;
    return true;
}

static bool read_field(struct schedule *schedule, int index, char *text, struct sr_err *err)
{
    uint64_t *const bits[FIELDS] = { &schedule->minutes, &schedule->hours, &schedule->days,
                                     &schedule->months,  &schedule->days,  schedule->years };
    const struct field *const field = &fields[index];
    bool special = false;
    if ((index == DAY_OF_MONTH || index == DAY_OF_WEEK) &&
        !read_special(schedule, index, text, &special, err))
        return false;
    if (special)
        return true;
    for (char *item; (item = strsep(&text, ","));) {
        if (!read_item(field, item, index == YEAR ? YEAR_MIN : 0, bits[index], err))
            return false;
    }
    return true;
}

static bool read_cron(struct schedule *schedule, char *text, struct sr_err *err)
{
    char *words[FIELDS];
    int count = 0;
    for (char *word; (word = strsep(&text, " \t"));) {
        if (!*word)
            continue;
        if (count == FIELDS)
            return sr_fail(err, SR_ERR_INVALID, "cron() takes six fields, these are more");
        words[count++] = word;
    }
    if (count < FIELDS)
        return sr_fail(err, SR_ERR_INVALID, "cron() takes six fields, these are %d", count);
    const bool no_day = strcmp(words[DAY_OF_MONTH], "?") == 0;
    const bool no_weekday = strcmp(words[DAY_OF_WEEK], "?") == 0;
    if (no_day == no_weekday)
        return sr_fail(err, SR_ERR_INVALID,
                       "one of day of month and day of week must be ?, the other not");
    schedule->by_weekday = no_day;
    for (int i = 0; i < FIELDS; i++) {
        if (i != (no_day ? DAY_OF_MONTH : DAY_OF_WEEK) && !read_field(schedule, i, words[i], err))
            return false;
    }
    return true;
}

// rate() ------------------------------------------------------------------------------------------

static bool read_rate(struct schedule *schedule, const char *text, struct sr_err *err)
{
    static const struct {
        const char *word;
        int64_t minutes;
    } units[] = { { "minute", 1 }, { "hour", 60 }, { "day", 24 * 60 } };
    char *end;
    const long number = isdigit((unsigned char)*text) ? strtol(text, &end, 10) : 0;
    if (number < 1 || *end != ' ')
        return sr_fail(err, SR_ERR_INVALID, "rate() takes a number above 0 and a unit: \"%.40s\"",
                       text);
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        const size_t bytes = strlen(units[i].word);
        if (strncmp(end, units[i].word, bytes) != 0)
            continue;
        if (strcmp(end + bytes, number == 1 ? "" : "s") != 0)
            break;
        if (number > RATE_MINUTES_MAX / units[i].minutes)
            return sr_fail(err, SR_ERR_INVALID, "rate() of more than ten years");
        schedule->rate_us = number * units[i].minutes * 60 * SECOND_US;
        return true;
    }
    return sr_fail(err, SR_ERR_INVALID,
                   "rate() takes minute, hour or day with 1, minutes, hours or days with more: "
                   "\"%.40s\"",
                   text);
}

bool schedule_parse(const char *text, const char *zone, struct schedule **ret_schedule,
                    struct sr_err *err)
{
    const size_t bytes = strlen(text);
    const bool is_cron = strncmp(text, "cron(", 5) == 0;
    if ((!is_cron && strncmp(text, "rate(", 5) != 0) || text[bytes - 1] != ')')
        return sr_fail(err, SR_ERR_INVALID, "want rate(...) or cron(...), got \"%.40s\"", text);
    if (!is_cron && zone)
        return sr_fail(err, SR_ERR_INVALID, "rate() knows no time zone");
    sr_auto(char) char *inner =
        sr_strf(err, "%.*s", (int)(bytes < 256 ? bytes - 6 : 256), text + 5);
    sr_auto(schedule) struct schedule *schedule = calloc(1, sizeof *schedule);
    if (!inner)
        return false;
    if (!schedule)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a schedule");
    if (bytes >= 256)
        return sr_fail(err, SR_ERR_INVALID, "a schedule of more than 255 bytes");
    if (is_cron ? !read_cron(schedule, inner, err) : !read_rate(schedule, inner, err))
        return false;
    if (is_cron && !time_zone_open(zone ? zone : "UTC", &schedule->zone, err))
        return false;
    *ret_schedule = sr_take(schedule);
    return true;
}

// When --------------------------------------------------------------------------------------------

struct day {
    int64_t days, first, last;  // since 1970: it, its month's first and last
};

static int weekday(int64_t days)  // 1: Sunday
{
    return (int)(((days + 4) % 7 + 7) % 7) + 1;
}

// Spec: W: the weekday (Monday to Friday) nearest to that day, in the same month.
static int64_t near_workday(int64_t days, const struct day *month)
{
    const int at = weekday(days);
    if (at == 7)
        return days == month->first ? days + 2 : days - 1;
    if (at == 1)
        return days == month->last ? days - 2 : days + 1;
    return days;
}

static bool is_day(const struct schedule *schedule, const struct day *day)
{
    const int at = weekday(day->days), number = (int)(day->days - day->first) + 1;
    if (schedule->by_weekday) {
        if (schedule->nth_weekday)
            return at == schedule->nth_weekday && (number - 1) / 7 + 1 == schedule->nth;
        if (schedule->last_weekday)
            return at == schedule->last_weekday && day->days + 7 > day->last;
        return schedule->days >> at & 1;
    }
    if (schedule->last)
        return day->days == day->last;
    if (schedule->last_workday)
        return day->days == near_workday(day->last, day);
    if (schedule->near_day) {
        const int64_t wanted = day->first + schedule->near_day - 1;
        return wanted <= day->last && day->days == near_workday(wanted, day);
    }
    return schedule->days >> number & 1;
}

// The day's first moment behind `after_s`; false: none.
static bool next_in_day(const struct schedule *schedule, int64_t days, int64_t after_s,
                        int64_t *ret_s)
{
    for (int hour = 0; hour < 24; hour++) {
        if (!(schedule->hours >> hour & 1))
            continue;
        for (int minute = 0; minute < 60; minute++) {
            int64_t at_s;
            if ((schedule->minutes >> minute & 1) &&
                time_zone_moment(schedule->zone, days * DAY_S + hour * 3600 + minute * 60, &at_s) &&
                at_s > after_s) {
                *ret_s = at_s;
                return true;
            }
        }
    }
    return false;
}

static int64_t next_cron(const struct schedule *schedule, int64_t after_s)
{
    int64_t year, days = sr_div_floor(after_s, DAY_S) - 2;  // no zone is two days away
    int month, day;
    time_date(days, &year, &month, &day);
    for (; year <= YEAR_MAX; month == 12 ? (month = 1, year++) : month++, day = 1) {
        if (year < YEAR_MIN || !has_bit(schedule->years, (int)year - YEAR_MIN) ||
            !(schedule->months >> month & 1))
            continue;
        struct day at = { .first = time_days(year, month, 1) };
        at.last = (month == 12 ? time_days(year + 1, 1, 1) : time_days(year, month + 1, 1)) - 1;
        for (at.days = at.first + day - 1; at.days <= at.last; at.days++) {
            int64_t found_s;
            if (is_day(schedule, &at) && next_in_day(schedule, at.days, after_s, &found_s))
                return found_s;
        }
    }
    return INT64_MAX;
}

int64_t schedule_next_us(const struct schedule *schedule, int64_t begin_us, int64_t after_us)
{
    if (!schedule->rate_us) {
        const int64_t next_s = next_cron(schedule, sr_div_floor(after_us, SECOND_US));
        return next_s == INT64_MAX ? next_s : next_s * SECOND_US;
    }
    if (after_us < begin_us)
        return begin_us + schedule->rate_us;
    return begin_us + ((after_us - begin_us) / schedule->rate_us + 1) * schedule->rate_us;
}
