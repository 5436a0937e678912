// RFC 6381 codec names, read from the sample entry of an init segment.
#include "transcode/playlist.h"

#include <inttypes.h>
#include <string.h>

#include "transcode/box.h"

// Spec: RFC 6381 3.3: profile_idc, constraint flags and level_idc of the
// AVCDecoderConfigurationRecord, in hex.
static bool name_avc(const struct box *entry, const struct box *config, char name[64])
{
    if (config->body_bytes < 4)
        return false;
    const uint8_t *const c = config->body;
    return sr_format(name, 64, "%.4s.%02x%02x%02x", (const char *)entry->start + 4, c[1], c[2],
                     c[3]);
}

// Spec: ISO/IEC 14496-15 E.3: profile space and idc, compatibility flags in reverse bit order, tier
// and level, then the constraint bytes without trailing zeros.
static bool name_hevc(const struct box *entry, const struct box *config, char name[64])
{
    if (config->body_bytes < 13)
        return false;
    const uint8_t *const c = config->body;
    static const char *const spaces[] = { "", "A", "B", "C" };
    uint32_t flags = box_get_u32(c + 2), reversed = 0;
    for (int i = 0; i < 32; i++, flags >>= 1)
        reversed = reversed << 1 | (flags & 1);
    char constraints[6 * 3 + 1] = "";
    int last = 5;
    while (last >= 0 && c[6 + last] == 0)
        last--;
    for (int i = 0; i <= last; i++) {
        const size_t at = strlen(constraints);
        if (!sr_format(constraints + at, sizeof(constraints) - at, ".%X", c[6 + i]))
            return false;
    }
    return sr_format(name, 64, "%.4s.%s%d.%" PRIX32 ".%c%d%s", (const char *)entry->start + 4,
                     spaces[c[1] >> 6], c[1] & 0x1f, reversed, c[1] & 0x20 ? 'H' : 'L', c[12],
                     constraints);
}

// Spec: AV1 Codec ISO Media File Format Binding 5: av01.P.LLT.DD.
static bool name_av1(const struct box *entry, const struct box *config, char name[64])
{
    (void)entry;
    if (config->body_bytes < 4)
        return false;
    const uint8_t *const c = config->body;
    const int profile = c[1] >> 5, level = c[1] & 0x1f;
    const bool high_tier = c[2] & 0x80, high_depth = c[2] & 0x40, twelve = c[2] & 0x20;
    return sr_format(name, 64, "av01.%d.%02d%c.%02d", profile, level, high_tier ? 'H' : 'M',
                     !high_depth ? 8
                     : twelve    ? 12
                                 : 10);
}

// Spec: VP Codec ISO Media File Format Binding: vp09.PP.LL.DD.
static bool name_vp(const struct box *entry, const struct box *config, char name[64])
{
    if (config->body_bytes < 7)
        return false;
    const uint8_t *const c = config->body + 4;
    return sr_format(name, 64, "%.4s.%02d.%02d.%02d", (const char *)entry->start + 4, c[0], c[1],
                     c[2] >> 4);
}

// One descriptor of MPEG-4 systems. Spec: ISO/IEC 14496-1 8.3.3: sizes of up to four bytes, seven
// bits each.
static bool descriptor(const uint8_t **at, const uint8_t *end, uint8_t tag)
{
    if (*at >= end || **at != tag)
        return false;
    (*at)++;
    for (int i = 0; i < 4 && *at < end; i++) {
        if (!(*(*at)++ & 0x80))
            return true;
    }
    return false;
}

