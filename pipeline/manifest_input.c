// "input": where from, and which of its streams.
#include <stdio.h>
#include <string.h>

#include "pipeline/manifest_priv.h"
#include "pipeline/quantity.h"

static const char *const input_keys[] = {
    "url", "format", "rotate", "deinterlace", "streams", NULL
};
static const char *const streams_keys[] = { "video", "audio", NULL };

// "a:1", "v:0", or a language of 2 to 15 letters.
static bool parse_pick(const char *text, char kind, struct manifest_pick *ret)
{
    struct manifest_pick pick = { .stream_index = -1, .ordinal = -1 };
    if (text[0] == kind && text[1] == ':') {
        int64_t ordinal;
        if (!quantity_count(text + 2, MEDIA_STREAMS_MAX - 1, &ordinal))
            return false;
        pick.ordinal = (int)ordinal;
    } else {
        const size_t letters =
            strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");
        if (kind != 'a' || letters < 2 || letters >= sizeof(pick.language) || text[letters] != '\0')
            return false;
        memcpy(pick.language, text, letters + 1);
    }
    *ret = pick;
    return true;
}

static bool read_pick(const struct jx *place, char kind, struct manifest_pick *ret,
                      struct sr_err *err)
{
    if (json_is_integer(place->value)) {
        const json_int_t index = json_integer_value(place->value);
        if (index >= 0 && index < MEDIA_STREAMS_MAX) {
            *ret = (struct manifest_pick){ .stream_index = (int)index, .ordinal = -1 };
            return true;
        }
    }
    if (json_is_string(place->value) && parse_pick(json_string_value(place->value), kind, ret))
        return true;
    if (kind == 'v')
        return jx_fail(
            place, err,
            "want a stream's index from 0 to %d, \"v:0\" for the first video stream, or \"none\"",
            MEDIA_STREAMS_MAX - 1);
    return jx_fail(
        place, err,
        "want a stream's index from 0 to %d, \"a:0\" for the first audio track, or a language",
        MEDIA_STREAMS_MAX - 1);
}

static bool read_audio_picks(const struct jx *place, struct manifest *manifest, struct sr_err *err)
{
    if (manifest_is_word(place, "all")) {
        manifest->audio = MANIFEST_ALL;
        return true;
    }
    if (manifest_is_word(place, "none")) {
        manifest->audio = MANIFEST_NONE;
        return true;
    }
    const size_t count = json_array_size(place->value);
    if (!json_is_array(place->value) || count < 1 || count > MANIFEST_PICKS_MAX)
        return jx_fail(place, err,
                       "want \"all\", \"none\" or a list of 1 to %d indexes or languages",
                       MANIFEST_PICKS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct jx element = jx_at(place, i);
        if (!read_pick(&element, 'a', &manifest->audio_picks[i], err))
            return false;
    }
    manifest->audio = MANIFEST_PICKED;
    manifest->audio_pick_count = count;
    return true;
}

static bool read_streams(const struct jx *input, struct manifest *manifest, struct sr_err *err)
{
    struct jx streams;
    if (!jx_has(input, "streams"))
        return true;
    if (!jx_object(input, "streams", &streams, err) || !jx_only(&streams, streams_keys, err))
        return false;
    const struct jx video = jx_get(&streams, "video"), audio = jx_get(&streams, "audio");
    if (video.value && manifest_is_word(&video, "none")) {
        manifest->video = MANIFEST_NONE;
    } else if (video.value) {
        if (!read_pick(&video, 'v', &manifest->video_pick, err))
            return false;
        manifest->video = MANIFEST_PICKED;
    }
    return !audio.value || read_audio_picks(&audio, manifest, err);
}

static bool read_rotate(const struct jx *input, struct manifest *manifest, struct sr_err *err)
{
    const struct jx place = jx_get(input, "rotate");
    if (!place.value || manifest_is_word(&place, "auto"))
        return true;
    const json_int_t degrees = json_is_integer(place.value) ? json_integer_value(place.value) : -1;
    if (degrees != 0 && degrees != 90 && degrees != 180 && degrees != 270)
        return jx_fail(&place, err, "want \"auto\", 0, 90, 180 or 270 (clockwise)");
    manifest->rotate = (int)degrees;
    return true;
}

bool manifest_input_parse(const struct jx *root, struct manifest *manifest, struct sr_err *err)
{
    static const char *const deinterlace_names[] = { "auto", "always", "never", NULL };
    const struct jx input = jx_get(root, "input");
    if (!input.value && manifest->input)
        return true;  // the command line named it
    if (json_is_string(input.value)) {
        const char *url;
        if (!manifest_text(root, "input", &url, err))
            return false;
        manifest->input = manifest->input ? manifest->input : url;
        return true;
    }
    const char *url = manifest->input;
    if (!json_is_object(input.value))
        return jx_fail(&input, err, "want a path, or an object with \"url\"");
    if (!jx_only(&input, input_keys, err) ||
        ((jx_has(&input, "url") || !url) && !manifest_text(&input, "url", &url, err)) ||
        (jx_has(&input, "format") && !manifest_text(&input, "format", &manifest->format, err)) ||
        !read_rotate(&input, manifest, err) || !read_streams(&input, manifest, err))
        return false;
    int deinterlace = 0;
    if (jx_has(&input, "deinterlace") &&
        !manifest_name(&input, "deinterlace", deinterlace_names, &deinterlace, err))
        return false;
    manifest->deinterlace = deinterlace == 1   ? MANIFEST_DEINTERLACE_ALWAYS
                            : deinterlace == 2 ? MANIFEST_DEINTERLACE_NEVER
                                               : MANIFEST_DEINTERLACE_AUTO;
    manifest->input = manifest->input ? manifest->input : url;
    return true;
}
