#include "service/server.h"

#include <sys/resource.h>

#include "service/server_world.h"

enum { BODY_MAX = 64 << 10 };

// Of the last request, under the world's lock.
static struct {
    char query[64], remote[64];
} seen;

// Answers what was sent to it, at once, or for "/late" when the test says so.
static void *handle(void *self, struct server_call *call, const struct server_request *request)
{
    struct server_world *const world = self;
    sr_lock(&world->lock);
    (void)snprintf(seen.query, sizeof seen.query, "%s", request->query ? request->query : "none");
    (void)snprintf(seen.remote, sizeof seen.remote, "%s", request->remote);
    sr_unlock(&world->lock);
    if (strcmp(request->path, "/late") == 0 && !request->refused_status) {
        server_world_keep(world, call);
        server_call_is_long(call);
        return world;
    }
    const struct server_answer answer = {
        .status = request->refused_status ? request->refused_status : 200,
        .content_type = "text/plain",
        .body = request->refused_status ? request->refused.message : request->body,
        .size = request->refused_status ? strlen(request->refused.message) : request->size,
    };
    sr_ignore(server_answer(call, &answer));  // whether it arrives is counted
    return world;
}

static void begin(struct server_world *world, unsigned thread_count)
{
    server_world_open(
        world, handle,
        &(struct server_limits){ .body_bytes_max = BODY_MAX, .thread_count = thread_count });
}

static bool answer_late(struct server_world *world, size_t i, const char *body)
{
    return server_answer(world->synced.kept[i], &(struct server_answer){
                                                    .status = 200,
                                                    .content_type = "text/plain",
                                                    .body = body,
                                                    .size = strlen(body),
                                                });
}

static void answers(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    char value[256];
    begin(&world, 1);
    fake_connect(&client, server_port(world.server));
    for (int i = 0; i < 3; i++) {  // on one connection
        assert_int_equal(fake_ask(&client, "POST", "/a%20b?x=%2F", "", "hello"), 200);
        assert_string_equal(client.body, "hello");
        assert_int_equal(strlen(fake_header(&client, "x-amzn-RequestId", value)), SR_ID_TEXT - 1);
    }
    assert_string_equal(seen.query, "x=%2F");
    assert_memory_equal(seen.remote, "127.0.0.1:", 10);
    assert_int_equal(fake_ask(&client, "GET", "/", "", ""), 200);
    assert_string_equal(seen.query, "none");
    fake_close(&client);
    assert_true(server_wait(world.server, false, 30000000));
    assert_int_equal(world.synced.sent_count, 4);
    server_world_close(&world);
}

static const struct rude_row {
    const char *name;
    const char *head;
    size_t body;  // bytes that follow
    int status;   // 0: cut off
} rude_rows[] = {
    { "fits exactly", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n", BODY_MAX,
      200 },
    { "a byte too much", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n",
      BODY_MAX + 1, 413 },
    { "much too much, asked first",
      "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", 0,
      413 },
    { "absurdly much", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n", 0,
      413 },
    { "no length at all", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 0, 400 },
    { "a bad chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0,
      400 },
    { "no Host", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 0, 400 },
};

static void rude(void **state)
{
    const struct rude_row *row = *state;
    struct server_world world;
    struct fake_client client;
    begin(&world, 1);
    fake_connect(&client, server_port(world.server));
    char *body = malloc(row->body + 1);
    assert_non_null(body);
    memset(body, 'x', row->body);
    assert_true(fake_say(&client, row->head));
    if (row->body)
        (void)fake_send(&client, body, row->body);  // an early refusal may close it
    assert_int_equal(fake_read(&client), row->status);
    free(body);
    fake_close(&client);

    fake_connect(&client, server_port(world.server));  // and the next one is served
    assert_int_equal(fake_ask(&client, "POST", "/", "", "ok"), 200);
    fake_close(&client);
    assert_true(server_wait(world.server, false, 30000000));
    assert_int_equal(server_counts(world.server).body_bytes, 0);
    server_world_close(&world);
}

