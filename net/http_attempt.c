#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "net/http_priv.h"

enum { HEAD_BYTES_MAX = 64 << 10, BUFFER_BYTES = 256 << 10 };

void http_response_done(struct http_response *response)
{
    free(response->headers);  // names and values point into the same block
    free(response->body);
    free(response->url);
    *response = (struct http_response){ 0 };
}

const char *http_response_header(const struct http_response *response, const char *name)
{
    return http_header_find(response->headers, response->header_count, name);
}

bool http_attempt_header(struct http_attempt *attempt, const char *name, const char *value,
                         struct sr_err *err)
{
    if (strpbrk(value, "\r\n"))
        return sr_fail(err, SR_ERR_INVALID, "header %s with a line's end in it", name);
    // "Name;" is curl's way to send a header without a value
    sr_auto(char) char *line = sr_strf(err, *value ? "%s: %s" : "%s;%s", name, value);
    struct curl_slist *longer = line ? curl_slist_append(attempt->headers, line) : NULL;
    if (!longer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "header %s", name);
    attempt->headers = longer;
    return true;
}

bool http_attempt_url(struct http_attempt *attempt, const char *url, struct sr_err *err)
{
    sr_auto(url) struct url parts = { 0 };
    if (!url_parse(url, &parts, err))
        return false;
    if (strcmp(parts.scheme, "http") != 0 && strcmp(parts.scheme, "https") != 0)
        return sr_fail(err, SR_ERR_INVALID, "%s is not a scheme for HTTP", parts.scheme);
    sr_auto(sr_str) struct sr_str text = { 0 };
    if (!url_add_text(&parts, &text, err))
        return false;
    free(attempt->url);
    attempt->url = sr_str_take(&text);
    url_done(&attempt->parts);
    attempt->parts = parts;
    parts = (struct url){ 0 };
    return attempt->url || sr_fail(err, SR_ERR_NO_MEMORY, "URL");
}

bool http_attempt_new(struct http *http, const struct http_request *request, const char *url,
                      struct http_attempt **ret_attempt, struct sr_err *err)
{
    struct http_attempt *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return sr_fail(err, SR_ERR_NO_MEMORY, "HTTP request");
    fresh->http = http;
    fresh->request = request;
    if (!sr_cond_init(&fresh->done, err)) {
        free(fresh);
        return false;
    }
    sr_auto(http_attempt) struct http_attempt *attempt = fresh;
    attempt->easy = curl_easy_init();
    if (!attempt->easy)
        return sr_fail(err, SR_ERR_NO_MEMORY, "HTTP request");
    if (!http_attempt_url(attempt, url, err))
        return false;
    *ret_attempt = sr_take(attempt);
    return true;
}

void http_attempt_free(struct http_attempt *attempt)
{
    if (!attempt)
        return;
    curl_easy_cleanup(attempt->easy);
    curl_slist_free_all(attempt->headers);
    free(attempt->url);
    url_done(&attempt->parts);
    sr_str_done(&attempt->head);
    sr_str_done(&attempt->body);
    http_response_done(&attempt->reply);
    sr_cond_done(&attempt->done);
    free(attempt);
}

// Where we may connect to ------------------------------------------------------------------------

// "host", "host:port", "[::1]", "[::1]:port", "::1"
static bool names_host(const char *entry, const struct url *url)
{
    const bool bracket = *entry == '[';
    const char *host = entry + bracket;
    const char *colon = strchr(host, ':');
    size_t bytes = strlen(host);
    if (bracket)
        bytes = strcspn(host, "]");
    else if (colon && !strchr(colon + 1, ':'))
        bytes = (size_t)(colon - host);
    const char *after = host + bytes + (bracket && host[bytes] == ']');
    if (*after == ':') {
        char *end;
        if (strtoul(after + 1, &end, 10) != url->port || *end || end == after + 1)
            return false;
    } else if (*after) {
        return false;
    }
    return strlen(url->host) == bytes && strncasecmp(host, url->host, bytes) == 0;
}

