#include "statemachine/asl_mock.h"

#include <stdarg.h>
#include <string.h>

enum kind { K_ANY, K_TEXT, K_WHOLE, K_NUMBER, K_BOOL, K_LIST, K_MAP, K_OBJECT, K_BLOB };

struct shape {
    const char *name;  // NULL ends a table
    enum kind kind;
    const struct shape *of;  // members, or the one shape of elements
    long long min, max;      // of numbers, or of lengths; both 0: no limit
    const char *words;       // " A B ": the only values; NULL: any
    bool required;
};
#define END                                                                                        \
    {                                                                                              \
        NULL, K_ANY, NULL, 0, 0, NULL, false                                                       \
    }
#define PLAIN(name, kind)                                                                          \
    {                                                                                              \
        name, kind, NULL, 0, 0, NULL, false                                                        \
    }
#define NEST(name, kind, of)                                                                       \
    {                                                                                              \
        name, kind, of, 0, 0, NULL, false                                                          \
    }
#define LIMIT(name, kind, min, max)                                                                \
    {                                                                                              \
        name, kind, NULL, min, max, NULL, false                                                    \
    }
#define WORDS(name, words)                                                                         \
    {                                                                                              \
        name, K_TEXT, NULL, 0, 0, words, false                                                     \
    }
#define MUST(name, kind, min, max)                                                                 \
    {                                                                                              \
        name, kind, NULL, min, max, NULL, true                                                     \
    }
#define MUST_WORDS(name, words)                                                                    \
    {                                                                                              \
        name, K_TEXT, NULL, 0, 0, words, true                                                      \
    }

static const struct shape text_element = PLAIN("", K_TEXT);

static const struct shape lambda_invoke[] = {
    PLAIN("StatusCode", K_WHOLE), PLAIN("FunctionError", K_TEXT),
    PLAIN("LogResult", K_TEXT),   LIMIT("ExecutedVersion", K_TEXT, 1, 1024),
    PLAIN("Payload", K_ANY),      END,
};
static const struct shape lambda_environment[] = { NEST("Variables", K_MAP, &text_element), END };
static const struct shape lambda_configuration[] = {
    PLAIN("FunctionName", K_TEXT),
    PLAIN("FunctionArn", K_TEXT),
    PLAIN("Runtime", K_TEXT),
    PLAIN("Role", K_TEXT),
    LIMIT("Handler", K_TEXT, 0, 128),
    PLAIN("CodeSize", K_WHOLE),
    LIMIT("Description", K_TEXT, 0, 256),
    LIMIT("Timeout", K_WHOLE, 1, 0),
    LIMIT("MemorySize", K_WHOLE, 128, 10240),
    PLAIN("LastModified", K_TEXT),
    PLAIN("CodeSha256", K_TEXT),
    LIMIT("Version", K_TEXT, 1, 1024),
    NEST("Environment", K_OBJECT, lambda_environment),
    PLAIN("KMSKeyArn", K_TEXT),
    PLAIN("RevisionId", K_TEXT),
    WORDS("State", " Pending Active Inactive Failed "),
    PLAIN("StateReason", K_TEXT),
    WORDS("LastUpdateStatus", " Successful Failed InProgress "),
    WORDS("PackageType", " Zip Image "),
    END,
};
static const struct shape lambda_code[] = { PLAIN("RepositoryType", K_TEXT),
                                            PLAIN("Location", K_TEXT), PLAIN("ImageUri", K_TEXT),
                                            PLAIN("ResolvedImageUri", K_TEXT), END };
