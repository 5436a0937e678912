#include "transcode/media_log.h"

#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// av_log's callback has no argument for a caller's data, so the calling thread is all we know:
// hence these thread-locals, the exception to "no mutable globals" that style allows. Threads that
// libav starts itself have no log, and their lines are dropped.
static _Thread_local struct {
    const struct sr_log *log;
    char first[160];  // of an error
} here;

enum { LINE_BYTES = 512 };

// Without control characters and the line's end: a file may put anything into a message.
static void clean(char *line)
{
    size_t length = strlen(line);
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == ' '))
        line[--length] = '\0';
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
}

// All of it is detail below DEBUG: what libav calls an error is a fact about one file, and the
// caller, who knows what follows from it, reports that.
static void take_line(void *item, int level, const char *format, va_list args) SR_PRINTF(3, 0);
static void take_line(void *item, int level, const char *format, va_list args)
{
    // Higher numbers matter less. Statistics and traces (INFO and beyond) are never formatted.
    if (level > AV_LOG_WARNING || (!here.log && level > AV_LOG_ERROR))
        return;

    char line[LINE_BYTES];
    (void)vsnprintf(line, sizeof(line), format, args);  // too long is cut
    clean(line);
    if (line[0] == '\0')
        return;
    if (level <= AV_LOG_ERROR && here.first[0] == '\0')
        (void)snprintf(here.first, sizeof(here.first), "%.*s", (int)sizeof(here.first) - 1, line);
    if (!here.log)
        return;

    const AVClass *const *class = item;
    const char *const who = class && *class ? (*class)->item_name(item) : "libav";
    if (level <= AV_LOG_FATAL)
        sr_warn(here.log, "libav", SR_TEXT("item", who), SR_TEXT("line", line));
    else
        sr_debug(here.log, "libav", SR_TEXT("item", who), SR_TEXT("line", line));
}

void media_log_init(void)
{
    av_log_set_callback(take_line);
    av_max_alloc(MEDIA_ALLOC_MAX);
}

const struct sr_log *media_log_set(const struct sr_log *log)
{
    const struct sr_log *const before = here.log;
    here.log = log;
    return before;
}

const char *media_log_first(void)
{
    return here.first;
}

void media_log_forget(void)
{
    here.first[0] = '\0';
}
