// transcode/media_restart.h - carries the restarts of a source's clock over to a stream of sound.
// For this folder only.
#pragma once

#include <libavcodec/packet.h>

#include "transcode/media.h"

// Where one reader of a stream stands; zeroed at its start.
struct media_restart {
    size_t passed;
    bool has_last;
    int64_t last;  // time of the packet before, as read
};

// To be called for each packet of the stream in order: when its times go back by more than half a
// second and the source has a restart left, moves it and all that follow by that restart's offset.
void media_restart_apply(struct media_restart *restart, const struct media_restarts *restarts,
                         AVRational time_base, AVPacket *packet);
