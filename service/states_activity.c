// Activities, and the tasks that workers take from them.
#include <string.h>

#include "service/states_priv.h"
#include "service/worker_names.h"

enum { POLL_US = 60 * 1000000, OUTPUT_MAX = 262144 };

static bool no_activity(struct states_call *call, const char *arn)
{
    return states_refuse(call, "ActivityDoesNotExist", "Activity Does Not Exist: '%s'", arn);
}

// --- CreateActivity ---

static bool take_time(void *self, const struct store_activity *activity, struct sr_err *err)
{
    (void)err;
    *(int64_t *)self = activity->created_us;
    return true;
}

// Spec: CreateActivity is idempotent: a second one of that name changes nothing.
static bool create_record(struct states_call *call, const struct store *store, int64_t now_us,
                          struct sr_err *err)
{
    const struct store_activity activity = { .arn = call->arn,
                                             .name = states_text(call, "name"),
                                             .created_us = now_us };
    int64_t created_us = now_us, count;
    const bool exists =
        store->ops->activity_get(store->self, activity.arn, take_time, &created_us, err);
    if (!exists) {
        if (err->code != SR_ERR_NOT_FOUND ||
            !store->ops->count(store->self, STORE_ACTIVITIES, NULL, &count, err))
            return false;
        *err = (struct sr_err){ 0 };
        if (count >= STATES_ACTIVITIES_MAX)
            return states_refuse(call, "ActivityLimitExceeded",
                                 "Activity Limit Exceeded: there are %d", STATES_ACTIVITIES_MAX);
        if (!store->ops->activity_put(store->self, &activity, err) ||
            !states_tags_put(call, store, activity.arn, "tags", err))
            return false;
    }
    (void)states_result(call, json_pack("{s:s, s:o}", "activityArn", activity.arn, "creationDate",
                                        states_time(created_us)));
    return true;
}

static enum states_next create_activity(struct states_call *call)
{
    struct sr_err err = { 0 };
    if (!states_name_check(call, "name"))
        return STATES_ANSWER;
    call->arn = sr_strf(&err, "%s:activity:%s", call->api->arn_prefix, states_text(call, "name"));
    if (call->arn)
        return states_record(call, create_record);
    (void)states_refuse_err(call, &err);
    return STATES_ANSWER;
}

// --- DescribeActivity, DeleteActivity, ListActivities ---

static bool describe_here(void *self, const struct store_activity *activity, struct sr_err *err)
{
    json_t **result = self;
    *result = json_pack("{s:s, s:s, s:o, s:{s:s}}", "activityArn", activity->arn, "name",
                        activity->name, "creationDate", states_time(activity->created_us),
                        "encryptionConfiguration", "type", "AWS_OWNED_KEY");
    return jx_made(*result, err);
}

static enum states_next describe_activity(struct states_call *call)
{
    struct sr_err err = { 0 };
    json_t *result = NULL;
    const char *arn = states_arn(call, "activityArn", STATES_ARN_ACTIVITY, NULL);
    if (!arn)
        return STATES_ANSWER;
    const struct store *reader = states_reader_lock(call->api);
    const bool found = reader->ops->activity_get(reader->self, arn, describe_here, &result, &err);
    states_reader_unlock(call->api);
    if (found)
        return states_result(call, result);
    (void)(err.code == SR_ERR_NOT_FOUND ? no_activity(call, arn) : states_refuse_err(call, &err));
    return STATES_ANSWER;
}

static bool delete_record(struct states_call *call, const struct store *store, int64_t now_us,
                          struct sr_err *err)
{
    (void)now_us;
    (void)states_result(call, json_object());
    return store->ops->activity_drop(store->self, states_text(call, "activityArn"), err);
}

static enum states_next delete_activity(struct states_call *call)
{
    if (!states_arn(call, "activityArn", STATES_ARN_ACTIVITY, NULL))
        return STATES_ANSWER;
    return states_record(call, delete_record);
}

static bool list_here(void *self, const struct store_activity *activity, struct sr_err *err)
{
    json_t *entry = json_pack("{s:s, s:s, s:o}", "activityArn", activity->arn, "name",
                              activity->name, "creationDate", states_time(activity->created_us));
    return states_list_add(self, entry, activity->arn, err);
}

static bool list_read(const struct store *reader, struct states_list *list, const char *start,
                      struct sr_err *err)
{
    return reader->ops->activity_each(reader->self, start, list_here, list, err);
}

static enum states_next list_activities(struct states_call *call)
{
    return states_list(call, "activities", list_read);
}

// --- GetActivityTask ---

// On the engine's thread: the call is finished here, whatever the request's reply said.
static bool polled(void *self, const struct engine_task *task)
{
    struct states_call *call = self;
    (void)states_result(
        call, task ? json_pack("{s:s, s:s}", "taskToken", task->token, "input", task->payload)
                   : json_object());
    if (task && !call->result)
        return states_finish(call) && false;  // the task was not in it
    return states_finish(call);
}

static void poll_reply(void *self, const struct engine_reply *reply)
{
    if (reply->done)
        return;  // polled() has the call, or had it
    struct states_call *call = self;
    (void)states_refuse_err(call, &reply->err);
    (void)states_finish(call);
}

