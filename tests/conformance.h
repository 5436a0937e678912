// tests/conformance.h - runs recorded cases; one line per file says how many passed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/jx.h"
#include "base/str.h"

enum conformance_result { CONFORMANCE_PASS, CONFORMANCE_FAIL, CONFORMANCE_SKIP };

// A file of cases: `run` gets one of them and writes why it failed, or what it noted, into `why`.
struct conformance_file {
    const char *name;
    const char *id_key;
    enum conformance_result (*run)(const json_t *item, struct sr_str *why);
};
extern const struct conformance_file conformance_asl, conformance_validation, conformance_jsonpath,
    conformance_json, conformance_teststate, conformance_api, conformance_sigv4, conformance_events;

// Compares as JSON: 1 equals 1.0; the places in `ignore` (an array of JSON pointers, each beginning
// with `root`) do not count beyond being there or not.
bool conformance_equal(const json_t *want, const json_t *got, const json_t *ignore,
                       const char *root);
// Appends text to `why`; never fails.
void conformance_say(struct sr_str *why, const char *format, ...) SR_PRINTF(2, 3);
void conformance_say_json(struct sr_str *why, const char *what, const json_t *value);
