#include "statemachine/asl_audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    KIND_NONE,  // before the first event
    KIND_START,
    KIND_REDRIVE,
    KIND_END,
    KIND_ENTERED,
    KIND_EXITED,
    KIND_SCHEDULED,
    KIND_STARTED,
    KIND_SUBMITTED,
    KIND_ANSWERED,
    KIND_GROUP,  // Parallel, Map, their branches and iterations: where flows fork and join
    KIND_ABORTED,
};

struct seen {
    uint8_t kind;
    char family;   // of a task: 'A'ctivity, 'L'ambdaFunction, 'T'ask
    bool is_left;  // something followed it in its flow
};

// One history: the execution's own, or that of a distributed map's child.
struct past {
    uint64_t child;
    size_t count, room;
    struct seen *events;  // event n is at n - 1
    json_t *open;         // name of a state -> how many times it is entered and not left
    enum asl_event_type last_type;
};

struct asl_audit {
    size_t count, room;
    struct past *pasts;
    uint64_t event_count;
};

bool asl_audit_new(struct asl_audit **ret_audit, struct sr_err *err)
{
    *ret_audit = calloc(1, sizeof **ret_audit);
    return *ret_audit || sr_fail(err, SR_ERR_NO_MEMORY, "an audit");
}

void asl_audit_free(struct asl_audit *audit)
{
    if (!audit)
        return;
    for (size_t i = 0; i < audit->count; i++) {
        free(audit->pasts[i].events);
        json_decref(audit->pasts[i].open);
    }
    free(audit->pasts);
    free(audit);
}

uint64_t asl_audit_count(const struct asl_audit *audit)
{
    return audit->event_count;
}

// --- what an event is ---

static bool ends_with(const char *name, const char *end)
{
    const size_t bytes = strlen(name), end_bytes = strlen(end);
    return bytes >= end_bytes && strcmp(name + bytes - end_bytes, end) == 0;
}

static bool begins_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

static enum kind task_kind(const char *moment)
{
    static const struct {
        const char *moment;
        enum kind kind;
    } rows[] = {
        { "Scheduled", KIND_SCHEDULED }, { "Started", KIND_STARTED },
        { "Submitted", KIND_SUBMITTED }, { "Succeeded", KIND_ANSWERED },
        { "Failed", KIND_ANSWERED },     { "TimedOut", KIND_ANSWERED },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].moment, moment) == 0)
            return rows[i].kind;
    }
    return KIND_ANSWERED;  // ScheduleFailed, StartFailed, SubmitFailed
}

static struct seen classify(enum asl_event_type type)
{
    static const char *const families[] = { "Activity", "LambdaFunction", "Task" };
    const char *name = asl_event_name(type);
    switch (type) {
    case ASL_EVENT_ExecutionStarted: return (struct seen){ .kind = KIND_START };
    case ASL_EVENT_ExecutionRedriven: return (struct seen){ .kind = KIND_REDRIVE };
    case ASL_EVENT_ExecutionSucceeded:
    case ASL_EVENT_ExecutionFailed:
    case ASL_EVENT_ExecutionTimedOut:
    case ASL_EVENT_ExecutionAborted: return (struct seen){ .kind = KIND_END };
    default: break;
    }
    if (ends_with(name, "StateEntered"))
        return (struct seen){ .kind = KIND_ENTERED };
    if (ends_with(name, "StateExited"))
        return (struct seen){ .kind = KIND_EXITED };
    if (ends_with(name, "Aborted"))
        return (struct seen){ .kind = KIND_ABORTED };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (begins_with(name, families[i]))
            return (struct seen){ .kind = (uint8_t)task_kind(name + strlen(families[i])),
                                  .family = families[i][0] };
    }
    return (struct seen){ .kind = KIND_GROUP };
}

// --- the places of the past ---

static bool past_of(struct asl_audit *audit, uint64_t child, struct past **ret_past,
                    struct sr_err *err)
{
    for (size_t i = audit->count; i > 0; i--) {
        if (audit->pasts[i - 1].child == child) {
            *ret_past = &audit->pasts[i - 1];
            return true;
        }
    }
    if (audit->count == audit->room) {
        const size_t room = audit->room ? audit->room * 2 : 4;
        struct past *pasts = realloc(audit->pasts, room * sizeof *pasts);
        if (!pasts)
            return sr_fail(err, SR_ERR_NO_MEMORY, "%zu histories", room);
        audit->pasts = pasts;
        audit->room = room;
    }
    struct past *past = &audit->pasts[audit->count];
    *past = (struct past){ .child = child, .open = json_object() };
    if (!jx_made(past->open, err))
        return false;
    audit->count++;
    *ret_past = past;
    return true;
}

static bool remember(struct past *past, struct seen seen, struct sr_err *err)
{
    if (past->count == past->room) {
        const size_t room = past->room ? past->room * 2 : 64;
        struct seen *events = realloc(past->events, room * sizeof *events);
        if (!events)
            return sr_fail(err, SR_ERR_NO_MEMORY, "%zu events", room);
        past->events = events;
        past->room = room;
    }
    past->events[past->count++] = seen;
    return true;
}

// --- the rules ---

static bool refuse(const struct asl_event *event, const char *why, struct sr_err *err)
{
    return sr_fail(err, SR_ERR_VERIFY, "event %" PRIu64 " (%s, after %" PRIu64 "): %s", event->id,
                   asl_event_name(event->type), event->previous, why);
}

