#include "cli/worker_metrics.h"

#include "base/str.h"
#include "base/test.h"

static const struct worker_metrics_params quiet = { .slots = 4, .light_slots = 1 };

static void tell(struct worker_metrics *metrics, const char *kind, const char *activity,
                 const char *status)
{
    sr_auto(json) json_t *event =
        json_pack("{s:s,s:s,s:s*}", "event", kind, "activity", activity, "status", status);
    assert_non_null(event);
    worker_metrics_event(metrics, event);
}

static void tasks(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str text = { 0 };
    sr_auto(worker_metrics) struct worker_metrics *metrics = NULL;
    sr_assert_ok(worker_metrics_new(&quiet, &metrics, &err), err);
    assert_null(worker_metrics_address(metrics));
    for (int i = 0; i < 3; i++)
        tell(metrics, "began", "segment", NULL);
    tell(metrics, "ended", "segment", "succeeded");
    tell(metrics, "began", "plan", NULL);
    tell(metrics, "ended", "plan", "handed back");
    tell(metrics, "began", "no such activity", NULL);
    sr_auto(json) json_t *odd = json_pack("[i]", 1);
    worker_metrics_event(metrics, odd);
    worker_metrics_stores(metrics)->sent_bytes = 77;
    sr_assert_ok(worker_metrics_text(metrics, &text, &err), err);
    static const char *const lines[] = {
        "splitreel_worker_tasks_total{activity=\"segment\",status=\"succeeded\"} 1\n",
        "splitreel_worker_tasks_total{activity=\"segment\",status=\"failed\"} 0\n",
        "splitreel_worker_tasks_running{activity=\"segment\"} 2\n",
        "splitreel_worker_tasks_total{activity=\"plan\",status=\"handed back\"} 1\n",
        "splitreel_worker_tasks_running{activity=\"plan\"} 0\n",
        "splitreel_worker_slots 4\n",
        "splitreel_worker_light_slots 1\n",
        "splitreel_store_sent_bytes_total 77\n",
    };
    for (size_t i = 0; i < SR_TEST_COUNT(lines); i++)
        sr_assert_contains(sr_str_text(&text), lines[i]);
    assert_null(strstr(sr_str_text(&text), "audio"));  // that it never had
}

// Whom GET /metrics answers.
static int ask(const char *url, const char *token, const char *part)
{
    struct sr_err err = { 0 };
    struct http_params params = http_params_default();
    params.policy.allow_private = true;
    params.attempts_max = 1;
    sr_auto(http) struct http *http = NULL;
    sr_auto(http_response) struct http_response response = { 0 };
    sr_auto(char) char *value = sr_strf(&err, "Bearer %s", token ? token : "");
    const struct http_header header = { .name = (char *)"Authorization", .value = value };
    const struct http_request request = {
        .method = "GET", .url = url, .headers = &header, .header_count = token != NULL
    };
    sr_assert_ok(http_new(&params, &http, &err), err);
    if (!http_run(http, &request, &response, &err))
        return err.native;
    sr_assert_contains(response.body, part);
    return response.status;
}

static void answers(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct worker_metrics_params params = quiet;
    sr_auto(worker_metrics) struct worker_metrics *metrics = NULL;
    params.address = "127.0.0.1:0";
    sr_assert_ok(worker_metrics_new(&params, &metrics, &err), err);
    assert_int_equal(ask(worker_metrics_address(metrics), NULL, "splitreel_worker_slots 4"), 200);
    sr_auto(char) char *other = sr_strf(&err, "%s/no", worker_metrics_address(metrics));
    assert_int_equal(ask(other, NULL, ""), 404);
    params.token = "a-secret-of-24-letters..";
    assert_int_equal(ask(worker_metrics_address(metrics), NULL, ""), 403);
    assert_int_equal(ask(worker_metrics_address(metrics), "another", ""), 403);
    assert_int_equal(ask(worker_metrics_address(metrics), params.token, "worker_slots"), 200);
}

static void refused_addresses(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct worker_metrics_params params = quiet;
    struct worker_metrics *metrics = NULL;
    params.address = "host:1";
    sr_assert_fails(worker_metrics_new(&params, &metrics, &err), SR_ERR_INVALID, err);
    params.address = "0.0.0.0:0";
    sr_assert_fails(worker_metrics_new(&params, &metrics, &err), SR_ERR_DENIED, err);
    assert_null(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tasks), cmocka_unit_test(answers),
                                        cmocka_unit_test(refused_addresses) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
