#include "transcode/track.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/str.h"

static const int64_t time_max = INT64_C(1) << 60;   // sums of a few such values fit in 64 bits
static const int64_t bytes_max = INT64_C(1) << 50;  // of a part's file

static const char *const kind_name[] = { [MEDIA_VIDEO] = "video", [MEDIA_AUDIO] = "audio" };

void track_part_done(struct track_part *part)
{
    free(part->fragments);
    free(part->samples);
    *part = (struct track_part){ 0 };
}

// Writing ------------------------------------------------------------------------------------

static bool put_int(json_t *object, const char *key, int64_t value, struct sr_err *err)
{
    return jx_put(object, key, json_integer(value), err);
}

// A member of a fragment or a sample: one array of the document.
typedef int64_t column_fn(const void *item);

static bool put_column(json_t *object, const char *key, const void *items, size_t count,
                       size_t item_bytes, column_fn *column, struct sr_err *err)
{
    sr_auto(json) json_t *array = json_array();
    if (!jx_made(array, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!jx_append(array, json_integer(column((const char *)items + i * item_bytes)), err))
            return false;
    }
    return jx_put(object, key, sr_take(array), err);
}

// A title's samples are many: a column of them is one text of numbers with a space between, which
// takes a tenth of the memory that a value of JSON each would.
static bool put_numbers(json_t *object, const char *key, const struct track_sample *items,
                        size_t count, column_fn *column, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (!sr_str_addf(&text, err, "%s%" PRId64, i ? " " : "", column(&items[i])))
            return false;
    }
    return jx_put(object, key, json_string(sr_str_text(&text)), err);
}

static int64_t fragment_offset(const void *item)
{
    return (int64_t)((const struct track_fragment *)item)->offset;
}
static int64_t fragment_bytes(const void *item)
{
    return (int64_t)((const struct track_fragment *)item)->bytes;
}
static int64_t fragment_data_offset(const void *item)
{
    return (int64_t)((const struct track_fragment *)item)->data_offset;
}
static int64_t fragment_start_pts(const void *item)
{
    return ((const struct track_fragment *)item)->start_pts;
}
static int64_t fragment_sample_count(const void *item)
{
    return (int64_t)((const struct track_fragment *)item)->sample_count;
}
static int64_t sample_pts(const void *item)
{
    return ((const struct track_sample *)item)->pts;
}
static int64_t sample_dts(const void *item)
{
    return ((const struct track_sample *)item)->dts;
}
static int64_t sample_bytes(const void *item)
{
    return ((const struct track_sample *)item)->bytes;
}
static int64_t sample_crc32(const void *item)
{
    return ((const struct track_sample *)item)->crc32;
}

static bool put_fragments(json_t *json, const struct track_part *part, struct sr_err *err)
{
    sr_auto(json) json_t *object = json_object();
    const struct track_fragment *items = part->fragments;
    const size_t count = part->fragment_count;
    const size_t bytes = sizeof(*items);
    return jx_made(object, err) &&
           put_column(object, "offset", items, count, bytes, fragment_offset, err) &&
           put_column(object, "bytes", items, count, bytes, fragment_bytes, err) &&
           put_column(object, "data_offset", items, count, bytes, fragment_data_offset, err) &&
           put_column(object, "start_pts", items, count, bytes, fragment_start_pts, err) &&
           put_column(object, "sample_count", items, count, bytes, fragment_sample_count, err) &&
           jx_put(json, "fragments", sr_take(object), err);
}

static bool put_keys(json_t *object, const struct track_part *part, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str text = { 0 };
    for (size_t i = 0; i < part->sample_count; i++) {
        if (part->samples[i].is_key && !sr_str_addf(&text, err, "%s%zu", text.bytes ? " " : "", i))
            return false;
    }
    return jx_put(object, "keys", json_string(sr_str_text(&text)), err);
}

static bool put_samples(json_t *json, const struct track_part *part, struct sr_err *err)
{
    sr_auto(json) json_t *object = json_object();
    const struct track_sample *items = part->samples;
    const size_t count = part->sample_count;
    return jx_made(object, err) && put_numbers(object, "pts", items, count, sample_pts, err) &&
           put_numbers(object, "dts", items, count, sample_dts, err) &&
           put_numbers(object, "bytes", items, count, sample_bytes, err) &&
           put_numbers(object, "crc32", items, count, sample_crc32, err) &&
           put_keys(object, part, err) && jx_put(json, "samples", sr_take(object), err);
}

