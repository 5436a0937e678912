#include "tests/fault_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"

enum {
    CONNECTIONS_MAX = 4096,  // at once
    PIECE = 64 << 10,
    SLOW_PIECE = 4 << 10,
    LATENCY_MS = 4,
    FAR_MS = 50,
    READER_MS = 1,
    READER_PIECE = 16 << 10,
    WRONG_BYTES = 7,
    LENGTH_TEXT = 32,
};

struct connection {
    struct fault_proxy *proxy;
    struct fault_plan plan;  // FAULT_NONE when this one is not hit
    int client, server;
    uint64_t in, out;  // bytes passed on
    bool is_get;       // the last request was one
    struct sr_thread *thread;
    bool is_over;  // under the proxy's lock: `client` is closed
};

struct fault_proxy {
    unsigned port;
    char url[48];
    int listener, wake[2];
    struct sr_thread *thread;
    struct sr_mutex lock;
    bool stop;  // under `lock`, like all below
    struct fault_plan plan;
    unsigned seen, hits;
    uint64_t bytes_in;
    struct connection *connections[CONNECTIONS_MAX];
    size_t count;
};

static bool send_all(int fd, const char *data, size_t bytes)
{
    for (size_t sent = 0; sent < bytes;) {
        const ssize_t n = send(fd, data + sent, bytes - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static int connect_to(unsigned port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void reset(int fd)
{
    const struct linger now = { 1, 0 };  // close() then sends RST
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void answer(const struct connection *connection, const char *status, const char *code)
{
    char request[PIECE], reply[512], body[128];
    // the client must have said something, or it would take the answer for a broken connection
    if (recv(connection->client, request, sizeof(request), 0) <= 0)
        return;
    const int bytes = snprintf(body, sizeof(body), "<Error><Code>%s</Code></Error>", code);
    const int all = snprintf(reply, sizeof(reply),
                             "HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
                             status, bytes, body);
    (void)send_all(connection->client, reply, (size_t)all);
    shutdown(connection->client, SHUT_WR);
    // read on until the client has seen it: unread bytes would turn our close into a reset
    while (recv(connection->client, request, sizeof(request), 0) > 0)
        continue;
}

// Until the proxy is freed, or the other side gives up.
static void stall(const struct connection *connection)
{
    struct pollfd fds[] = { { .fd = connection->client, .events = POLLRDHUP },
                            { .fd = connection->proxy->wake[0], .events = POLLIN } };
    (void)poll(fds, 2, -1);
}

static void wait_ms(const struct connection *connection, int ms)
{
    struct pollfd fd = { .fd = connection->proxy->wake[0], .events = POLLIN };
    (void)poll(&fd, 1, ms);
}

// Rewrites the length in the head of an answer; gives the piece's new size. `data` has room for
// LENGTH_TEXT more bytes.
static size_t spoil_length(const struct connection *connection, char *data, size_t bytes)
{
    static const char name[] = "\r\nContent-Length: ";
    const bool longer = connection->plan.fault == FAULT_LONGER;
    if (!connection->is_get || bytes < 12 || memcmp(data, "HTTP/1.1 20", 11) != 0)
        return bytes;
    char *const at = memmem(data, bytes, name, sizeof(name) - 1);
    if (!at)
        return bytes;
    char *const number = at + sizeof(name) - 1;
    char *end;
    const unsigned long long length = strtoull(number, &end, 10);
    if (length < 2 * WRONG_BYTES)
        return bytes;
    char text[LENGTH_TEXT];
    const size_t digits = (size_t)snprintf(text, sizeof(text), "%llu",
                                           longer ? length + WRONG_BYTES : length - WRONG_BYTES);
    memmove(number + digits, end, bytes - (size_t)(end - data));
    memcpy(number, text, digits);
    return bytes + digits - (size_t)(end - number);
}

// Passes one piece on; false when the connection is over.
static bool pass(struct connection *connection, bool in)
{
    const struct fault_plan *plan = &connection->plan;
    const int from = in ? connection->client : connection->server;
    const int to = in ? connection->server : connection->client;
    uint64_t *count = in ? &connection->in : &connection->out;
    char data[PIECE + LENGTH_TEXT + 1];
    const bool ends = plan->fault == (in ? FAULT_RESET_IN : FAULT_RESET_OUT) ||
                      plan->fault == (in ? FAULT_STALL_IN : FAULT_STALL_OUT) ||
                      (!in && plan->fault == FAULT_CUT);
    size_t room = plan->fault == FAULT_SLOW     ? SLOW_PIECE
                  : plan->fault == FAULT_READER ? READER_PIECE
                                                : PIECE;
    if (ends && plan->bytes - *count < room)
        room = (size_t)(plan->bytes - *count);
    if (room == 0) {
        if (plan->fault == FAULT_STALL_IN || plan->fault == FAULT_STALL_OUT)
            stall(connection);
        else if (plan->fault != FAULT_CUT)
            reset(connection->client);
        return false;
    }
    if (plan->fault == FAULT_READER)
        wait_ms(connection, READER_MS);
    ssize_t n = recv(from, data, room, 0);
    if (n <= 0)
        return false;
    if (plan->fault == FAULT_LATENCY)
        wait_ms(connection, LATENCY_MS);
    if (in && plan->fault == FAULT_FAR)
        wait_ms(connection, FAR_MS);
    data[n] = '\0';
    if (in && n > 4)  // a request begins a piece: the next comes after the answer
        connection->is_get = memcmp(data, "GET ", 4) == 0;
    if (in && plan->fault == FAULT_FLIP_IN && plan->bytes >= *count &&
        plan->bytes < *count + (uint64_t)n)
        data[plan->bytes - *count] ^= 1;
    *count += (uint64_t)n;
    if (in) {
        sr_lock(&connection->proxy->lock);
        connection->proxy->bytes_in += (uint64_t)n;
        sr_unlock(&connection->proxy->lock);
    }
    if (!in && (plan->fault == FAULT_LONGER || plan->fault == FAULT_SHORTER))
        n = (ssize_t)spoil_length(connection, data, (size_t)n);
    return send_all(to, data, (size_t)n);
}

static void carry(struct connection *connection)
{
    connection->server = connect_to(connection->proxy->port);
    if (connection->server < 0)
        return;
    if (connection->plan.fault == FAULT_READER) {
        const int window = READER_PIECE;
        setsockopt(connection->client, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
        setsockopt(connection->server, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
    }
    for (;;) {
        struct pollfd fds[] = { { .fd = connection->client, .events = POLLIN },
                                { .fd = connection->server, .events = POLLIN },
                                { .fd = connection->proxy->wake[0], .events = POLLIN } };
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return;
        if (fds[2].revents)
            return;
        if (fds[0].revents && !pass(connection, true))
            return;
        if (fds[1].revents && !pass(connection, false))
            return;
    }
}

static void serve(void *arg)
{
    struct connection *connection = arg;
    switch (connection->plan.fault) {
    case FAULT_REFUSE: reset(connection->client); break;
    case FAULT_503: answer(connection, "503 Slow Down", "SlowDown"); break;
    case FAULT_500: answer(connection, "500 Internal Error", "InternalError"); break;
    default: carry(connection); break;
    }
    if (connection->server >= 0)
        close(connection->server);
    sr_lock(&connection->proxy->lock);
    connection->is_over = true;
    close(connection->client);
    sr_unlock(&connection->proxy->lock);
}

// Forgets connections that are over. Their threads end without the lock.
static void reap_locked(struct fault_proxy *proxy) SR_REQUIRES(proxy->lock);
static void reap_locked(struct fault_proxy *proxy)
{
    size_t kept = 0;
    for (size_t i = 0; i < proxy->count; i++) {
        struct connection *const connection = proxy->connections[i];
        if (!connection->is_over) {
            proxy->connections[kept++] = connection;
            continue;
        }
        sr_thread_join(connection->thread);
        free(connection);
    }
    proxy->count = kept;
}

static void add(struct fault_proxy *proxy, int client)
{
    struct sr_err err;
    struct connection *connection = calloc(1, sizeof(*connection));
    sr_lock(&proxy->lock);
    reap_locked(proxy);
    bool served = false;
    if (connection && !proxy->stop && proxy->count < CONNECTIONS_MAX) {
        const struct fault_plan *const plan = &proxy->plan;
        const bool hit = plan->every && proxy->seen % plan->every == 0 &&
                         (!plan->burst || proxy->seen < plan->burst);
        proxy->seen++;
        *connection = (struct connection){ .proxy = proxy, .client = client, .server = -1 };
        if (hit)
            connection->plan = *plan;
        proxy->hits += hit && plan->fault != FAULT_NONE;
        served = sr_thread_start("proxy", serve, connection, &connection->thread, &err);
        if (served)
            proxy->connections[proxy->count++] = connection;
    }
    sr_unlock(&proxy->lock);
    if (!served) {
        close(client);
        free(connection);
    }
}

static void listen_for(void *arg)
{
    struct fault_proxy *proxy = arg;
    for (;;) {
        const int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            return;
        add(proxy, client);
    }
}

static bool open_listener(struct fault_proxy *proxy, struct sr_err *err)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t bytes = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->listener < 0 || bind(proxy->listener, (struct sockaddr *)&address, bytes) != 0 ||
        listen(proxy->listener, 128) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &bytes) != 0 ||
        pipe(proxy->wake) != 0)
        return sr_fail_errno(err, errno, "proxy");
    snprintf(proxy->url, sizeof(proxy->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
    return true;
}

bool fault_proxy_new(unsigned port, struct fault_proxy **ret_proxy, struct sr_err *err)
{
    struct fault_proxy *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return sr_fail(err, SR_ERR_NO_MEMORY, "proxy");
    fresh->port = port;
    fresh->listener = fresh->wake[0] = fresh->wake[1] = -1;
    if (!sr_mutex_init(&fresh->lock, err)) {
        free(fresh);
        return false;
    }
    sr_auto(fault_proxy) struct fault_proxy *proxy = fresh;
    if (!open_listener(proxy, err) ||
        !sr_thread_start("proxy-listen", listen_for, proxy, &proxy->thread, err))
        return false;
    *ret_proxy = sr_take(proxy);
    return true;
}

void fault_proxy_free(struct fault_proxy *proxy)
{
    if (!proxy)
        return;
    sr_lock(&proxy->lock);
    proxy->stop = true;
    sr_unlock(&proxy->lock);
    if (proxy->wake[1] >= 0)
        close(proxy->wake[1]);  // wakes every poll: POLLHUP
    if (proxy->listener >= 0)
        shutdown(proxy->listener, SHUT_RDWR);
    if (proxy->thread)
        sr_thread_join(proxy->thread);
    for (size_t i = 0; i < proxy->count; i++) {
        sr_thread_join(proxy->connections[i]->thread);
        free(proxy->connections[i]);
    }
    if (proxy->listener >= 0)
        close(proxy->listener);
    if (proxy->wake[0] >= 0)
        close(proxy->wake[0]);
    sr_mutex_done(&proxy->lock);
    free(proxy);
}

const char *fault_proxy_url(const struct fault_proxy *proxy)
{
    return proxy->url;
}

void fault_proxy_plan(struct fault_proxy *proxy, struct fault_plan plan)
{
    sr_lock(&proxy->lock);
    proxy->plan = plan;
    proxy->seen = proxy->hits = 0;
    proxy->bytes_in = 0;
    sr_unlock(&proxy->lock);
}

unsigned fault_proxy_cut(struct fault_proxy *proxy)
{
    unsigned cut = 0;
    sr_lock(&proxy->lock);
    for (size_t i = 0; i < proxy->count; i++) {
        if (proxy->connections[i]->is_over)
            continue;
        reset(proxy->connections[i]->client);
        (void)shutdown(proxy->connections[i]->client, SHUT_RDWR);  // its thread then closes it
        cut++;
    }
    sr_unlock(&proxy->lock);
    return cut;
}

uint64_t fault_proxy_bytes_in(struct fault_proxy *proxy)
{
    sr_lock(&proxy->lock);
    const uint64_t bytes = proxy->bytes_in;
    sr_unlock(&proxy->lock);
    return bytes;
}

unsigned fault_proxy_hits(struct fault_proxy *proxy)
{
    sr_lock(&proxy->lock);
    const unsigned hits = proxy->hits;
    sr_unlock(&proxy->lock);
    return hits;
}
