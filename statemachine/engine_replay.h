// statemachine/engine_replay.h - what the fold makes of an execution's log, input by input; changes
// nothing.
#pragma once

#include "statemachine/asl_exec.h"
#include "statemachine/store.h"

// One entry of the log, applied again; borrowed for the call.
struct engine_replay_step {
    int64_t seq;
    const struct asl_input *input;
    const struct asl_effects *effects;  // what the fold does with it now
    const json_t *events;               // what it did then, as the store has them
    bool same;                          // whether both agree
    enum asl_status status;             // after it
    size_t thread_count;
};
typedef bool (*engine_replay_fn)(void *self, const struct engine_replay_step *step,
                                 struct sr_err *err);

struct engine_replay_result {
    enum asl_status stored;  // what the store says
    enum asl_status status;  // what the fold comes to
    uint64_t entry_count, event_count;
    uint64_t differing;  // entries whose events are others than then
    bool valid;          // whether the stored events make a history (asl_audit.h)
    char why[256];       // if not
};

// Calls `fn` (NULL: nobody) for each entry. Task tokens are left out of the comparison: they are
// made with the engine's secret.
// Errors: NOT_FOUND (no such execution), STORAGE (a gap in the log), INVALID (an entry that is none), NO_MEMORY.
SR_MUST_USE bool engine_replay(const struct store *store, const char *arn, engine_replay_fn fn,
                               void *self, struct engine_replay_result *ret_result,
                               struct sr_err *err);
