// net/http_fake.h - an HTTP server on loopback inside a test program, which also knows how to
// misbehave.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "net/http_header.h"

enum { HTTP_FAKE_HEADERS_MAX = 64, HTTP_FAKE_BODY_MAX = 128 << 20 };

struct http_fake;

struct http_fake_request {
    const char *method;
    const char *target;  // path and query as they came
    struct http_header headers[HTTP_FAKE_HEADERS_MAX];
    size_t header_count;
    const char *body;  // of Content-Length; aws-chunked is not undone
    size_t body_bytes;
};

// What is answered. The zero value with a status is a whole answer without a body.
struct http_fake_reply {
    int status;
    char headers[4096];  // whole lines, each with its \r\n; Content-Length is added
    char *body;          // malloc'd; the fake frees it
    size_t body_bytes;
    bool cut;  // closes the connection after `cut_bytes` of the body
    size_t cut_bytes;
    bool stall;   // after `cut_bytes` of the body nothing more comes
    bool silent;  // not even a status: the connection is closed at once
    bool bare;    // the body without a head, as what is left of a wrong length
};

// Called on the connection's thread; any number at once.
typedef void (*http_fake_fn)(void *self, const struct http_fake_request *request,
                             struct http_fake_reply *reply);

// Listens on 127.0.0.1, on a port of the system's choice.
// Owns: the caller frees the fake, which closes every connection and waits for its threads.
SR_MUST_USE bool http_fake_new(http_fake_fn answer, void *self, struct http_fake **ret_fake,
                               struct sr_err *err);
void http_fake_free(struct http_fake *fake);
SR_DEFINE_AUTO(http_fake, struct http_fake, http_fake_free);

const char *http_fake_url(const struct http_fake *fake);  // "http://127.0.0.1:PORT"
uint16_t http_fake_port(const struct http_fake *fake);

// Fills in a reply: body is copied.
void http_fake_text(struct http_fake_reply *reply, int status, const char *text);
