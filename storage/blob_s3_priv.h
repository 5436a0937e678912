// storage/blob_s3_priv.h - what the files of blob_s3 share.
#pragma once

#include <stdatomic.h>

#include "base/hash.h"
#include "base/str.h"
#include "base/thread.h"
#include "storage/blob_s3.h"
#include "storage/md5_queue.h"
#include "storage/s3_xml.h"

enum {
    BLOB_S3_HEADERS_MAX = 24,
    BLOB_S3_REPLY_BYTES = 16 << 20,
    BLOB_S3_CLEAN_UP_US = 10000000,
};

struct blob_s3 {
    struct blob_s3_params params;
    char *bucket;
    char *endpoint;  // NULL: AWS
    struct sr_mutex lock;
    char region[65];            // under `lock`: a redirect may change it
    struct md5_queue md5s;      // of objects and parts that go out
    atomic_bool no_conditions;  // the server refuses If-None-Match: looking first must do
};

struct blob_s3_call {
    const char *method;
    const char *key;    // NULL: the bucket
    const char *query;  // encoded, without '?'; NULL: none
    struct http_header headers[BLOB_S3_HEADERS_MAX];
    size_t header_count;
    const void *body;
    size_t body_bytes;
    bool with_md5;       // Content-MD5 of the body
    bool is_content;     // the body is an object's or a part's: the reply must say that it has it
    bool range_may_end;  // 416 is an empty answer
    bool error_in_200;   // the body of a 200 must be read for an error
    bool cleans_up;      // is made also after the store's user was asked to stop, but not for long
    http_accept_fn accept;
    http_sink_fn sink;
    // Of a 2xx reply with its body: what fails here is tried again like all else. May be NULL.
    bool (*complete)(void *self, const struct http_response *reply, struct sr_err *err);
    void *self;  // of accept, sink and complete
    // filled in by blob_s3_run()
    struct blob_s3 *s3;
    char payload_hash[SR_SHA256_HEX];
    char md5_hex[2 * SR_MD5_BYTES + 1];
    char md5_base64[BLOB_CHECKSUM_BYTES];
    bool sends_md5;  // as a header
    bool is_queued;  // counts in s3->md5s as being sent
    char checksum[BLOB_CHECKSUM_BYTES];
    bool is_chunked;
    char decoded_bytes[24];
    struct sigv4_chunked *chunked;  // of this attempt
    char access_key[129];           // that signed the last attempt
};

void blob_s3_header(struct blob_s3_call *call, const char *name, const char *value);
SR_MUST_USE bool blob_s3_run(struct blob_s3 *s3, struct blob_s3_call *call,
                             struct http_response *ret, struct sr_err *err);
// "scheme://host/path" of a key, or of the bucket when it is NULL.
SR_MUST_USE bool blob_s3_url(struct blob_s3 *s3, const char *key, struct sr_str *out,
                             struct sr_err *err);
// blob_s3_check.c: digests of the body, as headers of the call or for the signature.
SR_MUST_USE bool blob_s3_hash_body(struct blob_s3_call *call, struct sr_err *err);
// Whether the store has what was sent. Errors: NETWORK (other bytes), UNSUPPORTED.
SR_MUST_USE bool blob_s3_check_content(struct blob_s3_call *call, const struct http_response *reply,
                                       struct sr_err *err);
// "ChecksumCRC32C": of a part in XML; NULL: parts have none.
const char *blob_s3_checksum_element(const struct blob_s3 *s3);
bool blob_s3_tells_checksum(const struct blob_s3 *s3, const struct http_response *reply);
void blob_s3_checksum_begin(const struct blob_s3 *s3, struct blob_s3_call *call);
// A sum of a body that comes in; *ret stays NULL when the head names none.
struct blob_s3_sum;
SR_MUST_USE bool blob_s3_sum_begin(const struct http_response *head, struct blob_s3_sum **ret,
                                   struct sr_err *err);
