// Load for a running service: many connections, each asking again as soon as it is answered.
//
//   service_load starts HOST:PORT MACHINE-ARN COUNT CONNECTIONS   executions per second, latencies
//   service_load polls HOST:PORT ACTIVITY-ARN COUNT               opens so many long polls, says
//                                                                 so, and holds them until its
//                                                                 standard input ends
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/server.h"

enum { CONNECTIONS_MAX = 5000, ANSWER_MAX = 4096 };

struct connection {
    int fd;
    int64_t asked_us;
    size_t bytes;
    char answer[ANSWER_MAX];
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_us(void)
{
    return sr_clock_monotonic_us(sr_clock_system());
}

static int open_connection(const struct sockaddr_storage *address, socklen_t bytes)
{
    const int on = 1;
    const int fd = socket(address->ss_family, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, bytes) != 0)
        die("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // only faster
    return fd;
}

static void ask(struct connection *connection, const char *request, size_t bytes)
{
    connection->asked_us = now_us();
    connection->bytes = 0;
    if (send(connection->fd, request, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
        die("send");
}

// True once the answer is whole.
static bool hear(struct connection *connection)
{
    const ssize_t bytes = recv(connection->fd, connection->answer + connection->bytes,
                               ANSWER_MAX - 1 - connection->bytes, 0);
    if (bytes <= 0)
        die("recv");
    connection->bytes += (size_t)bytes;
    connection->answer[connection->bytes] = '\0';
    const char *const end = strstr(connection->answer, "\r\n\r\n");
    const char *const length = strstr(connection->answer, "Content-Length: ");
    if (!end || !length)
        return false;
    if (strncmp(connection->answer, "HTTP/1.1 200", 12) != 0) {
        (void)fprintf(stderr, "%s\n", connection->answer);
        exit(1);
    }
    const size_t want = (size_t)(end + 4 - connection->answer) + strtoul(length + 16, NULL, 10);
    return connection->bytes >= want;
}

static size_t make_request(char *text, size_t room, const char *op, const char *body)
{
    return (size_t)snprintf(text, room,
                            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                            "application/x-amz-json-1.0\r\nX-Amz-Target: AWSStepFunctions.%s\r\n"
                            "Content-Length: %zu\r\n\r\n%s",
                            op, strlen(body), body);
}

static int by_value(const void *a, const void *b)
{
    const int64_t *const one = a, *const other = b;
    return (*one > *other) - (*one < *other);
}

static int starts(const struct sockaddr_storage *address, socklen_t bytes, const char *arn,
                  size_t count, size_t connection_count)
{
    static struct connection connections[CONNECTIONS_MAX];
    static struct pollfd looks[CONNECTIONS_MAX];
    char body[512], request[1024];
    int64_t *latencies = calloc(count, sizeof *latencies);
    size_t asked = 0, heard = 0;
    if (!latencies)
        die("memory");
    (void)snprintf(body, sizeof body, "{\"stateMachineArn\":\"%s\",\"input\":\"{}\"}", arn);
    const size_t request_bytes = make_request(request, sizeof request, "StartExecution", body);
    const int64_t began_us = now_us();
    for (size_t i = 0; i < connection_count; i++) {
        connections[i].fd = open_connection(address, bytes);
        looks[i] = (struct pollfd){ .fd = connections[i].fd, .events = POLLIN };
        if (asked++ < count)
            ask(&connections[i], request, request_bytes);
    }
    while (heard < count) {
        if (poll(looks, connection_count, 30000) <= 0)
            die("no answer");
        for (size_t i = 0; i < connection_count; i++) {
            if (!looks[i].revents || !hear(&connections[i]))
                continue;
            latencies[heard++] = now_us() - connections[i].asked_us;
            if (asked++ < count)
                ask(&connections[i], request, request_bytes);
        }
    }
    const double seconds = (double)(now_us() - began_us) / 1e6;
    qsort(latencies, count, sizeof *latencies, by_value);
    (void)printf(
        "%zu executions, %zu connections: %.2f s, %.0f per second, p50 %.1f ms, p99 %.1f ms\n",
        count, connection_count, seconds, (double)count / seconds,
        (double)latencies[count / 2] / 1e3, (double)latencies[count * 99 / 100] / 1e3);
    free(latencies);
    return 0;
}

static int polls(const struct sockaddr_storage *address, socklen_t bytes, const char *arn,
                 size_t count)
{
    char body[512], request[1024], end;
    const struct rlimit files = { CONNECTIONS_MAX + 64, CONNECTIONS_MAX + 64 };
    (void)setrlimit(RLIMIT_NOFILE, &files);  // socket() tells when there are too few
    (void)snprintf(body, sizeof body, "{\"activityArn\":\"%s\"}", arn);
    const size_t request_bytes = make_request(request, sizeof request, "GetActivityTask", body);
    for (size_t i = 0; i < count; i++) {
        struct connection connection = { .fd = open_connection(address, bytes) };
        ask(&connection, request, request_bytes);
    }
    (void)printf("%zu polls are open\n", count);
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &end, 1) > 0)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    struct sr_err err = { 0 };
    struct sockaddr_storage address;
    socklen_t bytes;
    if (argc < 5 || !server_address(argv[2], &address, &bytes, &err)) {
        (void)fprintf(stderr, "service_load starts|polls HOST:PORT ARN COUNT [CONNECTIONS]\n");
        return 2;
    }
    const size_t count = strtoul(argv[4], NULL, 10);
    const size_t connection_count = argc > 5 ? strtoul(argv[5], NULL, 10) : 50;
    if (count == 0 || connection_count == 0 || connection_count > CONNECTIONS_MAX ||
        (strcmp(argv[1], "polls") == 0 && count > CONNECTIONS_MAX))
        return 2;
    return strcmp(argv[1], "polls") == 0
               ? polls(&address, bytes, argv[3], count)
               : starts(&address, bytes, argv[3], count, connection_count);
}
