// Each operation: what it accepts, what it refuses and how. Rows run on one world: machine "m" with
// the versions 1 and 2 and the alias "live", machine "x" (express), activity "a".
#include "service/states_world.h"

#define M WORLD_ARN ":stateMachine:m"
#define X WORLD_ARN ":stateMachine:x"
#define A WORLD_ARN ":activity:a"
#define ROLE "\"roleArn\":\"" WORLD_ROLE "\""
#define DEF                                                                                        \
    "\"definition\":\"{\\\"StartAt\\\":\\\"P\\\",\\\"States\\\":{\\\"P\\\":{\\\"Type\\\":\\\"Pass\\\",\\\"End\\\":true}}}\""
#define LONG80 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhh"

static void build(struct states_world *world)
{
    world_open(world);
    world_do(world, "CreateStateMachine",
             json_pack("{s:s,s:s,s:s,s:b,s:s}", "name", "m", "definition", WORLD_PASS, "roleArn",
                       WORLD_ROLE, "publish", 1, "versionDescription", "one"));
    world_do(world, "UpdateStateMachine",
             json_pack("{s:s,s:s,s:b}", "stateMachineArn", M, "definition",
                       "{\"StartAt\":\"Q\",\"States\":{\"Q\":{\"Type\":\"Pass\",\"End\":true}}}",
                       "publish", 1));
    world_do(world, "CreateStateMachine",
             json_pack("{s:s,s:s,s:s,s:s}", "name", "x", "definition", WORLD_PASS, "roleArn",
                       WORLD_ROLE, "type", "EXPRESS"));
    world_do(world, "CreateActivity", json_pack("{s:s}", "name", "a"));
    world_do(world, "CreateStateMachineAlias",
             json_pack("{s:s,s:s,s:[{s:s,s:i},{s:s,s:i}]}", "name", "live", "description", "d",
                       "routingConfiguration", "stateMachineVersionArn", M ":1", "weight", 90,
                       "stateMachineVersionArn", M ":2", "weight", 10));
}

