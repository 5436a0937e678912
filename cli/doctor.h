// cli/doctor.h - what `splitreel doctor` finds, and its checks: each says what it saw and, when
// that is not right, the remedy.
#pragma once

#include "base/jx.h"
#include "cli/cli.h"
#include "cli/store_options.h"
#include "service/config.h"

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };
enum { DOCTOR_VERDICTS = 3 };

struct doctor {
    const struct cli *cli;
    const struct config *config;
    struct blob_stores *stores;  // NULL: they cannot be opened
    bool write;                  // stores may be written to
    bool json;                   // findings are shown at the end, by who asked for them
    json_t *findings;
    size_t counts[DOCTOR_VERDICTS];
};

// Notes and, unless `json`, prints a finding. `remedy` NULL: there is nothing to do.
// Errors: NO_MEMORY, STORAGE (standard output).
SR_MUST_USE bool doctor_add(struct doctor *doctor, enum doctor_verdict verdict, const char *check,
                            const char *remedy, struct sr_err *err, const char *format, ...)
    SR_PRINTF(6, 7);

// The checks. What they find wrong is a finding; an error is only what keeps them from telling it.
bool doctor_codecs(struct doctor *doctor, struct sr_err *err);
bool doctor_keys(struct doctor *doctor, struct sr_err *err);
bool doctor_port(struct doctor *doctor, struct sr_err *err);
bool doctor_limits(struct doctor *doctor, struct sr_err *err);
// State, temporary files, what is watched, maps, the runs' workspaces.
bool doctor_folders(struct doctor *doctor, struct sr_err *err);
// A folder that is or will be written to: `check` is what it is for.
bool doctor_folder(struct doctor *doctor, const char *check, const char *path, struct sr_err *err);
// "s3://bucket/prefix", "https://host/file", or a folder.
bool doctor_store(struct doctor *doctor, const char *url, struct sr_err *err);
