#include "net/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct scheme {
    const char *name;
    uint16_t port;
} schemes[] = { { "http", 80 }, { "https", 443 }, { "s3", 0 } };

static uint16_t scheme_port(const char *name)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strcmp(schemes[i].name, name) == 0)
            return schemes[i].port;
    }
    return 0;
}

void url_done(struct url *url)
{
    free(url->scheme);
    free(url->host);
    free(url->path);
    free(url->query);
    *url = (struct url){ 0 };
}

static char *lower(const char *text, size_t bytes, struct sr_err *err)
{
    char *copy = sr_strf(err, "%.*s", (int)bytes, text);  // bytes <= URL_BYTES_MAX
    for (char *c = copy; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

// Encodes only what may not stand in a URL at all, so that what is encoded already stays so.
static bool clean(const char *text, size_t bytes, char **ret_text, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str out = { 0 };
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            return sr_fail(err, SR_ERR_INVALID, "URL with a control character");
        const bool good = c > 0x20 && c < 0x80 && !strchr("\"<>\\^`{|}", c);
        if (good ? !sr_str_add_bytes(&out, text + i, 1, err) : !sr_str_addf(&out, err, "%%%02X", c))
            return false;
    }
    *ret_text = sr_str_take(&out);
    return *ret_text || sr_fail(err, SR_ERR_NO_MEMORY, "URL");
}

static bool parse_port(const char *text, size_t bytes, uint16_t *ret_port, struct sr_err *err)
{
    unsigned value = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (!isdigit((unsigned char)text[i]) || value > 65535)
            return sr_fail(err, SR_ERR_INVALID, "URL with a bad port");
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value == 0 || value > 65535)
        return sr_fail(err, SR_ERR_INVALID, "URL with a bad port");
    *ret_port = (uint16_t)value;
    return true;
}

static bool parse_host(const char *text, size_t bytes, struct url *url, struct sr_err *err)
{
    const char *end = text + bytes, *host = text, *host_end;
    if (memchr(text, '@', bytes))
        return sr_fail(err, SR_ERR_INVALID, "URL with a user or password in it");
    if (bytes && *text == '[') {
        host_end = memchr(text, ']', bytes);
        if (!host_end)
            return sr_fail(err, SR_ERR_INVALID, "URL with an unclosed [");
        url->ipv6 = true;
        host++;
    } else {
        const char *colon = memchr(text, ':', bytes);
        host_end = colon ? colon : end;
    }
    for (const char *c = host; c < host_end; c++) {
        const bool good =
            isalnum((unsigned char)*c) || (*c && strchr(url->ipv6 ? ":." : "-._", *c));
        if (!good)
            return sr_fail(err, SR_ERR_INVALID, "URL with a bad character in its host");
    }
    if (host_end == host || host_end - host > 253)
        return sr_fail(err, SR_ERR_INVALID, "URL without a usable host");
    url->host = lower(host, (size_t)(host_end - host), err);
    if (!url->host)
        return false;
    const char *after = host_end + (url->ipv6 ? 1 : 0);
    if (after == end)
        return true;
    if (*after != ':')
        return sr_fail(err, SR_ERR_INVALID, "URL with a bad host");
    return after + 1 == end || parse_port(after + 1, (size_t)(end - after - 1), &url->port, err);
}

bool url_parse(const char *text, struct url *ret_url, struct sr_err *err)
{
    const size_t bytes = strnlen(text, URL_BYTES_MAX + 1);
    if (bytes > URL_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "URL of more than %d bytes", URL_BYTES_MAX);
    const char *colon = strstr(text, "://");
    if (!colon || colon == text)
        return sr_fail(err, SR_ERR_INVALID, "not an absolute URL");
    for (const char *c = text; c < colon; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("+-.", *c))
            return sr_fail(err, SR_ERR_INVALID, "not an absolute URL");
    }
    sr_auto(url) struct url url = { 0 };
    url.scheme = lower(text, (size_t)(colon - text), err);
    if (!url.scheme)
        return false;
    const char *authority = colon + 3;
    const char *path = authority + strcspn(authority, "/?#");
    url.port = scheme_port(url.scheme);
    if (!parse_host(authority, (size_t)(path - authority), &url, err))
        return false;
    const size_t path_bytes = strcspn(path, "?#");
    if (!clean(path_bytes ? path : "/", path_bytes ? path_bytes : 1, &url.path, err))
        return false;
    const char *query = path + path_bytes;
    if (*query == '?' && !clean(query + 1, strcspn(query + 1, "#"), &url.query, err))
        return false;
    *ret_url = url;
    url = (struct url){ 0 };
    return true;
}

