// statemachine/asl_data.h - the input and output fields in JSONPath: InputPath to OutputPath,
// Assign, and the computed numbers.
#pragma once

#include "statemachine/asl_language.h"

// Puts a value into the trace under a name; nothing when there is no trace. False: out of memory.
bool asl_data_trace(struct asl_work *work, const char *name, const json_t *value);
// The bytes of a value as JSON text.
size_t asl_data_bytes(const json_t *value);
