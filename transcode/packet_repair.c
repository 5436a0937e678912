// Times are repaired here and nowhere else: what comes out is one rising presented timeline.
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "transcode/packet_table_priv.h"

static int compare_i64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t ticks_of_rate(const struct packet_table *table, struct media_rational rate)
{
    if (rate.num <= 0 || rate.den <= 0)
        rate = (struct media_rational){ 25, 1 };
    const AVRational seconds = { rate.den, rate.num };
    const int64_t ticks =
        av_rescale_q(1, seconds, (AVRational){ table->time_base.num, table->time_base.den });
    return ticks > 0 ? ticks : 1;
}

// A clock that goes back in decode order was started again (joined recordings): what follows is
// moved behind what came before.
static bool bridge_restarts(struct packet_table *table, int64_t step, struct sr_err *err)
{
    const int64_t slack = av_rescale_q(500, (AVRational){ 1, 1000 },
                                       (AVRational){ table->time_base.num, table->time_base.den });
    int64_t offset = 0, last = INT64_MIN, latest = INT64_MIN;
    table->restarts.time_base = table->time_base;
    for (size_t i = 0; i < table->count; i++) {
        struct packet *packet = &table->packets[i];
        const int64_t clock = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
        if (clock != AV_NOPTS_VALUE && last != INT64_MIN && clock + offset < last - slack &&
            !(packet->flags & PACKET_DISCARD) && packet->dts != AV_NOPTS_VALUE) {
            if (table->restarts.count == MEDIA_RESTARTS_MAX)
                return sr_fail(err, SR_ERR_LIMIT, "its clock starts again more than %d times",
                               MEDIA_RESTARTS_MAX);
            const int64_t lead = packet->pts != AV_NOPTS_VALUE ? packet->pts - clock : 0;
            offset = latest + step - clock - lead;
            table->restarts.offset[table->restarts.count++] = offset;
        }
        if (packet->dts != AV_NOPTS_VALUE)
            packet->dts += offset;
        if (packet->pts != AV_NOPTS_VALUE) {
            packet->pts += offset;
            latest = packet->pts > latest ? packet->pts : latest;
        }
        if (clock != AV_NOPTS_VALUE)
            last = clock + offset;
    }
    return true;
}

static size_t known_times(const struct packet_table *table, int64_t *times)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (packet_presented(&table->packets[i]) && table->packets[i].pts != AV_NOPTS_VALUE)
            times[count++] = table->packets[i].pts;
    }
    qsort(times, count, sizeof(*times), compare_i64);
    return count;
}

// No presentation time at all: decode times in order, or steps where those are missing too.
static void take_decode_times(const struct packet_table *table, int64_t *times, int64_t step)
{
    size_t count = 0;
    int64_t last = -step;
    for (size_t i = 0; i < table->count; i++) {
        if (!packet_presented(&table->packets[i]))
            continue;
        const int64_t dts = table->packets[i].dts;
        last = dts != AV_NOPTS_VALUE && dts > last ? dts : last + step;
        times[count++] = last;
    }
}

// How many pictures without a time are shown before the first that has one: all that are decoded
// before it but the reference picture that a decoder holds back for its B pictures (ISO/IEC
// 14496-2, 6.1.3.6). Where B pictures of another kind may be, nobody knows.
static size_t missing_in_front(const struct packet_table *table)
{
    size_t missing = 0;
    if (!table->has_bidirectional)
        return 0;
    for (size_t i = 0; i < table->count && table->packets[i].pts == AV_NOPTS_VALUE; i++)
        missing += packet_presented(&table->packets[i]);
    return missing > 0 ? missing - 1 : 0;
}

// Puts `front` of the missing ones before the known times, others where these leave room for whole
// steps, the rest behind.
static void fill_holes(int64_t *times, size_t known, size_t front, size_t wanted, int64_t step)
{
    size_t count = known;
    for (size_t i = 1; i <= front && count < wanted; i++)
        times[count++] = times[0] - (int64_t)i * step;
    for (size_t i = 1; i < known && count < wanted; i++) {
        const int64_t room = (times[i] - times[i - 1] + step / 2) / step - 1;
        for (int64_t j = 1; j <= room && count < wanted; j++)
            times[count++] = times[i - 1] + j * step;
    }
    const int64_t last = times[known - 1];
    for (int64_t j = 1; count < wanted; j++)
        times[count++] = last + j * step;
    qsort(times, wanted, sizeof(*times), compare_i64);
}

