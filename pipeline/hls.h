// pipeline/hls.h - an HLS output as a folder: NAME/init.mp4, NAME/seg_00001.m4s ...,
// NAME/media.m3u8 per track, and master.m3u8.
#pragma once

#include "pipeline/job.h"

// The folders of an HLS output in order: video renditions, then audio tracks. *ret_id is borrowed
// from the job; false past the last.
struct hls_track {
    const char *id;
    size_t video, audio;  // one of them SIZE_MAX
};
bool hls_track(const struct job *job, const struct manifest_output *output, size_t index,
               struct hls_track *ret);

// Writes the whole folder (made anew) from the parts. *ret_media_segments: their number over all
// tracks.
// Errors: VERIFY, STORAGE, NO_MEMORY, CANCELLED.
SR_MUST_USE bool hls_write(struct job *job, const struct manifest_output *output,
                           const char *folder, uint64_t *ret_media_segments, struct sr_err *err);
// One track of a written folder as one stream of bytes: init segment, then every media segment in
// order.
// Owns: *ret_reader is the caller's. Errors: STORAGE, NOT_FOUND, NO_MEMORY.
SR_MUST_USE bool hls_reader_open(const char *folder, const char *id, struct sr_reader *ret_reader,
                                 struct sr_err *err);
