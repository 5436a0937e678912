#include "net/sigv4.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/hash.h"
#include "net/sigv4_priv.h"
#include "net/url.h"

static bool copy(char *to, size_t capacity, const char *from, size_t bytes, const char *what,
                 struct sr_err *err)
{
    if (bytes == 0 || bytes >= capacity)
        return sr_fail(err, SR_ERR_DENIED, "%s in the signature is missing or too long", what);
    memcpy(to, from, bytes);
    to[bytes] = '\0';
    return true;
}

// ACCESS_KEY/20150830/us-east-1/service/aws4_request; an access key has no slash.
static bool parse_credential(const char *text, struct sigv4_claim *claim, struct sr_err *err)
{
    const struct {
        char *to;
        size_t capacity;
        const char *what;
    } parts[] = {
        { claim->access_key, sizeof(claim->access_key), "access key" },
        { claim->day, sizeof(claim->day), "day" },
        { claim->region, sizeof(claim->region), "region" },
        { claim->service, sizeof(claim->service), "service" },
    };
    const char *at = text;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const size_t bytes = strcspn(at, "/");
        if (at[bytes] != '/')
            return sr_fail(err, SR_ERR_DENIED, "credential scope is incomplete");
        if (!copy(parts[i].to, parts[i].capacity, at, bytes, parts[i].what, err))
            return false;
        at += bytes + 1;
    }
    return strcmp(at, "aws4_request") == 0 ||
           sr_fail(err, SR_ERR_DENIED, "credential scope has a wrong end");
}

static bool parse_date(struct sigv4_claim *claim, const char *text, struct sr_err *err)
{
    struct tm tm = { 0 };
    if (!text || strlen(text) != 16)
        return sr_fail(err, SR_ERR_DENIED, "X-Amz-Date is missing or malformed");
    for (size_t i = 0; i < 16; i++) {
        const bool good = i == 8    ? text[i] == 'T'
                          : i == 15 ? text[i] == 'Z'
                                    : isdigit((unsigned char)text[i]) != 0;
        if (!good)
            return sr_fail(err, SR_ERR_DENIED, "X-Amz-Date is malformed");
    }
    const char *end = strptime(text, "%Y%m%dT%H%M%SZ", &tm);
    if (!end || *end)
        return sr_fail(err, SR_ERR_DENIED, "X-Amz-Date is malformed");
    memcpy(claim->date, text, 17);
    claim->wall_us = (int64_t)timegm(&tm) * 1000000;
    return true;
}

// The value of NAME= in "NAME=value, NAME=value".
static bool authorization_part(const char *text, const char *name, char *to, size_t capacity,
                               struct sr_err *err)
{
    const size_t name_bytes = strlen(name);
    for (const char *at = text; *at;) {
        at += strspn(at, " ,");
        const size_t bytes = strcspn(at, ", ");
        if (bytes > name_bytes && memcmp(at, name, name_bytes) == 0)
            return copy(to, capacity, at + name_bytes, bytes - name_bytes, name, err);
        at += bytes;
    }
    return sr_fail(err, SR_ERR_DENIED, "Authorization without %s", name);
}

static bool parse_header(const struct sigv4_request *request, const char *authorization,
                         struct sigv4_claim *claim, struct sr_err *err)
{
    static const char algorithm[] = "AWS4-HMAC-SHA256 ";
    if (strncmp(authorization, algorithm, sizeof(algorithm) - 1) != 0)
        return sr_fail(err, SR_ERR_DENIED, "Authorization is not AWS4-HMAC-SHA256");
    const char *rest = authorization + sizeof(algorithm) - 1;
    char credential[512];
    return authorization_part(rest, "Credential=", credential, sizeof(credential), err) &&
           authorization_part(rest, "SignedHeaders=", claim->signed_headers,
                              sizeof(claim->signed_headers), err) &&
           authorization_part(rest, "Signature=", claim->signature, sizeof(claim->signature),
                              err) &&
           parse_credential(credential, claim, err) &&
           parse_date(claim,
                      http_header_find(request->headers, request->header_count, "x-amz-date"), err);
}

// The decoded value of a query parameter; NULL and no error when it is not there.
static bool query_value(const char *query, const char *name, char **ret_value, struct sr_err *err)
{
    const size_t name_bytes = strlen(name);
    for (const char *at = query; *at;) {
        const size_t bytes = strcspn(at, "&");
        if (bytes > name_bytes && at[name_bytes] == '=' && memcmp(at, name, name_bytes) == 0) {
            sr_auto(sr_str) struct sr_str value = { 0 };
            if (!url_decode(at + name_bytes + 1, bytes - name_bytes - 1, false, &value, err))
                return false;
            *ret_value = sr_str_take(&value);
            return *ret_value || sr_fail(err, SR_ERR_NO_MEMORY, "query");
        }
        at += bytes;
        at += *at == '&';
    }
    *ret_value = NULL;
    return true;
}

