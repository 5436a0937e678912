#include "pipeline/time_zone.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/io.h"
#include "base/str.h"

enum { ZONE_BYTES_MAX = 1 << 20, ZONE_NAME_MAX = 64, TYPES_MAX = 256, DAY_S = 86400 };
#define ZONE_FOLDER "/usr/share/zoneinfo"

// When daylight saving begins or ends: ",M3.5.0/2".
struct change {
    enum { CHANGE_MONTH, CHANGE_JULIAN, CHANGE_DAY } kind;
    int month, week, day;
    int64_t time_s;
};

struct tail {  // behind the table
    bool is_there, saves;
    int64_t standard_s, saving_s;
    struct change start, end;
};

struct time_zone {
    size_t count;
    int64_t *at_s;
    int32_t *offset_s;  // from at_s on
    int32_t first_s;    // before the first
    struct tail tail;
};

void time_zone_free(struct time_zone *zone)
{
    if (!zone)
        return;
    free(zone->at_s);
    free(zone->offset_s);
    free(zone);
}

// The calendar ------------------------------------------------------------------------------------

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int64_t time_days(int64_t year, int month, int day)
{
    static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    const int64_t y = year - 1;
    const int64_t days = y * 365 + sr_div_floor(y, 4) - sr_div_floor(y, 100) + sr_div_floor(y, 400);
    return days - 719162 + before[month - 1] + (month > 2 && is_leap(year)) + day - 1;
}

void time_date(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    int64_t year = 1970 + sr_div_floor(days * 400, 146097);
    while (time_days(year, 1, 1) > days)
        year--;
    while (time_days(year + 1, 1, 1) <= days)
        year++;
    int month = 12;
    while (time_days(year, month, 1) > days)
        month--;
    *ret_year = year;
    *ret_month = month;
    *ret_day = (int)(days - time_days(year, month, 1)) + 1;
}

// The tail: a POSIX TZ text -----------------------------------------------------------------------

static bool skip_name(const char **at)
{
    const char *const from = *at;
    if (**at == '<') {
        while (**at && **at != '>')
            (*at)++;
        return *(*at)++ == '>';
    }
    while (isalpha((unsigned char)**at))
        (*at)++;
    return *at - from >= 3;
}

static bool read_number(const char **at, int max, int *ret)
{
    int number = 0;
    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); (*at)++) {
        number = number * 10 + (**at - '0');
        if (number > max)
            return false;
    }
    *ret = number;
    return true;
}

// [+-]hh[:mm[:ss]]
static bool read_time(const char **at, int64_t *ret_s)
{
    int hours, minutes = 0, seconds = 0;
    const bool negative = **at == '-';
    if (**at == '-' || **at == '+')
        (*at)++;
    if (!read_number(at, 167, &hours))
        return false;
    if (**at == ':' && ((*at)++, !read_number(at, 59, &minutes)))
        return false;
    if (**at == ':' && ((*at)++, !read_number(at, 59, &seconds)))
        return false;
    const int64_t all = (int64_t)hours * 3600 + minutes * 60 + seconds;
    *ret_s = negative ? -all : all;
    return true;
}

static bool read_change(const char **at, struct change *ret)
{
    *ret = (struct change){ .time_s = 2 * 3600 };
    if (*(*at)++ != ',')
        return false;
    if (**at == 'M') {
        (*at)++;
        if (!read_number(at, 12, &ret->month) || *(*at)++ != '.' ||
            !read_number(at, 5, &ret->week) || *(*at)++ != '.' || !read_number(at, 6, &ret->day) ||
            ret->month < 1 || ret->week < 1)
            return false;
    } else {
        ret->kind = **at == 'J' ? CHANGE_JULIAN : CHANGE_DAY;
        *at += **at == 'J';
        if (!read_number(at, 365, &ret->day))
            return false;
    }
    return **at != '/' || ((*at)++, read_time(at, &ret->time_s));
}

static bool read_tail(const char *text, struct tail *ret)
{
    const char *at = text;
    struct tail tail = { .is_there = true };
    if (!skip_name(&at) || !read_time(&at, &tail.standard_s))
        return false;
    tail.standard_s = -tail.standard_s;  // POSIX counts westwards
    if (*at) {
        tail.saves = true;
        tail.saving_s = tail.standard_s + 3600;
        if (!skip_name(&at))
            return false;
        if (*at != ',') {
            if (!read_time(&at, &tail.saving_s))
                return false;
            tail.saving_s = -tail.saving_s;
        }
        if (!read_change(&at, &tail.start) || !read_change(&at, &tail.end) || *at)
            return false;
    }
    *ret = tail;
    return true;
}

