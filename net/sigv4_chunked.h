// net/sigv4_chunked.h - a body in signed chunks ("aws-chunked"), to be read from any place, as a
// retry on another connection does.
#pragma once

#include "net/sigv4.h"

enum { SIGV4_CHUNK_BYTES = 128 << 10 };  // of every chunk but the last

struct sigv4_chunked;

// Signs every chunk of the body now; reading then only copies.
// Owns:    the caller frees *ret; `data` is borrowed until then.
// Threads: any, once it is made.
// Spec:    S3 "Transferring payload in multiple chunks": the seed is the request's own signature, made
//          with SIGV4_STREAMING for its payload hash.
SR_MUST_USE bool sigv4_chunked_new(const struct sigv4_params *params, const char *seed_signature,
                                   const void *data, size_t bytes, struct sigv4_chunked **ret,
                                   struct sr_err *err);
void sigv4_chunked_free(struct sigv4_chunked *chunked);
SR_DEFINE_AUTO(sigv4_chunked, struct sigv4_chunked, sigv4_chunked_free);

// Length on the wire of `bytes`; for Content-Length.
uint64_t sigv4_chunked_bytes(uint64_t bytes);
// `bytes` of the wire's from `offset` on; both lie within its length.
void sigv4_chunked_read(const struct sigv4_chunked *chunked, uint64_t offset, void *buffer,
                        size_t bytes);