static bool parse_query(const char *query, struct sigv4_claim *claim, struct sr_err *err)
{
    sr_auto(char) char *algorithm = NULL;
    sr_auto(char) char *credential = NULL;
    sr_auto(char) char *date = NULL;
    sr_auto(char) char *names = NULL;
    sr_auto(char) char *expires = NULL;
    sr_auto(char) char *signature = NULL;
    if (!query_value(query, "X-Amz-Algorithm", &algorithm, err) ||
        !query_value(query, "X-Amz-Credential", &credential, err) ||
        !query_value(query, "X-Amz-Date", &date, err) ||
        !query_value(query, "X-Amz-SignedHeaders", &names, err) ||
        !query_value(query, "X-Amz-Expires", &expires, err) ||
        !query_value(query, "X-Amz-Signature", &signature, err))
        return false;
    if (!algorithm || !credential || !date || !names || !expires || !signature)
        return sr_fail(err, SR_ERR_DENIED, "the request is not signed, or only in part");
    if (strcmp(algorithm, "AWS4-HMAC-SHA256") != 0)
        return sr_fail(err, SR_ERR_DENIED, "X-Amz-Algorithm is not AWS4-HMAC-SHA256");
    char *end = expires;
    const long long seconds = isdigit((unsigned char)*expires) ? strtoll(expires, &end, 10) : 0;
    if (end == expires || *end || seconds < 1 || seconds > SIGV4_EXPIRES_S_MAX)
        return sr_fail(err, SR_ERR_DENIED, "X-Amz-Expires is not 1 to %d", SIGV4_EXPIRES_S_MAX);
    claim->presigned = true;
    claim->expires_s = seconds;
    return copy(claim->signed_headers, sizeof(claim->signed_headers), names, strlen(names),
                "SignedHeaders", err) &&
           copy(claim->signature, sizeof(claim->signature), signature, strlen(signature),
                "Signature", err) &&
           parse_credential(credential, claim, err) && parse_date(claim, date, err);
}

bool sigv4_parse(const struct sigv4_request *request, struct sigv4_claim *ret_claim,
                 struct sr_err *err)
{
    struct sigv4_claim claim = { 0 };
    const char *authorization =
        http_header_find(request->headers, request->header_count, "authorization");
    if (authorization ? !parse_header(request, authorization, &claim, err)
                      : !parse_query(request->query ? request->query : "", &claim, err))
        return false;
    if (strncmp(claim.day, claim.date, 8) != 0 || strlen(claim.day) != 8)
        return sr_fail(err, SR_ERR_DENIED, "credential scope is of another day than X-Amz-Date");
    *ret_claim = claim;
    return true;
}

static bool is_signed(const char *list, const char *name)
{
    const size_t bytes = strlen(name);
    for (const char *at = list; *at;) {
        const size_t item = strcspn(at, ";");
        if (item == bytes && strncasecmp(at, name, bytes) == 0)
            return true;
        at += item;
        at += *at == ';';
    }
    return false;
}

// A header that changes what the request means must be covered: Host, and whatever begins with
// x-amz-.
static bool check_coverage(const struct sigv4_request *request, const struct sigv4_claim *claim,
                           struct sr_err *err)
{
    if (!is_signed(claim->signed_headers, "host"))
        return sr_fail(err, SR_ERR_DENIED, "Host is not signed");
    for (size_t i = 0; i < request->header_count; i++) {
        const char *name = request->headers[i].name;
        // S3 clients leave the payload hash unsigned in presigned requests; it is compared anyhow.
        const bool free = strcasecmp(name, "x-amz-content-sha256") == 0 ||
                          strcasecmp(name, "x-amz-security-token") == 0;
        if (strncasecmp(name, "x-amz-", 6) == 0 && !free && !is_signed(claim->signed_headers, name))
            return sr_fail(err, SR_ERR_DENIED, "header %.64s is not signed", name);
    }
    const char *said =
        http_header_find(request->headers, request->header_count, "x-amz-content-sha256");
    if (said && strcmp(said, request->payload_hash) != 0)
        return sr_fail(err, SR_ERR_DENIED, "the body is not the one that was signed");
    return true;
}

static bool check_time(const struct sigv4_params *params, const struct sigv4_claim *claim,
                       struct sr_err *err)
{
    const int64_t late_s = (params->wall_us - claim->wall_us) / 1000000;
    if (late_s < -SIGV4_SKEW_S)
        return sr_fail(err, SR_ERR_DENIED, "the request was signed %lld s in the future",
                       (long long)-late_s);
    if (late_s > (claim->presigned ? claim->expires_s : SIGV4_SKEW_S))
        return sr_fail(err, SR_ERR_DENIED, "the signature is %lld s old and has expired",
                       (long long)late_s);
    return true;
}

bool sigv4_verify(const struct sigv4_params *params, const struct sigv4_request *request,
                  const struct sigv4_claim *claim, struct sr_err *err)
{
    if (params->scope.region && strcmp(params->scope.region, claim->region) != 0)
        return sr_fail(err, SR_ERR_DENIED, "signed for region %s, want %s", claim->region,
                       params->scope.region);
    if (params->scope.service && strcmp(params->scope.service, claim->service) != 0)
        return sr_fail(err, SR_ERR_DENIED, "signed for service %s, want %s", claim->service,
                       params->scope.service);
    if (!check_time(params, claim, err) || !check_coverage(request, claim, err))
        return false;
    sr_auto(sr_str) struct sr_str canonical = { 0 };
    sr_auto(sr_str) struct sr_str names = { 0 };
    sr_auto(char) char *to_sign = NULL;
    sr_auto(char) char *scope =
        sr_strf(err, "%s/%s/%s/aws4_request", claim->day, claim->region, claim->service);
    const struct sigv4_canon canon = {
        .request = request,
        .scope = &params->scope,
        .drop_query = claim->presigned ? "X-Amz-Signature" : NULL,
        .signed_headers = claim->signed_headers,
    };
    char signature[65];
    if (!scope || !sigv4_canonical(&canon, &canonical, &names, err))
        return false;
    if (strcmp(sr_str_text(&names), claim->signed_headers) != 0)
        return sr_fail(err, SR_ERR_DENIED,
                       "SignedHeaders names a header that is not there, or is not sorted");
    if (!sigv4_compute(params->key.secret, claim->date, scope, sr_str_text(&canonical), signature,
                       &to_sign, err))
        return false;
    return sigv4_same(signature, claim->signature) ||
           sr_fail(err, SR_ERR_DENIED, "signature does not match");
}
