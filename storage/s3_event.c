#include "storage/s3_event.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/jx.h"
#include "net/url.h"
#include "storage/s3_xml.h"

static void event_done(struct s3_event *event)
{
    char *const texts[] = { event->source,  event->name,      event->bucket, event->key,
                            event->version, event->sequencer, event->etag,   event->region,
                            event->url,     event->mark,      event->time };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    *event = (struct s3_event){ 0 };
}
SR_DEFINE_AUTO_VALUE(s3_event, struct s3_event, event_done);

void s3_events_done(struct s3_events *events)
{
    for (size_t i = 0; i < events->count; i++)
        event_done(&events->item[i]);
    free(events->item);
    *events = (struct s3_events){ 0 };
}

// Takes the event; fills in texts that are missing.
static bool add_event(struct s3_events *events, struct s3_event *event, struct sr_err *err)
{
    char **const texts[] = { &event->source,  &event->name,      &event->bucket, &event->key,
                             &event->version, &event->sequencer, &event->etag,   &event->region,
                             &event->url,     &event->mark,      &event->time };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!*texts[i] && !(*texts[i] = sr_str_dup("", err)))
            return false;
    }
    if (events->count == S3_EVENTS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d events in one message", S3_EVENTS_MAX);
    struct s3_event *larger = realloc(events->item, (events->count + 1) * sizeof(*larger));
    if (!larger)
        return sr_fail(err, SR_ERR_NO_MEMORY, "events");
    events->item = larger;
    events->item[events->count++] = *event;
    *event = (struct s3_event){ 0 };
    return true;
}

// A copy of a member that may be absent.
static bool take_text(const struct jx *at, const char *key, char **ret_text, struct sr_err *err)
{
    const char *text = NULL;
    if (!jx_text_opt(at, key, &text, err))
        return false;
    *ret_text = sr_str_dup(text ? text : "", err);
    return *ret_text != NULL;
}

// Keys
// ---------------------------------------------------------------------------------------------

// Whether form-encoding could have given this: letters, digits, a few marks, '+' and %XX, nothing
// else.
static bool may_be_encoded(const char *key)
{
    for (const char *c = key; *c; c++) {
        if (*c == '%') {
            if (!isxdigit((unsigned char)c[1]) || !isxdigit((unsigned char)c[2]))
                return false;
            c += 2;
        } else if (!isalnum((unsigned char)*c) && !strchr("-_.*/+~!'()", *c)) {
            return false;
        }
    }
    return true;
}

// AWS and MinIO encode, Ceph does not; s3rver calls itself AWS and does not, which mostly shows.
static bool take_key(const char *source, const char *key, char **ret_key, struct sr_err *err)
{
    const bool encodes = strcmp(source, "aws:s3") == 0 || strcmp(source, "minio:s3") == 0;
    sr_auto(sr_str) struct sr_str plain = { 0 };
    if (!encodes || !may_be_encoded(key)) {
        *ret_key = sr_str_dup(key, err);
        return *ret_key != NULL;
    }
    if (!url_decode(key, strlen(key), true, &plain, err))
        return false;
    *ret_key = sr_str_take(&plain);
    return *ret_key || sr_fail(err, SR_ERR_NO_MEMORY, "key");
}

static enum s3_event_kind kind_of(const char *name)
{
    static const struct {
        const char *beginning;
        enum s3_event_kind kind;
    } kinds[] = {
        { "ObjectCreated:", S3_EVENT_CREATED },
        { "s3:ObjectCreated:", S3_EVENT_CREATED },
        { "Object Created", S3_EVENT_CREATED },
        { "ObjectRemoved:", S3_EVENT_REMOVED },
        { "s3:ObjectRemoved:", S3_EVENT_REMOVED },
        { "Object Deleted", S3_EVENT_REMOVED },
        { "ObjectLifecycle:Expiration:", S3_EVENT_REMOVED },
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(name, kinds[i].beginning, strlen(kinds[i].beginning)) == 0)
            return kinds[i].kind;
    }
    return S3_EVENT_OTHER;
}

