// net/profile.h - values from AWS's shared files (~/.aws/config, ~/.aws/credentials).
#pragma once

#include <stdbool.h>

#include "base/err.h"

enum { PROFILE_FILE_BYTES_MAX = 1 << 20 };

// The value of `key` in a section of a file's text, or NULL in *ret_value; the caller frees it. In
// the config file the section of profile p is "profile p", but "default" for the default one; pass
// `config` to have that done.
// Errors: NO_MEMORY.
// Spec:   AWS "Configuration and credential file settings": comments begin a line, indented lines
//         belong to a nested setting and are skipped, a later value wins.
SR_MUST_USE bool profile_value(const char *text, const char *profile, bool config, const char *key,
                               char **ret_value, struct sr_err *err);
bool profile_exists(const char *text, const char *profile, bool config);
