// pipeline/composed.h - MP4s of "layout": "composed": a head, and whole runs of fragments of the
// workspace's parts, which a store can copy by itself.
#pragma once

#include "pipeline/job.h"
#include "pipeline/joined.h"

// A run is at least so long if its part is: what a store copies.
enum { COMPOSED_PIECE_BYTES = 5 << 20 };

// Puts it together from the parts' documents; no sample is read.
// Owns: the caller frees *ret_joined. Errors: VERIFY, STORAGE, NO_MEMORY.
SR_MUST_USE bool composed_list(struct job *job, const struct job_file *file,
                               struct joined **ret_joined, struct sr_err *err);
// Makes the object of file->joined. Where the parts are in the same bucket the store copies them,
// but for the head and what is shorter than a piece; else, and where it cannot, they are sent: the
// same bytes. Adds to file->copied_bytes and file->sent_bytes.
// Any other file->joined is sent.
// Errors: EXISTS (the name was taken meanwhile), VERIFY, and those of the store.
SR_MUST_USE bool composed_publish(struct job *job, struct job_file *file, struct sr_err *err);
