#include "statemachine/engine_resource.h"

#include <string.h>

const struct engine_resource *engine_resource_find(const struct engine_resource *resources,
                                                   size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const char *pattern = resources[i].pattern;
        const size_t bytes = strlen(pattern);
        const bool prefix = bytes && pattern[bytes - 1] == '*';
        if (prefix ? strncmp(pattern, name, bytes - 1) == 0 : strcmp(pattern, name) == 0)
            return &resources[i];
    }
    return NULL;
}