static enum states_next get_activity_task(struct states_call *call)
{
    struct sr_err err = { 0 };
    int64_t created_us;
    const char *arn = states_arn(call, "activityArn", STATES_ARN_ACTIVITY, NULL);
    if (!arn)
        return STATES_ANSWER;
    const struct store *reader = states_reader_lock(call->api);
    const bool found = reader->ops->activity_get(reader->self, arn, take_time, &created_us, &err);
    states_reader_unlock(call->api);
    const char *const worker = states_text(call, "workerName");
    if (found && worker)
        worker_names_add(call->api->workers, worker, (size_t)states_int(call, "slots", 0),
                         sr_clock_wall_us(call->api->clock));
    const struct engine_request request = {
        .kind = ENGINE_POLL,
        .arn = arn,
        .poll = { .worker = worker,
                  .until_us = sr_clock_wall_us(call->api->clock) + POLL_US,
                  .answer = polled,
                  .self = call },
        .reply = poll_reply,
        .self = call,
    };
    if (found && engine_ask(call->api->engine, &request, &err))
        return STATES_WAIT;
    (void)(!found && err.code == SR_ERR_NOT_FOUND ? no_activity(call, arn)
                                                  : states_refuse_err(call, &err));
    return STATES_ANSWER;
}

// --- SendTask* ---

static void sent(struct states_call *call, const struct engine_reply *reply)
{
    const struct sr_err *err = &reply->err;
    if (reply->done)
        (void)states_result(call, json_object());
    else if (err->code == SR_ERR_NOT_FOUND)
        (void)states_refuse(call, "TaskTimedOut", "%s", err->message);
    else if (err->code == SR_ERR_INVALID && strncmp(err->message, "Invalid Output", 14) == 0)
        (void)states_refuse(call, "InvalidOutput", "%s", err->message);
    else if (err->code == SR_ERR_INVALID && strncmp(err->message, "Invalid Token", 13) == 0)
        (void)states_refuse(call, "InvalidToken", "%s", err->message);
    else if (err->code == SR_ERR_INVALID || err->code == SR_ERR_CONFLICT)
        (void)states_refuse(call, "TaskDoesNotExist", "Task Does Not Exist: '%s'", err->message);
    else
        (void)states_refuse_err(call, err);
}

static enum states_next send_task_success(struct states_call *call)
{
    return states_ask(call,
                      &(struct engine_request){ .kind = ENGINE_SUCCEED,
                                                .token = states_text(call, "taskToken"),
                                                .text = states_text(call, "output") },
                      sent);
}

static enum states_next send_task_failure(struct states_call *call)
{
    return states_ask(call,
                      &(struct engine_request){ .kind = ENGINE_FAIL,
                                                .token = states_text(call, "taskToken"),
                                                .error = states_text(call, "error"),
                                                .cause = states_text(call, "cause") },
                      sent);
}

static enum states_next send_task_heartbeat(struct states_call *call)
{
    return states_ask(call,
                      &(struct engine_request){ .kind = ENGINE_HEARTBEAT,
                                                .token = states_text(call, "taskToken") },
                      sent);
}

// --- the table ---

#define ARN_FIELD                                                                                  \
    {                                                                                              \
        .name = "activityArn", .type = STATES_TEXT, .required = true, .min = 1,                    \
        .max = STATES_ARN_MAX                                                                      \
    }
#define TOKEN_FIELD                                                                                \
    {                                                                                              \
        .name = "taskToken", .type = STATES_TEXT, .required = true, .min = 1, .max = 2048          \
    }

static const struct states_field create_fields[] = {
    { .name = "name",
      .type = STATES_TEXT,
      .required = true,
      .any = true,
      .min = 1,
      .max = STATES_NAME_MAX },
    { .name = "tags", .type = STATES_LIST, .members = states_tag_fields, .shape = "Tag" },
    { .name = "encryptionConfiguration",
      .type = STATES_STRUCT,
      .members = states_encryption_fields },
    { .name = NULL },
};
static const struct states_field arn_fields[] = { ARN_FIELD, { .name = NULL } };
static const struct states_field list_fields[] = { STATES_PAGE_FIELDS, { .name = NULL } };
static const struct states_field poll_fields[] = {
    ARN_FIELD,
    { .name = "workerName", .type = STATES_TEXT, .min = 1, .max = STATES_NAME_MAX },
    { .name = "slots",
      .type = STATES_INT,
      .max = STATES_SLOTS_MAX },  // not AWS's: pipeline/worker.h
    { .name = NULL },
};
static const struct states_field success_fields[] = {
    TOKEN_FIELD,
    { .name = "output", .type = STATES_TEXT, .secret = true, .required = true, .max = OUTPUT_MAX },
    { .name = NULL },
};
static const struct states_field failure_fields[] = {
    TOKEN_FIELD,
    { .name = "error", .type = STATES_TEXT, .secret = true, .max = 256 },
    { .name = "cause", .type = STATES_TEXT, .secret = true, .max = 32768 },
    { .name = NULL },
};
static const struct states_field heartbeat_fields[] = { TOKEN_FIELD, { .name = NULL } };

const struct states_op states_activity_ops[] = {
    { "CreateActivity", create_fields, create_activity },
    { "DescribeActivity", arn_fields, describe_activity },
    { "DeleteActivity", arn_fields, delete_activity },
    { "ListActivities", list_fields, list_activities },
    { "GetActivityTask", poll_fields, get_activity_task },
    { "SendTaskSuccess", success_fields, send_task_success },
    { "SendTaskFailure", failure_fields, send_task_failure },
    { "SendTaskHeartbeat", heartbeat_fields, send_task_heartbeat },
    { .name = NULL },
};