static bool put_account(json_t *json, const struct track_account *account, struct sr_err *err)
{
    sr_auto(json) json_t *object = json_object();
    sr_auto(json) json_t *damage = json_array();
    if (!jx_made(object, err) || !jx_made(damage, err))
        return false;
    for (size_t i = 0; i < account->damage_count; i++) {
        // Reasons may quote a library; bytes that are no UTF-8 must not lose the document.
        const char *reason = account->damage[i].reason;
        sr_auto(json) json_t *text = json_string(reason);
        if (!text)
            text = json_string("(not UTF-8)");
        sr_auto(json) json_t *row = json_object();
        if (!jx_made(row, err) || !put_int(row, "pts", account->damage[i].pts, err) ||
            !jx_put(row, "reason", sr_take(text), err) || !jx_append(damage, sr_take(row), err))
            return false;
    }
    return put_int(object, "packets", (int64_t)account->packets, err) &&
           put_int(object, "shown", (int64_t)account->shown, err) &&
           put_int(object, "hidden", (int64_t)account->hidden, err) &&
           put_int(object, "discarded", (int64_t)account->discarded, err) &&
           put_int(object, "damaged", (int64_t)account->damaged, err) &&
           jx_put(object, "damage", sr_take(damage), err) &&
           jx_put(json, "account", sr_take(object), err);
}

bool track_part_json(const struct track_part *part, json_t **ret_json, struct sr_err *err)
{
    if (part->kind != MEDIA_VIDEO && part->kind != MEDIA_AUDIO)
        return sr_fail(err, SR_ERR_INVALID, "part of kind %d", (int)part->kind);
    sr_auto(json) json_t *json = json_object();
    if (!jx_made(json, err) || !put_int(json, "version", 2, err) ||
        !jx_put(json, "kind", json_string(kind_name[part->kind]), err) ||
        !put_int(json, "timescale", part->timescale, err) ||
        !put_int(json, "start_pts", part->start_pts, err) ||
        !put_int(json, "end_pts", part->end_pts, err) ||
        !put_int(json, "shift_ticks", part->shift_ticks, err) ||
        !put_int(json, "priming_samples", part->priming_samples, err) ||
        !put_int(json, "padding_samples", part->padding_samples, err) ||
        !put_int(json, "frame_count", part->frame_count, err) ||
        !put_int(json, "init_bytes", (int64_t)part->init_bytes, err) ||
        !jx_put(json, "init_sha256", json_string(part->init_sha256), err) ||
        !put_fragments(json, part, err) || !put_samples(json, part, err) ||
        !put_account(json, &part->account, err))
        return sr_err_wrap(err, "write part");
    *ret_json = sr_take(json);
    return true;
}

// Reading ------------------------------------------------------------------------------------

// One integer of an array.
static bool item_int(const struct jx *array, size_t index, int64_t min, int64_t max, int64_t *ret,
                     struct sr_err *err)
{
    const json_t *value = json_array_get(array->value, index);
    if (json_is_integer(value) && json_integer_value(value) >= min &&
        json_integer_value(value) <= max) {
        *ret = json_integer_value(value);
        return true;
    }
    const struct jx at = jx_at(array, index);
    return jx_fail(&at, err, "want an integer %" PRId64 "..%" PRId64, min, max);
}

// An array that must be as long as its sisters.
static bool column(const struct jx *object, const char *key, size_t count, struct jx *ret,
                   struct sr_err *err)
{
    if (!jx_array(object, key, ret, err))
        return false;
    if (json_array_size(ret->value) != count)
        return jx_fail(ret, err, "want %zu items, got %zu", count, json_array_size(ret->value));
    return true;
}

static bool count_of(const struct jx *object, const char *key, size_t *ret, struct sr_err *err)
{
    struct jx array;
    if (!jx_array(object, key, &array, err))
        return false;
    *ret = json_array_size(array.value);
    if (*ret > TRACK_SAMPLES_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "%zu items of \"%s\", at most %d", *ret, key,
                       TRACK_SAMPLES_MAX);
    return true;
}

