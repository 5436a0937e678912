#include "net/sigv4_chunked.h"

#include "base/str.h"
#include "base/test.h"

#define SEED "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"

static const struct sigv4_params params = {
    .key = { "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL },
    .scope = { .region = "us-east-1", .service = "s3", .path_once = true },
    .wall_us = 1369353600LL * 1000000,
};

static char *content(size_t bytes)
{
    char *const data = malloc(bytes + 1);
    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)(i * 31 + i / 251);
    return data;
}

// What the other side does: undoes the chunks and checks each.
static void assert_undone(const char *wire, size_t wire_bytes, const char *data, size_t bytes)
{
    struct sr_err err = { 0 };
    struct sigv4_stream stream;
    size_t at = 0, got = 0, size;
    sr_assert_ok(sigv4_stream_init(&params, SEED, &stream, &err), err);
    do {
        char signature[65];
        int used = 0;
        assert_int_equal(
            sscanf(wire + at, "%zx;chunk-signature=%64s\r\n%n", &size, signature, &used), 2);
        // not what scanf takes for white space: data may begin with it
        const char *const end = strstr(wire + at, "\r\n");
        assert_non_null(end);
        at = (size_t)(end + 2 - wire);
        assert_true(size <= bytes - got && at + size + 2 <= wire_bytes);
        sr_assert_ok(sigv4_stream_verify(&stream, wire + at, size, signature, &err), err);
        assert_memory_equal(wire + at, data + got, size);
        got += size;
        at += size;
        assert_memory_equal(wire + at, "\r\n", 2);
        at += 2;
    } while (size);
    assert_int_equal(got, bytes);
    assert_int_equal(at, wire_bytes);
}

static const struct row {
    const char *name;
    size_t bytes;
} rows[] = {
    { "nothing", 0 },
    { "a byte", 1 },
    { "a chunk but a byte", SIGV4_CHUNK_BYTES - 1 },
    { "a chunk", SIGV4_CHUNK_BYTES },
    { "a chunk and a byte", SIGV4_CHUNK_BYTES + 1 },
    { "three chunks", 3 * SIGV4_CHUNK_BYTES },
    { "three chunks and some", 3 * SIGV4_CHUNK_BYTES + 777 },
};

// Whole, in pieces of any size, and again from any place: the same bytes.
static void each_row(void **state)
{
    const struct row *const row = *state;
    struct sr_err err = { 0 };
    sr_auto(char) char *data = content(row->bytes);
    sr_auto(sigv4_chunked) struct sigv4_chunked *chunked = NULL;
    sr_assert_ok(sigv4_chunked_new(&params, SEED, data, row->bytes, &chunked, &err), err);
    const size_t bytes = (size_t)sigv4_chunked_bytes(row->bytes);
    sr_auto(char) char *wire = malloc(bytes + 1);
    sr_auto(char) char *pieces = malloc(bytes + 1);
    assert_true(wire && pieces);
    sigv4_chunked_read(chunked, 0, wire, bytes);
    wire[bytes] = '\0';
    assert_undone(wire, bytes, data, row->bytes);
    static const size_t sizes[] = { 7, 4096, 100000, 262144 };
    for (size_t s = row->bytes > 1 ? 1 : 0; s < SR_TEST_COUNT(sizes); s++) {
        for (size_t at = 0; at < bytes; at += sizes[s])
            sigv4_chunked_read(chunked, at, pieces + at,
                               bytes - at < sizes[s] ? bytes - at : sizes[s]);
        assert_memory_equal(pieces, wire, bytes);
    }
    for (size_t at = bytes; at-- > 0 && bytes - at < 400;) {
        sigv4_chunked_read(chunked, at, pieces, bytes - at);
        assert_memory_equal(pieces, wire + at, bytes - at);
    }
}

// Spec: S3 "Example: PUT object in multiple chunks" has chunks of 64 KiB; ours are larger, so that
// its signatures are checked in sigv4_test.c, and here that both are one chain.
static void one_chain(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(char) char *data = content(2 * SIGV4_CHUNK_BYTES);
    sr_auto(sigv4_chunked) struct sigv4_chunked *chunked = NULL;
    sr_auto(sigv4_chunked) struct sigv4_chunked *other = NULL;
    sr_assert_ok(sigv4_chunked_new(&params, SEED, data, 2 * SIGV4_CHUNK_BYTES, &chunked, &err),
                 err);
    data[0] ^= 1;  // changes the signatures of all that follows, too
    sr_assert_ok(sigv4_chunked_new(&params, SEED, data, 2 * SIGV4_CHUNK_BYTES, &other, &err), err);
    const size_t bytes = (size_t)sigv4_chunked_bytes(2 * SIGV4_CHUNK_BYTES);
    char one[100], two[100];
    sigv4_chunked_read(chunked, bytes - 80, one, 80);
    sigv4_chunked_read(other, bytes - 80, two, 80);
    assert_memory_not_equal(one, two, 80);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(one_chain);
    return sr_test_run(__FILE__, tests, count);
}
