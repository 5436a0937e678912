// Tasks that are Lambda functions, in this process or behind a server on loopback.
#include "service/resources.h"

#include "net/credentials.h"
#include "service/resources_world.h"

static const struct world_page pages[] = {
    { "/functions/good/", 200,
      "X-Amz-Executed-Version: 7\r\nX-Amz-Log-Result: bG9n\r\nx-amzn-RequestId: id-1\r\n",
      "{\"r\":1}" },
    { "/functions/empty/", 202, "", "" },
    { "/functions/broken/", 200, "", "{" },
    { "/functions/raises/", 200, "X-Amz-Function-Error: Unhandled\r\n",
      "{\"errorMessage\":\"no\",\"errorType\":\"Custom\",\"stackTrace\":[]}" },
    { "/functions/vague/", 200, "X-Amz-Function-Error: Unhandled\r\n", "{\"errorMessage\":\"t\"}" },
    { "/functions/missing/", 404,
      "x-amzn-ErrorType: ResourceNotFoundException:http://x/\r\nx-amzn-RequestId: id-2\r\n",
      "{\"Type\":\"User\",\"Message\":\"Function not found: missing\"}" },
    { "/functions/busy/", 429, "", "{}" },
    { "/functions/typed/", 400, "", "{\"__type\":\"a.b#KMSDisabledException\",\"message\":\"m\"}" },
    { "/functions/down/", 503, "", "not JSON" },
    { "/functions/silent/", 0, "", "x" },
    { 0 },
};

static bool twice(void *self, const json_t *payload, const struct sr_cancel *cancel,
                  json_t **ret_result, struct asl_failure *failure)
{
    (void)self;
    (void)cancel;
    if (!json_is_integer(payload))
        return asl_fail_catchable(failure, "NoNumber", "want a number");
    *ret_result = json_integer(2 * json_integer_value(payload));
    return true;
}

static void open_world(struct resources_world *world)
{
    resources_world_open(world, world_answer, world);
    world->pages = pages;
    static const struct resources_lambda lambdas[] = {
        { .name = "twice", .run = twice }, { .name = "alone", .url = "http://127.0.0.1:1" }
    };
    const struct resources_params params = { .lambdas = lambdas,
                                             .lambda_count = SR_TEST_COUNT(lambdas),
                                             .lambda_url = http_fake_url(world->fake),
                                             .lambda_us_max = 3000000 };
    resources_world_attach(world, &params);
}

static void functions_here(void **state)
{
    (void)state;
    struct resources_world world;
    open_world(&world);
    world_run(&world, WORLD_FUNCTION "twice", NULL, "21");
    assert_string_equal(world.output, "42");
    world_run(&world, WORLD_FUNCTION "twice:live", NULL, "\"x\"");
    assert_string_equal(world.error, "NoNumber");
    assert_string_equal(world.cause, "want a number");
    world_run(&world, WORLD_INVOKE, "{'FunctionName':'" WORLD_FUNCTION "twice','Payload.$':'$'}",
              "4");
    sr_assert_contains(world.output, "\"Payload\":8");
    sr_assert_contains(world.output, "\"StatusCode\":200");
    sr_assert_contains(world.output, "\"ExecutedVersion\":\"$LATEST\"");
    resources_world_close(&world);
}

static void functions_behind_a_server(void **state)
{
    (void)state;
    struct resources_world world;
    open_world(&world);
    world_run(&world, WORLD_FUNCTION "good:3", NULL, "{\"a\":1}");
    assert_string_equal(world.output, "{\"r\":1}");
    sr_assert_contains(world.seen.text,
                       "POST /2015-03-31/functions/good/invocations?Qualifier=3 {\"a\":1}\n");
    sr_assert_contains(world.seen.text, "X-Amz-Invocation-Type=RequestResponse\n");
    world_run(&world, WORLD_INVOKE, "{'FunctionName':'good','Payload':{'p':2},'LogType':'Tail'}",
              "{}");
    sr_assert_contains(world.output, "\"Payload\":{\"r\":1}");
    sr_assert_contains(world.output, "\"ExecutedVersion\":\"7\"");
    sr_assert_contains(world.output, "\"LogResult\":\"bG9n\"");
    sr_assert_contains(world.output, "\"RequestId\":\"id-1\"");
    sr_assert_contains(world.seen.text, "invocations {\"p\":2}\n");
    sr_assert_contains(world.seen.text, "X-Amz-Log-Type=Tail\n");
    world_run(&world, WORLD_INVOKE, "{'FunctionName':'empty','InvocationType':'Event'}", "{}");
    sr_assert_contains(world.output, "\"StatusCode\":202");
    sr_assert_contains(world.seen.text, "invocations {}\nX-Amz-Invocation-Type=Event\n");
    assert_null(strstr(world.seen.text, "signed"));
    resources_world_close(&world);
}

