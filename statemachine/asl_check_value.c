// Checks of single values.
#include <math.h>
#include <string.h>

#include "base/jx.h"
#include "statemachine/asl_check_priv.h"
#include "statemachine/asl_time.h"

static void schema(struct asl_checker *checker, const struct asl_at *at, const char *message)
{
    asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "%s", message);
}

void asl_check_anything(struct asl_checker *checker, const struct asl_at *at)
{
    (void)checker;
    (void)at;
}

void asl_check_text_value(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_string(at->value))
        schema(checker, at, "Expected value of type String");
}

void asl_check_bool(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_boolean(at->value))
        schema(checker, at, "Expected value of type Boolean");
}

void asl_check_object(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_object(at->value))
        schema(checker, at, "Expected value of type Object");
}

void asl_check_template(struct asl_checker *checker, const struct asl_at *at)
{
    struct sr_err err = { 0 };
    const char *field;
    sr_auto(asl_template) struct asl_template *template = NULL;
    if (asl_template_parse(at->value, &template, &field, &err))
        return;
    if (err.code == SR_ERR_NO_MEMORY)
        checker->no_memory = true;
    else if (field)
        asl_check_fault(
            checker, at, ASL_FAULT_SCHEMA,
            "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call",
            field);
    else
        schema(checker, at, err.message);
}

void asl_check_assign(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_object(at->value)) {
        schema(checker, at, "Expected value of type Object");
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)at->value, key, value)
    {
        size_t bytes = strlen(key);
        bytes -= bytes > 2 && strcmp(key + bytes - 2, ".$") == 0 ? 2 : 0;
        if (bytes == 0 || bytes > ASL_STATE_NAME_MAX ||
            strncmp(key, "states", bytes < 6 ? 6 : bytes) == 0)
            asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "The variable name '%.*s' is not valid",
                            (int)bytes, key);
    }
    asl_check_template(checker, at);
}

static bool parse_path(struct asl_checker *checker, const struct asl_at *at,
                       struct asl_path **ret_path)
{
    struct sr_err err = { 0 };
    if (!json_is_string(at->value)) {
        schema(checker, at, "Expected value of type String");
        return false;
    }
    if (asl_path_parse(json_string_value(at->value), ret_path, &err))
        return true;
    if (err.code == SR_ERR_NO_MEMORY)
        checker->no_memory = true;
    else
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "Value is not a valid JSONPath: %s",
                        err.message);
    return false;
}

void asl_check_path(struct asl_checker *checker, const struct asl_at *at)
{
    sr_auto(asl_path) struct asl_path *path = NULL;
    (void)parse_path(checker, at, &path);  // reports by itself
}

void asl_check_path_or_null(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_null(at->value))
        asl_check_path(checker, at);
}

void asl_check_result_path(struct asl_checker *checker, const struct asl_at *at)
{
    sr_auto(asl_path) struct asl_path *path = NULL;
    if (json_is_null(at->value) || !parse_path(checker, at, &path))
        return;
    if (asl_path_root(path) != ASL_ROOT_INPUT || !asl_path_is_reference(path))
        schema(checker, at,
               "Value is not a Reference Path: only names and indexes below '$' can be written to");
}

void asl_check_expression(struct asl_checker *checker, const struct asl_at *at)
{
    struct sr_err err = { 0 };
    sr_auto(asl_template) struct asl_template *template = NULL;
    const char *text = json_string_value(at->value);
    if (text && asl_template_parse_expression(at->key, text, &template, &err))
        return;
    if (err.code == SR_ERR_NO_MEMORY)
        checker->no_memory = true;
    else
        asl_check_fault(
            checker, at, ASL_FAULT_SCHEMA,
            "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call",
            at->key);
}

static void whole(struct asl_checker *checker, const struct asl_at *at, json_int_t min,
                  json_int_t max)
{
    if (!json_is_integer(at->value))
        schema(checker, at, "Expected value of type Integer");
    else if (json_integer_value(at->value) < min)
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "Value is less than the minimum of %lld",
                        (long long)min);
    else if (json_integer_value(at->value) > max)
        asl_check_fault(checker, at, ASL_FAULT_SCHEMA, "Value is greater than the maximum of %lld",
                        (long long)max);
}

void asl_check_seconds(struct asl_checker *checker, const struct asl_at *at)
{
    whole(checker, at, 1, ASL_SECONDS_MAX);
}

void asl_check_wait_seconds(struct asl_checker *checker, const struct asl_at *at)
{
    whole(checker, at, 0, ASL_SECONDS_MAX);
}

void asl_check_positive(struct asl_checker *checker, const struct asl_at *at)
{
    whole(checker, at, 1, INT32_MAX);
}

void asl_check_count(struct asl_checker *checker, const struct asl_at *at)
{
    whole(checker, at, 0, INT32_MAX);
}

void asl_check_percentage(struct asl_checker *checker, const struct asl_at *at)
{
    const double value = json_number_value(at->value);
    if (!json_is_number(at->value))
        schema(checker, at, "Expected value of type Number");
    else if (value < 0 || value > 100)
        schema(checker, at, "Value is not between 0 and 100");
}

