// transcode/media_libs.h - libav's libraries, loaded by the verbs that need them.
#pragma once

#include "base/err.h"

// Once, before any call of libav, also those in media_log.h: the program's file does not name these
// libraries (docs/dependencies.md says why). Where it does (tests), this changes nothing.
// Errors: UNSUPPORTED (a library is not installed).
SR_MUST_USE bool media_libs_load(struct sr_err *err);

// Their file names, then NULL.
const char *const *media_libs_names(void);
