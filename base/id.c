#include "base/id.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { ID_CHARS = SR_ID_TEXT - 1, TIME_BYTES = 6 };
#define TIME_MS_MAX ((INT64_C(1) << 48) - 1)

void sr_id_format(int64_t wall_us, const uint8_t random[SR_ID_RANDOM_BYTES], char text[SR_ID_TEXT])
{
    int64_t ms = wall_us < 0 ? 0 : wall_us / 1000;
    if (ms > TIME_MS_MAX)
        ms = TIME_MS_MAX;
    uint8_t bytes[TIME_BYTES + SR_ID_RANDOM_BYTES];
    for (int i = 0; i < TIME_BYTES; i++)
        bytes[i] = (uint8_t)(ms >> (8 * (TIME_BYTES - 1 - i)));
    memcpy(bytes + TIME_BYTES, random, SR_ID_RANDOM_BYTES);

    // 26 characters hold 130 bits: the first is of three bits only.
    uint32_t bits = 0;
    int have = 2;
    char *put = text;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bits = (bits << 8 | bytes[i]) & 0xFFFF;
        for (have += 8; have >= 5; have -= 5)
            *put++ = digits[bits >> (have - 5) & 31];
    }
    *put = '\0';
}

bool sr_id_new(const struct sr_clock *clock, char text[SR_ID_TEXT], struct sr_err *err)
{
    uint8_t random[SR_ID_RANDOM_BYTES];
    ssize_t got;
    do {  // so few bytes come whole or not at all
        got = getrandom(random, sizeof(random), 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(random))
        return sr_fail_native(err, SR_ERR_INTERNAL, got < 0 ? errno : 0, "no random bytes");
    sr_id_format(sr_clock_wall_us(clock), random, text);
    return true;
}

bool sr_id_parse(const char *text, int64_t *ret_wall_us)
{
    if (strlen(text) != ID_CHARS || text[0] > '7')
        return false;
    int64_t ms = 0;
    for (int i = 0; i < ID_CHARS; i++) {
        const char *const digit = strchr(digits, text[i]);
        if (!digit)
            return false;
        if (i < 10)  // ten characters of 5 bits: the 48 bits of time behind two that are 0
            ms = ms << 5 | (digit - digits);
    }
    if (ret_wall_us)
        *ret_wall_us = ms * 1000;  // below 2^58
    return true;
}