// A column of samples on its way.
struct numbers {
    struct jx at;
    const char *key, *next;
    size_t index;
};

static bool open_numbers(const struct jx *object, const char *key, struct numbers *ret,
                         struct sr_err *err)
{
    *ret = (struct numbers){ .at = *object, .key = key };
    return jx_text(object, key, &ret->next, err);
}

static size_t count_numbers(const struct numbers *numbers)
{
    size_t count = *numbers->next != '\0';
    for (const char *c = numbers->next; *c; c++)
        count += *c == ' ';
    return count;
}

static bool next_number(struct numbers *numbers, int64_t min, int64_t max, int64_t *ret,
                        struct sr_err *err)
{
    const char *const from = numbers->next;
    char *end = NULL;
    errno = 0;
    const int64_t value = strtoll(from, &end, 10);
    const bool is_number = (*from == '-' || (*from >= '0' && *from <= '9')) && end > from &&
                           errno == 0 && (*end == ' ' || *end == '\0');
    if (!is_number || value < min || value > max)
        return jx_fail(&numbers->at, err,
                       "\"%s\", number %zu: want an integer %" PRId64 "..%" PRId64, numbers->key,
                       numbers->index, min, max);
    numbers->next = *end ? end + 1 : end;
    numbers->index++;
    *ret = value;
    return true;
}

static bool ends_here(const struct numbers *numbers, struct sr_err *err)
{
    return !*numbers->next || jx_fail(&numbers->at, err, "\"%s\": more than %zu numbers",
                                      numbers->key, numbers->index);
}

static bool parse_keys(const struct jx *samples, struct track_part *part, struct sr_err *err)
{
    struct numbers keys;
    if (!open_numbers(samples, "keys", &keys, err))
        return false;
    for (int64_t index = -1; *keys.next;) {
        if (!next_number(&keys, index + 1, (int64_t)part->sample_count - 1, &index, err))
            return false;
        part->samples[index].is_key = true;
    }
    return true;
}

static bool parse_samples(const struct jx *root, struct track_part *part, struct sr_err *err)
{
    static const char *const known[] = { "pts", "dts", "bytes", "crc32", "keys", NULL };
    struct jx samples;
    struct numbers pts, dts, bytes, crc32;
    if (!jx_object(root, "samples", &samples, err) || !jx_only(&samples, known, err) ||
        !open_numbers(&samples, "pts", &pts, err) || !open_numbers(&samples, "dts", &dts, err) ||
        !open_numbers(&samples, "bytes", &bytes, err) ||
        !open_numbers(&samples, "crc32", &crc32, err))
        return false;
    part->sample_count = count_numbers(&pts);
    if (part->sample_count > TRACK_SAMPLES_MAX)
        return sr_fail(err, SR_ERR_LIMIT, "%zu samples, at most %d", part->sample_count,
                       TRACK_SAMPLES_MAX);
    part->samples = calloc(part->sample_count + 1, sizeof(*part->samples));
    if (!part->samples)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu samples", part->sample_count);
    for (size_t i = 0; i < part->sample_count; i++) {
        struct track_sample *sample = &part->samples[i];
        int64_t size, crc;
        if (!next_number(&pts, -time_max, time_max, &sample->pts, err) ||
            !next_number(&dts, -time_max, time_max, &sample->dts, err) ||
            !next_number(&bytes, 0, UINT32_MAX, &size, err) ||
            !next_number(&crc32, 0, UINT32_MAX, &crc, err))
            return false;
        sample->bytes = (uint32_t)size;  // both were checked to fit
        sample->crc32 = (uint32_t)crc;
    }
    if (!ends_here(&dts, err) || !ends_here(&bytes, err) || !ends_here(&crc32, err))
        return false;
    return parse_keys(&samples, part, err);
}

