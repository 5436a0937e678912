// Tags of state machines and activities.
#include <string.h>

#include "service/states_priv.h"

static bool count_tag(void *self, const char *key, const char *value, struct sr_err *err)
{
    (void)key, (void)value, (void)err;
    ++*(size_t *)self;
    return true;
}

bool states_tags_put(struct states_call *call, const struct store *store, const char *arn,
                     const char *member, struct sr_err *err)
{
    size_t i, count = 0;
    json_t *tag;
    json_array_foreach(json_object_get(call->request, member), i, tag)
    {
        if (!store->ops->tag_put(store->self, arn, json_string_value(json_object_get(tag, "key")),
                                 json_string_value(json_object_get(tag, "value")), err))
            return false;
    }
    if (!store->ops->tag_each(store->self, arn, count_tag, &count, err))
        return false;
    return count <= STATES_TAGS_MAX ||
           states_refuse(call, "TooManyTags", "A resource has at most %d tags", STATES_TAGS_MAX);
}

static bool machine_exists(void *self, const struct store_machine *machine, struct sr_err *err)
{
    (void)self, (void)machine, (void)err;
    return true;
}

static bool activity_exists(void *self, const struct store_activity *activity, struct sr_err *err)
{
    (void)self, (void)activity, (void)err;
    return true;
}

// Refuses with ResourceNotFound.
static bool find(struct states_call *call, const struct store *store, struct sr_err *err)
{
    const char *arn = states_text(call, "resourceArn");
    if (store->ops->machine_get(store->self, arn, machine_exists, NULL, err) ||
        (err->code == SR_ERR_NOT_FOUND &&
         store->ops->activity_get(store->self, arn, activity_exists, NULL, err)))
        return true;
    if (err->code != SR_ERR_NOT_FOUND)
        return false;
    *err = (struct sr_err){ 0 };
    return states_refuse(call, "ResourceNotFound", "Resource not found: '%s'", arn);
}

static bool tag_record(struct states_call *call, const struct store *store, int64_t now_us,
                       struct sr_err *err)
{
    (void)now_us;
    (void)states_result(call, json_object());
    return find(call, store, err) &&
           states_tags_put(call, store, states_text(call, "resourceArn"), "tags", err);
}

static bool untag_record(struct states_call *call, const struct store *store, int64_t now_us,
                         struct sr_err *err)
{
    (void)now_us;
    size_t i;
    json_t *key;
    (void)states_result(call, json_object());
    if (!find(call, store, err))
        return false;
    json_array_foreach(json_object_get(call->request, "tagKeys"), i, key)
    {
        if (!store->ops->tag_drop(store->self, states_text(call, "resourceArn"),
                                  json_string_value(key), err))
            return false;
    }
    return true;
}

// A version's or an alias's is an ARN, but of nothing that can have tags: ResourceNotFound.
static bool check_arn(struct states_call *call)
{
    return states_arn(call, "resourceArn",
                      STATES_ARN_MACHINE | STATES_ARN_VERSION | STATES_ARN_ALIAS |
                          STATES_ARN_ACTIVITY,
                      NULL) != NULL;
}

static enum states_next tag(struct states_call *call)
{
    return check_arn(call) ? states_record(call, tag_record) : STATES_ANSWER;
}

static enum states_next untag(struct states_call *call)
{
    return check_arn(call) ? states_record(call, untag_record) : STATES_ANSWER;
}

static bool list_here(void *self, const char *key, const char *value, struct sr_err *err)
{
    return jx_append(self, json_pack("{s:s, s:s}", "key", key, "value", value), err);
}

static enum states_next list(struct states_call *call)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *tags = json_array();
    if (!check_arn(call))
        return STATES_ANSWER;
    const struct store *reader = states_reader_lock(call->api);
    const bool done = find(call, reader, &err) && jx_made(tags, &err) &&
                      reader->ops->tag_each(reader->self, states_text(call, "resourceArn"),
                                            list_here, tags, &err);
    states_reader_unlock(call->api);
    if (done)
        return states_result(call, json_pack("{s:O}", "tags", tags));
    if (!call->error)
        (void)states_refuse_err(call, &err);
    return STATES_ANSWER;
}

// --- the table ---

const struct states_field states_tag_fields[] = {
    { .name = "key", .type = STATES_TEXT, .required = true, .min = 1, .max = 128 },
    { .name = "value", .type = STATES_TEXT, .required = true, .max = 256 },
    { .name = NULL },
};

#define ARN_FIELD                                                                                  \
    {                                                                                              \
        .name = "resourceArn", .type = STATES_TEXT, .required = true, .min = 1,                    \
        .max = STATES_ARN_MAX                                                                      \
    }

static const struct states_field tag_fields[] = {
    ARN_FIELD,
    { .name = "tags",
      .type = STATES_LIST,
      .required = true,
      .members = states_tag_fields,
      .shape = "Tag" },
    { .name = NULL },
};
static const struct states_field untag_fields[] = {
    ARN_FIELD,
    { .name = "tagKeys", .type = STATES_LIST, .required = true },
    { .name = NULL },
};
static const struct states_field list_fields[] = { ARN_FIELD, { .name = NULL } };

const struct states_op states_tag_ops[] = {
    { "TagResource", tag_fields, tag },
    { "UntagResource", untag_fields, untag },
    { "ListTagsForResource", list_fields, list },
    { .name = NULL },
};
