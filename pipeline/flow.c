#include "pipeline/flow.h"

#include <string.h>

#include "base/embed.h"
#include "base/jx.h"
#include "base/str.h"

SR_EMBED(flow_transcode_asl, "pipeline/workflows/transcode.asl.json");

#define PLACE "${Activities}"

// Flows are nested no deeper than JX_DEPTH_MAX: jx_parse() has seen to it.
static void drop_heartbeats(json_t *value)
{
    const char *key;
    size_t index;
    json_t *member;
    if (json_is_object(value)) {
        (void)json_object_del(value, "HeartbeatSeconds");  // -1: there is none
        json_object_foreach(value, key, member)
        {
            drop_heartbeats(member);
        }
    }
    json_array_foreach(value, index, member)
    {
        drop_heartbeats(member);
    }
}

bool flow_transcode(const struct flow_params *params, char **ret_text, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    const char *from = flow_transcode_asl;
    for (const char *found; (found = strstr(from, PLACE)); from = found + strlen(PLACE)) {
        if (!sr_str_addf(&text, err, "%.*s%s", (int)(found - from), from, params->activities))
            return false;
    }
    if (!sr_str_add(&text, from, err))
        return false;
    sr_auto(json) json_t *flow = NULL;
    if (!jx_parse(text.text, text.bytes, false, &flow, err))
        return false;
    if (params->is_inside)
        drop_heartbeats(flow);
    return jx_dump(flow, false, ret_text, err);
}