// Spec: Step Functions' names for Lambda's failures.
static void functions_that_fail(void **state)
{
    (void)state;
    static const struct {
        const char *function, *error, *cause;
    } rows[] = {
        { "raises", "Custom",
          "{\"errorMessage\":\"no\",\"errorType\":\"Custom\",\"stackTrace\":[]}" },
        { "vague", "Lambda.Unknown", "did not return an error type" },
        { "missing", "Lambda.ResourceNotFoundException",
          "Function not found: missing (Service: AWSLambda; Status Code: 404; Error Code: "
          "ResourceNotFoundException; Request ID: id-2; Proxy: null)" },
        { "busy", "Lambda.TooManyRequestsException", "Status Code: 429" },
        { "typed", "Lambda.KMSDisabledException", "m (Service: AWSLambda" },
        { "down", "Lambda.ServiceException", "Status Code: 503" },
        { "broken", "Lambda.Unknown", "not JSON" },
        { "alone", "Lambda.SdkClientException", "Unable to execute HTTP request" },
        { "silent", "Lambda.ClientExecutionTimeoutException", "in time" },
    };
    struct resources_world world;
    open_world(&world);
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        char resource[128];
        snprintf(resource, sizeof resource, WORLD_FUNCTION "%s", rows[i].function);
        world_run(&world, resource, NULL, "{}");
        assert_string_equal(world.error, rows[i].error);
        sr_assert_contains(world.cause, rows[i].cause);
    }
    world_run(&world, WORLD_INVOKE, "{'Payload':1}", "{}");
    assert_string_equal(world.error, "Lambda.InvalidParameterValueException");
    assert_int_equal(atomic_load(&world.stalled), 1);  // only the flow tries again
    resources_world_close(&world);
}

static void the_flow_tries_again(void **state)
{
    (void)state;
    struct resources_world world;
    open_world(&world);
    world_begin_task(
        &world, WORLD_FUNCTION "busy", NULL,
        ",'Retry':[{'ErrorEquals':['Lambda.TooManyRequestsException'],'IntervalSeconds':1,"
        "'MaxAttempts':1}]",
        "{}");
    world_finish(&world);
    assert_string_equal(world.error, "Lambda.TooManyRequestsException");
    const char *first = strstr(world.seen.text, "/busy/");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "/busy/"));
    resources_world_close(&world);
}

static void a_callback(void **state)
{
    (void)state;
    struct resources_world world;
    open_world(&world);
    world_begin_task(&world, WORLD_INVOKE ".waitForTaskToken",
                     "{'FunctionName':'good','Payload':{'token.$':'$$.Task.Token'}}", "", "{}");
    char token[256] = "";
    while (!*token) {
        world_step(&world);
        sr_lock(&world.lock);
        const char *at = strstr(sr_str_text(&world.seen), "\"token\":\"");
        if (at)
            snprintf(token, sizeof token, "%.*s", (int)strcspn(at + 9, "\""), at + 9);
        sr_unlock(&world.lock);
    }
    assert_false(world.ended);  // what the function gave is not the task's result
    world_ask(&world,
              (struct engine_request){ .kind = ENGINE_SUCCEED, .token = token, .text = "9" });
    world_finish(&world);
    assert_string_equal(world.output, "9");
    resources_world_close(&world);
}

static void signed_requests(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct resources_world world;
    struct credentials *credentials = NULL;
    sr_assert_ok(credentials_new_static("AKID", "secret", NULL, &credentials, &err), err);
    resources_world_open(&world, world_answer, &world);
    world.pages = pages;
    const struct resources_params params = { .lambda_url = http_fake_url(world.fake),
                                             .credentials = credentials };
    resources_world_attach(&world, &params);
    world_run(&world, WORLD_FUNCTION "good", NULL, "1");
    sr_assert_contains(world.seen.text, "signed\n");
    world_run(&world, WORLD_HTTP, "{'Method':'GET','ApiEndpoint':'https://example.com/'}", "{}");
    assert_string_equal(world.error, "States.Permissions");  // nothing is allowed
    resources_world_close(&world);
    credentials_free(credentials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_here),      cmocka_unit_test(functions_behind_a_server),
        cmocka_unit_test(functions_that_fail), cmocka_unit_test(the_flow_tries_again),
        cmocka_unit_test(a_callback),          cmocka_unit_test(signed_requests),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