static const struct shape lambda_concurrency[] = {
    LIMIT("ReservedConcurrentExecutions", K_WHOLE, 0, 1LL << 31), END
};
static const struct shape lambda_get_function[] = {
    NEST("Configuration", K_OBJECT, lambda_configuration),
    NEST("Code", K_OBJECT, lambda_code),
    NEST("Tags", K_MAP, &text_element),
    NEST("Concurrency", K_OBJECT, lambda_concurrency),
    END,
};
static const struct shape s3_get_object[] = {
    PLAIN("Body", K_ANY),
    PLAIN("DeleteMarker", K_BOOL),
    PLAIN("AcceptRanges", K_TEXT),
    PLAIN("Expiration", K_TEXT),
    PLAIN("Restore", K_TEXT),
    PLAIN("LastModified", K_TEXT),
    PLAIN("ContentLength", K_WHOLE),
    PLAIN("ETag", K_TEXT),
    PLAIN("ChecksumCRC32", K_TEXT),
    PLAIN("ChecksumSHA1", K_TEXT),
    PLAIN("ChecksumSHA256", K_TEXT),
    PLAIN("MissingMeta", K_WHOLE),
    PLAIN("VersionId", K_TEXT),
    PLAIN("CacheControl", K_TEXT),
    PLAIN("ContentDisposition", K_TEXT),
    PLAIN("ContentEncoding", K_TEXT),
    PLAIN("ContentLanguage", K_TEXT),
    PLAIN("ContentRange", K_TEXT),
    PLAIN("ContentType", K_TEXT),
    PLAIN("Expires", K_TEXT),
    PLAIN("WebsiteRedirectLocation", K_TEXT),
    WORDS("ServerSideEncryption", " AES256 aws:fsx aws:kms aws:kms:dsse "),
    NEST("Metadata", K_MAP, &text_element),
    PLAIN("SSECustomerAlgorithm", K_TEXT),
    PLAIN("SSEKMSKeyId", K_TEXT),
    PLAIN("BucketKeyEnabled", K_BOOL),
    WORDS(
        "StorageClass",
        " STANDARD REDUCED_REDUNDANCY STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER DEEP_ARCHIVE "
        "OUTPOSTS GLACIER_IR SNOW EXPRESS_ONEZONE FSX_OPENZFS FSX_ONTAP "),
    WORDS("RequestCharged", " requester "),
    WORDS("ReplicationStatus", " COMPLETE PENDING FAILED REPLICA COMPLETED "),
    PLAIN("PartsCount", K_WHOLE),
    PLAIN("TagCount", K_WHOLE),
    WORDS("ObjectLockMode", " GOVERNANCE COMPLIANCE "),
    PLAIN("ObjectLockRetainUntilDate", K_TEXT),
    WORDS("ObjectLockLegalHoldStatus", " ON OFF "),
    END,
};
static const struct shape dynamodb_attribute_members[];
static const struct shape dynamodb_attribute = NEST("", K_OBJECT, dynamodb_attribute_members);
static const struct shape dynamodb_attribute_members[] = {
    PLAIN("S", K_TEXT),
    PLAIN("N", K_TEXT),
    PLAIN("B", K_BLOB),
    NEST("SS", K_LIST, &text_element),
    NEST("NS", K_LIST, &text_element),
    NEST("BS", K_LIST, &text_element),
    NEST("M", K_MAP, &dynamodb_attribute),
    NEST("L", K_LIST, &dynamodb_attribute),
    PLAIN("NULL", K_BOOL),
    PLAIN("BOOL", K_BOOL),
    END,
};
static const struct shape dynamodb_capacity_part[] = { PLAIN("CapacityUnits", K_NUMBER),
                                                       PLAIN("ReadCapacityUnits", K_NUMBER),
                                                       PLAIN("WriteCapacityUnits", K_NUMBER), END };
static const struct shape dynamodb_capacity_index = NEST("", K_OBJECT, dynamodb_capacity_part);
static const struct shape dynamodb_capacity[] = {
    LIMIT("TableName", K_TEXT, 1, 1024),
    PLAIN("CapacityUnits", K_NUMBER),
    PLAIN("ReadCapacityUnits", K_NUMBER),
    PLAIN("WriteCapacityUnits", K_NUMBER),
    NEST("Table", K_OBJECT, dynamodb_capacity_part),
    NEST("LocalSecondaryIndexes", K_MAP, &dynamodb_capacity_index),
    NEST("GlobalSecondaryIndexes", K_MAP, &dynamodb_capacity_index),
    END,
};
static const struct shape number_element = PLAIN("", K_NUMBER);
static const struct shape dynamodb_metrics[] = {
    NEST("ItemCollectionKey", K_MAP, &dynamodb_attribute),
    NEST("SizeEstimateRangeGB", K_LIST, &number_element), END
};
static const struct shape dynamodb_write[] = {
    NEST("Attributes", K_MAP, &dynamodb_attribute),
    NEST("ConsumedCapacity", K_OBJECT, dynamodb_capacity),
    NEST("ItemCollectionMetrics", K_OBJECT, dynamodb_metrics), END
};
static const struct shape dynamodb_read[] = { NEST("Item", K_MAP, &dynamodb_attribute),
                                              NEST("ConsumedCapacity", K_OBJECT, dynamodb_capacity),
                                              END };
