#include "pipeline/hls_verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/str.h"
#include "pipeline/hls_chain.h"
#include "pipeline/hls_playlist.h"
#include "pipeline/hls_priv.h"
#include "transcode/fragment_times.h"

enum { TRACKS_MAX = 64, TOLERANCE_US = 2000 };

// A playlist of media, and its files as far as they can be read.
struct track {
    const char *name;  // of the playlist
    struct hls_playlist playlist;
    struct fragment_form form;
    struct hls_link *links;  // the init segment, then media segments
    size_t link_count;
    struct media_source source;  // its reader is open when there is something to read
};

struct check {
    struct hls_folder folder;
    const struct sr_cancel *cancel;
    struct verify_result *result;
    char *name;  // of the playlist that was asked for
    struct hls_playlist master;
    size_t count;
    struct track tracks[TRACKS_MAX];
};

static void check_free(struct check *check)
{
    if (!check)
        return;
    for (size_t t = 0; t < check->count; t++) {
        struct track *const track = &check->tracks[t];
        sr_reader_close(&track->source.reader);
        free(track->links);
        hls_playlist_done(&track->playlist);
    }
    hls_playlist_done(&check->master);
    free(check->name);
    free(check);
}
SR_DEFINE_AUTO(check, struct check, check_free);

// What is wrong with a file of the output; an error that says nothing of the output stays one.
static bool find_wrong(struct check *check, const char *name, struct sr_err *err)
{
    if (err->code == SR_ERR_NOT_FOUND)
        verify_find(check->result, 0, "%.100s: it is missing", name);
    else if (err->code == SR_ERR_INPUT || err->code == SR_ERR_INVALID)
        verify_find(check->result, 0, "%.100s: %s", name, err->message);
    else
        return sr_err_wrap(err, "%s", name);
    *err = (struct sr_err){ 0 };
    return true;
}

