#include "pipeline/preset.h"

#include <string.h>

#include "base/embed.h"
#include "base/str.h"

SR_EMBED(preset_hls_1080p, "pipeline/presets/hls-1080p.json");
SR_EMBED(preset_hls_720p, "pipeline/presets/hls-720p.json");
SR_EMBED(preset_mp4, "pipeline/presets/mp4.json");

static const struct preset {
    const char *name;
    const char *text, *end;
} presets[] = {
    { "hls-1080p", preset_hls_1080p, preset_hls_1080p_end },
    { "hls-720p", preset_hls_720p, preset_hls_720p_end },
    { "mp4", preset_mp4, preset_mp4_end },
};

const char *const *preset_names(void)
{
    static const char *const names[] = { "hls-1080p", "hls-720p", "mp4", NULL };
    return names;
}

bool preset_find(const char *name, json_t **ret_preset, struct sr_err *err)
{
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        if (strcmp(name, presets[i].name) == 0)
            return jx_parse(presets[i].text, (size_t)(presets[i].end - presets[i].text), true,
                            ret_preset, err) ||
                   sr_err_wrap(err, "template %s", name);
    }
    return sr_fail(err, SR_ERR_INVALID,
                   "there is no template \"%s\"; there are hls-1080p, hls-720p and mp4", name);
}
