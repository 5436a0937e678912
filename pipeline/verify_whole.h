// pipeline/verify_whole.h - whether an MP4 ends where its boxes say. What tells times and counts is
// in front, so that a file whose end was lost looks whole until its samples are read.
#pragma once

#include "base/io.h"
#include "transcode/verify.h"

// Finds a file that ends within its media ("mdat") or an index ("moov", "moof"); of what is no MP4
// nothing is found.
// Errors: the reader's.
SR_MUST_USE bool verify_whole(const struct sr_reader *file, struct verify_result *result,
                              struct sr_err *err);
