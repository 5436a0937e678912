// service/auth.h - who may call: Signature Version 4 against configured keys; without keys, whoever
// is on this machine.
#pragma once

#include "base/auto.h"
#include "base/err.h"
#include "service/server.h"

enum {
    AUTH_KEYS_MAX = 1000,
    AUTH_ACCESS_KEY_MAX = 128,
    AUTH_SECRET_MIN = 16,  // letters
    AUTH_SECRET_MAX = 256,
};

struct auth;

// Without keys. Owns: the caller frees *ret_auth. Errors: NO_MEMORY.
SR_MUST_USE bool auth_new(struct auth **ret_auth, struct sr_err *err);
void auth_free(struct auth *auth);  // overwrites the secrets
SR_DEFINE_AUTO(auth, struct auth, auth_free);

// Errors: INVALID (letters or length; the message holds no secret), CONFLICT (named twice), LIMIT.
SR_MUST_USE bool auth_add(struct auth *auth, const char *access_key, const char *secret,
                          struct sr_err *err);
bool auth_has_keys(const struct auth *auth);
// The key that was added first, for our own workers to sign with; false: there is none. Borrowed.
bool auth_first_key(const struct auth *auth, const char **ret_access_key, const char **ret_secret);

struct auth_refusal {
    const char *type;  // AWS's; a literal
    int status;
    char message[256];
};

// Whether the request may be served. `ret_who`: the access key that signed it, or, without keys,
// "local"; when it is refused, the access key that it claims, or "unknown".
// Without keys the Host must name this machine, so that a web page elsewhere cannot make a browser
// here call us under its own name.
// Threads: any, once all keys are added.
bool auth_check(const struct auth *auth, const struct server_request *request, int64_t wall_us,
                char ret_who[AUTH_ACCESS_KEY_MAX + 1], struct auth_refusal *ret_refusal);

// Whether a Host header names this machine: localhost, 127.x.x.x, [::1], with or without a port,
// and with "sync-" in front, which AWS's clients put there for some calls.
bool auth_host_is_local(const char *host);
// Compares secrets without telling by the time it takes where they differ.
bool auth_same(const char *a, const char *b);
