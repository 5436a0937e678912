// What the engine itself costs, on disk: CPU and wall time of chains, maps, starts and activities.
//
//   engine NEW-FILE [chains] [chain] [map] [starts] [activities]     all of them when none is named
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "statemachine/engine.h"
#include "statemachine/store_sqlite.h"

#define ACTIVITY "arn:aws:states:eu:1:activity:a"

enum {
    CHAIN = 5000,
    CHAINS = 10,
    MAP_ITEMS = 10000,
    STARTS = 20000,
    TASKS = 33600,
    WORKERS = 1000
};

struct bench {
    struct engine *engine;
    size_t failed;
    char **tokens;
    size_t token_count, finished;
    int64_t wall_us;
    clock_t cpu;
};

static void must(bool done, const struct sr_err *err)
{
    if (done)
        return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void on_reply(void *self, const struct engine_reply *reply)
{
    struct bench *bench = self;
    bench->failed += !reply->done;
}

static void ask(struct bench *bench, struct engine_request request)
{
    struct sr_err err = { 0 };
    request.reply = on_reply;
    request.self = bench;
    must(engine_ask(bench->engine, &request, &err), &err);
}

static void settle(struct bench *bench)
{
    struct sr_err err = { 0 };
    for (bool more = true; more;)
        must(engine_step(bench->engine, &more, &err), &err);
}

static void put(struct bench *bench, const char *name, const char *definition)
{
    ask(bench,
        (struct engine_request){ .kind = ENGINE_PUT_MACHINE, .name = name, .text = definition });
    settle(bench);
}

static void start(struct bench *bench, const char *machine, const char *input)
{
    char arn[100];
    snprintf(arn, sizeof arn, "arn:aws:states:eu:1:stateMachine:%s", machine);
    ask(bench, (struct engine_request){ .kind = ENGINE_START, .arn = arn, .text = input });
}

static void begin(struct bench *bench)
{
    bench->wall_us = sr_clock_monotonic_us(sr_clock_system());
    bench->cpu = clock();
}

static void end(struct bench *bench, const char *what, double count)
{
    const double wall_s =
        (double)(sr_clock_monotonic_us(sr_clock_system()) - bench->wall_us) * 1e-6;
    const double cpu_s = (double)(clock() - bench->cpu) / CLOCKS_PER_SEC;
    printf("| %s | %.0f | %.2f | %.2f | %.0f | %.0f |\n", what, count, wall_s, cpu_s,
           count / wall_s, count / cpu_s);
}

static char *numbers(size_t count)
{
    struct sr_err err = { 0 };
    struct sr_str text = { 0 };
    for (size_t i = 0; i < count; i++)
        must(sr_str_addf(&text, &err, "%s%zu", i ? "," : "[", i), &err);
    must(sr_str_add(&text, "]", &err), &err);
    return sr_str_take(&text);
}

static void put_chain(struct bench *bench)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    must(sr_str_add(&text, "{\"StartAt\":\"S0\",\"States\":{", &err), &err);
    for (size_t i = 0; i < CHAIN; i++)
        must(sr_str_addf(&text, &err, "\"S%zu\":{\"Type\":\"Pass\",\"Next\":\"S%zu\"},", i, i + 1),
             &err);
    must(sr_str_addf(&text, &err, "\"S%d\":{\"Type\":\"Succeed\"}}}", CHAIN), &err);
    put(bench, "chain", text.text);
}

static void chains(struct bench *bench)
{
    put_chain(bench);
    begin(bench);
    for (size_t i = 0; i < CHAINS; i++)
        start(bench, "chain", "{\"a\":1}");
    settle(bench);
    end(bench, "Pass transitions, ten executions at once", CHAIN * CHAINS);
}

static void chain(struct bench *bench)
{
    put_chain(bench);
    begin(bench);
    for (size_t i = 0; i < CHAINS; i++) {
        start(bench, "chain", "{\"a\":1}");
        settle(bench);
    }
    end(bench, "Pass transitions, one execution after the other", CHAIN * CHAINS);
}

#define MAP(state)                                                                                 \
    "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true,\"ItemProcessor\":{"      \
    "\"StartAt\":\"P\",\"States\":{\"P\":" state "}}}}}"

static void map(struct bench *bench)
{
    sr_auto(char) char *input = numbers(MAP_ITEMS);
    put(bench, "map", MAP("{\"Type\":\"Pass\",\"End\":true}"));
    begin(bench);
    start(bench, "map", input);
    settle(bench);
    end(bench, "items of one inline Map", MAP_ITEMS);
}

static void starts(struct bench *bench)
{
    put(bench, "one", "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}");
    begin(bench);
    for (size_t i = 0; i < STARTS; i++)
        start(bench, "one", "{}");
    settle(bench);
    end(bench, "executions started and ended", STARTS);
}

static bool on_task(void *self, const struct engine_task *task)
{
    struct bench *bench = self;
    if (task)
        bench->tokens[bench->token_count++] = strdup(task->token);
    return true;
}

static void activities(struct bench *bench)
{
    sr_auto(char) char *input = numbers(TASKS);
    bench->tokens = calloc(TASKS, sizeof(char *));
    put(bench, "tasks",
        MAP("{\"Type\":\"Task\",\"Resource\":\"" ACTIVITY
            "\",\"HeartbeatSeconds\":60,\"End\":true}"));
    begin(bench);
    start(bench, "tasks", input);
    settle(bench);
    while (bench->finished < TASKS) {
        for (size_t i = 0; i < WORKERS; i++)
            ask(bench, (struct engine_request){ .kind = ENGINE_POLL,
                                                .arn = ACTIVITY,
                                                .poll = { .worker = "w",
                                                          .until_us = INT64_MAX,
                                                          .answer = on_task,
                                                          .self = bench } });
        settle(bench);
        for (; bench->finished < bench->token_count; bench->finished++) {
            ask(bench, (struct engine_request){ .kind = ENGINE_SUCCEED,
                                                .token = bench->tokens[bench->finished],
                                                .text = "1" });
            free(bench->tokens[bench->finished]);
        }
        settle(bench);
    }
    end(bench, "activity tasks through 1,000 workers", TASKS);
    free(bench->tokens);
}

static const struct phase {
    const char *name;
    void (*run)(struct bench *bench);
} phases[] = { { "chains", chains },
               { "chain", chain },
               { "map", map },
               { "starts", starts },
               { "activities", activities } };

static bool is_wanted(const char *name, int argc, char **argv)
{
    bool wanted = argc == 2;
    for (int i = 2; i < argc; i++)
        wanted = wanted || strcmp(argv[i], name) == 0;
    return wanted;
}

int main(int argc, char **argv)
{
    struct sr_err err = { 0 };
    struct store store;
    struct bench bench = { 0 };
    if (argc < 2) {
        fprintf(stderr, "usage: engine NEW-FILE [chains] [chain] [map] [starts] [activities]\n");
        return 2;
    }
    must(store_sqlite_open(argv[1], &store, &err), &err);
    const struct engine_params params = { .store = &store,
                                          .clock = sr_clock_system(),
                                          .arn_prefix = "arn:aws:states:eu:1",
                                          .token_key = "key",
                                          .batch_max = 2000 };
    must(engine_new(&params, &bench.engine, &err), &err);
    printf(
        "| what | count | wall s | CPU s | per wall s | per CPU s |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        if (is_wanted(phases[i].name, argc, argv))
            phases[i].run(&bench);
    }
    engine_free(bench.engine);
    store_close(&store);
    return bench.failed ? 1 : 0;
}