static const struct row {
    const char *name, *op, *body;
    const char *error;  // NULL: succeeds
    const char *part;   // of the answer
} rows[] = {
    // the envelope
    { "unknown operation", "Fly", "{}", "UnknownOperationException", "" },
    { "no JSON", "ListActivities", "{\"maxResults\":", "SerializationException", "" },
    { "no object", "ListActivities", "[]", "SerializationException", "" },
    { "an empty body is an empty object", "ListActivities", "", NULL, "\"activities\":[{" },
    { "wrong type", "CreateActivity", "{\"name\":1}", "SerializationException",
      "NUMBER_VALUE can not be converted to a String" },
    { "two faults", "CreateStateMachine", "{\"name\":\"\"}", "ValidationException",
      "3 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must "
      "have length greater than or equal to 1; Value null at 'definition'" },
    { "unknown members are ignored", "CreateActivity", "{\"name\":\"b\",\"colour\":1}", NULL,
      ":b" },
    // CreateActivity, DescribeActivity, DeleteActivity, ListActivities
    { "activity again", "CreateActivity", "{\"name\":\"a\"}", NULL,
      "\"activityArn\":\"" A "\",\"creationDate\":1767225600.0" },
    { "activity of 80 characters", "CreateActivity", "{\"name\":\"" LONG80 "\"}", NULL, LONG80 },
    { "activity of 81", "CreateActivity", "{\"name\":\"" LONG80 "i\"}", "ValidationException",
      "Member must have length less than or equal to 80" },
    { "activity with a NUL", "CreateActivity", "{\"name\":\"a\\u0000b\"}", "InvalidName",
      "Invalid Name: 'a\\u0000b'" },
    { "activity with a blank", "CreateActivity", "{\"name\":\"a b\"}", "InvalidName",
      "Invalid Name: 'a b'" },
    { "activity in another script", "CreateActivity", "{\"name\":\"\u00e4\u4e16\"}", NULL, "" },
    { "activity with a C1 control", "CreateActivity", "{\"name\":\"a\\u0085\"}", "InvalidName",
      "" },
    { "describe activity", "DescribeActivity", "{\"activityArn\":\"" A "\"}", NULL,
      "\"encryptionConfiguration\":{\"type\":\"AWS_OWNED_KEY\"}" },
    { "describe none", "DescribeActivity", "{\"activityArn\":\"" A "a\"}", "ActivityDoesNotExist",
      "Activity Does Not Exist: '" A "a'" },
    { "describe no ARN", "DescribeActivity", "{\"activityArn\":\"a\"}", "InvalidArn",
      "Invalid Arn: 'Invalid ARN prefix: a'" },
    { "describe a machine as activity", "DescribeActivity", "{\"activityArn\":\"" M "\"}",
      "InvalidArn", "Resource type not valid in this context: stateMachine" },
    { "ARN with a NUL", "DescribeActivity", "{\"activityArn\":\"" A "\\u0000b\"}",
      "ValidationException", "" },
    { "delete none", "DeleteActivity", "{\"activityArn\":\"" A "a\"}", NULL, "{}" },
    { "poll none", "GetActivityTask", "{\"activityArn\":\"" A "a\"}", "ActivityDoesNotExist", "" },
    { "page too large", "ListActivities", "{\"maxResults\":1001}", "ValidationException",
      "Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than "
      "or equal to 1000" },
    { "page of 0 is the usual one", "ListActivities", "{\"maxResults\":0}", NULL, A },
    { "forged page", "ListActivities", "{\"nextToken\":\"AAAA\"}", "InvalidToken",
      "Invalid Token: 'Invalid token'" },
    // SendTask*
    { "token of nobody", "SendTaskSuccess", "{\"taskToken\":\"t\",\"output\":\"{}\"}",
      "InvalidToken", "" },
    { "heartbeat of nobody", "SendTaskHeartbeat", "{\"taskToken\":\"a.1.b\"}", "InvalidToken", "" },
    { "failure with a long error", "SendTaskFailure",
      "{\"taskToken\":\"t\",\"error\":\"" LONG80 LONG80 LONG80 LONG80 "\"}", "ValidationException",
      "less than or equal to 256" },
    { "no token", "SendTaskHeartbeat", "{}", "ValidationException", "Value null at 'taskToken'" },
    // CreateStateMachine
    { "machine again", "CreateStateMachine",
      "{\"name\":\"x\",\"type\":\"EXPRESS\"," ROLE "," DEF "}", NULL,
      "\"stateMachineArn\":\"" X "\",\"creationDate\":1767225600.0" },
    { "machine again of another type", "CreateStateMachine", "{\"name\":\"x\"," ROLE "," DEF "}",
      "StateMachineAlreadyExists", "State Machine Already Exists: '" X "'" },
    { "machine with another definition", "CreateStateMachine", "{\"name\":\"m\"," ROLE "," DEF "}",
      "StateMachineAlreadyExists", "" },
    { "bad name", "CreateStateMachine", "{\"name\":\"m/n\"," ROLE "," DEF "}", "InvalidName",
      "Invalid Name: 'm/n'" },
    { "bad type", "CreateStateMachine", "{\"name\":\"n\",\"type\":\"FAST\"," ROLE "," DEF "}",
      "ValidationException",
      "Value 'FAST' at 'type' failed to satisfy constraint: Member must satisfy enum value set: "
      "[STANDARD, EXPRESS]" },
    { "bad role", "CreateStateMachine", "{\"name\":\"n\",\"roleArn\":\"me\"," DEF "}", "InvalidArn",
      "Invalid Role Arn: 'me'" },
    { "bad definition", "CreateStateMachine",
      "{\"name\":\"n\"," ROLE
      ",\"definition\":\"{\\\"StartAt\\\":\\\"P\\\",\\\"States\\\":{\\\"P\\\":"
      "{\\\"Type\\\":\\\"Pass\\\",\\\"Next\\\":\\\"N\\\"}}}\"}",
      "InvalidDefinition", "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: " },
    { "payload that is not shown", "CreateStateMachine",
      "{\"name\":\"n\"," ROLE ",\"definition\":\"\"}", "ValidationException",
      "detected: Value at 'definition' failed to satisfy constraint: " },
    { "definition that is no JSON", "CreateStateMachine",
      "{\"name\":\"n\"," ROLE ",\"definition\":\"x\"}", "InvalidDefinition", "" },
    { "description without publishing", "CreateStateMachine",
      "{\"name\":\"n\",\"versionDescription\":\"d\"," ROLE "," DEF "}", "ValidationException",
      "Version description can only be set when publish is true" },
    { "logs to nowhere", "CreateStateMachine",
      "{\"name\":\"n\",\"loggingConfiguration\":{\"level\":\"ALL\"}," ROLE "," DEF "}",
      "InvalidLoggingConfiguration", "Must specify exactly one Log Destination." },
    { "logs to two places", "CreateStateMachine",
      "{\"name\":\"n\",\"loggingConfiguration\":{\"destinations\":[{},{}]}," ROLE "," DEF "}",
      "InvalidLoggingConfiguration", "" },
    { "foreign keys", "CreateStateMachine",
      "{\"name\":\"n\",\"encryptionConfiguration\":{\"type\":\"CUSTOMER_MANAGED_KMS_KEY\",\"kmsKeyId\":"
      "\"k\"}," ROLE "," DEF "}",
      "InvalidEncryptionConfiguration", "" },
    { "tag without a key", "CreateStateMachine",
      "{\"name\":\"n\",\"tags\":[{\"key\":\"\",\"value\":\"\"}]," ROLE "," DEF "}",
      "ValidationException", "Value '' at 'tags.1.member.key'" },
    { "published", "CreateStateMachine", "{\"name\":\"n\",\"publish\":true," ROLE "," DEF "}", NULL,
      "\"stateMachineVersionArn\":\"" WORLD_ARN ":stateMachine:n:1\"" },
    // UpdateStateMachine
    { "update nothing", "UpdateStateMachine", "{\"stateMachineArn\":\"" M "\"}",
      "MissingRequiredParameter",
      "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration "
      "must be specified" },
    { "update none", "UpdateStateMachine", "{\"stateMachineArn\":\"" M "m\"," ROLE "}",
      "StateMachineDoesNotExist", "State Machine Does Not Exist: '" M "m'" },
    { "update a version", "UpdateStateMachine", "{\"stateMachineArn\":\"" M ":1\"," ROLE "}",
      "StateMachineDoesNotExist", M ":1'" },
    { "update to the same", "UpdateStateMachine", "{\"stateMachineArn\":\"" X "\"," ROLE "}", NULL,
      "{\"updateDate\":1767225600.0}" },
    { "update", "UpdateStateMachine",
      "{\"stateMachineArn\":\"" X "\",\"roleArn\":\"arn:aws:iam::1:role/s\"}", NULL,
      "\"revisionId\":\"" },
    { "update to a bad definition", "UpdateStateMachine",
      "{\"stateMachineArn\":\"" M "\",\"definition\":\"{}\"}", "InvalidDefinition", "" },
    // DescribeStateMachine, ListStateMachines, DeleteStateMachine
    { "describe", "DescribeStateMachine", "{\"stateMachineArn\":\"" X "\"}", NULL,
      "\"status\":\"ACTIVE\",\"type\":\"EXPRESS\"" },
    { "describe without data", "DescribeStateMachine",
      "{\"stateMachineArn\":\"" M "\",\"includedData\":\"METADATA_ONLY\"}", NULL,
      "\"definition\":\"{}\"" },
    { "describe a version", "DescribeStateMachine", "{\"stateMachineArn\":\"" M ":1\"}", NULL,
      "\"stateMachineArn\":\"" M ":1\"" },
    { "describe a version's description", "DescribeStateMachine",
      "{\"stateMachineArn\":\"" M ":1\"}", NULL, "\"description\":\"one\"" },
    { "describe an alias", "DescribeStateMachine", "{\"stateMachineArn\":\"" M ":live\"}", NULL,
      "\"description\":\"d\"" },
    { "describe no version", "DescribeStateMachine", "{\"stateMachineArn\":\"" M ":3\"}",
      "StateMachineDoesNotExist", M ":3'" },
    { "list machines", "ListStateMachines", "{}", NULL, "\"name\":\"x\",\"type\":\"EXPRESS\"" },
    { "delete none", "DeleteStateMachine", "{\"stateMachineArn\":\"" M "m\"}", NULL, "{}" },
    { "delete with versions", "DeleteStateMachine", "{\"stateMachineArn\":\"" M "\"}", NULL, "{}" },
    { "delete an activity as machine", "DeleteStateMachine", "{\"stateMachineArn\":\"" A "\"}",
      "InvalidArn", "" },
    // versions
    { "publish again", "PublishStateMachineVersion", "{\"stateMachineArn\":\"" M "\"}", NULL,
      "\"stateMachineVersionArn\":\"" M ":2\"" },
    { "publish with another description", "PublishStateMachineVersion",
      "{\"stateMachineArn\":\"" M "\",\"description\":\"other\"}", "ConflictException", "" },
    { "publish another revision", "PublishStateMachineVersion",
      "{\"stateMachineArn\":\"" M "\",\"revisionId\":\"INITIAL\"}", "ConflictException",
      "Failed to publish the State Machine version for revision INITIAL" },
    { "publish the first revision", "PublishStateMachineVersion",
      "{\"stateMachineArn\":\"" X "\",\"revisionId\":\"INITIAL\"}", NULL, X ":1" },
    { "publish none", "PublishStateMachineVersion", "{\"stateMachineArn\":\"" M "m\"}",
      "StateMachineDoesNotExist", "" },
    { "list versions", "ListStateMachineVersions", "{\"stateMachineArn\":\"" M "\"}", NULL,
      "{\"stateMachineVersions\":[{\"stateMachineVersionArn\":\"" M ":2\"" },
    { "list none's versions", "ListStateMachineVersions", "{\"stateMachineArn\":\"" M "m\"}",
      "StateMachineDoesNotExist", "" },
    { "delete a version in use", "DeleteStateMachineVersion",
      "{\"stateMachineVersionArn\":\"" M ":2\"}", "ConflictException",
      "Current list of aliases referencing this version: [live]" },
    { "delete no version", "DeleteStateMachineVersion", "{\"stateMachineVersionArn\":\"" M ":9\"}",
      NULL, "{}" },
    { "delete a machine as version", "DeleteStateMachineVersion",
      "{\"stateMachineVersionArn\":\"" M "\"}", "InvalidArn", "" },
    // aliases
    { "alias again", "CreateStateMachineAlias",
      "{\"name\":\"live\",\"description\":\"d\",\"routingConfiguration\":[{\"stateMachineVersionArn\":\"" M
      ":1\",\"weight\":90},{\"stateMachineVersionArn\":\"" M ":2\",\"weight\":10}]}",
      NULL, "\"stateMachineAliasArn\":\"" M ":live\"" },
    { "alias with other routes", "CreateStateMachineAlias",
      "{\"name\":\"live\",\"routingConfiguration\":[{\"stateMachineVersionArn\":\"" M
      ":1\",\"weight\":100}]}",
      "ConflictException", "an alias with the same name and a different routing configuration" },
    { "alias of digits", "CreateStateMachineAlias",
      "{\"name\":\"12\",\"routingConfiguration\":[{\"stateMachineVersionArn\":\"" M
      ":1\",\"weight\":100}]}",
      "ValidationException", "Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_" },
    { "alias of no version", "CreateStateMachineAlias",
      "{\"name\":\"b\",\"routingConfiguration\":[{\"stateMachineVersionArn\":\"" M
      ":7\",\"weight\":100}]}",
      "ResourceNotFound", "Request references a resource that does not exist." },
    { "alias of a machine", "CreateStateMachineAlias",
      "{\"name\":\"b\",\"routingConfiguration\":[{\"stateMachineVersionArn\":\"" M
      "\",\"weight\":100}]}",
      "ValidationException",
      "Routing configuration must contain state machine version ARNs. Received: [" M "]" },
    { "alias of two machines", "CreateStateMachineAlias",
      "{\"name\":\"b\",\"routingConfiguration\":[{\"stateMachineVersionArn\":\"" M
      ":1\",\"weight\":50},{\"stateMachineVersionArn\":\"" X ":1\",\"weight\":50}]}",
      "ValidationException", "" },
    { "alias of 99", "CreateStateMachineAlias",
      "{\"name\":\"b\",\"routingConfiguration\":[{\"stateMachineVersionArn\":\"" M
      ":1\",\"weight\":99}]}",
      "ValidationException", "weights must equal 100. Received: [99]" },
    { "alias of three routes", "CreateStateMachineAlias",
      "{\"name\":\"b\",\"routingConfiguration\":[{\"weight\":1,\"stateMachineVersionArn\":\"v\"},"
      "{\"stateMachineVersionArn\":\"v\",\"weight\":1},{\"stateMachineVersionArn\":\"v\",\"weight\":1}]}",
      "ValidationException",
      "Value '[RoutingConfigurationListItem(stateMachineVersionArn=v, weight=1), " },
    { "alias without routes", "CreateStateMachineAlias",
      "{\"name\":\"b\",\"routingConfiguration\":[]}", "ValidationException",
      "Member must have length greater than or equal to 1" },
    { "describe alias", "DescribeStateMachineAlias", "{\"stateMachineAliasArn\":\"" M ":live\"}",
      NULL, "\"weight\":10}]" },
    { "describe no alias", "DescribeStateMachineAlias", "{\"stateMachineAliasArn\":\"" M ":dead\"}",
      "ResourceNotFound", "" },
    { "update alias to nothing", "UpdateStateMachineAlias",
      "{\"stateMachineAliasArn\":\"" M ":live\"}", "ValidationException", "" },
    { "update no alias", "UpdateStateMachineAlias",
      "{\"stateMachineAliasArn\":\"" M ":dead\",\"description\":\"e\"}", "ResourceNotFound", "" },
    { "update alias", "UpdateStateMachineAlias",
      "{\"stateMachineAliasArn\":\"" M
      ":live\",\"routingConfiguration\":[{\"stateMachineVersionArn\":\"" M ":2\",\"weight\":100}]}",
      NULL, "updateDate" },
    { "list aliases", "ListStateMachineAliases", "{\"stateMachineArn\":\"" M "\"}", NULL,
      M ":live" },
    { "list a version's aliases", "ListStateMachineAliases", "{\"stateMachineArn\":\"" M ":2\"}",
      NULL, M ":live" },
    { "list other aliases", "ListStateMachineAliases", "{\"stateMachineArn\":\"" X "\"}", NULL,
      "{\"stateMachineAliases\":[]}" },
    { "delete alias", "DeleteStateMachineAlias", "{\"stateMachineAliasArn\":\"" M ":live\"}", NULL,
      "{}" },
    { "delete no alias", "DeleteStateMachineAlias", "{\"stateMachineAliasArn\":\"" M ":dead\"}",
      "ResourceNotFound", "" },
    // tags
    { "tag none", "TagResource", "{\"resourceArn\":\"" M "m\",\"tags\":[]}", "ResourceNotFound",
      "Resource not found: '" M "m'" },
    { "tag a version", "TagResource", "{\"resourceArn\":\"" M ":1\",\"tags\":[]}",
      "ResourceNotFound", "Resource not found: '" M ":1'" },
    { "tag without a value", "TagResource",
      "{\"resourceArn\":\"" M "\",\"tags\":[{\"key\":\"k\",\"value\":null}]}",
      "ValidationException", "Value null at 'tags.1.member.value'" },
    { "tag an execution", "TagResource",
      "{\"resourceArn\":\"" WORLD_ARN ":execution:m:e\",\"tags\":[]}", "InvalidArn", "" },
    { "untag what is not there", "UntagResource", "{\"resourceArn\":\"" A "\",\"tagKeys\":[\"k\"]}",
      NULL, "{}" },
    { "no tags", "ListTagsForResource", "{\"resourceArn\":\"" A "\"}", NULL, "{\"tags\":[]}" },
    // ValidateStateMachineDefinition, TestState
    { "valid", "ValidateStateMachineDefinition", "{" DEF "}", NULL,
      "\"result\":\"OK\",\"diagnostics\":[]" },
    { "not valid", "ValidateStateMachineDefinition", "{\"definition\":\"{}\"}", NULL,
      "\"result\":\"FAIL\"" },
    { "two faults, one shown", "ValidateStateMachineDefinition",
      "{\"definition\":\"{\\\"StartAt\\\":\\\"P\\\",\\\"States\\\":{\\\"P\\\":{\\\"Type\\\":\\\"Pass\\\","
      "\\\"Next\\\":\\\"N\\\"},\\\"Q\\\":{\\\"Type\\\":\\\"Pass\\\",\\\"Next\\\":\\\"N\\\"}}}\",\"maxResults\":1}",
      NULL, "\"truncated\":true" },
    { "test a state", "TestState",
      "{\"definition\":\"{\\\"Type\\\":\\\"Pass\\\",\\\"End\\\":true}\",\"input\":\"{\\\"a\\\":1}\"," ROLE
      "}",
      NULL, "\"status\":\"SUCCEEDED\"" },
    { "test no state", "TestState", "{\"definition\":\"{}\"," ROLE "}", "InvalidDefinition", "" },
};

static void each_row(void **state)
{
    const struct row *row = *state;
    struct states_world world;
    build(&world);
    const size_t answers = world.answers;
    world_ask_text(&world, row->op, row->body);
    assert_int_equal(world.answers, answers + 1);
    assert_string_equal(world.error, row->error ? row->error : "");
    assert_int_equal(world.status, row->error ? 400 : 200);
    sr_assert_contains(world.text, row->part);
    if (row->error)
        sr_assert_contains(world_get(&world, "__type"), row->error);
    world_close(&world);
}
SR_TEST_ROWS(rows, each_row)
