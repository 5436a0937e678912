// State machines: create, update, delete, describe, list.
#include <string.h>

#include "service/states_priv.h"

// --- what is given ---

static bool check_role(struct states_call *call)
{
    const char *role = states_text(call, "roleArn");
    return !role || strncmp(role, "arn:", 4) == 0 ||
           states_refuse(call, "InvalidArn", "Invalid Role Arn: '%s'", role);
}

static bool check_publish(struct states_call *call)
{
    return states_bool(call, "publish") || !states_text(call, "versionDescription") ||
           states_refuse(call, "ValidationException",
                         "Version description can only be set when publish is true");
}

// Spec: LoggingConfiguration: a level other than OFF needs a destination, and there is one at most.
static bool check_settings(struct states_call *call)
{
    const json_t *logging = json_object_get(call->request, "loggingConfiguration");
    const json_t *encryption = json_object_get(call->request, "encryptionConfiguration");
    const char *level = json_string_value(json_object_get(logging, "level"));
    const size_t count = json_array_size(json_object_get(logging, "destinations"));
    const json_t *group = json_object_get(
        json_array_get(json_object_get(logging, "destinations"), 0), "cloudWatchLogsLogGroup");
    const char *arn = json_string_value(json_object_get(group, "logGroupArn"));
    if (count > 1 || (!count && level && strcmp(level, "OFF") != 0))
        return states_refuse(call, "InvalidLoggingConfiguration",
                             "Invalid Logging Configuration: Must specify exactly one Log "
                             "Destination.");
    if (count && (!arn || strncmp(arn, "arn:", 4) != 0))
        return states_refuse(call, "InvalidLoggingConfiguration",
                             "Invalid Logging Configuration: The Log Destination is not valid.");
    const char *key = json_string_value(json_object_get(encryption, "type"));
    return !key || strcmp(key, "AWS_OWNED_KEY") == 0 ||
           states_refuse(call, "InvalidEncryptionConfiguration",
                         "Invalid Encryption Configuration: keys of a key service are not "
                         "supported here.");
}

// Members of the request that are kept with a revision; NULL text: none given, and `base` is kept.
static bool settings_text(const struct states_call *call, const char *base, char **ret_text,
                          struct sr_err *err)
{
    static const char *const names[] = { "loggingConfiguration", "tracingConfiguration",
                                         "encryptionConfiguration" };
    sr_auto(json) json_t *settings = NULL;
    if (base && !jx_parse(base, strlen(base), false, &settings, err))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *given = json_object_get(call->request, names[i]);
        if (!json_is_object(given) || (!json_object_size(given) && !base))
            continue;
        settings = settings ? settings : json_object();
        if (!jx_put(settings, names[i], json_incref(given), err))
            return false;
    }
    *ret_text = NULL;
    if (!settings)
        return true;
    *ret_text = json_dumps(settings, JSON_COMPACT | JSON_SORT_KEYS);
    return *ret_text || sr_fail(err, SR_ERR_NO_MEMORY, "settings");
}

// Spec: InvalidDefinition: 'CODE: message at location', one after the other.
static bool refuse_definition(struct states_call *call, const struct asl_faults *faults)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    bool good = true;
    for (size_t i = 0; good && i < faults->count; i++) {
        const struct asl_fault *fault = &faults->items[i];
        good = sr_str_addf(&text, &err, "%s%s: %s%s%s", i ? ", " : "", fault->code, fault->message,
                           fault->location ? " at " : "", fault->location ? fault->location : "");
    }
    if (!good)
        return states_refuse_err(call, &err);
    return states_refuse(call, "InvalidDefinition", "Invalid State Machine Definition: '%s'",
                         sr_str_text(&text));
}

static bool check_definition(struct states_call *call, enum asl_machine_type type)
{
    struct sr_err err = { 0 };
    sr_auto(asl_faults) struct asl_faults faults = { 0 };
    sr_auto(json) json_t *json = NULL;
    const char *text = states_text(call, "definition");
    if (!text)
        return true;
    if (!asl_check_text(text, states_text_bytes(call, "definition"), type, &faults, &json, &err))
        return states_refuse_err(call, &err);
    return faults.count == 0 || refuse_definition(call, &faults);
}

// --- CreateStateMachine ---

