// pipeline/job.h - one manifest at work on one source: what the steps (act_*) share while they run
// in one process.
//
// Every field is filled by the step named beside it and only read by later ones, but for a part,
// which belongs to the one task that makes it. The steps' results also lie in the workspace, and
// each step finds what is there already, so that a step can run again, or in another process after
// job_open, act_probe and act_plan, which are cheap and give the same every time.
#pragma once

#include "base/auto.h"
#include "base/budget.h"
#include "base/log.h"
#include "pipeline/manifest.h"
#include "pipeline/source.h"
#include "pipeline/workspace.h"
#include "transcode/audio.h"
#include "transcode/keyframe_index.h"
#include "transcode/probe.h"
#include "transcode/rendition.h"
#include "transcode/segment_plan.h"

struct hls_files;
struct joined;

enum { JOB_AUDIOS_MAX = 64, JOB_FILES_MAX = 256 };

// A part: where its bytes are, and its document.
struct job_part {
    struct workspace_key key;
    bool is_there, was_reused;
    struct track_part part;
};

struct job_video {     // act_plan
    size_t rendition;  // in the manifest
    struct rendition_video video;
    json_t *json;            // of `video`
    struct job_part *parts;  // one per segment of the plan; act_segment
};

struct job_audio {  // act_plan
    size_t rendition;
    int stream_index;
    char id[96];  // names folders and files
    const char *language;
    bool is_default;
    struct audio_extent extent;
    struct job_part part;  // act_audio
};

// Something that act_join made under a temporary name, for act_verify to look at and act_publish to
// rename.
struct job_file {
    const struct manifest_output *output;
    size_t video;     // in `videos`; SIZE_MAX: audio alone. HLS: all that the output uses
    char *temporary;  // a file; HLS: a folder
    char *final;      // NULL: standard output
    uint64_t bytes;   // act_verify
    char sha256[SR_SHA256_HEX];
    uint64_t media_segments;  // HLS
    bool is_ours;             // what is at `final` was put there by this job before a crash
    bool may_overwrite;       // it is ours, or the user said so
    bool is_joined;           // act_join

    // Of an object there is no `temporary`:
    const struct blob_place *place;     // places_choose; NULL: a path. HLS: all keys begin so
    struct joined *joined;              // act_join; MP4: what was sent ...
    char sent_sha256[SR_SHA256_HEX];    // ... its hash ...
    struct sr_writer writer;            // ... and what makes it visible; none: act_publish sends
    struct hls_files *files;            // act_join; HLS
    uint64_t copied_bytes, sent_bytes;  // act_publish; of a composed MP4: by the store, by us
};

struct job {
    const struct manifest *manifest;  // borrowed, as all of these
    struct remote *remote;            // NULL: paths only
    struct workspace *workspace;      // NULL: only probe and plan
    struct sr_budget *budget;
    bool sends_late;
    const char *correlation;
    const struct sr_log *log;

    struct sr_reader reader;  // job_open
    struct source_identity identity;
    struct media_source source;

    struct probe *probe;                      // act_probe
    const struct media_stream *video_stream;  // NULL: none is wanted, or there is none
    struct media_stream shown;  // the same with what the manifest says of rotation and interlace
    size_t audio_stream_count;
    int audio_streams[MEDIA_STREAMS_MAX];
    json_t *notes;         // what was decided that the user did not ask for; array of strings
    bool notes_were_told;  // they are made again, as they are in the workspace

    struct packet_table *table;  // act_plan
    struct keyframe_index *index;
    struct segment_plan *plan;  // NULL: no video
    size_t video_count;
    struct job_video videos[MEDIA_RENDITIONS_MAX];
    size_t audio_count;
    struct job_audio audios[JOB_AUDIOS_MAX];
    int64_t zero_pts;  // output time zero ...
    struct media_rational zero_base;
    json_t *plan_json;

    char *name;  // {name} of output paths; act_join
    size_t file_count;
    struct job_file files[JOB_FILES_MAX];
};

struct job_params {
    const struct manifest *manifest;
    struct remote *remote;        // NULL: paths only
    struct workspace *workspace;  // NULL: only probe and plan
    struct sr_budget *budget;     // NULL: none
    bool sends_late;  // objects are sent by act_publish, not by act_join: it may not be the one
                      // that goes on
    const char *correlation;         // for the report; NULL: none was given
    const struct sr_cancel *cancel;  // abandons reading, encoding and joining; NULL: never
    const struct sr_log *log;
};

// Opens the source. Owns: *ret_job is the caller's, for job_free(). Errors: as source_open().
SR_MUST_USE bool job_open(const struct job_params *params, struct job **ret_job,
                          struct sr_err *err);
void job_free(struct job *job);
SR_DEFINE_AUTO(job, struct job, job_free);

// Forgets what places_choose() and all after it have found: they can begin anew.
void job_files_drop(struct job *job);

// Adds a note. Errors: NO_MEMORY.
SR_MUST_USE bool job_note(struct job *job, struct sr_err *err, const char *format, ...)
    SR_PRINTF(3, 4);

// Picks streams as the manifest says. Needs job->probe.
// Errors: INPUT (nothing to work on), INVALID (a wish that no stream meets), UNSUPPORTED (no decoder, encrypted).
SR_MUST_USE bool job_pick_streams(struct job *job, struct sr_err *err);

const struct rendition *job_rendition(const struct job *job, size_t index);
const char *job_video_id(const struct job *job, size_t video);
// The time of `pts` in the output, which begins at 0, in microseconds, rounded down.
int64_t job_out_us(const struct job *job, int64_t pts, struct media_rational base);
// a of base_a is earlier than b of base_b: negative; the same: 0.
int job_compare_times(int64_t a, struct media_rational base_a, int64_t b,
                      struct media_rational base_b);
uint64_t job_frames(const struct job *job);  // pictures that the plan expects; 0 without video
