// storage/s3_event.h - upload events as object stores and what forwards them send them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/jx.h"
#include "base/str.h"

enum { S3_EVENTS_MAX = 1000, S3_EVENT_BYTES_MAX = 1 << 20, S3_EVENT_WRAPS_MAX = 3 };

// Metadata that says which job wrote an object: its events start nothing.
#define S3_EVENT_MARK "splitreel-job"

enum s3_event_kind {
    S3_EVENT_CREATED,
    S3_EVENT_REMOVED,
    S3_EVENT_OTHER,         // tags, restores, what is new to us
    S3_EVENT_TEST,          // "is anybody there?": no object
    S3_EVENT_SUBSCRIPTION,  // SNS asks whether it may send; `url` confirms
};

// Texts that were not there are "".
struct s3_event {
    enum s3_event_kind kind;
    char *source;  // "aws:s3", "ceph:s3", "minio:s3", "aws.s3" (EventBridge)
    char *name;    // "ObjectCreated:Put", "Object Created"
    char *bucket;
    char *key;  // decoded
    char *version;
    char *sequencer;  // of one key: the longer, else the greater one is the later event
    char *etag;       // without quotes
    char *region;
    char *url;   // of SUBSCRIPTION
    char *mark;  // the object's metadata S3_EVENT_MARK, where the event tells it (Ceph, MinIO)
    char *time;  // as it was said
    uint64_t bytes;
    int64_t time_us;  // in whole seconds; 0: not said
};
struct s3_events {
    struct s3_event *item;
    size_t count;
};
void s3_events_done(struct s3_events *events);
SR_DEFINE_AUTO_VALUE(s3_events, struct s3_events, s3_events_done);

// Reads the body of a notification from AWS S3, EventBridge, Ceph or MinIO, also inside SNS and SQS
// envelopes. Who encodes keys and who does not is told by the source; a key that no encoder would
// give is taken as it is.
// Owns:   the caller frees *ret_events with s3_events_done().
// Errors: INVALID (not JSON, not an event), LIMIT (too many records, envelopes in envelopes),
//         TOO_LARGE, NO_MEMORY.
SR_MUST_USE bool s3_event_parse(const char *text, size_t bytes, struct s3_events *ret_events,
                                struct sr_err *err);

// What two deliveries of the same event have in common, also by different ways: bucket, key,
// version, and sequencer or etag. Ceph makes a sequencer for each topic that it tells; its time is
// that of the object, to the microsecond, and with the etag takes the sequencer's place.
SR_MUST_USE bool s3_event_add_identity(const struct s3_event *event, struct sr_str *out,
                                       struct sr_err *err);
// With Ceph's sequencer, as it was once recorded.
SR_MUST_USE bool s3_event_add_old_identity(const struct s3_event *event, struct sr_str *out,
                                           struct sr_err *err);

// The event as EventBridge tells it, whoever sent it, so that one pattern fits all: source
// "aws.s3", "detail-type" "Object Created" or "Object Deleted", detail with bucket, object and
// reason; beside that detail.event-source and detail.event-name as they were sent.
// Spec: Amazon S3 "Event message structure" of EventBridge
SR_MUST_USE bool s3_event_json(const struct s3_event *event, const char *id, const char *account,
                               json_t **ret_json, struct sr_err *err);
