// pipeline/hls_verify.h - an HLS output against the source it was made from: its playlists, its
// files, and what is in them.
#pragma once

#include "pipeline/remote.h"
#include "transcode/verify.h"

// Whether a path or URL means such an output: a folder, "s3://bucket/out/", or one that ends with
// ".m3u8".
bool hls_verify_is(const char *url);

// Every rendition that the master playlist names, and all sound: playlists agree with their files
// (each is there and whole, begins where the one before it ends, lasts as long as its line says,
// and no longer than the target), and all of it agrees with the source as verify_against_source()
// has it. Findings name the file, or the playlist and the segment. A folder's playlist is its
// "master.m3u8"; one of media is looked at alone. No name leads out of the folder; links in it are
// followed.
// `how`: its `output` and `others` are set here.
// Errors: only what keeps it from looking (NOT_FOUND: no such playlist; UNSUPPORTED: encrypted, no
//         fragmented MP4, http(s); STORAGE, NETWORK, NO_MEMORY, CANCELLED, ...); a difference is a
//         finding.
SR_MUST_USE bool hls_verify(struct remote *remote, const char *url,
                            const struct verify_full_params *how, struct verify_result *ret,
                            struct sr_err *err);