static enum asl_machine_type type_of(const struct states_call *call)
{
    const char *type = states_text(call, "type");
    return type && strcmp(type, "EXPRESS") == 0 ? ASL_EXPRESS : ASL_STANDARD;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

// The answer to a creation or publication.
static bool answer_created(struct states_call *call, const char *arn, int64_t created_us,
                           const char *version, struct sr_err *err)
{
    sr_auto(json) json_t *result =
        json_pack("{s:s, s:o}", "stateMachineArn", arn, "creationDate", states_time(created_us));
    if (!jx_made(result, err) ||
        (version && !jx_put(result, "stateMachineVersionArn", json_string(version), err)))
        return false;
    (void)states_result(call, sr_take(result));
    return true;
}

// Spec: CreateStateMachine is idempotent over name, definition, type and configurations; roleArn and tags
// are not compared, and the first ones stay.
static bool create_again(struct states_call *call, const struct store *store,
                         const struct states_machine *machine, const char *settings, int64_t now_us,
                         struct sr_err *err)
{
    sr_auto(char) char *version = NULL;
    int64_t created_us;
    const bool equal = machine->type == (int)type_of(call) &&
                       same(machine->definition, states_text(call, "definition")) &&
                       same(machine->settings, settings);
    if (!equal)
        return states_refuse(call, "StateMachineAlreadyExists",
                             "State Machine Already Exists: '%s'", machine->arn);
    if (states_bool(call, "publish") &&
        !states_publish(call, store, machine->arn, machine->revision,
                        states_text(call, "versionDescription"), now_us, &version, &created_us,
                        err))
        return false;
    return answer_created(call, machine->arn, machine->created_us, version, err);
}

static bool put_new(struct states_call *call, const struct store *store, const char *settings,
                    int64_t now_us, char **ret_version, struct sr_err *err)
{
    int64_t count, revision, created_us;
    const struct store_machine machine = {
        .arn = call->arn,
        .name = states_text(call, "name"),
        .definition = states_text(call, "definition"),
        .role = states_text(call, "roleArn"),
        .type = (int)type_of(call),
        .settings = settings,
        .created_us = now_us,
    };
    if (!store->ops->count(store->self, STORE_MACHINES, NULL, &count, err))
        return false;
    if (count >= STATES_MACHINES_MAX)
        return states_refuse(call, "StateMachineLimitExceeded",
                             "State Machine Limit Exceeded: there are %d", STATES_MACHINES_MAX);
    return store->ops->machine_put(store->self, &machine, &revision, err) &&
           states_tags_put(call, store, call->arn, "tags", err) &&
           (!states_bool(call, "publish") || states_publish(call, store, call->arn, revision,
                                                            states_text(call, "versionDescription"),
                                                            now_us, ret_version, &created_us, err));
}

static bool create_record(struct states_call *call, const struct store *store, int64_t now_us,
                          struct sr_err *err)
{
    sr_auto(states_machine) struct states_machine machine = { 0 };
    sr_auto(char) char *settings = NULL;
    sr_auto(char) char *version = NULL;
    if (!settings_text(call, NULL, &settings, err))
        return false;
    if (states_machine_get(call, store, call->arn, &machine, err))
        return create_again(call, store, &machine, settings, now_us, err);
    if (err->code != SR_OK)
        return false;
    call->error = NULL;  // that it is not there is what we want
    return put_new(call, store, settings, now_us, &version, err) &&
           answer_created(call, call->arn, now_us, version, err);
}

static enum states_next create_machine(struct states_call *call)
{
    struct sr_err err = { 0 };
    if (!states_name_check(call, "name") || !check_publish(call) || !check_role(call) ||
        !check_settings(call) || !check_definition(call, type_of(call)))
        return STATES_ANSWER;
    call->arn =
        sr_strf(&err, "%s:stateMachine:%s", call->api->arn_prefix, states_text(call, "name"));
    if (call->arn)
        return states_record(call, create_record);
    (void)states_refuse_err(call, &err);
    return STATES_ANSWER;
}

// --- UpdateStateMachine ---

struct update {
    struct states_machine machine;
    char *settings, *version;
    char uuid[37];
    bool changed;
    int64_t updated_us;
};

static void update_done(struct update *update)
{
    states_machine_done(&update->machine);
    sr_free_char(update->settings);
    sr_free_char(update->version);
}
SR_DEFINE_AUTO_VALUE(update, struct update, update_done);

static bool put_revision(struct states_call *call, const struct store *store, int64_t now_us,
                         struct update *update, struct sr_err *err)
{
    const char *definition = states_text(call, "definition"), *role = states_text(call, "roleArn");
    const struct states_machine *machine = &update->machine;
    const struct store_machine next = { .arn = machine->arn,
                                        .name = machine->name,
                                        .definition = definition ? definition : machine->definition,
                                        .role = role ? role : machine->role,
                                        .type = machine->type,
                                        .uuid = update->uuid,
                                        .settings = update->settings,
                                        .created_us = machine->created_us,
                                        .revised_us = now_us };
    update->changed = !same(next.definition, machine->definition) ||
                      !same(next.role, machine->role) || !same(next.settings, machine->settings);
    return !update->changed ||
           (states_uuid(now_us, update->uuid, err) &&
            store->ops->machine_put(store->self, &next, &update->machine.revision, err));
}

static bool update_record(struct states_call *call, const struct store *store, int64_t now_us,
                          struct sr_err *err)
{
    sr_auto(update) struct update update = { 0 };
    const struct states_machine *machine = &update.machine;
    int64_t ignored;
    if (!states_machine_get(call, store, states_text(call, "stateMachineArn"), &update.machine,
                            err) ||
        !check_definition(call, (enum asl_machine_type)machine->type) ||
        !settings_text(call, machine->settings, &update.settings, err) ||
        !put_revision(call, store, now_us, &update, err))
        return false;
    if (states_bool(call, "publish") &&
        !states_publish(call, store, machine->arn, machine->revision,
                        states_text(call, "versionDescription"), now_us, &update.version, &ignored,
                        err))
        return false;
    const char *uuid = update.changed ? update.uuid : machine->uuid;
    sr_auto(json) json_t *result = json_pack(
        "{s:o}", "updateDate", states_time(update.changed ? now_us : machine->revised_us));
    if (!jx_made(result, err) || (uuid && !jx_put(result, "revisionId", json_string(uuid), err)) ||
        (update.version &&
         !jx_put(result, "stateMachineVersionArn", json_string(update.version), err)))
        return false;
    (void)states_result(call, sr_take(result));
    return true;
}

static enum states_next update_machine(struct states_call *call)
{
    static const char *const members[] = { "definition", "roleArn", "loggingConfiguration",
                                           "tracingConfiguration", "encryptionConfiguration" };
    bool any = false;
    struct states_arn arn;
    const char *text = states_arn(call, "stateMachineArn",
                                  STATES_ARN_MACHINE | STATES_ARN_VERSION | STATES_ARN_ALIAS, &arn);
    if (!text)
        return STATES_ANSWER;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *value = json_object_get(call->request, members[i]);
        any = any || (value && !json_is_null(value));
    }
    if (arn.kind != STATES_ARN_MACHINE) {
        (void)states_no_machine(call, text);
        return STATES_ANSWER;
    }
    if (!any) {
        (void)states_refuse(call, "MissingRequiredParameter",
                            "Either the definition, the role ARN, the LoggingConfiguration, or the "
                            "TracingConfiguration must be specified");
        return STATES_ANSWER;
    }
    if (!check_publish(call) || !check_role(call) || !check_settings(call))
        return STATES_ANSWER;
    return states_record(call, update_record);
}

