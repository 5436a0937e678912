// service/openapi.h - the description of the Jobs API for programs, as it is served at
// GET /v1/openapi.json.
#pragma once

#include <stddef.h>

// Spec: OpenAPI 3.1.0.
const char *openapi_text(size_t *ret_bytes);
