#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/str.h"
#include "base/thread.h"

enum { THREADS_MAX = 1024 };

struct task {
    struct task *next;
    sr_pool_fn fn;
    void *arg;
};

struct member {
    struct sr_pool *pool;
    size_t index;
    struct sr_thread *thread;
};

struct sr_pool {
    struct sr_mutex lock;
    struct sr_cond changed;
    bool ready;  // lock and condition are made; set before the threads start
    struct {
        struct task *first, **last;  // not begun
        size_t unfinished;           // given and not ended
        bool closed;
    } synced;  // under `lock`
    size_t thread_count;
    struct member member[];
};

static struct task *next_task_locked(struct sr_pool *pool) SR_REQUIRES(pool->lock);
static struct task *next_task_locked(struct sr_pool *pool)
{
    while (!pool->synced.first && !pool->synced.closed)
        sr_cond_wait(&pool->changed, &pool->lock);
    if (pool->synced.closed)
        return NULL;
    struct task *const task = pool->synced.first;
    pool->synced.first = task->next;
    if (!task->next)
        pool->synced.last = &pool->synced.first;
    return task;
}

static void work(void *arg)
{
    const struct member *const member = arg;
    struct sr_pool *const pool = member->pool;
    sr_lock(&pool->lock);
    for (struct task *task; (task = next_task_locked(pool));) {
        sr_unlock(&pool->lock);
        task->fn(task->arg, member->index);
        free(task);
        sr_lock(&pool->lock);
        if (--pool->synced.unfinished == 0)
            sr_cond_broadcast(&pool->changed);
    }
    sr_unlock(&pool->lock);
}

// A thread's name keeps its number when the whole does not fit in 15 bytes.
static void name_member(const char *name, size_t index, char text[16])
{
    char number[16];
    sr_ignore(sr_format(number, sizeof(number), "-%u", (unsigned)index));  // at most 5 bytes
    const int room = 15 - (int)strnlen(number, 14);
    sr_ignore(sr_format(text, 16, "%.*s%s", room, name, number));
}

static bool start(struct sr_pool *pool, const char *name, size_t thread_count, struct sr_err *err)
{
    if (!sr_mutex_init(&pool->lock, err))
        return false;
    if (!sr_cond_init(&pool->changed, err)) {
        sr_mutex_done(&pool->lock);
        return false;
    }
    pool->ready = true;
    for (size_t i = 0; i < thread_count; i++) {
        struct member *const member = &pool->member[i];
        char text[16];
        name_member(name, i, text);
        *member = (struct member){ .pool = pool, .index = i };
        if (!sr_thread_start(text, work, member, &member->thread, err))
            return false;
        pool->thread_count++;
    }
    return true;
}

bool sr_pool_new(const char *name, size_t thread_count, struct sr_pool **ret_pool,
                 struct sr_err *err)
{
    if (thread_count == 0 || thread_count > THREADS_MAX)
        return sr_fail(err, SR_ERR_INVALID, "a pool of %zu threads, want 1..%d", thread_count,
                       THREADS_MAX);
    size_t bytes;  // fits: the count is small
    sr_ignore(sr_size_flex(sizeof(struct sr_pool), thread_count, sizeof(struct member), &bytes));
    sr_auto(sr_pool) struct sr_pool *pool = calloc(1, bytes);
    if (!pool)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a pool of %zu threads", thread_count);
    pool->synced.last = &pool->synced.first;
    if (!start(pool, name, thread_count, err))
        return false;
    *ret_pool = sr_take(pool);
    return true;
}

bool sr_pool_add(struct sr_pool *pool, sr_pool_fn fn, void *arg, struct sr_err *err)
{
    struct task *const task = malloc(sizeof(*task));
    if (!task)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a task");
    *task = (struct task){ .fn = fn, .arg = arg };
    sr_lock(&pool->lock);
    *pool->synced.last = task;
    pool->synced.last = &task->next;
    pool->synced.unfinished++;
    // One condition for both directions: a signal could wake the one that waits for the end.
    sr_cond_broadcast(&pool->changed);
    sr_unlock(&pool->lock);
    return true;
}

void sr_pool_wait(struct sr_pool *pool)
{
    sr_lock(&pool->lock);
    while (pool->synced.unfinished > 0)
        sr_cond_wait(&pool->changed, &pool->lock);
    sr_unlock(&pool->lock);
}

void sr_pool_free(struct sr_pool *pool)
{
    if (!pool)
        return;
    if (pool->ready) {
        sr_lock(&pool->lock);
        pool->synced.closed = true;
        sr_cond_broadcast(&pool->changed);
        sr_unlock(&pool->lock);
        for (size_t i = 0; i < pool->thread_count; i++)
            sr_thread_join(pool->member[i].thread);
        sr_cond_done(&pool->changed);
        sr_mutex_done(&pool->lock);
    }
    for (struct task *task = pool->synced.first; task;) {
        struct task *const next = task->next;
        free(task);
        task = next;
    }
    free(pool);
}