static bool load(const struct check *check, const char *name, struct hls_playlist *ret,
                 struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    if (!hls_folder_open(&check->folder, name, &reader, err))
        return false;
    const uint64_t bytes = sr_reader_size(&reader);
    if (bytes > HLS_PLAYLIST_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a playlist of %" PRIu64 " bytes", bytes);
    sr_auto(char) char *text = malloc((size_t)bytes + 1);
    if (!text)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a playlist");
    return sr_read_exact(&reader, 0, text, (size_t)bytes, err) &&
           hls_playlist_parse(text, (size_t)bytes, name, ret, err);
}

// A track ----------------------------------------------------------------------------------------

// What lasts longer than a file can be right about counts as 70,000 years: of such times there are
// sums.
static int64_t us_of(const struct track *track, int64_t ticks)
{
    const int64_t most_us = INT64_MAX / 4;
    const __int128 us = (__int128)ticks * 1000000 / track->form.timescale;
    return us > most_us ? most_us : us < -most_us ? -most_us : (int64_t)us;
}

static void check_lines(struct check *check, const struct track *track)
{
    const struct hls_playlist *const playlist = &track->playlist;
    if (!playlist->has_end)
        verify_find(check->result, 0, "%.100s: it has no end (EXT-X-ENDLIST)", track->name);
    // Spec: RFC 8216 4.3.3.1: rounded to the nearest second
    for (size_t i = 0; i < playlist->count; i++) {
        if ((playlist->item[i].duration_us + 500000) / 1000000 > playlist->target_s)
            verify_find(check->result, 0, "%.100s: %.3f s, the target duration is %" PRId64 " s",
                        playlist->item[i].name, (double)playlist->item[i].duration_us / 1e6,
                        playlist->target_s);
    }
}

// Whether it lasts as its line says. The priming that sound begins with is not heard, and need not
// be counted.
static bool is_long(const struct track *track, const struct hls_entry *entry,
                    const struct fragment_span *span)
{
    const bool is_first = entry == track->playlist.item;
    const int64_t most_us = us_of(track, span->end_ticks - span->start_ticks);
    const int64_t priming_us = is_first ? us_of(track, track->form.priming_ticks) : 0;
    return entry->duration_us >= most_us - priming_us - TOLERANCE_US &&
           entry->duration_us <= most_us + TOLERANCE_US;
}

// *end_ticks: of the segment before; -1: it is not known.
static void check_span(struct check *check, const struct track *track,
                       const struct hls_entry *entry, const struct fragment_span *span,
                       int64_t *end_ticks)
{
    const int64_t gap_us = *end_ticks < 0 ? 0 : us_of(track, span->start_ticks - *end_ticks);
    if (!is_long(track, entry, span))
        verify_find(check->result, 0, "%.100s: it lasts %.3f s, the playlist says %.3f s",
                    entry->name, (double)us_of(track, span->end_ticks - span->start_ticks) / 1e6,
                    (double)entry->duration_us / 1e6);
    if (llabs(gap_us) > TOLERANCE_US)
        verify_find(check->result, 0, "%.100s: it begins %.3f s %s the one before it ends",
                    entry->name, (double)llabs(gap_us) / 1e6, gap_us > 0 ? "after" : "before");
    *end_ticks = span->end_ticks;
}

static void add_link(struct track *track, const char *name, const struct sr_reader *reader)
{
    track->links[track->link_count++] =
        (struct hls_link){ .name = name, .bytes = sr_reader_size(reader) };
}

// *ret_is_there: what follows can be read.
static bool check_init(struct check *check, struct track *track, bool *ret_is_there,
                       struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    const char *const name = track->playlist.init;
    *ret_is_there = hls_folder_open(&check->folder, name, &reader, err) &&
                    fragment_form_read(&reader, &track->form, err);
    if (!*ret_is_there)
        return find_wrong(check, name, err);
    add_link(track, name, &reader);
    return true;
}

static bool check_segment(struct check *check, struct track *track, const struct hls_entry *entry,
                          int64_t *end_ticks, struct sr_err *err)
{
    sr_auto(sr_reader) struct sr_reader reader = { 0 };
    struct fragment_span span;
    if (!sr_cancel_check(check->cancel, err))
        return false;
    if (!hls_folder_open(&check->folder, entry->name, &reader, err) ||
        !fragment_span_read(&reader, &track->form, &span, err)) {
        *end_ticks = -1;
        return find_wrong(check, entry->name, err);
    }
    check_span(check, track, entry, &span, end_ticks);
    add_link(track, entry->name, &reader);
    return true;
}

static bool check_files(struct check *check, struct track *track, struct sr_err *err)
{
    bool is_there;
    int64_t end_ticks = -1;
    track->links = calloc(track->playlist.count + 1, sizeof(track->links[0]));
    if (!track->links)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu files", track->playlist.count);
    if (!check_init(check, track, &is_there, err))
        return false;
    for (size_t i = 0; is_there && i < track->playlist.count; i++) {
        if (!check_segment(check, track, &track->playlist.item[i], &end_ticks, err))
            return false;
    }
    if (track->link_count < 2)
        return true;  // nothing to look into, which was told
    track->source = (struct media_source){ .name = track->name, .cancel = check->cancel };
    return hls_chain_open(&check->folder, track->links, track->link_count, &track->source.reader,
                          err);
}

// `playlist`: taken.
static bool check_track(struct check *check, const char *name, struct hls_playlist *playlist,
                        struct sr_err *err)
{
    if (check->count == TRACKS_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "more than %d playlists", TRACKS_MAX);
    struct track *const track = &check->tracks[check->count++];
    track->name = name;
    track->playlist = *playlist;
    *playlist = (struct hls_playlist){ 0 };
    if (!track->playlist.init)
        return sr_fail(err, SR_ERR_UNSUPPORTED,
                       "%s: it has no init segment (EXT-X-MAP); only fragmented MP4 is looked into",
                       name);
    check_lines(check, track);
    return check_files(check, track, err);
}

// The output -------------------------------------------------------------------------------------
static void check_group(struct check *check, const struct hls_entry *variant)
{
    for (size_t i = 0; i < check->master.count; i++) {
        if (check->master.item[i].is_sound &&
            strcmp(check->master.item[i].group, variant->group) == 0)
            return;
    }
    verify_find(check->result, 0, "%.80s: %.60s wants the sound \"%.40s\", which is not there",
                check->name, variant->name, variant->group);
}

// Whether an entry before it is the same playlist, for another group.
static bool was_seen(const struct hls_playlist *master, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (master->item[i].name && strcmp(master->item[i].name, master->item[index].name) == 0)
            return true;
    }
    return false;
}

// Spec: RFC 8216 6.2.4
static void check_targets(struct check *check)
{
    for (size_t i = 1; i < check->count; i++) {
        const struct track *const track = &check->tracks[i];
        if (track->playlist.target_s != check->tracks[0].playlist.target_s)
            verify_find(check->result, 0,
                        "%.100s: its target duration is %" PRId64 " s, that of %.100s %" PRId64
                        " s",
                        track->name, track->playlist.target_s, check->tracks[0].name,
                        check->tracks[0].playlist.target_s);
    }
}

static bool check_entry(struct check *check, const struct hls_entry *entry, struct sr_err *err)
{
    sr_auto(hls_playlist) struct hls_playlist playlist = { 0 };
    if (!load(check, entry->name, &playlist, err))
        return find_wrong(check, entry->name, err);
    if (playlist.is_master) {
        verify_find(check->result, 0, "%.100s: it is a master playlist, too", entry->name);
        return true;
    }
    return check_track(check, entry->name, &playlist, err);
}

