#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/jx.h"
#include "net/credentials_priv.h"
#include "net/url.h"
#include "net/xml.h"

enum { TOKEN_FILE_BYTES_MAX = 64 << 10 };
#define INSTANCE_URL "http://169.254.169.254"
#define CONTAINER_URL "http://169.254.170.2"

static enum credentials_found found_if(bool good)
{
    return good ? CREDENTIALS_FOUND : CREDENTIALS_FAILED;
}

bool credentials_time(const char *text, int64_t *ret_us, struct sr_err *err)
{
    struct tm tm = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (end && *end == '.')
        end += 1 + strspn(end + 1, "0123456789");
    if (!end || (strcmp(end, "Z") != 0 && strcmp(end, "+00:00") != 0))
        return sr_fail(err, SR_ERR_INVALID, "the time of expiry is not ISO 8601 in UTC");
    *ret_us = (int64_t)timegm(&tm) * 1000000;
    return true;
}

// Messages of the parser could repeat what they found, which here is secret; hence our own.
bool credentials_parse(const char *text, size_t bytes, const char *token_name,
                       struct credentials_keys *keys, struct sr_err *err)
{
    sr_auto(json) json_t *root = NULL;
    const char *access_key, *secret, *token = NULL, *expires = NULL;
    if (!jx_parse(text, bytes, false, &root, err))
        return sr_fail(err, SR_ERR_INVALID, "the answer is not JSON");
    const struct jx at = jx_root(root);
    if (!json_is_object(root) || !jx_text(&at, "AccessKeyId", &access_key, err) ||
        !jx_text(&at, "SecretAccessKey", &secret, err) ||
        !jx_text_opt(&at, token_name, &token, err) ||
        !jx_text_opt(&at, "Expiration", &expires, err))
        return sr_fail(err, SR_ERR_INVALID, "the answer has no AccessKeyId or SecretAccessKey");
    if (!credentials_set(keys, access_key, secret, token, err))
        return false;
    return !expires || credentials_time(expires, &keys->expires_us, err);
}

enum credentials_found credentials_from_env(struct credentials *c, struct credentials_keys *keys,
                                            struct sr_err *err)
{
    const char *access_key = credentials_env(c, "AWS_ACCESS_KEY_ID");
    const char *secret = credentials_env(c, "AWS_SECRET_ACCESS_KEY");
    if (!access_key && !secret)
        return CREDENTIALS_NONE;
    if (!access_key || !secret) {
        (void)sr_fail(err, SR_ERR_INVALID,
                      "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must both be set");
        return CREDENTIALS_FAILED;
    }
    return found_if(
        credentials_set(keys, access_key, secret, credentials_env(c, "AWS_SESSION_TOKEN"), err));
}

enum credentials_found credentials_from_web_identity(struct credentials *c,
                                                     struct credentials_keys *keys,
                                                     struct sr_err *err)
{
    const char *role = credentials_env(c, "AWS_ROLE_ARN");
    const char *file = credentials_env(c, "AWS_WEB_IDENTITY_TOKEN_FILE");
    if (!role || !file)
        return CREDENTIALS_NONE;
    return found_if(credentials_exchange(c, role, file, credentials_env(c, "AWS_ROLE_SESSION_NAME"),
                                         keys, err));
}

// Settings of a profile that give keys.
struct settings {
    char *access_key, *secret, *token, *process, *role, *token_file, *session, *source;
};
static void settings_done(struct settings *s)
{
    char *const texts[] = { s->access_key, s->secret,     s->token,   s->process,
                            s->role,       s->token_file, s->session, s->source };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
}
SR_DEFINE_AUTO_VALUE(settings, struct settings, settings_done);

static bool read_settings(struct credentials *c, struct settings *s, struct sr_err *err)
{
    return credentials_setting(c, "aws_access_key_id", &s->access_key, err) &&
           credentials_setting(c, "aws_secret_access_key", &s->secret, err) &&
           credentials_setting(c, "aws_session_token", &s->token, err) &&
           credentials_setting(c, "credential_process", &s->process, err) &&
           credentials_setting(c, "role_arn", &s->role, err) &&
           credentials_setting(c, "web_identity_token_file", &s->token_file, err) &&
           credentials_setting(c, "role_session_name", &s->session, err) &&
           credentials_setting(c, "source_profile", &s->source, err);
}