static const struct shape events_entry_members[] = { PLAIN("EventId", K_TEXT),
                                                     PLAIN("ErrorCode", K_TEXT),
                                                     PLAIN("ErrorMessage", K_TEXT), END };
static const struct shape events_entry = NEST("", K_OBJECT, events_entry_members);
static const struct shape events_put[] = { PLAIN("FailedEntryCount", K_WHOLE),
                                           NEST("Entries", K_LIST, &events_entry), END };
#define KMS_ALGORITHMS " SYMMETRIC_DEFAULT RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256 SM2PKE "
static const struct shape kms_encrypt[] = { LIMIT("CiphertextBlob", K_BLOB, 1, 6144),
                                            LIMIT("KeyId", K_TEXT, 1, 2048),
                                            WORDS("EncryptionAlgorithm", KMS_ALGORITHMS), END };
static const struct shape kms_decrypt[] = { LIMIT("KeyId", K_TEXT, 1, 2048),
                                            LIMIT("Plaintext", K_BLOB, 1, 4096),
                                            WORDS("EncryptionAlgorithm", KMS_ALGORITHMS), END };
static const struct shape states_start[] = { MUST("ExecutionArn", K_TEXT, 1, 256),
                                             MUST("StartDate", K_TEXT, 0, 0), END };
static const struct shape states_describe[] = {
    MUST("ExecutionArn", K_TEXT, 1, 256),
    MUST("StateMachineArn", K_TEXT, 1, 256),
    LIMIT("Name", K_TEXT, 1, 80),
    MUST_WORDS("Status", " RUNNING SUCCEEDED FAILED TIMED_OUT ABORTED PENDING_REDRIVE "),
    MUST("StartDate", K_TEXT, 0, 0),
    PLAIN("StopDate", K_TEXT),
    PLAIN("Input", K_ANY),
    PLAIN("Output", K_ANY),
    PLAIN("Error", K_TEXT),
    PLAIN("Cause", K_TEXT),
    PLAIN("RedriveCount", K_WHOLE),
    END,
};
static const struct shape sqs_send[] = { PLAIN("MD5OfMessageBody", K_TEXT),
                                         PLAIN("MD5OfMessageAttributes", K_TEXT),
                                         PLAIN("MD5OfMessageSystemAttributes", K_TEXT),
                                         PLAIN("MessageId", K_TEXT),
                                         PLAIN("SequenceNumber", K_TEXT),
                                         END };
static const struct shape sns_publish[] = { PLAIN("MessageId", K_TEXT),
                                            PLAIN("SequenceNumber", K_TEXT), END };

static const struct service {
    const char *type, *action;
    const struct shape *members;
} services[] = {
    { "lambda", "invoke", lambda_invoke },
    { "aws-sdk:lambda", "getFunction", lambda_get_function },
    { "aws-sdk:lambda", "invoke", lambda_invoke },
    { "aws-sdk:s3", "getObject", s3_get_object },
    { "dynamodb", "putItem", dynamodb_write },
    { "dynamodb", "updateItem", dynamodb_write },
    { "dynamodb", "deleteItem", dynamodb_write },
    { "dynamodb", "getItem", dynamodb_read },
    { "aws-sdk:dynamodb", "putItem", dynamodb_write },
    { "aws-sdk:dynamodb", "updateItem", dynamodb_write },
    { "aws-sdk:dynamodb", "deleteItem", dynamodb_write },
    { "aws-sdk:dynamodb", "getItem", dynamodb_read },
    { "events", "putEvents", events_put },
    { "aws-sdk:eventbridge", "putEvents", events_put },
    { "aws-sdk:kms", "encrypt", kms_encrypt },
    { "aws-sdk:kms", "decrypt", kms_decrypt },
    { "states", "startExecution", states_start },
    { "aws-sdk:sfn", "startExecution", states_start },
    { "states", "startExecution.sync", states_describe },
    { "states", "startExecution.sync:2", states_describe },
    { "aws-sdk:sfn", "describeExecution", states_describe },
    { "sqs", "sendMessage", sqs_send },
    { "aws-sdk:sqs", "sendMessage", sqs_send },
    { "sns", "publish", sns_publish },
    { "aws-sdk:sns", "publish", sns_publish },
};

