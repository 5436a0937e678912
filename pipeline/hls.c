#include "pipeline/hls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/str.h"
#include "pipeline/hls_priv.h"
#include "pipeline/tracks.h"
#include "transcode/playlist.h"

enum { INIT_BYTES_MAX = 1 << 20, COPY_BYTES = 1 << 18 };

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

static bool write_init(const struct mux_track *track, const char *path, char codec[64],
                       struct sr_err *err)
{
    sr_auto(sr_writer) struct sr_writer memory = { 0 };
    uint8_t *data = NULL;
    size_t bytes = 0;
    if (!sr_memory_writer_open(&data, &bytes, &memory, err) ||
        !mux_init_segment(track, &memory, err) || !memory.ops->publish(memory.self, err))
        return false;
    const bool done =
        playlist_codec_name(data, bytes, codec, err) && sr_file_store(path, data, bytes, err);
    free(data);
    return done;
}

static bool copy_bytes(const struct sr_reader *from, uint64_t offset, uint64_t bytes,
                       struct sr_writer *to, struct sr_err *err)
{
    sr_auto(char) char *buffer = malloc(COPY_BYTES);
    if (!buffer)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%d bytes", COPY_BYTES);
    while (bytes > 0) {
        const size_t step = bytes < COPY_BYTES ? (size_t)bytes : COPY_BYTES;
        if (!sr_read_exact(from, offset, buffer, step, err) || !sr_write(to, buffer, step, err))
            return false;
        offset += step;
        bytes -= step;
    }
    return true;
}

// Walks a track's fragments and cuts them into media segments: a new one begins with the first
// fragment at or after each multiple of the segment's length, counted from `grid_pts`.
struct cutter {
    const char *folder;
    const struct mux_track *track;
    int64_t grid_pts, step_ticks, tolerance_ticks;  // in the track's timescale
    size_t segment_count, capacity;
    struct playlist_segment *segments;
    struct sr_writer writer;
    int64_t segment_start_pts, slot;
};

static void cutter_done(struct cutter *cutter)
{
    sr_writer_close(&cutter->writer);
    free(cutter->segments);
}
SR_DEFINE_AUTO_VALUE(cutter, struct cutter, cutter_done);

static bool end_segment(struct cutter *cutter, int64_t end_pts, struct sr_err *err)
{
    if (!cutter->writer.ops)
        return true;
    if (!cutter->writer.ops->publish(cutter->writer.self, err))
        return false;
    sr_writer_close(&cutter->writer);
    cutter->segments[cutter->segment_count - 1].duration_ticks =
        end_pts - cutter->segment_start_pts;
    return true;
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
    sr_auto(char) char *path = sr_strf(err, "%s/%s", cutter->folder, segment->uri);
    return path && sr_file_writer_open(path, &cutter->writer, err);
}

static bool add_fragment(struct cutter *cutter, const struct sr_reader *data,
                         const struct track_fragment *fragment, int64_t start_pts,
                         struct sr_err *err)
{
    const int64_t slot =
        sr_div_floor(start_pts - cutter->grid_pts + cutter->tolerance_ticks, cutter->step_ticks);
    if (cutter->segment_count == 0 || slot > cutter->slot) {
        if (!end_segment(cutter, start_pts, err) || !begin_segment(cutter, start_pts, err))
            return false;
        cutter->slot = slot;
    }
    cutter->segments[cutter->segment_count - 1].bytes += fragment->bytes;
    return copy_bytes(data, fragment->offset, fragment->bytes, &cutter->writer, err);
}

static bool cut_part(struct cutter *cutter, const struct mux_part *part,
                     const struct sr_cancel *cancel, struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader data = { 0 };
    if (!part->open(part->self, &data, err))
        return false;
    for (size_t f = 0; f < part->part->fragment_count; f++) {
        const struct track_fragment *const fragment = &part->part->fragments[f];
        // The first fragment of a part stands for all of its interval, priming and a late first
        // picture included.
        const int64_t start_pts = f == 0 ? part->part->start_pts : fragment->start_pts;
        if (!sr_cancel_check(cancel, err) || !add_fragment(cutter, &data, fragment, start_pts, err))
            return false;
    }
    return true;
}

static bool write_segments(struct job *job, const struct manifest_output *output,
                           const struct mux_track *track, const char *folder,
                           struct written *written, struct sr_err *err)
{
    const struct track_part *const first = track->parts[0].part;
    const int64_t grid_us = job_out_us(job, job->table->start_pts, job->table->time_base);
    sr_auto(cutter) struct cutter cutter = {
        .folder = folder,
        .track = track,
        .grid_pts = sr_div_floor(grid_us * (int64_t)first->timescale + 500000, 1000000),
        .step_ticks = output->segment_us * (int64_t)first->timescale / 1000000,
        .tolerance_ticks = first->timescale / 500,  // 2 ms: times of the source are rounded
    };
    for (size_t p = 0; p < track->part_count; p++) {
        if (!cut_part(&cutter, &track->parts[p], job->source.cancel, err))
            return sr_err_wrap(err, "segment %zu", p + 1);
    }
    if (!end_segment(&cutter, track->parts[track->part_count - 1].part->end_pts, err))
        return false;
    written->media.timescale = first->timescale;
    written->media.segment_count = cutter.segment_count;
    written->segments = sr_take(cutter.segments);
    written->media.segments = written->segments;
    return true;
}

