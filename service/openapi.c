#include "service/openapi.h"

#include "base/embed.h"

SR_EMBED(openapi_json, "service/openapi/openapi.json");

const char *openapi_text(size_t *ret_bytes)
{
    *ret_bytes = (size_t)(openapi_json_end - openapi_json);
    return openapi_json;
}
