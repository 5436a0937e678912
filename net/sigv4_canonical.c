#include "net/sigv4_priv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"

struct pair {
    char *name;
    char *value;
    size_t order;  // as given: what is equal stays in this order
};
struct pairs {
    struct pair item[SIGV4_QUERY_MAX];
    size_t count;
};
_Static_assert((int)SIGV4_HEADERS_MAX <= (int)SIGV4_QUERY_MAX,
               "headers and parameters share struct pairs");

static void pairs_done(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->item[i].name);
        free(pairs->item[i].value);
    }
}
SR_DEFINE_AUTO_VALUE(pairs, struct pairs, pairs_done);

// Takes both strings, also when it fails.
static bool pairs_add(struct pairs *pairs, size_t count_max, char *name, char *value,
                      struct sr_err *err)
{
    sr_auto(char) char *own_name = name;
    sr_auto(char) char *own_value = value;
    if (!name || !value)
        return sr_fail(err, SR_ERR_NO_MEMORY, "canonical request");
    if (pairs->count == count_max)
        return sr_fail(err, SR_ERR_INVALID, "more than %zu headers or query parameters", count_max);
    pairs->item[pairs->count] =
        (struct pair){ sr_take(own_name), sr_take(own_value), pairs->count };
    pairs->count++;
    return true;
}

static int by_name_then_order(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    const int names = strcmp(x->name, y->name);
    return names ? names : (x->order > y->order) - (x->order < y->order);
}

static int by_name_then_value(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    const int names = strcmp(x->name, y->name);
    return names ? names : strcmp(x->value, y->value);
}

// Whatever way a client spelt it, there is one canonical spelling: decoded, then encoded.
static char *recode(const char *text, size_t bytes, const char *keep, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str plain = { 0 };
    sr_auto(sr_str) struct sr_str coded = { 0 };
    if (!url_decode(text, bytes, false, &plain, err) ||
        !url_encode(sr_str_text(&plain), plain.bytes, keep, &coded, err))
        return NULL;
    return sr_str_take(&coded);
}

// Spec: SigV4 "CanonicalURI"
static bool add_path(const struct sigv4_scope *scope, const char *path, struct sr_str *out,
                     struct sr_err *err)
{
    if (scope->path_once) {
        sr_auto(char) char *coded = recode(path, strlen(path), "/", err);
        return coded && sr_str_add(out, coded, err);
    }
    sr_auto(sr_str) struct sr_str normal = { 0 };
    if (scope->path_normal && !url_add_normal_path(path, &normal, err))
        return false;
    const char *text = scope->path_normal ? sr_str_text(&normal) : path;
    return url_encode(text, strlen(text), "/", out, err);
}

// Spec: SigV4 "CanonicalQueryString": sorted by encoded name, then value
static bool add_query(const struct sigv4_canon *canon, struct sr_str *out, struct sr_err *err)
{
    sr_auto(pairs) struct pairs pairs = { 0 };
    const char *at = canon->request->query ? canon->request->query : "";
    while (*at) {
        const size_t bytes = strcspn(at, "&");
        const char *equals = memchr(at, '=', bytes);
        const size_t name_bytes = equals ? (size_t)(equals - at) : bytes;
        const size_t value_bytes = equals ? bytes - name_bytes - 1 : 0;
        const char *drop = canon->drop_query;
        const bool dropped =
            drop && strlen(drop) == name_bytes && memcmp(drop, at, name_bytes) == 0;
        if (bytes && !dropped) {
            sr_auto(char) char *name = recode(at, name_bytes, "", err);
            sr_auto(char) char *value =
                name ? recode(at + bytes - value_bytes, value_bytes, "", err) : NULL;
            if (!name || !value ||
                !pairs_add(&pairs, SIGV4_QUERY_MAX, sr_take(name), sr_take(value), err))
                return false;
        }
        at += bytes;
        at += *at == '&';
    }
    qsort(pairs.item, pairs.count, sizeof(pairs.item[0]), by_name_then_value);
    for (size_t i = 0; i < pairs.count; i++) {
        if (!sr_str_addf(out, err, "%s%s=%s", i ? "&" : "", pairs.item[i].name,
                         pairs.item[i].value))
            return false;
    }
    return true;
}

// Spec: SigV4 "CanonicalHeaders": trimmed, runs of white space become one space
static char *squeeze(const char *value, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str out = { 0 };
    bool gap = false;
    for (const char *c = value; *c; c++) {
        if (isspace((unsigned char)*c)) {
            gap = true;
            continue;
        }
        if (gap && out.bytes && !sr_str_add(&out, " ", err))
            return NULL;
        gap = false;
        if (!sr_str_add_bytes(&out, c, 1, err))
            return NULL;
    }
    return sr_str_take(&out);
}

static bool list_has(const char *list, const char *name)
{
    const size_t bytes = strlen(name);
    for (const char *at = list; *at;) {
        const size_t item = strcspn(at, ";");
        if (item == bytes && memcmp(at, name, bytes) == 0)
            return true;
        at += item;
        at += *at == ';';
    }
    return false;
}

static bool add_headers(const struct sigv4_canon *canon, struct sr_str *out, struct sr_str *names,
                        struct sr_err *err)
{
    sr_auto(pairs) struct pairs pairs = { 0 };
    for (size_t i = 0; i < canon->request->header_count; i++) {
        sr_auto(char) char *name = sr_str_dup(canon->request->headers[i].name, err);
        if (!name)
            return false;
        for (char *c = name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        if (canon->signed_headers && !list_has(canon->signed_headers, name))
            continue;
        if (!pairs_add(&pairs, SIGV4_HEADERS_MAX, sr_take(name),
                       squeeze(canon->request->headers[i].value, err), err))
            return false;
    }
    qsort(pairs.item, pairs.count, sizeof(pairs.item[0]), by_name_then_order);
    for (size_t i = 0; i < pairs.count; i++) {
        const struct pair *pair = &pairs.item[i];
        const bool again = i && strcmp(pairs.item[i - 1].name, pair->name) == 0;
        if (again ? !sr_str_addf(out, err, ",%s", pair->value)
                  : !sr_str_addf(out, err, "%s%s:%s", i ? "\n" : "", pair->name, pair->value))
            return false;
        if (!again && !sr_str_addf(names, err, "%s%s", i ? ";" : "", pair->name))
            return false;
    }
    return true;
}

bool sigv4_canonical(const struct sigv4_canon *canon, struct sr_str *out, struct sr_str *signed_out,
                     struct sr_err *err)
{
    const struct sigv4_request *request = canon->request;
    sr_auto(sr_str) struct sr_str names = { 0 };
    if (!sr_str_addf(out, err, "%s\n", request->method) ||
        !add_path(canon->scope, request->path, out, err) || !sr_str_add(out, "\n", err) ||
        !add_query(canon, out, err) || !sr_str_add(out, "\n", err) ||
        !add_headers(canon, out, &names, err))
        return false;
    if (!sr_str_addf(out, err, "\n\n%s\n%s", sr_str_text(&names), request->payload_hash))
        return false;
    return !signed_out || sr_str_add(signed_out, sr_str_text(&names), err);
}
