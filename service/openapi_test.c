#include "service/openapi.h"

#include "base/jx.h"
#include "base/test.h"
#include "pipeline/job_store.h"
#include "service/job_log.h"
#include "service/jobs_api.h"

static json_t *parse(void)
{
    struct sr_err err = { 0 };
    size_t bytes;
    json_t *document = NULL;
    const char *const text = openapi_text(&bytes);
    sr_assert_ok(jx_parse(text, bytes, false, &document, &err), err);
    assert_string_equal(json_string_value(json_object_get(document, "openapi")), "3.1.0");
    return document;
}

static const json_t *find(const json_t *document, const char *path, const char *method)
{
    char key[16] = "";
    for (size_t i = 0; i < sizeof key - 1 && method[i]; i++)
        key[i] = (char)(method[i] | 0x20);  // ASCII, to lower case
    return json_object_get(json_object_get(json_object_get(document, "paths"), path), key);
}

// Each route is described, as the operation that it is.
static void routes_are_described(void **state)
{
    (void)state;
    sr_auto(json) json_t *document = parse();
    const char *method, *operation;
    char path[64];
    size_t count = 0;
    for (; jobs_api_route(count, &method, path, &operation); count++) {
        const json_t *const found = find(document, path, method);
        if (!found)
            fail_msg("%s %s is not described", method, path);
        assert_string_equal(json_string_value(json_object_get(found, "operationId")), operation);
        assert_true(json_object_size(json_object_get(found, "responses")) > 0);
    }
    assert_true(count >= 10);
}

static bool is_route(const char *wanted_path, const char *wanted_method)
{
    const char *method, *operation;
    char path[64];
    for (size_t i = 0; jobs_api_route(i, &method, path, &operation); i++) {
        if (strcasecmp(method, wanted_method) == 0 && strcmp(path, wanted_path) == 0)
            return true;
    }
    return false;
}

// And nothing else is.
static void described_are_routes(void **state)
{
    (void)state;
    sr_auto(json) json_t *document = parse();
    const char *path, *method;
    json_t *item, *operation;
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        const bool has_id = strstr(path, "{id}") != NULL;
        assert_int_equal(json_object_get(item, "parameters") != NULL, has_id);
        json_object_foreach(item, method, operation)
        {
            if (strcmp(method, "parameters") != 0 && !is_route(path, method))
                fail_msg("%s %s is described, and there is no such route", method, path);
        }
    }
}

// "#/components/..." leads somewhere.
static void assert_refs(const json_t *root, const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    json_array_foreach(value, i, member)
    {
        assert_refs(root, member);
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        assert_refs(root, member);
        if (strcmp(key, "$ref") != 0)
            continue;
        char text[128], *rest = NULL;
        const json_t *at = root;
        snprintf(text, sizeof text, "%s", json_string_value(member));
        for (const char *part = strtok_r(text, "/", &rest); part; part = strtok_r(NULL, "/", &rest))
            at = strcmp(part, "#") == 0 ? at : json_object_get(at, part);
        if (!at)
            fail_msg("%s leads nowhere", json_string_value(member));
    }
}

static const json_t *get(const json_t *at, const char *const *keys)
{
    for (; *keys; keys++)
        at = json_object_get(at, *keys);
    return at;
}
#define GET(at, ...) get(at, (const char *const[]){ __VA_ARGS__, NULL })

static int64_t limit_of(const json_t *document, const char *path, const char *key)
{
    size_t i;
    json_t *parameter;
    json_array_foreach(json_object_get(find(document, path, "GET"), "parameters"), i, parameter)
    {
        if (strcmp(json_string_value(json_object_get(parameter, "name")), "limit") == 0)
            return json_integer_value(GET(parameter, "schema", key));
    }
    return -1;
}

static void says_what_is(void **state)
{
    (void)state;
    sr_auto(json) json_t *document = parse();
    assert_refs(document, document);
    const json_t *const states = GET(document, "components", "schemas", "State", "enum");
    assert_int_equal(json_array_size(states), JOB_ROW_STATE_COUNT);
    for (int i = 0; i < JOB_ROW_STATE_COUNT; i++)
        assert_string_equal(json_string_value(json_array_get(states, (size_t)i)),
                            job_row_state_name((enum job_row_state)i));
    assert_int_equal(limit_of(document, "/v1/jobs/{id}/log", "maximum"), JOB_LOG_LINES_MAX);
    assert_int_equal(limit_of(document, "/v1/jobs/{id}/log", "default"), JOB_LOG_LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(routes_are_described),
                                        cmocka_unit_test(described_are_routes),
                                        cmocka_unit_test(says_what_is) };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
