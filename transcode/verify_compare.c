#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "transcode/verify_priv.h"

// In 1/256 of a grey level. Measured on outputs of x264 at CRF 18 to 35: partners are less than 1.5
// levels apart.
enum {
    APART_FINE = 384,          // partners this near are not looked at any further
    APART_CLEARLY = 256,       // a neighbour must be nearer by this much ...
    APART_SHARE_PERCENT = 60,  // ... and this share of the partner's distance
    APART_MAX = 12 * 256,      // beyond this it is not the same picture
    NEIGHBOURS = 2,            // on each side
    WINDOW = 2 * NEIGHBOURS + 1,
};

struct compare {
    const struct verify_pictures *source, *output;
    const struct verify_full_params *params;
    struct verify_result *result;
    // The source's pictures around the current one: [0, at) behind it, `at` itself, then those
    // ahead.
    struct verify_picture window[WINDOW];
    int count, at;
    bool source_ended;
    struct verify_picture shown;  // of the output
    bool has_shown;
    int64_t key_count;  // of the output so far
    int64_t tolerance_ns;
    struct {
        uint64_t count;
        int64_t first_ns, segment;
    } missing, extra, moved, wrong;  // runs that are still open, told when they end
};

static int64_t segment_at(const struct compare *compare, int64_t ns)
{
    const int64_t length_us = compare->params->segment_us;
    if (length_us > 0)
        return ns / 1000 / length_us + 1;
    return compare->key_count;
}

#define NOTE(compare, run, ns)                                                                     \
    do {                                                                                           \
        if ((compare)->run.count++ == 0) {                                                         \
            (compare)->run.first_ns = (ns);                                                        \
            (compare)->run.segment = segment_at(compare, ns);                                      \
        }                                                                                          \
    } while (0)

#define TELL(compare, run, words)                                                                  \
    do {                                                                                           \
        if ((compare)->run.count > 0)                                                              \
            verify_find((compare)->result, (compare)->run.segment,                                 \
                        "%" PRIu64 " pictures " words " from %.3f s on", (compare)->run.count,     \
                        (double)(compare)->run.first_ns / 1e9);                                    \
        (compare)->run.count = 0;                                                                  \
    } while (0)

// Reads ahead so that the neighbours of the current one are known.
static bool fill(struct compare *compare, struct sr_err *err)
{
    while (!compare->source_ended && compare->count < WINDOW &&
           compare->count <= compare->at + NEIGHBOURS) {
        const enum verify_next next =
            compare->source->next(compare->source->self, &compare->window[compare->count], err);
        if (next == VERIFY_FAILED)
            return false;
        if (next == VERIFY_END)
            compare->source_ended = true;
        else
            compare->count++;
    }
    return true;
}

static bool next_source(struct compare *compare, struct sr_err *err)
{
    compare->at++;
    if (compare->at > NEIGHBOURS) {
        memmove(compare->window, compare->window + 1,
                (size_t)(compare->count - 1) * sizeof(compare->window[0]));
        compare->at--;
        compare->count--;
    }
    return fill(compare, err);
}

static bool next_output(struct compare *compare, struct sr_err *err)
{
    const enum verify_next next =
        compare->output->next(compare->output->self, &compare->shown, err);
    compare->has_shown = next == VERIFY_PICTURE;
    if (compare->has_shown && (compare->shown.is_key || compare->key_count == 0))
        compare->key_count++;
    return next != VERIFY_FAILED;
}

// Whether the picture is its partner's, by how it looks.
static void look(struct compare *compare)
{
    const struct verify_picture *const partner = &compare->window[compare->at];
    const struct verify_picture *const shown = &compare->shown;
    if (!partner->has_grey || !shown->has_grey || partner->is_doubtful)
        return;
    const int apart = verify_thumb_apart(partner->grey, shown->grey);
    if (apart <= APART_FINE) {
        TELL(compare, moved, "are another's");
        TELL(compare, wrong, "do not look like the source's");
        return;
    }
    int nearest = INT32_MAX;
    for (int i = 0; i < compare->count; i++) {
        const int other = i == compare->at || compare->window[i].is_doubtful
                              ? INT32_MAX
                              : verify_thumb_apart(compare->window[i].grey, shown->grey);
        nearest = other < nearest ? other : nearest;
    }
    if (nearest < INT32_MAX && nearest + APART_CLEARLY < apart * APART_SHARE_PERCENT / 100)
        NOTE(compare, moved, shown->ns);
    else
        TELL(compare, moved, "are another's");
    if (apart > APART_MAX && compare->moved.count == 0)
        NOTE(compare, wrong, shown->ns);
    else
        TELL(compare, wrong, "do not look like the source's");
}

static bool step(struct compare *compare, struct sr_err *err)
{
    const bool has_source = compare->at < compare->count;
    const int64_t source_ns = has_source ? compare->window[compare->at].ns : INT64_MAX;
    const int64_t output_ns = compare->has_shown ? compare->shown.ns : INT64_MAX;
    if (has_source && compare->has_shown && llabs(source_ns - output_ns) <= compare->tolerance_ns) {
        TELL(compare, missing, "are missing");
        TELL(compare, extra, "are too many");
        look(compare);
        return next_source(compare, err) && next_output(compare, err);
    }
    if (source_ns < output_ns) {
        NOTE(compare, missing, source_ns);
        return next_source(compare, err);
    }
    NOTE(compare, extra, output_ns);
    return next_output(compare, err);
}

bool verify_compare(const struct verify_pictures *source, const struct verify_pictures *output,
                    const struct verify_full_params *params, struct verify_result *result,
                    struct sr_err *err)
{
    struct compare *const compare = calloc(1, sizeof(*compare));
    if (!compare)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a comparison");
    compare->source = source;
    compare->output = output;
    compare->params = params;
    compare->result = result;
    // A time and the first one it is counted from are both rounded to the coarser clock, each by
    // half a tick.
    compare->tolerance_ns = source->tick_ns > output->tick_ns ? source->tick_ns : output->tick_ns;
    bool is_good = fill(compare, err) && next_output(compare, err);
    while (is_good && (compare->at < compare->count || compare->has_shown))
        is_good = step(compare, err);
    TELL(compare, missing, "are missing");
    TELL(compare, extra, "are too many");
    TELL(compare, moved, "are another's");
    TELL(compare, wrong, "do not look like the source's");
    free(compare);
    return is_good;
}
