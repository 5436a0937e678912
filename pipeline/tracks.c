#include "pipeline/tracks.h"

#include <stdlib.h>

#include "base/checked.h"

// Where one part's bytes are: what mux_part.self points to.
struct place {
    struct workspace *workspace;
    const struct workspace_key *key;
};

struct tracks {
    size_t track_count, part_count;
    struct mux_track list[JOB_AUDIOS_MAX + 1];
    struct mux_part *parts;
    struct place *places;
    struct track_part *stretched;  // parts before a segment that damage left without a picture
    size_t stretched_count;
};

static bool open_part(void *self, struct sr_reader *ret_reader, struct sr_err *err)
{
    const struct place *const place = self;
    return workspace_read(place->workspace, place->key, ret_reader, err);
}

const struct workspace_key *tracks_key(const struct mux_part *part)
{
    return ((const struct place *)part->self)->key;
}

void tracks_free(struct tracks *tracks)
{
    if (!tracks)
        return;
    free(tracks->parts);
    free(tracks->places);
    free(tracks->stretched);
    free(tracks);
}

const struct mux_track *tracks_list(const struct tracks *tracks)
{
    return tracks->list;
}

size_t tracks_count(const struct tracks *tracks)
{
    return tracks->track_count;
}

bool tracks_uses(const struct manifest_output *output, size_t rendition)
{
    for (size_t u = 0; u < output->use_count; u++) {
        if (output->use[u] == rendition)
            return true;
    }
    return false;
}

static bool make_room(size_t part_count, struct tracks **ret, struct sr_err *err)
{
    sr_auto(tracks) struct tracks *tracks = calloc(1, sizeof(*tracks));
    if (!tracks)
        return sr_fail(err, SR_ERR_NO_MEMORY, "tracks");
    tracks->parts = calloc(part_count, sizeof(*tracks->parts));
    tracks->places = calloc(part_count, sizeof(*tracks->places));
    if (!tracks->parts || !tracks->places)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu parts", part_count);
    *ret = sr_take(tracks);
    return true;
}

static void add_part(struct tracks *tracks, struct job *job, const struct job_part *part)
{
    const size_t i = tracks->part_count++;
    tracks->places[i] = (struct place){ .workspace = job->workspace, .key = &part->key };
    tracks->parts[i] =
        (struct mux_part){ .part = &part->part, .open = open_part, .self = &tracks->places[i] };
}

// Segments that damage left without a picture have no place in a track: the picture before lasts
// until the next one.
static bool add_segments(struct tracks *tracks, struct job *job, size_t video, struct sr_err *err)
{
    const struct job_part *const parts = job->videos[video].parts;
    const size_t segments = job->plan->segment_count;
    for (size_t s = 0; s < segments; s++)
        tracks->stretched_count += parts[s].part.sample_count == 0;
    tracks->stretched = calloc(tracks->stretched_count + 1, sizeof(*tracks->stretched));
    if (!tracks->stretched)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu parts", tracks->stretched_count);
    size_t used = 0;
    for (size_t s = 0; s < segments; s++) {
        if (parts[s].part.sample_count == 0)
            continue;
        size_t next = s + 1;
        while (next < segments && parts[next].part.sample_count == 0)
            next++;
        add_part(tracks, job, &parts[s]);
        if (next == s + 1)
            continue;
        struct track_part *const longer = &tracks->stretched[used++];
        *longer = parts[s].part;  // its lists stay the job's
        longer->end_pts = parts[next - 1].part.end_pts;
        tracks->parts[tracks->part_count - 1].part = longer;
    }
    if (tracks->part_count == 0)
        return sr_fail(err, SR_ERR_INPUT, "%s: no picture of it can be decoded", job->source.name);
    tracks->list[tracks->track_count++] = (struct mux_track){
        .kind = MEDIA_VIDEO,
        .language = job->video_stream->language,
        .is_default = true,
        .part_count = tracks->part_count,
        .parts = tracks->parts,
    };
    return true;
}

static void add_audio(struct tracks *tracks, struct job *job, size_t index)
{
    const struct job_audio *const audio = &job->audios[index];
    tracks->list[tracks->track_count++] = (struct mux_track){
        .kind = MEDIA_AUDIO,
        .language = audio->language ? audio->language : "",
        .is_default = audio->is_default,
        .part_count = 1,
        .parts = &tracks->parts[tracks->part_count],
    };
    add_part(tracks, job, &audio->part);
}

bool tracks_new(struct job *job, const struct manifest_output *output, size_t video,
                struct tracks **ret_tracks, struct sr_err *err)
{
    const size_t segments = video == SIZE_MAX ? 0 : job->plan->segment_count;
    sr_auto(tracks) struct tracks *tracks = NULL;
    if (!make_room(segments + job->audio_count + 1, &tracks, err))
        return false;
    if (video != SIZE_MAX && !add_segments(tracks, job, video, err))
        return false;
    for (size_t a = 0; a < job->audio_count; a++) {
        if (tracks_uses(output, job->audios[a].rendition))
            add_audio(tracks, job, a);
    }
    *ret_tracks = sr_take(tracks);
    return true;
}

bool tracks_new_audio(struct job *job, size_t audio, struct tracks **ret_tracks, struct sr_err *err)
{
    sr_auto(tracks) struct tracks *tracks = NULL;
    if (!make_room(1, &tracks, err))
        return false;
    add_audio(tracks, job, audio);
    *ret_tracks = sr_take(tracks);
    return true;
}
