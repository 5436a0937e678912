// tests/random_flow.h - random definitions in Amazon States Language: all eight types of state.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/jx.h"
#include "statemachine/asl_intrinsic.h"

#define RANDOM_FLOW_PREFIX "arn:aws:states:eu:1"
#define RANDOM_FLOW_ACTIVITY RANDOM_FLOW_PREFIX ":activity:a"
#define RANDOM_FLOW_LAMBDA "arn:aws:lambda:eu:1:function:f"

struct random_flow {
    struct asl_random random;
    // How it ends depends neither on time nor on order: one error, tasks whose results are a
    // function of their payload (random_flow_work()), no chance in it, and whatever else goes wrong
    // is caught where it happens.
    bool settled;
    const char *child;  // ARN of a machine that tasks may start; NULL: none
    size_t name_count;  // begins as 0
};

uint64_t random_flow_draw(struct random_flow *flow, uint64_t below);
// A definition; `depth`: how deep Parallel and Map may nest. Every state keeps what
// random_flow_input() has.
json_t *random_flow_make(struct random_flow *flow, size_t depth);
json_t *random_flow_input(struct random_flow *flow);

enum random_flow_end {
    RANDOM_FLOW_WORKED,
    RANDOM_FLOW_FAILED,  // with the error "E"
    RANDOM_FLOW_HANGS,   // there is no answer
};
// What a task of a settled flow is to answer; *ret_result is a new reference when it WORKED.
enum random_flow_end random_flow_work(const json_t *payload, json_t **ret_result);
