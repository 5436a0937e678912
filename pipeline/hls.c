#include "pipeline/hls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/str.h"
#include "pipeline/hls_priv.h"
#include "pipeline/tracks.h"
#include "transcode/playlist.h"

// One track, written.
struct written {
    struct playlist_media media;
    struct playlist_segment *segments;
    char codec[64];
    char uri[160], init_uri[32];
};

struct ladder {
    size_t count;
    struct written *tracks;
};

static void ladder_done(struct ladder *ladder)
{
    for (size_t i = 0; i < ladder->count; i++)
        free(ladder->tracks[i].segments);
    free(ladder->tracks);
}
SR_DEFINE_AUTO_VALUE(ladder, struct ladder, ladder_done);

bool hls_track(const struct job *job, const struct manifest_output *output, size_t index,
               struct hls_track *ret)
{
    for (size_t v = 0; v < job->video_count; v++) {
        if (tracks_uses(output, job->videos[v].rendition) && index-- == 0) {
            *ret = (struct hls_track){ .id = job_video_id(job, v), .video = v, .audio = SIZE_MAX };
            return true;
        }
    }
    for (size_t a = 0; a < job->audio_count; a++) {
        if (tracks_uses(output, job->audios[a].rendition) && index-- == 0) {
            *ret = (struct hls_track){ .id = job->audios[a].id, .video = SIZE_MAX, .audio = a };
            return true;
        }
    }
    return false;
}

void hls_files_done(struct hls_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->item[i].name);
        joined_free(files->item[i].joined);
    }
    free(files->item);
    *files = (struct hls_files){ 0 };
}

// Borrows *ret_file until the next one is added.
static bool add_file(struct job *job, struct hls_files *files, const char *id, const char *name,
                     struct joined **ret_file, struct sr_err *err)
{
    if (files->count == files->capacity) {
        const size_t capacity = files->capacity ? 2 * files->capacity : 64;
        struct hls_file *const more = reallocarray(files->item, capacity, sizeof(*more));
        if (!more)
            return sr_fail(err, SR_ERR_NO_MEMORY, "%zu files", capacity);
        files->item = more;
        files->capacity = capacity;
    }
    sr_auto(char) char *path = sr_strf(err, "%s%s%s", id, *id ? "/" : "", name);
    struct joined *joined;
    if (!path || !joined_new(job->workspace, &joined, err))
        return false;
    files->item[files->count++] = (struct hls_file){ .name = sr_take(path), .joined = joined };
    *ret_file = joined;
    return true;
}

static bool add_text(struct job *job, struct hls_files *files, const char *id, const char *name,
                     const void *data, size_t bytes, struct sr_err *err)
{
    struct joined *file;
    return add_file(job, files, id, name, &file, err) && joined_add_bytes(file, data, bytes, err);
}

static bool add_init(struct job *job, const struct mux_track *track, const char *id,
                     struct hls_files *files, char codec[64], struct sr_err *err)
{
    sr_auto(sr_writer) struct sr_writer memory = { 0 };
    uint8_t *data = NULL;
    size_t bytes = 0;
    if (!sr_memory_writer_open(&data, &bytes, &memory, err) ||
        !mux_init_segment(track, &memory, err) || !memory.ops->publish(memory.self, err))
        return false;
    const bool done = playlist_codec_name(data, bytes, codec, err) &&
                      add_text(job, files, id, HLS_INIT, data, bytes, err);
    free(data);
    return done;
}

// Walks a track's fragments and cuts them into media segments: a new one begins with the first
// fragment at or after each multiple of the segment's length, counted from `grid_pts`.
struct cutter {
    struct job *job;
    const char *id;
    struct hls_files *files;
    int64_t grid_pts, step_ticks, tolerance_ticks;  // in the track's timescale
    size_t segment_count, capacity;
    struct playlist_segment *segments;
    struct joined *file;  // of the segment; the list's
    int64_t segment_start_pts, slot;
};

static void cutter_done(struct cutter *cutter)
{
    free(cutter->segments);
}
SR_DEFINE_AUTO_VALUE(cutter, struct cutter, cutter_done);

static void end_segment(struct cutter *cutter, int64_t end_pts)
{
    if (cutter->segment_count > 0)
        cutter->segments[cutter->segment_count - 1].duration_ticks =
            end_pts - cutter->segment_start_pts;
}

