// Aliases: names for one or two versions of a state machine, with weights.
#include <inttypes.h>
#include <string.h>

#include "service/states_priv.h"

static bool no_resource(struct states_call *call)
{
    return states_refuse(call, "ResourceNotFound",
                         "Request references a resource that does not exist.");
}

// --- routes ---

static const char *route_version(const json_t *route)
{
    return json_string_value(json_object_get(route, "stateMachineVersionArn"));
}

static int route_weight(const json_t *route)
{
    return (int)json_integer_value(json_object_get(route, "weight"));  // 0 to 100: it was checked
}

// Refuses with all the routes' versions or weights behind `message`.
static bool refuse_routes(struct states_call *call, const json_t *routes, bool weights,
                          const char *message)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    size_t i;
    json_t *route;
    bool good = true;
    json_array_foreach(routes, i, route)
    {
        const char *between = i ? ", " : "";
        if (good && weights)
            good = sr_str_addf(&text, &err, "%s%d", between, route_weight(route));
        else if (good)
            good = sr_str_addf(&text, &err, "%s%s", between, route_version(route));
    }
    if (!good)
        return states_refuse_err(call, &err);
    return states_refuse(call, "ValidationException", "%s. Received: [%s]", message,
                         sr_str_text(&text));
}

// What the routes are, beyond their form; *ret_machine is the machine that they are versions of.
static bool check_routes(struct states_call *call, const json_t *routes, char **ret_machine)
{
    struct sr_err err = { 0 };
    struct states_arn arn = { 0 };
    sr_auto(char) char *machine = NULL;
    size_t i;
    json_t *route;
    int sum = 0;
    json_array_foreach(routes, i, route)
    {
        const char *version = route_version(route);
        if (states_arn_parse(version, &arn) != STATES_ARN_OK || arn.kind != STATES_ARN_VERSION)
            return refuse_routes(call, routes, false,
                                 "Routing configuration must contain state machine version ARNs");
        sum += route_weight(route);
        if (machine &&
            (strlen(machine) != arn.base_bytes || strncmp(machine, version, arn.base_bytes) != 0))
            return refuse_routes(
                call, routes, false,
                "Routing configuration must contain versions of one state machine");
        if (!machine && !(machine = strndup(version, arn.base_bytes)))
            return sr_fail(&err, SR_ERR_NO_MEMORY, "an ARN") || states_refuse_err(call, &err);
    }
    if (json_array_size(routes) == 2 && strcmp(route_version(json_array_get(routes, 0)),
                                               route_version(json_array_get(routes, 1))) == 0)
        return refuse_routes(call, routes, false,
                             "Routing configuration must contain distinct state machine version "
                             "ARNs");
    if (sum != 100)
        return refuse_routes(call, routes, true,
                             "Sum of routing configuration weights must equal 100");
    *ret_machine = sr_take(machine);
    return true;
}

static bool exists(void *self, const struct store_version *version, struct sr_err *err)
{
    (void)self, (void)version, (void)err;
    return true;
}

// Fills an alias's routes; refuses when a version is not there.
static bool take_routes(struct states_call *call, const struct store *store, const json_t *routes,
                        struct store_alias *alias, struct sr_err *err)
{
    size_t i;
    json_t *route;
    alias->route_count = 0;
    json_array_foreach(routes, i, route)
    {
        const char *version = route_version(route);
        if (!store->ops->version_get(store->self, version, exists, NULL, err)) {
            if (err->code != SR_ERR_NOT_FOUND)
                return false;
            *err = (struct sr_err){ 0 };
            return no_resource(call);
        }
        alias->routes[alias->route_count++] = (struct store_route){ version, route_weight(route) };
    }
    return true;
}

// --- CreateStateMachineAlias ---

static bool same_routes(const struct store_alias *a, const struct store_alias *b)
{
    bool same = a->route_count == b->route_count;
    for (size_t i = 0; same && i < a->route_count; i++)
        same = a->routes[i].weight == b->routes[i].weight &&
               strcmp(a->routes[i].version, b->routes[i].version) == 0;
    return same;
}

