// tests/fault_proxy.h - a TCP proxy inside a test that stands between a client and a server and
// spoils things.
#pragma once

#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

struct fault_proxy;

enum fault {
    FAULT_NONE,
    FAULT_REFUSE,  // the connection is closed as soon as it is made
    FAULT_503,     // an answer of the proxy's own, "503 SlowDown", then closed
    FAULT_500,
    FAULT_RESET_IN,   // after `bytes` from the client: both sides are reset
    FAULT_RESET_OUT,  // after `bytes` from the server: reset
    FAULT_CUT,        // after `bytes` from the server: closed in order, so that a body ends early
    FAULT_STALL_IN,   // after `bytes` from the client nothing moves any more
    FAULT_STALL_OUT,  // after `bytes` from the server
    FAULT_FLIP_IN,    // one bit of the client's byte number `bytes` is turned
    FAULT_LATENCY,    // 4 ms before each piece that is passed on
    FAULT_FAR,        // 50 ms before each piece of the client's
    FAULT_SLOW,       // small pieces
    FAULT_READER,     // small pieces, each taken late and through a small window
    FAULT_LONGER,     // Content-Length of what a GET gives says some bytes more than come
    FAULT_SHORTER,    // or less
    FAULT_COUNT,
};

struct fault_plan {
    enum fault fault;
    uint64_t bytes;
    unsigned every;  // connection that is hit: 1: each, 2: the first, third, fifth, ...
    unsigned burst;  // only of so many connections, the first ones; 0: of all
};

// Listens on a port of loopback and passes on to `port` of loopback.
SR_MUST_USE bool fault_proxy_new(unsigned port, struct fault_proxy **ret_proxy, struct sr_err *err);
void fault_proxy_free(struct fault_proxy *proxy);
SR_DEFINE_AUTO(fault_proxy, struct fault_proxy, fault_proxy_free);
const char *fault_proxy_url(const struct fault_proxy *proxy);
// For connections made from now on; counting begins anew.
void fault_proxy_plan(struct fault_proxy *proxy, struct fault_plan plan);
// Ends all connections that are open, in both directions. Gives how many.
unsigned fault_proxy_cut(struct fault_proxy *proxy);
uint64_t fault_proxy_bytes_in(struct fault_proxy *proxy);  // from clients, since the last plan
unsigned
fault_proxy_hits(struct fault_proxy *proxy);  // connections that were spoilt, since the last plan
