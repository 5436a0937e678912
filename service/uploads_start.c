// What an event starts: executions of the engine's, and jobs. Both answer later, and once.
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "service/uploads_priv.h"
#include "statemachine/engine.h"

enum { RULE_IN_NAME = 40 };

void uploads_say_why(struct upload_flight *flight, const char *rule, const struct sr_err *why)
{
    (void)snprintf(flight->why, sizeof flight->why, "%s: %s", rule, why->message);  // cut: enough
}

// There is room for it since it was asked.
static void post(struct upload_message *message)
{
    struct sr_err err = { 0 };
    sr_ignore(uploads_post(message->uploads, message, &err));  // never refused, see there
}

// On the engine's thread.
static void started(void *self, const struct engine_reply *reply)
{
    struct upload_message *const message = self;
    message->done = reply->done;
    message->err = reply->err;
    if (reply->done && reply->arn &&
        !sr_format(message->arn, sizeof message->arn, "%s", reply->arn))
        message->arn[0] = '\0';  // longer than any that the engine makes
    post(message);
}

// On a thread of the jobs.
static void submitted(void *self, const struct jobs_reply *reply)
{
    struct upload_message *const message = self;
    message->done = reply->done;
    message->err = reply->err;
    if (reply->done && reply->count &&
        !sr_format(message->arn, sizeof message->arn, "%s", reply->ids[0]))
        message->arn[0] = '\0';  // longer than any id
    post(message);
}

static bool make_name(const struct job_event *event, const struct rule *rule,
                      char name[UPLOADS_NAME_MAX + 1], struct sr_err *err)
{
    char hex[2 * SR_SHA256_BYTES + 1];
    uint8_t digest[SR_SHA256_BYTES], text[SR_SHA256_BYTES + RULE_NAME_MAX];
    const size_t bytes = strlen(rule->name);
    memcpy(text, event->identity, SR_SHA256_BYTES);
    memcpy(text + SR_SHA256_BYTES, rule->name, bytes);
    if (!sr_sha256(text, SR_SHA256_BYTES + bytes, digest, err))
        return false;
    sr_hex(digest, sizeof digest, hex);
    hex[32] = '\0';
    return sr_format(name, UPLOADS_NAME_MAX + 1, "%.*s-%s", RULE_IN_NAME, rule->name, hex) ||
           sr_fail(err, SR_ERR_INTERNAL, "an execution's name");
}

static char *make_machine(const struct uploads *uploads, const struct rule *rule,
                          struct sr_err *err)
{
    const struct uploads_params *const params = &uploads->params;
    return strncmp(rule->machine, "arn:", 4) == 0
               ? sr_str_dup(rule->machine, err)
               : sr_strf(err, "arn:aws:states:%s:%s:stateMachine:%s", params->region,
                         params->account, rule->machine);
}

static bool make_message(struct uploads *uploads, const struct job_event *event,
                         const struct rule *rule, struct upload_message **ret_message,
                         struct sr_err *err)
{
    struct upload_message *const message = calloc(1, sizeof *message);
    if (!message)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a start");
    message->kind = MESSAGE_STARTED;
    message->uploads = uploads;
    message->event = event->id;
    message->is_job = rule->target == RULE_JOB;
    memcpy(message->rule, rule->name, sizeof message->rule);
    *ret_message = message;
    return true;
}

// Asks for the execution; the flight waits for the answer.
static bool ask(struct uploads *uploads, struct upload_flight *flight,
                const struct job_event *event, const struct rule *rule, const char *input,
                struct sr_err *err)
{
    struct sr_err why = { 0 };
    sr_auto(upload_message) struct upload_message *message = NULL;
    sr_auto(char) char *machine = make_machine(uploads, rule, err);
    if (!machine || !make_message(uploads, event, rule, &message, err) ||
        !make_name(event, rule, message->name, err))
        return false;
    const struct engine_request request = { .kind = ENGINE_START,
                                            .arn = machine,
                                            .name = message->name,
                                            .text = input,
                                            .reply = started,
                                            .self = message };
    if (!engine_ask(uploads->params.engine, &request, &why)) {
        flight->retries = true;
        uploads_say_why(flight, rule->name, &why);
        return true;
    }
    (void)sr_take(message);  // the engine's, until it answers
    flight->open_count++;
    return true;
}

