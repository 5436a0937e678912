#include "base/thread.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/str.h"

bool sr_mutex_init(struct sr_mutex *mutex, struct sr_err *err)
{
    const int number = pthread_mutex_init(&mutex->native, NULL);
    return number == 0 || sr_fail_errno(err, number, "make a mutex");
}

void sr_mutex_done(struct sr_mutex *mutex)
{
    const int number = pthread_mutex_destroy(&mutex->native);
    assert(number == 0);  // EBUSY: somebody still holds it
    (void)number;
}

void sr_lock(struct sr_mutex *mutex) SR_NO_THREAD_SAFETY
{
    const int number = pthread_mutex_lock(&mutex->native);
    assert(number == 0);
    (void)number;
}

void sr_unlock(struct sr_mutex *mutex) SR_NO_THREAD_SAFETY
{
    const int number = pthread_mutex_unlock(&mutex->native);
    assert(number == 0);
    (void)number;
}

bool sr_cond_init(struct sr_cond *cond, struct sr_err *err)
{
    pthread_condattr_t attributes;
    int number = pthread_condattr_init(&attributes);
    if (number != 0)
        return sr_fail_errno(err, number, "make a condition");
    number = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (number == 0)
        number = pthread_cond_init(&cond->native, &attributes);
    (void)pthread_condattr_destroy(&attributes);  // cannot fail on Linux
    return number == 0 || sr_fail_errno(err, number, "make a condition");
}

void sr_cond_done(struct sr_cond *cond)
{
    (void)pthread_cond_destroy(&cond->native);  // cannot fail on Linux
}

void sr_cond_signal(struct sr_cond *cond)
{
    (void)pthread_cond_signal(&cond->native);  // cannot fail on Linux
}

void sr_cond_broadcast(struct sr_cond *cond)
{
    (void)pthread_cond_broadcast(&cond->native);  // cannot fail on Linux
}

void sr_cond_wait(struct sr_cond *cond, struct sr_mutex *mutex)
{
    const int number = pthread_cond_wait(&cond->native, &mutex->native);
    assert(number == 0);
    (void)number;
}

bool sr_cond_wait_us(struct sr_cond *cond, struct sr_mutex *mutex, int64_t timeout_us)
{
    enum { SECONDS_MAX = 1000000000 };  // 31 years: keeps the sum below in any time_t
    if (timeout_us <= 0)
        return false;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);  // exists on every Linux
    const int64_t seconds = timeout_us / 1000000;
    until.tv_sec += seconds < SECONDS_MAX ? seconds : SECONDS_MAX;
    until.tv_nsec += timeout_us % 1000000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return pthread_cond_timedwait(&cond->native, &mutex->native, &until) == 0;
}

struct sr_thread {
    pthread_t native;
    sr_thread_fn fn;
    void *arg;
    char name[16];  // with its NUL: the kernel's limit
};

static void *run(void *arg)
{
    struct sr_thread *const thread = arg;
    (void)pthread_setname_np(pthread_self(), thread->name);  // only a help in ps and gdb
    thread->fn(thread->arg);
    return NULL;
}

bool sr_thread_start(const char *name, sr_thread_fn fn, void *arg, struct sr_thread **ret_thread,
                     struct sr_err *err)
{
    struct sr_thread *const thread = calloc(1, sizeof(*thread));
    if (!thread)
        return sr_fail(err, SR_ERR_NO_MEMORY, "thread %s", name);
    thread->fn = fn;
    thread->arg = arg;
    sr_ignore(sr_format(thread->name, sizeof(thread->name), "%s", name));  // may be cut
    sigset_t all, before;
    (void)sigfillset(&all);  // the mask is inherited; neither call can fail with these arguments
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int number = pthread_create(&thread->native, NULL, run, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0) {
        free(thread);
        return sr_fail_errno(err, number, "start thread %s", name);
    }
    *ret_thread = thread;
    return true;
}

void sr_thread_join(struct sr_thread *thread)
{
    if (!thread)
        return;
    const int number = pthread_join(thread->native, NULL);
    assert(number == 0);  // EDEADLK: it joins itself
    (void)number;
    free(thread);
}
