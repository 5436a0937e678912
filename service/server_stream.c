// Answers in pieces: the library asks for the next one, and is suspended while there is none.
#include <stdlib.h>
#include <string.h>

#include "service/server_priv.h"

enum { BLOCK_BYTES = 8 << 10 };

static size_t left(const struct server_call *call)
{
    return call->stream.text.bytes - call->stream.at;
}

// Threads: the server's.
static ssize_t take(void *self, uint64_t position, char *buffer, size_t room)
{
    struct server_call *const call = self;
    struct server *const server = call->server;
    ssize_t taken = 0;
    (void)position;
    sr_lock(&server->lock);
    const size_t bytes = left(call) < room ? left(call) : room;
    if (call->state == CALL_GONE) {
        taken = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (bytes > 0) {
        memcpy(buffer, call->stream.text.text + call->stream.at, bytes);
        call->stream.at += bytes;
        call->peer->since_us = sr_clock_monotonic_us(server->params.clock);
        taken = (ssize_t)bytes;
    } else if (call->stream.is_whole) {
        taken = MHD_CONTENT_READER_END_OF_STREAM;
    } else {  // under the lock, so that what is added next finds it suspended
        call->state = CALL_PAUSED;
        call->peer->state = PEER_WAITS;
        call->peer->call = call;
        MHD_suspend_connection(call->connection);
    }
    sr_unlock(&server->lock);
    return taken;
}

static struct MHD_Response *make_response(struct server_call *call,
                                          const struct server_answer *head)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, take, call, NULL);
    if (!response || server_add_headers(call, head, response))
        return response;
    MHD_destroy_response(response);
    return NULL;
}

bool server_stream(struct server_call *call, const struct server_answer *head)
{
    struct server *const server = call->server;
    struct sr_err err = { 0 };  // without memory nobody is told
    struct MHD_Response *response = make_response(call, head);
    if (response && !sr_str_add_bytes(&call->stream.text, head->body, head->size, &err)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    sr_lock(&server->lock);
    call->stream.is_on = true;
    const bool begun = server_deliver_locked(server, call, head->status, response);
    sr_unlock(&server->lock);
    if (begun)
        return true;
    if (response)
        MHD_destroy_response(response);
    server_call_release(call);
    return false;
}

static enum server_stream_state add_locked(struct server_call *call, const char *data, size_t bytes)
    SR_REQUIRES(call->server->lock);
static enum server_stream_state add_locked(struct server_call *call, const char *data, size_t bytes)
{
    struct sr_str *const text = &call->stream.text;
    struct sr_err err = { 0 };
    if (call->state == CALL_GONE || call->server->synced.draining)
        return SERVER_STREAM_GONE;
    // To a client that has taken everything also what is longer: later it would be no less.
    if (left(call) > 0 &&
        (bytes > SERVER_STREAM_BYTES_MAX || left(call) > SERVER_STREAM_BYTES_MAX - bytes))
        return SERVER_STREAM_FULL;
    if (call->stream.at > 0) {
        memmove(text->text, text->text + call->stream.at, left(call));
        text->bytes -= call->stream.at;
        call->stream.at = 0;
    }
    if (!sr_str_add_bytes(text, data, bytes, &err))
        return SERVER_STREAM_FULL;  // there may be memory later
    if (call->state == CALL_PAUSED)
        server_call_resume_locked(call->server, call, CALL_ANSWERED);
    return SERVER_STREAM_OPEN;
}

enum server_stream_state server_stream_add(struct server_call *call, const char *data, size_t bytes)
{
    sr_lock(&call->server->lock);
    const enum server_stream_state state = add_locked(call, data, bytes);
    sr_unlock(&call->server->lock);
    return state;
}

void server_stream_end(struct server_call *call)
{
    sr_lock(&call->server->lock);
    call->stream.is_whole = true;
    if (call->state == CALL_PAUSED)
        server_call_resume_locked(call->server, call, CALL_ANSWERED);
    sr_unlock(&call->server->lock);
    server_call_release(call);
}
