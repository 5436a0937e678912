// pipeline/hls.h - an HLS output as a folder: NAME/init.mp4, NAME/seg_00001.m4s ...,
// NAME/media.m3u8 per track, and master.m3u8.
#pragma once

#include "base/hash.h"
#include "pipeline/job.h"
#include "pipeline/joined.h"

// The folders of an HLS output in order: video renditions, then audio tracks. *ret_id is borrowed
// from the job; false past the last.
struct hls_track {
    const char *id;
    size_t video, audio;  // one of them SIZE_MAX
};
bool hls_track(const struct job *job, const struct manifest_output *output, size_t index,
               struct hls_track *ret);

// What an HLS output consists of, in this order: of each track the init segment and the media
// segments; then the playlist of each; then the master playlist.
struct hls_file {
    char *name;  // below the output's folder
    struct joined *joined;
    char sha256[SR_SHA256_HEX];  // of an object: what act_verify saw; "" before
};
struct hls_files {
    size_t count, capacity;
    struct hls_file *item;
    uint64_t media_segments;  // over all tracks
};
void hls_files_done(struct hls_files *files);
SR_DEFINE_AUTO_VALUE(hls_files, struct hls_files, hls_files_done);

// Puts it together from the parts' documents; no sample is read.
// Owns: the caller frees *ret's members, while the job is there. Errors: VERIFY, STORAGE, NO_MEMORY.
SR_MUST_USE bool hls_list(struct job *job, const struct manifest_output *output,
                          struct hls_files *ret, struct sr_err *err);
// One file, or NULL. `id` "": the output's own.
struct hls_file *hls_files_find(const struct hls_files *files, const char *id, const char *name);
bool hls_files_is_media(const struct hls_file *file, const char *id);  // of the track `id`
// A track as one stream of bytes: init segment, then every media segment. The caller frees
// *ret_joined.
SR_MUST_USE bool hls_files_track(struct job *job, const struct hls_files *files, const char *id,
                                 struct joined **ret_joined, struct sr_err *err);
// Writes all of it below a folder, made when missing.
// Errors: STORAGE, NO_MEMORY, CANCELLED.
SR_MUST_USE bool hls_write(struct job *job, const struct hls_files *files, const char *folder,
                           struct sr_err *err);
// One track of a written folder as one stream of bytes: init segment, then every media segment in
// order.
// Owns: *ret_reader is the caller's. Errors: STORAGE, NOT_FOUND, NO_MEMORY.
SR_MUST_USE bool hls_reader_open(const char *folder, const char *id, struct sr_reader *ret_reader,
                                 struct sr_err *err);