struct existing {
    const struct store_alias *wanted;
    bool same;
    int64_t created_us;
};

static bool compare(void *self, const struct store_alias *alias, struct sr_err *err)
{
    (void)err;
    struct existing *existing = self;
    const char *a = alias->description, *b = existing->wanted->description;
    existing->created_us = alias->created_us;
    existing->same = same_routes(alias, existing->wanted) && (a && b ? strcmp(a, b) == 0 : a == b);
    return true;
}

static bool answer_created(struct states_call *call, int64_t created_us)
{
    (void)states_result(call, json_pack("{s:s, s:o}", "stateMachineAliasArn", call->arn,
                                        "creationDate", states_time(created_us)));
    return true;
}

// Spec: CreateStateMachineAlias is idempotent over name, description and routes.
static bool create_record(struct states_call *call, const struct store *store, int64_t now_us,
                          struct sr_err *err)
{
    struct store_alias alias = { .arn = call->arn,
                                 .machine = json_string_value(call->note),
                                 .name = states_text(call, "name"),
                                 .description = states_text(call, "description"),
                                 .created_us = now_us,
                                 .updated_us = now_us };
    struct existing existing = { .wanted = &alias };
    int64_t count;
    if (!take_routes(call, store, json_object_get(call->request, "routingConfiguration"), &alias,
                     err))
        return false;
    if (store->ops->alias_get(store->self, call->arn, compare, &existing, err))
        return existing.same
                   ? answer_created(call, existing.created_us)
                   : states_refuse(call, "ConflictException",
                                   "Failed to create alias because an alias with the same name and "
                                   "a different routing configuration already exists.");
    if (err->code != SR_ERR_NOT_FOUND ||
        !store->ops->count(store->self, STORE_ALIASES, alias.machine, &count, err))
        return false;
    *err = (struct sr_err){ 0 };
    if (count >= STATES_ALIASES_MAX)
        return states_refuse(call, "ServiceQuotaExceededException",
                             "A state machine has at most %d aliases", STATES_ALIASES_MAX);
    return store->ops->alias_put(store->self, &alias, err) && answer_created(call, now_us);
}

static enum states_next create_alias(struct states_call *call)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *machine = NULL;
    if (!check_routes(call, json_object_get(call->request, "routingConfiguration"), &machine))
        return STATES_ANSWER;
    call->note = json_string(machine);
    call->arn = sr_strf(&err, "%s:%s", machine, states_text(call, "name"));
    if (call->note && call->arn)
        return states_record(call, create_record);
    (void)sr_fail(&err, SR_ERR_NO_MEMORY, "an alias");
    (void)states_refuse_err(call, &err);
    return STATES_ANSWER;
}

// --- UpdateStateMachineAlias ---

struct change {
    struct states_call *call;
    const struct store *store;
    int64_t now_us;
};

static bool change_here(void *self, const struct store_alias *before, struct sr_err *err)
{
    struct change *change = self;
    struct states_call *call = change->call;
    struct store_alias alias = *before;
    const json_t *routes = json_object_get(call->request, "routingConfiguration");
    alias.updated_us = change->now_us;
    if (states_text(call, "description"))
        alias.description = states_text(call, "description");
    if (json_is_array(routes) && strcmp(json_string_value(call->note), before->machine) != 0)
        return refuse_routes(call, routes, false,
                             "Routing configuration must contain versions of the alias's state "
                             "machine");
    return (!json_is_array(routes) || take_routes(call, change->store, routes, &alias, err)) &&
           change->store->ops->alias_put(change->store->self, &alias, err);
}

