#include "tests/s3_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "storage/blob_s3.h"

enum { MISSING = 77, PORTS = 20 };

// A port such that it and those behind it are free now.
static unsigned free_ports(void)
{
    for (unsigned base = 20000 + (unsigned)getpid() % 20000; base < 60000; base += PORTS) {
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
    }
    fail_msg("no free ports");
    return 0;
}

static int run_script(const char *script, const char *verb, const char *folder, const char *rest)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *command = sr_strf(&err, "%s %s %s %s", script, verb, folder, rest);
    const int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

enum s3_server_state s3_server_start(const char *script, const char *access_key, const char *secret,
                                     struct s3_server *ret_server)
{
    struct s3_server server = { .script = script, .access_key = access_key, .secret = secret };
    char port[16];
    sr_test_folder(server.folder);
    server.port = free_ports();
    snprintf(port, sizeof(port), "%u", server.port);
    snprintf(server.endpoint, sizeof(server.endpoint), "http://127.0.0.1:%s", port);
    const int status = run_script(script, "start", server.folder, port);
    fflush(stdout);
    *ret_server = server;
    if (status == 0)
        return S3_SERVER_RUNS;
    sr_test_folder_done(server.folder);
    if (status == MISSING) {
        printf("skip %s: its packages are not installed (docs/storage.md)\n", script);
        return S3_SERVER_MISSING;
    }
    printf("not ok %s: does not start\n", script);
    return S3_SERVER_FAILED;
}

void s3_server_stop(struct s3_server *server)
{
    (void)run_script(server->script, "stop", server->folder, "");  // says itself what goes wrong
    sr_test_folder_done(server->folder);
}

struct s3_client s3_client_open(const char *endpoint, const char *access_key, const char *secret,
                                const struct http_params *params)
{
    struct sr_err err = { 0 };
    struct s3_client client = { 0 };
    sr_assert_ok(http_new(params, &client.http, &err), err);
    sr_assert_ok(credentials_new_static(access_key, secret, NULL, &client.credentials, &err), err);
    const struct blob_s3_params s3 = {
        .bucket = "splitreel-test",
        .region = "us-east-1",
        .endpoint = endpoint,
        .http = client.http,
        .credentials = client.credentials,
    };
    sr_assert_ok(blob_s3_open(&s3, &client.blob, &err), err);
    return client;
}

void s3_client_close(struct s3_client *client)
{
    blob_close(&client->blob);
    credentials_free(client->credentials);
    http_free(client->http);
}