static bool begin_segment(struct cutter *cutter, int64_t start_pts, struct sr_err *err)
{
    if (cutter->segment_count == cutter->capacity) {
        const size_t capacity = cutter->capacity ? 2 * cutter->capacity : 64;
        struct playlist_segment *const more =
            reallocarray(cutter->segments, capacity, sizeof(*more));
        if (!more)
            return sr_fail(err, SR_ERR_NO_MEMORY, "%zu media segments", capacity);
        cutter->segments = more;
        cutter->capacity = capacity;
    }
    struct playlist_segment *const segment = &cutter->segments[cutter->segment_count++];
    *segment = (struct playlist_segment){ 0 };
    if (!sr_format(segment->uri, sizeof(segment->uri), HLS_SEGMENT, cutter->segment_count))
        return sr_fail(err, SR_ERR_TOO_LARGE, "%zu media segments", cutter->segment_count);
    cutter->segment_start_pts = start_pts;
    return add_file(cutter->job, cutter->files, cutter->id, segment->uri, &cutter->file, err);
}

static bool add_fragment(struct cutter *cutter, const struct workspace_key *key,
                         const struct track_fragment *fragment, int64_t start_pts,
                         struct sr_err *err)
{
    const int64_t slot =
        sr_div_floor(start_pts - cutter->grid_pts + cutter->tolerance_ticks, cutter->step_ticks);
    if (cutter->segment_count == 0 || slot > cutter->slot) {
        end_segment(cutter, start_pts);
        if (!begin_segment(cutter, start_pts, err))
            return false;
        cutter->slot = slot;
    }
    cutter->segments[cutter->segment_count - 1].bytes += fragment->bytes;
    return joined_add_range(cutter->file, key, fragment->offset, fragment->bytes, err);
}

static bool cut_part(struct cutter *cutter, const struct mux_part *part, struct sr_err *err)
{
    for (size_t f = 0; f < part->part->fragment_count; f++) {
        const struct track_fragment *const fragment = &part->part->fragments[f];
        // The first fragment of a part stands for all of its interval, priming and a late first
        // picture included.
        const int64_t start_pts = f == 0 ? part->part->start_pts : fragment->start_pts;
        if (!add_fragment(cutter, tracks_key(part), fragment, start_pts, err))
            return false;
    }
    return true;
}

// Where the last fragment ends. A track ends with its plan, also where damage left the last
// segments without a picture; a file of fragments lasts no longer than they do.
static int64_t fragments_end_pts(const struct job *job, const struct hls_track *which,
                                 const struct mux_track *track)
{
    if (which->video == SIZE_MAX)
        return track->parts[track->part_count - 1].part->end_pts;
    const struct job_part *const parts = job->videos[which->video].parts;
    size_t count = job->plan->segment_count;
    while (parts[count - 1].part.sample_count == 0)
        count--;  // tracks_new() found one with samples
    return parts[count - 1].part.end_pts;
}

static bool add_segments(struct job *job, const struct manifest_output *output,
                         const struct mux_track *track, const struct hls_track *which,
                         struct hls_files *files, struct written *written, struct sr_err *err)
{
    const struct track_part *const first = track->parts[0].part;
    const int64_t grid_us = job_out_us(job, job->table->start_pts, job->table->time_base);
    sr_auto(cutter) struct cutter cutter = {
        .job = job,
        .id = which->id,
        .files = files,
        .grid_pts = sr_div_floor(grid_us * (int64_t)first->timescale + 500000, 1000000),
        .step_ticks = output->segment_us * (int64_t)first->timescale / 1000000,
        .tolerance_ticks = first->timescale / 500,  // 2 ms: times of the source are rounded
    };
    for (size_t p = 0; p < track->part_count; p++) {
        if (!cut_part(&cutter, &track->parts[p], err))
            return sr_err_wrap(err, "segment %zu", p + 1);
    }
    end_segment(&cutter, fragments_end_pts(job, which, track));
    written->media.timescale = first->timescale;
    written->media.segment_count = cutter.segment_count;
    written->segments = sr_take(cutter.segments);
    written->media.segments = written->segments;
    return true;
}