static bool may_connect(const struct http_attempt *attempt, const struct sockaddr *address)
{
    const struct http_policy *policy = &attempt->http->params.policy;
    // A proxy is configured by the operator; it decides about addresses that we do not even see.
    if (policy->allow_private || attempt->via_proxy || address_is_public(address))
        return true;
    for (const char *const *entry = policy->allow; entry && *entry; entry++) {
        if (names_host(*entry, &attempt->parts) || address_in(address, *entry))
            return true;
    }
    return false;
}

// Asked with each address that a name has resolved to, so a name that points inwards is found out
// here.
static curl_socket_t open_socket(void *self, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_attempt *attempt = self;
    (void)purpose;
    if (!may_connect(attempt, &address->addr)) {
        attempt->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    struct http *const http = attempt->http;
    if (fd >= 0 && http->socket_count < HTTP_SOCKETS_MAX)
        http->sockets[http->socket_count++] = fd;
    return fd;
}

static int close_socket(void *self, curl_socket_t fd)
{
    struct http *const http = self;
    for (size_t i = 0; i < http->socket_count; i++) {
        if (http->sockets[i] == fd) {
            http->sockets[i] = http->sockets[--http->socket_count];
            break;
        }
    }
    return close(fd);
}

static uint16_t local_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
    socklen_t bytes = sizeof(name);
    if (getsockname(fd, &name.any, &bytes) != 0)
        return 0;
    return ntohs(name.any.sa_family == AF_INET6 ? name.v6.sin6_port : name.v4.sin_port);
}

int http_attempt_socket(const struct http_attempt *attempt)
{
    const struct http *const http = attempt->http;
    long port = 0;
    if (curl_easy_getinfo(attempt->easy, CURLINFO_LOCAL_PORT, &port) != CURLE_OK || port == 0)
        return -1;
    for (size_t i = 0; i < http->socket_count; i++) {
        if (local_port(http->sockets[i]) == port)
            return http->sockets[i];
    }
    return -1;
}

static bool listed(const char *list, const char *host)
{
    for (const char *at = list ? list : ""; *at;) {
        at += strspn(at, ", ");
        const size_t bytes = strcspn(at, ", ");
        const size_t host_bytes = strlen(host);
        const size_t skip = bytes && *at == '.';
        if (bytes == 1 && *at == '*')
            return true;
        if (bytes > skip && host_bytes >= bytes - skip &&
            strncasecmp(host + host_bytes - (bytes - skip), at + skip, bytes - skip) == 0 &&
            (host_bytes == bytes - skip || host[host_bytes - (bytes - skip) - 1] == '.'))
            return true;
        at += bytes;
    }
    return false;
}

// What comes and goes ----------------------------------------------------------------------------

static void progressed(struct http_attempt *attempt)
{
    attempt->progress_us = http_now_us(attempt->http);
}

static size_t send_body(char *buffer, size_t size, size_t count, void *self)
{
    struct http_attempt *attempt = self;
    const size_t left = attempt->request->body_bytes - attempt->sent;
    const size_t bytes = size * count < left ? size * count : left;
    if (bytes && attempt->request->source)
        attempt->request->source(attempt->request->self, attempt->sent, buffer, bytes);
    else if (bytes)
        memcpy(buffer, (const char *)attempt->request->body + attempt->sent, bytes);
    attempt->sent += bytes;
    progressed(attempt);
    return bytes;
}

// curl rewinds when a reused connection turns out to be dead.
static int rewind_body(void *self, curl_off_t offset, int origin)
{
    struct http_attempt *attempt = self;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > attempt->request->body_bytes)
        return CURL_SEEKFUNC_FAIL;
    attempt->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

// A server with Nagle's algorithm on (Ceph's gateway, unless told otherwise) holds a small body
// back until its head is acknowledged, which Linux would do 40 ms later (RFC 1122, 4.2.3.2
// and 4.2.3.4).
static void acknowledge(const struct http_attempt *attempt)
{
    const int fd = http_attempt_socket(attempt), now = 1;
    if (fd >= 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &now, sizeof(now));
}

