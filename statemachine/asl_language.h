// statemachine/asl_language.h - a query language: how a state turns input into arguments and
// results into output.
#pragma once

#include "statemachine/asl_def.h"
#include "statemachine/asl_error.h"

// One state at work. Values it gives back may share parts with each other: none is changed in
// place.
struct asl_work {
    const struct asl_state *state;
    struct asl_scope scope;  // `input` is the state's raw input
    struct asl_random *random;
    json_t *trace;  // an object that gets every intermediate value (TestState); NULL: none
    struct asl_failure *failure;  // set when a call gives false; without a name: out of memory
};

enum asl_number_field {
    ASL_NUMBER_TIMEOUT,
    ASL_NUMBER_HEARTBEAT,
    ASL_NUMBER_CONCURRENCY,
    ASL_NUMBER_TOLERATED_COUNT,
    ASL_NUMBER_TOLERATED_PERCENTAGE,
    ASL_NUMBER_BATCH_ITEMS,
    ASL_NUMBER_BATCH_BYTES,
    ASL_NUMBER_READER_ITEMS
};

// The seam between the fold and a query language: a second one is one more of these.
struct asl_language {
    const char *name;
    // What the state works on: a task's payload, the input of branches, what a Map takes its items
    // from.
    bool (*arguments)(struct asl_work *work, json_t **ret_arguments);
    // From a result to the state's output, and the variables it assigns (*ret_assigned stays NULL
    // when there are none).
    bool (*output)(struct asl_work *work, const json_t *arguments, json_t *result,
                   json_t **ret_output, json_t **ret_assigned);
    // *ret_option is the index of the first option that applies, or the number of options.
    bool (*choose)(struct asl_work *work, size_t *ret_option);
    bool (*choice_output)(struct asl_work *work, size_t option, json_t **ret_output,
                          json_t **ret_assigned);
    // From an error to the input of the state that a catcher names.
    bool (*caught)(struct asl_work *work, const struct asl_catcher *catcher, json_t *error,
                   json_t **ret_output, json_t **ret_assigned);
    // A number that may be computed; *ret is left alone when the field is not there.
    bool (*number)(struct asl_work *work, const json_t *arguments, enum asl_number_field field,
                   double *ret);
    // When a Wait ends: microseconds since 1970.
    bool (*wait_until)(struct asl_work *work, int64_t now_us, int64_t *ret_until_us);
    // A Fail's texts; NULL when there is none. The caller frees them.
    bool (*fail_texts)(struct asl_work *work, char **ret_error, char **ret_cause);
    // A Map's items: an array.
    bool (*items)(struct asl_work *work, const json_t *arguments, json_t **ret_items);
    // The input of one iteration; the scope's context object holds Map.Item.
    bool (*item)(struct asl_work *work, const json_t *arguments, json_t *value, json_t **ret_input);
    // A template beside the main flow: Credentials, an ItemReader's Parameters, BatchInput.
    bool (*evaluate)(struct asl_work *work, const json_t *arguments,
                     const struct asl_template *template, json_t **ret_value);
};

extern const struct asl_language asl_jsonpath;  // asl_data.c
// NULL: not known, or not supported yet.
const struct asl_language *asl_language_find(const char *name);
