// The front: who may tell, what a body says, and the answer.
#include "service/uploads.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "net/http.h"
#include "service/auth.h"
#include "service/problem.h"
#include "service/uploads_priv.h"
#include "service/uploads_sns.h"

#define PATH "/events/s3"

void upload_message_free(struct upload_message *message)
{
    if (!message)
        return;
    for (size_t i = 0; i < message->record_count; i++) {
        free(message->records[i].document);
        free(message->records[i].place);
    }
    free(message->records);
    free(message);
}

// Messages ---------------------------------------------------------------------------------------

bool uploads_post(struct uploads *uploads, struct upload_message *message, struct sr_err *err)
{
    sr_lock(&uploads->lock);
    // What the engine answers always has room: it was asked for.
    const bool fits =
        message->kind == MESSAGE_STARTED ||
        (uploads->synced.count < UPLOADS_WAITING_MAX && !atomic_load(&uploads->is_stopping));
    if (fits) {
        message->next = NULL;
        *uploads->synced.end = message;
        uploads->synced.end = &message->next;
        uploads->synced.count++;
        sr_cond_signal(&uploads->changed);
    }
    sr_unlock(&uploads->lock);
    if (fits)
        return true;
    upload_message_free(message);
    return sr_fail(err, SR_ERR_BUSY, "too many events wait to be recorded, or the service stops");
}

// Takes `place`, also when it fails; NULL: it has none.
static bool add_record(struct upload_message *message, const char *identity, const json_t *document,
                       const char uuid[SR_ID_TEXT], char *taken_place, struct sr_err *err)
{
    sr_auto(char) char *place = taken_place;
    if (message->record_count == message->record_room) {
        const size_t room = message->record_room ? message->record_room * 2 : 1;
        struct upload_record *more = realloc(message->records, room * sizeof *more);
        if (!more)
            return sr_fail(err, SR_ERR_NO_MEMORY, "events");
        message->records = more;
        message->record_room = room;
    }
    struct upload_record *const record = &message->records[message->record_count];
    *record = (struct upload_record){ 0 };
    memcpy(record->uuid, uuid, sizeof record->uuid);
    if (!sr_sha256(identity, strlen(identity), record->identity, err) ||
        !jx_dump(document, false, &record->document, err))
        return false;
    record->place = sr_take(place);
    message->record_count++;
    return true;
}

// Whether we wrote it: marked so, or where outputs go.
static bool is_ours(const struct uploads *uploads, const struct s3_event *event)
{
    const struct config_texts *const outputs = &uploads->params.config->outputs;
    const size_t bucket = strlen(event->bucket);
    for (size_t i = 0; i < outputs->count; i++) {
        const char *const place = outputs->list[i];
        if (strncmp(place, event->bucket, bucket) == 0 &&
            (!place[bucket] || (place[bucket] == '/' && strncmp(event->key, place + bucket + 1,
                                                                strlen(place + bucket + 1)) == 0)))
            return true;
    }
    return event->mark[0] != '\0';
}

bool uploads_add_events(struct uploads *uploads, const struct s3_events *events,
                        struct upload_message *message, struct sr_err *err)
{
    for (size_t i = 0; i < events->count; i++) {
        const struct s3_event *const event = &events->item[i];
        char uuid[SR_ID_TEXT];
        sr_auto(json) json_t *document = NULL;
        sr_auto(sr_str) struct sr_str identity = { 0 };
        sr_auto(char) char *place = NULL;
        if (event->kind >= S3_EVENT_TEST || is_ours(uploads, event)) {
            message->ignored_count++;
            continue;
        }
        sr_auto(sr_str) struct sr_str before = { 0 };
        if (!sr_id_new(uploads->params.clock, uuid, err) ||
            !sr_str_addf(&identity, err, "s3 %d\n", event->kind) ||
            !sr_str_add(&before, identity.text, err) ||
            !s3_event_add_identity(event, &identity, err) ||
            !s3_event_add_old_identity(event, &before, err) ||
            !s3_event_json(event, uuid, uploads->params.account, &document, err) ||
            !(place = sr_strf(err, "s3://%s/%s", event->bucket, event->key)) ||
            !add_record(message, identity.text, document, uuid, sr_take(place), err) ||
            !sr_sha256(before.text, strlen(before.text),
                       message->records[message->record_count - 1].before, err))
            return false;
    }
    return true;
}

bool uploads_tell(struct uploads *uploads, const char *identity, const json_t *document,
                  struct sr_err *err)
{
    char uuid[SR_ID_TEXT];
    const char *const path =
        json_string_value(json_object_get(json_object_get(document, "detail"), "path"));
    sr_auto(upload_message) struct upload_message *message = calloc(1, sizeof *message);
    sr_auto(char) char *place = path ? sr_str_dup(path, err) : NULL;
    if (!message)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an event");
    return (!path || place) && sr_id_new(uploads->params.clock, uuid, err) &&
           add_record(message, identity, document, uuid, sr_take(place), err) &&
           uploads_post(uploads, sr_take(message), err);
}

// Answers ----------------------------------------------------------------------------------------

void uploads_refuse(struct server_call *call, int status, const char *why)
{
    if (call)  // that nobody reads it any more is the client's affair: it will tell again
        sr_ignore(problem_answer(call, status, why, NULL, NULL));
}

void uploads_answer(const struct upload_message *message)
{
    char text[128];
    if (!message->call)
        return;
    const size_t known = message->record_count - message->own_count - message->new_count;
    const unsigned ignored = message->ignored_count + message->own_count;
    const bool fits =
        sr_format(text, sizeof text, "{\"recorded\":%u,\"known\":%zu,\"ignored\":%u}\n",
                  message->new_count, known, ignored);
    const struct server_answer answer = { .status = 200,
                                          .content_type = "application/json",
                                          .body = fits ? text : "{}\n",
                                          .size = fits ? strlen(text) : 3 };
    sr_ignore(server_answer(message->call, &answer));  // as above
}

