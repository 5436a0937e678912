// pipeline/child_json.h - what operations on stores take and give, as JSON: both ends of the line
// between a worker and its child.
#pragma once

#include "base/jx.h"
#include "storage/blob.h"

// Each child_json_X() adds to an object under `key`; each child_json_get_X() reads it, and fails
// with INVALID. What a get_ fills is the caller's to free with its _done.
SR_MUST_USE bool child_json_text(json_t *object, const char *key, const char *text,
                                 struct sr_err *err);  // NULL: nothing
SR_MUST_USE bool child_json_number(json_t *object, const char *key, uint64_t number,
                                   struct sr_err *err);
SR_MUST_USE bool child_json_get_number(const struct jx *at, const char *key, uint64_t *ret,
                                       struct sr_err *err);

SR_MUST_USE bool child_json_pairs(json_t *object, const char *key, const struct blob_pairs *pairs,
                                  struct sr_err *err);
SR_MUST_USE bool child_json_get_pairs(const struct jx *at, const char *key, struct blob_pairs *ret,
                                      struct sr_err *err);

// Read, the texts are the document's, and `meta` is `*pairs`.
SR_MUST_USE bool child_json_attrs(json_t *object, const struct blob_attrs *attrs,
                                  struct sr_err *err);
SR_MUST_USE bool child_json_get_attrs(const struct jx *at, struct blob_pairs *pairs,
                                      struct blob_attrs *ret, struct sr_err *err);

SR_MUST_USE bool child_json_info(json_t *object, const struct blob_info *info, struct sr_err *err);
SR_MUST_USE bool child_json_get_info(const struct jx *at, struct blob_info *ret,
                                     struct sr_err *err);

SR_MUST_USE bool child_json_part(json_t *object, const struct blob_part *part, struct sr_err *err);
SR_MUST_USE bool child_json_get_part(const struct jx *at, struct blob_part *ret,
                                     struct sr_err *err);
SR_MUST_USE bool child_json_parts(json_t *object, const struct blob_parts *parts,
                                  struct sr_err *err);
SR_MUST_USE bool child_json_get_parts(const struct jx *at, struct blob_parts *ret,
                                      struct sr_err *err);

SR_MUST_USE bool child_json_uploads(json_t *object, const struct blob_uploads *uploads,
                                    struct sr_err *err);
SR_MUST_USE bool child_json_get_uploads(const struct jx *at, struct blob_uploads *ret,
                                        struct sr_err *err);
SR_MUST_USE bool child_json_page(json_t *object, const struct blob_page *page, struct sr_err *err);
SR_MUST_USE bool child_json_get_page(const struct jx *at, struct blob_page *ret,
                                     struct sr_err *err);

// {"error": {...}} in an answer. The second gives true when there is none, else raises it.
SR_MUST_USE bool child_json_err(json_t *object, const struct sr_err *why, struct sr_err *err);
SR_MUST_USE bool child_json_raise(const json_t *answer, struct sr_err *err);
