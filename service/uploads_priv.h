// service/uploads_priv.h - what the parts of service/uploads share.
#pragma once

#include <stdatomic.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/queue.h"
#include "base/thread.h"
#include "pipeline/job_store.h"
#include "pipeline/rule.h"
#include "service/uploads.h"

enum {
    UPLOADS_NAME_MAX = 128,  // of an execution, or a job's key
    UPLOADS_SNS_MAX = 100,   // messages whose signature is not checked yet
};

struct upload_record {
    uint8_t identity[SR_SHA256_BYTES], before[SR_SHA256_BYTES];  // as a job_event's
    char uuid[SR_ID_TEXT];
    char *document;
    char *place;  // of the file or object: "s3://bucket/key", a path; NULL: it has none
};

// For the worker: from whoever hears of events, and from who starts what they start.
struct upload_message {
    struct upload_message *next;
    enum { MESSAGE_RECORD, MESSAGE_STARTED } kind;
    // RECORD
    struct server_call *call;  // who waits for the answer; NULL: nobody
    struct upload_record *records;
    size_t record_count, record_room;
    unsigned ignored_count;         // before it was a record,
    unsigned own_count, new_count;  // and of the records
    // STARTED
    struct uploads *uploads;
    int64_t event;
    char rule[RULE_NAME_MAX + 1], name[UPLOADS_NAME_MAX + 1];
    bool done, is_job;
    char arn[512];  // or the job's id
    struct sr_err err;
};
void upload_message_free(struct upload_message *message);
SR_DEFINE_AUTO(upload_message, struct upload_message, upload_message_free);

// A message of SNS whose signature is still to be checked.
struct upload_sns {
    struct server_call *call;
    json_t *message;
    char *body;
    size_t bytes;
};

// An event whose executions the engine has been asked for.
struct upload_flight {
    int64_t event;  // 0: none
    int64_t attempts;
    unsigned open_count;
    bool retries;
    char why[512];  // "": nothing went wrong
};

struct upload_schedule {
    size_t rule;  // of work.rules
    char *text;
    struct job_schedule times;
};

struct uploads {
    const struct uploads_params params;
    struct http *http;
    struct sr_queue *sns;
    atomic_uint sns_count;  // in the queue, so that nobody waits for room in it
    struct sr_thread *worker, *checker;
    atomic_bool is_stopping;
    struct sr_mutex lock;
    struct sr_cond changed;
    struct {
        struct upload_message *first, **end;
        size_t count;
        bool reload;
    } synced;  // under `lock`
    struct {
        struct job_store *store;
        struct rules rules;
        struct upload_schedule *schedules;
        size_t schedule_count;
        struct upload_flight flights[UPLOADS_FLIGHTS_MAX];
        size_t flight_count;
        struct upload_message *started;  // STARTED, not noted yet
        struct upload_message *again;    // RECORD that the store did not take, for nobody who waits
    } work;                              // the worker's
    struct {
        char *url, *pem;  // the last certificate
    } check;              // the checker's
};

// uploads.c. Takes the message, also when it fails: BUSY.
SR_MUST_USE bool uploads_post(struct uploads *uploads, struct upload_message *message,
                              struct sr_err *err);
SR_MUST_USE bool uploads_add_events(struct uploads *uploads, const struct s3_events *events,
                                    struct upload_message *message, struct sr_err *err);
void uploads_refuse(struct server_call *call, int status, const char *why);  // NULL: nobody waits
void uploads_answer(const struct upload_message *message);

// uploads_start.c. Asks for what a rule starts for an event, if it matches; what cannot be started
// at all is noted so.
SR_MUST_USE bool uploads_start_rule(struct uploads *uploads, struct upload_flight *flight,
                                    const struct job_event *event, const json_t *document,
                                    const struct rule *rule, struct sr_err *err);
void uploads_say_why(struct upload_flight *flight, const char *rule, const struct sr_err *why);

// uploads_check.c: takes the message.
void uploads_check_sns(struct uploads *uploads, struct upload_sns *sns);
void upload_sns_free(struct upload_sns *sns);

// uploads_schedule.c
SR_MUST_USE bool uploads_load_schedules(struct uploads *uploads, int64_t now_us,
                                        struct sr_err *err);
void uploads_drop_schedules(struct uploads *uploads);
SR_MUST_USE bool uploads_run_schedules(struct uploads *uploads, int64_t now_us, struct sr_err *err);
int64_t uploads_next_schedule_us(const struct uploads *uploads);
