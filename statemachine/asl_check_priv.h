// statemachine/asl_check_priv.h - what the parts of the checker share.
#pragma once

#include "base/str.h"
#include "statemachine/asl_check.h"
#include "statemachine/asl_def.h"

enum asl_check_language { ASL_CHECK_JSONPATH, ASL_CHECK_JSONATA };

struct asl_checker {
    struct asl_faults *faults;
    enum asl_machine_type type;
    enum asl_check_language language;  // of the machine
    json_t *names;                     // every state name seen, an object
    size_t state_count;
    bool no_memory;
};

// A place in the definition, on the stack.
struct asl_at {
    const struct asl_at *parent;
    const char *key;  // NULL: an index
    size_t index;
    const json_t *value;
};

struct asl_at asl_at_key(const struct asl_at *at, const char *key);
struct asl_at asl_at_index(const struct asl_at *at, size_t index);
void asl_check_fault(struct asl_checker *checker, const struct asl_at *at, const char *code,
                     const char *format, ...) SR_PRINTF(4, 5);

// One field that an object may have.
struct asl_field {
    const char *name;
    unsigned states;  // bits of asl_state_type; 0 outside of states
    void (*check)(struct asl_checker *checker, const struct asl_at *at);
    bool required;
    bool jsonata;  // only with JSONata
};
#define ASL_BIT(type) (1u << (type))
#define ASL_BITS_ALL ((1u << ASL_STATE_TYPE_COUNT) - 1)

// Unknown fields, missing ones, and the check of each.
void asl_check_fields(struct asl_checker *checker, const struct asl_at *at,
                      const struct asl_field *fields, size_t count, unsigned state_bit,
                      bool jsonata);
// At most one of the two, or exactly one.
void asl_check_pair(struct asl_checker *checker, const struct asl_at *at, const char *a,
                    const char *b, bool required);

// Checks of single values (asl_check_value.c).
void asl_check_text_value(struct asl_checker *checker, const struct asl_at *at);
void asl_check_bool(struct asl_checker *checker, const struct asl_at *at);
void asl_check_anything(struct asl_checker *checker, const struct asl_at *at);
void asl_check_object(struct asl_checker *checker, const struct asl_at *at);
void asl_check_template(struct asl_checker *checker, const struct asl_at *at);
void asl_check_assign(struct asl_checker *checker, const struct asl_at *at);
void asl_check_path(struct asl_checker *checker, const struct asl_at *at);
void asl_check_path_or_null(struct asl_checker *checker, const struct asl_at *at);
void asl_check_result_path(struct asl_checker *checker, const struct asl_at *at);
void asl_check_expression(struct asl_checker *checker, const struct asl_at *at);
void asl_check_seconds(struct asl_checker *checker, const struct asl_at *at);
void asl_check_wait_seconds(struct asl_checker *checker, const struct asl_at *at);
void asl_check_positive(struct asl_checker *checker, const struct asl_at *at);
void asl_check_count(struct asl_checker *checker, const struct asl_at *at);
void asl_check_percentage(struct asl_checker *checker, const struct asl_at *at);
void asl_check_timestamp(struct asl_checker *checker, const struct asl_at *at);
void asl_check_resource(struct asl_checker *checker, const struct asl_at *at);
void asl_check_credentials(struct asl_checker *checker, const struct asl_at *at);
void asl_check_label(struct asl_checker *checker, const struct asl_at *at);

// Parts of states (asl_check_part.c).
void asl_check_retry(struct asl_checker *checker, const struct asl_at *at);
void asl_check_catch(struct asl_checker *checker, const struct asl_at *at);
void asl_check_choices(struct asl_checker *checker, const struct asl_at *at);
void asl_check_reader(struct asl_checker *checker, const struct asl_at *at);
void asl_check_writer(struct asl_checker *checker, const struct asl_at *at);
void asl_check_batcher(struct asl_checker *checker, const struct asl_at *at);
void asl_check_processor_config(struct asl_checker *checker, const struct asl_at *at);
