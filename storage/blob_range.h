// storage/blob_range.h - replies to requests for a range, as S3 and plain HTTP servers give them.
#pragma once

#include "net/http.h"
#include "storage/blob.h"

// One range: what was asked for, and what the head of the reply promises.
struct blob_range {
    const struct blob_get *get;
    uint64_t total_bytes;   // of the object
    uint64_t expect_bytes;  // of the reply's body
};

enum { BLOB_RANGE_TEXT = 64 };
// "bytes=0-99"; false when the whole is meant and no header is needed.
bool blob_range_text(const struct blob_get *get, char text[BLOB_RANGE_TEXT]);
// Checks the head of a 2xx reply, before its body comes: bytes of another place, or of another
// length, must not come near the sink. `etag` is the reply's, "" when it has none.
SR_MUST_USE bool blob_range_accept(struct blob_range *range, const struct http_response *head,
                                   const char *etag, struct sr_err *err);
// After the reply: all that was promised has come. An answer of 416 is an empty one.
SR_MUST_USE bool blob_range_complete(struct blob_range *range, const struct http_response *reply,
                                     const char *etag, struct sr_err *err);