// Shapes
// -------------------------------------------------------------------------------------------

// Ceph: "metadata": [{"key": "x-amz-meta-foo", "val": "bar"}]. MinIO: "userMetadata":
// {"X-Amz-Meta-Foo": "bar"}. Whatever else these are they say nothing.
static bool take_mark(const struct jx *object, struct s3_event *event, struct sr_err *err)
{
    static const char header[] = "x-amz-meta-" S3_EVENT_MARK;
    const char *mark = NULL, *key;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(object->value, "metadata"), i, item)
    {
        const char *const name = json_string_value(json_object_get(item, "key"));
        if (name && strcasecmp(name, header) == 0)
            mark = json_string_value(json_object_get(item, "val"));
    }
    json_object_foreach(json_object_get(object->value, "userMetadata"), key, item)
    {
        if (strcasecmp(key, header) == 0)
            mark = json_string_value(item);
    }
    event->mark = sr_str_dup(mark ? mark : "", err);
    return event->mark != NULL;
}

// `object` has key, size, an etag under `etag_name` and a version under `version_name`.
static bool take_object(const struct jx *object, const char *etag_name, const char *version_name,
                        struct s3_event *event, struct sr_err *err)
{
    const char *key;
    int64_t bytes = 0;
    if (!jx_text(object, "key", &key, err) ||
        !jx_int_opt(object, "size", 0, INT64_MAX, &bytes, err) ||
        !take_key(event->source, key, &event->key, err) ||
        !take_text(object, etag_name, &event->etag, err) ||
        !take_text(object, version_name, &event->version, err) || !take_mark(object, event, err) ||
        !take_text(object, "sequencer", &event->sequencer, err))
        return false;
    event->bytes = (uint64_t)bytes;
    return true;
}

static bool take_time(const struct jx *at, const char *key, struct s3_event *event,
                      struct sr_err *err)
{
    if (!take_text(at, key, &event->time, err))
        return false;
    event->time_us = s3_xml_time(event->time);
    return true;
}

static bool take_record(const struct jx *record, struct s3_events *events, struct sr_err *err)
{
    struct jx s3, bucket, object;
    sr_auto(s3_event) struct s3_event event = { 0 };
    if (!take_text(record, "eventSource", &event.source, err) ||
        !take_text(record, "eventName", &event.name, err) ||
        !take_text(record, "awsRegion", &event.region, err) ||
        !take_time(record, "eventTime", &event, err) || !jx_object(record, "s3", &s3, err) ||
        !jx_object(&s3, "bucket", &bucket, err) ||
        !take_text(&bucket, "name", &event.bucket, err) ||
        !jx_object(&s3, "object", &object, err) ||
        !take_object(&object, "eTag", "versionId", &event, err))
        return false;
    event.kind = kind_of(event.name);
    return add_event(events, &event, err);
}

// Spec: Amazon EventBridge "Amazon S3 event message structure"
static bool take_eventbridge(const struct jx *root, struct s3_events *events, struct sr_err *err)
{
    struct jx detail, bucket, object;
    sr_auto(s3_event) struct s3_event event = { 0 };
    if (!take_text(root, "source", &event.source, err) ||
        !take_text(root, "detail-type", &event.name, err) ||
        !take_text(root, "region", &event.region, err) || !take_time(root, "time", &event, err) ||
        !jx_object(root, "detail", &detail, err) || !jx_object(&detail, "bucket", &bucket, err) ||
        !take_text(&bucket, "name", &event.bucket, err) ||
        !jx_object(&detail, "object", &object, err) ||
        !take_object(&object, "etag", "version-id", &event, err))
        return false;
    event.kind = kind_of(event.name);
    return add_event(events, &event, err);
}

