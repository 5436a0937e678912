#include "tests/flows.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "base/io.h"
#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"
#include "statemachine/engine_replay.h"
#include "statemachine/store_sqlite.h"

#define WALL_US 1767225600000000
#define PREFIX FLOWS_PREFIX
#define ACTIVITY FLOWS_ACTIVITY
#define ADD "'Type':'Task','Resource':'arn:aws:lambda:eu:1:function:add'"
#define WORK                                                                                       \
    "'Type':'Task','Resource':'" ACTIVITY                                                          \
    "','HeartbeatSeconds':4,'Retry':[{'ErrorEquals':['States.ALL'],'IntervalSeconds':1,"           \
    "'BackoffRate':1,'MaxAttempts':99}]"
#define ONE(body) "{'StartAt':'A','States':{'A':{" body ",'End':true}}}"

// What each is at when the process dies, at least at some moment.
const struct flow flows_table[FLOWS_COUNT] = {
    { "handler", ONE(ADD), "1" },
    { "activity", ONE(WORK), "2" },
    { "wait",
      "{'StartAt':'W','States':{'W':{'Type':'Wait','Seconds':5,'Next':'A'},'A':{" ADD
      ",'End':true}}}",
      "3" },
    { "map",
      ONE("'Type':'Map','MaxConcurrency':2,'ItemProcessor':{'StartAt':'M','States':{'M':{" ADD
          ",'Next':'N'},'N':{'Type':'Wait','Seconds':1,'End':true}}}"),
      "[1,2,3,4,5]" },
    { "parallel",
      ONE("'Type':'Parallel','Branches':[{'StartAt':'P','States':{'P':{'Type':'Wait','Seconds':3,'Next':"
          "'Q'},'Q':{'Type':'Pass','Result':'q','End':true}}},{'StartAt':'R','States':{'R':{" WORK
          ",'End':true}}},{'StartAt':'S','States':{'S':{" ADD ",'End':true}}}]"),
      "7" },
    { "retry",
      ONE(ADD
          ",'Parameters':{'fails.$':'$','tries.$':'$$.State.RetryCount'},'Retry':[{'ErrorEquals':['E'],"
          "'IntervalSeconds':2,'MaxAttempts':9,'BackoffRate':1}]"),
      "3" },
    { "callback",
      ONE("'Type':'Task','Resource':'arn:aws:states:::sqs:sendMessage.waitForTaskToken','Parameters':{"
          "'token.$':'$$.Task.Token'}"),
      "{}" },
    { "child",
      ONE("'Type':'Task','Resource':'arn:aws:states:::states:startExecution.sync:2','Parameters':{"
          "'StateMachineArn':'" PREFIX
          ":stateMachine:wait','Input.$':'$'},'ResultSelector':{'s.$':'$.Status',"
          "'o.$':'$.Output'}"),
      "20" },
    { "caught",
      "{'StartAt':'A','States':{'A':{" ADD
      ",'Parameters':{'fails':99},'Catch':[{'ErrorEquals':['E'],"
      "'ResultPath':'$.e','Next':'B'}],'Next':'C'},'B':{'Type':'Wait','Seconds':2,'Next':'C'},"
      "'C':{'Type':'Choice','Choices':[{'Variable':'$.e.Error','StringEquals':'E','Next':'D'}],'Default':'F'},"
      "'D':{'Type':'Succeed','OutputPath':'$.e.Error'},'F':{'Type':'Fail'}}}",
      "{}" },
    { "fails",
      "{'StartAt':'A','States':{'A':{'Type':'Parallel','Branches':[{'StartAt':'P','States':{'P':{'Type':'Wait',"
      "'Seconds':300,'End':true}}},{'StartAt':'R','States':{'R':{'Type':'Wait','Seconds':2,'Next':'F'},'F':{"
      "'Type':'Fail','Error':'Enough'}}}],'End':true}}}",
      "{}" },
    { "distributed",
      ONE("'Type':'Map','ItemProcessor':{'ProcessorConfig':{'Mode':'DISTRIBUTED','ExecutionType':'STANDARD'},"
          "'StartAt':'M','States':{'M':{" ADD ",'End':true}}}"),
      "[10,20,30]" },
};

