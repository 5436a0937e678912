// pipeline/child_frame.h - messages between a worker and its child over a socket: a small JSON
// document, and bytes.
#pragma once

#include "base/auto.h"
#include "base/cancel.h"
#include "base/err.h"
#include "base/jx.h"

enum child_frame_kind {
    CHILD_FRAME_SETUP = 1,  // to the child: limits
    CHILD_FRAME_TASK,       // to the child
    CHILD_FRAME_CANCEL,     // to the child: the task is not wanted any more
    CHILD_FRAME_ANSWER,     // to the child: of the REQUEST with that number
    CHILD_FRAME_READY,      // from the child: it lives within its limits
    CHILD_FRAME_RESULT,     // from the child: of the TASK with that number
    CHILD_FRAME_PROGRESS,   // from the child
    CHILD_FRAME_REQUEST,    // from the child: an operation on a store
    CHILD_FRAME_KIND_END,
};

// The largest part that can be sent through it; a store's parts grow to this after 248 GiB.
enum { CHILD_FRAME_JSON_MAX = 4 << 20, CHILD_FRAME_DATA_MAX = 128 << 20 };

struct child_frame {
    enum child_frame_kind kind;
    uint32_t number;
    json_t *json;         // NULL: none
    const uint8_t *data;  // in `memory`
    size_t bytes;
    uint8_t *memory;
};
void child_frame_done(struct child_frame *frame);
SR_DEFINE_AUTO_VALUE(child_frame, struct child_frame, child_frame_done);

// Sends a whole frame; `json` and `data` are borrowed. Waits while the other side does not read,
// until cancelled.
// Errors:  NETWORK (the other side is gone), TOO_LARGE, NO_MEMORY, CANCELLED, TIMEOUT.
// Threads: one at a time for each socket: the caller holds a lock around it.
SR_MUST_USE bool child_frame_send(int fd, const struct child_frame *frame,
                                  const struct sr_cancel *cancel, struct sr_err *err);

// What of a frame has come. Zero at first; child_frame_reader_done() at the end.
struct child_frame_reader {
    uint8_t head[20];
    size_t head_bytes, json_bytes, data_bytes;
    uint8_t *memory;
    size_t filled;
};
void child_frame_reader_done(struct child_frame_reader *reader);

enum child_frame_next {
    CHILD_FRAME_WHOLE,   // *ret_frame is the caller's, for child_frame_done()
    CHILD_FRAME_WAIT,    // not all of it is there: poll()
    CHILD_FRAME_CLOSED,  // between two frames
    CHILD_FRAME_FAILED,  // INVALID (no frame of ours), TOO_LARGE, NETWORK, NO_MEMORY
};
// Takes what is there without waiting.
enum child_frame_next child_frame_read(int fd, struct child_frame_reader *reader,
                                       struct child_frame *ret_frame, struct sr_err *err);