// --- DeleteStateMachine ---

// Spec: DeleteStateMachine of one that is not there succeeds. Executions that run go on to their end.
static bool delete_record(struct states_call *call, const struct store *store, int64_t now_us,
                          struct sr_err *err)
{
    (void)now_us;
    (void)states_result(call, json_object());
    if (store->ops->machine_drop(store->self, states_text(call, "stateMachineArn"), err))
        return true;
    const bool gone = err->code == SR_ERR_NOT_FOUND;
    if (gone)
        *err = (struct sr_err){ 0 };
    return gone;
}

static enum states_next delete_machine(struct states_call *call)
{
    if (!states_arn(call, "stateMachineArn", STATES_ARN_MACHINE, NULL))
        return STATES_ANSWER;
    return states_record(call, delete_record);
}

// --- DescribeStateMachine ---

struct described {
    struct states_call *call;
    const struct store *reader;
    const char *arn;     // what was asked for
    int64_t created_us;  // of the version or alias; 0: the machine's
    int64_t revision;    // of the version
    char *description;   // of the version or alias
    char *version;       // an alias's
    json_t *result;
};

static bool describe_here(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct described *described = self;
    const char *included = states_text(described->call, "includedData");
    json_t *json = NULL;
    if (!states_machine_json(machine, included && strcmp(included, "METADATA_ONLY") == 0, &json,
                             err))
        return false;
    described->result = json;
    const int64_t created_us = described->created_us ? described->created_us : machine->created_us;
    return jx_put(json, "stateMachineArn", json_string(described->arn), err) &&
           jx_put(json, "status", json_string("ACTIVE"), err) &&
           jx_put(json, "type", json_string(machine->type == ASL_EXPRESS ? "EXPRESS" : "STANDARD"),
                  err) &&
           jx_put(json, "creationDate", states_time(created_us), err) &&
           (!described->description ||
            jx_put(json, "description", json_string(described->description), err));
}

