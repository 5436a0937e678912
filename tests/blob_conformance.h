// tests/blob_conformance.h - what every store must do, as tests that run over any of them.
#pragma once

#include "storage/blob.h"

// What a store is known not to do; its tests then expect UNSUPPORTED, or are left out.
enum blob_lack {
    BLOB_LACKS_ABORT = 1 << 0,  // abort, list of uploads, list of parts
    BLOB_LACKS_PART_COPY = 1 << 1,
    BLOB_LACKS_PART_CHECKS = 1 << 2,  // sizes and etags of parts are not looked at
    BLOB_LACKS_IF_MATCH = 1 << 3,     // of copies
    BLOB_LACKS_TAGS = 1 << 4,
    BLOB_LACKS_SLASHES = 1 << 5,  // keys with empty, "." or ".." parts, or a slash at an end
    BLOB_LACKS_NESTING = 1 << 6,  // "a" beside "a/b"
    BLOB_LACKS_LONG_KEYS = 1 << 7,
    BLOB_LACKS_PAGES = 1 << 8,        // pages of a listing that begin behind a given key
    BLOB_LACKS_ATTRS = 1 << 9,        // Cache-Control
    BLOB_LACKS_RANGE_ENDS = 1 << 10,  // ranges beyond the end
    BLOB_LACKS_ODD_COPIES = 1 << 11,  // copies of keys that must be encoded
    BLOB_LACKS_CHUNKS = 1 << 12,      // bodies in signed chunks
    BLOB_LACKS_SIGNATURES = 1 << 13,  // presigned URLs are believed
    BLOB_LACKS_CONDITIONS = 1 << 14,  // If-None-Match
};

struct blob_conformance {
    const char *name;  // of the store, in the tests' names
    struct blob blob;
    unsigned lacks;
};

// Runs all tests; gives the number that failed. Everything is put below "conformance/" and removed
// again.
int blob_conformance_run(struct blob_conformance *store);