// A fragment lies behind the one before, its samples' bytes at its end.
static bool check_fragment(const struct jx *fragments, const struct track_part *part, size_t index,
                           struct sr_err *err)
{
    const struct track_fragment *fragment = &part->fragments[index];
    const uint64_t behind =
        index == 0 ? part->init_bytes
                   : part->fragments[index - 1].offset + part->fragments[index - 1].bytes;
    if (fragment->offset < behind)
        return jx_fail(fragments, err, "fragment %zu overlaps what is before it", index);
    if (fragment->sample_count > part->sample_count - fragment->first_sample)
        return jx_fail(fragments, err, "fragment %zu has more samples than there are", index);
    const uint64_t end = fragment->offset + fragment->bytes;  // both are at most bytes_max
    if (fragment->data_offset < fragment->offset || fragment->data_offset > end)
        return jx_fail(fragments, err, "data of fragment %zu is not inside it", index);
    uint64_t room = end - fragment->data_offset;
    for (size_t i = 0; i < fragment->sample_count; i++) {
        const uint32_t bytes = part->samples[fragment->first_sample + i].bytes;
        if (bytes > room)
            return jx_fail(fragments, err, "samples of fragment %zu are longer than it", index);
        room -= bytes;
    }
    return true;
}

static bool parse_fragments(const struct jx *root, struct track_part *part, struct sr_err *err)
{
    static const char *const known[] = { "offset",    "bytes",        "data_offset",
                                         "start_pts", "sample_count", NULL };
    struct jx object, offset, bytes, data_offset, start_pts, sample_count;
    if (!jx_object(root, "fragments", &object, err) || !jx_only(&object, known, err) ||
        !count_of(&object, "offset", &part->fragment_count, err) ||
        !column(&object, "offset", part->fragment_count, &offset, err) ||
        !column(&object, "bytes", part->fragment_count, &bytes, err) ||
        !column(&object, "data_offset", part->fragment_count, &data_offset, err) ||
        !column(&object, "start_pts", part->fragment_count, &start_pts, err) ||
        !column(&object, "sample_count", part->fragment_count, &sample_count, err))
        return false;
    part->fragments = calloc(part->fragment_count + 1, sizeof(*part->fragments));
    if (!part->fragments)
        return sr_fail(err, SR_ERR_NO_MEMORY, "%zu fragments", part->fragment_count);
    size_t first_sample = 0;
    for (size_t i = 0; i < part->fragment_count; i++) {
        struct track_fragment *fragment = &part->fragments[i];
        int64_t at, size, data, samples;
        if (!item_int(&offset, i, 0, bytes_max, &at, err) ||
            !item_int(&bytes, i, 0, bytes_max, &size, err) ||
            !item_int(&data_offset, i, 0, 2 * bytes_max, &data, err) ||
            !item_int(&start_pts, i, -time_max, time_max, &fragment->start_pts, err) ||
            !item_int(&sample_count, i, 1, TRACK_SAMPLES_MAX, &samples, err))
            return false;
        fragment->offset = (uint64_t)at;
        fragment->bytes = (uint64_t)size;
        fragment->data_offset = (uint64_t)data;
        fragment->first_sample = first_sample;
        fragment->sample_count = (size_t)samples;
        if (!check_fragment(&object, part, i, err))
            return false;
        first_sample += fragment->sample_count;
    }
    if (first_sample != part->sample_count)
        return jx_fail(&object, err, "%zu samples in fragments, %zu listed", first_sample,
                       part->sample_count);
    return true;
}

static bool parse_damage(const struct jx *object, struct track_account *account, struct sr_err *err)
{
    static const char *const known[] = { "pts", "reason", NULL };
    struct jx list;
    if (!jx_array(object, "damage", &list, err))
        return false;
    if (json_array_size(list.value) > TRACK_DAMAGE_MAX)
        return jx_fail(&list, err, "%zu items, at most %d", json_array_size(list.value),
                       TRACK_DAMAGE_MAX);
    for (size_t i = 0; i < json_array_size(list.value); i++) {
        const struct jx row = jx_at(&list, i);
        struct track_damage *damage = &account->damage[i];
        const char *reason;
        if (!json_is_object(row.value))
            return jx_fail(&row, err, "want an object");
        if (!jx_only(&row, known, err) ||
            !jx_int(&row, "pts", INT64_MIN, INT64_MAX, &damage->pts, err) ||
            !jx_text(&row, "reason", &reason, err))
            return false;
        if (!sr_format(damage->reason, sizeof(damage->reason), "%s", reason))
            return jx_fail(&row, err, "reason is longer than %zu bytes",
                           sizeof(damage->reason) - 1);
    }
    account->damage_count = json_array_size(list.value);
    return true;
}

