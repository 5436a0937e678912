// pipeline/worker_lease.h - a task that was taken from a server: kept alive by heartbeats, and
// given back with what became of it.
#pragma once

#include "base/cancel.h"
#include "base/jx.h"
#include "base/log.h"
#include "net/sfn_client.h"

enum { WORKER_OUTPUT_MAX = 262144 };  // bytes of a result: Step Functions' own limit

struct worker_lease_params {
    struct sfn_client *client;
    const char *token, *input;  // copied
    const char *activity;       // the name in our table
    int64_t beat_us;            // between heartbeats
    int64_t report_us_max;      // how long a result is offered to a server that does not answer
    const struct sr_clock *clock;
    const struct sr_log *log;
};

struct worker_lease;

// Heartbeats begin at once and end with the lease. One that the server does not know any more sets
// worker_lease_cancel().
// Owns:    the caller frees it.
// Errors:  NO_MEMORY, those of threads. An input that is not JSON is no error here: see below.
// Threads: one at a time.
SR_MUST_USE bool worker_lease_new(const struct worker_lease_params *params,
                                  struct worker_lease **ret_lease, struct sr_err *err);
void worker_lease_free(struct worker_lease *lease);
SR_DEFINE_AUTO(worker_lease, struct worker_lease, worker_lease_free);

const char *worker_lease_activity(const struct worker_lease *lease);
const char *worker_lease_job(const struct worker_lease *lease);  // $.job.id; "": none
const json_t *worker_lease_input(const struct worker_lease *lease);
// {"job", "correlation", "trace_id", "activity", "task"}: texts for each line about it; the first
// three as far as the input has them.
const json_t *worker_lease_fields(const struct worker_lease *lease);
// With these fields. Borrowed.
const struct sr_log *worker_lease_log(const struct worker_lease *lease);
// Set when the lease is lost; whoever wants the task back may set it too. Any thread.
struct sr_cancel *worker_lease_cancel(struct worker_lease *lease);
bool worker_lease_is_lost(const struct worker_lease *lease);

// Fails with INVALID when the input is not JSON, or not an object.
SR_MUST_USE bool worker_lease_check(const struct worker_lease *lease, struct sr_err *err);

// Offers the result until the server has it, has refused it, or `report_us_max` or `stop` end that.
// A lost lease is not offered. Gives whether it counts.
bool worker_lease_succeed(struct worker_lease *lease, const json_t *result,
                          const struct sr_cancel *stop);
bool worker_lease_fail(struct worker_lease *lease, const char *error, const char *cause,
                       const struct sr_cancel *stop);
