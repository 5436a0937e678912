// statemachine/engine_items.h - the formats of an ItemReader: JSON, JSON Lines, CSV; text in, items
// out.
#pragma once

#include "base/err.h"
#include "base/jx.h"

enum { ENGINE_ITEMS_BYTES_MAX = 64 << 20, ENGINE_ITEMS_MAX = 1000000, ENGINE_COLUMNS_MAX = 10000 };

// `config` is a ReaderConfig: InputType (JSON when it is missing), ItemsPointer, CSVHeaderLocation,
// CSVHeaders, CSVDelimiter, MaxItems.
// Owns:    *ret_items is a new reference to an array.
// Errors:  INVALID (the text is not what it should be), UNSUPPORTED (another InputType), LIMIT, NO_MEMORY.
// Threads: pure; any thread.
// Spec:    ASL "ReaderConfig"; CSV as RFC 4180, each row an object of texts.
SR_MUST_USE bool engine_items_parse(const char *text, size_t bytes, const json_t *config,
                                    json_t **ret_items, struct sr_err *err);