// Where times are missing, pictures are numbered by the order in which they come out of the
// decoder, and the n-th gets the n-th time of this list.
static void number_by_output(struct packet_table *table, int64_t *times, int64_t step)
{
    const size_t known = known_times(table, times);
    if (known == 0)
        take_decode_times(table, times, step);
    else
        fill_holes(times, known, missing_in_front(table), table->presented_count, step);
    table->repaired_count += table->presented_count - known;
    for (size_t i = 0, n = 0; i < table->count; i++) {
        if (packet_presented(&table->packets[i]))
            table->packets[i].pts = times[n++];
    }
    table->is_ordinal = true;
}

// A picture's time must rise: a repeated one moves to a tick after its neighbour, in decode order
// among equals.
static void separate_repeated(struct packet_table *table, const int64_t *times, size_t count)
{
    bool repeats = false;
    for (size_t i = 1; i < count && !repeats; i++)
        repeats = times[i] == times[i - 1];
    if (!repeats)
        return;
    for (size_t i = 1; i < table->count; i++) {
        struct packet *packet = &table->packets[i];
        if (!packet_presented(packet))
            continue;
        const size_t first = i > 64 ? i - 64 : 0;  // equals lie close together in decode order
        for (size_t j = first; j < i; j++) {
            if (packet_presented(&table->packets[j]) && table->packets[j].pts == packet->pts) {
                packet->pts++;
                table->repaired_count++;
                j = first;
            }
        }
    }
}

// Packets that show nothing have no place of their own: they take the time of the packet before
// them.
static void place_unpresented(struct packet_table *table)
{
    int64_t last = AV_NOPTS_VALUE;
    for (size_t i = 0; i < table->count; i++) {
        struct packet *packet = &table->packets[i];
        if (!packet_presented(packet) &&
            (packet->pts == AV_NOPTS_VALUE || (packet->flags & PACKET_HIDDEN)))
            packet->pts = last != AV_NOPTS_VALUE ? last : packet->dts;
        if (packet->pts != AV_NOPTS_VALUE)
            last = packet->pts;
    }
    for (size_t i = table->count; i-- > 0;) {
        struct packet *packet = &table->packets[i];
        if (packet->pts == AV_NOPTS_VALUE)
            packet->pts = i + 1 < table->count ? table->packets[i + 1].pts : 0;
        if (packet->dts == AV_NOPTS_VALUE)
            packet->dts = packet->pts;
    }
}

// The distance met most often between sorted times: the one at the middle of all distances.
static int64_t usual_distance(const int64_t *times, size_t count, int64_t *distances)
{
    for (size_t i = 1; i < count; i++)
        distances[i - 1] = times[i] - times[i - 1];
    qsort(distances, count - 1, sizeof(*distances), compare_i64);
    return distances[(count - 1) / 2];
}

// Containers that count in milliseconds (Matroska, FLV) round each time. When all times lie within
// 1 ms of a constant rate, the exact times are put back, in ticks of that rate.
static bool snap_to_rate(struct packet_table *table, const int64_t *times, size_t count,
                         struct media_rational rate)
{
    if (rate.num <= 0 || rate.den <= 0 || rate.num > 1000000 || rate.den > 1000000 ||
        (int64_t)rate.num > (int64_t)rate.den * 500)
        return false;
    const AVRational step = { rate.den, rate.num }, millisecond = { 1, 1000 };
    for (size_t i = 0; i < count; i++) {
        const int64_t exact = av_rescale_q((int64_t)i, step, millisecond);
        const int64_t off = times[i] - times[0] - exact;
        if (off < -1 || off > 1)
            return false;
    }
    // A clock that counts both, so that the first picture keeps its distance to the sound.
    const int common = (int)av_gcd(rate.num, 1000);
    const AVRational fine = { 1, rate.num / common * 1000 };
    const int64_t frame_ticks = (int64_t)rate.den * (fine.den / rate.num);
    const int64_t start = av_rescale_q(times[0], millisecond, fine);
    for (size_t i = 0; i < table->count; i++) {
        struct packet *packet = &table->packets[i];
        const int64_t number =
            av_rescale_q_rnd(packet->pts - times[0], millisecond, step, AV_ROUND_NEAR_INF);
        packet->pts = start + number * frame_ticks;
        packet->dts = av_rescale_q(packet->dts, millisecond, fine);
    }
    table->time_base = (struct media_rational){ fine.num, fine.den };
    table->frame_ticks = frame_ticks;
    return true;
}