static struct flows *the_flows;  // of the store's functions, whose `self` is the inner store's

static char *quoted(const char *text)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    sr_test_quotes(copy);
    return copy;
}

// --- the outside's memory: a line for each thing it knows ---

static void note(const struct flows *flows, const char *kind, const char *what)
{
    char line[512];
    const int bytes = snprintf(line, sizeof line, "%s %s\n", kind, what);
    assert_true(bytes > 0 && (size_t)bytes < sizeof line);
    assert_int_equal(write(flows->outside_fd, line, (size_t)bytes), bytes);
}

// Calls `fn` with what is behind each line's `kind`.
static void each_note(const struct flows *flows, const char *kind,
                      void (*fn)(struct flows *flows, void *self, const char *what), void *self)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    size_t bytes;
    const size_t kind_bytes = strlen(kind);
    sr_assert_ok(sr_file_load(flows->outside, 16 << 20, &text, &bytes, &err), err);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        if (strncmp(line, kind, kind_bytes) == 0 && line[kind_bytes] == ' ')
            fn((struct flows *)(uintptr_t)flows, self, line + kind_bytes + 1);
    }
}

struct looking {
    const char *for_this;
    size_t count;
};
static void look(struct flows *flows, void *self, const char *what)
{
    struct looking *looking = self;
    (void)flows;
    looking->count += !looking->for_this || strcmp(what, looking->for_this) == 0;
}

static bool knows(const struct flows *flows, const char *kind, const char *what)
{
    struct looking looking = { .for_this = what };
    each_note(flows, kind, look, &looking);
    return looking.count > 0;
}

size_t flows_acknowledged(const struct flows *flows)
{
    struct looking looking = { 0 };
    each_note(flows, "started", look, &looking);
    return looking.count;
}

// --- the store: dies at a commit ---

static bool store_begin(void *self, struct sr_err *err)
{
    if (!the_flows->inner.ops->begin(self, err))
        return false;
    the_flows->depth++;
    return true;
}

static void store_rollback(void *self)
{
    the_flows->inner.ops->rollback(self);
    the_flows->depth--;
}

static bool store_commit(void *self, struct sr_err *err)
{
    const bool outermost = the_flows->depth == 1;
    the_flows->commits += outermost;
    if (outermost && the_flows->commits == the_flows->kill.before)
        (void)raise(SIGKILL);
    if (!the_flows->inner.ops->commit(self, err))
        return false;
    the_flows->depth--;
    if (outermost && the_flows->commits == the_flows->kill.after)
        (void)raise(SIGKILL);
    return true;
}

// --- handlers ---

// Answered in the next second: the task is out meanwhile.
static bool add(void *self, const struct engine_task *task, struct sr_err *err)
{
    struct flows *flows = the_flows;
    (void)self;
    (void)err;
    assert_true(flows->pending_count < FLOWS_PENDING_MAX);
    flows->pending[flows->pending_count] = task->ref;
    flows->payloads[flows->pending_count] = strdup(task->payload);
    assert_non_null(flows->payloads[flows->pending_count++]);
    return true;
}

bool flows_add(const char *payload, char result[32])
{
    json_error_t error;
    sr_auto(json) json_t *value = json_loads(payload, JSON_DECODE_ANY, &error);
    assert_non_null(value);
    const json_int_t fails = json_integer_value(json_object_get(value, "fails")),
                     tries = json_integer_value(json_object_get(value, "tries"));
    if (json_is_object(value)) {
        (void)strcpy(result, "\"tried\"");
        return tries >= fails;
    }
    (void)snprintf(result, 32, "%lld", (long long)json_integer_value(value) + 1);
    return true;
}

static void answer_one(struct flows *flows, struct engine_ref ref, const char *payload)
{
    struct sr_err err = { 0 };
    char text[32];
    if (!flows_add(payload, text))
        sr_assert_ok(engine_answer_failed(flows->engine, ref, "E", "not yet", &err), err);
    else
        sr_assert_ok(engine_answer(flows->engine, ref, text, &err), err);
}