void asl_check_timestamp(struct asl_checker *checker, const struct asl_at *at)
{
    struct asl_time ignored;
    if (!json_is_string(at->value) || !asl_time_parse(json_string_value(at->value), &ignored))
        schema(checker, at, "String does not match RFC3339 timestamp");
}

// The actions of AWS's own integrations; other services are known to whoever runs the flow.
static const struct integration {
    const char *type;
    const char *actions;
} integrations[] = {
    { "lambda", " invoke " },
    { "dynamodb", " getItem putItem deleteItem updateItem " },
    { "sns", " publish " },
    { "sqs", " sendMessage " },
    { "states", " startExecution " },
    { "events", " putEvents " },
    { "batch", " submitJob " },
    { "ecs", " runTask " },
    { "glue", " startJobRun " },
    { "codebuild",
      " startBuild stopBuild batchDeleteBuilds batchGetReports startBuildBatch stopBuildBatch retryBuildBatch "
      "deleteBuildBatch " },
    { "athena", " startQueryExecution stopQueryExecution getQueryExecution getQueryResults " },
    { "http", " invoke " },
    { "apigateway", " invoke " },
};

static bool action_known(const struct asl_resource *resource)
{
    char wanted[80];
    const size_t bytes = strcspn(resource->action, ".");
    if (!sr_format(wanted, sizeof wanted, " %.*s ", (int)bytes, resource->action))
        return false;
    for (size_t i = 0; i < sizeof integrations / sizeof *integrations; i++) {
        if (strcmp(integrations[i].type, resource->type) == 0)
            return strstr(integrations[i].actions, wanted) != NULL;
    }
    return true;
}

// Spec: Lambda's ARNs: "function:NAME", "function:NAME:$LATEST", "function:NAME:ALIAS".
static bool lambda_known(const char *arn)
{
    const char *name = strstr(arn, ":function:");
    const char *alias = name ? strchr(name + 10, ':') : NULL;
    if (!name || !name[10] || name[10] == ':')
        return false;
    if (!alias || strcmp(alias, ":$LATEST") == 0)
        return true;
    alias++;
    return *alias &&
           !alias[strspn(alias,
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")];
}

static void check_express(struct asl_checker *checker, const struct asl_at *at,
                          const struct asl_resource *resource)
{
    if (checker->type != ASL_EXPRESS)
        return;
    if (resource->kind == ASL_TASK_ACTIVITY)
        schema(checker, at, "Express state machine does not support Activity ARN");
    else if (resource->pattern == ASL_PATTERN_SYNC)
        schema(checker, at, "Express state machine does not support '.sync' service integration");
    else if (resource->pattern == ASL_PATTERN_TOKEN)
        schema(checker, at,
               "Express state machine does not support '.waitForTaskToken' service integration ");
}

void asl_check_resource(struct asl_checker *checker, const struct asl_at *at)
{
    const char *arn = json_string_value(at->value);
    struct asl_resource resource = { 0 };
    if (!arn) {
        schema(checker, at, "Expected value of type String");
        return;
    }
    bool known = asl_resource_parse(arn, &resource);
    if (known && resource.kind == ASL_TASK_SERVICE)
        known = action_known(&resource);
    else if (known && resource.kind == ASL_TASK_LAMBDA)
        known = lambda_known(arn);
    else if (!known)  // a URI of another kind: whoever runs the flow may know it
        known = strncmp(arn, "arn:aws:states:", 15) != 0 &&
                strncmp(arn, "arn:aws:lambda:", 15) != 0 && strchr(arn, ':');
    if (!known)
        asl_check_fault(
            checker, at, ASL_FAULT_SCHEMA,
            "The resource provided %s is not recognized. The value is not a valid resource ARN, or the "
            "resource is not available in this region.",
            arn);
    else if (resource.arn)
        check_express(checker, at, &resource);
    asl_resource_done(&resource);
}

void asl_check_credentials(struct asl_checker *checker, const struct asl_at *at)
{
    if (!json_is_object(at->value)) {
        schema(checker, at, "Expected value of type Object");
        return;
    }
    if (!json_object_get(at->value, "RoleArn") && !json_object_get(at->value, "RoleArn.$"))
        schema(checker, at, "The field 'RoleArn' is required but was missing");
    asl_check_template(checker, at);
}

void asl_check_label(struct asl_checker *checker, const struct asl_at *at)
{
    const char *label = json_string_value(at->value);
    if (!label) {
        schema(checker, at, "Expected value of type String");
        return;
    }
    size_t characters = 0;
    bool bad = *label == '\0' || strlen(label) != json_string_length(at->value);
    for (const unsigned char *c = (const unsigned char *)label; *c; c++) {
        characters += (*c & 0xc0) != 0x80;
        // Blanks, wildcards, brackets, separators and control characters (C1 too: U+0080 to
        // U+009F).
        bad = bad || *c <= 0x20 || *c == 0x7f || strchr("?*<>{}[]:;,\\|^~$#%&`\"", *c) ||
              (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f);
    }
    if (bad)
        schema(checker, at, "Label contains invalid character");
    if (characters > ASL_LABEL_MAX)
        schema(checker, at, "Label cannot exceed 40 characters");
}