static void snap_milliseconds(struct packet_table *table, int64_t *times, size_t count,
                              struct media_rational claimed)
{
    static const struct media_rational usual[] = {
        { 24000, 1001 }, { 24, 1 },       { 25, 1 },  { 30000, 1001 },  { 30, 1 }, { 48, 1 },
        { 50, 1 },       { 60000, 1001 }, { 60, 1 },  { 15, 1 },        { 12, 1 }, { 10, 1 },
        { 12000, 1001 }, { 15000, 1001 }, { 100, 1 }, { 120000, 1001 }, { 120, 1 }
    };
    if (table->time_base.num != 1 || table->time_base.den != 1000 || count < 3)
        return;
    bool done = false;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]) && !done; i++)
        done = snap_to_rate(table, times, count, usual[i]);
    if (!done)
        (void)snap_to_rate(table, times, count, claimed);
}

static size_t sorted_times(const struct packet_table *table, int64_t *times)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (packet_presented(&table->packets[i]))
            times[count++] = table->packets[i].pts;
    }
    qsort(times, count, sizeof(*times), compare_i64);
    return count;
}

static void measure_reordering(struct packet_table *table)
{
    enum { DEPTH_MAX = 16, WINDOW = 64 };
    for (size_t i = 1; i < table->count; i++) {
        int later = 0;
        for (size_t j = i > WINDOW ? i - WINDOW : 0; j < i; j++)
            later += table->packets[j].pts > table->packets[i].pts;
        if (later > table->reorder_depth)
            table->reorder_depth = later < DEPTH_MAX ? later : DEPTH_MAX;
    }
}

static void measure_times(struct packet_table *table, const int64_t *times, size_t count,
                          int64_t last_ticks)
{
    const int64_t millisecond = av_rescale_q(
        1, (AVRational){ 1, 1000 }, (AVRational){ table->time_base.num, table->time_base.den });
    for (size_t i = 1; i < count && !table->is_variable; i++) {
        const int64_t off = times[i] - times[i - 1] - table->frame_ticks;
        table->is_variable = off > millisecond + 1 || off < -millisecond - 1;
    }
    table->start_pts = times[0];
    const bool plausible =
        last_ticks > 0 && last_ticks <= 100 * table->frame_ticks && table->is_variable;
    table->end_pts = times[count - 1] + (plausible ? last_ticks : table->frame_ticks);
}

bool packet_repair(struct packet_table *table, struct media_rational rate, int64_t last_ticks,
                   struct sr_err *err)
{
    bool has_unknown = false;
    for (size_t i = 0; i < table->count; i++) {
        const struct packet *packet = &table->packets[i];
        table->presented_count += packet_presented(packet);
        table->damaged_count += (packet->flags & PACKET_CORRUPT) != 0;
        has_unknown = has_unknown || (packet_presented(packet) && packet->pts == AV_NOPTS_VALUE);
        if (packet->pts != AV_NOPTS_VALUE &&
            (packet->pts > INT64_MAX / 4 || packet->pts < INT64_MIN / 4))
            return sr_fail(err, SR_ERR_INPUT, "packet %zu: its time is out of range", i);
    }
    if (table->presented_count == 0)
        return sr_fail(err, SR_ERR_INPUT, "the video stream shows no picture");

    size_t bytes;
    if (!sr_mul_size(table->presented_count, 2 * sizeof(int64_t), &bytes))
        return sr_fail(err, SR_ERR_TOO_LARGE, "%zu packets", table->presented_count);
    int64_t *const times = malloc(bytes);
    if (!times)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu times", table->presented_count);

    const int64_t step = ticks_of_rate(table, rate);
    if (!bridge_restarts(table, step, err)) {
        free(times);
        return false;
    }
    if (has_unknown || table->is_ordinal)
        number_by_output(table, times, step);
    place_unpresented(table);
    size_t count = sorted_times(table, times);
    separate_repeated(table, times, count);
    count = sorted_times(table, times);

    table->frame_ticks = count > 1        ? usual_distance(times, count, times + count)
                         : last_ticks > 0 ? last_ticks
                                          : step;
    if (table->frame_ticks < 1)
        table->frame_ticks = 1;
    snap_milliseconds(table, times, count, rate);
    count = sorted_times(table, times);
    measure_times(table, times, count, last_ticks);
    if (!table->is_ordinal)
        measure_reordering(table);
    free(times);
    return true;
}
