// api.jsonl: sequences of calls recorded against AWS, run against the Step Functions API with an
// engine in a folder of its own and a clock that only the test moves.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/states_api.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"
#include "tests/conformance.h"

enum { STEPS_MAX = 20000, BINDINGS_MAX = 64 };

// What a placeholder of the recording stands for, once it was seen.
struct binding {
    char *name, *value;
};

struct world {
    char folder[32], path[64];
    struct sr_clock_fake clock;
    struct store store;
    struct engine *engine;
    struct states_api *api;
    json_t *arns;  // invented ARN of an execution -> the one that was returned
    struct binding bindings[BINDINGS_MAX];
    size_t bound;
    // the answer
    bool answered;
    int status;
    json_t *body;
};

static bool open_world(struct world *world, struct sr_err *err)
{
    *world = (struct world){ .folder = "/tmp/conformance-XXXXXX", .arns = json_object() };
    if (!mkdtemp(world->folder))
        return sr_fail(err, SR_ERR_STORAGE, "a folder");
    sr_ignore(sr_format(world->path, sizeof world->path, "%s/engine.db", world->folder));
    sr_clock_fake_init(&world->clock, 1767225600000000);
    if (!store_sqlite_open(world->path, &world->store, err))
        return false;
    return engine_new(
               &(struct engine_params){ .store = &world->store,
                                        .clock = &world->clock.clock,
                                        .arn_prefix = "arn:aws:states:us-east-1:111111111111",
                                        .token_key = "key",
                                        .seed = 1 },
               &world->engine, err) &&
           states_api_new(&(struct states_api_params){ .engine = world->engine,
                                                       .database = world->path,
                                                       .clock = &world->clock.clock,
                                                       .region = "us-east-1",
                                                       .account = "111111111111" },
                          &world->api, err);
}

static void close_world(struct world *world)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    engine_free(world->engine);
    states_api_free(world->api);
    store_close(&world->store);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[80];
        if (sr_format(path, sizeof path, "%s%s", world->path, ends[i]))
            (void)unlink(path);  // not all of them are there
    }
    (void)rmdir(world->folder);
    for (size_t i = 0; i < world->bound; i++) {
        free(world->bindings[i].name);
        free(world->bindings[i].value);
    }
    json_decref(world->arns);
    json_decref(world->body);
}

static bool on_answer(void *self, const struct states_answer *answer)
{
    struct world *world = self;
    struct sr_err err = { 0 };
    world->answered = true;
    world->status = answer->status;
    json_decref(world->body);
    world->body = NULL;
    return jx_parse(answer->body, answer->size, false, &world->body, &err);
}

// Until nothing is left to do; time moves to what is due, at most to the moment when nothing ever
// is.
static bool drain(struct world *world, struct sr_err *err)
{
    bool more = true;
    for (size_t i = 0; i < STEPS_MAX; i++) {
        if (!engine_step(world->engine, &more, err))
            return false;
        if (more)
            continue;
        const int64_t next_us = engine_next_us(world->engine);
        const int64_t now_us = sr_clock_wall_us(&world->clock.clock);
        if (next_us == INT64_MAX)
            return true;
        sr_clock_fake_advance(&world->clock, next_us > now_us ? next_us - now_us : 0);
    }
    return sr_fail(err, SR_ERR_LIMIT, "it does not come to rest");
}

static bool call(struct world *world, const char *op, const json_t *request, struct sr_err *err)
{
    char *text = json_dumps(request, JSON_COMPACT);
    world->answered = false;
    states_api_call(world->api, op, text, strlen(text), on_answer, world);
    free(text);
    if (!drain(world, err))
        return false;
    return world->answered || sr_fail(err, SR_ERR_INTERNAL, "%s was not answered", op);
}

// --- comparing ---

// How much of `text` is a placeholder; 0: none. Those in angle brackets, and names that tests gave
// to ARNs.
static size_t placeholder(const char *text)
{
    static const char *const words[] = {
        "invalid_execution_arn",    "sm_nonexistent_arn", "state_machine_alias_base_name-",
        "state_machine_alias_name", "activity_arn",       "activity_name",
        "lambda_function_name",     "snf_role_arn",       "sfn_role_arn",
    };
    if (*text == '<') {
        const char *end = strchr(text, '>');
        return end ? (size_t)(end - text) + 1 : 0;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t bytes = strlen(words[i]);
        if (strncmp(text, words[i], bytes) == 0)
            return bytes + strspn(text + bytes, "_0123456789t");
    }
    return 0;
}

static bool match(struct world *world, const char *want, const char *got);