static bool update_record(struct states_call *call, const struct store *store, int64_t now_us,
                          struct sr_err *err)
{
    struct change change = { call, store, now_us };
    const char *arn = states_text(call, "stateMachineAliasArn");
    (void)states_result(call, json_pack("{s:o}", "updateDate", states_time(now_us)));
    if (store->ops->alias_get(store->self, arn, change_here, &change, err))
        return true;
    if (err->code != SR_ERR_NOT_FOUND)
        return false;
    *err = (struct sr_err){ 0 };
    return no_resource(call);
}

static enum states_next update_alias(struct states_call *call)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *machine = NULL;
    const json_t *routes = json_object_get(call->request, "routingConfiguration");
    if (!states_arn(call, "stateMachineAliasArn", STATES_ARN_ALIAS, NULL) ||
        (json_is_array(routes) && !check_routes(call, routes, &machine)))
        return STATES_ANSWER;
    if (!machine && !states_text(call, "description")) {
        (void)states_refuse(call, "ValidationException",
                            "Either the description or the routingConfiguration must be specified");
        return STATES_ANSWER;
    }
    call->note = json_string(machine ? machine : "");
    if (call->note)
        return states_record(call, update_record);
    (void)sr_fail(&err, SR_ERR_NO_MEMORY, "an alias");
    (void)states_refuse_err(call, &err);
    return STATES_ANSWER;
}

// --- DescribeStateMachineAlias, ListStateMachineAliases ---

static bool describe_here(void *self, const struct store_alias *alias, struct sr_err *err)
{
    sr_auto(json) json_t *result =
        json_pack("{s:s, s:s, s:o, s:o, s:[]}", "stateMachineAliasArn", alias->arn, "name",
                  alias->name, "creationDate", states_time(alias->created_us), "updateDate",
                  states_time(alias->updated_us), "routingConfiguration");
    if (!jx_made(result, err) ||
        (alias->description &&
         !jx_put(result, "description", json_string(alias->description), err)))
        return false;
    for (size_t i = 0; i < alias->route_count; i++) {
        json_t *route = json_pack("{s:s, s:i}", "stateMachineVersionArn", alias->routes[i].version,
                                  "weight", alias->routes[i].weight);
        if (!jx_append(json_object_get(result, "routingConfiguration"), route, err))
            return false;
    }
    *(json_t **)self = sr_take(result);
    return true;
}

static enum states_next describe_alias(struct states_call *call)
{
    struct sr_err err = { 0 };
    json_t *result = NULL;
    const char *arn = states_arn(call, "stateMachineAliasArn", STATES_ARN_ALIAS, NULL);
    if (!arn)
        return STATES_ANSWER;
    const struct store *reader = states_reader_lock(call->api);
    const bool found = reader->ops->alias_get(reader->self, arn, describe_here, &result, &err);
    states_reader_unlock(call->api);
    if (found)
        return states_result(call, result);
    (void)(err.code == SR_ERR_NOT_FOUND ? no_resource(call) : states_refuse_err(call, &err));
    return STATES_ANSWER;
}

static bool list_here(void *self, const struct store_alias *alias, struct sr_err *err)
{
    struct states_list *list = self;
    const char *wanted = states_text(list->call, "stateMachineArn");
    bool leads = strcmp(alias->machine, wanted) == 0;
    for (size_t i = 0; i < alias->route_count; i++)
        leads = leads || strcmp(alias->routes[i].version, wanted) == 0;
    return !leads || states_list_add(list,
                                     json_pack("{s:s, s:o}", "stateMachineAliasArn", alias->arn,
                                               "creationDate", states_time(alias->created_us)),
                                     alias->name, err);
}

// Of a machine all, of a version those that lead to it.
static bool list_read(const struct store *reader, struct states_list *list, const char *start,
                      struct sr_err *err)
{
    struct states_arn arn;
    sr_auto(states_machine) struct states_machine machine = { 0 };
    const char *text = states_text(list->call, "stateMachineArn");
    if (states_arn_parse(text, &arn) != STATES_ARN_OK)
        return false;  // it was one when the call came in
    sr_auto(char) char *base = strndup(text, arn.base_bytes);
    if (!base)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an ARN");
    return states_machine_get(list->call, reader, base, &machine, err) &&
           reader->ops->alias_each(reader->self, base, start, list_here, list, err);
}

