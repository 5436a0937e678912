// service/config_row.h - the table of the configuration's values: what the parser reads,
// `config show` shows and etc/splitreel.json explains. A new value is a row and a member of struct
// config.
#pragma once

#include "service/config.h"

enum config_kind {
    CONFIG_TEXT,      // char *
    CONFIG_SECRET,    // char *, overwritten when it is freed
    CONFIG_TEXTS,     // struct config_texts
    CONFIG_SECRETS,   // struct config_texts
    CONFIG_INT,       // int64_t
    CONFIG_SIZE,      // size_t
    CONFIG_UNSIGNED,  // unsigned
    CONFIG_SECONDS,   // int64_t in microseconds; a fraction is fine
    CONFIG_BOOL,      // bool
    CONFIG_OWN,       // read by the row itself
};

struct config_row {
    const char *section;  // NULL: it stands in the root
    const char *key;
    enum config_kind kind;
    size_t place;      // in struct config
    int64_t min, max;  // of numbers
    // What is wrong with a text, without showing it; NULL: nothing.
    const char *(*wrong)(const char *text);
    const char
        *unsaid;  // what holds when its text is NULL, its list empty, its number 0; else NULL
    const char *variable;  // of the environment; NULL: none
    // CONFIG_OWN: reads the member `key` of `at`, frees what that made.
    bool (*read)(struct config *config, const struct jx *at, struct sr_err *err);
    void (*done)(struct config *config);
    const char *const
        *secrets;  // CONFIG_OWN: members of its items that nobody may see; ends with NULL
};
extern const struct config_row config_rows[];                // ends with key NULL
const struct config_row *config_row_find(const char *name);  // "worker.slots"; NULL: no such row

// Reads a member that is there.
// Errors: INVALID with the place, never with a secret; LIMIT; NO_MEMORY.
SR_MUST_USE bool config_row_read(const struct config_row *row, struct config *config,
                                 const struct jx *at, struct sr_err *err);
void config_row_done(const struct config_row *row, struct config *config);
bool config_row_is_set(const struct config_row *row, const struct config *config);
// Of what was said, a copy without secrets.
SR_MUST_USE bool config_row_mask(const struct config_row *row, const json_t *value,
                                 json_t **ret_masked, struct sr_err *err);

// The rows that read for themselves (config_lists.c).
bool config_api_keys_read(struct config *config, const struct jx *at, struct sr_err *err);
void config_api_keys_done(struct config *config);
bool config_keys_read(struct config *config, const struct jx *at, struct sr_err *err);
bool config_lambdas_read(struct config *config, const struct jx *at, struct sr_err *err);
void config_lambdas_done(struct config *config);
bool config_connections_read(struct config *config, const struct jx *at, struct sr_err *err);
void config_connections_done(struct config *config);
