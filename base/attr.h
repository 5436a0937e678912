// base/attr.h - names for the compiler attributes this project uses.
#pragma once

#define SR_MUST_USE __attribute__((warn_unused_result))
// Ignores a result on purpose (say why beside it): gcc does not take a cast to void for that.
#define sr_ignore(call) ((void)!(call))
#define SR_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#define SR_CLEANUP(fn) __attribute__((cleanup(fn)))
#define SR_UNUSED __attribute__((unused))

// Lock annotations: clang's -Wthread-safety checks callers; gcc ignores them.
#if defined(__clang__)
#define SR_CAPABILITY(name) __attribute__((capability(name)))
#define SR_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define SR_ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define SR_RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#define SR_NO_THREAD_SAFETY __attribute__((no_thread_safety_analysis))
#else
#define SR_CAPABILITY(name)
#define SR_REQUIRES(...)
#define SR_ACQUIRE(...)
#define SR_RELEASE(...)
#define SR_NO_THREAD_SAFETY
#endif
