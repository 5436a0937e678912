// pipeline/manifest.h - the request: what to read, what to encode, what to deliver.
// docs/manifest.md explains it to users, manifest.schema.json says it to programs.
#pragma once

#include "base/auto.h"
#include "base/jx.h"
#include "transcode/rendition.h"
#include "transcode/segment_plan.h"

enum {
    MANIFEST_BYTES_MAX = 1 << 20,
    MANIFEST_OUTPUTS_MAX = 32,
    MANIFEST_PICKS_MAX = 32,
    MANIFEST_METADATA_MAX = 64,  // members
    MANIFEST_TEXT_MAX = 4096,    // bytes of a path, URL or metadata value
    MANIFEST_NOTIFICATIONS_MAX = 8,
};

enum manifest_output_type {
    MANIFEST_MP4,
    MANIFEST_M4A,
    MANIFEST_HLS,
    MANIFEST_PIPE,  // fragmented MP4 to standard output; only as "output": "-"
};

// One wish for a source stream: by its index, as the n-th of its kind, or (audio) by language.
struct manifest_pick {
    int stream_index;  // -1: not by index
    int ordinal;       // -1: not by ordinal; "v:0", "a:1"
    char language[16];
};

enum manifest_choice { MANIFEST_DEFAULT, MANIFEST_ALL, MANIFEST_NONE, MANIFEST_PICKED };

struct manifest_rendition {
    struct rendition asked;
    bool drops_if_larger;  // than the source: left out with a note, instead of an error
};

struct manifest_output {
    enum manifest_output_type type;
    const char *path;  // below the output folder; may hold {name} and {id}; of the single output:
                       // the output itself
    size_t use_count;
    size_t use[MEDIA_RENDITIONS_MAX];  // indexes of renditions, rising
    int64_t segment_us;                // HLS: of a media segment
    bool is_composed;                  // MP4: of runs of the parts' own fragments
};

// What becomes of a job.
enum manifest_event {
    MANIFEST_SUCCEEDED,
    MANIFEST_FAILED,
    MANIFEST_CANCELLED,
    MANIFEST_EVENT_COUNT
};

struct manifest_notification {
    const char *url;  // http or https
    bool wants[MANIFEST_EVENT_COUNT];
    const char *secret_env;  // the environment's name of the secret; NULL: not signed
};

struct manifest {
    json_t *document;    // everything below borrows its strings
    const char *input;   // path or URL
    char *input_shown;   // for messages: of a URL without what may be secret
    const char *format;  // NULL: found by content
    int rotate;          // clockwise degrees; -1: as the source says
    enum {
        MANIFEST_DEINTERLACE_AUTO,
        MANIFEST_DEINTERLACE_ALWAYS,
        MANIFEST_DEINTERLACE_NEVER
    } deinterlace;
    enum manifest_choice video, audio;
    struct manifest_pick video_pick;
    size_t audio_pick_count;
    struct manifest_pick audio_picks[MANIFEST_PICKS_MAX];
    const char *output;  // a folder, a file (paths or s3://), or "-"
    bool output_is_folder;
    bool is_composed;  // "layout", of MP4s that say none
    enum segment_mode mode;
    int64_t target_us;  // of a segment; 0: the mode's own
    size_t rendition_count;
    struct manifest_rendition renditions[MEDIA_RENDITIONS_MAX];
    size_t output_count;
    struct manifest_output outputs[MANIFEST_OUTPUTS_MAX];
    const char *idempotency_key;  // NULL: none
    const json_t *metadata;       // NULL: none
    const char *correlation;      // NULL: none
    const char *traceparent;      // NULL: none
    int priority;
    size_t notification_count;
    struct manifest_notification notifications[MANIFEST_NOTIFICATIONS_MAX];
};

struct manifest_params {
    const char *text;  // JSON, comments allowed; read during the call only
    size_t bytes;
    // The command line's names stand before the document's, and may hold any bytes. NULL: the
    // document's. Borrowed for the manifest's life.
    const char *input, *output;
};

// Owns:    *ret_manifest is the caller's, for manifest_free().
// Errors:  INVALID "$.renditions[0].crf: want ...", UNSUPPORTED (what is not there yet), TOO_LARGE,
//          NO_MEMORY.
// Threads: pure; any thread.
SR_MUST_USE bool manifest_parse(const struct manifest_params *params,
                                struct manifest **ret_manifest, struct sr_err *err);
// The same for a document that is there already: takes `document`, also when it fails.
SR_MUST_USE bool manifest_take(json_t *document, const char *input, const char *output,
                               struct manifest **ret_manifest, struct sr_err *err);
void manifest_free(struct manifest *manifest);
SR_DEFINE_AUTO(manifest, struct manifest, manifest_free);

// A path template with {name} and {id} filled in; the caller frees *ret_path. Nothing leads out of
// the output folder: absolute paths, "..", empty and hidden parts are INVALID.
SR_MUST_USE bool manifest_path(const char *pattern, const char *name, const char *id,
                               char **ret_path, struct sr_err *err);
// "{name}" of an input: its last part without extension; the caller frees it.
SR_MUST_USE bool manifest_input_name(const char *input, char **ret_name, struct sr_err *err);

const char *manifest_output_type_name(enum manifest_output_type type);
const char *manifest_event_name(enum manifest_event event);  // "SUCCEEDED"
