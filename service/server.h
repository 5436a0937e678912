// service/server.h - HTTP/1.1 over libmicrohttpd: whole requests in, answers out, at once or much
// later; a request that waits holds no thread.
#pragma once

#include <stdint.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/log.h"
#include "net/http_header.h"

struct server;
struct server_call;  // a request and its answer

enum {
    SERVER_HEADERS_MAX = 64,
    SERVER_HEAD_BYTES_MAX = 32 << 10,  // of one connection: request line and headers
};

// As it came, whole; borrowed until `handle` returns.
struct server_request {
    const char *method;
    const char *path;   // as sent, percent-encoded, begins with '/'
    const char *query;  // as sent, without '?'; NULL: none
    const struct http_header *headers;
    size_t header_count;
    const char *body;  // ends with a NUL that `size` does not count
    size_t size;
    const char *remote;  // "127.0.0.1:40112"
    bool remote_is_loopback;
    const char *id;         // x-amzn-RequestId of the answer
    int64_t started_us;     // monotonic: when its first line came
    struct sr_err refused;  // why the server itself does not want it; code SR_OK: it does
    int refused_status;     // HTTP: 413, 431, 503
};

struct server_answer {
    int status;
    const char *content_type;
    const char *body;  // copied
    size_t size;
    const char *allow;     // of a 405; NULL: none
    const char *location;  // of what was made; NULL: none
    bool close;            // the connection ends after it
};

struct server_limits {        // 0: the default
    size_t body_bytes_max;    // of one request: 4 MiB
    size_t bodies_bytes_max;  // of all requests at once: 256 MiB
    unsigned connection_max;  // 4096
    unsigned idle_s_max;      // without a byte either way: 60
    unsigned receive_s_max;   // for a whole request, from the connection or the last answer: 120
    unsigned send_s_max;      // for a whole answer: 300
    unsigned thread_count;    // 1
};

struct server_limits server_limits_default(void);

struct server_params {
    const struct sockaddr *address;  // borrowed for the call
    socklen_t address_bytes;
    const struct sr_clock *clock;  // borrowed
    const struct sr_log *log;      // borrowed; NULL: silent
    struct server_limits limits;
    // A request has come. Its answer is given with server_answer(), before this returns or later.
    // What it returns is handed to `done`.
    // Threads: the server's.
    void *(*handle)(void *self, struct server_call *call, const struct server_request *request);
    // It has been answered, and the answer was sent or nobody is there to read it (`sent` says
    // which): the last word about this call.
    // Threads: the server's, or that of server_answer().
    void (*done)(void *self, void *from_handle, bool sent);
    void *self;
};

// Binds and begins to serve.
// Errors:  INVALID (the address is not ours), CONFLICT (it is taken), DENIED, LIMIT, NETWORK,
//          NO_MEMORY.
SR_MUST_USE bool server_open(const struct server_params *params, struct server **ret_server,
                             struct sr_err *err);
// No more connections; those that are open get answers, and end with them.
void server_drain(struct server *server);
// Waits until all requests are answered and sent. False: `timeout_us` passed first. With
// `only_short`, calls that were marked by server_call_is_long() are not waited for.
SR_MUST_USE bool server_wait(struct server *server, bool only_short, int64_t timeout_us);
// Cuts what is still open. Every call must have been answered by then.
void server_close(struct server *server);
SR_DEFINE_AUTO(server, struct server, server_close);

// Answers a call, exactly once for each.
// False: the client has gone (or there is no memory), and nobody will read it.
// Threads: any.
SR_MUST_USE bool server_answer(struct server_call *call, const struct server_answer *answer);
// From inside `handle`: it waits for something that happens when it happens.
void server_call_is_long(struct server_call *call);

// --- answers whose end is not known when they begin ---

// Given, and not taken by the client yet; or one piece, whatever its length.
enum { SERVER_STREAM_BYTES_MAX = 64 << 10 };

// Begins one, in the place of server_answer(): the head, and what `head` has of a body. It holds no
// thread while nothing comes. A client that takes nothing for send_s_max is cut off.
// False: as server_answer(), and the call is over. True: it goes on until server_stream_end().
// Threads: any.
SR_MUST_USE bool server_stream(struct server_call *call, const struct server_answer *head);
enum server_stream_state {
    SERVER_STREAM_OPEN,
    SERVER_STREAM_FULL,  // it would be more than the client may leave untaken; nothing was added
    SERVER_STREAM_GONE,  // nobody reads it, or the server drains: end it
};
// Adds the next piece, whole or not at all. Threads: any, one at a time for each call.
enum server_stream_state server_stream_add(struct server_call *call, const char *data,
                                           size_t bytes);
// The answer is whole, exactly once for each that began. What was added is still sent.
void server_stream_end(struct server_call *call);

// Ends connections that take longer than the limits, and calls whose client has gone. To be called
// about once a second, by one thread.
void server_sweep(struct server *server);

unsigned server_port(const struct server *server);
struct server_counts {
    unsigned connections, waiting;  // now; waiting: requests without an answer
    uint64_t requests, gone;        // since it was opened; gone: clients that did not stay
    size_t body_bytes;              // held now
};
struct server_counts server_counts(struct server *server);

// "Not Found"; NULL: it is no status of HTTP.
const char *server_status_text(int status);

// "127.0.0.1:8083", "[::1]:8083", "localhost:0", ":8083" (loopback): numbers, no names but
// localhost.
// Errors: INVALID.
SR_MUST_USE bool server_address(const char *text, struct sockaddr_storage *ret_address,
                                socklen_t *ret_bytes, struct sr_err *err);
bool server_is_loopback(const struct sockaddr *address);
