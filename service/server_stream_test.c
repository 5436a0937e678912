#include "service/server.h"

#include <sys/resource.h>

#include "service/server_world.h"

enum { STREAMS_MAX = 600 };

// Every answer but that of "/" is a stream, fed by the test.
static void *handle(void *self, struct server_call *call, const struct server_request *request)
{
    if (strcmp(request->path, "/") == 0) {
        sr_ignore(server_answer(
            call, &(struct server_answer){
                      .status = 200, .content_type = "text/plain", .body = "ok", .size = 2 }));
        return NULL;
    }
    server_call_is_long(call);
    const bool late = strcmp(request->path, "/late") == 0;
    if (!late)
        assert_true(server_stream(
            call, &(struct server_answer){
                      .status = 200, .content_type = "text/plain", .body = "first,", .size = 6 }));
    server_world_keep(self, call);
    return self;
}

static void begin(struct server_world *world, unsigned thread_count)
{
    server_world_open(world, handle, &(struct server_limits){ .thread_count = thread_count });
}

static void end(struct server_world *world)
{
    assert_true(server_wait(world->server, false, 30000000));
    server_world_close(world);
}

// Asks for a stream; gives the call that feeds it.
static struct server_call *ask(struct server_world *world, struct fake_client *client,
                               const char *method, const char *path)
{
    char head[128];
    const size_t before = world->synced.kept_count;  // nobody else adds one now
    fake_connect(client, server_port(world->server));
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, path);
    assert_true(fake_say(client, head));
    server_world_wait(world, &world->synced.kept_count, before + 1);
    return world->synced.kept[before];
}

static enum server_stream_state add(struct server_call *call, const char *text)
{
    return server_stream_add(call, text, strlen(text));
}

static void read_until(struct fake_client *client, const char *text)
{
    while (!client->text || !strstr(client->text, text))
        assert_true(fake_fill(client));
}

// Spec: each piece arrives before the next one is made, and the connection is used again.
static void pieces(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    char text[32];
    begin(&world, 1);
    struct server_call *const call = ask(&world, &client, "GET", "/stream");
    read_until(&client, "first,");
    assert_memory_equal(client.text, "HTTP/1.1 200", 12);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "piece %d,", i);
        assert_int_equal(add(call, text), SERVER_STREAM_OPEN);
        read_until(&client, text);
    }
    assert_int_equal(add(call, "last"), SERVER_STREAM_OPEN);
    server_stream_end(call);
    read_until(&client, "last");
    read_until(&client, "\r\n0\r\n\r\n");  // of the chunked coding
    server_world_wait(&world, &world.synced.done_count, 1);
    assert_int_equal(world.synced.sent_count, 1);
    assert_int_equal(fake_ask(&client, "GET", "/", "", ""), 200);
    fake_close(&client);
    end(&world);
}

static void begins_late(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    begin(&world, 1);
    struct server_call *const call = ask(&world, &client, "GET", "/late");
    assert_true(server_stream(
        call, &(struct server_answer){ .status = 202, .content_type = "text/plain" }));
    read_until(&client, "HTTP/1.1 202");
    assert_int_equal(add(call, "now"), SERVER_STREAM_OPEN);
    server_stream_end(call);
    read_until(&client, "now");
    fake_close(&client);
    end(&world);
}

static void begins_too_late(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    begin(&world, 1);
    struct server_call *const call = ask(&world, &client, "GET", "/late");
    fake_close(&client);
    while (server_counts(world.server).connections > 0)
        server_sweep(world.server);
    assert_false(server_stream(
        call, &(struct server_answer){ .status = 200, .content_type = "text/plain" }));
    server_world_wait(&world, &world.synced.done_count, 1);
    assert_int_equal(world.synced.sent_count, 0);
    end(&world);
}

// Spec: a client that does not read costs no more than SERVER_STREAM_BYTES_MAX.
static void full(void **state)
{
    (void)state;
    static char piece[4000];
    struct server_world world;
    struct fake_client client;
    size_t added = 0;
    begin(&world, 1);
    struct server_call *const call = ask(&world, &client, "GET", "/stream");
    memset(piece, 'x', sizeof piece - 1);
    // Until the kernel's buffers are full, too: then the library takes nothing any more.
    enum server_stream_state now;
    do {
        now = add(call, piece);
        added += now == SERVER_STREAM_OPEN;
        assert_int_not_equal(now, SERVER_STREAM_GONE);
    } while (now == SERVER_STREAM_OPEN);
    assert_int_equal(server_stream_add(call, piece, SERVER_STREAM_BYTES_MAX + 1),
                     SERVER_STREAM_FULL);
    size_t seen = 0;
    while (added > 0 && now != SERVER_STREAM_OPEN) {  // it reads: there is room again
        assert_true(fake_fill(&client));
        now = add(call, "y");
    }
    server_stream_end(call);
    while (!memmem(client.text, client.bytes, "y", 1))
        assert_true(fake_fill(&client));
    read_until(&client, "\r\n0\r\n\r\n");
    for (size_t i = 0; i < client.bytes; i++)
        seen += client.text[i] == 'x';
    assert_true(seen >= added * (sizeof piece - 1));  // "text/plain" has one, too
    fake_close(&client);
    end(&world);
}

