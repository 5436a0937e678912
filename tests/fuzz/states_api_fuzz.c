// Any calls to the Step Functions API, on a new engine: lines "OPERATION BODY". Each is answered
// once, with a JSON object, and never with an internal failure.
//
// What only the service knows is written as a name: %T is the task token that was given last, %N the
// page's token, %M a map run's ARN, %E an execution's. "Sleep 9" lets seconds pass.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/jx.h"
#include "base/str.h"
#include "service/states_api.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "states_api";

enum { CALLS_MAX = 32, LINES_MAX = 64, STEPS_MAX = 20 };

static char folder[64];

// What the answers of one input gave so far.
static const struct given {
    const char *name, *list, *key;  // list NULL: the answer itself has the key
} givens[] = {
    { "%T", NULL, "taskToken" },
    { "%N", NULL, "nextToken" },
    { "%M", "mapRuns", "mapRunArn" },
    { "%E", "executions", "executionArn" },
};
enum { GIVENS = sizeof givens / sizeof *givens };

struct talk {
    size_t calls, answers;
    char *given[GIVENS];
};

static void remove_database(void)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/e.db%s", folder, ends[i]);
        (void)unlink(path);  // not all of them are there
    }
}

static void remove_folder(void)
{
    remove_database();
    (void)rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    // In memory where there is such a place: nothing here needs to last.
    snprintf(folder, sizeof folder, "%s/splitreel-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    FUZZ_CHECK(mkdtemp(folder));
    return atexit(remove_folder);
}

static void note_given(struct talk *talk, const json_t *body)
{
    for (size_t i = 0; i < GIVENS; i++) {
        const json_t *from =
            givens[i].list ? json_array_get(json_object_get(body, givens[i].list), 0) : body;
        const char *text = json_string_value(json_object_get(from, givens[i].key));
        if (!text)
            continue;
        free(talk->given[i]);
        talk->given[i] = strdup(text);
        FUZZ_CHECK(talk->given[i]);
    }
}

static bool on_answer(void *self, const struct states_answer *answer)
{
    struct talk *talk = self;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *body = NULL;
    talk->answers++;
    FUZZ_CHECK(jx_parse(answer->body, answer->size, false, &body, &err) && json_is_object(body));
    FUZZ_CHECK(answer->status == 200 || answer->status == 400 ||
               (answer->error && strcmp(answer->error, "ServiceUnavailable") == 0));
    FUZZ_CHECK((answer->status == 200) == !answer->error);
    FUZZ_CHECK(!answer->error ||
               (json_object_get(body, "__type") && json_object_get(body, "message")));
    note_given(talk, body);
    return true;
}

// The body with what has a name in its place.
static char *write_body(const struct talk *talk, const char *text)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str body = { 0 };
    while (*text) {
        const char *value = NULL;
        for (size_t i = 0; i < GIVENS && *text == '%'; i++) {
            if (strncmp(text, givens[i].name, 2) == 0)
                value = talk->given[i];
        }
        FUZZ_CHECK(value ? sr_str_add(&body, value, &err) : sr_str_add_bytes(&body, text, 1, &err));
        text += value ? 2 : 1;
    }
    return body.bytes ? sr_str_take(&body) : strdup("");
}

static void work(struct engine *engine)
{
    struct sr_err err = { 0 };
    bool more = true;
    for (size_t i = 0; more && i < STEPS_MAX; i++)
        FUZZ_CHECK(engine_step(engine, &more, &err));
}

static void run_calls(struct engine *engine, struct states_api *api, struct sr_clock_fake *clock,
                      char *text, struct talk *talk)
{
    size_t lines = 0;
    for (char *line; talk->calls < CALLS_MAX && lines++ < LINES_MAX && (line = strsep(&text, "\n"));) {
        char *rest = strchr(line, ' ');
        if (rest)
            *rest++ = '\0';
        if (strcmp(line, "Sleep") == 0) {
            sr_clock_fake_advance(clock, (rest ? atoi(rest) & 0xffff : 0) * INT64_C(1000000));
            work(engine);
            continue;
        }
        char *body = write_body(talk, rest ? rest : "");
        talk->calls++;
        states_api_call(api, line, body, strlen(body), on_answer, talk);
        free(body);
        work(engine);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sr_err err = { 0 };
    struct sr_clock_fake clock;
    struct store store = { 0 };
    struct engine *engine = NULL;
    struct states_api *api = NULL;
    char path[96];
    struct talk talk = { 0 };
    snprintf(path, sizeof path, "%s/e.db", folder);
    sr_clock_fake_init(&clock, 1767225600000000);
    const struct engine_params params = { .store = &store,
                                          .clock = &clock.clock,
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "key",
                                          .seed = 1 };
    FUZZ_CHECK(store_sqlite_open(path, &store, &err) && engine_new(&params, &engine, &err));
    const struct states_api_params api_params = { engine, path, &clock.clock, "eu", "1" };
    FUZZ_CHECK(states_api_new(&api_params, &api, &err));
    char *text = strndup((const char *)data, bytes);
    run_calls(engine, api, &clock, text, &talk);
    free(text);
    engine_free(engine);  // answers the long polls
    FUZZ_CHECK(talk.answers == talk.calls);
    for (size_t i = 0; i < GIVENS; i++)
        free(talk.given[i]);
    states_api_free(api);
    store_close(&store);
    remove_database();
    return 0;
}
