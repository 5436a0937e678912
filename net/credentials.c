#include "net/credentials.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/io.h"
#include "base/str.h"
#include "net/credentials_priv.h"
#include "net/profile.h"

static const struct source {
    const char *name;
    enum credentials_found (*find)(struct credentials *c, struct credentials_keys *keys,
                                   struct sr_err *err);
} chain[] = {
    { "environment", credentials_from_env },
    { "web identity", credentials_from_web_identity },
    { "profile", credentials_from_profile },
    { "container", credentials_from_container },
    { "instance metadata", credentials_from_instance },
};

const char *credentials_env(const struct credentials *c, const char *name)
{
    const char *value = c->params.env ? c->params.env(c->params.env_self, name) : getenv(name);
    return value && *value ? value : NULL;
}

bool credentials_set(struct credentials_keys *keys, const char *access_key, const char *secret,
                     const char *token, struct sr_err *err)
{
    *keys = (struct credentials_keys){ .expires_us = INT64_MAX };
    if (sr_format(keys->access_key, sizeof(keys->access_key), "%s", access_key) && *access_key &&
        sr_format(keys->secret, sizeof(keys->secret), "%s", secret) && *secret &&
        sr_format(keys->token, sizeof(keys->token), "%s", token ? token : ""))
        return true;
    return sr_fail(err, SR_ERR_INVALID, "a key is empty or too long");
}

// The text of a shared file; one that is not there is fine.
static bool load_file(struct credentials *c, const char *variable, const char *name,
                      char **ret_text, struct sr_err *err)
{
    const char *path = credentials_env(c, variable);
    const char *home = credentials_env(c, "HOME");
    sr_auto(char) char *own =
        path ? sr_str_dup(path, err) : sr_strf(err, "%s/.aws/%s", home ? home : "", name);
    size_t bytes;
    if (!own)
        return false;
    if ((!path && !home) || sr_file_load(own, PROFILE_FILE_BYTES_MAX, ret_text, &bytes, err))
        return true;
    // what may not be read, or is a folder, is as good as absent, unless somebody named it
    return (err->code == SR_ERR_NOT_FOUND || !path) ? true : sr_err_wrap(err, "%s", variable);
}

static bool open_client(struct credentials *c, struct sr_err *err)
{
    struct http_params params = http_params_default();
    params.log = c->params.log;
    // Every URL asked here comes from the operator's own configuration, and metadata services are
    // link-local.
    params.policy.allow_private = true;
    params.connect_us = 1000 * 1000;
    params.stall_us = 5 * 1000 * 1000;
    params.attempts_max = 3;
    params.ca_file = c->params.ca_file ? c->params.ca_file : credentials_env(c, "AWS_CA_BUNDLE");
    return http_new(&params, &c->http, err);
}

static bool create(const struct credentials_params *params, struct credentials **ret,
                   struct sr_err *err)
{
    struct credentials *c = calloc(1, sizeof(*c));
    if (!c)
        return sr_fail(err, SR_ERR_NO_MEMORY, "credentials");
    c->params = *params;
    if (!c->params.clock)
        c->params.clock = sr_clock_system();
    if (!sr_mutex_init(&c->lock, err)) {
        free(c);
        return false;
    }
    *ret = c;
    return true;
}

bool credentials_new(const struct credentials_params *params, struct credentials **ret,
                     struct sr_err *err)
{
    sr_auto(credentials) struct credentials *c = NULL;
    if (!create(params, &c, err))
        return false;
    const char *profile = params->profile ? params->profile : credentials_env(c, "AWS_PROFILE");
    c->profile = sr_str_dup(profile ? profile : "default", err);
    if (!c->profile || !load_file(c, "AWS_CONFIG_FILE", "config", &c->config, err) ||
        !load_file(c, "AWS_SHARED_CREDENTIALS_FILE", "credentials", &c->shared, err))
        return false;
    if (profile && !(c->config && profile_exists(c->config, profile, true)) &&
        !(c->shared && profile_exists(c->shared, profile, false)))
        return sr_fail(err, SR_ERR_NOT_FOUND, "no profile \"%s\" in the AWS configuration",
                       profile);
    if (!open_client(c, err))
        return false;
    *ret = sr_take(c);
    return true;
}

