// cli/batch_job.h - one source of a batch as a job of a service, followed to its end.
#pragma once

#include "cli/batch_work.h"

// A job's key is a digest of its manifest, of the source's version, and of when a batch made the
// output last: the same again, from here or elsewhere, by a batch that was killed or is begun anew,
// is the same job, which is followed; one that has failed is tried again there. Only when its
// output has been removed it is made by another job. Borrows *works. Its functions fail with what
// keeps the service from being asked: NETWORK, BUSY, NO_MEMORY ...; what the service says of one
// source is that source's end.
// Threads: one for each source that is being done; it has a connection of its own.
struct batch_way batch_jobs_way(const struct batch_works *works);
// Whether the service can be asked at all. Errors: as above, DENIED.
SR_MUST_USE bool batch_jobs_check(const struct batch_works *works, struct sr_err *err);
