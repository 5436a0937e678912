// transcode/audio_lead.h - the first packets of a track of sound, looked at before they are
// decoded. For audio only.
#pragma once

#include "transcode/media_io.h"

enum { AUDIO_LEAD_PACKETS = 64 };

// Times in transport streams may jump to and fro by a frame from the first packet on. The start of
// the track is then not what the first packet says but what most of the first ones say. Zeroed is
// empty.
struct audio_lead {
    AVPacket *packets[AUDIO_LEAD_PACKETS];
    int64_t pts[AUDIO_LEAD_PACKETS];  // of the same, for packets that have been given on
    int samples[AUDIO_LEAD_PACKETS];
    size_t count, next;
    bool has_ended;
};

// Reads ahead the packets of `stream`, if its container is of a kind whose times can be so: else it
// stays empty.
SR_MUST_USE bool audio_lead_fill(struct audio_lead *lead, AVFormatContext *demuxer,
                                 const AVStream *stream, const struct sr_cancel *cancel,
                                 struct sr_err *err);
void audio_lead_done(struct audio_lead *lead);
// Samples of `rate` by which most of the packets are later than the first one's time and the
// samples between say; 0 when that is little.
int64_t audio_lead_shift(const struct audio_lead *lead, const AVStream *stream, int rate);
// The next packet of the demuxer, those that were looked at first. `packet` is unreferenced.
enum media_read audio_lead_read(struct audio_lead *lead, AVFormatContext *demuxer, AVPacket *packet,
                                struct sr_err *err);
