#include "service/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/str.h"
#include "net/sigv4.h"

struct key {
    char *access_key, *secret;
};

struct auth {
    size_t count, room;
    struct key *keys;
};

bool auth_new(struct auth **ret_auth, struct sr_err *err)
{
    struct auth *auth = calloc(1, sizeof *auth);
    if (!auth)
        return sr_fail(err, SR_ERR_NO_MEMORY, "keys");
    *ret_auth = auth;
    return true;
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    for (size_t i = 0; i < auth->count; i++) {
        explicit_bzero(auth->keys[i].secret, strlen(auth->keys[i].secret));
        free(auth->keys[i].secret);
        free(auth->keys[i].access_key);
    }
    free(auth->keys);
    free(auth);
}

static const struct key *find(const struct auth *auth, const char *access_key)
{
    for (size_t i = 0; i < auth->count; i++) {
        if (strcmp(auth->keys[i].access_key, access_key) == 0)
            return &auth->keys[i];
    }
    return NULL;
}

static bool is_access_key(const char *text)
{
    const size_t bytes = strlen(text);
    return bytes >= 3 && bytes <= AUTH_ACCESS_KEY_MAX &&
           text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] ==
               '\0';
}

bool auth_add(struct auth *auth, const char *access_key, const char *secret, struct sr_err *err)
{
    if (!is_access_key(access_key))
        return sr_fail(err, SR_ERR_INVALID, "an access key has 3 to %d letters, digits, '_' or '-'",
                       AUTH_ACCESS_KEY_MAX);
    if (strlen(secret) < AUTH_SECRET_MIN || strlen(secret) > AUTH_SECRET_MAX)
        return sr_fail(err, SR_ERR_INVALID, "the secret of %s must have %d to %d characters",
                       access_key, AUTH_SECRET_MIN, AUTH_SECRET_MAX);
    if (find(auth, access_key))
        return sr_fail(err, SR_ERR_CONFLICT, "access key %s is there twice", access_key);
    if (auth->count == AUTH_KEYS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d keys", AUTH_KEYS_MAX);
    if (auth->count == auth->room) {
        const size_t room = auth->room ? auth->room * 2 : 8;
        struct key *keys = realloc(auth->keys, room * sizeof *keys);
        if (!keys)
            return sr_fail(err, SR_ERR_NO_MEMORY, "keys");
        auth->keys = keys;
        auth->room = room;
    }
    struct key key = { strdup(access_key), strdup(secret) };
    if (!key.access_key || !key.secret) {
        free(key.access_key);
        free(key.secret);
        return sr_fail(err, SR_ERR_NO_MEMORY, "keys");
    }
    auth->keys[auth->count++] = key;
    return true;
}

bool auth_first_key(const struct auth *auth, const char **ret_access_key, const char **ret_secret)
{
    if (auth->count == 0)
        return false;
    *ret_access_key = auth->keys[0].access_key;
    *ret_secret = auth->keys[0].secret;
    return true;
}

bool auth_has_keys(const struct auth *auth)
{
    return auth->count > 0;
}

bool auth_same(const char *a, const char *b)
{
    struct sr_err err = { 0 };
    uint8_t one[SR_SHA256_BYTES], other[SR_SHA256_BYTES];
    unsigned char difference = 0;
    if (!sr_sha256(a, strlen(a), one, &err) || !sr_sha256(b, strlen(b), other, &err))
        return false;
    for (size_t i = 0; i < SR_SHA256_BYTES; i++)
        difference |= (unsigned char)(one[i] ^ other[i]);
    return difference == 0;
}

bool auth_host_is_local(const char *host)
{
    char name[64];
    if (strncasecmp(host, "sync-", 5) == 0)
        host += 5;
    const bool six = host[0] == '[';
    const size_t bytes =
        six ? strcspn(host, "]") + (strchr(host, ']') != NULL) : strcspn(host, ":");
    const char *const port = host + bytes;
    if (bytes >= sizeof name ||
        (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")])))
        return false;
    memcpy(name, host, bytes);
    name[bytes] = '\0';
    unsigned a, b, c, d;
    int end = 0;
    return strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0 ||
           (strspn(name, "0123456789.") == bytes &&
            sscanf(name, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &end) == 4 && name[end] == '\0' &&
            a == 127 && b < 256 && c < 256 && d < 256);
}

static bool refuse(struct auth_refusal *refusal, int status, const char *type, const char *message)
{
    refusal->status = status;
    refusal->type = type;
    (void)snprintf(refusal->message, sizeof refusal->message, "%s", message);  // cut: good enough
    return false;
}

static bool hash_body(const struct server_request *request, char hex[SR_SHA256_HEX],
                      struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    if (!sr_sha256(request->body, request->size, digest, err))
        return false;
    sr_hex(digest, sizeof digest, hex);
    return true;
}

static bool check_signature(const struct auth *auth, const struct server_request *request,
                            int64_t wall_us, char who[AUTH_ACCESS_KEY_MAX + 1],
                            struct auth_refusal *refusal)
{
    struct sr_err err = { 0 };
    struct sigv4_claim claim;
    char hash[SR_SHA256_HEX];
    if (!http_header_find(request->headers, request->header_count, "authorization"))
        return refuse(refusal, 400, "MissingAuthenticationTokenException",
                      "Missing Authentication Token");
    if (!hash_body(request, hash, &err))
        return refuse(refusal, 500, "InternalFailure", "the request could not be hashed");
    const struct sigv4_request sent = { .method = request->method,
                                        .path = request->path,
                                        .query = request->query,
                                        .headers = request->headers,
                                        .header_count = request->header_count,
                                        .payload_hash = hash };
    if (!sigv4_parse(&sent, &claim, &err))
        return refuse(refusal, 400, "IncompleteSignatureException", err.message);
    if (snprintf(who, AUTH_ACCESS_KEY_MAX + 1, "%s", claim.access_key) > AUTH_ACCESS_KEY_MAX)
        return refuse(refusal, 400, "IncompleteSignatureException", "the access key is too long");
    const struct key *const key = find(auth, claim.access_key);
    if (!key)
        return refuse(refusal, 400, "UnrecognizedClientException",
                      "The security token included in the request is invalid.");
    const struct sigv4_params params = {
        .key = { .access_key = key->access_key, .secret = key->secret },
        .scope = { .service = "states", .path_normal = true },
        .wall_us = wall_us,
    };
    return sigv4_verify(&params, &sent, &claim, &err) ||
           refuse(refusal, 400, "InvalidSignatureException", err.message);
}

bool auth_check(const struct auth *auth, const struct server_request *request, int64_t wall_us,
                char ret_who[AUTH_ACCESS_KEY_MAX + 1], struct auth_refusal *ret_refusal)
{
    if (auth->count > 0) {
        (void)strcpy(ret_who, "unknown");  // fits
        return check_signature(auth, request, wall_us, ret_who, ret_refusal);
    }
    (void)strcpy(ret_who, "local");  // fits
    const char *const host = http_header_find(request->headers, request->header_count, "host");
    return (host && auth_host_is_local(host)) ||
           refuse(ret_refusal, 403, "AccessDeniedException",
                  "without keys this service answers to localhost, 127.0.0.1 and [::1] only");
}
