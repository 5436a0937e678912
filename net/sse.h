// net/sse.h - reads server-sent events out of a stream of bytes, however it is cut into pieces.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { SSE_EVENT_BYTES_MAX = 1 << 20 };  // of one event's data, and of one line

// The zero value is one that has read nothing.
struct sse {
    struct sr_str line, data, event, id;
    bool after_cr, has_begun, has_data;
};
void sse_done(struct sse *sse);  // back to the zero value
SR_DEFINE_AUTO_VALUE(sse, struct sse, sse_done);

// One event; borrowed during the call. False stops the reading, with `err`.
typedef bool (*sse_fn)(void *self, const char *event, const char *data, const char *id,
                       struct sr_err *err);

// Reads on; `fn` is called for each event that is whole: its name is "message" when it has none,
// its id the last that was given, "" when none was.
// Errors: TOO_LARGE, NO_MEMORY, those of `fn`; nothing can be read after one.
// Spec:   HTML Living Standard 9.2.6 "Interpreting an event stream"; an event that the stream's end
//         cuts off is dropped, and "retry" is not heeded.
SR_MUST_USE bool sse_feed(struct sse *sse, const char *data, size_t bytes, sse_fn fn, void *self,
                          struct sr_err *err);
