// Load for a running service: many connections, each asking again as soon as it is answered.
//
//   service_load starts HOST:PORT MACHINE-ARN COUNT [CONNECTIONS]
//       so many executions: how many per second, and how long an answer took
//   service_load polls HOST:PORT ACTIVITY-ARN COUNT
//       opens so many long polls, says so, and holds them until its standard input ends
//   service_load work HOST:PORT ACTIVITY-ARN COUNT WORKERS [MACHINE-ARN RATE]
//       workers that poll and complete so many tasks; with RATE it also starts as many executions
//       per second, of one task each, and tells how long they took from when they were due to be
//       started until a worker had the task
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/server.h"

enum {
    CONNECTIONS_MAX = 5000,
    ANSWER_MAX = 4096,
    REQUEST_MAX = 2048,
    EVENTS_MAX = 256,
    SILENCE_MS = 60000
};

struct connection {
    int fd;
    bool starts;          // executions; else it is a worker's
    bool polls, is_busy;  // what it asked for; that it was not answered yet
    int64_t asked_us;
    size_t bytes;
    char answer[ANSWER_MAX];
};

struct load {
    struct sockaddr_storage address;
    socklen_t address_bytes;
    int events;  // epoll
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count, count;
    int64_t *latencies;
    size_t latency_count;
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

static struct connection *open_connection(struct load *load)
{
    const int on = 1;
    struct connection *connection = &load->connections[load->connection_count++];
    connection->fd = socket(load->address.ss_family, SOCK_STREAM, 0);
    if (connection->fd < 0 ||
        connect(connection->fd, (struct sockaddr *)&load->address, load->address_bytes) != 0)
        die("connect");
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // only faster
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
    if (epoll_ctl(load->events, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        die("epoll_ctl");
    return connection;
}

static void ask(struct connection *connection, const char *op, const char *body)
{
    char request[REQUEST_MAX];
    const size_t bytes = (size_t)snprintf(request, sizeof request,
                                          "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                          "application/x-amz-json-1.0\r\nX-Amz-Target: "
                                          "AWSStepFunctions.%s\r\nContent-Length: %zu\r\n\r\n%s",
                                          op, strlen(body), body);
    connection->asked_us = now_us();
    connection->bytes = 0;
    connection->is_busy = true;
    if (send(connection->fd, request, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
        die("send");
}

static void ask_start(struct connection *connection, const char *machine, int64_t due_us)
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"stateMachineArn\":\"%s\",\"input\":\"%" PRId64 "\"}",
                   machine, due_us);
    ask(connection, "StartExecution", body);
}

static void ask_task(struct connection *connection, const char *activity)
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"activityArn\":\"%s\"}", activity);
    connection->polls = true;
    ask(connection, "GetActivityTask", body);
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
    connection->is_busy = connection->bytes < want;
    return !connection->is_busy;
}

// Calls `fn` for each connection that was answered meanwhile.
static void listen_for(struct load *load, int wait_ms, void *self,
                       void (*fn)(void *self, struct connection *connection))
{
    struct epoll_event events[EVENTS_MAX];
    const int count = epoll_wait(load->events, events, EVENTS_MAX, wait_ms);
    if (count < 0 && errno != EINTR)
        die("epoll_wait");
    if (count == 0 && wait_ms == SILENCE_MS)
        die("no answer");
    for (int i = 0; i < count; i++) {
        if (hear(events[i].data.ptr))
            fn(self, events[i].data.ptr);
    }
}

static int by_value(const void *a, const void *b)
{
    const int64_t *const one = a, *const other = b;
    return (*one > *other) - (*one < *other);
}

static void say(struct load *load, const char *what, int64_t began_us)
{
    const double seconds = (double)(now_us() - began_us) / 1e6;
    const size_t count = load->latency_count;
    (void)printf("%zu %s: %.2f s, %.0f per second", load->count, what, seconds,
                 (double)load->count / seconds);
    qsort(load->latencies, count, sizeof *load->latencies, by_value);
    if (count)
        (void)printf(", p50 %.1f ms, p99 %.1f ms", (double)load->latencies[count / 2] / 1e3,
                     (double)load->latencies[count * 99 / 100] / 1e3);
    (void)printf("\n");
}

// --- starts ---

struct starts {
    struct load *load;
    const char *machine;
    size_t asked, heard;
};

static void on_started(void *self, struct connection *connection)
{
    struct starts *starts = self;
    struct load *load = starts->load;
    load->latencies[load->latency_count++] = now_us() - connection->asked_us;
    starts->heard++;
    if (starts->asked++ < load->count)
        ask_start(connection, starts->machine, 0);
}

static int run_starts(struct load *load, const char *machine, size_t connection_count)
{
    struct starts starts = { .load = load, .machine = machine };
    const int64_t began_us = now_us();
    for (size_t i = 0; i < connection_count && starts.asked < load->count; i++, starts.asked++)
        ask_start(open_connection(load), machine, 0);
    while (starts.heard < load->count)
        listen_for(load, SILENCE_MS, &starts, on_started);
    say(load, "executions", began_us);
    return 0;
}

// --- polls ---

static int run_polls(struct load *load, const char *activity)
{
    char end;
    for (size_t i = 0; i < load->count; i++)
        ask_task(open_connection(load), activity);
    (void)printf("%zu polls are open\n", load->count);
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &end, 1) > 0)
        ;
    return 0;
}

