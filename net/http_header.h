// net/http_header.h - one header of a request or a reply, as a plain value.
#pragma once

#include <stddef.h>

struct http_header {
    const char *name;   // in any case; compared without regard to it
    const char *value;  // without the line's end
};

// The value of the first header of that name, or NULL.
const char *http_header_find(const struct http_header *headers, size_t count, const char *name);