static bool parse_account(const struct jx *root, struct track_account *account, struct sr_err *err)
{
    static const char *const known[] = { "packets", "shown",  "hidden", "discarded",
                                         "damaged", "damage", NULL };
    struct jx object;
    int64_t packets, shown, hidden, discarded, damaged;
    if (!jx_object(root, "account", &object, err) || !jx_only(&object, known, err) ||
        !jx_int(&object, "packets", 0, INT64_MAX, &packets, err) ||
        !jx_int(&object, "shown", 0, INT64_MAX, &shown, err) ||
        !jx_int(&object, "hidden", 0, INT64_MAX, &hidden, err) ||
        !jx_int(&object, "discarded", 0, INT64_MAX, &discarded, err) ||
        !jx_int(&object, "damaged", 0, INT64_MAX, &damaged, err))
        return false;
    account->packets = (uint64_t)packets;
    account->shown = (uint64_t)shown;
    account->hidden = (uint64_t)hidden;
    account->discarded = (uint64_t)discarded;
    account->damaged = (uint64_t)damaged;
    return parse_damage(&object, account, err);
}

static bool parse_head(const struct jx *root, struct track_part *part, struct sr_err *err)
{
    static const char *const known[] = { "version",
                                         "kind",
                                         "timescale",
                                         "start_pts",
                                         "end_pts",
                                         "shift_ticks",
                                         "priming_samples",
                                         "padding_samples",
                                         "frame_count",
                                         "init_bytes",
                                         "init_sha256",
                                         "fragments",
                                         "samples",
                                         "account",
                                         NULL };
    if (!json_is_object(root->value))
        return jx_fail(root, err, "want an object");
    int64_t version, timescale, init_bytes;
    const char *kind, *sha256;
    if (!jx_only(root, known, err) || !jx_int(root, "version", 2, 2, &version, err) ||
        !jx_text(root, "kind", &kind, err) ||
        !jx_int(root, "timescale", 1, TRACK_TIMESCALE_MAX, &timescale, err) ||
        !jx_int(root, "start_pts", -time_max, time_max, &part->start_pts, err) ||
        !jx_int(root, "end_pts", part->start_pts, time_max, &part->end_pts, err) ||
        !jx_int(root, "shift_ticks", 0, time_max, &part->shift_ticks, err) ||
        !jx_int(root, "priming_samples", 0, time_max, &part->priming_samples, err) ||
        !jx_int(root, "padding_samples", 0, time_max, &part->padding_samples, err) ||
        !jx_int(root, "frame_count", 0, time_max, &part->frame_count, err) ||
        !jx_int(root, "init_bytes", 0, bytes_max, &init_bytes, err) ||
        !jx_text(root, "init_sha256", &sha256, err))
        return false;
    if (strcmp(kind, "video") != 0 && strcmp(kind, "audio") != 0) {
        const struct jx at = jx_get(root, "kind");
        return jx_fail(&at, err, "want \"video\" or \"audio\"");
    }
    if (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64) {
        const struct jx at = jx_get(root, "init_sha256");
        return jx_fail(&at, err, "want 64 digits of lower-case hex");
    }
    part->kind = strcmp(kind, "video") == 0 ? MEDIA_VIDEO : MEDIA_AUDIO;
    part->timescale = (uint32_t)timescale;
    part->init_bytes = (uint64_t)init_bytes;
    memcpy(part->init_sha256, sha256, 65);
    return true;
}

bool track_part_parse(const json_t *json, struct track_part *ret, struct sr_err *err)
{
    const struct jx root = jx_root(json);
    sr_auto(track_part) struct track_part part = { 0 };
    if (!parse_head(&root, &part, err) || !parse_samples(&root, &part, err) ||
        !parse_fragments(&root, &part, err) || !parse_account(&root, &part.account, err))
        return sr_err_wrap(err, "read part");
    *ret = part;
    part = (struct track_part){ 0 };  // moved out
    return true;
}