bool credentials_new_static(const char *access_key, const char *secret, const char *token,
                            struct credentials **ret, struct sr_err *err)
{
    const struct credentials_params params = { 0 };
    sr_auto(credentials) struct credentials *c = NULL;
    if (!create(&params, &c, err))
        return false;
    c->fixed = true;
    c->synced.have = true;
    if (!credentials_set(&c->synced.keys, access_key, secret, token, err))
        return false;
    c->synced.keys.source = "given";
    *ret = sr_take(c);
    return true;
}

void credentials_free(struct credentials *c)
{
    if (!c)
        return;
    http_free(c->http);
    free(c->profile);
    free(c->config);
    free(c->shared);
    sr_mutex_done(&c->lock);
    explicit_bzero(c, sizeof(*c));
    free(c);
}

static bool find(struct credentials *c, struct credentials_keys *keys, struct sr_err *err)
{
    for (size_t i = 0; i < sizeof(chain) / sizeof(chain[0]); i++) {
        if (i < 2 && c->params.profile)
            continue;  // a profile that was asked for by name goes before the environment
        switch (chain[i].find(c, keys, err)) {
        case CREDENTIALS_FOUND: keys->source = chain[i].name; return true;
        case CREDENTIALS_FAILED: return sr_err_wrap(err, "credentials from %s", chain[i].name);
        case CREDENTIALS_NONE: break;
        }
    }
    return sr_fail(
        err, SR_ERR_NOT_FOUND,
        "no credentials: looked in the environment, profile \"%s\", container and instance metadata",
        c->profile);
}

// Under the lock while asking: one asks, all others wait for the answer.
static bool get_locked(struct credentials *c, struct credentials_keys *ret_keys, struct sr_err *err)
    SR_REQUIRES(c->lock);
static bool get_locked(struct credentials *c, struct credentials_keys *ret_keys, struct sr_err *err)
{
    const int64_t now_us = sr_clock_wall_us(c->params.clock);
    struct credentials_keys *keys = &c->synced.keys;
    const bool lasts =
        c->synced.have && (keys->expires_us == INT64_MAX ||
                           keys->expires_us - now_us > CREDENTIALS_REFRESH_S * 1000000LL);
    if (!lasts && !c->fixed) {
        struct credentials_keys fresh;
        if (find(c, &fresh, err)) {
            *keys = fresh;
            c->synced.have = true;
            sr_debug(c->params.log, "credentials", SR_TEXT("source", fresh.source));
        } else if (!c->synced.have || keys->expires_us <= now_us) {
            return false;
        } else {  // what we have is still good for some minutes
            sr_warn(c->params.log, "credentials not refreshed", SR_ERR(err));
        }
        explicit_bzero(&fresh, sizeof(fresh));
    }
    *ret_keys = *keys;
    return true;
}

bool credentials_get(struct credentials *c, struct credentials_keys *ret_keys, struct sr_err *err)
{
    sr_lock(&c->lock);
    const bool done = get_locked(c, ret_keys, err);
    sr_unlock(&c->lock);
    return done;
}

void credentials_forget(struct credentials *c, const char *access_key)
{
    sr_lock(&c->lock);
    if (!c->fixed && strcmp(c->synced.keys.access_key, access_key) == 0)
        c->synced.have = false;
    sr_unlock(&c->lock);
}

bool credentials_profile_setting(struct credentials *c, const char *profile, const char *key,
                                 char **ret_value, struct sr_err *err)
{
    *ret_value = NULL;
    if (c->shared && !profile_value(c->shared, profile, false, key, ret_value, err))
        return false;
    return *ret_value || !c->config || profile_value(c->config, profile, true, key, ret_value, err);
}

bool credentials_setting(struct credentials *c, const char *key, char **ret_value,
                         struct sr_err *err)
{
    return credentials_profile_setting(c, c->profile, key, ret_value, err);
}

bool credentials_region(struct credentials *c, char ret_region[65], struct sr_err *err)
{
    sr_auto(char) char *of_profile = NULL;
    const char *region = c->fixed ? NULL : credentials_env(c, "AWS_REGION");
    if (!region && !c->fixed)
        region = credentials_env(c, "AWS_DEFAULT_REGION");
    if (!region) {
        if (!credentials_setting(c, "region", &of_profile, err))
            return false;
        region = of_profile && *of_profile ? of_profile : "us-east-1";
    }
    return sr_format(ret_region, 65, "%s", region) ||
           sr_fail(err, SR_ERR_INVALID, "the region's name is too long");
}
