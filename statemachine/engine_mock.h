// statemachine/engine_mock.h - task results from a document instead of from whoever runs tasks.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "statemachine/asl_def.h"
#include "statemachine/engine.h"

struct engine_mock;

// `document` is an object: name of a Task state -> array of results, each {"output": ANYTHING},
// {"error": TEXT, "cause": TEXT} or {"pending": true} (never answered: its time-out decides), and
// with "input" only for a task with just that payload. A task takes the first result that fits and
// was not taken; when all were, the last of them again. Of a Map with an ItemReader: what that
// finds (an array); then what its ResultWriter answers. NULL: no results. `def` is borrowed for the
// mock's life, `document` too.
// Errors: INVALID with the path of what is wrong: a name that is no such state, a result that the service
//         cannot give (asl_mock.h).
SR_MUST_USE bool engine_mock_new(const json_t *document, const struct asl_def *def,
                                 struct engine_mock **ret_mock, struct sr_err *err);
// After the engine. Takes NULL.
void engine_mock_free(struct engine_mock *mock);
SR_DEFINE_AUTO(engine_mock, struct engine_mock, engine_mock_free);

// A row for the end of the engine's table: it fits every resource.
struct engine_resource engine_mock_resource(struct engine_mock *mock);
// Before the engine's first round: whom to answer; asks for the tasks of every activity that the
// definition names.
SR_MUST_USE bool engine_mock_attach(struct engine_mock *mock, struct engine *engine,
                                    struct sr_err *err);
// False when a task came that it has no result for, or answering one failed.
// Errors: INVALID naming the state, LIMIT, NO_MEMORY.
SR_MUST_USE bool engine_mock_check(const struct engine_mock *mock, struct sr_err *err);
