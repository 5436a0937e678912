#include "transcode/audio.h"

#include <string.h>

#include "transcode/audio_part.h"
#include "transcode/audio_read.h"

bool audio_extent(const struct media_source *source, const struct probe *probe, int stream_index,
                  struct audio_extent *ret, struct sr_err *err)
{
    // The first frame is decoded: what is heard first depends on the codec's own delay, too, and so
    // this cannot differ from what audio_transcode() will find.
    sr_auto(audio_reader) struct audio_reader *reader = NULL;
    sr_auto(av_frame) AVFrame *frame = NULL;
    if (!audio_reader_new(source, probe, stream_index, &reader, err))
        return false;
    switch (audio_reader_next(reader, &frame, err)) {
    case AUDIO_FAILED: return sr_err_wrap(err, "stream %d", stream_index);
    case AUDIO_END: *ret = (struct audio_extent){ .time_base = { 1, 1 } }; return true;
    case AUDIO_FRAME: break;
    }
    const struct audio_form *form = audio_reader_form(reader);
    *ret = (struct audio_extent){ .start_pts = form->start_pts,
                                  .time_base = form->time_base,
                                  .has_samples = true };
    return true;
}

bool audio_transcode(const struct audio_params *params, struct track_part *ret_part,
                     struct sr_err *err)
{
    const char *const codec = params->rendition->codec;
    bool done;
    if (strcmp(codec, "copy") == 0)
        done = audio_copy(params, ret_part, err);
    else if (strcmp(codec, "aac") == 0 || !*codec)
        done = audio_encode(params, ret_part, err);
    else
        return sr_fail(err, SR_ERR_INVALID, "audio codec \"%s\"; there are \"aac\" and \"copy\"",
                       codec);
    return done || sr_err_wrap(err, "stream %d", params->stream_index);
}
