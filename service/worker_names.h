// service/worker_names.h - which workers have asked for tasks lately, by the names they give, and
// how many slots they have said they have.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

enum { WORKER_NAMES_MAX = 1000, WORKER_NAME_BYTES = 96 };  // a longer name is cut

struct worker_names;

// Owns: the caller frees *ret_names. Errors: NO_MEMORY, those of a mutex.
SR_MUST_USE bool worker_names_new(struct worker_names **ret_names, struct sr_err *err);
void worker_names_free(struct worker_names *names);
SR_DEFINE_AUTO(worker_names, struct worker_names, worker_names_free);

// `slots`: that encode; 0: it says nothing of them. Where there is no room left it takes that of
// who was silent the longest.
// Threads: any.
void worker_names_add(struct worker_names *names, const char *name, size_t slots, int64_t now_us);
// How many have asked since then. Threads: any.
size_t worker_names_count(struct worker_names *names, int64_t since_us);
// How many slots those have that have asked since then, as they said last: whose slots are all busy
// asks for other tasks only. Threads: any.
size_t worker_names_slots(struct worker_names *names, int64_t since_us);