void blob_s3_sum_add(struct blob_s3_sum *sum, const void *data, size_t bytes);
SR_MUST_USE bool blob_s3_sum_check(struct blob_s3_sum *sum, struct sr_err *err);
void blob_s3_sum_free(struct blob_s3_sum *sum);
SR_DEFINE_AUTO(blob_s3_sum, struct blob_s3_sum, blob_s3_sum_free);

void blob_s3_region(struct blob_s3 *s3, char region[65]);
SR_MUST_USE bool blob_s3_sign_query(struct blob_s3 *s3, const char *method, const char *key,
                                    int64_t expires_s, char **ret_url, struct sr_err *err);

SR_MUST_USE bool blob_s3_etag(const struct http_response *reply, char etag[BLOB_ETAG_BYTES],
                              struct sr_err *err);
// Headers of attributes; the texts live in `meta` until the call is done.
SR_MUST_USE bool blob_s3_add_attrs(struct blob_s3_call *call, const char *key,
                                   const struct blob_attrs *attrs,
                                   struct sr_str meta[BLOB_S3_HEADERS_MAX], struct sr_err *err);
// Fails with EXISTS when the key is there and must not be.
SR_MUST_USE bool blob_s3_check_absent(struct blob_s3 *s3, const char *key,
                                      const struct blob_attrs *attrs, struct sr_err *err);
// Runs a call that must not replace what is there (with attrs->if_absent): EXISTS when it is. A
// server that knows no condition is asked again without.
SR_MUST_USE bool blob_s3_run_absent(struct blob_s3 *s3, struct blob_s3_call *call,
                                    const struct blob_attrs *attrs, struct http_response *ret,
                                    struct sr_err *err);
// Fails with CONFLICT when a copy's source is not the one that is meant.
SR_MUST_USE bool blob_s3_check_source(struct blob_s3 *s3, const char *key, const char *if_match,
                                      struct sr_err *err);
// Puts quotes around an ETag that has none, in place; true, so that it ends a chain. Room for two.
bool blob_s3_quote(char *etag);
SR_MUST_USE bool blob_s3_add_copy_source(struct blob_s3 *s3, const char *key, struct sr_str *out,
                                         struct sr_err *err);

bool blob_s3_head(void *self, const char *key, struct blob_info *ret, struct sr_err *err);
bool blob_s3_list(void *self, const struct blob_list *list, struct blob_page *ret,
                  struct sr_err *err);
bool blob_s3_remove(void *self, const char *const *keys, size_t count, struct sr_err *err);
bool blob_s3_tags_get(void *self, const char *key, struct blob_pairs *ret, struct sr_err *err);
bool blob_s3_tags_set(void *self, const char *key, const struct blob_pairs *tags,
                      struct sr_err *err);
bool blob_s3_upload_begin(void *self, const char *key, const struct blob_attrs *attrs,
                          struct blob_upload *ret, struct sr_err *err);
bool blob_s3_upload_part(void *self, const struct blob_upload *upload, uint32_t number,
                         const void *data, size_t bytes, struct blob_part *ret, struct sr_err *err);
bool blob_s3_upload_copy(void *self, const struct blob_upload *upload, uint32_t number,
                         const struct blob_source *from, struct blob_part *ret, struct sr_err *err);
bool blob_s3_upload_parts(void *self, const struct blob_upload *upload, struct blob_parts *ret,
                          struct sr_err *err);
bool blob_s3_upload_finish(void *self, const struct blob_upload *upload,
                           const struct blob_parts *parts, const struct blob_attrs *attrs,
                           char ret_etag[BLOB_ETAG_BYTES], struct sr_err *err);
bool blob_s3_upload_abort(void *self, const struct blob_upload *upload, struct sr_err *err);
bool blob_s3_uploads(void *self, const char *prefix, const struct blob_upload *after,
                     struct blob_uploads *ret, struct sr_err *err);
