// A request from anybody who says who he is: a line with method and path, headers, an empty line,
// a body. Whoever is let in has signed exactly this; whoever signs what can be signed is let in.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/str.h"
#include "net/sigv4.h"
#include "service/auth.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "auth";

#define SECRET "a-secret-of-24-letters.."
#define WALL_US INT64_C(1790000000000000)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

// Cuts the next line off; gives NULL behind the empty one, and at the end.
static char *take_line(char **at)
{
    char *const line = *at;
    char *const end = strchr(line, '\n');
    if (!end || end == line)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

static size_t read_headers(char **at, struct http_header headers[SERVER_HEADERS_MAX])
{
    size_t count = 0;
    for (char *line; count < SERVER_HEADERS_MAX && (line = take_line(at));) {
        char *const colon = strchr(line, ':');
        if (!colon)
            continue;
        *colon = '\0';
        headers[count++] = (struct http_header){ line, colon + 1 + strspn(colon + 1, " ") };
    }
    return count;
}

// Let in, it is no more once anything is changed.
static void check_changed(const struct auth *auth, struct server_request request)
{
    char who[AUTH_ACCESS_KEY_MAX + 1];
    struct auth_refusal refusal = { 0 };
    FUZZ_CHECK(auth_check(auth, &request, WALL_US, who, &refusal));
    FUZZ_CHECK(strcmp(who, "AKIDEXAMPLE") == 0);
    if (request.size > 0) {
        request.size--;
        FUZZ_CHECK(!auth_check(auth, &request, WALL_US, who, &refusal));
        request.size++;
    }
    const char *const method = request.method;
    request.method = "DELETE";
    FUZZ_CHECK(strcmp(method, "DELETE") == 0 ||
               !auth_check(auth, &request, WALL_US, who, &refusal));
    request.method = method;
    FUZZ_CHECK(!auth_check(auth, &request, WALL_US + INT64_C(3600000000), who, &refusal));
}

// Spec: RFC 9110 "token".
static bool is_token(const char *text)
{
    for (const char *c = text; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))
            return false;
    }
    return *text != '\0';
}

// The headers a client signs: those that are here, and its own in place of what claims to be that.
static bool headers_to_sign(const struct server_request *request,
                            struct http_header headers[SERVER_HEADERS_MAX], size_t *ret_count)
{
    static const char *const own[] = { "authorization", "x-amz-date" };
    size_t count = 0, bytes = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header header = request->headers[i];
        bytes += strlen(header.name) + 1;
        if (!is_token(header.name))
            return false;
        if (strcasecmp(header.name, own[0]) != 0 && strcasecmp(header.name, own[1]) != 0)
            headers[count++] = header;
    }
    *ret_count = count;
    return count < SIGV4_HEADERS_MAX - 4 && bytes < 1024;  // what a claim can name
}

static void check_signed(const struct auth *auth, struct server_request request)
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    char hash[SR_SHA256_HEX];
    struct http_header headers[SERVER_HEADERS_MAX];
    size_t count;
    if (!headers_to_sign(&request, headers, &count))
        return;
    FUZZ_CHECK(sr_sha256(request.body, request.size, digest, &err));
    sr_hex(digest, sizeof digest, hash);
    const struct sigv4_params params = {
        .key = { "AKIDEXAMPLE", SECRET, NULL },
        .scope = { .region = "eu", .service = "states", .path_normal = true },
        .wall_us = WALL_US,
    };
    const struct sigv4_request to_sign = { request.method, request.path, request.query,
                                           headers,        count,        hash };
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    if (!sigv4_sign_header(&params, &to_sign, &result, &err))
        return;
    headers[count++] = (struct http_header){ "X-Amz-Date", result.date };
    headers[count++] = (struct http_header){ "Authorization", result.authorization };
    request.headers = headers;
    request.header_count = count;
    check_changed(auth, request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = strndup((const char *)data, bytes);
    sr_auto(auth) struct auth *auth = NULL;
    if (!text || !auth_new(&auth, &err) || !auth_add(auth, "AKIDEXAMPLE", SECRET, &err))
        return 0;
    char *at = text;
    char *const first = take_line(&at);
    char *const path = first ? strchr(first, ' ') : NULL;
    if (!path || path[1] != '/')
        return 0;
    *path = '\0';
    char *const query = strchr(path + 1, '?');
    if (query)
        *query = '\0';
    struct http_header headers[SERVER_HEADERS_MAX];
    struct server_request request = { .method = first,
                                      .path = path + 1,
                                      .query = query ? query + 1 : NULL,
                                      .headers = headers,
                                      .header_count = read_headers(&at, headers) };
    request.body = *at == '\n' ? at + 1 : at;
    request.size = strlen(request.body);
    char who[AUTH_ACCESS_KEY_MAX + 1];
    struct auth_refusal refusal = { 0 };
    check_signed(auth, request);
    if (!auth_check(auth, &request, WALL_US, who, &refusal)) {
        FUZZ_CHECK(refusal.type && refusal.status >= 400);
        FUZZ_CHECK(!strstr(refusal.message, SECRET));
        return 0;
    }
    check_changed(auth, request);
    return 0;
}
