// Versions of state machines: numbers for revisions.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "service/states_priv.h"

// --- publishing ---

struct newest {
    int64_t revision, created_us;
    char *arn, *description;
};

static void newest_done(struct newest *newest)
{
    free(newest->arn);
    free(newest->description);
}
SR_DEFINE_AUTO_VALUE(newest, struct newest, newest_done);

// Of the revision `newest->revision`: the first that is found ends the reading.
static bool find_revision(void *self, const struct store_version *version, struct sr_err *err)
{
    struct newest *newest = self;
    if (version->revision != newest->revision)
        return true;
    newest->created_us = version->created_us;
    newest->arn = sr_str_dup(version->arn, err);
    newest->description = version->description ? sr_str_dup(version->description, err) : NULL;
    if (!newest->arn || (version->description && !newest->description))
        return false;
    return sr_fail(err, SR_ERR_LIMIT, "found");
}

static bool add_version(struct states_call *call, const struct store *store,
                        const struct store_version *version, char **ret_arn, struct sr_err *err)
{
    int64_t count, number;
    if (!store->ops->count(store->self, STORE_VERSIONS, version->machine, &count, err))
        return false;
    if (count >= STATES_VERSIONS_MAX)
        return states_refuse(call, "ServiceQuotaExceededException",
                             "A state machine has at most %d versions", STATES_VERSIONS_MAX);
    if (!store->ops->version_put(store->self, version, &number, err))
        return false;
    *ret_arn = sr_strf(err, "%s:%" PRId64, version->machine, number);
    return *ret_arn != NULL;
}

// Spec: PublishStateMachineVersion is idempotent over machine, revision and description.
bool states_publish(struct states_call *call, const struct store *store, const char *machine,
                    int64_t revision, const char *description, int64_t now_us, char **ret_arn,
                    int64_t *ret_created_us, struct sr_err *err)
{
    sr_auto(newest) struct newest newest = { .revision = revision };
    if (!store->ops->version_each(store->self, machine, INT64_MAX, find_revision, &newest, err) &&
        !newest.arn)
        return false;
    *err = (struct sr_err){ 0 };
    *ret_created_us = now_us;
    if (!newest.arn)
        return add_version(call, store,
                           &(struct store_version){ .machine = machine,
                                                    .description = description,
                                                    .revision = revision,
                                                    .created_us = now_us },
                           ret_arn, err);
    if (description && (!newest.description || strcmp(description, newest.description) != 0))
        return states_refuse(call, "ConflictException",
                             "Version with the same revision and a different description already "
                             "exists: '%s'",
                             newest.arn);
    *ret_created_us = newest.created_us;
    *ret_arn = sr_take(newest.arn);
    return true;
}

static bool publish_record(struct states_call *call, const struct store *store, int64_t now_us,
                           struct sr_err *err)
{
    sr_auto(states_machine) struct states_machine machine = { 0 };
    sr_auto(char) char *arn = NULL;
    int64_t created_us;
    const char *wanted = states_text(call, "revisionId");
    if (!states_machine_get(call, store, states_text(call, "stateMachineArn"), &machine, err))
        return false;
    const char *current = machine.uuid ? machine.uuid : "INITIAL";
    if (wanted && strcmp(wanted, current) != 0)
        return states_refuse(call, "ConflictException",
                             "Failed to publish the State Machine version for revision %s. The "
                             "current State Machine revision is %s.",
                             wanted, current);
    if (!states_publish(call, store, machine.arn, machine.revision,
                        states_text(call, "description"), now_us, &arn, &created_us, err))
        return false;
    (void)states_result(call, json_pack("{s:s, s:o}", "stateMachineVersionArn", arn, "creationDate",
                                        states_time(created_us)));
    return true;
}

static enum states_next publish(struct states_call *call)
{
    struct states_arn arn;
    const char *text = states_arn(call, "stateMachineArn",
                                  STATES_ARN_MACHINE | STATES_ARN_VERSION | STATES_ARN_ALIAS, &arn);
    if (!text)
        return STATES_ANSWER;
    if (arn.kind == STATES_ARN_MACHINE)
        return states_record(call, publish_record);
    (void)states_no_machine(call, text);
    return STATES_ANSWER;
}

