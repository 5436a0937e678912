#include <string.h>

#include "base/hash.h"
#include "base/io.h"
#include "net/credentials_priv.h"
#include "net/sigv4.h"
#include "net/url.h"
#include "net/xml.h"

// What an AssumeRole reply says.
struct assumed {
    char access_key[129], secret[257], token[8193], expires[64];
};

static bool take_assumed(void *self, const char *path, const char *text, struct sr_err *err)
{
    struct assumed *assumed = self;
    const struct {
        const char *name;
        char *to;
        size_t capacity;
    } fields[] = {
        { "AccessKeyId", assumed->access_key, sizeof(assumed->access_key) },
        { "SecretAccessKey", assumed->secret, sizeof(assumed->secret) },
        { "SessionToken", assumed->token, sizeof(assumed->token) },
        { "Expiration", assumed->expires, sizeof(assumed->expires) },
    };
    const char *leaf = strrchr(path, '/');
    for (size_t i = 0; leaf && i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(leaf + 1, fields[i].name) == 0 &&
            !sr_format(fields[i].to, fields[i].capacity, "%s", text))
            return sr_fail(err, SR_ERR_INVALID, "%s is too long", fields[i].name);
    }
    return true;
}

static bool add_form(struct sr_str *form, const char *name, const char *value, struct sr_err *err)
{
    return sr_str_addf(form, err, "%s%s=", form->bytes ? "&" : "", name) &&
           url_encode(value, strlen(value), "", form, err);
}

// A request signed with the source's keys.
struct signing {
    const struct credentials_keys *keys;
    const struct credentials *c;
    const char *region, *url, *body;
};

static bool sign(void *self, struct http_attempt *attempt, struct sr_err *err)
{
    const struct signing *signing = self;
    sr_auto(url) struct url url = { 0 };
    sr_auto(sr_str) struct sr_str host = { 0 };
    sr_auto(sigv4_signed) struct sigv4_signed result = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    char hash[SR_SHA256_HEX];
    if (!url_parse(signing->url, &url, err) || !url_add_authority(&url, &host, err) ||
        !sr_sha256(signing->body, strlen(signing->body), digest, err))
        return false;
    sr_hex(digest, sizeof(digest), hash);
    const char *token = *signing->keys->token ? signing->keys->token : NULL;
    const struct sigv4_params params = {
        .key = { signing->keys->access_key, signing->keys->secret, token },
        .scope = { .region = signing->region, .service = "sts", .path_normal = true },
        .wall_us = sr_clock_wall_us(signing->c->params.clock),
    };
    const struct http_header header = { "Host", host.text };
    const struct sigv4_request request = { "POST", url.path, url.query, &header, 1, hash };
    return sigv4_sign_header(&params, &request, &result, err) &&
           http_attempt_header(attempt, "X-Amz-Date", result.date, err) &&
           (!token || http_attempt_header(attempt, "X-Amz-Security-Token", token, err)) &&
           http_attempt_header(attempt, "Authorization", result.authorization, err);
}

static bool make_form(const struct credentials_role *role, struct sr_str *form, struct sr_err *err)
{
    if (!add_form(form, "Action", role->token_file ? "AssumeRoleWithWebIdentity" : "AssumeRole",
                  err) ||
        !add_form(form, "Version", "2011-06-15", err) ||
        !add_form(form, "RoleArn", role->arn, err) ||
        !add_form(form, "RoleSessionName", role->session ? role->session : "splitreel", err) ||
        (role->external_id && !add_form(form, "ExternalId", role->external_id, err)))
        return false;
    if (!role->token_file)
        return true;
    sr_auto(char) char *token = NULL;
    size_t bytes;
    if (!sr_file_load(role->token_file, CREDENTIALS_TOKEN_BYTES_MAX, &token, &bytes, err))
        return false;
    token[strcspn(token, "\r\n")] = '\0';
    return add_form(form, "WebIdentityToken", token, err);
}

bool credentials_assume(struct credentials *c, const struct credentials_role *role,
                        struct credentials_keys *keys, struct sr_err *err)
{
    char region[65];
    if (!credentials_region(c, region, err))
        return false;
    const char *endpoint = credentials_env(c, "AWS_ENDPOINT_URL_STS");
    sr_auto(char) char *url = endpoint ? sr_str_dup(endpoint, err)
                                       : sr_strf(err, "https://sts.%s.amazonaws.com/", region);
    sr_auto(sr_str) struct sr_str form = { 0 };
    if (!url || !make_form(role, &form, err))
        return false;
    struct signing signing = {
        .keys = role->source, .c = c, .region = region, .url = url, .body = form.text
    };
    const struct http_header header = { "Content-Type", "application/x-www-form-urlencoded" };
    const struct http_request request = {
        .method = "POST",
        .url = url,
        .headers = &header,
        .header_count = 1,
        .body = form.text,
        .body_bytes = form.bytes,
        .reply_bytes_max = CREDENTIALS_TOKEN_BYTES_MAX,
        .prepare = role->source ? sign : NULL,
        .self = &signing,
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    struct assumed assumed = { 0 };
    const struct xml_visitor visitor = { .end = take_assumed, .self = &assumed };
    const bool done =
        http_run(c->http, &request, &reply, err) &&
        xml_parse(reply.body, reply.body_bytes, &visitor, err) &&
        credentials_set(keys, assumed.access_key, assumed.secret, assumed.token, err) &&
        (!*assumed.expires || credentials_time(assumed.expires, &keys->expires_us, err));
    explicit_bzero(&assumed, sizeof(assumed));
    return done;
}