static enum states_next list_aliases(struct states_call *call)
{
    if (!states_arn(call, "stateMachineArn", STATES_ARN_MACHINE | STATES_ARN_VERSION, NULL))
        return STATES_ANSWER;
    return states_list(call, "stateMachineAliases", list_read);
}

// --- DeleteStateMachineAlias ---

static bool present(void *self, const struct store_alias *alias, struct sr_err *err)
{
    (void)self, (void)alias, (void)err;
    return true;
}

static bool delete_record(struct states_call *call, const struct store *store, int64_t now_us,
                          struct sr_err *err)
{
    (void)now_us;
    const char *arn = states_text(call, "stateMachineAliasArn");
    (void)states_result(call, json_object());
    if (store->ops->alias_get(store->self, arn, present, NULL, err))
        return store->ops->alias_drop(store->self, arn, err);
    if (err->code != SR_ERR_NOT_FOUND)
        return false;
    *err = (struct sr_err){ 0 };
    return no_resource(call);
}

static enum states_next delete_alias(struct states_call *call)
{
    if (!states_arn(call, "stateMachineAliasArn", STATES_ARN_ALIAS, NULL))
        return STATES_ANSWER;
    return states_record(call, delete_record);
}

// --- the table ---

static const struct states_field route_fields[] = {
    { .name = "stateMachineVersionArn",
      .type = STATES_TEXT,
      .required = true,
      .min = 1,
      .max = STATES_ARN_MAX },
    { .name = "weight", .type = STATES_INT, .required = true, .max = 100 },
    { .name = NULL },
};

#define ALIAS_ARN_FIELD                                                                            \
    {                                                                                              \
        .name = "stateMachineAliasArn", .type = STATES_TEXT, .required = true, .min = 1,           \
        .max = STATES_ARN_MAX                                                                      \
    }
#define DESCRIPTION_FIELD                                                                          \
    {                                                                                              \
        .name = "description", .type = STATES_TEXT, .secret = true, .max = 256                     \
    }
#define ROUTES_FIELD(must)                                                                         \
    {                                                                                              \
        .name = "routingConfiguration", .type = STATES_LIST, .required = must, .min = 1,           \
        .max = STORE_ROUTES_MAX, .members = route_fields, .shape = "RoutingConfigurationListItem"  \
    }

static const struct states_field create_fields[] = {
    DESCRIPTION_FIELD,
    { .name = "name",
      .type = STATES_TEXT,
      .required = true,
      .min = 1,
      .max = STATES_NAME_MAX,
      .pattern = STATES_ALIAS_PATTERN,
      .matches = states_alias_name_ok },
    ROUTES_FIELD(true),
    { .name = NULL },
};
static const struct states_field update_fields[] = {
    ALIAS_ARN_FIELD, DESCRIPTION_FIELD, ROUTES_FIELD(false), { .name = NULL }
};
static const struct states_field arn_fields[] = { ALIAS_ARN_FIELD, { .name = NULL } };
static const struct states_field list_fields[] = {
    { .name = "stateMachineArn",
      .type = STATES_TEXT,
      .required = true,
      .min = 1,
      .max = STATES_ARN_MAX },
    STATES_PAGE_FIELDS,
    { .name = NULL },
};

const struct states_op states_alias_ops[] = {
    { "CreateStateMachineAlias", create_fields, create_alias },
    { "UpdateStateMachineAlias", update_fields, update_alias },
    { "DescribeStateMachineAlias", arn_fields, describe_alias },
    { "ListStateMachineAliases", list_fields, list_aliases },
    { "DeleteStateMachineAlias", arn_fields, delete_alias },
    { .name = NULL },
};