static bool take_plain(const struct jx *root, enum s3_event_kind kind, const char *name_key,
                       const char *bucket_key, const char *url_key, struct s3_events *events,
                       struct sr_err *err)
{
    sr_auto(s3_event) struct s3_event event = { .kind = kind };
    return take_text(root, name_key, &event.name, err) &&
           take_text(root, bucket_key, &event.bucket, err) &&
           take_text(root, url_key, &event.url, err) && add_event(events, &event, err);
}

static bool take_message(const char *text, size_t bytes, unsigned depth, struct s3_events *events,
                         struct sr_err *err);

// The text of a member is a message of its own.
static bool unwrap(const struct jx *at, const char *key, unsigned depth, struct s3_events *events,
                   struct sr_err *err)
{
    const char *text;
    if (!jx_text(at, key, &text, err))
        return false;
    return take_message(text, strlen(text), depth + 1, events, err) || sr_err_wrap(err, "%s", key);
}

static bool take_records(const struct jx *root, unsigned depth, struct s3_events *events,
                         struct sr_err *err)
{
    struct jx records;
    if (!jx_array(root, "Records", &records, err))
        return false;
    for (size_t i = 0; i < json_array_size(records.value); i++) {
        const struct jx record = jx_at(&records, i);
        if (!json_is_object(record.value))
            return jx_fail(&record, err, "want an object");
        struct jx sns;
        bool done;
        if (jx_has(&record, "body"))  // SQS, as a Lambda function gets it
            done = unwrap(&record, "body", depth, events, err);
        else if (jx_has(&record, "Sns"))
            done =
                jx_object(&record, "Sns", &sns, err) && unwrap(&sns, "Message", depth, events, err);
        else
            done = take_record(&record, events, err);
        if (!done)
            return false;
    }
    return true;
}

static bool is_text(const struct jx *root, const char *key, const char *want)
{
    const char *text = json_string_value(json_object_get(root->value, key));
    return text && strcmp(text, want) == 0;
}

static bool take_message(const char *text, size_t bytes, unsigned depth, struct s3_events *events,
                         struct sr_err *err)
{
    if (depth > S3_EVENT_WRAPS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d envelopes in each other",
                       S3_EVENT_WRAPS_MAX);
    sr_auto(json) json_t *json = NULL;
    if (!jx_parse(text, bytes, false, &json, err))
        return false;
    const struct jx root = jx_root(json);
    if (!json_is_object(json))
        return jx_fail(&root, err, "want an object");
    if (jx_has(&root, "Records"))
        return take_records(&root, depth, events, err);
    if (jx_has(&root, "detail-type"))
        return take_eventbridge(&root, events, err);
    if (is_text(&root, "Event", "s3:TestEvent"))
        return take_plain(&root, S3_EVENT_TEST, "Event", "Bucket", "url", events, err);
    if (is_text(&root, "Type", "SubscriptionConfirmation"))
        return take_plain(&root, S3_EVENT_SUBSCRIPTION, "Type", "bucket", "SubscribeURL", events,
                          err);
    if (is_text(&root, "Type", "Notification"))
        return unwrap(&root, "Message", depth, events, err);
    if (jx_has(&root, "Body"))  // SQS, as its API gives it
        return unwrap(&root, "Body", depth, events, err);
    return jx_fail(&root, err, "not an event of an object store");
}

bool s3_event_parse(const char *text, size_t bytes, struct s3_events *ret_events,
                    struct sr_err *err)
{
    if (bytes > S3_EVENT_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "an event of %zu bytes", bytes);
    sr_auto(s3_events) struct s3_events events = { 0 };
    if (!take_message(text, bytes, 0, &events, err))
        return false;
    *ret_events = events;
    events = (struct s3_events){ 0 };
    return true;
}

