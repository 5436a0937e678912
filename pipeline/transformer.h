// pipeline/transformer.h - an event made into an input: EventBridge's input transformer.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/jx.h"
#include "pipeline/faults.h"

enum {
    TRANSFORMER_PATHS_MAX = 100,
    TRANSFORMER_TEMPLATE_BYTES_MAX = 8192,
    TRANSFORMER_OUTPUT_BYTES_MAX = 256 << 10,  // what a state takes
};

struct transformer;

// Reads {"InputPathsMap": {"name": "$.path", ...}, "InputTemplate": "..."}. The template is text,
// as EventBridge has it, in which <name> stands for a value: behind quotes as text, else as JSON.
// Or it is JSON itself: there <name> stands inside texts, and a text that is nothing but <name>
// becomes the value. \< is no placeholder.
// Beside the names of the map there are <aws.events.event.json> (the whole event),
// <aws.events.event> (without its detail), <aws.events.event.ingestion-time>,
// <aws.events.rule-name> and <aws.events.rule-arn>.
// What is wrong is added to `faults`, and *ret is NULL then: a name that is not there, a path that
// is none, a template that would give no JSON.
// Errors: NO_MEMORY alone.
// Spec:   Amazon EventBridge "Input transformation"
SR_MUST_USE bool transformer_parse(const struct jx *at, struct faults *faults,
                                   struct transformer **ret, struct sr_err *err);
void transformer_free(struct transformer *transformer);
SR_DEFINE_AUTO(transformer, struct transformer, transformer_free);

// What the names that AWS reserves stand for.
struct transformer_rule {
    const char *name, *arn;
    int64_t time_us;
};

// The input, as compact JSON. A path that leads nowhere gives nothing inside a text and null
// elsewhere.
// Owns:   the caller frees *ret_text.
// Errors: INVALID (the result is no JSON), TOO_LARGE, LIMIT (a path looks at too much), NO_MEMORY.
SR_MUST_USE bool transformer_run(const struct transformer *transformer, const json_t *event,
                                 const struct transformer_rule *rule, char **ret_text,
                                 struct sr_err *err);
