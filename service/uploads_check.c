// Messages of SNS: certificate, signature, subscription. On a thread of its own, since a
// certificate may take seconds to come.
#include <stdlib.h>
#include <string.h>

#include "base/hash_certificate.h"
#include "base/str.h"
#include "net/http.h"
#include "service/uploads_priv.h"
#include "service/uploads_sns.h"

enum { FETCH_US_MAX = 10000000, FETCH_ATTEMPTS = 2 };

void upload_sns_free(struct upload_sns *sns)
{
    if (!sns)
        return;
    json_decref(sns->message);
    free(sns->body);
    free(sns);
}
SR_DEFINE_AUTO(upload_sns, struct upload_sns, upload_sns_free);

static bool open_http(struct uploads *uploads, struct sr_err *err)
{
    const struct config_texts *const hosts = &uploads->params.config->hosts;
    struct http_params params = http_params_default();
    params.clock = uploads->params.clock;
    params.log = uploads->params.log;
    params.policy.allow = (const char *const *)hosts->list;
    params.total_us = FETCH_US_MAX;
    params.attempts_max = FETCH_ATTEMPTS;
    return http_new(&params, &uploads->http, err);
}

static bool fetch(struct uploads *uploads, const char *url, char **ret_body, struct sr_err *err)
{
    if (uploads->params.fetch)
        return uploads->params.fetch(uploads->params.fetch_self, url, ret_body, err);
    sr_auto(http_response) struct http_response response = { 0 };
    const struct http_request request = { .method = "GET",
                                          .url = url,
                                          .reply_bytes_max = SR_CERTIFICATE_BYTES_MAX };
    if ((!uploads->http && !open_http(uploads, err)) ||
        !http_run(uploads->http, &request, &response, err))
        return false;
    *ret_body = response.body ? sr_take(response.body) : sr_str_dup("", err);
    return *ret_body != NULL;
}

// Of a URL that sns_check() allows; the last one is kept.
static bool get_certificate(struct uploads *uploads, const char *url, struct sr_err *err)
{
    if (uploads->check.url && strcmp(uploads->check.url, url) == 0)
        return true;
    sr_auto(char) char *pem = NULL;
    sr_auto(char) char *copy = sr_str_dup(url, err);
    if (!copy || !fetch(uploads, url, &pem, err))
        return false;
    free(uploads->check.url);
    free(uploads->check.pem);
    uploads->check.url = sr_take(copy);
    uploads->check.pem = sr_take(pem);
    return true;
}

static bool check(struct uploads *uploads, const struct upload_sns *sns, struct sr_err *err)
{
    const struct jx root = jx_root(sns->message);
    const char *url;
    return sns_check(&root, uploads->params.config, err) &&
           jx_text(&root, "SigningCertURL", &url, err) && get_certificate(uploads, url, err) &&
           sns_verify(&root, uploads->check.pem, err);
}

static bool confirm(struct uploads *uploads, const struct upload_sns *sns, struct sr_err *err)
{
    const struct jx root = jx_root(sns->message);
    const char *url;
    sr_auto(char) char *body = NULL;
    if (!jx_text(&root, "SubscribeURL", &url, err) || !fetch(uploads, url, &body, err))
        return sr_err_wrap(err, "confirm a subscription");
    const char *const topic = json_string_value(json_object_get(sns->message, "TopicArn"));
    sr_info(uploads->params.log, "an SNS subscription is confirmed",
            SR_TEXT("topic", topic ? topic : ""));
    return true;
}

// *ret_later: the worker answers.
static bool take(struct uploads *uploads, const struct upload_sns *sns, bool *ret_later,
                 struct sr_err *err)
{
    sr_auto(s3_events) struct s3_events events = { 0 };
    sr_auto(upload_message) struct upload_message *message = calloc(1, sizeof *message);
    const char *const type = json_string_value(json_object_get(sns->message, "Type"));
    if (!message)
        return sr_fail(err, SR_ERR_NO_MEMORY, "an event");
    if (!check(uploads, sns, err))
        return false;
    if (strcmp(type, "SubscriptionConfirmation") == 0)
        return confirm(uploads, sns, err);
    if (strcmp(type, "Notification") != 0)  // somebody has unsubscribed us
        return true;
    message->call = sns->call;
    if (!s3_event_parse(sns->body, sns->bytes, &events, err) ||
        !uploads_add_events(uploads, &events, message, err) ||
        !uploads_post(uploads, sr_take(message), err))
        return false;
    *ret_later = true;
    return true;
}

void uploads_check_sns(struct uploads *uploads, struct upload_sns *taken)
{
    struct sr_err err = { 0 };
    bool later = false;
    sr_auto(upload_sns) struct upload_sns *sns = taken;
    if (take(uploads, sns, &later, &err)) {
        const struct upload_message nothing = { .call = sns->call };
        if (!later)
            uploads_answer(&nothing);
        return;
    }
    sr_warn(uploads->params.log, "a message of SNS is refused", SR_ERR(&err));
    uploads_refuse(sns->call, sr_err_row(err.code)->http_status, err.message);
}
