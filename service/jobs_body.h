// service/jobs_body.h - the manifests in the body of a request: one, {"jobs": [...]}, or JSON
// Lines.
#pragma once

#include "service/jobs.h"

enum jobs_body_kind { JOBS_BODY_JSON, JOBS_BODY_LINES, JOBS_BODY_NONE };

struct jobs_body {
    struct job_submit *items;
    size_t count;
    bool is_many;  // also of a list of one
};
void jobs_body_done(struct jobs_body *body);
SR_DEFINE_AUTO_VALUE(jobs_body, struct jobs_body, jobs_body_done);

// What a Content-Type says, parameters aside; NULL, or another: NONE.
enum jobs_body_kind jobs_body_kind(const char *content_type);
// Every item begins as a copy of `common`. `ret` begins as all zero; it borrows `body`, which ends
// with a NUL that `size` does not count.
// Errors: INVALID with the place (none, or more than JOBS_MANY_MAX), TOO_LARGE, NO_MEMORY.
SR_MUST_USE bool jobs_body_read(struct jobs_body *ret, enum jobs_body_kind kind,
                                const struct job_submit *common, const char *body, size_t size,
                                struct sr_err *err);
