// storage/s3_xml.h - the few S3 replies that we read, and the few documents that we send.
#pragma once

#include "base/str.h"
#include "storage/blob.h"

struct s3_error {
    char code[64];  // "" when the document is no error
    char message[160];
    char region[65];  // the bucket's, when the request went to another
};
// Never fails: what cannot be read is no error document.
struct s3_error s3_xml_error(const char *text, size_t bytes);

// The first element of that name, wherever it is. Errors: INVALID (not there, too long, not XML).
SR_MUST_USE bool s3_xml_value(const char *text, size_t bytes, const char *name, char *value,
                              size_t capacity, struct sr_err *err);
// ListObjectsV2; `page->next` is the token.
SR_MUST_USE bool s3_xml_page(const char *text, size_t bytes, struct blob_page *page,
                             struct sr_err *err);
// ListMultipartUploads.
SR_MUST_USE bool s3_xml_uploads(const char *text, size_t bytes, struct blob_uploads *uploads,
                                struct sr_err *err);
// ListParts; adds to `parts`.
SR_MUST_USE bool s3_xml_parts(const char *text, size_t bytes, struct blob_parts *parts,
                              bool *ret_more, struct sr_err *err);
SR_MUST_USE bool s3_xml_tags(const char *text, size_t bytes, struct blob_pairs *tags,
                             struct sr_err *err);

// With the parts' checksums in elements of the name `checksum`; NULL: without.
SR_MUST_USE bool s3_xml_add_complete(struct sr_str *out, const struct blob_parts *parts,
                                     const char *checksum, struct sr_err *err);
SR_MUST_USE bool s3_xml_add_delete(struct sr_str *out, const char *const *keys, size_t count,
                                   struct sr_err *err);
SR_MUST_USE bool s3_xml_add_tags(struct sr_str *out, const struct blob_pairs *tags,
                                 struct sr_err *err);

// "2026-11-22T15:04:05.123Z" or "Sun, 22 Nov 2026 15:04:05 GMT"; 0 when it is neither.
int64_t s3_xml_time(const char *text);
