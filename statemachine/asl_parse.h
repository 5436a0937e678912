// statemachine/asl_parse.h - a definition's JSON into struct asl_def.
#pragma once

#include "statemachine/asl_check.h"
#include "statemachine/asl_def.h"

// Checks first: when `*faults` is not empty at the end, *ret_def stays NULL and the call is a
// success.
// Owns:    *ret_def is the caller's, for asl_def_free().
// Errors:  NO_MEMORY.
// Threads: pure; any thread.
SR_MUST_USE bool asl_parse_text(const char *text, size_t bytes, enum asl_machine_type type,
                                struct asl_faults *faults, struct asl_def **ret_def,
                                struct sr_err *err);
// JSON that asl_check() found valid. Errors: INVALID where it is not after all; NO_MEMORY.
SR_MUST_USE bool asl_parse(const json_t *json, struct asl_def **ret_def, struct sr_err *err);
