#include "statemachine/asl_event.h"

#include "base/test.h"

static void round_trip(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    for (int type = 0; type < ASL_EVENT_COUNT; type++) {
        sr_auto(json) json_t *details = type % 2 ? json_pack("{s:s}", "name", "S") : NULL,
                             *json = NULL;
        const struct asl_event event = { .id = 3,
                                         .previous = 2,
                                         .child = 1,
                                         .type = (enum asl_event_type)type,
                                         .time_us = 5,
                                         .details = details };
        struct asl_event got = { 0 };
        sr_assert_ok(asl_event_to_json(&event, &json, &err), err);
        sr_assert_ok(asl_event_from_json(json, &got, &err), err);
        assert_int_equal(got.type, type);
        assert_int_equal(got.id + got.previous + got.child, 6);
        assert_true(details ? json_equal(details, got.details) : !got.details);
        json_decref(got.details);
    }
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = { "{}", "[]", "[1,1,0,\"NoSuch\",5,null]",
                                         "[1,1,0,7,5,null]" };
    for (size_t i = 0; i < SR_TEST_COUNT(texts); i++) {
        struct sr_err err = { 0 };
        struct asl_event event;
        json_error_t error;
        sr_auto(json) json_t *json = json_loads(texts[i], 0, &error);
        sr_assert_fails(asl_event_from_json(json, &event, &err), SR_ERR_INVALID, err);
    }
}

static void clients_see_texts(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(json) json_t *details = json_pack("{s:s, s:{s:i}}", "name", "S", "input", "a", 1),
                         *json = NULL, *bare = NULL;
    const struct asl_event event = { .id = 2,
                                     .previous = 1,
                                     .type = ASL_EVENT_PassStateEntered,
                                     .time_us = 1500000,
                                     .details = details };
    sr_assert_ok(asl_event_to_client(&event, true, &json, &err), err);
    const json_t *shown = json_object_get(json, "stateEnteredEventDetails");
    assert_string_equal(json_string_value(json_object_get(shown, "input")), "{\"a\":1}");
    assert_true(
        json_is_false(json_object_get(json_object_get(shown, "inputDetails"), "truncated")));
    assert_true(json_real_value(json_object_get(json, "timestamp")) == 1.5);
    sr_assert_ok(asl_event_to_client(&event, false, &bare, &err), err);
    assert_null(json_object_get(json_object_get(bare, "stateEnteredEventDetails"), "input"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(round_trip),
                                               cmocka_unit_test(refuses_what_is_none),
                                               cmocka_unit_test(clients_see_texts) };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