static int64_t change_day(const struct change *change, int64_t year)
{
    if (change->kind == CHANGE_DAY)
        return time_days(year, 1, 1) + change->day;
    if (change->kind == CHANGE_JULIAN)  // 29 February is never counted
        return time_days(year, 1, 1) + change->day - 1 + (is_leap(year) && change->day > 59);
    const int64_t first = time_days(year, change->month, 1);
    const int64_t next =
        change->month == 12 ? time_days(year + 1, 1, 1) : time_days(year, change->month + 1, 1);
    const int64_t weekday = ((first + 4) % 7 + 7) % 7;  // 1970-01-01 was a Thursday
    int64_t day = first + (change->day - weekday + 7) % 7 + (change->week - 1) * 7;
    while (day >= next)
        day -= 7;
    return day;
}

static int64_t tail_offset(const struct tail *tail, int64_t utc_s)
{
    int64_t year;
    int month, day;
    if (!tail->saves)
        return tail->standard_s;
    time_date(sr_div_floor(utc_s + tail->standard_s, DAY_S), &year, &month, &day);
    const int64_t start =
        change_day(&tail->start, year) * DAY_S + tail->start.time_s - tail->standard_s;
    const int64_t end = change_day(&tail->end, year) * DAY_S + tail->end.time_s - tail->saving_s;
    const bool saving = start < end ? utc_s >= start && utc_s < end : utc_s >= start || utc_s < end;
    return saving ? tail->saving_s : tail->standard_s;
}

// The table ---------------------------------------------------------------------------------------

struct head {
    uint32_t utc_count, standard_count, leap_count, time_count, type_count, letter_count;
};

static uint32_t read_u32(const char *data)
{
    const unsigned char *const s = (const unsigned char *)data;
    return (uint32_t)s[0] << 24 | (uint32_t)s[1] << 16 | (uint32_t)s[2] << 8 | s[3];
}

static bool read_head(const char *data, size_t bytes, size_t at, struct head *ret)
{
    if (bytes < at || bytes - at < 44 || memcmp(data + at, "TZif", 4) != 0)
        return false;
    uint32_t *const counts[] = { &ret->utc_count,  &ret->standard_count, &ret->leap_count,
                                 &ret->time_count, &ret->type_count,     &ret->letter_count };
    for (size_t i = 0; i < 6; i++) {
        *counts[i] = read_u32(data + at + 20 + 4 * i);
        if (*counts[i] > ZONE_BYTES_MAX)
            return false;
    }
    return ret->type_count > 0 && ret->type_count <= TYPES_MAX;
}

// Bytes of a block behind its head; no sum here can overflow, counts are at most 1 Mi.
static size_t block_bytes(const struct head *head, size_t time_bytes)
{
    return head->time_count * (time_bytes + 1) + (size_t)head->type_count * 6 + head->letter_count +
           head->leap_count * (time_bytes + 4) + head->standard_count + head->utc_count;
}

static bool read_block(const char *data, const struct head *head, struct time_zone *zone,
                       struct sr_err *err)
{
    const char *const indexes = data + (size_t)head->time_count * 8;
    const char *const types = indexes + head->time_count;
    zone->at_s = calloc(head->time_count + 1, sizeof *zone->at_s);
    zone->offset_s = calloc(head->time_count + 1, sizeof *zone->offset_s);
    if (!zone->at_s || !zone->offset_s)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a time zone");
    zone->first_s = (int32_t)read_u32(types);
    for (size_t i = 0; i < head->time_count; i++) {
        const uint64_t at = (uint64_t)read_u32(data + 8 * i) << 32 | read_u32(data + 8 * i + 4);
        const unsigned type = (unsigned char)indexes[i];
        if (type >= head->type_count || (i && (int64_t)at <= zone->at_s[i - 1]))
            return sr_fail(err, SR_ERR_INVALID, "a damaged time zone");
        zone->at_s[i] = (int64_t)at;
        zone->offset_s[i] = (int32_t)read_u32(types + (size_t)type * 6);
    }
    zone->count = head->time_count;
    return true;
}