// That nothing comes of it, and why: the same event would say the same again.
static bool refuse(struct uploads *uploads, struct upload_flight *flight, const struct rule *rule,
                   const struct sr_err *why, struct sr_err *err)
{
    uploads_say_why(flight, rule->name, why);
    return job_store_add_start(uploads->work.store, flight->event, rule->name, "", NULL,
                               sr_clock_wall_us(uploads->params.clock), err);
}

static bool has_key(const char *manifest, bool *ret_has, struct sr_err *err)
{
    sr_auto(json) json_t *document = NULL;
    if (!jx_parse(manifest, strlen(manifest), false, &document, err))
        return false;
    *ret_has = json_object_get(document, "idempotency_key") != NULL;
    return true;
}

// Asks for the job. Its key is the event's and the rule's, unless the rule makes one, so that it is
// one job however often it is asked for.
static bool submit(struct uploads *uploads, struct upload_flight *flight,
                   const struct job_event *event, const struct rule *rule, const char *manifest,
                   struct sr_err *err)
{
    struct sr_err why = { 0 };
    bool has = false;
    sr_auto(upload_message) struct upload_message *message = NULL;
    if (!has_key(manifest, &has, err) || !make_message(uploads, event, rule, &message, err))
        return false;
    if (!sr_format(message->name, sizeof message->name, "event:%s:%s", event->uuid, rule->name))
        return sr_fail(err, SR_ERR_INTERNAL, "a job's key");
    const struct job_submit job = { .manifest = manifest,
                                    .bytes = strlen(manifest),
                                    .idempotency_key = has ? NULL : message->name,
                                    .correlation = event->uuid };
    if (uploads->params.submit(uploads->params.submit_self, &job, submitted, message, &why)) {
        (void)sr_take(message);  // the jobs', until they answer
        flight->open_count++;
        return true;
    }
    if (why.code != SR_ERR_NO_MEMORY && !sr_err_row(why.code)->retry)
        return refuse(uploads, flight, rule, &why, err);
    flight->retries = true;
    uploads_say_why(flight, rule->name, &why);
    return true;
}

bool uploads_start_rule(struct uploads *uploads, struct upload_flight *flight,
                        const struct job_event *event, const json_t *document,
                        const struct rule *rule, struct sr_err *err)
{
    struct sr_err why = { 0 };
    bool match = false, has;
    sr_auto(char) char *input = NULL;
    sr_auto(char) char *arn = NULL;
    const bool is_its = event->rule && strcmp(event->rule, rule->name) == 0;
    if (event->rule ? !is_its || !rule->enabled : !rule->enabled || rule->schedule)
        return true;
    if (!job_store_has_start(uploads->work.store, event->id, rule->name, &has, err))
        return false;
    if (has)
        return true;
    arn = sr_strf(err, "arn:aws:events:%s:%s:rule/%s", uploads->params.region,
                  uploads->params.account, rule->name);
    if (!arn)
        return false;
    if (is_its || rule_matches(rule, document, &match, &why)) {
        if (!is_its && !match)
            return true;
        if (rule_input(rule, arn, document, event->seen_us, &input, &why))
            return rule->target == RULE_JOB ? submit(uploads, flight, event, rule, input, err)
                                            : ask(uploads, flight, event, rule, input, err);
    }
    if (why.code == SR_ERR_NO_MEMORY) {
        *err = why;
        return false;
    }
    return refuse(uploads, flight, rule, &why, err);
}
