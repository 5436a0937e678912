#include "service/server.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/str.h"
#include "service/server_priv.h"

// What is read of a body that is too large, so that the client hears why instead of a reset.
enum { DISCARD_FACTOR = 8 };

// --- connections ---

static void name_peer(struct server_peer *peer, const struct sockaddr *address)
{
    char host[48], port[8];
    const socklen_t bytes =
        address->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    peer->is_loopback = server_is_loopback(address);
    if (getnameinfo(address, bytes, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        (void)snprintf(peer->remote, sizeof peer->remote, "unknown");
    else
        (void)snprintf(peer->remote, sizeof peer->remote,
                       address->sa_family == AF_INET ? "%s:%s" : "[%s]:%s", host, port);
}

static int64_t now_us(const struct server *server)
{
    return sr_clock_monotonic_us(server->params.clock);
}

static void peer_opened(struct server *server, struct MHD_Connection *connection, void **context)
{
    struct server_peer *peer = calloc(1, sizeof *peer);
    *context = peer;
    if (!peer)
        return;  // its first request is then refused
    peer->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    name_peer(peer,
              MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    peer->since_us = now_us(server);
    sr_lock(&server->lock);
    peer->after = server->synced.first;
    if (peer->after)
        peer->after->before = peer;
    server->synced.first = peer;
    server->synced.connections++;
    sr_unlock(&server->lock);
}

static void peer_closed(struct server *server, struct server_peer *peer)
{
    if (!peer)
        return;
    sr_lock(&server->lock);
    if (peer->after)
        peer->after->before = peer->before;
    *(peer->before ? &peer->before->after : &server->synced.first) = peer->after;
    server->synced.connections--;
    sr_unlock(&server->lock);
    free(peer);
}

static void on_connection(void *self, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        peer_opened(self, connection, context);
    else
        peer_closed(self, *context);
}

// --- calls ---

static void drop_body(struct server_call *call)
{
    struct server *const server = call->server;
    sr_lock(&server->lock);
    server->synced.body_bytes -= call->room;
    sr_unlock(&server->lock);
    free(call->body);
    call->body = NULL;
    call->size = call->room = 0;
}

static void call_free(struct server_call *call)
{
    if (call->response)
        MHD_destroy_response(call->response);
    sr_str_done(&call->stream.text);
    drop_body(call);
    free(call->uri);
    free(call);
}

void server_call_release(struct server_call *call)
{
    struct server *const server = call->server;
    sr_lock(&server->lock);
    const bool last = --call->owner_count == 0;
    const bool was_handled = call->counted;
    const bool was_long = call->is_long;
    sr_unlock(&server->lock);
    if (!last)
        return;
    if (was_handled)
        server->params.done(server->params.self, call->from_handle, call->sent);
    call_free(call);
    if (!was_handled)
        return;
    sr_lock(&server->lock);  // last of all: who waits for this closes the server then
    server->synced.open--;
    server->synced.open_long -= was_long;
    sr_cond_broadcast(&server->changed);
    sr_unlock(&server->lock);
}

static void *on_uri(void *self, const char *uri, struct MHD_Connection *connection)
{
    struct server *const server = self;
    const union MHD_ConnectionInfo *const info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct sr_err err = { 0 };
    struct server_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->server = server;
    call->peer = info ? info->socket_context : NULL;
    call->connection = connection;
    call->owner_count = 1;
    call->started_us = now_us(server);
    call->uri = strdup(uri);
    if (!call->peer || !call->uri || !sr_id_new(server->params.clock, call->id, &err)) {
        call_free(call);
        return NULL;
    }
    call->query = strchr(call->uri, '?');
    if (call->query)
        *call->query++ = '\0';
    return call;
}

static void refuse(struct server_call *call, int status, enum sr_err_code code, const char *why)
{
    if (call->refused_status)
        return;
    call->refused_status = status;
    (void)sr_fail(&call->refused, code, "%s", why);
}

// Memory for the body, out of what all bodies may take together.
static bool grow(struct server_call *call, size_t size)
{
    struct server *const server = call->server;
    size_t room = call->room ? call->room : 1024;
    while (room <= size)  // one byte for the NUL; size is below body_bytes_max, so this ends
        room *= 2;
    sr_lock(&server->lock);
    const size_t others = server->synced.body_bytes - call->room;
    const bool fits = others + room <= server->params.limits.bodies_bytes_max;
    if (fits)
        server->synced.body_bytes = others + room;
    sr_unlock(&server->lock);
    if (!fits)
        return false;
    char *body = realloc(call->body, room);
    if (!body) {
        sr_lock(&server->lock);
        server->synced.body_bytes -= room - call->room;
        sr_unlock(&server->lock);
        return false;
    }
    call->body = body;
    call->room = room;
    return true;
}

// False: so much more than allowed that the connection is cut.
static bool take_body(struct server_call *call, const char *data, size_t bytes)
{
    const size_t max = call->server->params.limits.body_bytes_max;
    call->seen_bytes += bytes;
    if (call->seen_bytes > max) {
        refuse(call, 413, SR_ERR_TOO_LARGE, "the body is too large");
        if (call->body)
            drop_body(call);
        return call->seen_bytes <= (uint64_t)max * DISCARD_FACTOR;
    }
    if (call->refused_status)
        return true;
    if (call->size + bytes >= call->room && !grow(call, call->size + bytes)) {
        refuse(call, 503, SR_ERR_BUSY, "too many requests are being received");
        drop_body(call);
        return true;
    }
    memcpy(call->body + call->size, data, bytes);
    call->size += bytes;
    return true;
}

struct head {
    struct http_header headers[SERVER_HEADERS_MAX];
    size_t count;
    bool too_many;
};

static enum MHD_Result add_header(void *self, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct head *const head = self;
    (void)kind;
    if (head->count == SERVER_HEADERS_MAX) {
        head->too_many = true;
        return MHD_NO;
    }
    head->headers[head->count++] = (struct http_header){ name, value ? value : "" };
    return MHD_YES;
}

static enum MHD_Result send_answer(struct server_call *call)
{
    struct server *const server = call->server;
    sr_lock(&server->lock);
    call->peer->state = PEER_IS_SENT_TO;
    call->peer->since_us = now_us(server);
    sr_unlock(&server->lock);
    return MHD_queue_response(call->connection, (unsigned)call->status, call->response);
}

// The request is whole (or refused before its body came): hands it over.
static enum MHD_Result dispatch(struct server_call *call, const char *method)
{
    struct server *const server = call->server;
    struct head head = { .count = 0 };
    (void)MHD_get_connection_values(call->connection, MHD_HEADER_KIND, add_header, &head);
    if (head.too_many)
        refuse(call, 431, SR_ERR_LIMIT, "the request has too many headers");
    if (call->body)
        call->body[call->size] = '\0';
    sr_lock(&server->lock);
    if (server->synced.draining)
        refuse(call, 503, SR_ERR_BUSY, "the service is stopping");
    call->state = CALL_RUNNING;
    call->counted = true;
    call->owner_count++;
    server->synced.open++;
    server->synced.requests++;
    sr_unlock(&server->lock);
    const struct server_request request = {
        .method = method,
        .path = call->uri,
        .query = call->query,
        .headers = head.headers,
        .header_count = head.count,
        .body = call->body ? call->body : "",
        .size = call->size,
        .remote = call->peer->remote,
        .remote_is_loopback = call->peer->is_loopback,
        .id = call->id,
        .started_us = call->started_us,
        .refused = call->refused,
        .refused_status = call->refused_status,
    };
    void *const from_handle = server->params.handle(server->params.self, call, &request);
    drop_body(call);

    sr_lock(&server->lock);
    call->from_handle = from_handle;
    const enum call_state state = call->state;
    if (state == CALL_RUNNING) {  // under the lock, so that the answer finds it suspended
        call->state = CALL_WAITING;
        call->peer->state = PEER_WAITS;
        call->peer->call = call;
        MHD_suspend_connection(call->connection);
    }
    sr_unlock(&server->lock);
    if (state == CALL_RUNNING)
        return MHD_YES;
    return state == CALL_ANSWERED ? send_answer(call) : MHD_NO;
}

// The headers have come. True: it is refused at once, without its body.
static bool is_refused_early(struct server_call *call)
{
    const size_t max = call->server->params.limits.body_bytes_max;
    const char *const length =
        MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, "Content-Length");
    const char *const expect =
        MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, "Expect");
    const unsigned long long bytes = length ? strtoull(length, NULL, 10) : 0;
    if (bytes <= max)
        return false;
    refuse(call, 413, SR_ERR_TOO_LARGE, "the body is too large");
    // One that is on its way is read and dropped, if it is not endless.
    return expect || bytes / DISCARD_FACTOR > max;
}

static enum MHD_Result on_access(void *self, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *bytes, void **context)
{
    struct server_call *const call = *context;
    (void)self, (void)connection, (void)url, (void)version;
    if (!call)
        return MHD_NO;
    if (!call->begun) {
        call->begun = true;
        return is_refused_early(call) ? dispatch(call, method) : MHD_YES;
    }
    if (*bytes > 0) {
        const bool goes_on = take_body(call, data, *bytes);
        *bytes = 0;
        return goes_on ? MHD_YES : MHD_NO;
    }
    sr_lock(&call->server->lock);
    const enum call_state state = call->state;
    sr_unlock(&call->server->lock);
    switch (state) {
    case CALL_RECEIVED: return dispatch(call, method);
    case CALL_ANSWERED: return send_answer(call);
    case CALL_RUNNING:
    case CALL_WAITING:
    case CALL_PAUSED:
    case CALL_GONE: break;
    }
    return MHD_NO;
}

static void on_completed(void *self, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct server *const server = self;
    struct server_call *const call = *context;
    (void)connection;
    *context = NULL;
    if (!call)
        return;
    sr_lock(&server->lock);
    const bool is_whole = !call->stream.is_on || call->stream.is_whole;  // not so after a HEAD
    call->sent =
        code == MHD_REQUEST_TERMINATED_COMPLETED_OK && call->state == CALL_ANSWERED && is_whole;
    if (call->state != CALL_ANSWERED || !is_whole)
        call->state = CALL_GONE;
    server->synced.gone += !call->sent;
    call->peer->state = PEER_RECEIVES;
    call->peer->since_us = now_us(server);
    call->peer->call = NULL;
    call->peer = NULL;
    call->connection = NULL;
    sr_unlock(&server->lock);
    server_call_release(call);
}

// --- answers ---

static bool add_to(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

bool server_add_headers(const struct server_call *call, const struct server_answer *answer,
                        struct MHD_Response *response)
{
    sr_lock(&call->server->lock);
    const bool close = answer->close || call->server->synced.draining;
    sr_unlock(&call->server->lock);
    // Workers know by its name that it takes back what a broken poll would have been given.
    return add_to(response, "Server", "splitreel") &&
           add_to(response, "Content-Type", answer->content_type) &&
           add_to(response, "x-amzn-RequestId", call->id) &&
           add_to(response, "Cache-Control", "no-store") &&
           add_to(response, "X-Content-Type-Options", "nosniff") &&
           (!answer->allow || add_to(response, "Allow", answer->allow)) &&
           (!answer->location || add_to(response, "Location", answer->location)) &&
           (!close || add_to(response, "Connection", "close"));
}

static struct MHD_Response *make_response(const struct server_call *call,
                                          const struct server_answer *answer)
{
    char *body = malloc(answer->size + 1);
    if (!body)
        return NULL;
    if (answer->size)
        memcpy(body, answer->body, answer->size);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->size, body, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(body);
        return NULL;
    }
    if (server_add_headers(call, answer, response))
        return response;
    MHD_destroy_response(response);
    return NULL;
}

bool server_deliver_locked(struct server *server, struct server_call *call, int status,
                           struct MHD_Response *response)
{
    assert(!call->has_answer);
    call->has_answer = true;
    const bool delivered = response &&
                           (call->state == CALL_RUNNING || call->state == CALL_WAITING) &&
                           !server_peer_is_gone(call->peer->fd);
    const enum call_state next = delivered ? CALL_ANSWERED : CALL_GONE;
    if (delivered) {
        call->response = response;
        call->status = status;
    }
    if (call->state == CALL_WAITING)
        server_call_resume_locked(server, call, next);
    else
        call->state = next;
    return delivered;
}

bool server_answer(struct server_call *call, const struct server_answer *answer)
{
    struct server *const server = call->server;
    struct MHD_Response *const response = make_response(call, answer);
    sr_lock(&server->lock);
    const bool delivered = server_deliver_locked(server, call, answer->status, response);
    sr_unlock(&server->lock);
    if (response && !delivered)
        MHD_destroy_response(response);
    server_call_release(call);
    return delivered;
}

void server_call_is_long(struct server_call *call)
{
    sr_lock(&call->server->lock);
    call->server->synced.open_long += !call->is_long;
    call->is_long = true;
    sr_unlock(&call->server->lock);
}

// --- opening ---

// A machine that goes without a word is noticed after half a minute, not when there is a task for
// it. Connections inherit this from the socket that they come in by.
static void probe_idle(int fd)
{
    const int on = 1, idle_s = 15, interval_s = 5, count = 3;
    // Without these it is only noticed later.
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static bool listen_at(const struct server_params *params, int *ret_fd, unsigned *ret_port,
                      struct sr_err *err)
{
    enum { BACKLOG = 1024 };
    const int on = 1;
    struct sockaddr_storage bound = { 0 };
    socklen_t bytes = sizeof bound;
    const int fd =
        socket(params->address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return sr_fail_errno(err, errno, "socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, params->address, params->address_bytes) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &bytes) != 0) {
        const int number = errno;
        (void)close(fd);  // nothing was written
        if (number == EADDRINUSE)
            return sr_fail_native(err, SR_ERR_CONFLICT, number, "the address is taken");
        if (number == EADDRNOTAVAIL)
            return sr_fail_native(err, SR_ERR_INVALID, number, "the address is not this machine's");
        return sr_fail_errno(err, number, "listen");
    }
    probe_idle(fd);
    char port[8] = "";
    if (getnameinfo((struct sockaddr *)&bound, bytes, NULL, 0, port, sizeof port, NI_NUMERICSERV))
        port[0] = '\0';
    *ret_port = (unsigned)strtoul(port, NULL, 10);
    *ret_fd = fd;
    return true;
}

static void on_library_log(void *self, const char *format, va_list args) SR_PRINTF(2, 0);
static void on_library_log(void *self, const char *format, va_list args)
{
    const struct server *const server = self;
    char text[200];
    (void)vsnprintf(text, sizeof text, format, args);  // a cut line is good enough
    text[strcspn(text, "\n")] = '\0';
    sr_debug(server->params.log, "http library", SR_TEXT("text", text));
}

struct server_limits server_limits_default(void)
{
    return (struct server_limits){
        .body_bytes_max = 4 << 20,
        .bodies_bytes_max = 256 << 20,
        .connection_max = 4096,
        .idle_s_max = 60,
        .receive_s_max = 120,
        .send_s_max = 300,
        .thread_count = 1,
    };
}

static void set_defaults(struct server_limits *limits)
{
    const struct server_limits usual = server_limits_default();
    limits->body_bytes_max = limits->body_bytes_max ? limits->body_bytes_max : usual.body_bytes_max;
    limits->bodies_bytes_max =
        limits->bodies_bytes_max ? limits->bodies_bytes_max : usual.bodies_bytes_max;
    limits->connection_max = limits->connection_max ? limits->connection_max : usual.connection_max;
    limits->idle_s_max = limits->idle_s_max ? limits->idle_s_max : usual.idle_s_max;
    limits->receive_s_max = limits->receive_s_max ? limits->receive_s_max : usual.receive_s_max;
    limits->send_s_max = limits->send_s_max ? limits->send_s_max : usual.send_s_max;
    limits->thread_count = limits->thread_count ? limits->thread_count : usual.thread_count;
}

static bool start(struct server *server, struct sr_err *err)
{
    int fd = -1;
    const struct server_limits *const limits = &server->params.limits;
    if (!listen_at(&server->params, &fd, &server->port, err))
        return false;
    sigset_t all, before;    // signals are the main thread's
    (void)sigfillset(&all);  // cannot fail, nor can the next
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
        0, NULL, NULL, on_access, server, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, limits->connection_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_HEAD_BYTES_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, limits->idle_s_max, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        limits->thread_count > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
        limits->thread_count, MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (server->daemon)
        return true;
    (void)close(fd);  // nothing was written
    return sr_fail(err, SR_ERR_NETWORK, "the HTTP library does not start");
}

bool server_open(const struct server_params *params, struct server **ret_server, struct sr_err *err)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a server");
    server->params = *params;
    set_defaults(&server->params.limits);
    if (!sr_mutex_init(&server->lock, err)) {
        free(server);
        return false;
    }
    if (!sr_cond_init(&server->changed, err)) {
        sr_mutex_done(&server->lock);
        free(server);
        return false;
    }
    if (!start(server, err)) {
        server_close(server);
        return false;
    }
    server->params.address = NULL;  // was borrowed
    *ret_server = server;
    return true;
}

const char *server_status_text(int status)
{
    static const char unknown[] = "Unknown";  // the library's word
    const char *const text = status > 0 ? MHD_get_reason_phrase_for((unsigned)status) : unknown;
    return strcmp(text, unknown) == 0 ? NULL : text;
}

unsigned server_port(const struct server *server)
{
    return server->port;
}