bool time_zone_read(const char *data, size_t bytes, struct time_zone **ret_zone, struct sr_err *err)
{
    struct head old = { 0 }, head = { 0 };
    sr_auto(time_zone) struct time_zone *zone = calloc(1, sizeof *zone);
    if (!zone)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a time zone");
    if (!read_head(data, bytes, 0, &old) || data[4] < '2')
        return sr_fail(err, SR_ERR_INVALID, "no time zone of version 2 or later");
    const size_t at = 44 + block_bytes(&old, 4);
    if (!read_head(data, bytes, at, &head) || bytes - at - 44 < block_bytes(&head, 8))
        return sr_fail(err, SR_ERR_INVALID, "a damaged time zone");
    if (!read_block(data + at + 44, &head, zone, err))
        return false;
    const char *const text = data + at + 44 + block_bytes(&head, 8);
    const size_t left = bytes - (size_t)(text - data);
    const char *const end = left > 1 ? memchr(text + 1, '\n', left - 1) : NULL;
    if (!end || *text != '\n')
        return sr_fail(err, SR_ERR_INVALID, "a damaged time zone");
    sr_auto(char) char *tail = sr_strf(err, "%.*s", (int)(end - text - 1), text + 1);
    if (!tail)
        return false;
    if (*tail && !read_tail(tail, &zone->tail))
        return sr_fail(err, SR_ERR_INVALID, "a time zone's rule is none: \"%.60s\"", tail);
    *ret_zone = sr_take(zone);
    return true;
}

// A file's name inside the folder, and nothing else.
static bool is_name(const char *name)
{
    const size_t bytes = strlen(name);
    if (bytes == 0 || bytes > ZONE_NAME_MAX || !isalpha((unsigned char)name[0]))
        return false;
    for (const char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("+-_/", *c))
            return false;
    }
    return true;
}

bool time_zone_open(const char *name, struct time_zone **ret_zone, struct sr_err *err)
{
    char path[sizeof ZONE_FOLDER + 1 + ZONE_NAME_MAX];
    sr_auto(char) char *data = NULL;
    size_t bytes;
    if (!is_name(name) || !sr_format(path, sizeof path, "%s/%s", ZONE_FOLDER, name))
        return sr_fail(err, SR_ERR_INVALID, "\"%.64s\" is no time zone's name", name);
    if (!sr_file_load(path, ZONE_BYTES_MAX, &data, &bytes, err))
        return err->code == SR_ERR_NOT_FOUND
                   ? sr_fail(err, SR_ERR_NOT_FOUND, "there is no time zone \"%s\" in " ZONE_FOLDER,
                             name)
                   : false;
    return time_zone_read(data, bytes, ret_zone, err) || sr_err_wrap(err, "time zone %s", name);
}

// Asking ------------------------------------------------------------------------------------------

int64_t time_zone_offset(const struct time_zone *zone, int64_t utc_s)
{
    if (zone->count == 0 || utc_s >= zone->at_s[zone->count - 1]) {
        if (zone->tail.is_there)
            return tail_offset(&zone->tail, utc_s);
        return zone->count ? zone->offset_s[zone->count - 1] : zone->first_s;
    }
    if (utc_s < zone->at_s[0])
        return zone->first_s;
    size_t low = 0, high = zone->count - 1;  // at_s[low] <= utc_s < at_s[high]
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (zone->at_s[middle] <= utc_s)
            low = middle;
        else
            high = middle;
    }
    return zone->offset_s[low];
}

bool time_zone_moment(const struct time_zone *zone, int64_t local_s, int64_t *ret_utc_s)
{
    // No zone is more than 26 hours from UTC: the offsets on both sides hold what there can be.
    const int64_t before = time_zone_offset(zone, local_s - 26 * 3600);
    const int64_t after = time_zone_offset(zone, local_s + 26 * 3600);
    int64_t best = INT64_MAX;
    const int64_t offsets[] = { before, after };
    for (size_t i = 0; i < 2; i++) {
        const int64_t utc_s = local_s - offsets[i];
        if (time_zone_offset(zone, utc_s) == offsets[i] && utc_s < best)
            best = utc_s;
    }
    if (best == INT64_MAX)
        return false;
    *ret_utc_s = best;
    return true;
}