#define BIT(kind) (1u << (kind))

// What may stand before an event in its flow.
static const unsigned before[] = {
    [KIND_START] = BIT(KIND_NONE),
    [KIND_REDRIVE] = BIT(KIND_END),
    [KIND_END] = ~0u,
    [KIND_ENTERED] = BIT(KIND_START) | BIT(KIND_REDRIVE) | BIT(KIND_EXITED) | BIT(KIND_GROUP),
    [KIND_EXITED] = BIT(KIND_ENTERED) | BIT(KIND_EXITED) | BIT(KIND_ANSWERED) | BIT(KIND_GROUP),
    [KIND_SCHEDULED] = BIT(KIND_ENTERED) | BIT(KIND_ANSWERED) | BIT(KIND_REDRIVE),
    [KIND_STARTED] = BIT(KIND_SCHEDULED),
    [KIND_SUBMITTED] = BIT(KIND_STARTED),
    [KIND_ANSWERED] = BIT(KIND_SCHEDULED) | BIT(KIND_STARTED) | BIT(KIND_SUBMITTED),
    [KIND_GROUP] = ~0u,
    [KIND_ABORTED] = ~0u,
};
// Where a flow does not fork: one thing follows, and no other.
static const unsigned straight = BIT(KIND_EXITED) | BIT(KIND_SCHEDULED) | BIT(KIND_STARTED) |
                                 BIT(KIND_SUBMITTED) | BIT(KIND_ANSWERED) | BIT(KIND_ENTERED);
static const unsigned in_flow = BIT(KIND_ENTERED) | BIT(KIND_EXITED) | BIT(KIND_SCHEDULED) |
                                BIT(KIND_STARTED) | BIT(KIND_SUBMITTED) | BIT(KIND_ANSWERED);

static bool check_order(struct past *past, const struct asl_event *event, struct seen seen,
                        struct sr_err *err)
{
    const struct seen none = { .kind = KIND_NONE };
    struct seen *previous = event->previous ? &past->events[event->previous - 1] : NULL;
    const struct seen from = previous ? *previous : none;
    if (!(before[seen.kind] & BIT(from.kind)))
        return refuse(event, "cannot follow the event that it names as the previous one", err);
    if (seen.family && (BIT(from.kind) & (BIT(KIND_SCHEDULED) | BIT(KIND_STARTED))) &&
        seen.family != from.family)
        return refuse(event, "belongs to another kind of task", err);
    if (!previous || !(in_flow & BIT(seen.kind)) || !(straight & BIT(from.kind)))
        return true;
    if (previous->is_left)
        return refuse(event, "follows what something else has followed", err);
    previous->is_left = true;
    return true;
}

static bool check_states(struct past *past, const struct asl_event *event, struct seen seen,
                         struct sr_err *err)
{
    const bool enters = seen.kind == KIND_ENTERED;
    if (!enters && seen.kind != KIND_EXITED)
        return true;
    const char *name = json_string_value(json_object_get(event->details, "name"));
    if (!name)
        return refuse(event, "names no state", err);
    const json_int_t open = json_integer_value(json_object_get(past->open, name));
    if (!enters && !open)
        return refuse(event, "leaves a state that was not entered", err);
    return jx_put(past->open, name, json_integer(open + (enters ? 1 : -1)), err);
}

bool asl_audit_event(struct asl_audit *audit, const struct asl_event *event, struct sr_err *err)
{
    struct past *past = NULL;
    if (!past_of(audit, event->child, &past, err))
        return false;
    const struct seen seen = classify(event->type);
    if (event->id != past->count + 1)
        return refuse(event, "its number is not the next one", err);
    if (event->previous >= event->id)
        return refuse(event, "names an event after itself as the previous one", err);
    if ((event->id == 1) != (seen.kind == KIND_START))
        return refuse(event, "is not how a history begins", err);
    const bool ended = past->count && past->events[past->count - 1].kind == KIND_END;
    if (ended && seen.kind != KIND_REDRIVE)
        return refuse(event, "comes after the end", err);
    if (!check_order(past, event, seen, err) || !check_states(past, event, seen, err) ||
        !remember(past, seen, err))
        return false;
    past->last_type = event->type;
    audit->event_count++;
    return true;
}

bool asl_audit_end(const struct asl_audit *audit, enum asl_status status, struct sr_err *err)
{
    static const enum asl_event_type ends[] = {
        [ASL_SUCCEEDED] = ASL_EVENT_ExecutionSucceeded,
        [ASL_FAILED] = ASL_EVENT_ExecutionFailed,
        [ASL_TIMED_OUT] = ASL_EVENT_ExecutionTimedOut,
        [ASL_ABORTED] = ASL_EVENT_ExecutionAborted,
    };
    const struct past *own = NULL;
    for (size_t i = 0; i < audit->count && !own; i++)
        own = audit->pasts[i].child == 0 ? &audit->pasts[i] : NULL;
    if (!own || !own->count)
        return sr_fail(err, SR_ERR_VERIFY, "the history is empty");
    const bool ended = own->events[own->count - 1].kind == KIND_END;
    if (status == ASL_RUNNING)
        return !ended || sr_fail(err, SR_ERR_VERIFY, "it is RUNNING and its history has ended");
    if (!ended || own->last_type != ends[status])
        return sr_fail(err, SR_ERR_VERIFY, "it is %s and its history ends with %s",
                       asl_status_name(status), asl_event_name(own->last_type));
    return true;
}
