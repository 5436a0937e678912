// service/http_client_fake.h - for tests: a client that can be as rude as it likes; raw bytes out,
// whole answers in.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

struct fake_client {
    int fd;
    char *text;  // the last answer, head and body
    size_t bytes, room;
    int status;  // 0: the connection ended without one
    const char *body;
};

static inline void fake_connect(struct fake_client *client, unsigned port)
{
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    *client = (struct fake_client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    assert_true(client->fd >= 0);
    const struct timeval patience = { .tv_sec = 30 };  // a server that hangs fails the test
    assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
                     0);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&to, sizeof to), 0);
}

static inline void fake_close(struct fake_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    free(client->text);
    *client = (struct fake_client){ .fd = -1 };
}

// False: the server does not take it any more.
static inline bool fake_send(struct fake_client *client, const char *data, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t sent = send(client->fd, data, bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        bytes -= (size_t)sent;
    }
    return true;
}

static inline bool fake_say(struct fake_client *client, const char *text)
{
    return fake_send(client, text, strlen(text));
}

static inline const char *fake_header(const struct fake_client *client, const char *name,
                                      char value[256])
{
    for (const char *line = client->text; (line = strstr(line, "\r\n")) && line[2] != '\r';) {
        line += 2;
        if (strncasecmp(line, name, strlen(name)) != 0 || line[strlen(name)] != ':')
            continue;
        line += strlen(name) + 1;
        line += strspn(line, " ");
        snprintf(value, 256, "%.*s", (int)strcspn(line, "\r"), line);
        return value;
    }
    return NULL;
}

static inline bool fake_fill(struct fake_client *client)
{
    if (client->room - client->bytes < 4096) {
        client->room = client->room ? client->room * 2 : 8192;
        client->text = realloc(client->text, client->room);
        assert_non_null(client->text);
    }
    const ssize_t got =
        recv(client->fd, client->text + client->bytes, client->room - client->bytes - 1, 0);
    if (got <= 0)
        return false;
    client->bytes += (size_t)got;
    client->text[client->bytes] = '\0';
    return true;
}

// One answer, with its body. Gives its status, 0 when the connection ended first.
static inline int fake_read(struct fake_client *client)
{
    char value[256];
    const char *end = NULL;
    client->bytes = 0;
    client->status = 0;
    client->body = NULL;
    do {
        if (!fake_fill(client))
            return 0;
        end = strstr(client->text, "\r\n\r\n");
        if (end && strncmp(client->text, "HTTP/1.1 100", 12) == 0) {
            client->bytes -= (size_t)(end + 4 - client->text);
            memmove(client->text, end + 4, client->bytes + 1);
            end = strstr(client->text, "\r\n\r\n");
        }
    } while (!end);
    const size_t head = (size_t)(end + 4 - client->text);
    const char *const length = fake_header(client, "Content-Length", value);
    const size_t want = head + (length ? strtoul(length, NULL, 10) : 0);
    while (client->bytes < want) {
        if (!fake_fill(client))
            return 0;
    }
    client->status = (int)strtol(client->text + strlen("HTTP/1.1 "), NULL, 10);
    client->body = client->text + head;
    return client->status;
}

// A request with a body, and its answer's status. `headers`: lines that end with \r\n.
static inline int fake_ask(struct fake_client *client, const char *method, const char *path,
                           const char *headers, const char *body)
{
    char head[2048];
    snprintf(head, sizeof head,
             "%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n", method, path,
             headers, strlen(body));
    return fake_say(client, head) && fake_say(client, body) ? fake_read(client) : 0;
}
