#include "cli/store_options.h"

#include <stdlib.h>
#include <string.h>

#include "net/url.h"

void store_options_done(struct store_options *options)
{
    blob_config_done(&options->made.config);
    free(options->made.store);
    free(options->made.allow);
    *options = (struct store_options){ 0 };
}

static bool set_endpoint(struct store_options *options, const char *value, struct sr_err *err)
{
    sr_auto(url) struct url url = { 0 };
    if (!url_parse(value, &url, err))
        return sr_err_wrap(err, "--endpoint-url");
    if (strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0)
        return sr_fail(err, SR_ERR_INVALID, "--endpoint-url: want an http or https URL");
    options->given.endpoint = value;
    return true;
}

static bool add_allow(struct store_options *options, const char *value, struct sr_err *err)
{
    if (options->allow_count == STORE_OPTIONS_ALLOW_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "--allow: at most %d; a stores file holds more",
                       STORE_OPTIONS_ALLOW_MAX);
    if (!*value)
        return sr_fail(err, SR_ERR_INVALID, "--allow: want host, host:port or 10.0.0.0/8");
    options->allow[options->allow_count++] = value;
    return true;
}

// NULL and an error when it is empty.
static const char *name_of(const char *option, const char *value, struct sr_err *err)
{
    if (*value)
        return value;
    (void)sr_fail(err, SR_ERR_INVALID, "%s: want a name", option);
    return NULL;
}

bool store_options_set(struct store_options *options, int id, const char *value, struct sr_err *err)
{
    switch (id) {
    case STORE_OPTION_STORES: return (options->path = name_of("--stores", value, err)) != NULL;
    case STORE_OPTION_ENDPOINT: return set_endpoint(options, value, err);
    case STORE_OPTION_PROFILE:
        return (options->given.profile = name_of("--aws-profile", value, err)) != NULL;
    case STORE_OPTION_REGION:
        return (options->given.region = name_of("--region", value, err)) != NULL;
    case STORE_OPTION_ADDRESSING:
        return blob_s3_style_named(value, &options->given.style) ||
               sr_fail(err, SR_ERR_INVALID, "--addressing %.40s: want auto, path or virtual",
                       value);
    case STORE_OPTION_PATH_STYLE: options->given.style = BLOB_S3_STYLE_PATH; return true;
    case STORE_OPTION_NO_SIGN: options->given.no_sign = true; return true;
    case STORE_OPTION_ALLOW: return add_allow(options, value, err);
    case STORE_OPTION_ALLOW_PRIVATE: options->allow_private = true; return true;
    default: return sr_fail(err, SR_ERR_INTERNAL, "option %d", id);
    }
}

// The file's entry for every other bucket, with what the command line says on top.
static struct blob_store_config merged(const struct store_options *options)
{
    const struct blob_store_config *given = &options->given;
    struct blob_store_config every = { 0 };
    for (size_t i = 0; i < options->made.config.store_count; i++) {
        if (!options->made.config.store[i].bucket)
            every = options->made.config.store[i];
    }
    if (given->endpoint)
        every.endpoint = given->endpoint;
    if (given->profile)
        every.profile = given->profile;
    if (given->region)
        every.region = given->region;
    if (given->style != BLOB_S3_STYLE_AUTO)
        every.style = given->style;
    every.no_sign = every.no_sign || given->no_sign;
    return every;
}

static bool make_stores(struct store_options *options, struct blob_stores_params *ret,
                        struct sr_err *err)
{
    const struct blob_config *config = &options->made.config;
    options->made.store = calloc(config->store_count + 1, sizeof(options->made.store[0]));
    if (!options->made.store)
        return sr_fail(err, SR_ERR_NO_MEMORY, "stores");
    size_t count = 0;
    for (size_t i = 0; i < config->store_count; i++) {
        if (config->store[i].bucket)
            options->made.store[count++] = config->store[i];
    }
    options->made.store[count++] = merged(options);
    ret->store = options->made.store;
    ret->store_count = count;
    return true;
}

static bool make_allow(struct store_options *options, struct blob_stores_params *ret,
                       struct sr_err *err)
{
    const char *const *const of_file = options->made.config.allow;
    size_t count = 0;
    while (of_file && of_file[count])
        count++;
    options->made.allow = calloc(count + options->allow_count + 1, sizeof(options->made.allow[0]));
    if (!options->made.allow)
        return sr_fail(err, SR_ERR_NO_MEMORY, "allowed places");
    for (size_t i = 0; i < count; i++)
        options->made.allow[i] = of_file[i];
    for (size_t i = 0; i < options->allow_count; i++)
        options->made.allow[count + i] = options->allow[i];
    ret->allow = options->made.allow;
    ret->allow_private = options->allow_private || options->made.config.allow_private;
    return true;
}

bool store_options_params(struct store_options *options, struct blob_stores_params *ret,
                          struct sr_err *err)
{
    const char *path = options->path ? options->path : getenv("SPLITREEL_STORES");
    if (path && *path && !blob_config_load(path, &options->made.config, err))
        return false;
    return make_stores(options, ret, err) && make_allow(options, ret, err);
}
