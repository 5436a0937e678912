// pipeline/workspace.h - encoded parts in a folder or an object store, found again by what they
// were made from: names, reuse, collection.
//
// KEY.m4s holds a part's bytes, KEY.json its document, written after it: a part is there when its
// document is. KEY is a hash of everything that decides a byte, so a result is never looked for by
// name or age, and another setting never meets it.
#pragma once

#include "base/auto.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/jx.h"
#include "base/log.h"
#include "pipeline/remote.h"
#include "transcode/track.h"

struct workspace;

struct workspace_params {
    const char *folder;        // made when missing; or the s3:// URL that all keys begin with
    struct remote *remote;     // borrowed; NULL where no URL can be
    const char *job;           // names the notes of a job where others work too; NULL: ""
    bool is_ours;              // nobody else puts results here: removal takes all of them
    bool is_shared;            // a folder: others work there at the same time, all of them so
    bool owns_parts;           // a store: the job's parts lie beside its notes, not where all jobs
                               // have theirs
    int64_t upload_us_max;     // how long an upload of a part may take in a store; 0: a day
    const struct sr_log *log;  // NULL: silent
};

// Takes the folder's lock and removes what writers that were killed left half-written. A store is
// shared: there is no lock, results that two jobs make at once are the same, and none is removed
// here; uploads of parts that began too long ago to be anybody's are aborted. A folder that is
// opened as shared keeps away only who wants it alone.
// Owns:    *ret_workspace is the caller's, for workspace_free(), which gives the lock back. `params` is read during the call only.
// Errors:  BUSY (another process works there, with its number), STORAGE, DENIED, NO_MEMORY.
// Threads: open and free by one; all else by any number at once, for different keys.
SR_MUST_USE bool workspace_open(const struct workspace_params *params,
                                struct workspace **ret_workspace, struct sr_err *err);
void workspace_free(struct workspace *workspace);
SR_DEFINE_AUTO(workspace, struct workspace, workspace_free);
const char *workspace_folder(const struct workspace *workspace);

struct workspace_key {
    char text[SR_SHA256_HEX];
};
// Of a JSON document that holds all that decides the result.
SR_MUST_USE bool workspace_key(const json_t *facts, struct workspace_key *ret_key,
                               struct sr_err *err);

// *ret_found: whether a whole result is there; then *ret_part is filled, for track_part_done(). A
// half or damaged one (size, init segment and document do not agree) is removed and counts as
// absent. Errors: STORAGE, NO_MEMORY.
SR_MUST_USE bool workspace_find(struct workspace *workspace, const struct workspace_key *key,
                                struct track_part *ret_part, bool *ret_found, struct sr_err *err);
// For the bytes of a result. Publish it, then store the document.
// Owns: *ret_writer is the caller's to close. Errors: STORAGE, of a store those of remote_writer().
SR_MUST_USE bool workspace_write(struct workspace *workspace, const struct workspace_key *key,
                                 struct sr_writer *ret_writer, struct sr_err *err);
// Its document: from now on the result is there. Errors: STORAGE, NO_MEMORY, those of the store.
SR_MUST_USE bool workspace_store(struct workspace *workspace, const struct workspace_key *key,
                                 const struct track_part *part, struct sr_err *err);
// The bytes of a result that is there.
// Owns: *ret_reader is the caller's to close. Errors: NOT_FOUND, STORAGE, of a store those of
// remote_reader().
SR_MUST_USE bool workspace_read(struct workspace *workspace, const struct workspace_key *key,
                                struct sr_reader *ret_reader, struct sr_err *err);

// A document of the job (probe.json, plan.json), for people and for the next step. Errors: STORAGE,
// NO_MEMORY.
SR_MUST_USE bool workspace_note(struct workspace *workspace, const char *name,
                                const json_t *document, struct sr_err *err);
// Of the bytes that workspace_note() stores of a document. Threads: pure; any thread.
SR_MUST_USE bool workspace_note_sha256(const json_t *document, char ret_sha256[SR_SHA256_HEX],
                                       struct sr_err *err);
// What workspace_note() stored; the caller frees *ret_text. Errors: NOT_FOUND, TOO_LARGE, STORAGE,
// NO_MEMORY.
SR_MUST_USE bool workspace_note_load(struct workspace *workspace, const char *name,
                                     size_t bytes_max, char **ret_text, size_t *ret_bytes,
                                     struct sr_err *err);
// The same of a workspace that is not opened for it: no lock is taken, nothing is made or removed.
SR_MUST_USE bool workspace_note_peek(const struct workspace_params *params, const char *name,
                                     size_t bytes_max, char **ret_text, size_t *ret_bytes,
                                     struct sr_err *err);
// Where a note is, in the words of a flow: the bucket of a store and a key in it, or the folder's
// absolute path and a file's name. The caller frees both.
SR_MUST_USE bool workspace_note_place(const struct workspace *workspace, const char *name,
                                      char **ret_bucket, char **ret_key, struct sr_err *err);
// One that is not there is fine.
SR_MUST_USE bool workspace_note_remove(struct workspace *workspace, const char *name,
                                       struct sr_err *err);

// Another bucket's parts can only be fetched; NULL: it is a folder.
const struct blob_place *workspace_place(const struct workspace *workspace);
// Of a part in a store: the caller frees *ret_key.
char *workspace_object(const struct workspace *workspace, const struct workspace_key *key,
                       struct sr_err *err);

// Whether a name below a workspace is one of those it gives: a part, its document, a note of a job.
bool workspace_has_name(const char *name);
// Whether it is the name of a part or of its document.
bool workspace_is_part(const char *name);
// Whether it is what a writer of one of these has while it is at work, and leaves when it is
// killed.
bool workspace_is_left(const char *name);

// After success, of a folder: removes these results (all of them when the folder is ours), the
// notes, the lock, and the folder when it is then empty. What cannot be removed is logged. The
// workspace can only be freed after this.
void workspace_remove(struct workspace *workspace, const struct workspace_key *keys,
                      size_t key_count);
// After a run that left nothing here: removes notes and lock, and the folder when it is then empty;
// results of earlier runs stay.
void workspace_abandon(struct workspace *workspace);