static bool write_playlist(const char *folder, const char *name, const struct sr_str *text,
                           struct sr_err *err)
{
    sr_auto(char) char *path = sr_strf(err, "%s/%s", folder, name);
    return path && sr_file_store(path, text->text, text->bytes, err);
}

static bool write_track(struct job *job, const struct manifest_output *output, const char *folder,
                        const struct hls_track *which, struct written *written, struct sr_err *err)
{
    sr_auto(tracks) struct tracks *tracks = NULL;
    if (which->audio == SIZE_MAX ? !tracks_new(job, output, which->video, &tracks, err)
                                 : !tracks_new_audio(job, which->audio, &tracks, err))
        return false;
    sr_auto(char) char *own = sr_strf(err, "%s/%s", folder, which->id);
    sr_auto(char) char *init = sr_strf(err, "%s/%s/%s", folder, which->id, HLS_INIT);
    if (!own || !init || !sr_make_folders(own, err) ||
        !write_init(&tracks_list(tracks)[0], init, written->codec, err) ||
        !write_segments(job, output, &tracks_list(tracks)[0], own, written, err))
        return sr_err_wrap(err, "%s", which->id);
    (void)snprintf(written->uri, sizeof(written->uri), "%s/%s", which->id, HLS_MEDIA);
    (void)snprintf(written->init_uri, sizeof(written->init_uri), "%s", HLS_INIT);
    written->media.init_uri = written->init_uri;
    sr_auto(sr_str) struct sr_str text = { 0 };
    return playlist_media_write(&written->media, &text, err) &&
           write_playlist(own, HLS_MEDIA, &text, err);
}

static const char *video_range(const struct rendition_video *video)
{
    return video->colour.transfer == 16   ? "PQ"
           : video->colour.transfer == 18 ? "HLG"
                                          : "SDR";  // H.273
}

static uint64_t bytes_of(const struct playlist_media *media)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < media->segment_count; i++)
        bytes += media->segments[i].bytes;
    return bytes;
}

static const char *known_language(const struct job_audio *audio)
{
    return audio->language && strcmp(audio->language, "und") != 0 ? audio->language : "";
}

static bool write_master(struct job *job, const struct manifest_output *output, const char *folder,
                         const struct ladder *ladder, struct sr_err *err)
{
    struct playlist_variant variants[MEDIA_RENDITIONS_MAX] = { 0 };
    struct playlist_audio audios[JOB_AUDIOS_MAX] = { 0 };
    char codecs[MEDIA_RENDITIONS_MAX][136], names[JOB_AUDIOS_MAX][160];
    struct playlist_master master = { .variants = variants, .audios = audios };
    const struct written *heaviest = NULL;
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
        };
        master.audio_count++;
        if (!heaviest || bytes_of(&written->media) > bytes_of(&heaviest->media))
            heaviest = written;
    }
    for (size_t i = 0; hls_track(job, output, i, &track) && track.video != SIZE_MAX; i++) {
        const struct written *const written = &ladder->tracks[i];
        const struct rendition_video *const video = &job->videos[track.video].video;
        (void)snprintf(codecs[i], sizeof(codecs[i]), "%s%s%s", written->codec, heaviest ? "," : "",
                       heaviest ? heaviest->codec : "");
        variants[master.variant_count++] = (struct playlist_variant){
            .uri = written->uri,
            .codecs = codecs[i],
            .width = video->width,
            .height = video->height,
            .rate = video->rate,
            .media = &written->media,
            .audio = heaviest ? &heaviest->media : NULL,
            .video_range = video_range(video),
        };
    }
    sr_auto(sr_str) struct sr_str text = { 0 };
    return playlist_master_write(&master, &text, err) &&
           write_playlist(folder, HLS_MASTER, &text, err);
}

bool hls_write(struct job *job, const struct manifest_output *output, const char *folder,
               uint64_t *ret_media_segments, struct sr_err *err)
{
    struct hls_track track;
    size_t count = 0;
    while (hls_track(job, output, count, &track))
        count++;
    sr_auto(ladder) struct ladder ladder = { .tracks = calloc(count + 1, sizeof(struct written)) };
    if (!ladder.tracks)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu tracks", count);
    if (!sr_make_folders(folder, err))
        return false;
    uint64_t media_segments = 0;
    for (; hls_track(job, output, ladder.count, &track); ladder.count++) {
        if (!write_track(job, output, folder, &track, &ladder.tracks[ladder.count], err)) {
            ladder.count++;
            return false;
        }
        media_segments += ladder.tracks[ladder.count].media.segment_count;
    }
    if (!write_master(job, output, folder, &ladder, err))
        return false;
    *ret_media_segments = media_segments;
    return true;
}
