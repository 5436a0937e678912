// tests/s3_server.h - starts a real S3 server for a test, by a script of tests/servers/, and stops
// it.
#pragma once

#include <stdbool.h>

#include "net/credentials.h"
#include "net/http.h"
#include "storage/blob_s3.h"

enum s3_server_state { S3_SERVER_RUNS, S3_SERVER_MISSING, S3_SERVER_FAILED };

struct s3_server {
    const char *script;
    char folder[64];
    char endpoint[64];
    unsigned port;
    const char *access_key, *secret;
};

// Prints why when it is not RUNS: a line "skip NAME: reason" or "not ok NAME: reason".
enum s3_server_state s3_server_start(const char *script, const char *access_key, const char *secret,
                                     struct s3_server *ret_server);
void s3_server_stop(struct s3_server *server);
// Of scripts that can: SIGKILL to what answers requests; and its next start, until it answers. Fail
// the test when they cannot.
void s3_server_kill(const struct s3_server *server);
void s3_server_again(const struct s3_server *server);

// A client of a bucket, which is made. Fails the test when it cannot.
struct s3_client {
    struct http *http;
    struct credentials *credentials;
    struct blob blob;
};
struct s3_client s3_client_open(const char *endpoint, const char *access_key, const char *secret,
                                const struct http_params *params);
// The same with other ways of sending.
struct s3_client s3_client_open_as(const char *endpoint, const char *access_key, const char *secret,
                                   const struct http_params *params, enum blob_s3_payload payload,
                                   enum blob_s3_checksum checksum);
void s3_client_close(struct s3_client *client);