static bool add_track(struct job *job, const struct manifest_output *output,
                      const struct hls_track *which, struct hls_files *files,
                      struct written *written, struct sr_err *err)
{
    sr_auto(tracks) struct tracks *tracks = NULL;
    if (which->audio == SIZE_MAX ? !tracks_new(job, output, which->video, &tracks, err)
                                 : !tracks_new_audio(job, which->audio, &tracks, err))
        return false;
    const struct mux_track *const track = &tracks_list(tracks)[0];
    if (!add_init(job, track, which->id, files, written->codec, err) ||
        !add_segments(job, output, track, which, files, written, err))
        return sr_err_wrap(err, "%s", which->id);
    (void)snprintf(written->uri, sizeof(written->uri), "%s/%s", which->id, HLS_MEDIA);
    (void)snprintf(written->init_uri, sizeof(written->init_uri), "%s", HLS_INIT);
    written->media.init_uri = written->init_uri;
    return true;
}

// Spec: RFC 8216 6.2.4: all of them have one target duration.
static bool add_playlists(struct job *job, const struct manifest_output *output,
                          struct ladder *ladder, struct hls_files *files, struct sr_err *err)
{
    struct hls_track track;
    int64_t target_s = 0;
    for (size_t i = 0; i < ladder->count; i++) {
        const int64_t longest_s = playlist_longest_s(&ladder->tracks[i].media);
        target_s = longest_s > target_s ? longest_s : target_s;
    }
    for (size_t i = 0; hls_track(job, output, i, &track); i++) {
        sr_auto(sr_str) struct sr_str text = { 0 };
        struct playlist_media *const media = &ladder->tracks[i].media;
        media->target_s = target_s;
        if (!playlist_media_write(media, &text, err) ||
            !add_text(job, files, track.id, HLS_MEDIA, text.text, text.bytes, err))
            return sr_err_wrap(err, "%s", track.id);
    }
    return true;
}

static const char *video_range(const struct rendition_video *video)
{
    return video->colour.transfer == 16   ? "PQ"
           : video->colour.transfer == 18 ? "HLG"
                                          : "SDR";  // H.273
}

// ",mp4a.40.2,Opus": each format of the sound once, as any of it may be played. Spec: RFC 8216
// 4.3.4.2
static bool add_sound_codecs(const struct job *job, const struct manifest_output *output,
                             const struct ladder *ladder, struct sr_str *out, struct sr_err *err)
{
    struct hls_track track;
    for (size_t i = 0; hls_track(job, output, i, &track); i++) {
        const char *const codec = ladder->tracks[i].codec;
        bool is_new = track.audio != SIZE_MAX;
        for (size_t k = 0; k < i; k++)
            is_new = is_new && strcmp(ladder->tracks[k].codec, codec) != 0;
        if (is_new && !sr_str_addf(out, err, ",%s", codec))
            return false;
    }
    return true;
}

static const char *known_language(const struct job_audio *audio)
{
    return audio->language && strcmp(audio->language, "und") != 0 ? audio->language : "";
}