static bool describe_version(void *self, const struct store_version *version, struct sr_err *err)
{
    struct described *described = self;
    described->revision = version->revision;
    if (described->version)
        return true;  // an alias has its own words and time
    described->created_us = version->created_us;
    described->description = version->description ? sr_str_dup(version->description, err) : NULL;
    return !version->description || described->description;
}

static bool describe_alias(void *self, const struct store_alias *alias, struct sr_err *err)
{
    struct described *described = self;
    described->created_us = alias->created_us;
    described->description = alias->description ? sr_str_dup(alias->description, err) : NULL;
    described->version = sr_str_dup(alias->routes[0].version, err);
    return described->version && (!alias->description || described->description);
}

// An alias of two versions is described as its first one.
static bool describe_read(struct described *described, enum states_arn_kind kind,
                          struct sr_err *err)
{
    const struct store *reader = described->reader;
    if (kind == STATES_ARN_MACHINE)
        return reader->ops->machine_get(reader->self, described->arn, describe_here, described,
                                        err);
    if (kind == STATES_ARN_ALIAS &&
        !reader->ops->alias_get(reader->self, described->arn, describe_alias, described, err))
        return false;
    return reader->ops->version_get(reader->self,
                                    described->version ? described->version : described->arn,
                                    describe_version, described, err) &&
           reader->ops->revision_get(reader->self, described->revision, describe_here, described,
                                     err);
}

static enum states_next describe_machine(struct states_call *call)
{
    struct sr_err err = { 0 };
    struct states_arn arn;
    struct described described = { .call = call };
    described.arn = states_arn(call, "stateMachineArn",
                               STATES_ARN_MACHINE | STATES_ARN_VERSION | STATES_ARN_ALIAS, &arn);
    if (!described.arn)
        return STATES_ANSWER;
    described.reader = states_reader_lock(call->api);
    const bool found = describe_read(&described, arn.kind, &err);
    states_reader_unlock(call->api);
    sr_free_char(described.description);
    sr_free_char(described.version);
    if (found)
        return states_result(call, described.result);
    json_decref(described.result);
    (void)(err.code == SR_ERR_NOT_FOUND ? states_no_machine(call, described.arn)
                                        : states_refuse_err(call, &err));
    return STATES_ANSWER;
}

// --- ListStateMachines ---

static bool list_here(void *self, const struct store_machine *machine, struct sr_err *err)
{
    json_t *entry =
        json_pack("{s:s, s:s, s:s, s:o}", "stateMachineArn", machine->arn, "name", machine->name,
                  "type", machine->type == ASL_EXPRESS ? "EXPRESS" : "STANDARD", "creationDate",
                  states_time(machine->created_us));
    return states_list_add(self, entry, machine->arn, err);
}

static bool list_read(const struct store *reader, struct states_list *list, const char *start,
                      struct sr_err *err)
{
    return reader->ops->machine_each(reader->self, start, list_here, list, err);
}

static enum states_next list_machines(struct states_call *call)
{
    return states_list(call, "stateMachines", list_read);
}

// --- the table ---