static bool add_identity(const struct s3_event *event, const char *content, struct sr_str *out,
                         struct sr_err *err)
{
    const char *const parts[] = { event->bucket, event->key, event->version, content };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        // encoded, so that no part can hold the line's end between them
        if ((i && !sr_str_add(out, "\n", err)) ||
            !url_encode(parts[i], strlen(parts[i]), "/", out, err))
            return false;
    }
    return true;
}

bool s3_event_add_old_identity(const struct s3_event *event, struct sr_str *out, struct sr_err *err)
{
    return add_identity(event, *event->sequencer ? event->sequencer : event->etag, out, err);
}

bool s3_event_add_identity(const struct s3_event *event, struct sr_str *out, struct sr_err *err)
{
    if (strcmp(event->source, "ceph:s3") != 0 || !*event->time)
        return s3_event_add_old_identity(event, out, err);
    sr_auto(char) char *content = sr_strf(err, "%s@%s", event->etag, event->time);
    return content && add_identity(event, content, out, err);
}

// Spec: Amazon S3 in EventBridge: reason is the API call that made or removed the object.
static const char *reason_of(const char *name)
{
    static const struct {
        const char *end, *reason;
    } rows[] = {
        { ":Put", "PutObject" },       { ":Post", "POST Object" },
        { ":Copy", "CopyObject" },     { ":CompleteMultipartUpload", "CompleteMultipartUpload" },
        { ":Delete", "DeleteObject" }, { ":DeleteMarkerCreated", "DeleteObject" },
    };
    const size_t bytes = strlen(name);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t end = strlen(rows[i].end);
        if (bytes >= end && strcmp(name + bytes - end, rows[i].end) == 0)
            return rows[i].reason;
    }
    return NULL;
}

// Adds a text that is not empty.
static bool put_text(json_t *object, const char *key, const char *text, struct sr_err *err)
{
    return !text || !*text || jx_put(object, key, jx_string(text), err);
}

bool s3_event_json(const struct s3_event *event, const char *id, const char *account,
                   json_t **ret_json, struct sr_err *err)
{
    static const char *const types[] = { "Object Created", "Object Deleted", "Object Event" };
    const char *const type = types[event->kind < S3_EVENT_OTHER ? event->kind : 2];
    char time[25];
    sr_clock_format(event->time_us, time);
    memcpy(time + 19, "Z", 2);  // whole seconds, as EventBridge has them
    sr_auto(char) char *arn = sr_strf(err, "arn:aws:s3:::%s", event->bucket);
    sr_auto(json) json_t *root = json_object();
    sr_auto(json) json_t *detail = json_object();
    sr_auto(json) json_t *object = json_object();
    if (!arn || !jx_made(root, err) || !jx_made(detail, err) || !jx_made(object, err))
        return false;
    return jx_put(root, "version", json_string("0"), err) && put_text(root, "id", id, err) &&
           jx_put(root, "detail-type", json_string(type), err) &&
           jx_put(root, "source", json_string("aws.s3"), err) &&
           put_text(root, "account", account, err) && put_text(root, "time", time, err) &&
           jx_put(root, "region", jx_string(event->region), err) &&
           jx_put(root, "resources", json_pack("[o]", jx_string(arn)), err) &&
           put_text(detail, "version", "0", err) &&
           jx_put(detail, "bucket", json_pack("{so}", "name", jx_string(event->bucket)), err) &&
           jx_put(object, "key", jx_string(event->key), err) &&
           jx_put(object, "size", json_integer((json_int_t)event->bytes), err) &&
           put_text(object, "etag", event->etag, err) &&
           put_text(object, "version-id", event->version, err) &&
           put_text(object, "sequencer", event->sequencer, err) &&
           jx_put(detail, "object", sr_take(object), err) &&
           put_text(detail, "reason", reason_of(event->name), err) &&
           put_text(detail, "event-source", event->source, err) &&
           put_text(detail, "event-name", event->name, err) &&
           jx_put(root, "detail", sr_take(detail), err) && (*ret_json = sr_take(root), true);
}
