#include "service/metrics.h"

#include <inttypes.h>

enum kind { COUNTER, GAUGE };

static bool add(struct sr_str *text, enum kind kind, const char *name, const char *help,
                uint64_t value, struct sr_err *err)
{
    return sr_str_addf(text, err,
                       "# HELP splitreel_%s %s\n# TYPE splitreel_%s %s\nsplitreel_%s %" PRIu64 "\n",
                       name, help, name, kind == COUNTER ? "counter" : "gauge", name, value);
}

static bool add_latency(const struct engine_latency *latency, struct sr_str *text,
                        struct sr_err *err)
{
    uint64_t count = 0;
    if (!sr_str_add(text,
                    "# HELP splitreel_commit_seconds Time until a commit is on disk.\n"
                    "# TYPE splitreel_commit_seconds histogram\n",
                    err))
        return false;
    for (size_t i = 0; i < ENGINE_LATENCIES - 1; i++) {
        count += latency->counts[i];
        if (!sr_str_addf(text, err, "splitreel_commit_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                         (double)engine_latency_bounds_us[i] / 1e6, count))
            return false;
    }
    count += latency->counts[ENGINE_LATENCIES - 1];
    return sr_str_addf(
        text, err,
        "splitreel_commit_seconds_bucket{le=\"+Inf\"} %" PRIu64
        "\nsplitreel_commit_seconds_sum %.6f\nsplitreel_commit_seconds_count %" PRIu64 "\n",
        count, (double)latency->sum_us / 1e6, count);
}

// One family of the queues: which number of each.
struct family {
    const char *name, *help;
    double (*number)(const struct engine_queue *queue, int64_t now_us);
    int64_t now_us;
    size_t count;
    struct sr_str *text;
    struct sr_err *err;
    bool failed;
};

static double get_tasks(const struct engine_queue *queue, int64_t now_us)
{
    (void)now_us;
    return (double)queue->tasks;
}
static double get_polls(const struct engine_queue *queue, int64_t now_us)
{
    (void)now_us;
    return (double)queue->polls;
}
static double get_age(const struct engine_queue *queue, int64_t now_us)
{
    return queue->oldest_us && now_us > queue->oldest_us ? (double)(now_us - queue->oldest_us) / 1e6
                                                         : 0;
}

// Spec: in a label's value, backslash, quote and line feed are escaped.
static bool add_label(struct sr_str *text, const char *value, struct sr_err *err)
{
    for (; *value; value++) {
        const char one[] = { *value, '\0' };
        if (*value == '\n' ? !sr_str_add(text, "\\n", err)
                           : ((*value == '"' || *value == '\\') && !sr_str_add(text, "\\", err)) ||
                                 !sr_str_add(text, one, err))
            return false;
    }
    return true;
}

static bool add_queue(void *self, const struct engine_queue *queue)
{
    struct family *const family = self;
    family->failed =
        !sr_str_addf(family->text, family->err, "splitreel_%s{activity=\"", family->name) ||
        !add_label(family->text, queue->arn, family->err) ||
        !sr_str_addf(family->text, family->err, "\"} %.6g\n",
                     family->number(queue, family->now_us));
    return !family->failed && ++family->count < METRICS_QUEUES_MAX;
}

static bool add_queues(struct engine *engine, int64_t now_us, struct sr_str *text,
                       struct sr_err *err)
{
    static const struct family families[] = {
        { "activity_tasks", "Tasks that wait for a worker.", get_tasks, 0, 0, NULL, NULL, false },
        { "activity_pollers", "Workers that wait for a task.", get_polls, 0, 0, NULL, NULL, false },
        { "activity_oldest_seconds", "Age of the oldest task that waits for a worker.", get_age, 0,
          0, NULL, NULL, false },
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct family family = families[i];
        family.now_us = now_us;
        family.text = text;
        family.err = err;
        if (!sr_str_addf(text, err, "# HELP splitreel_%s %s\n# TYPE splitreel_%s gauge\n",
                         family.name, family.help, family.name))
            return false;
        engine_metrics_queues(engine, add_queue, &family);
        if (family.failed)
            return false;
    }
    return true;
}

bool metrics_add_engine(struct engine *engine, int64_t now_us, struct sr_str *text,
                        struct sr_err *err)
{
    struct engine_metrics now;
    if (!engine_metrics_read(engine, &now, err))
        return false;
    return add(text, COUNTER, "events_total", "History events, since the start.", now.counts.events,
               err) &&
           add(text, COUNTER, "transitions_total", "States entered, since the start.",
               now.counts.transitions, err) &&
           add(text, COUNTER, "commits_total", "Commits, since the start.", now.counts.commits,
               err) &&
           add(text, GAUGE, "executions_open", "Executions that wait for a task or a time.",
               now.open, err) &&
           add(text, GAUGE, "executions_cached", "Executions in memory.", now.counts.cached, err) &&
           add(text, GAUGE, "tasks_open", "Tasks that are out or wait for a worker.",
               now.counts.tasks, err) &&
           add(text, GAUGE, "requests_queued", "Requests that wait for the engine.", now.queued,
               err) &&
           add_latency(&now.commit, text, err) && add_queues(engine, now_us, text, err);
}

bool metrics_add_gauge(struct sr_str *text, const char *name, const char *help, uint64_t value,
                       struct sr_err *err)
{
    return add(text, GAUGE, name, help, value, err);
}

bool metrics_add_stores(struct http_totals *totals, struct sr_str *text, struct sr_err *err)
{
    return add(text, COUNTER, "store_requests_total",
               "Requests to stores, with those that were repeated, since the start.",
               totals->requests, err) &&
           add(text, COUNTER, "store_retries_total",
               "Requests to stores that were repeated, since the start.", totals->retries, err) &&
           add(text, COUNTER, "store_sent_bytes_total", "Bytes sent to stores, since the start.",
               totals->sent_bytes, err) &&
           add(text, COUNTER, "store_received_bytes_total",
               "Bytes received from stores, since the start.", totals->received_bytes, err);
}

bool metrics_add_server(const struct server_counts *counts, uint64_t audit_lost,
                        struct sr_str *text, struct sr_err *err)
{
    return add(text, COUNTER, "http_requests_total", "Requests, since the start.", counts->requests,
               err) &&
           add(text, COUNTER, "http_gone_total",
               "Requests whose client went before the answer was sent, since the start.",
               counts->gone, err) &&
           add(text, GAUGE, "http_connections", "Connections.", counts->connections, err) &&
           add(text, GAUGE, "http_waiting", "Requests that wait for their answer.", counts->waiting,
               err) &&
           add(text, GAUGE, "http_body_bytes", "Memory of requests that are being received.",
               counts->body_bytes, err) &&
           add(text, COUNTER, "audit_lost_total",
               "Lines that could not be written to the audit log, since the start.", audit_lost,
               err);
}
