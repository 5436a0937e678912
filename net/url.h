// net/url.h - absolute URLs: take apart, percent-encode, normalise, show without secrets.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/str.h"

enum { URL_BYTES_MAX = 8192 };

// A URL taken apart. Path and query are percent-encoded, ready to be sent.
struct url {
    char *scheme;   // lower case
    char *host;     // lower case; an IPv6 address without its brackets
    char *path;     // begins with '/'
    char *query;    // without '?'; NULL: none
    uint16_t port;  // never 0: the scheme's own when the text names none
    bool ipv6;      // the host is an IPv6 address
};

// Parses scheme://host[:port][/path][?query][#fragment]; the fragment is dropped. Spaces and bytes
// above 127 in path and query are encoded, what is encoded already is left alone.
// Owns:   the caller frees *ret_url's members with url_done().
// Errors: INVALID (the message never repeats the text, it may hold a secret), TOO_LARGE, NO_MEMORY.
// Spec:   RFC 3986; a user or password in front of the host is refused.
SR_MUST_USE bool url_parse(const char *text, struct url *ret_url, struct sr_err *err);
void url_done(struct url *url);
SR_DEFINE_AUTO_VALUE(url, struct url, url_done);

// True when the port is the one that the scheme has without saying so.
bool url_port_is_default(const struct url *url);

// "host", "host:port", "[::1]:port": what stands in a Host header.
SR_MUST_USE bool url_add_authority(const struct url *url, struct sr_str *out, struct sr_err *err);

// The whole URL again.
SR_MUST_USE bool url_add_text(const struct url *url, struct sr_str *out, struct sr_err *err);

// Percent-encodes all but A-Z a-z 0-9 - . _ ~ and the characters of `keep`; hex digits in upper
// case.
SR_MUST_USE bool url_encode(const char *data, size_t bytes, const char *keep, struct sr_str *out,
                            struct sr_err *err);

// Undoes %XX; with `plus_is_space` also '+'. A '%' without two hex digits stays as it is. NUL is
// refused.
// Errors: INVALID (%00), NO_MEMORY.
SR_MUST_USE bool url_decode(const char *data, size_t bytes, bool plus_is_space, struct sr_str *out,
                            struct sr_err *err);

// Removes "." and ".." segments and doubled slashes: "/a//b/../c/" is "/a/c/".
SR_MUST_USE bool url_add_normal_path(const char *path, struct sr_str *out, struct sr_err *err);

// What may stand in a log: no user, no query, no fragment; cut when it does not fit.
void url_redact(const char *text, char *buffer, size_t capacity);
