#include "statemachine/engine_mock.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "statemachine/asl_mock.h"

struct activity {
    struct activity *next;
    struct engine_mock *mock;
    const char *arn;
};

struct engine_mock {
    const json_t *document;
    const struct asl_def *def;
    struct engine *engine;
    json_t
        *used;  // name of a state -> object, whose keys are the places of results that were taken
    struct activity *activities;
    struct sr_err err;  // the first thing that went wrong
    bool failed;
};

// --- the document ---

// Calls `fn` with every state of a flow and below it; false stops.
typedef bool (*state_fn)(void *self, const struct asl_state *state, struct sr_err *err);
static bool each_state(const struct asl_flow *flow, state_fn fn, void *self, struct sr_err *err)
{
    for (size_t i = 0; i < flow->count; i++) {
        const struct asl_state *state = &flow->states[i];
        if (!fn(self, state, err))
            return false;
        if (state->type == ASL_MAP && !each_state(state->map.processor, fn, self, err))
            return false;
        for (size_t b = 0; state->type == ASL_PARALLEL && b < state->parallel.count; b++) {
            if (!each_state(state->parallel.branches[b], fn, self, err))
                return false;
        }
    }
    return true;
}

static bool takes_results(const struct asl_state *state)
{
    return state->type == ASL_TASK ||
           (state->type == ASL_MAP && (state->map.reader || state->map.writer));
}

struct names {
    size_t count, room;
    const char **items;  // ends with NULL
};
static void names_done(struct names *names)
{
    free(names->items);
}
SR_DEFINE_AUTO_VALUE(names, struct names, names_done);

static bool add_name(void *self, const struct asl_state *state, struct sr_err *err)
{
    struct names *names = self;
    if (!takes_results(state))
        return true;
    if (names->count + 1 >= names->room) {
        const size_t room = names->room ? names->room * 2 : 16;
        const char **items = realloc(names->items, room * sizeof *items);
        if (!items)
            return sr_fail(err, SR_ERR_NO_MEMORY, "names");
        names->items = items;
        names->room = room;
    }
    names->items[names->count++] = state->name;
    names->items[names->count] = NULL;
    return true;
}

static bool refuse_name(const struct engine_mock *mock, const struct jx *at, struct sr_err *err)
{
    sr_auto(names) struct names names = { 0 };
    if (!each_state(mock->def->flow, add_name, &names, err))
        return false;
    const char *near = names.items ? jx_nearest(at->key, names.items) : NULL;
    return near ? jx_fail(at, err, "no such Task state; the nearest is \"%s\"", near)
                : jx_fail(at, err, "no such Task state");
}

static bool check_result(const struct jx *at, const struct asl_state *state, struct sr_err *err)
{
    static const char *const known[] = { "input", "output", "error", "cause", "pending", NULL };
    const char *text;
    bool pending = false;
    if (!json_is_object(at->value))
        return jx_fail(at, err, "want an object with output, error or pending");
    if (!jx_only(at, known, err) || !jx_bool_opt(at, "pending", &pending, err) ||
        !jx_text_opt(at, "error", &text, err) || !jx_text_opt(at, "cause", &text, err))
        return false;
    const bool fails = jx_has(at, "error") || jx_has(at, "cause");
    if (jx_has(at, "output") + fails + pending != 1)
        return jx_fail(at, err, "want one of output, error or pending");
    sr_auto(char) char *reason = NULL;
    const json_t *output = json_object_get(at->value, "output");
    if (output && state->type == ASL_TASK &&
        !asl_mock_fits(&state->task.resource, output, ASL_MOCK_PRESENT, &reason))
        return jx_fail(at, err, "%s", reason ? reason : "out of memory");
    return true;
}

static bool check_document(const struct engine_mock *mock, struct sr_err *err)
{
    const struct jx root = jx_root(mock->document);
    const char *name;
    json_t *unused;
    if (!mock->document)
        return true;
    if (!json_is_object(mock->document))
        return jx_fail(&root, err, "want an object: name of a state -> array of results");
    json_object_foreach((json_t *)(uintptr_t)mock->document, name, unused)
    {
        const struct jx at = jx_get(&root, name);
        const struct asl_state *state = asl_flow_find_deep(mock->def->flow, name);
        struct jx results;
        if (!state || !takes_results(state))
            return refuse_name(mock, &at, err);
        if (!jx_array(&root, name, &results, err))
            return false;
        for (size_t i = 0; i < json_array_size(results.value); i++) {
            const struct jx result = jx_at(&results, i);
            if (!check_result(&result, state, err))
                return false;
        }
    }
    return true;
}

bool engine_mock_new(const json_t *document, const struct asl_def *def,
                     struct engine_mock **ret_mock, struct sr_err *err)
{
    sr_auto(engine_mock) struct engine_mock *mock = calloc(1, sizeof *mock);
    if (!mock)
        return sr_fail(err, SR_ERR_NO_MEMORY, "task results");
    mock->document = document;
    mock->def = def;
    mock->used = json_object();
    if (!jx_made(mock->used, err) || !check_document(mock, err))
        return false;
    *ret_mock = sr_take(mock);
    return true;
}

void engine_mock_free(struct engine_mock *mock)
{
    if (!mock)
        return;
    for (struct activity *activity; (activity = mock->activities);) {
        mock->activities = activity->next;
        free(activity);
    }
    json_decref(mock->used);
    free(mock);
}

