#include "transcode/keyframe_index.h"

#include <stdlib.h>

#include "base/checked.h"

static enum random_access_kind kind_of(const struct packet_table *table, size_t i)
{
    const uint32_t flags = table->packets[i].flags;
    if (flags & PACKET_CLOSED)
        return RANDOM_ACCESS_CLOSED;
    // A picture that follows in decode order and is presented before: it may need what came before.
    for (size_t j = i + 1; j < table->count && j <= i + 16; j++) {
        if (packet_presented(&table->packets[j]) && table->packets[j].pts < table->packets[i].pts)
            return RANDOM_ACCESS_OPEN;
    }
    if (flags & PACKET_CLEAN)
        return RANDOM_ACCESS_RECOVERY_POINT;
    return RANDOM_ACCESS_UNKNOWN;
}

bool keyframe_index_new(const struct packet_table *table, struct keyframe_index **ret_index,
                        struct sr_err *err)
{
    size_t candidates = 0;
    for (size_t i = 0; i < table->count; i++)
        candidates += (table->packets[i].flags & PACKET_KEY) != 0;
    size_t bytes;
    if (!sr_size_flex(sizeof(struct keyframe_index), candidates, sizeof(struct random_access),
                      &bytes))
        return sr_fail(err, SR_ERR_TOO_LARGE, "%zu key packets", candidates);
    struct keyframe_index *index = calloc(1, bytes);
    if (!index)
        return sr_fail(err, SR_ERR_NO_MEMORY, "index of %zu key packets", candidates);

    int64_t latest = INT64_MIN;  // presentation time met so far in decode order
    for (size_t i = 0; i < table->count; i++) {
        const struct packet *packet = &table->packets[i];
        const bool flagged =
            (packet->flags & PACKET_KEY) && !(packet->flags & (PACKET_UNCLEAN | PACKET_CORRUPT));
        if (flagged && packet_presented(packet) && packet->pts > latest)
            index->point[index->count++] = (struct random_access){
                .pts = packet->pts, .pos = packet->pos, .packet = i, .kind = kind_of(table, i)
            };
        if (packet_presented(packet) && packet->pts > latest)
            latest = packet->pts;
    }
    *ret_index = index;
    return true;
}

void keyframe_index_free(struct keyframe_index *index)
{
    free(index);
}