struct check {
    enum asl_mock_mode mode;
    char **ret_reason;
};

static bool wrong(const struct check *check, const char *format, ...) SR_PRINTF(2, 3);
static bool wrong(const struct check *check, const char *format, ...)
{
    struct sr_err ignored = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    va_list args;
    va_start(args, format);
    if (sr_str_add(&text, "Mock result schema validation error: ", &ignored) &&
        sr_str_vaddf(&text, &ignored, format, args))
        *check->ret_reason = sr_str_take(&text);
    va_end(args);
    return false;
}

static bool fits(const struct check *check, const struct shape *shape, const char *name,
                 const json_t *value);

static bool members_fit(const struct check *check, const struct shape *members, const json_t *value)
{
    for (const struct shape *shape = members; shape->name; shape++) {
        if (shape->required && check->mode == ASL_MOCK_STRICT &&
            !json_object_get(value, shape->name))
            return wrong(check, "Required field '%s' is missing", shape->name);
    }
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        const struct shape *shape = members;
        while (shape->name && strcmp(shape->name, key) != 0)
            shape++;
        if (shape->name && !fits(check, shape, key, member))
            return false;
    }
    return true;
}

static bool text_fits(const struct check *check, const struct shape *shape, const char *name,
                      const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text)
        return wrong(check, "Field '%s' must be a string", name);
    const long long length = (long long)strlen(text);
    if (shape->min && length < shape->min)
        return wrong(check, "Field '%s' is smaller than the minimum length", name);
    if (shape->max && length > shape->max)
        return wrong(check, "Field '%s' exceeds the maximum length", name);
    char word[80];
    if (shape->words &&
        (!sr_format(word, sizeof word, " %s ", text) || !strstr(shape->words, word)))
        return wrong(check, "Field '%s' is not an expected value", name);
    return true;
}

static bool number_fits(const struct check *check, const struct shape *shape, const char *name,
                        const json_t *value)
{
    if (shape->kind == K_WHOLE ? !json_is_integer(value) : !json_is_number(value))
        return wrong(check, "Field '%s' must be a number", name);
    if (shape->min && json_number_value(value) < (double)shape->min)
        return wrong(check, "Field '%s' is less than the minimum value", name);
    if (shape->max && json_number_value(value) > (double)shape->max)
        return wrong(check, "Field '%s' exceeds the maximum value", name);
    return true;
}

static bool fits(const struct check *check, const struct shape *shape, const char *name,
                 const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    switch (shape->kind) {
    case K_ANY: return true;
    case K_TEXT:
    case K_BLOB: return text_fits(check, shape, name, value);
    case K_WHOLE:
    case K_NUMBER: return number_fits(check, shape, name, value);
    case K_BOOL:
        return json_is_boolean(value) || wrong(check, "Field '%s' must be a boolean", name);
    case K_LIST:
        if (!json_is_array(value))
            return wrong(check, "Field '%s' must be an array", name);
        json_array_foreach(value, i, member)
        {
            if (!fits(check, shape->of, name, member))
                return false;
        }
        return true;
    case K_MAP:
        if (!json_is_object(value))
            return wrong(check, "Field '%s' must be an object", name);
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            if (!fits(check, shape->of, name, member))
                return false;
        }
        return true;
    case K_OBJECT:
        return json_is_object(value) ? members_fit(check, shape->of, value)
                                     : wrong(check, "Field '%s' must be an object", name);
    }
    return true;
}

bool asl_mock_fits(const struct asl_resource *resource, const json_t *result,
                   enum asl_mock_mode mode, char **ret_reason)
{
    const struct check check = { mode, ret_reason };
    if (mode == ASL_MOCK_NONE || resource->kind != ASL_TASK_SERVICE || json_is_null(result))
        return true;
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        if (strcmp(services[i].type, resource->type) != 0 ||
            strcmp(services[i].action, resource->action) != 0)
            continue;
        if (!json_is_object(result))
            return wrong(&check, "the result must be an object");
        return members_fit(&check, services[i].members, result);
    }
    return true;
}
