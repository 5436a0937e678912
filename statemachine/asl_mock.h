// statemachine/asl_mock.h - the shape of what AWS services answer, to check a mocked task result
// against.
#pragma once

#include "base/jx.h"
#include "base/str.h"
#include "statemachine/asl_def.h"

enum asl_mock_mode { ASL_MOCK_STRICT, ASL_MOCK_PRESENT, ASL_MOCK_NONE };

// False with the reason in `*ret_reason` (the caller frees it) when the result cannot have come
// from the service. Services that the table does not know are not checked. STRICT wants required
// fields, too.
bool asl_mock_fits(const struct asl_resource *resource, const json_t *result,
                   enum asl_mock_mode mode, char **ret_reason);
