// transcode/media_err.h - libav's error numbers in our terms.
#pragma once

#include "base/err.h"

// Fails with the code that fits `averror` and appends its text: ENOMEM NO_MEMORY, AVERROR_EXIT
// CANCELLED, ETIMEDOUT TIMEOUT, what files say (EIO, ENOSPC, EBADF...) STORAGE, *_NOT_FOUND,
// PATCHWELCOME and ENOSYS UNSUPPORTED, BUG INTERNAL; INVALIDDATA, EINVAL and the rest INPUT. When
// an error may have been raised inside our own I/O callbacks, ask media_io_error() first: it knows
// better.
#define media_fail(err, averror, ...) media_fail_at(err, averror, SR_HERE, __VA_ARGS__)
bool media_fail_at(struct sr_err *err, int averror, const char *origin, const char *format, ...)
    SR_PRINTF(4, 5);
