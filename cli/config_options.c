#include "cli/config_options.h"

#include <stdlib.h>

#include "base/str.h"
#include "pipeline/quantity.h"

enum kind { AS_TEXT, AS_FOLDER, AS_COUNT, AS_BYTES, AS_TIME };

// From CONFIG_OPTION_VALUE on, in that order.
static const struct value {
    const char *option, *name;  // the configuration's
    enum kind kind;
} values[] = {
    { "--listen", "listen", AS_TEXT },
    { "--state", "state", AS_TEXT },
    { "--rules", "rules", AS_TEXT },
    { "--watch", "watch", AS_TEXT },
    { "--root", "jobs.roots", AS_FOLDER },
    { "--workers", "worker.processes", AS_COUNT },
    { "--log-level", "log_level", AS_TEXT },
    { "--slots", "worker.slots", AS_COUNT },
    { "--light-slots", "worker.light_slots", AS_COUNT },
    { "--activities", "worker.activities", AS_TEXT },
    { "--memory", "worker.memory_bytes", AS_BYTES },
    { "--grace", "worker.grace_s", AS_TIME },
};
_Static_assert(sizeof values / sizeof *values == CONFIG_OPTION_END - CONFIG_OPTION_VALUE,
               "a row for each id");

bool config_options_set(struct config_options *options, int id, const char *value,
                        struct sr_err *err)
{
    if (id == CONFIG_OPTION_FILE) {
        options->path = value;
        return true;
    }
    if (options->said_count == CONFIG_OPTIONS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d options", CONFIG_OPTIONS_MAX);
    options->said[options->said_count].id = id;
    options->said[options->said_count++].text = value;
    return true;
}

// What is no number stays a text, so that the configuration's table says what it wants.
static json_t *value_json(enum kind kind, const char *text)
{
    int64_t number;
    sr_auto(char) char *whole = kind == AS_FOLDER ? realpath(text, NULL) : NULL;
    if (kind == AS_COUNT && quantity_count(text, INT64_MAX, &number))
        return json_integer(number);
    if (kind == AS_BYTES && quantity_bits(text, &number))
        return json_integer(number);
    if (kind == AS_TIME && quantity_us(text, &number))
        return json_real((double)number / 1e6);
    return jx_string(whole ? whole : text);
}

void config_options_find(struct config_options *options)
{
    const char *const path = getenv("SPLITREEL_CONFIG");
    if (!options->path && path && *path)
        options->path = path;
}

bool config_options_apply(const struct config_options *options, struct config *config,
                          struct sr_err *err)
{
    if (!config_environment(config, getenv, err))
        return false;
    for (size_t i = 0; i < options->said_count; i++) {
        const struct value *const value = &values[options->said[i].id - CONFIG_OPTION_VALUE];
        if (!config_override(config, value->name, value_json(value->kind, options->said[i].text),
                             value->option, err))
            return false;
    }
    return true;
}

bool config_options_load(struct config_options *options, struct config *ret, struct sr_err *err)
{
    config_options_find(options);
    return (!options->path || config_read(ret, options->path, err)) &&
           config_options_apply(options, ret, err);
}

enum sr_log_level config_options_log_level(const struct config *config)
{
    enum sr_log_level level = SR_LOG_INFO;
    sr_ignore(sr_log_level_named(config->log_level, &level));  // it was read with its names
    return level;
}