// Spec: RFC 6381 3.3: the object type in hex; for MPEG-4 audio followed by the audio object type
// (ISO/IEC 14496-3 1.6.2.1).
static bool name_esds(const struct box *entry, const struct box *config, char name[64])
{
    const char *const type = (const char *)entry->start + 4;
    const uint8_t *const end = config->body + config->body_bytes;
    const uint8_t *at = config->body + 4;
    if (config->body_bytes < 4 || !descriptor(&at, end, 3) || end - at < 3)
        return false;
    const uint8_t flags = at[2];
    at += 3 + (flags & 0x80 ? 2 : 0);
    if (flags & 0x40 && at < end)
        at += 1 + *at;
    at += flags & 0x20 ? 2 : 0;
    if (at >= end || !descriptor(&at, end, 4) || end - at < 13)
        return false;
    const uint8_t object = at[0];
    at += 13;
    if (object != 0x40)
        return sr_format(name, 64, "%.4s.%02X", type, object);
    if (!descriptor(&at, end, 5) || end - at < 2)
        return false;
    int audio_object = at[0] >> 3;
    if (audio_object == 31)
        audio_object = 32 + ((at[0] & 7) << 3 | at[1] >> 5);
    return sr_format(name, 64, "%.4s.40.%d", type, audio_object);
}

// Spec: RFC 6381 3.3: codecs without parameters of their own go by their sample entry.
static bool name_plain(const struct box *entry, const struct box *config, char name[64])
{
    (void)config;
    return sr_format(name, 64, "%.4s", (const char *)entry->start + 4);
}

// Fields of a sample entry before its boxes. Spec: ISO/IEC 14496-12 12.1.3 and 12.2.3.
enum { ENTRY_VIDEO = 78, ENTRY_AUDIO = 28 };

static const struct codec_row {
    char entry[5], config[5];
    size_t fields;
    bool (*name)(const struct box *entry, const struct box *config, char name[64]);
} codec_rows[] = {
    { "avc1", "avcC", ENTRY_VIDEO, name_avc },   { "avc3", "avcC", ENTRY_VIDEO, name_avc },
    { "hvc1", "hvcC", ENTRY_VIDEO, name_hevc },  { "hev1", "hvcC", ENTRY_VIDEO, name_hevc },
    { "av01", "av1C", ENTRY_VIDEO, name_av1 },   { "vp09", "vpcC", ENTRY_VIDEO, name_vp },
    { "vp08", "vpcC", ENTRY_VIDEO, name_vp },    { "mp4v", "esds", ENTRY_VIDEO, name_esds },
    { "mp4a", "esds", ENTRY_AUDIO, name_esds },  { "Opus", "dOps", ENTRY_AUDIO, name_plain },
    { "ac-3", "dac3", ENTRY_AUDIO, name_plain }, { "ec-3", "dec3", ENTRY_AUDIO, name_plain },
    { "fLaC", "dfLa", ENTRY_AUDIO, name_plain },
};

bool playlist_codec_name(const uint8_t *init, size_t bytes, char name[64], struct sr_err *err)
{
    struct box stsd, entry, config;
    if (!box_find(init, bytes, "moov/trak/mdia/minf/stbl/stsd", &stsd) || stsd.body_bytes < 8)
        return sr_fail(err, SR_ERR_INVALID, "an init segment without a sample description");
    const uint8_t *at = stsd.body + 8;
    if (!box_next(&at, stsd.body + stsd.body_bytes, &entry))
        return sr_fail(err, SR_ERR_INVALID, "an init segment without a sample entry");
    for (size_t i = 0; i < sizeof(codec_rows) / sizeof(codec_rows[0]); i++) {
        const struct codec_row *row = &codec_rows[i];
        if (memcmp(entry.start + 4, row->entry, 4) != 0)
            continue;
        struct box boxes = entry;
        if (boxes.body_bytes < row->fields)
            return sr_fail(err, SR_ERR_INVALID, "the sample entry %s is cut short", row->entry);
        boxes.body += row->fields;
        boxes.body_bytes -= row->fields;
        if (!box_child(&boxes, row->config, &config) || !row->name(&entry, &config, name))
            return sr_fail(err, SR_ERR_INVALID, "the sample entry %s has no good %s", row->entry,
                           row->config);
        return true;
    }
    return sr_fail(err, SR_ERR_UNSUPPORTED, "no codec name is known for this sample entry");
}
