#include "cli/batch_way.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/jx.h"

static void copy_text(const json_t *object, const char *key, char *buffer, size_t capacity)
{
    const char *const text = json_string_value(json_object_get(object, key));
    if (text)
        (void)snprintf(buffer, capacity, "%s", text);
}

static void take_line(struct batch_doing *doing, const char *line, size_t bytes)
{
    static const char mark[] = "splitreel: ";
    struct sr_err ignored;  // what is no progress is words
    sr_auto(json) json_t *progress = NULL;
    if (bytes > 0 && line[0] == '{' && jx_parse(line, bytes, false, &progress, &ignored)) {
        doing->percent = json_number_value(json_object_get(progress, "percent"));
        copy_text(progress, "speed", doing->speed, sizeof(doing->speed));
        copy_text(progress, "stage", doing->stage, sizeof(doing->stage));
        return;
    }
    if (bytes >= sizeof(mark) - 1 && strncmp(line, mark, sizeof(mark) - 1) == 0)
        (void)snprintf(doing->error, sizeof(doing->error), "%.*s", (int)(bytes - sizeof(mark) + 1),
                       line + sizeof(mark) - 1);
}

bool batch_doing_read(struct batch_doing *doing, bool *ret_ended, struct sr_err *err)
{
    const size_t room = sizeof(doing->line) - doing->line_bytes;
    ssize_t ret;
    do
        ret = read(doing->fd, doing->line + doing->line_bytes, room);
    while (ret < 0 && errno == EINTR);
    if (ret < 0)
        return sr_fail_errno(err, errno, "what a run says");
    *ret_ended = ret == 0;
    doing->line_bytes += (size_t)ret;
    char *line = doing->line, *const end = doing->line + doing->line_bytes;
    for (char *stop; (stop = memchr(line, '\n', (size_t)(end - line))); line = stop + 1)
        take_line(doing, line, (size_t)(stop - line));
    size_t left = (size_t)(end - line);
    if (*ret_ended || left == sizeof(doing->line)) {  // a line without an end, or too long for one
        take_line(doing, line, left);
        left = 0;
    }
    memmove(doing->line, line, left);
    doing->line_bytes = left;
    return true;
}
