// pipeline/objects.h - outputs in an object store: whether their names are free, how they are sent,
// and how they come to be seen.
#pragma once

#include "pipeline/job.h"

// Whether there is an object under an s3:// URL. Errors: as remote_open() and blob_head().
SR_MUST_USE bool objects_exist(const struct job *job, const char *url, bool *ret_there,
                               struct sr_err *err);
// Hash of a whole object. Errors: also NOT_FOUND.
SR_MUST_USE bool objects_hash(const struct job *job, const char *url, char text[SR_SHA256_HEX],
                              struct sr_err *err);
// Opens the output's place; for an HLS output also checks that nobody's objects are in its way.
// Aborts the uploads that a killed run left open under the output's own name.
// Errors: EXISTS, and those of the store.
SR_MUST_USE bool objects_prepare(struct job *job, struct job_file *file, struct sr_err *err);
// Of the report: whether what has its name may be replaced (it is a report). Errors: EXISTS.
SR_MUST_USE bool objects_check_report(const struct job *job, const char *url, struct sr_err *err);

// Joins an MP4 straight into its object: all of it is sent, and nothing can be seen yet. Of a job
// that sends late it is only noted what will be sent.
// Errors: VERIFY (a part is not what its document says), CANCELLED, and those of the store.
SR_MUST_USE bool objects_join(struct job *job, struct job_file *file, struct sr_err *err);
// What act_verify has seen must be what was sent. Errors: VERIFY.
SR_MUST_USE bool objects_check_sent(const struct job_file *file, struct sr_err *err);
// It appears. Errors: EXISTS (the name was taken meanwhile), and those of the store.
SR_MUST_USE bool objects_publish(struct job_file *file, struct sr_err *err);
// Media first, several at once, then the tracks' playlists, then the one that names them all; then
// removes what a longer output of that name has left. Errors: as above, VERIFY.
SR_MUST_USE bool objects_publish_hls(struct job *job, struct job_file *file, struct sr_err *err);
SR_MUST_USE bool objects_publish_report(const struct job *job, const char *url, const char *text,
                                        size_t bytes, struct sr_err *err);
// Aborts what was sent and not published.
void objects_discard(struct job_file *file);