// --- ListStateMachineVersions ---

static bool list_here(void *self, const struct store_version *version, struct sr_err *err)
{
    char position[24];
    sr_ignore(sr_format(position, sizeof position, "%" PRId64, version->number));  // always fits
    return states_list_add(self,
                           json_pack("{s:s, s:o}", "stateMachineVersionArn", version->arn,
                                     "creationDate", states_time(version->created_us)),
                           position, err);
}

static bool list_read(const struct store *reader, struct states_list *list, const char *start,
                      struct sr_err *err)
{
    sr_auto(states_machine) struct states_machine machine = { 0 };
    const char *arn = states_text(list->call, "stateMachineArn");
    const int64_t before = *start ? strtoll(start, NULL, 10) : INT64_MAX;
    return states_machine_get(list->call, reader, arn, &machine, err) &&
           reader->ops->version_each(reader->self, arn, before, list_here, list, err);
}

static enum states_next list_versions(struct states_call *call)
{
    if (!states_arn(call, "stateMachineArn", STATES_ARN_MACHINE, NULL))
        return STATES_ANSWER;
    return states_list(call, "stateMachineVersions", list_read);
}

// --- DeleteStateMachineVersion ---

struct users {
    const char *version;
    struct sr_str names;  // of the aliases that lead to it
};

static bool find_user(void *self, const struct store_alias *alias, struct sr_err *err)
{
    struct users *users = self;
    bool uses = false;
    for (size_t i = 0; i < alias->route_count; i++)
        uses = uses || strcmp(alias->routes[i].version, users->version) == 0;
    return !uses ||
           sr_str_addf(&users->names, err, "%s%s", users->names.bytes ? ", " : "", alias->name);
}

// Spec: DeleteStateMachineVersion of one that is not there succeeds; of one in use it does not.
static bool delete_record(struct states_call *call, const struct store *store, int64_t now_us,
                          struct sr_err *err)
{
    (void)now_us;
    const char *text = states_text(call, "stateMachineVersionArn");
    struct states_arn arn;
    struct users users = { .version = text };
    if (states_arn_parse(text, &arn) != STATES_ARN_OK)
        return false;  // it was one when the call came in
    sr_auto(char) char *machine = strndup(text, arn.base_bytes);
    if (!machine)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an ARN");
    bool done = store->ops->alias_each(store->self, machine, "", find_user, &users, err);
    if (done && users.names.bytes)
        done = states_refuse(call, "ConflictException",
                             "Version to be deleted must not be referenced by an alias. Current "
                             "list of aliases referencing this version: [%s]",
                             users.names.text);
    sr_str_done(&users.names);
    (void)states_result(call, json_object());
    return done && store->ops->version_drop(store->self, text, err);
}

static enum states_next delete_version(struct states_call *call)
{
    if (!states_arn(call, "stateMachineVersionArn", STATES_ARN_VERSION, NULL))
        return STATES_ANSWER;
    return states_record(call, delete_record);
}

// --- the table ---

#define ARN_FIELD(member)                                                                          \
    {                                                                                              \
        .name = member, .type = STATES_TEXT, .required = true, .min = 1, .max = STATES_ARN_MAX     \
    }

static const struct states_field publish_fields[] = {
    ARN_FIELD("stateMachineArn"),
    { .name = "revisionId", .type = STATES_TEXT, .max = 256 },
    { .name = "description", .type = STATES_TEXT, .secret = true, .max = 256 },
    { .name = NULL },
};
static const struct states_field list_fields[] = { ARN_FIELD("stateMachineArn"),
                                                   STATES_PAGE_FIELDS,
                                                   { .name = NULL } };
static const struct states_field delete_fields[] = {
    { .name = "stateMachineVersionArn",
      .type = STATES_TEXT,
      .required = true,
      .min = 1,
      .max = 2000 },
    { .name = NULL },
};

const struct states_op states_version_ops[] = {
    { "PublishStateMachineVersion", publish_fields, publish },
    { "ListStateMachineVersions", list_fields, list_versions },
    { "DeleteStateMachineVersion", delete_fields, delete_version },
    { .name = NULL },
};
