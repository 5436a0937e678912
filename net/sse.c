#include "net/sse.h"

#include <string.h>

void sse_done(struct sse *sse)
{
    sr_str_done(&sse->line);
    sr_str_done(&sse->data);
    sr_str_done(&sse->event);
    sr_str_done(&sse->id);
    *sse = (struct sse){ 0 };
}

static void clear(struct sr_str *str)
{
    str->bytes = 0;
    if (str->text)
        str->text[0] = '\0';
}

static bool add(struct sr_str *str, const char *text, size_t bytes, struct sr_err *err)
{
    if (bytes > SSE_EVENT_BYTES_MAX || str->bytes > SSE_EVENT_BYTES_MAX - bytes)
        return sr_fail(err, SR_ERR_TOO_LARGE, "an event of more than %d bytes",
                       SSE_EVENT_BYTES_MAX);
    return sr_str_add_bytes(str, text, bytes, err);
}

// An empty line: the event is whole.
static bool dispatch(struct sse *sse, sse_fn fn, void *self, struct sr_err *err)
{
    const bool good = !sse->has_data || fn(self, sse->event.bytes ? sse->event.text : "message",
                                           sr_str_text(&sse->data), sr_str_text(&sse->id), err);
    clear(&sse->data);
    clear(&sse->event);
    sse->has_data = false;
    return good;
}

static bool is_field(const struct sse *sse, size_t bytes, const char *name)
{
    return strlen(name) == bytes && memcmp(sse->line.text, name, bytes) == 0;
}

static bool take_line(struct sse *sse, sse_fn fn, void *self, struct sr_err *err)
{
    if (sse->line.bytes == 0)
        return dispatch(sse, fn, self, err);
    const char *const line = sse->line.text;
    const char *const colon = memchr(line, ':', sse->line.bytes);
    const size_t name_bytes = colon ? (size_t)(colon - line) : sse->line.bytes;
    const size_t skip = colon ? name_bytes + 1 + (colon[1] == ' ') : name_bytes;
    const char *const value = line + skip;
    const size_t bytes = sse->line.bytes - skip;
    if (is_field(sse, name_bytes, "data")) {
        const bool joins = sse->has_data;
        sse->has_data = true;
        return (!joins || add(&sse->data, "\n", 1, err)) && add(&sse->data, value, bytes, err);
    }
    struct sr_str *const kept = is_field(sse, name_bytes, "event") ? &sse->event
                                : is_field(sse, name_bytes, "id")  ? &sse->id
                                                                   : NULL;
    if (!kept || memchr(value, '\0', bytes))
        return true;  // a comment, or what we do not know
    clear(kept);
    return add(kept, value, bytes, err);
}

static bool end_line(struct sse *sse, sse_fn fn, void *self, struct sr_err *err)
{
    static const char mark[] = "\xEF\xBB\xBF";  // of UTF-8, where a stream may begin with it
    if (!sse->has_begun && sse->line.bytes >= 3 && memcmp(sse->line.text, mark, 3) == 0) {
        sse->line.bytes -= 3;
        memmove(sse->line.text, sse->line.text + 3, sse->line.bytes + 1);
    }
    sse->has_begun = true;
    const bool good = take_line(sse, fn, self, err);
    clear(&sse->line);
    return good;
}

bool sse_feed(struct sse *sse, const char *data, size_t bytes, sse_fn fn, void *self,
              struct sr_err *err)
{
    for (size_t at = 0; at < bytes;) {
        if (sse->after_cr && data[at] == '\n') {  // of CR LF
            sse->after_cr = false;
            at++;
            continue;
        }
        sse->after_cr = false;
        size_t end = at;
        while (end < bytes && data[end] != '\r' && data[end] != '\n')
            end++;
        if (!add(&sse->line, data + at, end - at, err))
            return false;
        if (end < bytes) {
            sse->after_cr = data[end] == '\r';
            if (!end_line(sse, fn, self, err))
                return false;
        }
        at = end + (end < bytes);
    }
    return true;
}