static bool from_process(const char *command, struct credentials_keys *keys, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    size_t bytes;
    return credentials_run(command, &text, &bytes, err) &&
           credentials_parse(text, bytes, "SessionToken", keys, err);
}

enum credentials_found credentials_from_profile(struct credentials *c,
                                                struct credentials_keys *keys, struct sr_err *err)
{
    sr_auto(settings) struct settings s = { 0 };
    if (!read_settings(c, &s, err))
        return CREDENTIALS_FAILED;
    if (s.role && s.token_file)
        return found_if(credentials_exchange(c, s.role, s.token_file, s.session, keys, err));
    if (s.role) {
        (void)sr_fail(err, SR_ERR_UNSUPPORTED,
                      "profile \"%s\": role_arn with source_profile or credential_source; "
                      "use credential_process or AWS_* variables",
                      c->profile);
        return CREDENTIALS_FAILED;
    }
    if (s.access_key && s.secret)
        return found_if(credentials_set(keys, s.access_key, s.secret, s.token, err));
    if (s.process)
        return found_if(from_process(s.process, keys, err));
    return CREDENTIALS_NONE;
}

static bool fetch(struct credentials *c, const char *method, const char *url, const char *name,
                  const char *value, uint32_t attempts, struct http_response *ret,
                  struct sr_err *err)
{
    const struct http_header header = { name, value };
    const struct http_request request = {
        .method = method,
        .url = url,
        .headers = &header,
        .header_count = value ? 1 : 0,
        .attempts_max = attempts,
        .reply_bytes_max = TOKEN_FILE_BYTES_MAX,
    };
    return http_run(c->http, &request, ret, err);
}

// Plain http is only for a container's own host.
// Spec: AWS SDK "Container credential provider": loopback, 169.254.170.2, 169.254.170.23,
//       fd00:ec2::23
static bool check_container_url(const char *text, struct sr_err *err)
{
    static const char *const hosts[] = { "localhost",     "127.0.0.1",      "::1",
                                         "169.254.170.2", "169.254.170.23", "fd00:ec2::23" };
    sr_auto(url) struct url url = { 0 };
    if (!url_parse(text, &url, err))
        return false;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (strcmp(url.host, hosts[i]) == 0)
            return true;
    }
    return strcmp(url.scheme, "https") == 0 ||
           sr_fail(err, SR_ERR_DENIED,
                   "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https or on this host");
}

