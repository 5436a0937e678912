#include "net/http_fake.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "base/thread.h"

enum { CONNECTIONS_MAX = 256, HEAD_BYTES_MAX = 32 << 10 };

struct connection {
    struct http_fake *fake;
    int fd;
    struct sr_thread *thread;
};

struct http_fake {
    http_fake_fn answer;
    void *self;
    int listener;
    uint16_t port;
    char url[48];
    struct sr_thread *thread;
    struct sr_mutex lock;
    bool stop;  // under `lock`, like what follows
    struct connection connections[CONNECTIONS_MAX];
    size_t count;
};

static bool send_all(int fd, const void *data, size_t bytes)
{
    for (size_t sent = 0; sent < bytes;) {
        const ssize_t n = send(fd, (const char *)data + sent, bytes - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

// Reads up to the empty line; what came after it stays in the buffer.
static bool read_head(int fd, char *buffer, size_t *have, size_t *ret_head)
{
    for (;;) {
        buffer[*have] = '\0';
        const char *end = strstr(buffer, "\r\n\r\n");
        if (end) {
            *ret_head = (size_t)(end - buffer) + 4;
            return true;
        }
        if (*have >= HEAD_BYTES_MAX - 1)
            return false;
        const ssize_t n = recv(fd, buffer + *have, HEAD_BYTES_MAX - 1 - *have, 0);
        if (n <= 0)
            return false;
        *have += (size_t)n;
    }
}

static bool parse_head(char *head, struct http_fake_request *request)
{
    char *save;
    char *line = strtok_r(head, "\r\n", &save);
    char *space = line ? strchr(line, ' ') : NULL;
    char *version = space ? strrchr(space + 1, ' ') : NULL;
    if (!version)
        return false;
    *space = *version = '\0';
    request->method = line;
    request->target = space + 1;
    while ((line = strtok_r(NULL, "\r\n", &save))) {
        char *colon = strchr(line, ':');
        if (!colon || request->header_count == HTTP_FAKE_HEADERS_MAX)
            return false;
        *colon++ = '\0';
        request->headers[request->header_count++] =
            (struct http_header){ line, colon + strspn(colon, " \t") };
    }
    return true;
}

static bool read_body(int fd, const char *buffer, size_t head, size_t have, size_t bytes,
                      char *body)
{
    size_t got = have - head < bytes ? have - head : bytes;
    memcpy(body, buffer + head, got);
    while (got < bytes) {
        const ssize_t n = recv(fd, body + got, bytes - got, 0);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static bool send_reply(int fd, const struct http_fake_request *request,
                       const struct http_fake_reply *reply)
{
    if (reply->silent)
        return false;
    if (reply->bare)
        return send_all(fd, reply->body, reply->body_bytes) && false;
    char head[5120];
    // a Content-Length of its own is how a reply to HEAD tells a size
    const bool length = strcasestr(reply->headers, "content-length:") != NULL;
    int bytes = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\n%s", reply->status, reply->headers);
    if (!length && reply->status != 204)
        bytes += snprintf(head + bytes, sizeof(head) - (size_t)bytes, "Content-Length: %zu\r\n",
                          reply->body_bytes);
    bytes += snprintf(head + bytes, sizeof(head) - (size_t)bytes, "\r\n");
    if (!send_all(fd, head, (size_t)bytes))
        return false;
    if (strcmp(request->method, "HEAD") == 0)
        return true;
    const bool part = reply->cut || reply->stall;
    if (!send_all(fd, reply->body, part ? reply->cut_bytes : reply->body_bytes))
        return false;
    if (reply->stall) {
        char byte;
        while (recv(fd, &byte, 1, 0) > 0)  // until the other side gives up, or we are freed
            continue;
    }
    return !part;
}

// One request; false when the connection is to be closed. `buffer` holds `have` bytes that have
// come already.
static bool serve_one(struct connection *connection, char *buffer, size_t *have)
{
    size_t head;
    struct http_fake_request request = { 0 };
    if (!read_head(connection->fd, buffer, have, &head))
        return false;
    sr_auto(char) char *text = strndup(buffer, head);
    if (!text || !parse_head(text, &request))
        return false;
    const char *length = http_header_find(request.headers, request.header_count, "content-length");
    const size_t bytes = length ? strtoull(length, NULL, 10) : 0;
    if (bytes > HTTP_FAKE_BODY_MAX)
        return false;
    sr_auto(char) char *body = calloc(1, bytes + 1);
    if (!body || !read_body(connection->fd, buffer, head, *have, bytes, body))
        return false;
    const size_t used = head + bytes < *have ? head + bytes : *have;
    memmove(buffer, buffer + used, *have - used);
    *have -= used;
    request.body = body;
    request.body_bytes = bytes;
    struct http_fake_reply reply = { 0 };
    connection->fake->answer(connection->fake->self, &request, &reply);
    const bool more = send_reply(connection->fd, &request, &reply);
    free(reply.body);
    return more;
}

static void serve(void *arg)
{
    struct connection *connection = arg;
    char *buffer = malloc(HEAD_BYTES_MAX);
    assert(buffer);
    size_t have = 0;
    while (serve_one(connection, buffer, &have))
        continue;
    free(buffer);
    shutdown(connection->fd,
             SHUT_RDWR);  // closed by http_fake_free(): the number must stay ours until then
}

static void listen_for(void *arg)
{
    struct http_fake *fake = arg;
    for (;;) {
        const int fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return;
        const int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        struct sr_err err;
        sr_lock(&fake->lock);
        bool served = false;
        if (!fake->stop && fake->count < CONNECTIONS_MAX) {
            struct connection *connection = &fake->connections[fake->count];
            *connection = (struct connection){ .fake = fake, .fd = fd };
            served = sr_thread_start("http-fake", serve, connection, &connection->thread, &err);
            fake->count += served;
        }
        sr_unlock(&fake->lock);
        if (!served)
            close(fd);
    }
}

static bool open_listener(struct http_fake *fake, struct sr_err *err)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fake->listener < 0 || bind(fake->listener, (struct sockaddr *)&address, bytes) != 0 ||
        listen(fake->listener, 64) != 0 ||
        getsockname(fake->listener, (struct sockaddr *)&address, &bytes) != 0)
        return sr_fail_errno(err, errno, "listening on loopback");
    fake->port = ntohs(address.sin_port);
    snprintf(fake->url, sizeof(fake->url), "http://127.0.0.1:%u", fake->port);
    return true;
}

bool http_fake_new(http_fake_fn answer, void *self, struct http_fake **ret_fake, struct sr_err *err)
{
    struct http_fake *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return sr_fail(err, SR_ERR_NO_MEMORY, "server");
    fresh->answer = answer;
    fresh->self = self;
    fresh->listener = -1;
    if (!sr_mutex_init(&fresh->lock, err)) {
        free(fresh);
        return false;
    }
    sr_auto(http_fake) struct http_fake *fake = fresh;
    if (!open_listener(fake, err) ||
        !sr_thread_start("http-listen", listen_for, fake, &fake->thread, err))
        return false;
    *ret_fake = sr_take(fake);
    return true;
}

void http_fake_free(struct http_fake *fake)
{
    if (!fake)
        return;
    sr_lock(&fake->lock);
    fake->stop = true;
    sr_unlock(&fake->lock);
    if (fake->listener >= 0)
        shutdown(fake->listener, SHUT_RDWR);
    if (fake->thread)
        sr_thread_join(fake->thread);
    for (size_t i = 0; i < fake->count; i++) {
        shutdown(fake->connections[i].fd, SHUT_RDWR);
        sr_thread_join(fake->connections[i].thread);
        close(fake->connections[i].fd);
    }
    if (fake->listener >= 0)
        close(fake->listener);
    sr_mutex_done(&fake->lock);
    free(fake);
}

const char *http_fake_url(const struct http_fake *fake)
{
    return fake->url;
}

uint16_t http_fake_port(const struct http_fake *fake)
{
    return fake->port;
}

void http_fake_text(struct http_fake_reply *reply, int status, const char *text)
{
    reply->status = status;
    reply->body = strdup(text);
    assert(reply->body);
    reply->body_bytes = strlen(text);
}
