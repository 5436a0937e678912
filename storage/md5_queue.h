// storage/md5_queue.h - bodies that go out at the same time get their MD5s side by side.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"
#include "storage/md5_lanes.h"

// So many on their way keep a store and a network busy: only then a body waits for others, until
// there are so many. Waiting for a fourth saves less than it takes from what is on its way.
enum { MD5_QUEUE_SENDING = 5, MD5_QUEUE_WAITING = 3 };

struct md5_queue_entry;
struct md5_queue {
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        struct md5_queue_entry *first, *last;
        size_t waiting;
        size_t sending;  // have a digest, and have not come to md5_queue_sent()
    } synced;            // under `lock`
};

SR_MUST_USE bool md5_queue_init(struct md5_queue *queue, struct sr_err *err);
void md5_queue_done(struct md5_queue *queue);

// The MD5 of a body that will then be sent. While MD5_QUEUE_SENDING others are on their way it
// waits until MD5_QUEUE_WAITING wait; the last of them to come, or to be sent, makes it go on.
// Errors:  INTERNAL (libcrypto), of one body alone; such a one does not count as sent.
// Threads: any; who got a digest says md5_queue_sent() however the sending ends, and waits for no
//          other caller until then.
SR_MUST_USE bool md5_queue_digest(struct md5_queue *queue, const void *data, size_t bytes,
                                  uint8_t digest[SR_MD5_BYTES], struct sr_err *err);
void md5_queue_sent(struct md5_queue *queue);
// How many wait for others; for tests.
size_t md5_queue_waiting(struct md5_queue *queue);
