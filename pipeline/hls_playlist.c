#include "pipeline/hls_playlist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "net/url.h"
#include "pipeline/quantity.h"

void hls_playlist_done(struct hls_playlist *playlist)
{
    for (size_t i = 0; i < playlist->count; i++)
        free(playlist->item[i].name);
    free(playlist->item);
    free(playlist->init);
    *playlist = (struct hls_playlist){ 0 };
}

struct parser {
    const char *name;  // of the playlist
    struct hls_playlist *playlist;
    struct hls_entry pending;  // what the next URI is; its name NULL
    bool has_pending;
};

// Names ------------------------------------------------------------------------------------------

// Puts a part behind the path; ".." takes one away.
static bool add_part(struct sr_str *path, const char *part, size_t bytes, struct sr_err *err)
{
    if (bytes == 0 || (bytes == 1 && part[0] == '.'))
        return true;
    if (bytes == 2 && memcmp(part, "..", 2) == 0) {
        if (path->bytes == 0)
            return sr_fail(err, SR_ERR_INVALID, "leaves the folder");
        while (path->bytes > 0 && path->text[path->bytes - 1] != '/')
            path->bytes--;
        path->bytes -= path->bytes > 0;
        path->text[path->bytes] = '\0';
        return true;
    }
    return (path->bytes == 0 || sr_str_add(path, "/", err)) &&
           sr_str_add_bytes(path, part, bytes, err);
}

static bool add_parts(struct sr_str *path, const char *text, const char *end, struct sr_err *err)
{
    for (const char *part = text; part < end;) {
        const char *const slash = memchr(part, '/', (size_t)(end - part));
        const char *const stop = slash ? slash : end;
        if (!add_part(path, part, (size_t)(stop - part), err))
            return false;
        part = stop + 1;
    }
    return true;
}

// A URI as a name below the folder. Dots are looked at after decoding, so that none is overlooked.
static bool resolve(const struct parser *parser, const char *uri, size_t bytes, char **ret_name,
                    struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str plain = { 0 }, path = { 0 };
    const char *const slash = strrchr(parser->name, '/');
    if (!url_decode(uri, bytes, false, &plain, err))
        return false;
    const char *const text = sr_str_text(&plain);
    if (text[0] == '/' || memchr(text, ':', strcspn(text, "/")))
        return sr_fail(err, SR_ERR_INVALID, "%.120s: leaves the folder", text);
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 127)
            return sr_fail(err, SR_ERR_INVALID, "a name with control characters");
    }
    if ((slash && !add_parts(&path, parser->name, slash, err)) ||
        !add_parts(&path, text, text + plain.bytes, err))
        return sr_err_wrap(err, "%.120s", text);
    if (path.bytes == 0)
        return sr_fail(err, SR_ERR_INVALID, "a URI without a name");
    *ret_name = sr_str_take(&path);
    return *ret_name || sr_fail(err, SR_ERR_NO_MEMORY, "a name");
}

// Attributes -------------------------------------------------------------------------------------

// The value of NAME in "A=1,B=\"x,y\",NAME=...", without its quotes. Spec: RFC 8216 4.2.
static bool find_attribute(const char *list, const char *end, const char *name,
                           const char **ret_value, size_t *ret_bytes)
{
    for (const char *at = list; at < end;) {
        const char *const equals = memchr(at, '=', (size_t)(end - at));
        if (!equals)
            return false;
        const char *value = equals + 1, *stop = value, *next;
        if (value < end && *value == '"') {
            value++;
            stop = memchr(value, '"', (size_t)(end - value));
            if (!stop)
                return false;
            next = stop + 1;
        } else {
            while (stop < end && *stop != ',')
                stop++;
            next = stop;
        }
        while (at < equals && *at == ' ')
            at++;
        if ((size_t)(equals - at) == strlen(name) && memcmp(at, name, strlen(name)) == 0) {
            *ret_value = value;
            *ret_bytes = (size_t)(stop - value);
            return true;
        }
        at = next < end ? next + 1 : end;
    }
    return false;
}

// Left empty when there is none.
static void copy_attribute(const char *list, const char *end, const char *name, char *buffer,
                           size_t capacity)
{
    const char *value;
    size_t bytes;
    if (find_attribute(list, end, name, &value, &bytes))
        (void)snprintf(buffer, capacity, "%.*s", (int)(bytes < capacity ? bytes : capacity - 1),
                       value);
}

