// pipeline/batch_select.h - which sources a batch works on, and where the output of each goes.
#pragma once

#include "base/cancel.h"
#include "storage/blob_stores.h"

struct batch_item {
    char *source;         // a path or URL, for `run`
    char *path;           // below what was named, with '/' between its parts; else its last part
    uint64_t bytes;       // these three tell one version of it from another
    int64_t modified_us;  // since 1970
    char etag[BLOB_ETAG_BYTES];  // ""; files have none
};
struct batch_items {  // rising by path within each source
    struct batch_item *item;
    size_t count;
};
void batch_items_done(struct batch_items *items);
SR_DEFINE_AUTO_VALUE(batch_items, struct batch_items, batch_items_done);

enum { BATCH_ITEMS_MAX = 1000000, BATCH_LIST_BYTES_MAX = 64 << 20 };

// Patterns are fnmatch(3)'s, over `path`; one without '/' is also held against the last part.
struct batch_filter {
    const char *const *include;  // any of them; ends with NULL. NULL: names that end like media do
    const char *const *exclude;  // none of them; NULL: nothing
    int64_t newer_than_us;       // since 1970; 0: any
};

// Adds what `source` names: a file or object (whatever the filter's `include` is NULL for), a
// folder or "s3://bucket/prefix/" with all below it, a pattern ("films/*/a?.mov",
// "s3://bucket/in/*.mov"; '*' stays within a part), or "@FILE" with one of these on each line ("#"
// begins a comment; "@-" is standard input). Names that begin with a point are passed over, as are
// http(s) listings, which do not exist: such a URL is one object.
// Errors: NOT_FOUND (nothing has this name; a folder or pattern may hold nothing), LIMIT
//         (BATCH_ITEMS_MAX), INVALID, and what a listing meets.
SR_MUST_USE bool batch_select(struct blob_stores *stores, const char *source,
                              const struct batch_filter *filter, const struct sr_cancel *cancel,
                              struct batch_items *items, struct sr_err *err);

// "out/{path}.mp4", "s3://out/{name}/": {name} is the last part of the path without its ending,
// {path} all of it without its ending. The caller frees *ret_output.
// Errors: INVALID (neither of them, another {word}, a path with "." or ".." in it).
SR_MUST_USE bool batch_output(const char *pattern, const struct batch_item *item, char **ret_output,
                              struct sr_err *err);