enum credentials_found credentials_from_container(struct credentials *c,
                                                  struct credentials_keys *keys, struct sr_err *err)
{
    const char *relative = credentials_env(c, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = credentials_env(c, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *token_file = credentials_env(c, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (!relative && !full)
        return CREDENTIALS_NONE;
    sr_auto(char) char *url =
        relative ? sr_strf(err, CONTAINER_URL "%s", relative) : sr_str_dup(full, err);
    if (!url || !check_container_url(url, err))
        return CREDENTIALS_FAILED;
    sr_auto(char) char *token = NULL;
    size_t bytes;
    if (token_file) {
        if (!sr_file_load(token_file, TOKEN_FILE_BYTES_MAX, &token, &bytes, err))
            return CREDENTIALS_FAILED;
        token[strcspn(token, "\r\n")] = '\0';
    }
    const char *authorization =
        token ? token : credentials_env(c, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    sr_auto(http_response) struct http_response reply = { 0 };
    return found_if(fetch(c, "GET", url, "Authorization", authorization, 3, &reply, err) &&
                    credentials_parse(reply.body, reply.body_bytes, "Token", keys, err));
}

// Spec: EC2 "Instance Metadata Service Version 2": a session token first, then every question with
//       it
enum credentials_found credentials_from_instance(struct credentials *c,
                                                 struct credentials_keys *keys, struct sr_err *err)
{
    const char *disabled = credentials_env(c, "AWS_EC2_METADATA_DISABLED");
    const char *endpoint = credentials_env(c, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (disabled && strcasecmp(disabled, "true") == 0)
        return CREDENTIALS_NONE;
    endpoint = endpoint ? endpoint : INSTANCE_URL;
    const int slash = strlen(endpoint) && endpoint[strlen(endpoint) - 1] == '/' ? 1 : 0;
    const int bytes = (int)strlen(endpoint) - slash;
    sr_auto(char) char *token_url = sr_strf(err, "%.*s/latest/api/token", bytes, endpoint);
    sr_auto(char) char *roles_url =
        sr_strf(err, "%.*s/latest/meta-data/iam/security-credentials/", bytes, endpoint);
    sr_auto(http_response) struct http_response token = { 0 };
    sr_auto(http_response) struct http_response role = { 0 };
    sr_auto(http_response) struct http_response answer = { 0 };
    if (!token_url || !roles_url)
        return CREDENTIALS_FAILED;
    if (!fetch(c, "PUT", token_url, "X-aws-ec2-metadata-token-ttl-seconds", "21600", 1, &token,
               err))
        return CREDENTIALS_NONE;  // not on such a machine
    const char *name = "X-aws-ec2-metadata-token";
    if (!fetch(c, "GET", roles_url, name, token.body, 3, &role, err))
        return err->code == SR_ERR_NOT_FOUND ? CREDENTIALS_NONE
                                             : CREDENTIALS_FAILED;  // an instance without a role
    role.body[strcspn(role.body, "\r\n")] = '\0';
    sr_auto(sr_str) struct sr_str url = { 0 };
    return found_if(sr_str_add(&url, roles_url, err) &&
                    url_encode(role.body, strlen(role.body), "", &url, err) &&
                    fetch(c, "GET", url.text, name, token.body, 3, &answer, err) &&
                    credentials_parse(answer.body, answer.body_bytes, "Token", keys, err));
}

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

bool credentials_exchange(struct credentials *c, const char *role, const char *token_file,
                          const char *session, struct credentials_keys *keys, struct sr_err *err)
{
    sr_auto(char) char *token = NULL;
    size_t bytes;
    char region[65];
    if (!sr_file_load(token_file, TOKEN_FILE_BYTES_MAX, &token, &bytes, err) ||
        !credentials_region(c, region, err))
        return false;
    token[strcspn(token, "\r\n")] = '\0';
    const char *endpoint = credentials_env(c, "AWS_ENDPOINT_URL_STS");
    sr_auto(char) char *url = endpoint ? sr_str_dup(endpoint, err)
                                       : sr_strf(err, "https://sts.%s.amazonaws.com/", region);
    sr_auto(sr_str) struct sr_str form = { 0 };
    if (!url || !add_form(&form, "Action", "AssumeRoleWithWebIdentity", err) ||
        !add_form(&form, "Version", "2011-06-15", err) || !add_form(&form, "RoleArn", role, err) ||
        !add_form(&form, "RoleSessionName", session ? session : "splitreel", err) ||
        !add_form(&form, "WebIdentityToken", token, err))
        return false;
    const struct http_header header = { "Content-Type", "application/x-www-form-urlencoded" };
    const struct http_request request = {
        .method = "POST",
        .url = url,
        .headers = &header,
        .header_count = 1,
        .body = form.text,
        .body_bytes = form.bytes,
        .reply_bytes_max = TOKEN_FILE_BYTES_MAX,
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    struct assumed assumed = { 0 };
    const struct xml_visitor visitor = { .end = take_assumed, .self = &assumed };
    if (!http_run(c->http, &request, &reply, err) ||
        !xml_parse(reply.body, reply.body_bytes, &visitor, err) ||
        !credentials_set(keys, assumed.access_key, assumed.secret, assumed.token, err))
        return false;
    return !*assumed.expires || credentials_time(assumed.expires, &keys->expires_us, err);
}