// Entries ----------------------------------------------------------------------------------------
static bool is_same(const struct hls_entry *entry, const struct hls_entry *form, const char *name)
{
    return entry->is_sound == form->is_sound && strcmp(entry->group, form->group) == 0 &&
           (entry->name && name ? strcmp(entry->name, name) == 0 : entry->name == name);
}

// Takes the name, also when it fails.
static bool add_entry(struct parser *parser, const struct hls_entry *form, char *taken,
                      struct sr_err *err)
{
    struct hls_playlist *const playlist = parser->playlist;
    const size_t most = playlist->is_master ? HLS_PLAYLIST_MASTER_MAX : HLS_PLAYLIST_ENTRIES_MAX;
    sr_auto(char) char *name = taken;
    for (size_t i = 0; playlist->is_master && i < playlist->count; i++) {
        if (is_same(&playlist->item[i], form, name))
            return true;  // once is enough
    }
    if (playlist->count >= most)
        return sr_fail(err, SR_ERR_LIMIT, "more than %zu entries", most);
    if ((playlist->count & (playlist->count - 1)) == 0) {  // full at every power of two
        const size_t capacity = playlist->count ? playlist->count * 2 : 1;
        struct hls_entry *const more = reallocarray(playlist->item, capacity, sizeof(*more));
        if (!more)
            return sr_fail(err, SR_ERR_NO_MEMORY, "%zu entries", capacity);
        playlist->item = more;
    }
    playlist->item[playlist->count] = *form;
    playlist->item[playlist->count++].name = sr_take(name);
    return true;
}

static bool add_uri(struct parser *parser, const struct hls_entry *form, const char *uri,
                    size_t bytes, struct sr_err *err)
{
    char *name;
    return resolve(parser, uri, bytes, &name, err) && add_entry(parser, form, name, err);
}

static bool take_uri(struct parser *parser, const char *line, size_t bytes, struct sr_err *err)
{
    if (!parser->has_pending)
        return sr_fail(err, SR_ERR_INVALID, "a URI that nothing tells about");
    parser->has_pending = false;
    return add_uri(parser, &parser->pending, line, bytes, err);
}

// Spec: RFC 8216 4.1, 4.3.4.2: the line that follows is its URI. Without one there is a segment or a
// variant less, and nothing else would tell.
static bool start_pending(struct parser *parser, struct sr_err *err)
{
    if (parser->has_pending)
        return sr_fail(err, SR_ERR_INVALID, "the tag before it has no URI");
    parser->pending = (struct hls_entry){ 0 };
    parser->has_pending = true;
    return true;
}

// Tags -------------------------------------------------------------------------------------------
static bool number_at(const char *text, const char *end, int64_t *ret_us, struct sr_err *err)
{
    sr_auto(char) char *number = sr_strf(err, "%.*s", (int)(end - text), text);
    if (!number)
        return false;
    return (strspn(number, "0123456789.") == strlen(number) && quantity_us(number, ret_us)) ||
           sr_fail(err, SR_ERR_INVALID, "\"%.40s\": want seconds", number);
}

static bool take_duration(struct parser *parser, const char *at, const char *end,
                          struct sr_err *err)
{
    const char *const comma = memchr(at, ',', (size_t)(end - at));
    return start_pending(parser, err) &&
           number_at(at, comma ? comma : end, &parser->pending.duration_us, err);
}

static bool take_target(struct parser *parser, const char *at, const char *end, struct sr_err *err)
{
    int64_t us;
    if (!number_at(at, end, &us, err))
        return false;
    parser->playlist->target_s = us / 1000000;
    return true;
}

static bool take_map(struct parser *parser, const char *at, const char *end, struct sr_err *err)
{
    const char *uri, *range;
    size_t bytes, range_bytes;
    if (find_attribute(at, end, "BYTERANGE", &range, &range_bytes))
        return sr_fail(err, SR_ERR_UNSUPPORTED, "a range of a file");
    if (parser->playlist->init)
        return sr_fail(err, SR_ERR_UNSUPPORTED, "a second init segment");
    return find_attribute(at, end, "URI", &uri, &bytes)
               ? resolve(parser, uri, bytes, &parser->playlist->init, err)
               : sr_fail(err, SR_ERR_INVALID, "EXT-X-MAP without a URI");
}

