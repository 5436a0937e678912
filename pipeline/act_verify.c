#include "pipeline/act_verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pipeline/hls.h"
#include "pipeline/hls_priv.h"
#include "pipeline/objects.h"
#include "pipeline/tracks.h"

enum { HASH_BYTES = 1 << 18 };

static void add_findings(struct act_verify_found *found, const struct verify_result *result,
                         const char *name)
{
    for (size_t i = 0; i < result->finding_count && i < VERIFY_FINDINGS_MAX; i++) {
        if (found->count >= VERIFY_FINDINGS_MAX)
            break;
        struct verify_finding *const to = &found->list[found->count++];
        to->segment_number = result->findings[i].segment_number;
        (void)snprintf(to->message, sizeof(to->message), "%.60s: %.130s", name,
                       result->findings[i].message);
    }
    if (result->verdict == VERIFY_FAIL && result->finding_count == 0 &&
        found->count < VERIFY_FINDINGS_MAX)
        (void)snprintf(found->list[found->count++].message, sizeof(found->list[0].message),
                       "%.60s: differs", name);
    found->frames_seen += result->frames_seen;
    found->samples_seen += result->samples_seen;
    found->frames_decoded += result->frames_decoded;
}

static bool look(struct job *job, const struct sr_reader *reader, const char *name,
                 const struct tracks *tracks, struct act_verify_found *found, struct sr_err *err)
{
    const struct media_source source = {
        .reader = *reader,
        .name = name,
        .cancel = job->source.cancel,
        .log = job->log,
    };
    struct verify_result *const result = calloc(1, sizeof(*result));
    if (!result)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a verdict");
    const bool done =
        verify_output(&source, tracks_list(tracks), tracks_count(tracks), result, err);
    if (done)
        add_findings(found, result, name);
    free(result);
    return done;
}

static bool verify_file(struct job *job, struct job_file *file, struct sr_sha256 *hash,
                        struct act_verify_found *found, struct sr_err *err)
{
    sr_auto(tracks) struct tracks *tracks = NULL;
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    if (file->joined ? !joined_reader(file->joined, &reader, err)
                     : !sr_file_reader_open(file->temporary, &reader, err))
        return false;
    if (!sr_sha256_add_reader(hash, &reader, job->source.cancel, err))
        return false;
    file->bytes = sr_reader_size(&reader);
    return tracks_new(job, file->output, file->video, &tracks, err) &&
           look(job, &reader, file->final ? file->final : "standard output", tracks, found, err);
}

