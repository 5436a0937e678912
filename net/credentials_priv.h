// net/credentials_priv.h - the sources of the chain.
#pragma once

#include "base/thread.h"
#include "net/credentials.h"
#include "net/http.h"

enum { CREDENTIALS_ROLES_MAX = 5, CREDENTIALS_TOKEN_BYTES_MAX = 64 << 10 };

struct credentials {
    struct credentials_params params;  // set at the start, then only read
    bool fixed;
    char *profile;
    char *config, *shared;  // texts of the two files; NULL: not there
    struct http *http;
    struct sr_mutex lock;
    struct {
        bool have;
        struct credentials_keys keys;
    } synced;  // under `lock`
};

enum credentials_found { CREDENTIALS_NONE, CREDENTIALS_FOUND, CREDENTIALS_FAILED };

// Each looks in one place.
enum credentials_found credentials_from_env(struct credentials *c, struct credentials_keys *keys,
                                            struct sr_err *err);
enum credentials_found credentials_from_web_identity(struct credentials *c,
                                                     struct credentials_keys *keys,
                                                     struct sr_err *err);
enum credentials_found credentials_from_profile(struct credentials *c,
                                                struct credentials_keys *keys, struct sr_err *err);
enum credentials_found credentials_from_container(struct credentials *c,
                                                  struct credentials_keys *keys,
                                                  struct sr_err *err);
enum credentials_found credentials_from_instance(struct credentials *c,
                                                 struct credentials_keys *keys, struct sr_err *err);

const char *credentials_env(const struct credentials *c,
                            const char *name);  // NULL when unset or empty
SR_MUST_USE bool credentials_profile_setting(struct credentials *c, const char *profile,
                                             const char *key, char **ret_value, struct sr_err *err);
// Reads the JSON that processes, containers and instances answer with.
SR_MUST_USE bool credentials_parse(const char *text, size_t bytes, const char *token_name,
                                   struct credentials_keys *keys, struct sr_err *err);
// The output of a command; the caller frees it.
SR_MUST_USE bool credentials_run(const char *command, char **ret_text, size_t *ret_bytes,
                                 struct sr_err *err);
// credentials_sts.c: what the token service is asked for. `session` and `external_id` may be NULL.
struct credentials_role {
    const char *arn;
    const char *session;
    const char *external_id;
    const char *token_file;                 // of a web identity; else the request is signed
    const struct credentials_keys *source;  // with these
};
SR_MUST_USE bool credentials_assume(struct credentials *c, const struct credentials_role *role,
                                    struct credentials_keys *keys, struct sr_err *err);
SR_MUST_USE bool credentials_set(struct credentials_keys *keys, const char *access_key,
                                 const char *secret, const char *token, struct sr_err *err);
SR_MUST_USE bool credentials_time(const char *text, int64_t *ret_us,
                                  struct sr_err *err);  // ISO 8601