// The placeholder stands for the same text wherever it is.
static bool match_bound(struct world *world, const char *want, size_t bytes, const char *got)
{
    for (size_t i = 0; i < world->bound; i++) {
        const char *value = world->bindings[i].value;
        if (strncmp(world->bindings[i].name, want, bytes) == 0 && !world->bindings[i].name[bytes])
            return strncmp(got, value, strlen(value)) == 0 &&
                   match(world, want + bytes, got + strlen(value));
    }
    if (world->bound == BINDINGS_MAX)
        return false;
    for (size_t taken = 1; taken <= strlen(got); taken++) {
        const size_t bound = world->bound;
        world->bindings[world->bound++] =
            (struct binding){ strndup(want, bytes), strndup(got, taken) };
        if (match(world, want + bytes, got + taken))
            return true;
        while (world->bound > bound) {
            world->bound--;
            free(world->bindings[world->bound].name);
            free(world->bindings[world->bound].value);
        }
    }
    return false;
}

static bool match(struct world *world, const char *want, const char *got)
{
    while (*want) {
        const size_t bytes = placeholder(want);
        if (bytes)
            return match_bound(world, want, bytes, got);
        if (*want++ != *got++)
            return false;
    }
    return *got == '\0';
}

static bool is_moment(const json_t *want)
{
    static const char *const words[] = { "datetime", "timestamp", "creation-date", "date" };
    const char *text = json_string_value(want);
    for (size_t i = 0; text && i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

// What the recordings lack because AWS did not have it yet, or what depends on how fast a machine
// is.
static bool may_be_extra(const char *key)
{
    return strcmp(key, "encryptionConfiguration") == 0;
}

static bool equal(struct world *world, const json_t *want, const json_t *got);

static bool equal_objects(struct world *world, const json_t *want, const json_t *got)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)want, key, value)
    {
        json_t *other = json_object_get(got, key);
        if (!other)
            return false;
        if (strcmp(key, "billingDetails") != 0 && !equal(world, value, other))
            return false;
    }
    json_object_foreach((json_t *)(uintptr_t)got, key, value)
    {
        if (!json_object_get(want, key) && !may_be_extra(key))
            return false;
    }
    return true;
}

static bool equal(struct world *world, const json_t *want, const json_t *got)
{
    if (is_moment(want))
        return json_is_number(got) || json_is_string(got);
    if (json_is_object(want) && json_is_object(got))
        return equal_objects(world, want, got);
    if (json_is_array(want) && json_is_array(got)) {
        bool same = json_array_size(want) == json_array_size(got);
        for (size_t i = 0; same && i < json_array_size(want); i++)
            same = equal(world, json_array_get(want, i), json_array_get(got, i));
        return same;
    }
    const char *text = json_string_value(want);
    if (text && json_is_string(got) && strlen(text) == json_string_length(want))
        return match(world, text, json_string_value(got));
    return conformance_equal(want, got, NULL, "");
}

// Texts that are JSON objects become objects: the recordings have them parsed.
static json_t *parsed(const json_t *value)
{
    struct sr_err err = { 0 };
    const char *key, *text = json_string_value(value);
    json_t *member, *copy;
    size_t i;
    if (json_is_object(value)) {
        copy = json_object();
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            (void)json_object_set_new(copy, key, parsed(member));
        }
        return copy;
    }
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, i, member)
        {
            (void)json_array_append_new(copy, parsed(member));
        }
        return copy;
    }
    sr_auto(json) json_t *inner = NULL;
    if (text && *text == '{' && jx_parse(text, strlen(text), false, &inner, &err))
        return parsed(inner);
    return json_deep_copy(value);
}

// --- one step ---

static const char *answered_code(const struct world *world)
{
    const char *type = json_string_value(json_object_get(world->body, "__type"));
    const char *hash = type ? strchr(type, '#') : NULL;
    return hash ? hash + 1 : type ? type : "none";
}

// The messages that begin like this are the recorder's own (Python), not AWS's.
static bool is_foreign(const char *message)
{
    return message && strncmp(message, "Error=ValueError Args=", 22) == 0;
}

static bool refused_as(struct world *world, const json_t *want, struct sr_str *why)
{
    const char *code = json_string_value(json_object_get(want, "Code"));
    json_t *message = json_object_get(want, "Message"),
           *got = json_object_get(world->body, "message");
    if (world->status == 200)
        conformance_say(why, "; an answer, want the error %s", code ? code : "(any)");
    else if (code && strcmp(code, answered_code(world)) != 0)
        conformance_say(why, "; %s '%s', want %s", answered_code(world), json_string_value(got),
                        code);
    else if (message && !is_foreign(json_string_value(message)) && !equal(world, message, got))
        conformance_say(why, "; '%s', want '%s'", json_string_value(got),
                        json_string_value(message));
    else
        return true;
    return false;
}

