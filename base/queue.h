// base/queue.h - a bounded queue of pointers between threads; closing it asks a thread to end.
#pragma once

#include <stddef.h>

#include "base/auto.h"
#include "base/cancel.h"
#include "base/err.h"

struct sr_queue;
enum sr_pop { SR_POP_ITEM, SR_POP_CLOSED, SR_POP_TIMEOUT };

// `drop` is called for items still inside when the queue is freed; NULL: nothing.
SR_MUST_USE bool sr_queue_new(size_t capacity, void (*drop)(void *item),
                              struct sr_queue **ret_queue, struct sr_err *err);
void sr_queue_free(struct sr_queue *queue);
// Waits for room. False when the queue is closed: the item is still the caller's.
SR_MUST_USE bool sr_queue_push(struct sr_queue *queue, void *item);
// Waits up to `timeout_us` (negative: for ever). CLOSED only once it is closed and empty.
enum sr_pop sr_queue_pop(struct sr_queue *queue, int64_t timeout_us, void **ret_item);
void sr_queue_close(struct sr_queue *queue);
SR_DEFINE_AUTO(sr_queue, struct sr_queue, sr_queue_free);
