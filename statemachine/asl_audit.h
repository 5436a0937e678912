// statemachine/asl_audit.h - whether events make a history that an execution can have: judged from
// the events alone, not by the fold.
#pragma once

#include "statemachine/asl_event.h"
#include "statemachine/asl_exec.h"

struct asl_audit;

SR_MUST_USE bool asl_audit_new(struct asl_audit **ret_audit, struct sr_err *err);
void asl_audit_free(struct asl_audit *audit);
SR_DEFINE_AUTO(asl_audit, struct asl_audit, asl_audit_free);

// The next event, in the order in which they were written. What is looked at: ids without a gap,
// one start, nothing after the end but a redrive, a task that is scheduled before it is started,
// started before it is answered and answered once, a state that is entered before it is left, and
// nothing that goes on in two ways where a flow does not fork. Not times: a machine's clock may be
// set back.
// Errors: VERIFY naming the event, NO_MEMORY.
SR_MUST_USE bool asl_audit_event(struct asl_audit *audit, const struct asl_event *event,
                                 struct sr_err *err);
// There are no more, and this is what the execution is said to be. Errors: VERIFY.
SR_MUST_USE bool asl_audit_end(const struct asl_audit *audit, enum asl_status status,
                               struct sr_err *err);
// Events seen so far, those of child executions of distributed maps too.
uint64_t asl_audit_count(const struct asl_audit *audit);