// Spec: a piece that is longer than that is sent when nothing else waits.
static void long_piece(void **state)
{
    (void)state;
    static char piece[2 * SERVER_STREAM_BYTES_MAX];
    struct server_world world;
    struct fake_client client;
    size_t seen = 0;
    begin(&world, 1);
    struct server_call *const call = ask(&world, &client, "GET", "/stream");
    read_until(&client, "first,");
    memset(piece, '#', sizeof piece);
    assert_int_equal(server_stream_add(call, piece, sizeof piece), SERVER_STREAM_OPEN);
    while (add(call, "last") == SERVER_STREAM_FULL)
        assert_true(fake_fill(&client));
    server_stream_end(call);
    read_until(&client, "last");
    read_until(&client, "\r\n0\r\n\r\n");
    for (size_t i = 0; i < client.bytes; i++)
        seen += client.text[i] == '#';
    assert_int_equal(seen, sizeof piece);
    fake_close(&client);
    end(&world);
}

static void client_leaves(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    begin(&world, 1);
    for (size_t i = 0; i < 2; i++) {
        struct server_call *const call = ask(&world, &client, "GET", "/stream");
        read_until(&client, "first,");
        fake_close(&client);
        while (server_counts(world.server).connections > 0) {
            if (i == 0)
                server_sweep(world.server);  // nothing is to be sent
            else
                (void)add(call, "more");  // found while it is sent
        }
        assert_int_equal(add(call, "more"), SERVER_STREAM_GONE);
        server_stream_end(call);
        server_world_wait(&world, &world.synced.done_count, i + 1);
    }
    assert_int_equal(world.synced.sent_count, 0);
    assert_int_equal(server_counts(world.server).gone, 2);
    end(&world);
}

static void stalled_client_is_cut(void **state)
{
    (void)state;
    static char piece[4000];
    struct server_world world;
    struct fake_client client;
    begin(&world, 1);
    struct server_call *const call = ask(&world, &client, "GET", "/stream");
    memset(piece, 'x', sizeof piece - 1);
    while (add(call, piece) == SERVER_STREAM_OPEN)
        continue;
    sr_clock_fake_advance(&world.clock, 299 * 1000000LL);
    server_sweep(world.server);
    assert_int_equal(server_counts(world.server).connections, 1);
    sr_clock_fake_advance(&world.clock, 2 * 1000000LL);
    server_sweep(world.server);
    while (server_counts(world.server).connections > 0) {
        (void)add(call, piece);  // the socket may have had room for all that was in the queue
        sr_clock_fake_advance(&world.clock, 301 * 1000000LL);
        server_sweep(world.server);
    }
    assert_int_equal(add(call, "more"), SERVER_STREAM_GONE);
    server_stream_end(call);
    fake_close(&client);
    end(&world);
}

// A stream on which nothing happens is not slow.
static void quiet_stream_stays(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    begin(&world, 1);
    struct server_call *const call = ask(&world, &client, "GET", "/stream");
    read_until(&client, "first,");
    for (int i = 0; i < 10; i++) {
        sr_clock_fake_advance(&world.clock, 200 * 1000000LL);
        server_sweep(world.server);
        assert_int_equal(add(call, "more,"), SERVER_STREAM_OPEN);
        client.bytes = 0;
        client.text[0] = '\0';
        read_until(&client, "more,");
    }
    server_stream_end(call);
    fake_close(&client);
    end(&world);
}

static void head_has_no_body(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    begin(&world, 1);
    struct server_call *const call = ask(&world, &client, "HEAD", "/stream");
    read_until(&client, "\r\n\r\n");
    while (add(call, "more") != SERVER_STREAM_GONE)
        continue;
    server_stream_end(call);
    assert_null(strstr(client.text, "first"));
    fake_close(&client);
    end(&world);
}

static void drain(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    begin(&world, 2);
    struct server_call *const call = ask(&world, &client, "GET", "/stream");
    read_until(&client, "first,");
    server_drain(world.server);
    assert_true(server_wait(world.server, true, 30000000));
    assert_false(server_wait(world.server, false, 0));
    assert_int_equal(add(call, "more"), SERVER_STREAM_GONE);
    server_stream_end(call);
    end(&world);  // waits for it
    read_until(&client, "\r\n0\r\n\r\n");
    fake_close(&client);
}

// Spec: a stream holds no thread.
static void many(void **state)
{
    (void)state;
    static struct fake_client clients[STREAMS_MAX];
    struct server_call *calls[STREAMS_MAX];
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_cur < 2 * STREAMS_MAX + 64)
        skip();
    struct server_world world;
    begin(&world, 2);
    for (size_t i = 0; i < STREAMS_MAX; i++)
        calls[i] = ask(&world, &clients[i], "GET", "/stream");
    struct fake_client other;
    fake_connect(&other, server_port(world.server));
    assert_int_equal(fake_ask(&other, "GET", "/", "", ""), 200);
    fake_close(&other);
    for (int round = 0; round < 3; round++) {
        char text[32];
        snprintf(text, sizeof text, "round %d", round);
        for (size_t i = 0; i < STREAMS_MAX; i++)
            assert_int_equal(add(calls[i], text), SERVER_STREAM_OPEN);
        for (size_t i = 0; i < STREAMS_MAX; i++)
            read_until(&clients[i], text);
        server_sweep(world.server);
    }
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        server_stream_end(calls[i]);
        read_until(&clients[i], "\r\n0\r\n\r\n");
        fake_close(&clients[i]);
    }
    end(&world);
    assert_int_equal(world.synced.sent_count, STREAMS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces),
        cmocka_unit_test(begins_late),
        cmocka_unit_test(begins_too_late),
        cmocka_unit_test(full),
        cmocka_unit_test(long_piece),
        cmocka_unit_test(client_leaves),
        cmocka_unit_test(stalled_client_is_cut),
        cmocka_unit_test(quiet_stream_stays),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(drain),
        cmocka_unit_test(many),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
