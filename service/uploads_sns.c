#include "service/uploads_sns.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/hash_certificate.h"
#include "base/str.h"
#include "net/url.h"

static const char *text_of(const json_t *message, const char *key)
{
    return json_string_value(json_object_get(message, key));
}

static bool is_type(const json_t *message, const char *type)
{
    const char *const text = text_of(message, "Type");
    return text && strcmp(text, type) == 0;
}

bool sns_is_message(const json_t *message)
{
    return (is_type(message, "Notification") || is_type(message, "SubscriptionConfirmation") ||
            is_type(message, "UnsubscribeConfirmation")) &&
           text_of(message, "Signature");
}

// "sns.eu-central-1.amazonaws.com": one label between, so that no name of somebody else's fits.
static bool is_amazon(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (strncmp(host, "sns.", 4) != 0)
        return false;
    const char *const region = host + 4;
    const size_t bytes = strspn(region, letters);
    return bytes > 0 && (strcmp(region + bytes, ".amazonaws.com") == 0 ||
                         strcmp(region + bytes, ".amazonaws.com.cn") == 0);
}

bool sns_url_is_allowed(const char *url, const struct config_texts *hosts)
{
    struct sr_err err = { 0 };
    sr_auto(url) struct url parts = { 0 };
    if (strlen(url) > SNS_URL_BYTES_MAX || !url_parse(url, &parts, &err) ||
        strcmp(parts.scheme, "https") != 0 || !url_port_is_default(&parts))
        return false;
    for (size_t i = 0; i < hosts->count; i++) {
        if (strcmp(parts.host, hosts->list[i]) == 0)
            return true;
    }
    return hosts->count == 0 && is_amazon(parts.host);
}

static bool topic_is_allowed(const char *topic, const struct config_texts *topics)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (strcmp(topic, topics->list[i]) == 0)
            return true;
    }
    return topics->count == 0;
}

bool sns_check(const struct jx *message, const struct config_events *config, struct sr_err *err)
{
    const char *topic, *certificate, *version, *url;
    if (!jx_text(message, "TopicArn", &topic, err) ||
        !jx_text(message, "SigningCertURL", &certificate, err) ||
        !jx_text(message, "SignatureVersion", &version, err))
        return false;
    if (strcmp(version, "1") != 0 && strcmp(version, "2") != 0)
        return jx_fail(message, err, "SignatureVersion: want 1 or 2");
    if (!topic_is_allowed(topic, &config->topics))
        return sr_fail(err, SR_ERR_DENIED, "this topic may not send");
    if (!sns_url_is_allowed(certificate, &config->hosts))
        return sr_fail(err, SR_ERR_DENIED, "SigningCertURL leads to a host that is not SNS's");
    if (!is_type(message->value, "SubscriptionConfirmation"))
        return true;
    return jx_text(message, "SubscribeURL", &url, err) &&
           (sns_url_is_allowed(url, &config->hosts) ||
            sr_fail(err, SR_ERR_DENIED, "SubscribeURL leads to a host that is not SNS's"));
}

// What is signed: "KEY\nVALUE\n" of each member, in this order; a Notification may lack Subject.
static bool add_signed(const struct jx *message, struct sr_str *text, struct sr_err *err)
{
    static const char *const of_message[] = { "Message",  "MessageId", "Subject", "Timestamp",
                                              "TopicArn", "Type",      NULL };
    static const char *const of_subscription[] = { "Message",   "MessageId", "SubscribeURL",
                                                   "Timestamp", "Token",     "TopicArn",
                                                   "Type",      NULL };
    const bool is_message = is_type(message->value, "Notification");
    for (const char *const *key = is_message ? of_message : of_subscription; *key; key++) {
        const char *value;
        if (strcmp(*key, "Subject") == 0 && !text_of(message->value, *key))
            continue;
        if (!jx_text(message, *key, &value, err) ||
            !sr_str_addf(text, err, "%s\n%s\n", *key, value))
            return false;
    }
    return true;
}

bool sns_verify(const struct jx *message, const char *pem, struct sr_err *err)
{
    const char *version, *base64;
    uint8_t *signature = NULL;
    size_t bytes;
    sr_auto(sr_str) struct sr_str text = { 0 };
    if (!jx_text(message, "SignatureVersion", &version, err) ||
        !jx_text(message, "Signature", &base64, err) || !add_signed(message, &text, err) ||
        !sr_base64_decode(base64, &signature, &bytes, err))
        return false;
    const bool done = sr_certificate_verify(pem, strcmp(version, "1") == 0 ? "SHA-1" : "SHA-256",
                                            sr_str_text(&text), text.bytes, signature, bytes, err);
    free(signature);
    return done || sr_err_wrap(err, "SNS");
}
