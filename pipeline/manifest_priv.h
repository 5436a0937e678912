// pipeline/manifest_priv.h - what the files of the manifest's parser share.
#pragma once

#include "pipeline/manifest.h"

// One of `names` (ends with NULL): its index. The error names all of them.
SR_MUST_USE bool manifest_name(const struct jx *at, const char *key, const char *const *names,
                               int *ret_index, struct sr_err *err);
// A string of 1..capacity-1 bytes, copied.
SR_MUST_USE bool manifest_copy(const struct jx *at, const char *key, char *buffer, size_t capacity,
                               struct sr_err *err);
// A string of 1..MANIFEST_TEXT_MAX bytes.
SR_MUST_USE bool manifest_text(const struct jx *at, const char *key, const char **ret,
                               struct sr_err *err);
// A quantity's text: of a string its own, of a number its digits (in `number`); "" for anything
// else.
const char *manifest_spelling(const struct jx *place, char number[40]);

bool manifest_is_word(const struct jx *place, const char *word);  // the string `word`

// Fills the manifest's fields of "input"; a name from the command line stands before the
// document's.
SR_MUST_USE bool manifest_input_parse(const struct jx *root, struct manifest *manifest,
                                      struct sr_err *err);
// Fills the manifest's notifications.
SR_MUST_USE bool manifest_notify_parse(const struct jx *root, struct manifest *manifest,
                                       struct sr_err *err);
// Fills *ret from an element of "renditions".
SR_MUST_USE bool manifest_rendition_parse(const struct jx *at, struct manifest_rendition *ret,
                                          struct sr_err *err);
struct manifest_rendition manifest_rendition_default(enum media_kind kind);