static void answer_handlers(struct flows *flows)
{
    const size_t count = flows->pending_count;
    flows->pending_count = 0;
    for (size_t i = 0; i < count; i++) {
        answer_one(flows, flows->pending[i], flows->payloads[i]);
        free(flows->payloads[i]);
    }
}

static bool hand_over(void *self, const struct engine_task *task, struct sr_err *err)
{
    (void)self;
    note(the_flows, "token", task->token);
    return engine_answer(the_flows->engine, task->ref, "{}", err);
}

static const struct engine_resource resources[] = {
    { "arn:aws:lambda:eu:1:function:add", add, NULL, NULL },
    { "arn:aws:states:::sqs:*", hand_over, NULL, NULL },
};

// --- the worker ---

static bool on_task(void *self, const struct engine_task *task)
{
    struct flows *flows = self;
    flows->worker_asks = false;
    if (!task)
        return true;
    flows->worker_token = strdup(task->token);
    flows->worker_payload = strdup(task->payload);
    return flows->worker_token && flows->worker_payload;
}

static void on_reply(void *self, const struct engine_reply *reply)
{
    struct flows *flows = self;
    const enum sr_err_code code = reply->err.code;
    if (reply->done || code == SR_ERR_NOT_FOUND || code == SR_ERR_CANCELLED)
        return;  // a task that timed out, or was answered before a crash
    flows->refused++;
    flows->refusal = reply->err;
}

static void ask(struct flows *flows, struct engine_request request)
{
    struct sr_err err = { 0 };
    request.reply = request.reply ? request.reply : on_reply;
    request.self = request.self ? request.self : flows;
    sr_assert_ok(engine_ask(flows->engine, &request, &err), err);
}

// What is refused is not answered.
static void on_poll(void *self, const struct engine_reply *reply)
{
    struct flows *flows = self;
    flows->worker_asks = flows->worker_asks && reply->done;
    on_reply(flows, reply);
}

static void work(struct flows *flows)
{
    if (flows->worker_token) {
        ask(flows, (struct engine_request){ .kind = ENGINE_SUCCEED,
                                            .token = flows->worker_token,
                                            .text = flows->worker_payload });
        free(sr_take(flows->worker_token));
        free(sr_take(flows->worker_payload));
    }
    if (flows->worker_asks)
        return;
    flows->worker_asks = true;
    ask(flows, (struct engine_request){
                   .kind = ENGINE_POLL,
                   .arn = ACTIVITY,
                   .reply = on_poll,
                   .poll = { .until_us = INT64_MAX, .answer = on_task, .self = flows } });
}

static void call_back(struct flows *flows, void *self, const char *token)
{
    (void)self;
    ask(flows, (struct engine_request){
                   .kind = ENGINE_SUCCEED, .token = token, .text = "\"called back\"" });
}

// --- the client ---

struct starting {
    struct flows *flows;
    const char *name;
    const char *kind;
};

static void on_done(void *self, const struct engine_reply *reply)
{
    struct starting *starting = self;
    struct flows *flows = starting->flows;
    // It was started, ended, and the process died before it could say so.
    const bool was_there = !reply->done && reply->err.code == SR_ERR_CONFLICT;
    if (reply->done || was_there)
        note(flows, starting->kind, starting->name);
    else
        on_reply(flows, reply);
    free(starting);
}

static struct starting *starting_new(struct flows *flows, const char *kind, const char *name)
{
    struct starting *starting = malloc(sizeof *starting);
    assert_non_null(starting);
    *starting = (struct starting){ flows, name, kind };
    return starting;
}

