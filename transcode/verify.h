// transcode/verify.h - an output against what it must be: frames, samples, times, decodable seams.
#pragma once

#include "base/jx.h"
#include "transcode/mux.h"
#include "transcode/probe.h"

enum verify_verdict { VERIFY_PASS, VERIFY_FAIL };

struct verify_finding {
    int64_t segment_number;  // from 1; 0: the whole file
    char message[200];       // "segment 4: sample 12 is missing"
};

enum { VERIFY_FINDINGS_MAX = 100 };
struct verify_result {
    enum verify_verdict verdict;
    uint64_t frames_seen, samples_seen, frames_decoded;
    size_t finding_count;  // in the list; it is cut at VERIFY_FINDINGS_MAX
    struct verify_finding findings[VERIFY_FINDINGS_MAX];
    const char *track;  // what is looked at, in front of each finding; NULL: there is but one file
};
// Adds a finding and makes the verdict FAIL; "segment N: " is put before the message when there is
// one.
void verify_find(struct verify_result *result, int64_t segment_number, const char *format, ...)
    SR_PRINTF(3, 4);

// What was made against its documents: every sample of `output` is, in order, the sample that a
// part's document lists, at its time, with its CRC; parts meet; tracks keep their offset; pictures
// on both sides of each seam decode without an error (which of them: verify_seam.c). `output` is an
// MP4 with the tracks in the order of `tracks`, or the init segment and the media segments of one
// track, end to end.
// Errors: only what keeps it from looking (STORAGE, NETWORK, NO_MEMORY, CANCELLED...); a difference is a finding, and
//         so is a file that cannot be opened.
// Threads: any; one decoder thread.
SR_MUST_USE bool verify_output(const struct media_source *output, const struct mux_track *tracks,
                               size_t track_count, struct verify_result *ret, struct sr_err *err);

struct verify_full_params {
    const struct media_source *output, *source;
    const struct media_source *others;  // of an output that is a file for each track: all but the
    size_t other_count;                 // first; findings say whose they are
    bool decode_all;  // pictures are compared one by one (32x32 grey), samples counted; else
                      // structure and times only
    struct media_rational fps;  // the job's declared rate; 0/0: the source's times
    int64_t segment_us;  // to name segments in findings of a file whose plan is unknown; 0: by
                         // keyframes of the output
};
// Any file against its source, without a workspace: each picture of the source's presented timeline
// is in the output once, in order, at its time (within half the coarser tick), and looks like its
// partner and unlike its neighbours; audio lasts the same to the sample and keeps its offset.
SR_MUST_USE bool verify_against_source(const struct verify_full_params *params,
                                       struct verify_result *ret, struct sr_err *err);
SR_MUST_USE bool verify_json(const struct verify_result *result, json_t **ret_json,
                             struct sr_err *err);