static bool take_variant(struct parser *parser, const char *at, const char *end, struct sr_err *err)
{
    if (!start_pending(parser, err))
        return false;
    parser->playlist->is_master = true;
    copy_attribute(at, end, "AUDIO", parser->pending.group, sizeof(parser->pending.group));
    return true;
}

// Sound that has no playlist of its own is in the variants'.
static bool take_media(struct parser *parser, const char *at, const char *end, struct sr_err *err)
{
    struct hls_entry sound = { .is_sound = true };
    char type[16] = "";
    const char *uri;
    size_t bytes;
    parser->playlist->is_master = true;
    copy_attribute(at, end, "TYPE", type, sizeof(type));
    copy_attribute(at, end, "GROUP-ID", sound.group, sizeof(sound.group));
    if (strcmp(type, "AUDIO") != 0)
        return true;
    return find_attribute(at, end, "URI", &uri, &bytes) ? add_uri(parser, &sound, uri, bytes, err)
                                                        : add_entry(parser, &sound, NULL, err);
}

static bool take_key(struct parser *parser, const char *at, const char *end, struct sr_err *err)
{
    char method[16] = "";
    (void)parser;
    copy_attribute(at, end, "METHOD", method, sizeof(method));
    return strcmp(method, "NONE") == 0 || sr_fail(err, SR_ERR_UNSUPPORTED, "it is encrypted");
}

static bool take_end(struct parser *parser, const char *at, const char *end, struct sr_err *err)
{
    (void)at;
    (void)end;
    (void)err;
    parser->playlist->has_end = true;
    return true;
}

static bool refuse(struct parser *parser, const char *at, const char *end, struct sr_err *err)
{
    (void)parser;
    (void)at;
    (void)end;
    return sr_fail(err, SR_ERR_UNSUPPORTED, "ranges of files, discontinuities and gaps");
}

static const struct tag {
    const char *name;
    bool (*take)(struct parser *parser, const char *at, const char *end, struct sr_err *err);
} tags[] = {
    { "EXTINF", take_duration },
    { "EXT-X-TARGETDURATION", take_target },
    { "EXT-X-MAP", take_map },
    { "EXT-X-ENDLIST", take_end },
    { "EXT-X-STREAM-INF", take_variant },
    { "EXT-X-MEDIA", take_media },
    { "EXT-X-KEY", take_key },
    { "EXT-X-BYTERANGE", refuse },
    { "EXT-X-DISCONTINUITY", refuse },
    { "EXT-X-GAP", refuse },
};

static bool take_line(struct parser *parser, const char *line, const char *end, struct sr_err *err)
{
    if (line == end)
        return true;
    if (*line != '#')
        return take_uri(parser, line, (size_t)(end - line), err);
    const char *const colon = memchr(line, ':', (size_t)(end - line));
    const size_t bytes = (size_t)((colon ? colon : end) - line - 1);
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (bytes == strlen(tags[i].name) && memcmp(line + 1, tags[i].name, bytes) == 0)
            return tags[i].take(parser, colon ? colon + 1 : end, end, err);
    }
    return true;  // what it says changes nothing here
}

static bool take_lines(struct parser *parser, const char *text, size_t bytes, struct sr_err *err)
{
    size_t number = 1;
    for (const char *at = text, *const end = text + bytes; at < end; number++) {
        const char *const feed = memchr(at, '\n', (size_t)(end - at));
        const char *stop = feed ? feed : end;
        const char *const next = feed ? feed + 1 : end;
        if (stop > at && stop[-1] == '\r')
            stop--;
        if (number == 1 && ((size_t)(stop - at) != 7 || memcmp(at, "#EXTM3U", 7) != 0))
            return sr_fail(err, SR_ERR_INVALID, "this is no playlist");
        if (!take_line(parser, at, stop, err))
            return sr_err_wrap(err, "line %zu", number);
        at = next;
    }
    if (parser->has_pending)
        return sr_fail(err, SR_ERR_INVALID, "the last tag has no URI");
    return parser->playlist->count > 0 || sr_fail(err, SR_ERR_INVALID, "there is nothing in it");
}

bool hls_playlist_parse(const char *text, size_t bytes, const char *name, struct hls_playlist *ret,
                        struct sr_err *err)
{
    sr_auto(hls_playlist) struct hls_playlist playlist = { 0 };
    struct parser parser = { .name = name, .playlist = &playlist };
    if (!take_lines(&parser, text, bytes, err))
        return false;
    *ret = playlist;
    playlist = (struct hls_playlist){ 0 };
    return true;
}
