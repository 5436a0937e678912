// Any calls to the Step Functions API, on a new engine: lines "OPERATION BODY". Each is answered
// once, with a JSON object, and never with an internal failure.
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

enum { CALLS_MAX = 32, STEPS_MAX = 20 };

static char folder[64];

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

static bool on_answer(void *self, const struct states_answer *answer)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *body = NULL;
    ++*(size_t *)self;
    FUZZ_CHECK(jx_parse(answer->body, answer->size, false, &body, &err) && json_is_object(body));
    FUZZ_CHECK(answer->status == 200 || answer->status == 400 ||
               (answer->error && strcmp(answer->error, "ServiceUnavailable") == 0));
    FUZZ_CHECK((answer->status == 200) == !answer->error);
    FUZZ_CHECK(!answer->error ||
               (json_object_get(body, "__type") && json_object_get(body, "message")));
    return true;
}

static void run_calls(struct engine *engine, struct states_api *api, char *text, size_t *answers,
                      size_t *calls)
{
    struct sr_err err = { 0 };
    for (char *line; *calls < CALLS_MAX && (line = strsep(&text, "\n"));) {
        char *body = strchr(line, ' ');
        if (body)
            *body++ = '\0';
        ++*calls;
        states_api_call(api, line, body ? body : "", body ? strlen(body) : 0, on_answer, answers);
        bool more = true;
        for (size_t i = 0; more && i < STEPS_MAX; i++)
            FUZZ_CHECK(engine_step(engine, &more, &err));
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
    size_t answers = 0, calls = 0;
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
    run_calls(engine, api, text, &answers, &calls);
    free(text);
    engine_free(engine);  // answers the long polls
    FUZZ_CHECK(answers == calls);
    states_api_free(api);
    store_close(&store);
    remove_database();
    return 0;
}