bool url_port_is_default(const struct url *url)
{
    return url->port == scheme_port(url->scheme);
}

bool url_add_authority(const struct url *url, struct sr_str *out, struct sr_err *err)
{
    if (!sr_str_addf(out, err, url->ipv6 ? "[%s]" : "%s", url->host))
        return false;
    return url_port_is_default(url) || sr_str_addf(out, err, ":%u", url->port);
}

bool url_add_text(const struct url *url, struct sr_str *out, struct sr_err *err)
{
    if (!sr_str_addf(out, err, "%s://", url->scheme) || !url_add_authority(url, out, err) ||
        !sr_str_add(out, url->path, err))
        return false;
    return !url->query || sr_str_addf(out, err, "?%s", url->query);
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool url_encode(const char *data, size_t bytes, const char *keep, struct sr_str *out,
                struct sr_err *err)
{
    for (size_t i = 0; i < bytes; i++) {
        const char c = data[i];
        if (is_unreserved(c) || (c && strchr(keep, c))) {
            if (!sr_str_add_bytes(out, &c, 1, err))
                return false;
        } else if (!sr_str_addf(out, err, "%%%02X", (unsigned char)c)) {
            return false;
        }
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool url_decode(const char *data, size_t bytes, bool plus_is_space, struct sr_str *out,
                struct sr_err *err)
{
    for (size_t i = 0; i < bytes; i++) {
        char c = data[i];
        if (c == '%' && bytes - i > 2 && hex_value(data[i + 1]) >= 0 &&
            hex_value(data[i + 2]) >= 0) {
            c = (char)(hex_value(data[i + 1]) * 16 + hex_value(data[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0')
            return sr_fail(err, SR_ERR_INVALID, "a NUL in URL-encoded text");
        if (!sr_str_add_bytes(out, &c, 1, err))
            return false;
    }
    return true;
}

bool url_add_normal_path(const char *path, struct sr_str *out, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str normal = { 0 };
    if (!sr_str_add(&normal, "/", err))
        return false;
    const char *at = path;
    while (*at) {
        at += strspn(at, "/");
        const size_t bytes = strcspn(at, "/");
        const bool slash = at[bytes] == '/';
        if (bytes == 2 && memcmp(at, "..", 2) == 0) {
            if (normal.bytes > 1) {  // drop "name/" at the end
                normal.text[--normal.bytes] = '\0';
                while (normal.bytes && normal.text[normal.bytes - 1] != '/')
                    normal.text[--normal.bytes] = '\0';
            }
        } else if (bytes && !(bytes == 1 && *at == '.')) {
            if (!sr_str_add_bytes(&normal, at, bytes, err) ||
                (slash && !sr_str_add(&normal, "/", err)))
                return false;
        }
        at += bytes;
    }
    return sr_str_add_bytes(out, normal.text, normal.bytes, err);
}

void url_redact(const char *text, char *buffer, size_t capacity)
{
    if (capacity == 0)
        return;
    const char *colon = strstr(text, "://");
    if (colon && strcspn(text, "/?#") < (size_t)(colon - text))
        colon = NULL;  // it is further inside, not behind a scheme
    const char *authority = colon ? colon + 3 : text;
    const char *end = authority + strcspn(authority, "?#");
    const char *slash = authority + strcspn(authority, "/?#");
    const char *host = authority;
    for (const char *c = authority; c < slash; c++) {
        if (*c == '@')
            host = c + 1;
    }
    size_t at = 0;
    for (const char *c = text; c < end && at + 1 < capacity; c++) {
        if (c >= authority && c < host)
            continue;
        buffer[at++] = *c;
    }
    buffer[at] = '\0';
}