static void start_missing(struct flows *flows)
{
    for (size_t i = 0; i < FLOWS_COUNT; i++) {
        const char *name = flows_table[i].name;
        if (knows(flows, "started", name))
            continue;
        sr_auto(char) char *definition = quoted(flows_table[i].definition);
        char arn[128];
        snprintf(arn, sizeof arn, PREFIX ":stateMachine:%s", name);
        if (!knows(flows, "created", name))
            ask(flows, (struct engine_request){ .kind = ENGINE_PUT_MACHINE,
                                                .name = name,
                                                .text = definition,
                                                .reply = on_done,
                                                .self = starting_new(flows, "created", name) });
        ask(flows, (struct engine_request){ .kind = ENGINE_START,
                                            .arn = arn,
                                            .name = "e",
                                            .text = flows_table[i].input,
                                            .reply = on_done,
                                            .self = starting_new(flows, "started", name) });
    }
}

// --- opening, time, the end ---

void flows_make(struct flows *flows)
{
    *flows = (struct flows){ .outside_fd = -1 };
    // In memory where there is such a place: a killed process loses nothing of it either, and
    // syncing is quick.
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(flows->folder, sizeof flows->folder, "%s/splitreel-flows-XXXXXX", place);
    assert_non_null(mkdtemp(flows->folder));
    snprintf(flows->database, sizeof flows->database, "%s/engine.db", flows->folder);
    snprintf(flows->outside, sizeof flows->outside, "%s/outside", flows->folder);
}

void flows_remove(struct flows *flows)
{
    char command[128];
    assert_non_null(strstr(flows->folder, "/splitreel-flows-"));
    snprintf(command, sizeof command, "rm -rf -- '%s'", flows->folder);
    assert_int_equal(system(command), 0);
}

static void latest(struct flows *flows, void *self, const char *what)
{
    int64_t *wall_us = self;
    (void)flows;
    *wall_us = strtoll(what, NULL, 10);
}

static void note_time(const struct flows *flows)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, sr_clock_wall_us(&flows->clock.clock));
    note(flows, "clock", text);
}

static bool open_store(struct flows *flows)
{
    if (!store_sqlite_open(flows->database, &flows->inner, &flows->failure))
        return false;
    flows->ops = *flows->inner.ops;
    flows->ops.begin = store_begin;
    flows->ops.commit = store_commit;
    flows->ops.rollback = store_rollback;
    flows->depth = 0;
    flows->commits = 0;
    flows->store = (struct store){ &flows->ops, flows->inner.self };
    return true;
}

