#include "base/queue.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/thread.h"

struct sr_queue {
    size_t capacity;
    void (*drop)(void *item);
    struct sr_mutex lock;
    struct sr_cond changed;  // room, an item, or closed
    struct {
        size_t first, count;
        bool closed;
    } synced;  // under `lock`, with `item`
    void *item[];
};

bool sr_queue_new(size_t capacity, void (*drop)(void *item), struct sr_queue **ret_queue,
                  struct sr_err *err)
{
    size_t bytes;
    if (capacity == 0)
        return sr_fail(err, SR_ERR_INVALID, "a queue without room");
    if (!sr_size_flex(sizeof(struct sr_queue), capacity, sizeof(void *), &bytes))
        return sr_fail(err, SR_ERR_TOO_LARGE, "a queue of %zu items", capacity);
    struct sr_queue *const queue = calloc(1, bytes);
    if (!queue)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a queue of %zu items", capacity);
    queue->capacity = capacity;
    queue->drop = drop;
    if (!sr_mutex_init(&queue->lock, err)) {
        free(queue);
        return false;
    }
    if (!sr_cond_init(&queue->changed, err)) {
        sr_mutex_done(&queue->lock);
        free(queue);
        return false;
    }
    *ret_queue = queue;
    return true;
}

void sr_queue_free(struct sr_queue *queue)
{
    if (!queue)
        return;
    for (size_t i = 0; queue->drop && i < queue->synced.count; i++)
        queue->drop(queue->item[(queue->synced.first + i) % queue->capacity]);
    sr_cond_done(&queue->changed);
    sr_mutex_done(&queue->lock);
    free(queue);
}

bool sr_queue_push(struct sr_queue *queue, void *item)
{
    sr_lock(&queue->lock);
    while (!queue->synced.closed && queue->synced.count == queue->capacity)
        sr_cond_wait(&queue->changed, &queue->lock);
    const bool open = !queue->synced.closed;
    if (open) {
        queue->item[(queue->synced.first + queue->synced.count) % queue->capacity] = item;
        queue->synced.count++;
        // One condition for both directions: a signal could wake another pusher instead.
        sr_cond_broadcast(&queue->changed);
    }
    sr_unlock(&queue->lock);
    return open;
}

// Waits for an item or the end; false when `timeout_us` passed first.
static bool wait_for_item(struct sr_queue *queue, int64_t timeout_us) SR_REQUIRES(queue->lock);
static bool wait_for_item(struct sr_queue *queue, int64_t timeout_us)
{
    const struct sr_clock *const clock = sr_clock_system();
    const int64_t start_us = timeout_us > 0 ? sr_clock_monotonic_us(clock) : 0;
    while (queue->synced.count == 0 && !queue->synced.closed) {
        if (timeout_us < 0) {
            sr_cond_wait(&queue->changed, &queue->lock);
            continue;
        }
        const int64_t passed_us = timeout_us > 0 ? sr_clock_monotonic_us(clock) - start_us : 0;
        if (passed_us >= timeout_us)
            return false;
        (void)sr_cond_wait_us(&queue->changed, &queue->lock, timeout_us - passed_us);  // looks anew
    }
    return true;
}

enum sr_pop sr_queue_pop(struct sr_queue *queue, int64_t timeout_us, void **ret_item)
{
    enum sr_pop result = SR_POP_TIMEOUT;
    sr_lock(&queue->lock);
    if (wait_for_item(queue, timeout_us)) {
        result = SR_POP_CLOSED;
        if (queue->synced.count > 0) {
            *ret_item = queue->item[queue->synced.first];
            queue->synced.first = (queue->synced.first + 1) % queue->capacity;
            queue->synced.count--;
            sr_cond_broadcast(&queue->changed);
            result = SR_POP_ITEM;
        }
    }
    sr_unlock(&queue->lock);
    return result;
}

void sr_queue_close(struct sr_queue *queue)
{
    sr_lock(&queue->lock);
    queue->synced.closed = true;
    sr_cond_broadcast(&queue->changed);
    sr_unlock(&queue->lock);
}
