#include "storage/md5_queue.h"

#include <assert.h>
#include <string.h>

struct md5_queue_entry {
    struct md5_lane lane;
    bool done;
    struct sr_err failure;
    struct md5_queue_entry *next;
};

bool md5_queue_init(struct md5_queue *queue, struct sr_err *err)
{
    *queue = (struct md5_queue){ 0 };
    if (!sr_mutex_init(&queue->lock, err))
        return false;
    if (sr_cond_init(&queue->changed, err))
        return true;
    sr_mutex_done(&queue->lock);
    return false;
}

void md5_queue_done(struct md5_queue *queue)
{
    assert(queue->synced.waiting == 0 && queue->synced.sending == 0);
    sr_cond_done(&queue->changed);
    sr_mutex_done(&queue->lock);
}

static bool is_ready(const struct md5_queue *queue)
{
    return queue->synced.waiting >= MD5_QUEUE_WAITING ||
           (queue->synced.waiting > 0 && queue->synced.sending < MD5_QUEUE_SENDING);
}

static void add_last(struct md5_queue *queue, struct md5_queue_entry *entry)
{
    if (queue->synced.last)
        queue->synced.last->next = entry;
    else
        queue->synced.first = entry;
    queue->synced.last = entry;
    queue->synced.waiting++;
}

// They count as being sent from now on, so that nobody begins alone because they are not yet.
static size_t take_first(struct md5_queue *queue, struct md5_queue_entry *taken[MD5_LANES_MAX])
{
    size_t count = 0;
    while (queue->synced.first && count < MD5_LANES_MAX) {
        taken[count] = queue->synced.first;
        queue->synced.first = taken[count++]->next;
    }
    if (!queue->synced.first)
        queue->synced.last = NULL;
    queue->synced.waiting -= count;
    queue->synced.sending += count;
    return count;
}

// Without the lock: nobody else looks at entries that were taken.
static void hash(struct md5_queue_entry *const taken[], size_t count)
{
    if (count == 1) {
        struct md5_lane *const lane = &taken[0]->lane;
        (void)!sr_md5(lane->data, lane->bytes, lane->digest,
                      &taken[0]->failure);  // told by its own
        return;
    }
    struct md5_lane lane[MD5_LANES_MAX];
    for (size_t i = 0; i < count; i++)
        lane[i] = taken[i]->lane;
    md5_lanes(lane, count);
    for (size_t i = 0; i < count; i++)
        taken[i]->lane = lane[i];
}

static void hash_first_locked(struct md5_queue *queue) SR_REQUIRES(queue->lock)
{
    struct md5_queue_entry *taken[MD5_LANES_MAX];
    const size_t count = take_first(queue, taken);
    sr_unlock(&queue->lock);
    hash(taken, count);
    sr_lock(&queue->lock);
    for (size_t i = 0; i < count; i++) {
        taken[i]->done = true;
        if (taken[i]->failure.code != SR_OK)
            queue->synced.sending--;
    }
    sr_cond_broadcast(&queue->changed);
}

bool md5_queue_digest(struct md5_queue *queue, const void *data, size_t bytes,
                      uint8_t digest[SR_MD5_BYTES], struct sr_err *err)
{
    struct md5_queue_entry entry = { .lane = { .data = data, .bytes = bytes } };
    sr_lock(&queue->lock);
    add_last(queue, &entry);
    while (!entry.done) {
        if (is_ready(queue))
            hash_first_locked(queue);
        else
            sr_cond_wait(&queue->changed, &queue->lock);
    }
    sr_unlock(&queue->lock);
    if (entry.failure.code != SR_OK) {
        *err = entry.failure;
        return false;
    }
    memcpy(digest, entry.lane.digest, SR_MD5_BYTES);
    return true;
}

void md5_queue_sent(struct md5_queue *queue)
{
    sr_lock(&queue->lock);
    assert(queue->synced.sending > 0);
    queue->synced.sending--;
    if (is_ready(queue))
        sr_cond_broadcast(&queue->changed);
    sr_unlock(&queue->lock);
}

size_t md5_queue_waiting(struct md5_queue *queue)
{
    sr_lock(&queue->lock);
    const size_t waiting = queue->synced.waiting;
    sr_unlock(&queue->lock);
    return waiting;
}
