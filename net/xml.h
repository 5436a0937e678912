// net/xml.h - reads the small XML replies of AWS-compatible services, element by element.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { XML_DEPTH_MAX = 32, XML_PATH_BYTES = 512 };

// Both may be NULL. `path` is "Root/Child/Leaf" without name-space prefixes; false ends the parsing
// with the error.
struct xml_visitor {
    bool (*begin)(void *self, const char *path, struct sr_err *err);
    // At the element's end, with its own text (not its children's), entities resolved.
    bool (*end)(void *self, const char *path, const char *text, struct sr_err *err);
    void *self;
};

// Parses a whole document of `bytes` bytes. Attributes, comments and processing instructions are
// skipped.
// Errors: INVALID (not well-formed, a DOCTYPE, too deep), NO_MEMORY, what the visitor raises.
SR_MUST_USE bool xml_parse(const char *text, size_t bytes, const struct xml_visitor *visitor,
                           struct sr_err *err);

// Text as element content: < > & " ' and control characters become entities.
struct sr_str;
SR_MUST_USE bool xml_escape(const char *text, struct sr_str *out, struct sr_err *err);