bool flows_open(struct flows *flows, int64_t away_us)
{
    int64_t wall_us = WALL_US;
    flows->failure = (struct sr_err){ 0 };
    flows->outside_fd = open(flows->outside, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(flows->outside_fd >= 0);
    each_note(flows, "clock", latest, &wall_us);
    sr_clock_fake_init(&flows->clock, wall_us + away_us);
    note_time(flows);
    the_flows = flows;
    const struct engine_params params = { .store = &flows->store,
                                          .clock = &flows->clock.clock,
                                          .resources = resources,
                                          .resource_count = SR_TEST_COUNT(resources),
                                          .arn_prefix = PREFIX,
                                          .token_key = "secret",
                                          .seed = 3,
                                          .cache_max = 4,
                                          .batch_max = 1 };
    if (open_store(flows) && engine_new(&params, &flows->engine, &flows->failure))
        return true;
    flows_close(flows);
    return false;
}

void flows_close(struct flows *flows)
{
    engine_free(sr_take(flows->engine));
    store_close(&flows->store);
    (void)close(flows->outside_fd);  // each line is written by then
    for (size_t i = 0; i < flows->pending_count; i++)
        free(flows->payloads[i]);
    flows->pending_count = 0;
    free(sr_take(flows->worker_token));
    free(sr_take(flows->worker_payload));
    flows->worker_asks = false;
}

static bool settle(struct flows *flows)
{
    for (bool more = true; more;) {
        struct sr_err err = { 0 };
        if (!engine_step(flows->engine, &more, &err)) {
            flows->failure = err;
            return false;
        }
    }
    return true;
}

void flows_second(struct flows *flows)
{
    flows->failure = (struct sr_err){ 0 };
    start_missing(flows);
    answer_handlers(flows);
    work(flows);
    each_note(flows, "token", call_back, NULL);
    if (!settle(flows))
        return;
    sr_clock_fake_advance(&flows->clock, 1000000);
    note_time(flows);
    (void)settle(flows);  // `failure` tells
}

static bool read_end(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct flows_end *end = self;
    (void)err;
    end->status = execution->status;
    end->output = strdup(execution->output ? execution->output : "");
    end->error = strdup(execution->error ? execution->error : "");
    return end->output && end->error;
}

void flows_ends(struct flows *flows, struct flows_end ends[FLOWS_COUNT])
{
    for (size_t i = 0; i < FLOWS_COUNT; i++) {
        struct sr_err ignored = { 0 };
        char arn[128];
        snprintf(arn, sizeof arn, PREFIX ":execution:%s:e", flows_table[i].name);
        ends[i] = (struct flows_end){ 0 };
        // What is not there stays without an output.
        sr_ignore(
            flows->store.ops->execution_get(flows->store.self, arn, read_end, &ends[i], &ignored));
    }
}

void flows_ends_done(struct flows_end ends[FLOWS_COUNT])
{
    for (size_t i = 0; i < FLOWS_COUNT; i++) {
        free(ends[i].output);
        free(ends[i].error);
    }
}

bool flows_ended(struct flows *flows)
{
    struct flows_end ends[FLOWS_COUNT];
    bool ended = true;
    flows_ends(flows, ends);
    for (size_t i = 0; i < FLOWS_COUNT; i++)
        ended = ended && ends[i].output && ends[i].status != ASL_RUNNING;
    flows_ends_done(ends);
    return ended && flows_acknowledged(flows) == FLOWS_COUNT;
}

bool flows_play(struct flows *flows)
{
    for (size_t second = 0; second < FLOWS_SECONDS_MAX; second++) {
        if (flows_ended(flows))
            return true;
        flows_second(flows);
        if (flows->failure.code != SR_OK)
            return false;
    }
    return false;
}

// --- what must hold ---

static void check_there(struct flows *flows, void *self, const char *name)
{
    struct flows_end *ends = self;
    (void)flows;
    for (size_t i = 0; i < FLOWS_COUNT; i++) {
        if (strcmp(flows_table[i].name, name) == 0 && !ends[i].output)
            fail_msg("%s was acknowledged and is not there", name);
    }
}

void flows_check_acknowledged(struct flows *flows)
{
    struct flows_end ends[FLOWS_COUNT];
    flows_ends(flows, ends);
    each_note(flows, "started", check_there, ends);
    flows_ends_done(ends);
}

static bool check_history(void *self, const struct store_execution *execution, struct sr_err *err)
{
    struct flows *flows = self;
    struct engine_replay_result result = { 0 };
    if (!engine_replay(&flows->store, execution->arn, NULL, NULL, &result, err))
        return false;
    if (!result.valid)
        fail_msg("%s: %s", execution->arn, result.why);
    if (result.differing || result.status != result.stored)
        fail_msg("%s: its inputs give something else", execution->arn);
    return true;
}

static bool check_machine(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct flows *flows = self;
    return flows->store.ops->execution_each(flows->store.self, machine->arn, -1, INT64_MAX, 0,
                                            check_history, flows, err);
}

void flows_check_histories(struct flows *flows)
{
    struct sr_err err = { 0 };
    sr_assert_ok(
        flows->store.ops->machine_each(flows->store.self, NULL, check_machine, flows, &err), err);
}

void flows_check_same(const struct flows_end want[FLOWS_COUNT],
                      const struct flows_end got[FLOWS_COUNT], const char *what)
{
    for (size_t i = 0; i < FLOWS_COUNT; i++) {
        if (!got[i].output || want[i].status != got[i].status ||
            strcmp(want[i].output, got[i].output) != 0 || strcmp(want[i].error, got[i].error) != 0)
            fail_msg(
                "%s: %s: %s %s %s, undisturbed %s %s %s", what, flows_table[i].name,
                asl_status_name((enum asl_status)got[i].status),
                got[i].output ? got[i].output : "(not there)", got[i].error ? got[i].error : "",
                asl_status_name((enum asl_status)want[i].status), want[i].output, want[i].error);
    }
}
