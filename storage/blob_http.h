// storage/blob_http.h - objects behind http and https URLs, to be read only.
#pragma once

#include "net/http.h"
#include "storage/blob.h"

struct blob_http_params {
    const char *base;   // URL that keys are added to: "https://host/folder/"
    struct http *http;  // borrowed until the store is closed; its policy says where one may go
    const struct sr_cancel *cancel;
};

// A key is added to the base percent-encoded. A base with a query (a presigned URL) has one object,
// whose key is "?". Redirects are followed, five at most. The server must answer to ranges and tell
// the size; where it gives an ETag, or else a date, an object that changes is found out.
// Owns:   the caller closes *ret_blob.
// Errors: INVALID (not an http URL), NO_MEMORY. No request is made.
SR_MUST_USE bool blob_http_open(const struct blob_http_params *params, struct blob *ret_blob,
                                struct sr_err *err);
#define BLOB_HTTP_WHOLE "?"
