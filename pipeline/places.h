// pipeline/places.h - where the job's outputs go, under which names they wait, and how they get
// there in one step.
#pragma once

#include "pipeline/job.h"

// Fills job->files with final and temporary names. Needs act_plan. Makes no file.
// Of objects it also opens their places.
// Errors: EXISTS (something is there and `overwrite` is false), INVALID (the input itself, a folder where a file should be, two outputs
// at one place), STORAGE, NO_MEMORY.
SR_MUST_USE bool places_choose(struct job *job, bool overwrite, struct sr_err *err);
// Of the report: "x.report.json" beside the single output, "report.json" in the folder; NULL and
// true: there is none (standard output).
// Errors: EXISTS (a file of somebody else has that name), NO_MEMORY.
SR_MUST_USE bool places_report(const struct job *job, char **ret_path, struct sr_err *err);
// That name, of what has an output but standard output. Errors: NO_MEMORY.
SR_MUST_USE bool places_report_name(const struct manifest *manifest, char **ret_path,
                                    struct sr_err *err);
// Bytes without slashes at the end, but for the root itself.
size_t places_trimmed(const char *path);

// The parent folder of `path`; the caller frees it.
char *places_parent(const char *path, struct sr_err *err);
// rename(2), durable; without `overwrite` it fails with EXISTS when the name has been taken
// meanwhile.
SR_MUST_USE bool places_rename(const char *from, const char *to, bool overwrite,
                               struct sr_err *err);
// Removes a folder of our own and everything in it; one that is not there is fine.
SR_MUST_USE bool places_remove_tree(const char *folder, struct sr_err *err);
