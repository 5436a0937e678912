// base/auto.h - scope-owned pointers: a local that owns something says so where it is born.
#pragma once

#include "base/attr.h"

// Declares how `sr_auto(name)` frees: `free_fn(T *)` is called at the end of the scope, also with
// NULL. Use after the type's header: SR_DEFINE_AUTO(segment_plan, struct segment_plan,
// segment_plan_free);
#define SR_DEFINE_AUTO(name, type, free_fn)                                                        \
    static inline void sr_auto_##name(type **place)                                                \
    {                                                                                              \
        free_fn(*place);                                                                           \
    }                                                                                              \
    struct sr_auto_##name##_needs_a_semicolon

// The same for libraries whose free function takes a pointer to the pointer (av_frame_free).
#define SR_DEFINE_AUTO_P(name, type, free_fn)                                                      \
    static inline void sr_auto_##name(type **place)                                                \
    {                                                                                              \
        free_fn(place);                                                                            \
    }                                                                                              \
    struct sr_auto_##name##_needs_a_semicolon

// The same for a plain value that is cleaned in place: `done_fn(T *)`.
#define SR_DEFINE_AUTO_VALUE(name, type, done_fn)                                                  \
    static inline void sr_auto_##name(type *place)                                                 \
    {                                                                                              \
        done_fn(place);                                                                            \
    }                                                                                              \
    struct sr_auto_##name##_needs_a_semicolon

#define sr_auto(name) SR_CLEANUP(sr_auto_##name)

// Moves a pointer out of its owner: gives its value and leaves NULL behind.
#define sr_take(pointer)                                                                           \
    __extension__({                                                                                \
        __auto_type const sr_place_ = &(pointer);                                                  \
        __auto_type const sr_value_ = *sr_place_;                                                  \
        *sr_place_ = NULL;                                                                         \
        sr_value_;                                                                                 \
    })
