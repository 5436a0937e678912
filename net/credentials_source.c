#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/io.h"
#include "base/jx.h"
#include "net/credentials_priv.h"
#include "net/url.h"

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
    const struct credentials_role assume = { .arn = role,
                                             .session = credentials_env(c, "AWS_ROLE_SESSION_NAME"),
                                             .token_file = file };
    return found_if(credentials_assume(c, &assume, keys, err));
}

// Settings of a profile that give keys.
struct settings {
    char *access_key, *secret, *token, *process;
    char *role, *token_file, *session, *external_id, *mfa, *source_profile, *source;
};

static const struct setting {
    const char *name;
    size_t offset;
} setting_rows[] = {
    { "aws_access_key_id", offsetof(struct settings, access_key) },
    { "aws_secret_access_key", offsetof(struct settings, secret) },
    { "aws_session_token", offsetof(struct settings, token) },
    { "credential_process", offsetof(struct settings, process) },
    { "role_arn", offsetof(struct settings, role) },
    { "web_identity_token_file", offsetof(struct settings, token_file) },
    { "role_session_name", offsetof(struct settings, session) },
    { "external_id", offsetof(struct settings, external_id) },
    { "mfa_serial", offsetof(struct settings, mfa) },
    { "source_profile", offsetof(struct settings, source_profile) },
    { "credential_source", offsetof(struct settings, source) },
};

static char **place_of(struct settings *s, const struct setting *row)
{
    return (char **)(void *)((char *)s + row->offset);
}

static void settings_done(struct settings *s)
{
    for (size_t i = 0; i < sizeof(setting_rows) / sizeof(setting_rows[0]); i++)
        free(*place_of(s, &setting_rows[i]));
}
SR_DEFINE_AUTO_VALUE(settings, struct settings, settings_done);

static bool read_settings(struct credentials *c, const char *profile, struct settings *s,
                          struct sr_err *err)
{
    for (size_t i = 0; i < sizeof(setting_rows) / sizeof(setting_rows[0]); i++) {
        if (!credentials_profile_setting(c, profile, setting_rows[i].name,
                                         place_of(s, &setting_rows[i]), err))
            return false;
    }
    return true;
}

static bool from_process(const char *command, struct credentials_keys *keys, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    size_t bytes;
    return credentials_run(command, &text, &bytes, err) &&
           credentials_parse(text, bytes, "SessionToken", keys, err);
}

// Spec: AWS "credential_source": where the keys are that may assume the role
static enum credentials_found from_named_source(struct credentials *c, const char *source,
                                                struct credentials_keys *keys, struct sr_err *err)
{
    if (strcmp(source, "Environment") == 0)
        return credentials_from_env(c, keys, err);
    if (strcmp(source, "EcsContainer") == 0)
        return credentials_from_container(c, keys, err);
    if (strcmp(source, "Ec2InstanceMetadata") == 0)
        return credentials_from_instance(c, keys, err);
    (void)sr_fail(err, SR_ERR_INVALID,
                  "credential_source is Environment, EcsContainer or Ec2InstanceMetadata");
    return CREDENTIALS_FAILED;
}

static enum credentials_found from_profile(struct credentials *c, const char *profile,
                                           unsigned depth, struct credentials_keys *keys,
                                           struct sr_err *err);

// The role of a profile, with keys from another profile or another source.
static bool from_role(struct credentials *c, const char *profile, const struct settings *s,
                      unsigned depth, struct credentials_keys *keys, struct sr_err *err)
{
    struct credentials_role role = { .arn = s->role,
                                     .session = s->session,
                                     .external_id = s->external_id,
                                     .token_file = s->token_file };
    if (s->token_file)
        return credentials_assume(c, &role, keys, err);
    if (s->mfa)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "profile \"%s\": mfa_serial needs somebody to type",
                       profile);
    if (depth == CREDENTIALS_ROLES_MAX)
        return sr_fail(err, SR_ERR_INVALID, "profile \"%s\": source_profile goes round in a circle",
                       profile);
    if (!s->source_profile && !s->source)
        return sr_fail(err, SR_ERR_INVALID, "profile \"%s\": role_arn without a source", profile);
    struct credentials_keys source;
    // a profile may be its own source: then its keys assume its role
    const bool own = s->source_profile && strcmp(s->source_profile, profile) == 0;
    if (own && !(s->access_key && s->secret))
        return sr_fail(err, SR_ERR_INVALID, "profile \"%s\" is its own source, without keys",
                       profile);
    enum credentials_found found;
    if (own)
        found = found_if(credentials_set(&source, s->access_key, s->secret, s->token, err));
    else if (s->source_profile)
        found = from_profile(c, s->source_profile, depth + 1, &source, err);
    else
        found = from_named_source(c, s->source, &source, err);
    if (found == CREDENTIALS_NONE)
        return sr_fail(err, SR_ERR_NOT_FOUND, "profile \"%s\": its source has no keys", profile);
    role.source = &source;
    const bool done = found == CREDENTIALS_FOUND && credentials_assume(c, &role, keys, err);
    explicit_bzero(&source, sizeof(source));
    return done;
}

static enum credentials_found from_profile(struct credentials *c, const char *profile,
                                           unsigned depth, struct credentials_keys *keys,
                                           struct sr_err *err)
{
    sr_auto(settings) struct settings s = { 0 };
    if (!read_settings(c, profile, &s, err))
        return CREDENTIALS_FAILED;
    if (s.role)
        return found_if(from_role(c, profile, &s, depth, keys, err));
    if (s.access_key && s.secret)
        return found_if(credentials_set(keys, s.access_key, s.secret, s.token, err));
    if (s.process)
        return found_if(from_process(s.process, keys, err));
    return CREDENTIALS_NONE;
}

enum credentials_found credentials_from_profile(struct credentials *c,
                                                struct credentials_keys *keys, struct sr_err *err)
{
    return from_profile(c, c->profile, 0, keys, err);
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
        .reply_bytes_max = CREDENTIALS_TOKEN_BYTES_MAX,
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
                   "AWS_CONTAINER_CREDENTIALS_*_URI must be https or on this host");
}

enum credentials_found credentials_from_container(struct credentials *c,
                                                  struct credentials_keys *keys, struct sr_err *err)
{
    const char *relative = credentials_env(c, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = credentials_env(c, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *token_file = credentials_env(c, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (!relative && !full)
        return CREDENTIALS_NONE;
    const char *const base = c->params.container_url ? c->params.container_url : CONTAINER_URL;
    sr_auto(char) char *url =
        relative ? sr_strf(err, "%s%s", base, relative) : sr_str_dup(full, err);
    if (!url || !check_container_url(url, err))
        return CREDENTIALS_FAILED;
    sr_auto(char) char *token = NULL;
    size_t bytes;
    if (token_file) {
        if (!sr_file_load(token_file, CREDENTIALS_TOKEN_BYTES_MAX, &token, &bytes, err))
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
