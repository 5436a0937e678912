// pipeline/publish_note.h - what a job was about to publish: so that after a crash amid publishing,
// its own output does not stand in its way.
#pragma once

#include "pipeline/job.h"

// Written before the first rename. Needs act_verify. Errors: STORAGE, NO_MEMORY.
SR_MUST_USE bool publish_note_write(struct job *job, struct sr_err *err);
// After all is published. What cannot be removed is logged: then the next run may only replace the
// same bytes by themselves.
void publish_note_remove(struct job *job);
// Whether what is at `final` was published by this very job, not yet finished: the note names it,
// the plan is the same, and the file's bytes are those of the note (of HLS, which is many files,
// the name is enough). Errors: NO_MEMORY; what cannot be read is a no.
SR_MUST_USE bool publish_note_allows(const struct job *job, const char *final, bool is_hls,
                                     bool *ret_allows, struct sr_err *err);
