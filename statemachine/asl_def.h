// statemachine/asl_def.h - a state machine's definition, parsed and found valid. Never changes, so
// any thread may read it.
#pragma once

#include <stdint.h>

#include "statemachine/asl_choice.h"
#include "statemachine/asl_path.h"
#include "statemachine/asl_retry.h"
#include "statemachine/asl_template.h"

enum asl_state_type {
    ASL_TASK,
    ASL_WAIT,
    ASL_PASS,
    ASL_SUCCEED,
    ASL_FAIL,
    ASL_CHOICE,
    ASL_PARALLEL,
    ASL_MAP,
    ASL_STATE_TYPE_COUNT,
};
const char *asl_state_type_name(enum asl_state_type type);

// InputPath, OutputPath, ResultPath.
struct asl_place {
    bool discards;          // null
    struct asl_path *path;  // NULL and not null: "$"
};

// A number written down, or a path to one.
struct asl_number {
    bool given;
    double value;
    struct asl_path *path;
};

enum asl_task_kind { ASL_TASK_LAMBDA, ASL_TASK_ACTIVITY, ASL_TASK_SERVICE };
enum asl_pattern { ASL_PATTERN_RESPONSE, ASL_PATTERN_SYNC, ASL_PATTERN_TOKEN };

struct asl_resource {
    enum asl_task_kind kind;
    enum asl_pattern pattern;
    char *arn;
    char *type;    // "lambda", "aws-sdk:s3"; NULL unless a service
    char *action;  // "invoke.waitForTaskToken"; NULL unless a service
};

struct asl_task {
    struct asl_resource resource;
    struct asl_number timeout_s, heartbeat_s;
    struct asl_template *credentials;
};

struct asl_wait {
    struct asl_number seconds;
    char *timestamp;
    struct asl_path *timestamp_path;
};

struct asl_fail_texts {
    char *error, *cause;
    struct asl_template *error_from,
        *cause_from;  // one member, "ErrorPath" or "CausePath": a path or an intrinsic function
};

struct asl_choice_option {
    struct asl_rule *rule;
    const char *next;
    struct asl_template *assign;
};

struct asl_choice {
    size_t count;
    struct asl_choice_option *options;
    const char *otherwise;  // Default; NULL: none
};

struct asl_flow;

struct asl_parallel {
    size_t count;
    struct asl_flow **branches;
};

struct asl_reader {  // ItemReader
    char *resource;
    json_t *config;  // ReaderConfig as written
    struct asl_template *parameters;
    struct asl_number items_max;
};

struct asl_writer {  // ResultWriter
    char *resource;
    json_t *config;
    struct asl_template *parameters;
};

struct asl_batcher {  // ItemBatcher
    struct asl_number items_max, bytes_max;
    struct asl_template *input;
};

struct asl_map {
    struct asl_flow *processor;
    bool distributed;
    bool express;  // child executions of a distributed map
    char *label;
    struct asl_path *items_path;
    struct asl_template *item_selector;
    struct asl_number concurrency_max;
    struct asl_number tolerated_count, tolerated_percentage;
    struct asl_reader *reader;
    struct asl_writer *writer;
    struct asl_batcher *batcher;
};

struct asl_language;

struct asl_state {
    char *name;
    enum asl_state_type type;
    const struct asl_language *language;
    const char *next;  // NULL: the flow ends here
    struct asl_place input_path, output_path, result_path;
    struct asl_template *parameters, *result_selector, *assign;
    size_t retrier_count, catcher_count;
    struct asl_retrier *retriers;
    struct asl_catcher *catchers;
    json_t *result;  // of a Pass; NULL: none
    union {
        struct asl_task task;
        struct asl_wait wait;
        struct asl_fail_texts fail;
        struct asl_choice choice;
        struct asl_parallel parallel;
        struct asl_map map;
    };
};

// What has StartAt and States: the machine, a branch, an item processor.
struct asl_flow {
    const char *start;
    size_t count;
    struct asl_state *states;
    json_t *index;  // name -> position
};
const struct asl_state *asl_flow_find(const struct asl_flow *flow, const char *name);
// Anywhere below the flow, too.
const struct asl_state *asl_flow_find_deep(const struct asl_flow *flow, const char *name);

struct asl_def {
    json_t *json;
    struct asl_flow *flow;
    int64_t timeout_s;  // 0: none
};
void asl_flow_free(struct asl_flow *flow);
void asl_def_free(struct asl_def *def);
SR_DEFINE_AUTO(asl_def, struct asl_def, asl_def_free);
SR_DEFINE_AUTO(asl_flow, struct asl_flow, asl_flow_free);

// Splits a task's Resource. False: it names nothing we know the form of.
SR_MUST_USE bool asl_resource_parse(const char *arn, struct asl_resource *ret_resource);
void asl_resource_done(struct asl_resource *resource);
