#include "pipeline/rendition_groups.h"

#include <assert.h>
#include <stdbool.h>

static size_t encoding_count(const struct rendition_groups_params *params)
{
    size_t count = 0;
    for (size_t r = 0; r < params->rendition_count; r++)
        count += params->twin[r] == r;
    return count;
}

static size_t group_count(const struct rendition_groups_params *params)
{
    const size_t cores = params->core_count > 0 ? params->core_count : 1;
    const size_t fits = params->slot_count / params->segment_count / cores;
    const size_t most = encoding_count(params);
    return fits < 1 ? 1 : fits < most ? fits : most;
}

// With its twins.
static uint64_t weight_of(const struct rendition_groups_params *params, size_t rendition)
{
    uint64_t weight = 0;
    for (size_t r = rendition; r < params->rendition_count; r++)
        weight += params->twin[r] == rendition ? params->weight[r] : 0;
    return weight;
}

// The heaviest that is in no group yet; of equals the first.
static size_t next_heaviest(const struct rendition_groups_params *params, const bool *is_placed)
{
    size_t best = params->rendition_count;
    uint64_t most = 0;
    for (size_t r = 0; r < params->rendition_count; r++) {
        const uint64_t weight = weight_of(params, r);
        if (params->twin[r] != r || is_placed[r] ||
            (best < params->rendition_count && weight <= most))
            continue;
        best = r;
        most = weight;
    }
    return best;
}

void rendition_groups_make(const struct rendition_groups_params *params,
                           struct rendition_groups *ret)
{
    bool is_placed[MEDIA_RENDITIONS_MAX] = { false };
    struct {
        uint64_t weight;
        size_t members;
    } groups[MEDIA_RENDITIONS_MAX] = { { 0, 0 } };
    assert(params->segment_count > 0 && params->rendition_count > 0 &&
           params->rendition_count <= MEDIA_RENDITIONS_MAX);
    *ret = (struct rendition_groups){ .count = group_count(params) };
    for (size_t left = encoding_count(params); left > 0; left--) {
        const size_t rendition = next_heaviest(params, is_placed);
        size_t lightest = 0;
        for (size_t g = 1; g < ret->count; g++) {
            // Of equals the emptier: none stays empty, whatever the weights are.
            if (groups[g].weight < groups[lightest].weight ||
                (groups[g].weight == groups[lightest].weight &&
                 groups[g].members < groups[lightest].members))
                lightest = g;
        }
        is_placed[rendition] = true;
        groups[lightest].weight += weight_of(params, rendition);
        groups[lightest].members++;
        ret->group[rendition] = lightest;
    }
    for (size_t r = 0; r < params->rendition_count; r++)
        ret->group[r] = ret->group[params->twin[r]];
}