static void endless_body_is_cut(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    static char chunk[8 + 4096 + 2];
    begin(&world, 1);
    fake_connect(&client, server_port(world.server));
    assert_true(
        fake_say(&client, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
    memset(chunk, 'x', sizeof chunk);
    memcpy(chunk, "001000\r\n", 8);
    memcpy(chunk + sizeof chunk - 2, "\r\n", 2);
    size_t sent = 0;
    while (sent < (64u << 20) && fake_send(&client, chunk, sizeof chunk))
        sent += sizeof chunk;
    assert_true(sent < (64u << 20));  // the server did not read for ever
    fake_close(&client);
    server_world_close(&world);
}

static void too_many_headers(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    char line[32];
    begin(&world, 1);
    fake_connect(&client, server_port(world.server));
    assert_true(fake_say(&client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"));
    for (int i = 0; i < SERVER_HEADERS_MAX; i++) {
        snprintf(line, sizeof line, "X-H%d: 1\r\n", i);
        assert_true(fake_say(&client, line));
    }
    assert_true(fake_say(&client, "\r\n"));
    assert_int_equal(fake_read(&client), 431);
    fake_close(&client);

    fake_connect(&client, server_port(world.server));
    static char big[SERVER_HEAD_BYTES_MAX];
    memset(big, 'x', sizeof big - 1);
    assert_true(fake_say(&client, "POST / HTTP/1.1\r\nHost: x\r\nX-Big: "));
    (void)fake_say(&client, big);
    (void)fake_say(&client, "\r\n\r\n");
    const int status = fake_read(&client);  // the library's own, or a reset behind it
    assert_true(status == 431 || status == 413 || status == 0);
    fake_close(&client);
    server_world_close(&world);
}

static void slow_requests_are_ended(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "", "POST / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Le",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345"
    };
    struct server_world world;
    struct fake_client clients[SR_TEST_COUNT(pieces)];
    begin(&world, 1);
    for (size_t i = 0; i < SR_TEST_COUNT(pieces); i++) {
        fake_connect(&clients[i], server_port(world.server));
        assert_true(fake_say(&clients[i], pieces[i]));
    }
    struct fake_client good;
    fake_connect(&good, server_port(world.server));  // after it was served all others are known
    assert_int_equal(fake_ask(&good, "POST", "/", "", "ok"), 200);
    sr_clock_fake_advance(&world.clock, 119 * 1000000LL);
    server_sweep(world.server);
    assert_int_equal(fake_ask(&good, "POST", "/", "", "ok"), 200);
    sr_clock_fake_advance(&world.clock, 2 * 1000000LL);
    server_sweep(world.server);
    for (size_t i = 0; i < SR_TEST_COUNT(pieces); i++) {
        assert_int_equal(fake_read(&clients[i]), 0);
        fake_close(&clients[i]);
    }
    assert_int_equal(fake_ask(&good, "POST", "/", "", "ok"), 200);
    fake_close(&good);
    server_world_close(&world);
}

static void late_answers(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    begin(&world, 1);
    fake_connect(&client, server_port(world.server));
    for (size_t i = 0; i < 3; i++) {
        assert_true(
            fake_say(&client, "POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"));
        server_world_wait(&world, &world.synced.kept_count, i + 1);
        assert_int_equal(server_counts(world.server).waiting, 1);
        assert_true(answer_late(&world, i, "late"));
        assert_int_equal(fake_read(&client), 200);
        assert_string_equal(client.body, "late");
    }
    fake_close(&client);
    server_world_wait(&world, &world.synced.done_count, 3);
    assert_int_equal(world.synced.sent_count, 3);
    server_world_close(&world);
}

// Spec: a task whose long-poll answer could not be delivered goes back: the answer says so.
static void gone_client(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client client;
    begin(&world, 1);
    for (size_t i = 0; i < 2; i++) {
        fake_connect(&client, server_port(world.server));
        assert_true(
            fake_say(&client, "POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
        server_world_wait(&world, &world.synced.kept_count, i + 1);
        fake_close(&client);
        if (i == 1) {  // found before there is an answer: the connection ends at once
            while (server_counts(world.server).connections > 0)
                server_sweep(world.server);
            assert_int_equal(server_counts(world.server).waiting, 1);
        }
        assert_false(answer_late(&world, i, "a task"));
        server_world_wait(&world, &world.synced.done_count, i + 1);
    }
    assert_int_equal(world.synced.sent_count, 0);
    assert_true(server_wait(world.server, false, 30000000));
    assert_int_equal(server_counts(world.server).gone, 2);
    server_world_close(&world);
}

static void many_polls(void **state)
{
    (void)state;
    enum { POLLS = 1000 };
    static struct fake_client clients[POLLS];
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_cur < 2 * POLLS + 64)
        skip();
    struct server_world world;
    begin(&world, 2);
    for (size_t i = 0; i < POLLS; i++) {
        fake_connect(&clients[i], server_port(world.server));
        assert_true(
            fake_say(&clients[i], "POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
    }
    server_world_wait(&world, &world.synced.kept_count, POLLS);
    struct fake_client other;
    fake_connect(&other, server_port(world.server));  // none of them holds a thread
    assert_int_equal(fake_ask(&other, "POST", "/", "", "ok"), 200);
    fake_close(&other);
    server_sweep(world.server);
    assert_int_equal(server_counts(world.server).gone, 0);
    for (size_t i = 0; i < POLLS; i++)
        assert_true(answer_late(&world, i, "x"));
    for (size_t i = 0; i < POLLS; i++) {
        assert_int_equal(fake_read(&clients[i]), 200);
        fake_close(&clients[i]);
    }
    server_world_wait(&world, &world.synced.done_count, POLLS + 1);
    assert_int_equal(world.synced.sent_count, POLLS + 1);
    server_world_close(&world);
}

static void drain(void **state)
{
    (void)state;
    struct server_world world;
    struct fake_client waits, asks, new;
    char value[256];
    begin(&world, 2);
    const unsigned port = server_port(world.server);
    fake_connect(&waits, port);
    assert_true(fake_say(&waits, "POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
    server_world_wait(&world, &world.synced.kept_count, 1);
    fake_connect(&asks, port);
    assert_int_equal(fake_ask(&asks, "POST", "/", "", "ok"), 200);
    server_drain(world.server);
    server_drain(world.server);
    assert_int_equal(fake_ask(&asks, "POST", "/", "", "ok"), 503);  // on an open connection
    assert_string_equal(fake_header(&asks, "Connection", value), "close");
    assert_int_equal(fake_read(&asks), 0);
    new.fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_not_equal(connect(new.fd, (const struct sockaddr *)&to, sizeof to), 0);
    close(new.fd);
    assert_true(server_wait(world.server, true, 30000000));
    assert_false(server_wait(world.server, false, 0));
    assert_true(answer_late(&world, 0, "bye"));
    assert_true(server_wait(world.server, false, 30000000));
    server_world_close(&world);
    assert_int_equal(fake_read(&waits), 200);
    assert_string_equal(waits.body, "bye");
    fake_close(&waits);
    fake_close(&asks);
}

static void taken_address(void **state)
{
    (void)state;
    struct server_world world;
    struct sr_err err = { 0 };
    struct sockaddr_storage address;
    struct server_params params = { .clock = sr_clock_system(),
                                    .handle = handle,
                                    .done = server_world_done };
    struct server *second = NULL;
    char text[32];
    begin(&world, 1);
    snprintf(text, sizeof text, "127.0.0.1:%u", server_port(world.server));
    sr_assert_ok(server_address(text, &address, &params.address_bytes, &err), err);
    params.address = (const struct sockaddr *)&address;
    sr_assert_fails(server_open(&params, &second, &err), SR_ERR_CONFLICT, err);
    assert_null(second);
    server_world_close(&world);
}

static const struct address_row {
    const char *name;
    bool ok, loopback;
} address_rows[] = {
    { "127.0.0.1:8083", true, true },
    { "127.9.9.9:1", true, true },
    { "localhost:0", true, true },
    { ":8083", true, true },
    { "[::1]:8083", true, true },
    { "[::ffff:127.0.0.1]:1", true, true },
    { "[::ffff:10.0.0.1]:1", true, false },
    { "0.0.0.0:8083", true, false },
    { "[::]:8083", true, false },
    { "192.0.2.1:80", true, false },
    { "8083", false, false },
    { "127.0.0.1", false, false },
    { "127.0.0.1:", false, false },
    { "127.0.0.1:65536", false, false },
    { "127.0.0.1:-1", false, false },
    { "127.0.0.1: 1", false, false },
    { "::1:8083", false, false },
    { "example.org:80", false, false },
    { "", false, false },
};

static void address(void **state)
{
    const struct address_row *row = *state;
    struct sr_err err = { 0 };
    struct sockaddr_storage got;
    socklen_t bytes;
    assert_int_equal(server_address(row->name, &got, &bytes, &err), row->ok);
    assert_int_equal(err.code, row->ok ? SR_OK : SR_ERR_INVALID);
    if (row->ok)
        assert_int_equal(server_is_loopback((const struct sockaddr *)&got), row->loopback);
}

static void status_texts(void **state)
{
    (void)state;
    assert_string_equal(server_status_text(404), "Not Found");
    assert_string_equal(server_status_text(413), "Content Too Large");
    assert_null(server_status_text(599));
    assert_null(server_status_text(-1));
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rude_rows) + SR_TEST_COUNT(address_rows) + 16];
    size_t count = SR_TEST_ADD(tests, rude_rows, rude);
    count += SR_TEST_ADD(tests + count, address_rows, address);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(answers);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(endless_body_is_cut);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_many_headers);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(slow_requests_are_ended);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(late_answers);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(gone_client);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(many_polls);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(drain);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(taken_address);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(status_texts);
    return sr_test_run(__FILE__, tests, count);
}