static bool add_master(struct job *job, const struct manifest_output *output,
                       const struct ladder *ladder, struct hls_files *files, struct sr_err *err)
{
    struct playlist_variant variants[MEDIA_RENDITIONS_MAX] = { 0 };
    struct playlist_audio audios[JOB_AUDIOS_MAX] = { 0 };
    char codecs[MEDIA_RENDITIONS_MAX][512], names[JOB_AUDIOS_MAX][160];
    struct playlist_master master = { .variants = variants, .audios = audios };
    sr_auto(sr_str) struct sr_str sound = { 0 };
    if (!add_sound_codecs(job, output, ladder, &sound, err))
        return false;
    struct hls_track track;
    for (size_t i = 0; hls_track(job, output, i, &track); i++) {
        const struct written *const written = &ladder->tracks[i];
        if (track.audio == SIZE_MAX)
            continue;
        const struct job_audio *const audio = &job->audios[track.audio];
        const struct media_stream *const stream = &job->probe->streams[audio->stream_index];
        const int asked = job_rendition(job, audio->rendition)->channels;
        (void)snprintf(names[master.audio_count], sizeof(names[0]), "%s", audio->id);
        audios[master.audio_count] = (struct playlist_audio){
            .uri = written->uri,
            .name = names[master.audio_count],
            .language = known_language(audio),
            .is_default = master.audio_count == 0,
            .channels = asked ? asked : stream->audio.channels,
            .media = &written->media,
        };
        master.audio_count++;
    }
    for (size_t i = 0; hls_track(job, output, i, &track) && track.video != SIZE_MAX; i++) {
        const struct written *const written = &ladder->tracks[i];
        const struct rendition_video *const video = &job->videos[track.video].video;
        if (!sr_format(codecs[i], sizeof(codecs[i]), "%s%s", written->codec, sr_str_text(&sound)))
            return sr_fail(err, SR_ERR_LIMIT, "%zu formats of sound", master.audio_count);
        variants[master.variant_count++] = (struct playlist_variant){
            .uri = written->uri,
            .codecs = codecs[i],
            .width = video->width,
            .height = video->height,
            .rate = video->rate,
            .media = &written->media,
            .video_range = video_range(video),
        };
    }
    sr_auto(sr_str) struct sr_str text = { 0 };
    return playlist_master_write(&master, &text, err) &&
           add_text(job, files, "", HLS_MASTER, text.text, text.bytes, err);
}

bool hls_list(struct job *job, const struct manifest_output *output, struct hls_files *ret,
              struct sr_err *err)
{
    struct hls_track track;
    size_t count = 0;
    while (hls_track(job, output, count, &track))
        count++;
    sr_auto(hls_files) struct hls_files files = { 0 };
    sr_auto(ladder) struct ladder ladder = { .tracks = calloc(count + 1, sizeof(struct written)) };
    if (!ladder.tracks)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu tracks", count);
    while (hls_track(job, output, ladder.count, &track)) {
        struct written *const written = &ladder.tracks[ladder.count++];
        if (!add_track(job, output, &track, &files, written, err))
            return false;
        files.media_segments += written->media.segment_count;
    }
    if (!add_playlists(job, output, &ladder, &files, err) ||
        !add_master(job, output, &ladder, &files, err))
        return false;
    *ret = files;
    files = (struct hls_files){ 0 };
    return true;
}

bool hls_write(struct job *job, const struct hls_files *files, const char *folder,
               struct sr_err *err)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct hls_file *const file = &files->item[i];
        sr_auto(sr_writer) struct sr_writer writer = { 0 };
        sr_auto(char) char *path = sr_strf(err, "%s/%s", folder, file->name);
        char sha256[SR_SHA256_HEX];
        if (!path)
            return false;
        if (!sr_file_writer_open(path, &writer, err) ||
            !joined_copy(file->joined, &writer, job->source.cancel, sha256, err) ||
            !writer.ops->publish(writer.self, err))
            return sr_err_wrap(err, "%s", file->name);
    }
    return true;
}

// The name below the folder `id` ("": the output's own); NULL: it is not in it.
static const char *name_in(const struct hls_file *file, const char *id)
{
    const size_t bytes = strlen(id);
    if (strncmp(file->name, id, bytes) != 0 || (bytes > 0 && file->name[bytes] != '/'))
        return NULL;
    return file->name + bytes + (bytes > 0);
}

bool hls_files_is_media(const struct hls_file *file, const char *id)
{
    const char *const name = name_in(file, id);
    return name && strcmp(name, HLS_MEDIA) != 0;
}

bool hls_files_track(struct job *job, const struct hls_files *files, const char *id,
                     struct joined **ret_joined, struct sr_err *err)
{
    sr_auto(joined) struct joined *all = NULL;
    if (!joined_new(job->workspace, &all, err))
        return false;
    for (size_t i = 0; i < files->count; i++) {
        const struct hls_file *const file = &files->item[i];
        if (hls_files_is_media(file, id) && !joined_add_all(all, file->joined, err))
            return false;
    }
    *ret_joined = sr_take(all);
    return true;
}

struct hls_file *hls_files_find(const struct hls_files *files, const char *id, const char *name)
{
    for (size_t i = 0; i < files->count; i++) {
        const char *const own = name_in(&files->item[i], id);
        if (own && strcmp(own, name) == 0)
            return &files->item[i];
    }
    return NULL;
}