// Of one file of an HLS output in a store, so that what is sent later can be compared; the same
// read adds it to `all`.
static bool hash_file(struct job *job, struct hls_file *file, struct sr_sha256 *all,
                      struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_auto(sr_sha256) struct sr_sha256 *own = NULL;
    sr_auto(char) char *buffer = malloc(HASH_BYTES);
    uint8_t digest[SR_SHA256_BYTES];
    size_t bytes;
    if (!buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%d bytes", HASH_BYTES);
    if (!sr_sha256_new(&own, err) || !joined_reader(file->joined, &reader, err))
        return false;
    for (uint64_t offset = 0; offset < joined_bytes(file->joined); offset += bytes) {
        if (!sr_cancel_check(job->source.cancel, err) ||
            !sr_read_at(&reader, offset, buffer, HASH_BYTES, &bytes, err) ||
            !sr_sha256_add(own, buffer, bytes, err) || !sr_sha256_add(all, buffer, bytes, err))
            return false;
    }
    if (!sr_sha256_end(own, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), file->sha256);
    return true;
}

// A file of the output itself (`id` ""), or of a track.
static bool hash_list(struct job *job, struct job_file *file, const char *id, const char *name,
                      struct sr_sha256 *hash, struct sr_err *err)
{
    if (file->files) {
        struct hls_file *const found = hls_files_find(file->files, id, name);
        if (!found)
            return sr_fail(err, SR_ERR_INTERNAL, "no %s", name);
        file->bytes += joined_bytes(found->joined);
        return hash_file(job, found, hash, err);
    }
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    sr_auto(char) char *path = sr_strf(err, "%s/%s%s%s", file->temporary, id, *id ? "/" : "", name);
    if (!path || !sr_file_reader_open(path, &reader, err))
        return false;
    file->bytes += sr_reader_size(&reader);
    return sr_sha256_add_reader(hash, &reader, job->source.cancel, err);
}

// All media of a track in order. *ret_own, if not NULL, is what the reader reads.
static bool hash_media(struct job *job, struct job_file *file, const char *id,
                       struct sr_sha256 *hash, struct joined **ret_own,
                       struct sr_reader *ret_reader, struct sr_err *err)
{
    if (!file->files) {
        if (!hls_reader_open(file->temporary, id, ret_reader, err))
            return false;
        file->bytes += sr_reader_size(ret_reader);
        return sr_sha256_add_reader(hash, ret_reader, job->source.cancel, err);
    }
    for (size_t i = 0; i < file->files->count; i++) {
        struct hls_file *const one = &file->files->item[i];
        if (hls_files_is_media(one, id) && !hash_file(job, one, hash, err))
            return false;
    }
    if (!hls_files_track(job, file->files, id, ret_own, err) ||
        !joined_reader(*ret_own, ret_reader, err))
        return false;
    file->bytes += joined_bytes(*ret_own);
    return true;
}

// Master playlist, then each track's playlist and media, in the order of hls_track().
static bool verify_hls(struct job *job, struct job_file *file, struct sr_sha256 *hash,
                       struct act_verify_found *found, struct sr_err *err)
{
    struct hls_track track;
    file->bytes = 0;
    if (!hash_list(job, file, "", HLS_MASTER, hash, err))
        return false;
    for (size_t i = 0; hls_track(job, file->output, i, &track); i++) {
        sr_auto(tracks) struct tracks *tracks = NULL;
        sr_auto(joined) struct joined *whole = NULL;
        sr_auto(sr_reader) struct sr_reader media = { 0 };
        sr_auto(char) char *name = sr_strf(err, "%s/%s", file->final, track.id);
        struct manifest_output alone = { .type = MANIFEST_HLS };
        if (!name || !hash_list(job, file, track.id, HLS_MEDIA, hash, err) ||
            !hash_media(job, file, track.id, hash, &whole, &media, err))
            return false;
        if (track.audio == SIZE_MAX ? !tracks_new(job, &alone, track.video, &tracks, err)
                                    : !tracks_new_audio(job, track.audio, &tracks, err))
            return false;
        if (!look(job, &media, name, tracks, found, err))
            return false;
    }
    return true;
}

static bool make_result(const struct act_verify_found *found, json_t **ret_result,
                        struct sr_err *err)
{
    sr_auto(json) json_t *result = json_object();
    json_t *const findings = json_array();
    if (!jx_put(result, "findings", findings, err) ||
        !jx_put(result, "frames_decoded", json_integer((json_int_t)found->frames_decoded), err))
        return false;
    for (size_t i = 0; i < found->count; i++) {
        if (!jx_append(findings, jx_string(found->list[i].message), err))
            return false;
    }
    *ret_result = sr_take(result);
    return true;
}

bool act_verify(struct job *job, struct act_verify_found *ret, json_t **ret_result,
                struct sr_err *err)
{
    for (size_t f = 0; f < job->file_count; f++) {
        struct job_file *const file = &job->files[f];
        uint8_t digest[SR_SHA256_BYTES];
        sr_auto(sr_sha256) struct sr_sha256 *hash = NULL;
        if (!sr_sha256_new(&hash, err))
            return false;
        if (file->output->type == MANIFEST_HLS ? !verify_hls(job, file, hash, ret, err)
                                               : !verify_file(job, file, hash, ret, err))
            return sr_err_wrap(err, "verify %s", file->final ? file->final : "standard output");
        if (!sr_sha256_end(hash, digest, err))
            return false;
        sr_hex(digest, sizeof(digest), file->sha256);
        if (file->joined && !file->output->is_composed && !objects_check_sent(file, err))
            return false;
    }
    return make_result(ret, ret_result, err);
}
