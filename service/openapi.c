#include "service/openapi.h"

#include <string.h>

#include "base/embed.h"

SR_EMBED(openapi_json, "service/openapi/openapi.json");

const char *openapi_text(size_t *ret_bytes)
{
    *ret_bytes = strlen(openapi_json);
    return openapi_json;
}
