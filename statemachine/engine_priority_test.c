// Which task a worker gets: urgent jobs' first, and every task has its turn.
#include "statemachine/engine_world.h"

#include "statemachine/asl_exec.h"

#define MINUTE_US ((int64_t)60 * 1000000)
#define MACHINE "arn:aws:states:eu:1:stateMachine:"

enum { TASKS_MAX = 512 };

static void start(struct engine_world *world, const char *machine, const char *input)
{
    static size_t started;  // the engine's chance begins anew when it is opened: names are ours
    char name[24];
    snprintf(name, sizeof name, "e%zu", started++);
    world_ask(world, (struct engine_request){
                         .kind = ENGINE_START, .arn = machine, .name = name, .text = input });
    world_settle(world);
    assert_int_equal(world->code, SR_OK);
}

static void begin(struct engine_world *world)
{
    world_open(world);
    world_put(world, "one", "{'StartAt':'T','States':{" ACTIVITY_STATES("") "}}");
}

// `priority` as JSON text.
static void start_one(struct engine_world *world, const char *priority, int number)
{
    char input[128];
    snprintf(input, sizeof input, "{\"job\":{\"priority\":%s},\"n\":%d}", priority, number);
    start(world, MACHINE "one", input);
}

// The number of the task that a worker gets.
static int take(struct engine_world *world)
{
    const size_t before = world->polled;
    world_poll(world);
    assert_int_equal(world->polled, before + 1);
    sr_auto(json) json_t *payload = json_loads(world->payload, 0, NULL);
    return (int)json_integer_value(json_object_get(payload, "n"));
}

static void the_more_urgent_goes_first(void **state)
{
    (void)state;
    struct engine_world world;
    begin(&world);
    start_one(&world, "50", 1);
    start_one(&world, "51", 2);
    start_one(&world, "100", 3);
    start_one(&world, "0", 4);
    start_one(&world, "50", 5);
    world_reopen(&world);
    static const int order[] = { 3, 2, 1, 5, 4 };
    for (size_t i = 0; i < SR_TEST_COUNT(order); i++)
        assert_int_equal(take(&world), order[i]);
    world_close(&world);
}

// What is no priority is the usual one, and no error: the field is the job's own affair.
static void what_is_no_priority(void **state)
{
    (void)state;
    static const char *const odd[] = { "101", "-1", "\"100\"", "99.5", "null", "[100]", "{}" };
    struct engine_world world;
    begin(&world);
    start_one(&world, "50", 0);
    for (size_t i = 0; i < SR_TEST_COUNT(odd); i++)
        start_one(&world, odd[i], (int)i + 1);
    start(&world, MACHINE "one", "{\"n\":90,\"job\":100}");
    start(&world, MACHINE "one", "{\"n\":91,\"priority\":100}");
    for (size_t i = 0; i <= SR_TEST_COUNT(odd); i++)
        assert_int_equal(take(&world), i);
    assert_int_equal(take(&world), 90);
    assert_int_equal(take(&world), 91);
    world_close(&world);
}

static void waiting_is_worth_priority(void **state)
{
    (void)state;
    struct engine_world world;
    begin(&world);
    start_one(&world, "40", 1);
    world_pass(&world, 10 * MINUTE_US - 1);
    start_one(&world, "50", 2);  // a moment too early to come after it
    world_pass(&world, 2);
    start_one(&world, "50", 3);
    assert_int_equal(take(&world), 2);
    assert_int_equal(take(&world), 1);
    assert_int_equal(take(&world), 3);
    world_close(&world);
}

// Two urgent tasks a minute, and a worker that does one: what is not urgent at all has its turn
// after those that came in the first hundred minutes.
static void nobody_starves(void **state)
{
    (void)state;
    struct engine_world world;
    size_t taken = 0;
    begin(&world);
    start_one(&world, "0", 1);
    for (bool found = false; !found; taken++) {
        assert_true(taken <= 2 * ENGINE_PRIORITY_MAX);
        world_pass(&world, MINUTE_US);
        start_one(&world, "100", 2);
        start_one(&world, "100", 2);
        if (taken % 50 == 0)
            world_reopen(&world);
        found = take(&world) == 1;
    }
    assert_true(taken > ENGINE_PRIORITY_MAX);
    world_close(&world);
}

