// A request from anybody who says who he is: a line with method and path, headers, an empty line,
// a body. Whoever is let in has signed exactly this.
#include <string.h>

#include "base/str.h"
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
    if (!auth_check(auth, &request, WALL_US, who, &refusal)) {
        FUZZ_CHECK(refusal.type && refusal.status >= 400);
        FUZZ_CHECK(!strstr(refusal.message, SECRET));
        return 0;
    }
    FUZZ_CHECK(strcmp(who, "AKIDEXAMPLE") == 0);
    if (request.size > 0) {
        request.size--;
        FUZZ_CHECK(!auth_check(auth, &request, WALL_US, who, &refusal));
        request.size++;
    }
    request.method = "DELETE";
    FUZZ_CHECK(strcmp(first, "DELETE") == 0 || !auth_check(auth, &request, WALL_US, who, &refusal));
    return 0;
}
