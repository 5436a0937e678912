#include "tests/s3_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"

enum { MISSING = 77 };

static int run_script(const char *script, const char *verb, const char *folder)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *command = sr_strf(&err, "%s %s %s", script, verb, folder);
    const int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

// Which the script has chosen.
static unsigned port_of(const char *folder)
{
    struct sr_err err = { 0 };
    unsigned port = 0;
    sr_auto(char) char *path = sr_strf(&err, "%s/port", folder);
    FILE *const file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u", &port), 1);
    fclose(file);
    return port;
}

enum s3_server_state s3_server_start(const char *script, const char *access_key, const char *secret,
                                     struct s3_server *ret_server)
{
    struct s3_server server = { .script = script, .access_key = access_key, .secret = secret };
    char owner[24];
    sr_test_folder(server.folder);
    // It ends with this process, however that ends.
    (void)snprintf(owner, sizeof(owner), "%ld", (long)getpid());
    assert_int_equal(setenv("SERVER_ENDS_WITH", owner, 1), 0);
    const int status = run_script(script, "start", server.folder);
    fflush(stdout);
    if (status == 0) {
        server.port = port_of(server.folder);
        snprintf(server.endpoint, sizeof(server.endpoint), "http://127.0.0.1:%u", server.port);
        *ret_server = server;
        return S3_SERVER_RUNS;
    }
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
    (void)run_script(server->script, "stop", server->folder);  // says itself what goes wrong
    sr_test_folder_done(server->folder);
}

void s3_server_kill(const struct s3_server *server)
{
    assert_int_equal(run_script(server->script, "kill", server->folder), 0);
}

void s3_server_again(const struct s3_server *server)
{
    assert_int_equal(run_script(server->script, "again", server->folder), 0);
}

struct s3_client s3_client_open(const char *endpoint, const char *access_key, const char *secret,
                                const struct http_params *params)
{
    return s3_client_open_as(endpoint, access_key, secret, params, BLOB_S3_PAYLOAD_AUTO,
                             BLOB_S3_CHECKSUM_MD5);
}

struct s3_client s3_client_open_as(const char *endpoint, const char *access_key, const char *secret,
                                   const struct http_params *params, enum blob_s3_payload payload,
                                   enum blob_s3_checksum checksum)
{
    struct sr_err err = { 0 };
    struct s3_client client = { 0 };
    sr_assert_ok(http_new(params, &client.http, &err), err);
    sr_assert_ok(credentials_new_static(access_key, secret, NULL, &client.credentials, &err), err);
    const struct blob_s3_params s3 = {
        .bucket = "splitreel-test",
        .region = "us-east-1",
        .endpoint = endpoint,
        .payload = payload,
        .checksum = checksum,
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
