// ValidateStateMachineDefinition and TestState: what asks of nothing but the request.
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "service/states_priv.h"
#include "statemachine/asl_teststate.h"

enum { DIAGNOSTICS_MAX = 100, INPUT_MAX = 262144 };

// --- ValidateStateMachineDefinition ---

static enum states_next validate(struct states_call *call)
{
    struct sr_err err = { 0 };
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    sr_auto(json) json_t *json = NULL, *result = NULL;
    const char *text = states_text(call, "definition"), *type = states_text(call, "type");
    const int64_t asked = states_int(call, "maxResults", 0);
    const size_t max = asked ? (size_t)asked : DIAGNOSTICS_MAX;
    const bool express = type && strcmp(type, "EXPRESS") == 0;
    if (!asl_check_text(text, states_text_bytes(call, "definition"),
                        express ? ASL_EXPRESS : ASL_STANDARD, &faults, &json, &err) ||
        !asl_faults_to_json(&faults, &result, &err)) {
        (void)states_refuse_err(call, &err);
        return STATES_ANSWER;
    }
    json_t *diagnostics = json_object_get(result, "diagnostics");
    if (json_array_size(diagnostics) > max)
        (void)json_object_set_new(result, "truncated", json_true());  // there is no memory to take
    while (json_array_size(diagnostics) > max)
        (void)json_array_remove(diagnostics, json_array_size(diagnostics) - 1);
    return states_result(call, json_incref(result));
}

// --- TestState ---

static bool refuse_test(struct states_call *call, const struct asl_failure *refusal)
{
    static const char *const known[] = { "InvalidDefinition", "InvalidExecutionInput",
                                         "InvalidArn" };
    const char *error = "ValidationException";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i], refusal->error) == 0)
            error = known[i];
    }
    return states_refuse(call, error, "%s", refusal->cause ? refusal->cause : "");
}

static bool test_names(struct states_call *call, char id[SR_ID_TEXT], char **ret_machine,
                       char **ret_execution, struct sr_err *err)
{
    const char *prefix = call->api->arn_prefix;
    if (!sr_id_new(call->api->clock, id, err))
        return false;
    *ret_machine = sr_strf(err, "%s:stateMachine:%s", prefix, id);
    *ret_execution = sr_strf(err, "%s:express:%s:%s:%s", prefix, id, id, id);
    return *ret_machine && *ret_execution;
}

static enum states_next test_state(struct states_call *call)
{
    struct sr_err err = { 0 };
    char id[SR_ID_TEXT];
    sr_auto(char) char *machine = NULL, *execution = NULL;
    sr_auto(asl_failure) struct asl_failure refusal = { 0 };
    json_t *response = NULL;
    if (!test_names(call, id, &machine, &execution, &err)) {
        (void)states_refuse_err(call, &err);
        return STATES_ANSWER;
    }
    const struct asl_teststate_params params = {
        .request = call->request,
        .now_us = sr_clock_wall_us(call->api->clock),
        .seed = 1,
        .machine_arn = machine,
        .machine_name = id,
        .execution_arn = execution,
        .execution_name = id,
    };
    if (!asl_teststate(&params, &response, &refusal, &err))
        (void)states_refuse_err(call, &err);
    else if (response)
        return states_result(call, response);
    else
        (void)refuse_test(call, &refusal);
    return STATES_ANSWER;
}

// --- the table ---

static const char *const types[] = { "STANDARD", "EXPRESS", NULL };
static const char *const severities[] = { "ERROR", "WARNING", NULL };
static const char *const levels[] = { "INFO", "DEBUG", "TRACE", NULL };

static const struct states_field validate_fields[] = {
    { .name = "definition",
      .type = STATES_TEXT,
      .secret = true,
      .required = true,
      .any = true,
      .min = 1,
      .max = STATES_DEFINITION_MAX },
    { .name = "type", .type = STATES_TEXT, .words = types },
    { .name = "severity", .type = STATES_TEXT, .words = severities },
    { .name = "maxResults", .type = STATES_INT, .max = DIAGNOSTICS_MAX },
    { .name = NULL },
};
// The rest is judged by asl_teststate(), in AWS's order.
static const struct states_field test_fields[] = {
    { .name = "definition",
      .type = STATES_TEXT,
      .secret = true,
      .required = true,
      .min = 1,
      .max = STATES_DEFINITION_MAX },
    { .name = "roleArn", .type = STATES_TEXT, .min = 1, .max = STATES_ARN_MAX },
    { .name = "input", .type = STATES_TEXT, .secret = true, .max = INPUT_MAX },
    { .name = "inspectionLevel", .type = STATES_TEXT, .words = levels },
    { .name = "revealSecrets", .type = STATES_BOOL },
    { .name = "variables", .type = STATES_TEXT, .secret = true, .max = INPUT_MAX },
    { .name = "stateName", .type = STATES_TEXT, .max = ASL_STATE_NAME_MAX },
    { .name = "context", .type = STATES_TEXT, .secret = true, .max = INPUT_MAX },
    { .name = "mock", .type = STATES_STRUCT },
    { .name = "stateConfiguration", .type = STATES_STRUCT },
    { .name = NULL },
};

const struct states_op states_validate_ops[] = {
    { "ValidateStateMachineDefinition", validate_fields, validate },
    { "TestState", test_fields, test_state },
    { .name = NULL },
};