// "An error occurred (Code) when calling ...": a client's text; without a code the client refused.
static json_t *error_of(const char *text)
{
    const char *open = strstr(text, "An error occurred ("),
               *close = open ? strchr(open, ')') : NULL;
    if (!close)
        return json_object();
    open += 19;
    return json_pack("{s:s%}", "Code", open, (size_t)(close - open));
}

static bool answered_as(struct world *world, const json_t *step, struct sr_str *why)
{
    const json_t *expect = json_object_get(step, "expect");
    const json_t *error = json_object_get(step, "expect_error");
    const char *text = json_string_value(json_object_get(step, "expect_exception_text"));
    sr_auto(json) json_t *made = text ? error_of(text) : NULL;
    if (error || made)
        return refused_as(world, error ? error : made, why);
    if (!expect)
        return true;
    if (world->status != 200) {
        conformance_say(why, "; %s '%s'", answered_code(world),
                        json_string_value(json_object_get(world->body, "message")));
        return false;
    }
    sr_auto(json) json_t *want = parsed(expect), *got = parsed(world->body);
    if (equal(world, want, got))
        return true;
    conformance_say_json(why, "want", want);
    conformance_say_json(why, "got", got);
    return false;
}

// The recording's invented ARNs of executions become the real ones.
static json_t *with_arns(const struct world *world, const json_t *request)
{
    json_t *copy = json_deep_copy(request), *value;
    const char *key;
    void *next;
    json_object_foreach_safe(copy, next, key, value)
    {
        const char *text = json_string_value(value);
        json_t *real = text ? json_object_get(world->arns, text) : NULL;
        if (real)
            (void)json_object_set(copy, key, real);
    }
    return copy;
}

// The repacked recording has one role for all; what the next description shows tells them apart.
static void set_role(json_t *request, const json_t *next)
{
    const char *op = json_string_value(json_object_get(next, "op"));
    const char *shown =
        json_string_value(json_object_get(json_object_get(next, "expect"), "roleArn"));
    if (op && strcmp(op, "DescribeStateMachine") == 0 && shown &&
        json_object_get(request, "roleArn"))
        (void)json_object_set_new(request, "roleArn",
                                  json_sprintf("arn:aws:iam::111111111111:role/%s", shown));
}

static bool run_step(struct world *world, const json_t *step, const json_t *next,
                     struct sr_str *why)
{
    struct sr_err err = { 0 };
    const char *op = json_string_value(json_object_get(step, "op"));
    const char *invented = json_string_value(json_object_get(step, "bind_executionArn"));
    sr_auto(json) json_t *request = with_arns(world, json_object_get(step, "request"));
    set_role(request, next);
    if (!call(world, op, request, &err)) {
        conformance_say(why, "%s: %s", op, err.message);
        return false;
    }
    json_t *arn = json_object_get(world->body, "executionArn");
    if (invented && arn)
        (void)json_object_set(world->arns, invented, arn);
    sr_auto(sr_str) struct sr_str how = { 0 };
    if (answered_as(world, step, &how))
        return true;
    conformance_say(why, "%s%s", op, sr_str_text(&how));
    return false;
}

// JSONata is not there yet; what a Lambda function answered was not recorded.
static bool is_left_out(const json_t *steps)
{
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step)
    {
        json_t *definition = json_object_get(json_object_get(step, "request"), "definition");
        const char *text = json_string_value(definition);
        const char *op = json_string_value(json_object_get(step, "op"));
        if (text && strstr(text, "\"JSONata\""))
            return true;
        if (text && strstr(text, ":lambda:") && json_array_size(steps) > i + 1 &&
            strcmp(op, "CreateStateMachine") == 0 &&
            strcmp(json_string_value(json_object_get(json_array_get(steps, i + 1), "op")),
                   "StartSyncExecution") == 0)
            return true;
    }
    return false;
}

static enum conformance_result run_api(const json_t *item, struct sr_str *why)
{
    struct sr_err err = { 0 };
    struct world world;
    const json_t *steps = json_object_get(item, "steps");
    size_t i;
    json_t *step;
    if (is_left_out(steps))
        return CONFORMANCE_SKIP;
    bool good = open_world(&world, &err);
    if (!good)
        conformance_say(why, "%s", err.message);
    json_array_foreach(steps, i, step)
    {
        good = good && run_step(&world, step, json_array_get(steps, i + 1), why);
    }
    close_world(&world);
    return good ? CONFORMANCE_PASS : CONFORMANCE_FAIL;
}

const struct conformance_file conformance_api = { "api.jsonl", "id", run_api };
