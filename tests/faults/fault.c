#include "tests/faults/fault.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <sanitizer/common_interface_defs.h>

#include "base/jx.h"

// The wrappers have no argument to carry this in.
static struct {
    atomic_bool is_counting;
    _Atomic uint32_t count;
    uint32_t number;
    struct fault_log *log;
    const char *_Atomic failed;
} fault;

void fault_begin(uint32_t number, struct fault_log *log)
{
    fault.number = number;
    fault.log = log;
    atomic_store(&fault.count, 0);
    atomic_store(&fault.failed, NULL);
    atomic_store(&fault.is_counting, true);
}

uint32_t fault_end(void)
{
    atomic_store(&fault.is_counting, false);
    return atomic_load(&fault.count);
}

const char *fault_failed(void)
{
    return atomic_load(&fault.failed);
}

bool fault_now(const char *name)
{
    if (!atomic_load(&fault.is_counting))
        return false;
    const uint32_t number = atomic_fetch_add(&fault.count, 1) + 1;
    if (fault.log) {
        assert(number <= FAULT_CALLS_MAX);
        fault.log->names[number - 1] = name;
        fault.log->count = number;
    }
    if (number != fault.number)
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
