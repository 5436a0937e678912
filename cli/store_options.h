// cli/store_options.h - the words that say how stores are reached, for every verb that opens URLs.
#pragma once

#include "cli/options.h"
#include "storage/blob_config.h"

enum {
    STORE_OPTION_FIRST = 1000,  // a verb's own ids stay below
    STORE_OPTION_STORES = STORE_OPTION_FIRST,
    STORE_OPTION_ENDPOINT,
    STORE_OPTION_PROFILE,
    STORE_OPTION_REGION,
    STORE_OPTION_ADDRESSING,
    STORE_OPTION_PATH_STYLE,
    STORE_OPTION_NO_SIGN,
    STORE_OPTION_ALLOW,
    STORE_OPTION_ALLOW_PRIVATE,
    STORE_OPTION_END,
    STORE_OPTIONS_ALLOW_MAX = 32,
};

// Rows for a verb's table. "profile" alone is a spelling of its own, because `run` means the
// video's with it.
#define STORE_OPTION_ROWS                                                                          \
    { "stores", "FILE", STORE_OPTION_STORES,                                                       \
      "named stores as JSON, see docs/storage.md; $SPLITREEL_STORES unless said" },                \
        { "endpoint-url", "URL", STORE_OPTION_ENDPOINT, "where S3 is; AWS unless said" },          \
        { "aws-profile", "NAME", STORE_OPTION_PROFILE,                                             \
          "of the AWS files: keys, region, endpoint" },                                            \
        { "region", "NAME", STORE_OPTION_REGION, "of the buckets" },                               \
        { "addressing", "STYLE", STORE_OPTION_ADDRESSING,                                          \
          "auto, path or virtual: how a bucket stands in the URL" },                               \
        { "path-style", NULL, STORE_OPTION_PATH_STYLE, "the same as --addressing path" },          \
        { "no-sign-request", NULL, STORE_OPTION_NO_SIGN, "ask without keys" },                     \
        { "allow", "HOST", STORE_OPTION_ALLOW,                                                     \
          "an http(s) input may be here: host, host:port or 10.0.0.0/8; may be repeated" },        \
    {                                                                                              \
        "allow-private", NULL, STORE_OPTION_ALLOW_PRIVATE,                                         \
            "http(s) inputs may be at private addresses"                                           \
    }
#define STORE_OPTION_PROFILE_ROW                                                                   \
    {                                                                                              \
        "profile", "NAME", STORE_OPTION_PROFILE, NULL                                              \
    }

struct store_options {               // the zero value is what no option says
    const char *path;                // of the stores file; NULL: SPLITREEL_STORES, else none
    struct blob_store_config given;  // for every bucket that the file does not name
    bool allow_private;
    const char *allow[STORE_OPTIONS_ALLOW_MAX];
    size_t allow_count;
    struct {
        struct blob_config config;
        struct blob_store_config *store;
        const char **allow;
    } made;  // by store_options_params()
};
void store_options_done(struct store_options *options);
SR_DEFINE_AUTO_VALUE(store_options, struct store_options, store_options_done);

static inline bool store_options_has(int id)
{
    return id >= STORE_OPTION_FIRST && id < STORE_OPTION_END;
}
// Notes an option for whose id store_options_has() is true; borrows the value. Errors: INVALID.
SR_MUST_USE bool store_options_set(struct store_options *options, int id, const char *value,
                                   struct sr_err *err);

// Reads the stores file, if there is one, and sets store, store_count, allow and allow_private; all
// else in *ret is left alone. What an option says goes before the file's "*" entry; entries with a
// name are left as they are.
// Owns:   what *ret points to is the options', until store_options_done(), which must come after
//         blob_stores_free().
// Errors: as blob_config_load().
SR_MUST_USE bool store_options_params(struct store_options *options, struct blob_stores_params *ret,
                                      struct sr_err *err);
