#include "pipeline/publish_note.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "pipeline/objects.h"

#define NOTE_NAME "publish.json"
enum { NOTE_BYTES_MAX = 1 << 20 };

static bool plan_key(const struct job *job, struct workspace_key *ret, struct sr_err *err)
{
    return workspace_key(job->plan_json, ret, err);
}

bool publish_note_write(struct job *job, struct sr_err *err)
{
    sr_auto(json) json_t *note = json_object();
    struct workspace_key key;
    json_t *const files = json_array();
    if (!jx_put(note, "files", files, err) || !plan_key(job, &key, err) ||
        !jx_put(note, "plan", json_string(key.text), err))
        return false;
    for (size_t f = 0; f < job->file_count; f++) {
        json_t *const item = json_object();
        if (!job->files[f].final) {
            json_decref(item);
            continue;
        }
        if (!jx_append(files, item, err) ||
            !jx_put(item, "path", jx_string(job->files[f].final), err) ||
            !jx_put(item, "sha256", json_string(job->files[f].sha256), err))
            return false;
    }
    return workspace_note(job->workspace, NOTE_NAME, note, err);
}

void publish_note_remove(struct job *job)
{
    struct sr_err err;
    if (!workspace_note_remove(job->workspace, NOTE_NAME, &err))
        sr_warn(job->log, "a note of the workspace stays", SR_ERR(&err));
}

static bool hash_file(const char *path, char text[SR_SHA256_HEX], struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_auto(sr_sha256) struct sr_sha256 *hash = NULL;
    uint8_t digest[SR_SHA256_BYTES];
    if (!sr_file_reader_open(path, &reader, err) || !sr_sha256_new(&hash, err) ||
        !sr_sha256_add_reader(hash, &reader, NULL, err) || !sr_sha256_end(hash, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), text);
    return true;
}

static bool hash(const struct job *job, const char *final, char text[SR_SHA256_HEX],
                 struct sr_err *err)
{
    return remote_is_url(final) ? objects_hash(job, final, text, err) : hash_file(final, text, err);
}

static const char *find_hash(const struct job *job, const json_t *note, const char *final,
                             struct sr_err *err)
{
    struct workspace_key key;
    const char *const plan = json_string_value(json_object_get(note, "plan"));
    sr_auto(json) json_t *wanted = jx_string(final);
    if (!plan || !wanted || !plan_key(job, &key, err) || strcmp(plan, key.text) != 0)
        return NULL;
    const json_t *const files = json_object_get(note, "files");
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *const item = json_array_get(files, i);
        if (json_equal(json_object_get(item, "path"), wanted))
            return json_string_value(json_object_get(item, "sha256"));
    }
    return NULL;
}

bool publish_note_allows(const struct job *job, const char *final, bool is_hls, bool *ret_allows,
                         struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    sr_auto(json) json_t *note = NULL;
    struct sr_err why = { 0 };
    size_t bytes;
    *ret_allows = false;
    (void)err;  // what cannot be read is a no
    if (!workspace_note_load(job->workspace, NOTE_NAME, NOTE_BYTES_MAX, &text, &bytes, &why) ||
        !jx_parse(text, bytes, false, &note, &why))
        return true;
    const char *const want = find_hash(job, note, final, &why);
    char got[SR_SHA256_HEX];
    *ret_allows = want && (is_hls || (hash(job, final, got, &why) && strcmp(got, want) == 0));
    return true;
}
