// tests/blob_conformance_priv.h - what the files of the conformance tests share.
#pragma once

#include "tests/blob_conformance.h"

#define ROOT "conformance/"

struct blob_conformance *blob_conformance_store(void **state);
// These fail the test when the store does not do it.
void blob_conformance_put(const struct blob *blob, const char *key, const char *text);
void blob_conformance_assert(const struct blob *blob, const char *key, const char *text);
bool blob_conformance_has(const struct blob *blob, const char *key);
void blob_conformance_clear(const struct blob *blob, const char *prefix);

// blob_conformance_upload.c
void blob_conformance_upload_in_parts(void **state);
void blob_conformance_upload_aborted(void **state);
void blob_conformance_upload_mistakes(void **state);
void blob_conformance_parts_copied(void **state);
void blob_conformance_composed(void **state);

// blob_conformance_race.c
void blob_conformance_presigned(void **state);
void blob_conformance_first_wins(void **state);
