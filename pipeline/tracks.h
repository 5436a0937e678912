// pipeline/tracks.h - the job's parts as the tracks that packaging and verifying take.
#pragma once

#include "pipeline/job.h"
#include "transcode/mux.h"

struct tracks;

// The track of a video rendition (SIZE_MAX: none), then those of the audio renditions that `output`
// uses.
// Owns: *ret_tracks is the caller's, for tracks_free(); it borrows the job's parts. Errors: NO_MEMORY.
SR_MUST_USE bool tracks_new(struct job *job, const struct manifest_output *output, size_t video,
                            struct tracks **ret_tracks, struct sr_err *err);
// One audio track alone.
SR_MUST_USE bool tracks_new_audio(struct job *job, size_t audio, struct tracks **ret_tracks,
                                  struct sr_err *err);
void tracks_free(struct tracks *tracks);
SR_DEFINE_AUTO(tracks, struct tracks, tracks_free);

// Of a part of these tracks, the workspace's key: the job's, and valid as long.
const struct workspace_key *tracks_key(const struct mux_part *part);
const struct mux_track *tracks_list(const struct tracks *tracks);
size_t tracks_count(const struct tracks *tracks);
// Whether the output takes the rendition of this audio track, or of this video.
bool tracks_uses(const struct manifest_output *output, size_t rendition);
