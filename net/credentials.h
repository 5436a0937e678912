// net/credentials.h - AWS access keys from wherever the environment keeps them, fresh when asked
// for.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

enum {
    CREDENTIALS_REFRESH_S = 300,
    CREDENTIALS_PROCESS_S = 60
};  // before they expire; for a process to answer

struct credentials;

struct credentials_params {
    const char *profile;  // NULL: AWS_PROFILE, else "default". One named here goes before keys in
                          // the environment
    const char *ca_file;  // NULL: AWS_CA_BUNDLE, else the system's
    const char *(*env)(void *self, const char *name);  // NULL: the process's environment
    void *env_self;
    const char *container_url;     // what a relative URI is behind; NULL: http://169.254.170.2.
                                   // Tests have another
    const struct sr_clock *clock;  // NULL: the system's
    const struct sr_log *log;
};

struct credentials_keys {
    char access_key[129];
    char secret[257];
    char token[8193];    // "" : none
    int64_t expires_us;  // wall time; INT64_MAX: never
    const char *source;  // "environment", "profile", ...: a literal
};

// Finds keys in this order: environment, web identity, the profile (keys, credential_process, web
// identity), container, instance metadata (version 2 only).
// Owns:    the caller frees *ret; params' texts are borrowed until then.
// Threads: any; one refreshes while the others wait.
SR_MUST_USE bool credentials_new(const struct credentials_params *params, struct credentials **ret,
                                 struct sr_err *err);
// Keys that are given; `token` may be NULL.
SR_MUST_USE bool credentials_new_static(const char *access_key, const char *secret,
                                        const char *token, struct credentials **ret,
                                        struct sr_err *err);
void credentials_free(struct credentials *credentials);
SR_DEFINE_AUTO(credentials, struct credentials, credentials_free);

// Errors: NOT_FOUND (none anywhere; says where was looked), INVALID (a source is there but broken),
//         NETWORK, TIMEOUT. No message holds a key.
SR_MUST_USE bool credentials_get(struct credentials *credentials, struct credentials_keys *ret_keys,
                                 struct sr_err *err);
// A server said that these keys have expired: the next get looks again.
void credentials_forget(struct credentials *credentials, const char *access_key);

// AWS_REGION, AWS_DEFAULT_REGION, the profile's region, else "us-east-1".
SR_MUST_USE bool credentials_region(struct credentials *credentials, char ret_region[65],
                                    struct sr_err *err);
// A setting of the profile ("endpoint_url"), or NULL; the caller frees it.
SR_MUST_USE bool credentials_setting(struct credentials *credentials, const char *key,
                                     char **ret_value, struct sr_err *err);
