// base/thread.h - threads with names, and a mutex that clang's analysis understands.
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct SR_CAPABILITY("mutex") sr_mutex {
    pthread_mutex_t native;
};

SR_MUST_USE bool sr_mutex_init(struct sr_mutex *mutex, struct sr_err *err);
void sr_mutex_done(struct sr_mutex *mutex);
void sr_lock(struct sr_mutex *mutex) SR_ACQUIRE(*mutex);
void sr_unlock(struct sr_mutex *mutex) SR_RELEASE(*mutex);

struct sr_cond {
    pthread_cond_t native;  // on CLOCK_MONOTONIC
};

SR_MUST_USE bool sr_cond_init(struct sr_cond *cond, struct sr_err *err);
void sr_cond_done(struct sr_cond *cond);
void sr_cond_signal(struct sr_cond *cond);
void sr_cond_broadcast(struct sr_cond *cond);
void sr_cond_wait(struct sr_cond *cond, struct sr_mutex *mutex) SR_REQUIRES(*mutex);
// False when `timeout_us` passed first.
bool sr_cond_wait_us(struct sr_cond *cond, struct sr_mutex *mutex, int64_t timeout_us)
    SR_REQUIRES(*mutex);

typedef void (*sr_thread_fn)(void *arg);
struct sr_thread;
// One owner joins it; joining frees it (NULL: nothing). `name` is cut to 15 bytes
// (pthread_setname_np). All signals are blocked in it, so that the main thread gets them; who
// starts a process from it sets the mask anew.
SR_MUST_USE bool sr_thread_start(const char *name, sr_thread_fn fn, void *arg,
                                 struct sr_thread **ret_thread, struct sr_err *err);
void sr_thread_join(struct sr_thread *thread);