static size_t take_header(char *line, size_t size, size_t count, void *self)
{
    struct http_attempt *attempt = self;
    size_t bytes = size * count;
    const size_t taken = bytes;
    progressed(attempt);
    if (bytes >= 5 && memcmp(line, "HTTP/", 5) == 0) {  // a new reply, after 100 Continue
        acknowledge(attempt);
        sr_str_done(&attempt->head);
        attempt->reply.header_count = 0;
        return taken;
    }
    while (bytes && (line[bytes - 1] == '\r' || line[bytes - 1] == '\n'))
        bytes--;
    if (bytes == 0)
        return taken;
    if (attempt->reply.header_count == HTTP_HEADERS_MAX ||
        attempt->head.bytes + bytes >= HEAD_BYTES_MAX) {
        (void)sr_fail(&attempt->failure, SR_ERR_TOO_LARGE,
                      "the reply has too many or too large headers");
        return 0;
    }
    attempt->reply.header_count++;
    if (!sr_str_add_bytes(&attempt->head, line, bytes, &attempt->failure) ||
        !sr_str_add_bytes(&attempt->head, "", 1, &attempt->failure))
        return 0;
    return taken;
}

// Turns the lines into an array that owns its texts.
static bool make_headers(struct http_attempt *attempt, struct sr_err *err)
{
    struct http_response *reply = &attempt->reply;
    const size_t array = reply->header_count * sizeof(struct http_header);  // at most 128 of them
    free(reply->headers);
    reply->headers = malloc(array + attempt->head.bytes + 1);
    if (!reply->headers)
        return sr_fail(err, SR_ERR_NO_MEMORY, "headers of a reply");
    char *text = (char *)reply->headers + array;
    memcpy(text, sr_str_text(&attempt->head), attempt->head.bytes + 1);
    size_t count = 0;
    for (size_t i = 0; i < reply->header_count; i++) {
        char *next = text + strlen(text) + 1;
        char *colon = strchr(text, ':');
        if (colon) {
            *colon++ = '\0';
            colon += strspn(colon, " \t");
            for (char *end = colon + strlen(colon);
                 end > colon && (end[-1] == ' ' || end[-1] == '\t');)
                *--end = '\0';
            reply->headers[count++] = (struct http_header){ text, colon };
        }
        text = next;
    }
    reply->header_count = count;
    return true;
}

static bool is_success(const struct http_attempt *attempt)
{
    return attempt->reply.status >= 200 && attempt->reply.status <= 299;
}

// Once a reply's head is whole: its status, its headers, and whether its body is wanted.
static bool accept_head(struct http_attempt *attempt, struct sr_err *err)
{
    long status = 0;
    curl_easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &status);
    attempt->reply.status = (int)status;
    if (!make_headers(attempt, err))
        return false;
    attempt->accepted = true;
    const struct http_request *request = attempt->request;
    return !request->accept || !is_success(attempt) ||
           request->accept(request->self, &attempt->reply, err);
}

static size_t take_body(char *data, size_t size, size_t count, void *self)
{
    struct http_attempt *attempt = self;
    const struct http_request *request = attempt->request;
    struct sr_err *err = &attempt->failure;
    const size_t bytes = size * count;
    progressed(attempt);
    if (!attempt->accepted && !accept_head(attempt, err))
        return 0;
    const uint64_t offset = attempt->reply.received_bytes;
    attempt->reply.received_bytes += bytes;
    if (!is_success(attempt)) {  // keep the beginning, it says why
        const size_t room = HTTP_ERROR_BYTES - attempt->body.bytes;
        return sr_str_add_bytes(&attempt->body, data, bytes < room ? bytes : room, err) ? bytes : 0;
    }
    const uint64_t bytes_max =
        request->reply_bytes_max ? request->reply_bytes_max : HTTP_REPLY_BYTES;
    if (offset + bytes > bytes_max) {
        (void)sr_fail(err, SR_ERR_TOO_LARGE, "the reply has more than %llu bytes",
                      (unsigned long long)bytes_max);
        return 0;
    }
    if (request->sink) {
        request->sink(request->self, offset, data, bytes);
        return bytes;
    }
    return sr_str_add_bytes(&attempt->body, data, bytes, err) ? bytes : 0;
}

// Setting up -------------------------------------------------------------------------------------

static void set_method(CURL *easy, const struct http_request *request)
{
    const char *method = request->method;
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(method, "PUT") == 0) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_bytes);
    } else if (strcmp(method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
    } else if (strcmp(method, "GET") != 0) {
        if (request->body_bytes) {
            curl_easy_setopt(easy, CURLOPT_POST, 1L);
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
        }
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }
}

