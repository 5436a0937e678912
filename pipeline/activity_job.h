// pipeline/activity_job.h - a job as its activities have it open: from the documents in its
// workspace, or once for all slots of a process.
#pragma once

#include <stdatomic.h>

#include "pipeline/activity.h"
#include "pipeline/correlation.h"
#include "pipeline/job.h"
#include "pipeline/report.h"

enum { ACTIVITY_ID_MAX = 64, ACTIVITY_SLOTS_MAX = 10000 };

// What a task's "job" says; the texts are the document's.
struct activity_ref {
    const char *id, *workspace, *manifest;
    const char *manifest_sha256;  // of its bytes; NULL: not said
    bool overwrite, strict;
    bool own_parts;  // in a store: no other job meets them
    size_t slots;    // that are there for it; 0: nobody knows
};
// Errors: INVALID. Threads: pure; any thread.
SR_MUST_USE bool activity_ref_read(const struct jx *at, struct activity_ref *ret,
                                   struct sr_err *err);
// The manifest that it names, from what its workspace has under that name: processes of jobs may
// have written there.
// Owns:   *ret_manifest is the caller's, for manifest_free().
// Errors: INVALID, DENIED (it is another one).
SR_MUST_USE bool activity_ref_manifest(const struct activity_ref *ref, const char *text,
                                       size_t bytes, struct manifest **ret_manifest,
                                       struct sr_err *err);

// Fields with a step beside them are filled by it. Between probe and plan, and from verify on, one
// activity at a time; segments, tracks and outputs may be worked on at once, each by one.
struct activity_job {
    char id[ACTIVITY_ID_MAX + 1];
    char correlation[CORRELATION_BYTES_MAX + 1];  // "": none was given
    char traceparent[TRACEPARENT_BYTES + 1];      // "": none
    const struct manifest *manifest;
    struct remote *remote;
    struct workspace *workspace;
    struct sr_budget *budget;  // NULL: no limit
    const struct sr_cancel *cancel;
    const struct sr_log *log;
    bool overwrite, strict;
    bool is_shared;        // by the slots of a process: nobody else works on the job
    int pipe_fd;           // for an output "-"; -1: there is none
    uint64_t shuffle;      // 0: the list of segments has the heaviest first
    size_t slots;          // that are there for it; 0: nobody knows
    struct job *job;       // probe; NULL before
    bool is_probed;        // probe
    bool is_planned;       // plan
    bool is_placed;        // plan; places_choose() and the report's place
    atomic_bool is_sound;  // join: counts and times of all parts are what the plan says
    bool is_verified;      // verify
    char *report_path;     // plan; NULL: none
    struct report report;  // verify; also of a job that did not pass
    bool owns;             // all that is borrowed above is the job's own
};

// Fills `correlation` and `traceparent`: those of `ref` (NULL: none), else the manifest's.
// Errors: INVALID (they are none).
SR_MUST_USE bool activity_job_correlate(struct activity_job *open, const struct jx *ref,
                                        struct sr_err *err);
// Opens what a task's "job" names. Nothing is read but the manifest.
// Owns:    *ret_open is the caller's, for activity_job_free().
// Errors:  INVALID, NOT_FOUND (no manifest), those of workspaces and stores.
SR_MUST_USE bool activity_job_open(const struct activity_env *env, const struct jx *at,
                                   struct activity_job **ret_open, struct sr_err *err);
void activity_job_free(struct activity_job *open);
SR_DEFINE_AUTO(activity_job, struct activity_job, activity_job_free);
// Of a shared one, on its owner's stack: what its steps have made.
void activity_job_done(struct activity_job *open);

// Opens the source and looks at it; the documents are written. Errors: as act_probe().
SR_MUST_USE bool activity_job_probe(struct activity_job *open, json_t **ret_result,
                                    struct sr_err *err);
// Errors: as act_plan(), places_choose(); INPUT: the source is damaged and that is refused.
SR_MUST_USE bool activity_job_plan(struct activity_job *open, json_t **ret_result,
                                   struct sr_err *err);
// The plan as it is in the workspace: made again from the source, and the same.
// Errors: NOT_FOUND (there is no plan), CONFLICT (the source, or the encoder's build, is another).
SR_MUST_USE bool activity_job_need_plan(struct activity_job *open, struct sr_err *err);
// Also the outputs' places, and every part's document.
// Errors: also EXISTS, CONFLICT (a part is missing).
SR_MUST_USE bool activity_job_need_parts(struct activity_job *open, struct sr_err *err);
// Whether counts and times of all parts are what the plan says. Errors: VERIFY, INPUT (--strict).
SR_MUST_USE bool activity_job_check(struct activity_job *open, struct sr_err *err);
// Joined, if it is not, and looked at. Errors: VERIFY.
SR_MUST_USE bool activity_job_verify(struct activity_job *open, struct sr_err *err);
// Errors: as act_publish(). What failed can be tried again.
SR_MUST_USE bool activity_job_publish(struct activity_job *open, size_t *ret_count,
                                      struct sr_err *err);
// Removes what joining has made under other names, and aborts uploads; parts stay.
SR_MUST_USE bool activity_job_clean(struct activity_job *open, struct sr_err *err);
