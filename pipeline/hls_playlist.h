// pipeline/hls_playlist.h - a playlist that somebody may have written: what it names, within its
// folder. Spec: RFC 8216.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

enum {
    HLS_PLAYLIST_BYTES_MAX = 16 << 20,
    HLS_PLAYLIST_ENTRIES_MAX = 100000,
    HLS_PLAYLIST_MASTER_MAX = 1000,  // entries of a master playlist
};

struct hls_entry {
    char *name;           // below the folder: "720p/media.m3u8", "720p/seg_00001.m4s"; NULL: sound
                          // that is in the variants of its group
    int64_t duration_us;  // of a segment
    bool is_sound;        // of a track: it is of a group of sound
    char group[64];       // of sound: its group; of a variant: the group it wants; "": none
};
struct hls_playlist {
    bool is_master;
    bool has_end;      // EXT-X-ENDLIST
    char *init;        // EXT-X-MAP, below the folder; NULL: none
    int64_t target_s;  // EXT-X-TARGETDURATION; 0: none
    size_t count;
    struct hls_entry *item;  // master: playlists of pictures and of sound, once for each group;
                             // else segments
};
void hls_playlist_done(struct hls_playlist *playlist);
SR_DEFINE_AUTO_VALUE(hls_playlist, struct hls_playlist, hls_playlist_done);

// `name`: the playlist's own, below the folder; what it names is meant from there.
// Owns:   the caller frees *ret's members.
// Errors: INVALID with the line (no playlist, a name that leaves the folder), UNSUPPORTED with the
//         line (encrypted, ranges of files, discontinuities: nothing that we write), LIMIT,
//         NO_MEMORY.
SR_MUST_USE bool hls_playlist_parse(const char *text, size_t bytes, const char *name,
                                    struct hls_playlist *ret, struct sr_err *err);