static void set_proxy(struct http_attempt *attempt)
{
    const struct http_params *params = &attempt->http->params;
    const char *proxy =
        strcmp(attempt->parts.scheme, "https") == 0 ? params->proxy_https : params->proxy_http;
    attempt->via_proxy = proxy && *proxy && !listed(params->no_proxy, attempt->parts.host);
    // an empty text keeps curl from reading the environment itself
    curl_easy_setopt(attempt->easy, CURLOPT_PROXY, attempt->via_proxy ? proxy : "");
}

bool http_attempt_setup(struct http_attempt *attempt, struct sr_err *err)
{
    const struct http_params *params = &attempt->http->params;
    CURL *easy = attempt->easy;
    if (!http_attempt_header(attempt, "User-Agent", "splitreel", err))
        return false;
    struct curl_slist *longer = curl_slist_append(attempt->headers, "Expect:");
    if (longer)
        attempt->headers = longer;
    // Content-Type and Accept that curl would invent are not what we sign
    struct curl_slist *longest = longer ? curl_slist_append(attempt->headers, "Accept:") : NULL;
    if (!longest)
        return sr_fail(err, SR_ERR_NO_MEMORY, "headers");
    attempt->headers = longest;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, attempt->url);
    if (code == CURLE_OK && params->ca_file)
        code = curl_easy_setopt(easy, CURLOPT_CAINFO, params->ca_file);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (code != CURLE_OK)
        return sr_fail_native(err, SR_ERR_NO_MEMORY, (int)code, "request: %s",
                              curl_easy_strerror(code));
    set_method(easy, attempt->request);
    set_proxy(attempt);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, attempt);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, attempt->headers);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(params->connect_us / 1000));
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, send_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, attempt);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, attempt);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, attempt);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, attempt);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, attempt);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, attempt->http);  // it outlives the attempt
    return true;
}

// What curl's results mean to us; all others are failures of the connection. So is an "unsupported
// protocol", which is what curl says of a reply without a head: other schemes do not come this far.
static const struct meaning {
    CURLcode curl;
    enum sr_err_code code;
} meanings[] = {
    { CURLE_OPERATION_TIMEDOUT, SR_ERR_TIMEOUT }, { CURLE_PEER_FAILED_VERIFICATION, SR_ERR_DENIED },
    { CURLE_SSL_CACERT_BADFILE, SR_ERR_INVALID }, { CURLE_URL_MALFORMAT, SR_ERR_INVALID },
    { CURLE_OUT_OF_MEMORY, SR_ERR_NO_MEMORY },    { CURLE_ABORTED_BY_CALLBACK, SR_ERR_CANCELLED },
};

bool http_attempt_result(struct http_attempt *attempt, struct sr_err *err)
{
    if (attempt->failure.code != SR_OK) {
        *err = attempt->failure;
        return false;
    }
    if (attempt->result == CURLE_ABORTED_BY_CALLBACK)
        return sr_cancel_check(attempt->request->cancel, err) ||
               sr_fail(err, SR_ERR_CANCELLED, "cancelled");
    if (attempt->result != CURLE_OK && attempt->address_refused)
        return sr_fail(err, SR_ERR_DENIED, "%s is at an address that is not allowed",
                       attempt->parts.host);
    if (attempt->result != CURLE_OK) {
        enum sr_err_code code = SR_ERR_NETWORK;
        for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
            if (meanings[i].curl == attempt->result)
                code = meanings[i].code;
        }
        return sr_fail_native(err, code, (int)attempt->result, "%s",
                              attempt->result == CURLE_UNSUPPORTED_PROTOCOL
                                  ? "the reply is not HTTP"
                                  : curl_easy_strerror(attempt->result));
    }
    if (!attempt->accepted && !accept_head(attempt, err))
        return false;
    attempt->reply.body_bytes = attempt->body.bytes;
    attempt->reply.body = sr_str_take(&attempt->body);
    attempt->reply.url = sr_str_dup(attempt->url, err);
    return attempt->reply.body && attempt->reply.url ? true
                                                     : sr_fail(err, SR_ERR_NO_MEMORY, "reply");
}