bool engine_mock_check(const struct engine_mock *mock, struct sr_err *err)
{
    if (mock->failed)
        *err = mock->err;
    return !mock->failed;
}

// --- answering ---

// Marks a result as taken; *ret_fresh tells whether it was not.
static bool take(struct engine_mock *mock, const char *name, size_t place, bool *ret_fresh,
                 struct sr_err *err)
{
    char key[24];
    json_t *taken = json_object_get(mock->used, name);
    if (!taken) {
        taken = json_object();
        if (!jx_put(mock->used, name, taken, err))
            return false;
    }
    sr_ignore(sr_format(key, sizeof key, "%zu", place));  // any number fits
    *ret_fresh = !json_object_get(taken, key);
    return !*ret_fresh || jx_put(taken, key, json_true(), err);
}

// *ret_result: NULL when there is none.
static bool choose(struct engine_mock *mock, const char *name, const char *payload,
                   const json_t **ret_result, struct sr_err *err)
{
    const json_t *results = json_object_get(mock->document, name);
    sr_auto(json) json_t *value = NULL;
    *ret_result = NULL;
    if (!jx_parse(payload, strlen(payload), false, &value, err))
        return false;
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *result = json_array_get(results, i);
        const json_t *input = json_object_get(result, "input");
        bool fresh;
        if (input && !json_equal(input, value))
            continue;
        *ret_result = result;
        if (!take(mock, name, i, &fresh, err))
            return false;
        if (fresh)
            return true;
    }
    return true;
}

static bool answer(struct engine_mock *mock, const struct engine_task *task, const json_t *result,
                   bool by_token, struct sr_err *err)
{
    const json_t *output = json_object_get(result, "output");
    sr_auto(char) char *text = NULL;
    if (output && !jx_dump(output, false, &text, err))
        return false;
    struct engine_request request = {
        .kind = ENGINE_ANSWER,
        .ref = task->ref,
        .failed = !output,
        .text = text,
        .error = json_string_value(json_object_get(result, "error")),
        .cause = json_string_value(json_object_get(result, "cause")),
    };
    if (by_token) {
        request.kind = output ? ENGINE_SUCCEED : ENGINE_FAIL;
        request.token = task->token;
    }
    return engine_ask(mock->engine, &request, err);
}

static bool handle(struct engine_mock *mock, const struct engine_task *task, struct sr_err *err)
{
    const char *name = NULL;
    const json_t *result = NULL;
    if (!engine_task_state(mock->engine, task->ref, &name, err))
        return false;
    if (!name)
        return true;  // it was cancelled meanwhile
    if (!choose(mock, name, task->payload, &result, err))
        return false;
    if (!result && json_object_get(mock->document, name))
        return sr_fail(err, SR_ERR_INVALID, "state \"%s\": no result has this input: %.120s", name,
                       task->payload);
    if (!result)
        return sr_fail(err, SR_ERR_INVALID, "state \"%s\": there is no result for its task (%.80s)",
                       name, task->resource);
    const struct asl_state *state = asl_flow_find_deep(mock->def->flow, name);
    const bool callback =
        state->type == ASL_TASK && state->task.resource.pattern == ASL_PATTERN_TOKEN;
    if (callback && !engine_answer(mock->engine, task->ref, "{}", err))
        return false;
    return json_is_true(json_object_get(result, "pending")) ||
           answer(mock, task, result, callback || task->kind == STORE_TASK_ACTIVITY, err);
}

static void note(struct engine_mock *mock, const struct sr_err *err)
{
    if (!mock->failed)
        mock->err = *err;
    mock->failed = true;
}

static bool start(void *self, const struct engine_task *task, struct sr_err *err)
{
    struct engine_mock *mock = self;
    if (!handle(mock, task, err))
        note(mock, err);
    return true;  // who runs the engine looks at engine_mock_check()
}

struct engine_resource engine_mock_resource(struct engine_mock *mock)
{
    return (struct engine_resource){ .pattern = "*", .start = start, .self = mock };
}

// --- activities ---

static bool on_task(void *self, const struct engine_task *task);

static bool poll(struct activity *activity, struct sr_err *err)
{
    return engine_ask(activity->mock->engine,
                      &(struct engine_request){
                          .kind = ENGINE_POLL,
                          .arn = activity->arn,
                          .poll = { .until_us = INT64_MAX, .answer = on_task, .self = activity } },
                      err);
}

static bool on_task(void *self, const struct engine_task *task)
{
    struct activity *activity = self;
    struct sr_err err = { 0 };
    if (task && (!handle(activity->mock, task, &err) || !poll(activity, &err)))
        note(activity->mock, &err);
    return true;
}

static bool ask_for(void *self, const struct asl_state *state, struct sr_err *err)
{
    struct engine_mock *mock = self;
    if (state->type != ASL_TASK || state->task.resource.kind != ASL_TASK_ACTIVITY)
        return true;
    for (const struct activity *other = mock->activities; other; other = other->next) {
        if (strcmp(other->arn, state->task.resource.arn) == 0)
            return true;
    }
    struct activity *activity = calloc(1, sizeof *activity);
    if (!activity)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an activity");
    *activity = (struct activity){ mock->activities, mock, state->task.resource.arn };
    mock->activities = activity;
    return poll(activity, err);
}

bool engine_mock_attach(struct engine_mock *mock, struct engine *engine, struct sr_err *err)
{
    mock->engine = engine;
    return each_state(mock->def->flow, ask_for, mock, err);
}