static bool check_master(struct check *check, struct sr_err *err)
{
    for (size_t i = 0; i < check->master.count; i++) {
        const struct hls_entry *const entry = &check->master.item[i];
        if (!entry->name)
            continue;  // it is in the variants
        if (*entry->group && !entry->is_sound)
            check_group(check, entry);
        if (!was_seen(&check->master, i) && !check_entry(check, entry, err))
            return false;
    }
    check_targets(check);
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t bytes = strlen(text), end_bytes = strlen(end);
    return bytes >= end_bytes && strcmp(text + bytes - end_bytes, end) == 0;
}

bool hls_verify_is(const char *url)
{
    struct stat info;
    if (remote_is_url(url))
        return ends_with(url, "/") || ends_with(url, ".m3u8");
    return ends_with(url, ".m3u8") || (stat(url, &info) == 0 && S_ISDIR(info.st_mode));
}

// The folder, and the name of the playlist in it.
static bool open_folder(struct check *check, struct remote *remote, const char *url,
                        struct sr_err *err)
{
    const bool is_playlist = ends_with(url, ".m3u8");
    const char *const slash = strrchr(url, '/');
    if (remote_is_url(url) && strncasecmp(url, "s3://", 5) != 0)
        return sr_fail(err, SR_ERR_UNSUPPORTED,
                       "HLS is checked in a folder or below s3://, not where it is served");
    const size_t bytes = !is_playlist ? strlen(url) : slash ? (size_t)(slash + 1 - url) : 0;
    sr_auto(char) char *folder =
        bytes == 0 ? sr_str_dup("./", err)
                   : sr_strf(err, "%.*s%s", (int)bytes, url, url[bytes - 1] == '/' ? "" : "/");
    check->name = sr_str_dup(is_playlist ? url + bytes : HLS_MASTER, err);
    check->folder.remote = remote;
    return folder && check->name &&
           remote_open(remote, folder, BLOB_PLACE_LIST, &check->folder.place, err);
}

// Of segments that last alike: then findings can name them.
static int64_t common_us(const struct hls_playlist *playlist)
{
    for (size_t i = 1; i + 1 < playlist->count; i++) {
        if (llabs(playlist->item[i].duration_us - playlist->item[0].duration_us) > TOLERANCE_US)
            return 0;
    }
    return playlist->item[0].duration_us;
}

static void take_over(const struct verify_result *from, struct verify_result *to)
{
    for (size_t i = 0; i < from->finding_count; i++)
        verify_find(to, 0, "%s", from->findings[i].message);
    to->frames_seen = from->frames_seen;
    to->samples_seen = from->samples_seen;
    to->frames_decoded = from->frames_decoded;
}

static bool check_content(struct check *check, const struct verify_full_params *how,
                          struct sr_err *err)
{
    struct media_source sources[TRACKS_MAX];
    size_t count = 0;
    struct verify_full_params params = *how;
    for (size_t t = 0; t < check->count; t++) {
        if (!check->tracks[t].source.reader.ops)
            continue;
        if (params.segment_us == 0)
            params.segment_us = common_us(&check->tracks[t].playlist);
        sources[count++] = check->tracks[t].source;
    }
    if (count == 0)
        return true;  // why was told
    params.output = &sources[0];
    params.others = &sources[1];
    params.other_count = count - 1;
    struct verify_result *const seen = calloc(1, sizeof(*seen));
    if (!seen)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a verdict");
    const bool done = verify_against_source(&params, seen, err);
    if (done)
        take_over(seen, check->result);
    free(seen);
    return done;
}

bool hls_verify(struct remote *remote, const char *url, const struct verify_full_params *how,
                struct verify_result *ret, struct sr_err *err)
{
    sr_auto(check) struct check *check = calloc(1, sizeof(*check));
    sr_auto(hls_playlist) struct hls_playlist first = { 0 };
    if (!check)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a verdict");
    *ret = (struct verify_result){ .verdict = VERIFY_PASS };
    check->result = ret;
    check->cancel = how->source->cancel;
    if (!open_folder(check, remote, url, err))
        return false;
    if (!load(check, check->name, &first, err))
        return err->code == SR_ERR_INVALID ? find_wrong(check, check->name, err)
                                           : sr_err_wrap(err, "%s", check->name);
    if (!first.is_master)
        return check_track(check, check->name, &first, err) && check_content(check, how, err);
    check->master = first;
    first = (struct hls_playlist){ 0 };
    return check_master(check, err) && check_content(check, how, err);
}
