// The conformance tests of storage/ against real S3 servers, started here by tests/servers/*.sh.
// A server whose packages are missing is skipped. With S3_ENDPOINT, AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY set, that server is tested instead and none is started.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "storage/blob_conformance.h"
#include "storage/blob_s3.h"

enum { MISSING = 77, PORTS = 20 };

static const struct server {
    const char *name;
    const char *script;
    const char *access_key, *secret;
    unsigned lacks;
} servers[] = {
    { "Ceph RGW", "tests/servers/ceph-rgw.sh", "splitreelaccess", "splitreelsecretkey", 0 },
    { "s3rver", "tests/servers/s3rver.sh", "S3RVER", "S3RVER",
      BLOB_LACKS_ABORT | BLOB_LACKS_PART_COPY | BLOB_LACKS_PART_CHECKS | BLOB_LACKS_IF_MATCH |
          BLOB_LACKS_SLASHES | BLOB_LACKS_LONG_KEYS | BLOB_LACKS_RANGE_ENDS | BLOB_LACKS_PAGES |
          BLOB_LACKS_TAGS | BLOB_LACKS_ODD_COPIES },
};

static int conform(const char *name, const char *endpoint, const char *access_key,
                   const char *secret, unsigned lacks)
{
    struct sr_err err = { 0 };
    struct http_params params = http_params_default();
    params.policy.allow_private = true;
    sr_auto(http) struct http *http = NULL;
    sr_auto(credentials) struct credentials *credentials = NULL;
    sr_auto(blob) struct blob blob = { 0 };
    sr_assert_ok(http_new(&params, &http, &err), err);
    sr_assert_ok(credentials_new_static(access_key, secret, NULL, &credentials, &err), err);
    const struct blob_s3_params s3 = {
        .bucket = "splitreel-conformance",
        .region = "us-east-1",
        .endpoint = endpoint,
        .http = http,
        .credentials = credentials,
    };
    sr_assert_ok(blob_s3_open(&s3, &blob, &err), err);
    sr_assert_ok(blob_s3_make_bucket(&blob, &err), err);
    sr_assert_ok(blob_s3_make_bucket(&blob, &err), err);
    struct blob_conformance store = { .name = name, .blob = blob, .lacks = lacks };
    return blob_conformance_run(&store);
}

// A port such that it and those behind it are free now.
static unsigned free_ports(void)
{
    for (unsigned base = 20000 + (unsigned)getpid() % 20000;; base += PORTS) {
        unsigned i = 0;
        for (; i < PORTS; i++) {
            struct sockaddr_in address = { .sin_family = AF_INET,
                                           .sin_port = htons((uint16_t)(base + i)) };
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            assert_true(fd >= 0);
            const bool good = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
            close(fd);
            if (!good)
                break;
        }
        if (i == PORTS)
            return base;
        assert_true(base < 60000);
    }
}

static int run_script(const char *script, const char *verb, const char *folder, const char *rest)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *command = sr_strf(&err, "%s %s %s %s", script, verb, folder, rest);
    const int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int test_server(const struct server *server)
{
    char folder[64], port[16], endpoint[64];
    sr_test_folder(folder);
    snprintf(port, sizeof(port), "%u", free_ports());
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%s", port);
    const int started = run_script(server->script, "start", folder, port);
    int failed = 0;
    if (started == MISSING) {
        printf("skip %s: its packages are not installed (docs/storage.md)\n", server->name);
    } else if (started != 0) {
        printf("not ok %s: does not start\n", server->name);
        failed = 1;
    } else {
        fflush(stdout);
        failed = conform(server->name, endpoint, server->access_key, server->secret, server->lacks);
        (void)run_script(server->script, "stop", folder, "");  // says itself what goes wrong
    }
    sr_test_folder_done(folder);
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
    for (size_t i = 0; i < SR_TEST_COUNT(servers); i++)
        failed += test_server(&servers[i]);
    return failed != 0;
}
