#include "tests/faults/fault.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <sanitizer/common_interface_defs.h>

#include "base/jx.h"

// The wrappers have no argument to carry this in.
static struct {
    atomic_bool is_counting;
    _Atomic uint32_t threads;  // that have made a call
    struct fault_call call;    // set before counting starts
    struct fault_log *log;
    const char *_Atomic failed;
} fault;

static _Thread_local struct {
    bool is_known;
    uint32_t thread, count;
} own;

void fault_begin(struct fault_call call, struct fault_log *log)
{
    assert(atomic_load(&fault.threads) == 0);
    fault.call = call;
    fault.log = log;
    atomic_store(&fault.is_counting, true);
}

void fault_end(void)
{
    atomic_store(&fault.is_counting, false);
}

const char *fault_failed(void)
{
    return atomic_load(&fault.failed);
}

bool fault_now(const char *name)
{
    if (!atomic_load(&fault.is_counting))
        return false;
    if (!own.is_known) {
        own.is_known = true;
        own.thread = atomic_fetch_add(&fault.threads, 1);
        assert(own.thread < FAULT_THREADS_MAX);
    }
    own.count++;
    if (fault.log) {
        assert(own.count <= FAULT_CALLS_MAX);
        fault.log->names[own.thread][own.count - 1] = name;
        fault.log->counts[own.thread] = own.count;
    }
    if (own.thread != fault.call.thread || own.count != fault.call.number)
        return false;
    atomic_store(&fault.failed, name);
    if (getenv("FAULT_TRACE"))
        __sanitizer_print_stack_trace();
    return true;
}

void *__real_malloc(size_t bytes);  // not to be counted twice

static void *json_allocate(size_t bytes)
{
    return fault_now("json_malloc") ? NULL : __real_malloc(bytes);
}

void fault_wrap_jansson(void)
{
    json_set_alloc_funcs(json_allocate, free);
}
