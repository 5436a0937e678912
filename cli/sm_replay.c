// `splitreel sm replay`: what the fold makes of a stored execution, a line of JSON for each input.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/sm.h"
#include "statemachine/engine_replay.h"
#include "statemachine/store_sqlite.h"

// --- which execution ---

struct search {
    const struct store *store;
    const char *name;
    char *arn;  // NULL: not found yet
    size_t count;
};

static bool look_at_execution(void *self, const struct store_execution *execution,
                              struct sr_err *err)
{
    struct search *search = self;
    if (strcmp(execution->name, search->name) != 0)
        return true;
    search->count++;
    if (!search->arn)
        search->arn = sr_str_dup(execution->arn, err);
    return search->arn != NULL;
}

static bool look_into_machine(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct search *search = self;
    return search->store->ops->execution_each(search->store->self, machine->arn, -1, INT64_MAX, 0,
                                              look_at_execution, search, err);
}

static bool find(const struct store *store, const char *said, char **ret_arn, struct sr_err *err)
{
    struct search search = { .store = store, .name = said };
    if (strncmp(said, "arn:", 4) == 0) {
        *ret_arn = sr_str_dup(said, err);
        return *ret_arn != NULL;
    }
    const bool looked =
        store->ops->machine_each(store->self, NULL, look_into_machine, &search, err);
    if (looked && search.count == 1) {
        *ret_arn = search.arn;
        return true;
    }
    free(search.arn);
    if (!looked)
        return false;
    return search.count ? sr_fail(err, SR_ERR_INVALID,
                                  "%zu executions have the name %.80s: say which by its ARN",
                                  search.count, said)
                        : sr_fail(err, SR_ERR_NOT_FOUND, "no execution %.80s", said);
}

// --- a line for each input ---

static const char *command_name(enum asl_command_kind kind)
{
    static const char *const names[] = {
        [ASL_COMMAND_TASK] = "task",
        [ASL_COMMAND_TASK_CANCEL] = "cancel-task",
        [ASL_COMMAND_TIMER] = "timer",
        [ASL_COMMAND_TIMER_CANCEL] = "cancel-timer",
        [ASL_COMMAND_READ_ITEMS] = "read-items",
        [ASL_COMMAND_WRITE_RESULTS] = "write-results",
        [ASL_COMMAND_CONTINUE] = "continue",
        [ASL_COMMAND_END] = "end",
        [ASL_COMMAND_MAP_RUN] = "map-run",
        [ASL_COMMAND_CHILD] = "child",
    };
    return names[kind];
}

static bool add_time(json_t *to, const char *key, int64_t wall_us, struct sr_err *err)
{
    char text[25];
    sr_clock_format(wall_us, text);
    return jx_put(to, key, json_string(text), err);
}

static bool add_command(json_t *commands, const struct asl_command *command, struct sr_err *err)
{
    sr_auto(json) json_t *json =
        json_pack("{s:s, s:I, s:s*}", "kind", command_name(command->kind), "op",
                  (json_int_t)command->op, "state", command->state ? command->state->name : NULL);
    if (!jx_made(json, err))
        return false;
    if (command->kind == ASL_COMMAND_TIMER && !add_time(json, "at", command->at_us, err))
        return false;
    if (command->kind == ASL_COMMAND_END &&
        !jx_put(json, "status", json_string(asl_status_name(command->status)), err))
        return false;
    if (command->payload && !jx_put(json, "payload", json_incref(command->payload), err))
        return false;
    return jx_append(commands, sr_take(json), err);
}

static bool add_event(json_t *events, const struct asl_event *event, struct sr_err *err)
{
    json_t *json = NULL;
    if (!asl_event_to_client(event, true, &json, err))
        return false;
    if (event->child && !jx_put(json, "child", json_integer((json_int_t)event->child), err)) {
        json_decref(json);
        return false;
    }
    return jx_append(events, json, err);
}

static bool show_step(void *self, const struct engine_replay_step *step, struct sr_err *err)
{
    const struct asl_effects *effects = step->effects;
    sr_auto(json) json_t *events = json_array(), *commands = json_array(), *input = NULL;
    (void)self;
    if (!jx_made(events, err) || !jx_made(commands, err) ||
        !asl_input_to_json(step->input, &input, err))
        return false;
    for (size_t i = 0; i < effects->event_count; i++) {
        if (!add_event(events, &effects->events[i], err))
            return false;
    }
    for (size_t i = 0; i < effects->command_count; i++) {
        if (!add_command(commands, &effects->commands[i], err))
            return false;
    }
    sr_auto(json) json_t *line = json_pack("{s:I}", "entry", (json_int_t)step->seq);
    return jx_made(line, err) && add_time(line, "time", step->input->now_us, err) &&
           jx_put(line, "input", sr_take(input), err) &&
           jx_put(line, "events", sr_take(events), err) &&
           jx_put(line, "commands", sr_take(commands), err) &&
           jx_put(line, "status", json_string(asl_status_name(step->status)), err) &&
           jx_put(line, "threads", json_integer((json_int_t)step->thread_count), err) &&
           jx_put(line, "same", json_boolean(step->same), err) && sm_print(line, false, err);
}

static bool show_sum(const char *arn, const struct engine_replay_result *result, struct sr_err *err)
{
    sr_auto(json) json_t *line =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "execution", arn, "status",
                  asl_status_name(result->status), "stored_status", asl_status_name(result->stored),
                  "entries", (json_int_t)result->entry_count, "events",
                  (json_int_t)result->event_count, "differing_entries",
                  (json_int_t)result->differing, "history", result->valid ? "valid" : result->why);
    return jx_made(line, err) && sm_print(line, false, err);
}

static bool open_state(const char *said, struct store *ret_store, struct sr_err *err)
{
    if (!said)
        return sr_fail(err, SR_ERR_INVALID, "sm replay: wants --state DIR");
    sr_auto(char) char *path = sm_database(said, err);
    return path && store_sqlite_open_reader(path, ret_store, err);
}

bool sm_replay(const struct cli *cli, const struct sm_words *words, int *ret_status,
               struct sr_err *err)
{
    sr_auto(store) struct store store = { 0 };
    sr_auto(char) char *arn = NULL;
    struct engine_replay_result result = { 0 };
    (void)cli;
    (void)ret_status;
    if (!open_state(words->value[SM_STATE], &store, err) ||
        !find(&store, words->operand, &arn, err) ||
        !engine_replay(&store, arn, show_step, NULL, &result, err) || !show_sum(arn, &result, err))
        return false;
    if (!result.valid)
        return sr_fail(err, SR_ERR_VERIFY, "the stored history is none: %s", result.why);
    if (result.differing || result.status != result.stored)
        return sr_fail(err, SR_ERR_VERIFY, "the stored history is not what the inputs give");
    return true;
}
