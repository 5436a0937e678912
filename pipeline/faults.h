// pipeline/faults.h - everything that is wrong with a document, or with many: file, place, reason.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/jx.h"

enum { FAULTS_MAX = 1000 };

struct fault {
    char *file;     // "" when there is none
    char *place;    // "$.pattern.detail.key[0]"
    char *message;  // "prefix match pattern must be a string"
};

// `struct faults faults = { 0 };` is an empty list.
struct faults {
    size_t count;
    struct fault *items;
    bool truncated;    // there were more than FAULTS_MAX
    const char *file;  // borrowed: of what is added from now on; NULL: none
};

// Adds one. Errors: NO_MEMORY alone.
SR_MUST_USE bool faults_add(struct faults *faults, const struct jx *at, struct sr_err *err,
                            const char *format, ...) SR_PRINTF(4, 5);
// One for each key of an object that is not among `known` (ends with NULL), with the nearest.
SR_MUST_USE bool faults_add_unknown(struct faults *faults, const struct jx *at,
                                    const char *const *known, struct sr_err *err);
// Fails with INVALID and the first of them; with `count` 0 it is a bug.
bool faults_fail(const struct faults *faults, struct sr_err *err);
void faults_done(struct faults *faults);
SR_DEFINE_AUTO_VALUE(faults, struct faults, faults_done);