// The children of a distributed map wait with their job's priority.
static void children_of_a_map(void **state)
{
    (void)state;
    struct engine_world world;
    begin(&world);
    world_put(&world, "many",
              "{'StartAt':'M','States':{'M':{'Type':'Map','ItemsPath':'$.items','End':true,"
              "'ItemSelector':{'job.$':'$.job','n.$':'$$.Map.Item.Value'},'ItemProcessor':{"
              "'ProcessorConfig':{'Mode':'DISTRIBUTED','ExecutionType':'STANDARD'},"
              "'StartAt':'T','States':{" ACTIVITY_STATES("") "}}}}}");
    start(&world, MACHINE "many", "{\"job\":{\"priority\":20},\"items\":[1,2,3]}");
    start_one(&world, "30", 4);
    start(&world, MACHINE "many", "{\"job\":{\"priority\":80},\"items\":[5,6,7]}");
    static const int order[] = { 5, 6, 7, 4, 1, 2, 3 };
    for (size_t i = 0; i < SR_TEST_COUNT(order); i++) {
        assert_int_equal(take(&world), order[i]);
        if (i == 1)
            world_reopen(&world);
    }
    world_close(&world);
}

// --- the property, under random arrivals, restarts, lost answers and stops ---

struct waiting {
    int64_t created_us, priority;
    char arn[256];
    bool waits;
};

static int64_t behind_us(const struct waiting *a, const struct waiting *b)
{
    return (a->created_us - b->created_us) - (a->priority - b->priority) * MINUTE_US;
}

static void check_taken(const struct waiting *tasks, size_t count, const struct waiting *taken)
{
    assert_true(taken->waits);
    for (size_t i = 0; i < count; i++) {
        if (!tasks[i].waits)
            continue;
        // Nobody waits who has waited enough to make up for what he is less urgent ...
        assert_true(behind_us(taken, &tasks[i]) <= 0);
        // ... and so nobody is passed by what came much later.
        assert_true(taken->created_us - tasks[i].created_us <= ENGINE_PRIORITY_MAX * MINUTE_US);
    }
}

static void a_random_day(uint64_t seed)
{
    static struct waiting tasks[TASKS_MAX];
    struct asl_random random = { seed };
    struct engine_world world;
    size_t count = 0, left = 0;
    begin(&world);
    while (count < TASKS_MAX || left > 0) {
        const uint64_t what = asl_random_next(&random) % 16;
        if (what < 7 && count < TASKS_MAX) {
            struct waiting *const task = &tasks[count];
            char text[8];
            *task = (struct waiting){ sr_clock_wall_us(&world.clock.clock),
                                      (int64_t)(asl_random_next(&random) % 101), "", true };
            snprintf(text, sizeof text, "%d", (int)task->priority);
            start_one(&world, text, (int)count++);
            snprintf(task->arn, sizeof task->arn, "%s", world.arn);
            left++;
        } else if (what < 12 && left > 0) {
            struct waiting *const task = &tasks[take(&world)];
            check_taken(tasks, count, task);
            task->waits = false;
            left--;
        } else if (what == 12) {
            world_reopen(&world);
        } else if (what == 13 && left > 0) {
            struct waiting *const task = &tasks[asl_random_next(&random) % count];
            left -= task->waits;
            task->waits = false;
            world_ask(&world, (struct engine_request){ .kind = ENGINE_STOP, .arn = task->arn });
            world_settle(&world);
        } else {
            world_pass(&world, (int64_t)(asl_random_next(&random) % (20 * (uint64_t)MINUTE_US)));
        }
    }
    world_close(&world);
}

static void random_days(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        a_random_day(seed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_more_urgent_goes_first), cmocka_unit_test(what_is_no_priority),
        cmocka_unit_test(waiting_is_worth_priority),  cmocka_unit_test(nobody_starves),
        cmocka_unit_test(children_of_a_map),          cmocka_unit_test(random_days),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