// --- work ---

struct work {
    struct load *load;
    const char *activity, *machine;
    int64_t began_us;
    size_t rate, started, completed;
};

// The value of a text member, up to its closing quote; tokens and numbers have no escapes.
static bool read_member(const char *answer, const char *key, char *value, size_t room)
{
    const char *const at = strstr(answer, key);
    const size_t bytes = at ? strcspn(at + strlen(key), "\"") : 0;
    if (bytes == 0 || bytes >= room)
        return false;
    memcpy(value, at + strlen(key), bytes);
    value[bytes] = '\0';
    return true;
}

static void on_work(void *self, struct connection *connection)
{
    struct work *work = self;
    struct load *load = work->load;
    char token[1024], input[32], body[1200];
    if (connection->starts)
        return;
    if (!connection->polls) {
        work->completed++;
        ask_task(connection, work->activity);
        return;
    }
    if (!read_member(connection->answer, "\"taskToken\":\"", token, sizeof token)) {
        ask_task(connection, work->activity);  // a poll that found nothing in its time
        return;
    }
    if (work->rate && read_member(connection->answer, "\"input\":\"", input, sizeof input) &&
        load->latency_count < load->count)
        load->latencies[load->latency_count++] = now_us() - strtoll(input, NULL, 10);
    (void)snprintf(body, sizeof body, "{\"taskToken\":\"%s\",\"output\":\"1\"}", token);
    connection->polls = false;
    ask(connection, "SendTaskSuccess", body);
}

// Those that are due, as far as a connection is free; gives when to look again.
static int start_due(struct work *work, struct connection *starters, size_t starter_count)
{
    size_t at = 0;
    while (work->started < work->load->count) {
        const int64_t due_us =
            work->began_us + (int64_t)(work->started * 1000000 / work->rate) - now_us();
        if (due_us > 0)
            return (int)(due_us / 1000) + 1;
        while (at < starter_count && starters[at].is_busy)
            at++;
        if (at == starter_count)
            return 1;
        ask_start(&starters[at], work->machine, now_us() + due_us);
        work->started++;
    }
    return SILENCE_MS;
}

static int run_work(struct load *load, const char *activity, size_t worker_count,
                    const char *machine, size_t rate)
{
    enum { STARTERS = 50 };
    struct work work = { .load = load, .activity = activity, .machine = machine, .rate = rate };
    struct connection *const starters = &load->connections[0];
    for (size_t i = 0; rate && i < STARTERS; i++)
        open_connection(load)->starts = true;
    for (size_t i = 0; i < worker_count; i++)
        ask_task(open_connection(load), activity);
    work.began_us = now_us();
    while (work.completed < load->count)
        listen_for(load, rate ? start_due(&work, starters, STARTERS) : SILENCE_MS, &work, on_work);
    say(load, "tasks", work.began_us);
    return 0;
}

int main(int argc, char **argv)
{
    static struct load load;
    struct sr_err err = { 0 };
    const struct rlimit files = { CONNECTIONS_MAX + 64, CONNECTIONS_MAX + 64 };
    const char *const what = argc > 4 ? argv[1] : "";
    if (argc < 5 || !server_address(argv[2], &load.address, &load.address_bytes, &err)) {
        (void)fprintf(stderr, "service_load starts|polls|work HOST:PORT ARN COUNT ...\n");
        return 2;
    }
    (void)setrlimit(RLIMIT_NOFILE, &files);  // socket() tells when there are too few
    load.count = strtoul(argv[4], NULL, 10);
    load.latencies = calloc(load.count, sizeof *load.latencies);
    load.events = epoll_create1(0);
    if (!load.latencies || load.events < 0)
        die("memory");
    const size_t connections = argc > 5 ? strtoul(argv[5], NULL, 10) : 50;
    const size_t rate = argc > 7 ? strtoul(argv[7], NULL, 10) : 0;
    if (load.count == 0 || connections == 0 || connections > CONNECTIONS_MAX - 64)
        return 2;
    if (strcmp(what, "starts") == 0)
        return run_starts(&load, argv[3], connections);
    if (strcmp(what, "polls") == 0 && load.count <= CONNECTIONS_MAX)
        return run_polls(&load, argv[3]);
    return strcmp(what, "work") == 0
               ? run_work(&load, argv[3], connections, argc > 6 ? argv[6] : NULL, rate)
               : 2;
}
