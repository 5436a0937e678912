// service/server_priv.h - the inside of a server, shared by server*.c.
#pragma once

#include <microhttpd.h>

#include "base/str.h"
#include "base/thread.h"
#include "service/server.h"

enum peer_state { PEER_RECEIVES, PEER_WAITS, PEER_IS_SENT_TO };

// A connection, from accept to close; its socket is open for as long as it is in the list.
struct server_peer {
    struct server_peer *before, *after;
    int fd;
    enum peer_state state;
    int64_t since_us;          // monotonic: in this state
    struct server_call *call;  // PEER_WAITS: whose connection is suspended
    bool is_loopback;
    char remote[64];
};

enum call_state {
    CALL_RECEIVED,  // being read
    CALL_RUNNING,   // inside `handle`
    CALL_WAITING,   // its connection is suspended
    CALL_ANSWERED,  // there is a response to be sent
    CALL_PAUSED,    // so far it is sent; its connection is suspended until more comes
    CALL_GONE,      // nobody is there to read one
};

struct server_call {
    struct server *server;
    struct server_peer *peer;           // NULL once its connection has let go of it
    struct MHD_Connection *connection;  // the same
    enum call_state state;
    bool begun, counted, is_long, has_answer, sent;
    unsigned owner_count;  // its connection, and who owes the answer
    struct MHD_Response *response;
    int status;
    void *from_handle;
    char *uri;  // as sent; the query is cut off behind `path`
    char *query;
    char *body;
    size_t size, room;
    uint64_t seen_bytes;  // of the body, also those that were not kept
    int refused_status;
    struct sr_err refused;
    int64_t started_us;
    char id[SR_ID_TEXT];
    struct {
        bool is_on, is_whole;
        struct sr_str text;  // not taken by the library yet: from `at` on
        size_t at;
    } stream;  // under the server's lock
};

struct server {
    struct server_params params;
    struct MHD_Daemon *daemon;
    unsigned port;
    struct sr_mutex lock;
    struct sr_cond changed;  // a call is over
    struct {
        struct server_peer *first;
        unsigned connections, open, open_long;  // open: calls from `handle` to the last byte
        uint64_t requests, gone;
        size_t body_bytes;
        bool draining;
    } synced;  // under `lock`, as is each call's state and its owner_count
};

// One of a call's two owners lets go; the last one ends it.
void server_call_release(struct server_call *call);
// The headers of an answer. False: no memory.
SR_MUST_USE bool server_add_headers(const struct server_call *call,
                                    const struct server_answer *answer,
                                    struct MHD_Response *response);
// Hands the call its response. False: nobody is there, and the response is not taken.
SR_MUST_USE bool server_deliver_locked(struct server *server, struct server_call *call, int status,
                                       struct MHD_Response *response) SR_REQUIRES(server->lock);
// Whether the other end of a socket has closed it, or half of it: no client of ours does that
// while it waits for an answer.
bool server_peer_is_gone(int fd);
// A call that waits goes back to the library, with its response or, when gone, without.
void server_call_resume_locked(struct server *server, struct server_call *call,
                               enum call_state state) SR_REQUIRES(server->lock);
