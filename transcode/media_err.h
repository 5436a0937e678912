// transcode/media_err.h - libav's error numbers in our terms.
#pragma once

#include "base/err.h"

// Fails with the code that fits `averror` and appends its text: ENOMEM NO_MEMORY, EXIT CANCELLED, EIO and EINVAL-like of files STORAGE, INVALIDDATA
// and the rest INPUT, *_NOT_FOUND UNSUPPORTED. When an error was raised inside our own I/O callbacks, use media_io_error() first.
#define media_fail(err, averror, ...) media_fail_at(err, averror, SR_HERE, __VA_ARGS__)
bool media_fail_at(struct sr_err *err, int averror, const char *origin, const char *format, ...) SR_PRINTF(4, 5);
