#include "transcode/media_cpu.h"

#include <assert.h>
#include <libavutil/cpu.h>
#include <pthread.h>

// Globals, against the house rule: libavutil keeps the flags in a global of its own, and this
// guards it.
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static int flags_before;  // under `opening`

void media_open_lock(void)
{
    const int failed = pthread_mutex_lock(&opening);
    assert(!failed);
    (void)failed;  // a default mutex fails only by our own bug
}

void media_open_unlock(void)
{
    const int failed = pthread_mutex_unlock(&opening);
    assert(!failed);
    (void)failed;
}

void media_scalar_lock(void)
{
    media_open_lock();
    flags_before = av_get_cpu_flags();
    av_force_cpu_flags(0);
}

void media_scalar_unlock(void)
{
    av_force_cpu_flags(flags_before);
    media_open_unlock();
}

void media_cpu_none(void)
{
    av_force_cpu_flags(0);
}
