// pipeline/correlation.h - what ties together all that happens because of one job: its correlation
// id, which is the caller's own, and a trace that goes through it.
#pragma once

#include <stdbool.h>

enum {
    CORRELATION_BYTES_MAX = 128,
    TRACEPARENT_BYTES = 55,
    TRACE_ID_TEXT = 33,
};

// 1..CORRELATION_BYTES_MAX visible characters of ASCII: it becomes a header and an object's
// metadata as it is.
bool correlation_is_id(const char *text);

// Version, trace, parent and flags in lower-case hexadecimal, neither id all zeros.
// Spec: W3C Trace Context, "traceparent Header Field Values". What a later version would add behind
//       the flags is not taken.
bool traceparent_is_one(const char *text);
// Its trace; false: it is none, *text is left alone.
bool traceparent_trace(const char *traceparent, char text[TRACE_ID_TEXT]);