// Who may tell -----------------------------------------------------------------------------------

static bool is_one_of(const struct config_texts *texts, const char *text)
{
    bool found = false;
    for (size_t i = 0; i < texts->count; i++)  // all of them, whichever it is
        found |= auth_same(texts->list[i], text);
    return found;
}

static bool knows_basic(const struct config_texts *basics, const char *base64)
{
    struct sr_err err = { 0 };
    uint8_t *data = NULL;
    size_t bytes;
    if (!sr_base64_decode(base64, &data, &bytes, &err))
        return false;
    sr_auto(char) char *text = sr_strf(&err, "%.*s", (int)(bytes < 1024 ? bytes : 1024), data);
    free(data);
    return text && is_one_of(basics, text);
}

// Without secrets: who is on this machine, and no web page in a browser here, which can send
// neither of these headers to another site.
static bool is_local(const struct server_request *request)
{
    const char *const host = http_header_find(request->headers, request->header_count, "host");
    const char *const type =
        http_header_find(request->headers, request->header_count, "content-type");
    const char *const sns =
        http_header_find(request->headers, request->header_count, "x-amz-sns-message-type");
    return request->remote_is_loopback && host && auth_host_is_local(host) &&
           (sns || strcmp(request->method, "POST") != 0 ||
            (type && strncasecmp(type, "application/json", 16) == 0));
}

static bool may_tell(const struct uploads *uploads, const struct server_request *request)
{
    const struct config_events *const config = uploads->params.config;
    const char *const secret = request->path + strlen(PATH);
    const char *const shown =
        http_header_find(request->headers, request->header_count, "authorization");
    if (!config_events_has_secrets(config))
        return !*secret && is_local(request);
    if (*secret)
        return is_one_of(&config->secrets, secret + 1);
    if (shown && strncasecmp(shown, "Bearer ", 7) == 0)
        return is_one_of(&config->bearers, shown + 7);
    return shown && strncasecmp(shown, "Basic ", 6) == 0 && knows_basic(&config->basics, shown + 6);
}

// Bodies -----------------------------------------------------------------------------------------

// Takes the message: two threads may not count its references.
static bool check_later(struct uploads *uploads, struct server_call *call, json_t *taken,
                        const struct server_request *request, struct sr_err *err)
{
    sr_auto(json) json_t *message = taken;
    if (atomic_load(&uploads->sns_count) >= UPLOADS_SNS_MAX)
        return sr_fail(err, SR_ERR_BUSY, "too many messages of SNS wait for their certificates");
    struct upload_sns *sns = calloc(1, sizeof *sns);
    if (!sns)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a message");
    *sns = (struct upload_sns){ .call = call, .bytes = request->size };
    sns->body = sr_str_dup(request->body, err);
    sns->message = sr_take(message);
    atomic_fetch_add(&uploads->sns_count, 1);
    if (sns->body && sr_queue_push(uploads->sns, sns))
        return true;
    if (sns->body)
        (void)sr_fail(err, SR_ERR_BUSY, "the service stops");
    atomic_fetch_sub(&uploads->sns_count, 1);
    upload_sns_free(sns);
    return false;
}

static bool take_body(struct uploads *uploads, struct server_call *call,
                      const struct server_request *request, struct sr_err *err)
{
    sr_auto(json) json_t *json = NULL;
    sr_auto(s3_events) struct s3_events events = { 0 };
    sr_auto(upload_message) struct upload_message *message = calloc(1, sizeof *message);
    if (!message)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an event");
    if (request->size > S3_EVENT_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a body of more than %d bytes", S3_EVENT_BYTES_MAX);
    if (!jx_parse(request->body, request->size, false, &json, err))
        return false;
    if (sns_is_message(json))
        return check_later(uploads, call, sr_take(json), request, err);
    if (!s3_event_parse(request->body, request->size, &events, err))
        return false;
    for (size_t i = 0; i < events.count; i++) {
        if (events.item[i].kind == S3_EVENT_SUBSCRIPTION)
            return sr_fail(err, SR_ERR_DENIED, "a subscription without a signature");
    }
    message->call = call;
    return uploads_add_events(uploads, &events, message, err) &&
           uploads_post(uploads, sr_take(message), err);
}

void uploads_handle(struct uploads *uploads, struct server_call *call,
                    const struct server_request *request)
{
    struct sr_err err = { 0 };
    if (!may_tell(uploads, request)) {
        sr_info(uploads->params.log, "an upload event was refused",
                SR_TEXT("remote", request->remote));
        uploads_refuse(call, 403,
                       config_events_has_secrets(uploads->params.config)
                           ? "want the secret in the path, a bearer token or basic authentication"
                           : "upload events are for this machine, as application/json: the "
                             "configuration has no secrets for them");
        return;
    }
    if (strcmp(request->method, "POST") != 0) {
        const struct upload_message nothing = { .call = call };
        uploads_answer(&nothing);
        return;
    }
    if (take_body(uploads, call, request, &err))
        return;
    sr_warn(uploads->params.log, "an upload event cannot be read",
            SR_TEXT("remote", request->remote), SR_ERR(&err));
    uploads_refuse(call, sr_err_row(err.code)->http_status, err.message);
}

void uploads_reload(struct uploads *uploads)
{
    sr_lock(&uploads->lock);
    uploads->synced.reload = true;
    sr_cond_signal(&uploads->changed);
    sr_unlock(&uploads->lock);
}
