// service/problem.h - refusals as documents: for people and scripts, and in AWS's form for its
// clients.
#pragma once

#include "base/auto.h"
#include "service/server.h"

// A problem document (RFC 9457). `allow`: the methods of a 405, else NULL. False: as
// server_answer(). `aws_type`: also gives the members "__type" and "message", which AWS's clients
// read; NULL: none.
SR_MUST_USE bool problem_answer(struct server_call *call, int status, const char *detail,
                                const char *aws_type, const char *allow);
// The same with the place in the document that is at fault, "$.jobs[2].input"; NULL: none.
SR_MUST_USE bool problem_answer_at(struct server_call *call, int status, const char *detail,
                                   const char *path);
// AWS JSON 1.0: {"__type": ..., "message": ...}.
SR_MUST_USE bool problem_answer_aws(struct server_call *call, int status, const char *type,
                                    const char *message);
