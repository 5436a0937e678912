// The conformance tests of storage/ against real S3 servers, started here by tests/servers/*.sh.
// A server whose packages are missing is skipped. With S3_ENDPOINT, AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY set, that server is tested instead and none is started.
#include "base/test.h"
#include "storage/blob_s3.h"
#include "tests/blob_conformance.h"
#include "tests/s3_server.h"

static const struct server {
    const char *name;
    const char *script;
    const char *access_key, *secret;
    unsigned lacks;
    bool asked;  // only with SPLITREEL_ALL_SERVERS set: it takes long to start
} servers[] = {
    { "Ceph RGW", "tests/servers/ceph-rgw.sh", "splitreelaccess", "splitreelsecretkey", 0, false },
    { "s3rver", "tests/servers/s3rver.sh", "S3RVER", "S3RVER",
      BLOB_LACKS_ABORT | BLOB_LACKS_PART_COPY | BLOB_LACKS_PART_CHECKS | BLOB_LACKS_IF_MATCH |
          BLOB_LACKS_SLASHES | BLOB_LACKS_LONG_KEYS | BLOB_LACKS_RANGE_ENDS | BLOB_LACKS_PAGES |
          BLOB_LACKS_TAGS | BLOB_LACKS_ODD_COPIES | BLOB_LACKS_CHUNKS,
      false },
    { "OpenStack Swift", "tests/servers/swift.sh", "splitreel:access", "splitreelsecretkey",
      BLOB_LACKS_TAGS | BLOB_LACKS_CHUNKS, true },
};

// How bodies are sent.
static const struct way {
    const char *name;
    enum blob_s3_payload payload;
    enum blob_s3_checksum checksum;
} ways[] = {
    { "", BLOB_S3_PAYLOAD_AUTO, BLOB_S3_CHECKSUM_MD5 },
    { ", unsigned, CRC-32C", BLOB_S3_PAYLOAD_UNSIGNED, BLOB_S3_CHECKSUM_CRC32C },
    { ", in chunks, SHA-256", BLOB_S3_PAYLOAD_CHUNKED, BLOB_S3_CHECKSUM_SHA256 },
};

static int conform_so(const struct way *way, const char *server, const char *endpoint,
                      const char *access_key, const char *secret, unsigned lacks)
{
    struct sr_err err = { 0 };
    char name[64];
    struct http_params params = http_params_default();
    params.policy.allow_private = true;
    struct s3_client client =
        s3_client_open_as(endpoint, access_key, secret, &params, way->payload, way->checksum);
    snprintf(name, sizeof(name), "%s%s", server, way->name);
    sr_assert_ok(blob_s3_make_bucket(&client.blob, &err), err);
    sr_assert_ok(blob_s3_make_bucket(&client.blob, &err), err);
    struct blob_conformance store = { .name = name, .blob = client.blob, .lacks = lacks };
    const int failed = blob_conformance_run(&store);
    s3_client_close(&client);
    return failed;
}

static int conform(const char *server, const char *endpoint, const char *access_key,
                   const char *secret, unsigned lacks)
{
    int failed = 0;
    for (size_t i = 0; i < SR_TEST_COUNT(ways); i++) {
        if (ways[i].payload == BLOB_S3_PAYLOAD_CHUNKED && (lacks & BLOB_LACKS_CHUNKS))
            continue;
        failed += conform_so(&ways[i], server, endpoint, access_key, secret, lacks);
    }
    return failed;
}

static int test_server(const struct server *server)
{
    struct s3_server running;
    switch (s3_server_start(server->script, server->access_key, server->secret, &running)) {
    case S3_SERVER_MISSING: return 0;
    case S3_SERVER_FAILED: return 1;
    case S3_SERVER_RUNS: break;
    }
    const int failed =
        conform(server->name, running.endpoint, server->access_key, server->secret, server->lacks);
    s3_server_stop(&running);
    return failed;
}

int main(void)
{
    const char *endpoint = getenv("S3_ENDPOINT");
    const char *access_key = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    if (endpoint && access_key && secret) {
        const char *lacks = getenv("S3_LACKS");
        return conform(endpoint, endpoint, access_key, secret,
                       lacks ? (unsigned)strtoul(lacks, NULL, 0) : 0);
    }
    int failed = 0;
    const bool all = getenv("SPLITREEL_ALL_SERVERS") != NULL;
    for (size_t i = 0; i < SR_TEST_COUNT(servers); i++) {
        if (all || !servers[i].asked)
            failed += test_server(&servers[i]);
    }
    return failed != 0;
}