static const char *const levels[] = { "ALL", "ERROR", "FATAL", "OFF", NULL };
static const char *const keys[] = { "AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY", NULL };
static const char *const types[] = { "STANDARD", "EXPRESS", NULL };
static const char *const included[] = { "ALL_DATA", "METADATA_ONLY", NULL };

static const struct states_field group_fields[] = {
    { .name = "logGroupArn", .type = STATES_TEXT, .min = 1, .max = STATES_ARN_MAX },
    { .name = NULL },
};
static const struct states_field destination_fields[] = {
    { .name = "cloudWatchLogsLogGroup", .type = STATES_STRUCT, .members = group_fields },
    { .name = NULL },
};
static const struct states_field logging_fields[] = {
    { .name = "level", .type = STATES_TEXT, .words = levels },
    { .name = "includeExecutionData", .type = STATES_BOOL },
    { .name = "destinations",
      .type = STATES_LIST,
      .members = destination_fields,
      .shape = "LogDestination" },
    { .name = NULL },
};
static const struct states_field tracing_fields[] = {
    { .name = "enabled", .type = STATES_BOOL },
    { .name = NULL },
};
const struct states_field states_encryption_fields[] = {
    { .name = "kmsKeyId", .type = STATES_TEXT, .min = 1, .max = 2048 },
    { .name = "kmsDataKeyReusePeriodSeconds", .type = STATES_INT, .min = 60, .max = 900 },
    { .name = "type", .type = STATES_TEXT, .required = true, .words = keys },
    { .name = NULL },
};

#define SETTINGS_FIELDS                                                                            \
    { .name = "loggingConfiguration", .type = STATES_STRUCT, .members = logging_fields },          \
        { .name = "tracingConfiguration", .type = STATES_STRUCT, .members = tracing_fields },      \
        { .name = "encryptionConfiguration",                                                       \
          .type = STATES_STRUCT,                                                                   \
          .members = states_encryption_fields },                                                   \
        { .name = "publish", .type = STATES_BOOL },                                                \
    {                                                                                              \
        .name = "versionDescription", .type = STATES_TEXT, .max = 256                              \
    }
#define ARN_FIELD                                                                                  \
    {                                                                                              \
        .name = "stateMachineArn", .type = STATES_TEXT, .required = true, .min = 1,                \
        .max = STATES_ARN_MAX                                                                      \
    }

static const struct states_field create_fields[] = {
    { .name = "name",
      .type = STATES_TEXT,
      .required = true,
      .any = true,
      .min = 1,
      .max = STATES_NAME_MAX },
    { .name = "definition",
      .type = STATES_TEXT,
      .required = true,
      .any = true,
      .min = 1,
      .max = STATES_DEFINITION_MAX },
    { .name = "roleArn", .type = STATES_TEXT, .required = true, .min = 1, .max = STATES_ARN_MAX },
    { .name = "type", .type = STATES_TEXT, .words = types },
    { .name = "tags", .type = STATES_LIST, .members = states_tag_fields, .shape = "Tag" },
    SETTINGS_FIELDS,
    { .name = NULL },
};
static const struct states_field update_fields[] = {
    ARN_FIELD,
    { .name = "definition",
      .type = STATES_TEXT,
      .any = true,
      .min = 1,
      .max = STATES_DEFINITION_MAX },
    { .name = "roleArn", .type = STATES_TEXT, .min = 1, .max = STATES_ARN_MAX },
    SETTINGS_FIELDS,
    { .name = NULL },
};
static const struct states_field delete_fields[] = { ARN_FIELD, { .name = NULL } };
static const struct states_field describe_fields[] = {
    ARN_FIELD,
    { .name = "includedData", .type = STATES_TEXT, .words = included },
    { .name = NULL },
};
static const struct states_field list_fields[] = { STATES_PAGE_FIELDS, { .name = NULL } };

const struct states_op states_machine_ops[] = {
    { "CreateStateMachine", create_fields, create_machine },
    { "UpdateStateMachine", update_fields, update_machine },
    { "DeleteStateMachine", delete_fields, delete_machine },
    { "DescribeStateMachine", describe_fields, describe_machine },
    { "ListStateMachines", list_fields, list_machines },
    { .name = NULL },
};
