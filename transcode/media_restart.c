#include "transcode/media_restart.h"

#include <libavutil/avutil.h>
#include <libavutil/mathematics.h>

void media_restart_apply(struct media_restart *restart, const struct media_restarts *restarts,
                         AVRational time_base, AVPacket *packet)
{
    const int64_t clock = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
    if (!restarts || restarts->count == 0 || clock == AV_NOPTS_VALUE)
        return;
    const int64_t slack = av_rescale_q(500, (AVRational){ 1, 1000 }, time_base);
    if (restart->has_last && restart->passed < restarts->count && clock < restart->last - slack)
        restart->passed++;
    restart->has_last = true;
    restart->last = clock;
    if (restart->passed == 0)
        return;
    const AVRational base = { restarts->time_base.num, restarts->time_base.den };
    const int64_t offset = av_rescale_q(restarts->offset[restart->passed - 1], base, time_base);
    if (packet->dts != AV_NOPTS_VALUE)
        packet->dts += offset;
    if (packet->pts != AV_NOPTS_VALUE)
        packet->pts += offset;
}
