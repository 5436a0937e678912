#include "transcode/media_cpu.h"

#include <libavutil/cpu.h>
#include <pthread.h>

#include "base/test.h"

static void flags_come_back(void **state)
{
    (void)state;
    const int before = av_get_cpu_flags();
    media_scalar_lock();
    assert_int_equal(av_get_cpu_flags(), 0);
    media_scalar_unlock();
    assert_int_equal(av_get_cpu_flags(), before);
}

static void forced_flags_stay_forced(void **state)
{
    (void)state;
    const int before = av_get_cpu_flags();
    av_force_cpu_flags(0);
    media_scalar_lock();
    media_scalar_unlock();
    assert_int_equal(av_get_cpu_flags(), 0);
    av_force_cpu_flags(before);
}

static void *open_plainly(void *seen)
{
    media_open_lock();
    *(int *)seen = av_get_cpu_flags();
    media_open_unlock();
    return NULL;
}

static void nobody_opens_with_masked_flags(void **state)
{
    (void)state;
    const int before = av_get_cpu_flags();
    pthread_t thread;
    int seen = -1;
    media_scalar_lock();
    assert_int_equal(pthread_create(&thread, NULL, open_plainly, &seen), 0);
    media_scalar_unlock();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(seen, before);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_come_back),
        cmocka_unit_test(forced_flags_stay_forced),
        cmocka_unit_test(nobody_opens_with_masked_flags),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
