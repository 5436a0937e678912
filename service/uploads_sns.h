// service/uploads_sns.h - messages of Amazon SNS: whose they are.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/jx.h"
#include "service/config_events.h"

enum { SNS_URL_BYTES_MAX = 2048 };

// Whether a parsed body is a message of SNS: it has a Type that SNS sends, and a signature.
bool sns_is_message(const json_t *message);
// Whether `url` is https:// at a host that is allowed: one of `hosts`, or, when there are none,
// sns.REGION.amazonaws.com (and .cn).
bool sns_url_is_allowed(const char *url, const struct config_texts *hosts);
// Checks everything but the signature: members, version, topic, addresses.
// Errors: INVALID, DENIED.
SR_MUST_USE bool sns_check(const struct jx *message, const struct config_events *config,
                           struct sr_err *err);
// Checks the signature (version 1: SHA-1, 2: SHA-256) with a certificate in PEM.
// Errors: INVALID, DENIED, NO_MEMORY.
// Spec:   Amazon SNS "Verifying the signatures of Amazon SNS messages"
SR_MUST_USE bool sns_verify(const struct jx *message, const char *pem, struct sr_err *err);
