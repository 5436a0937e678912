#include "pipeline/batch_where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/quantity.h"

enum place { IN_FILE, IN_STREAM, IN_PICTURE, IN_SOUND };
enum unit { AS_NUMBER, AS_TEXT, AS_RATE, AS_LENGTH };

static const struct field {
    const char *name;
    enum place place;
    bool of_audio;  // of the first audio track; else of the video stream
    const char *key;
    enum unit unit;
} fields[] = {
    { "width", IN_PICTURE, false, "width", AS_NUMBER },
    { "height", IN_PICTURE, false, "height", AS_NUMBER },
    { "rate", IN_PICTURE, false, "rate", AS_RATE },
    { "bit_depth", IN_PICTURE, false, "bit_depth", AS_NUMBER },
    { "pixel_format", IN_PICTURE, false, "pixel_format", AS_TEXT },
    { "field_order", IN_PICTURE, false, "field_order", AS_TEXT },
    { "codec", IN_STREAM, false, "codec", AS_TEXT },
    { "profile", IN_STREAM, false, "profile", AS_TEXT },
    { "audio_codec", IN_STREAM, true, "codec", AS_TEXT },
    { "channels", IN_SOUND, true, "channels", AS_NUMBER },
    { "sample_rate", IN_SOUND, true, "sample_rate", AS_NUMBER },
    { "language", IN_STREAM, true, "language", AS_TEXT },
    { "duration", IN_FILE, false, "duration_us", AS_LENGTH },
    { "bytes", IN_FILE, false, "bytes", AS_NUMBER },
    { "format", IN_FILE, false, "format", AS_TEXT },
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

enum relation { EQUAL, DIFFERENT, LESS, AT_MOST, MORE, AT_LEAST };
static const struct {
    const char *sign;
    enum relation relation;
} signs[] = {
    // the longer ones first
    { "==", EQUAL }, { "!=", DIFFERENT }, { "<=", AT_MOST }, { ">=", AT_LEAST },
    { "=", EQUAL },  { "<", LESS },       { ">", MORE },
};

const char *batch_where_fields(void)
{
    return "width, height, rate, bit_depth, pixel_format, field_order, codec, profile, audio_codec, "
           "channels, sample_rate, language, duration, bytes, format";
}

static bool read_value(const struct field *field, const char *value, struct batch_where *ret)
{
    struct media_rational rate;
    int64_t us;
    char *end;
    switch (field->unit) {
    case AS_TEXT:
        ret->is_text = true;
        return *value &&
               (size_t)snprintf(ret->text, sizeof(ret->text), "%s", value) < sizeof(ret->text);
    case AS_RATE:
        if (!quantity_rate(value, &rate))
            return false;
        ret->number = (double)rate.num / (double)rate.den;
        return true;
    case AS_LENGTH:
        if (!quantity_us(value, &us))
            return false;
        ret->number = (double)us;
        return true;
    case AS_NUMBER: ret->number = strtod(value, &end); return end != value && *end == '\0';
    }
    return false;
}

bool batch_where_parse(const char *text, struct batch_where *ret, struct sr_err *err)
{
    const size_t name_bytes = strcspn(text, "=!<>");
    const char *const sign = text + name_bytes;
    struct batch_where where = { .field = -1, .relation = -1 };
    size_t sign_bytes = 0;
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (strlen(fields[i].name) == name_bytes && strncmp(fields[i].name, text, name_bytes) == 0)
            where.field = i;
    }
    for (size_t i = 0; sign_bytes == 0 && i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (strncmp(sign, signs[i].sign, strlen(signs[i].sign)) == 0) {
            where.relation = signs[i].relation;
            sign_bytes = strlen(signs[i].sign);
        }
    }
    if (where.field < 0)
        return sr_fail(err, SR_ERR_INVALID, "\"%.40s\": there are %s", text, batch_where_fields());
    if (sign_bytes == 0)
        return sr_fail(err, SR_ERR_INVALID, "\"%.40s\": want =, !=, <, <=, > or >= and a value",
                       text);
    if (!read_value(&fields[where.field], sign + sign_bytes, &where))
        return sr_fail(err, SR_ERR_INVALID, "\"%.40s\": \"%.40s\" is no value of %s", text,
                       sign + sign_bytes, fields[where.field].name);
    if (where.is_text && where.relation != EQUAL && where.relation != DIFFERENT)
        return sr_fail(err, SR_ERR_INVALID, "\"%.40s\": %s takes = and !=", text,
                       fields[where.field].name);
    *ret = where;
    return true;
}

// The video stream that would be taken, or the first audio track; NULL: there is none.
static const json_t *find_stream(const json_t *probe, bool of_audio)
{
    const json_t *const streams = json_object_get(probe, "streams");
    const json_t *const chosen = json_object_get(probe, "video_stream");
    for (size_t i = 0; i < json_array_size(streams); i++) {
        const json_t *const stream = json_array_get(streams, i);
        const char *const kind = json_string_value(json_object_get(stream, "kind"));
        if (of_audio
                ? kind && strcmp(kind, "audio") == 0
                : json_is_integer(chosen) && json_equal(json_object_get(stream, "index"), chosen))
            return stream;
    }
    return NULL;
}

static const json_t *find_value(const struct field *field, const json_t *probe)
{
    const json_t *const stream = find_stream(probe, field->of_audio);
    switch (field->place) {
    case IN_FILE: return json_object_get(probe, field->key);
    case IN_STREAM: return json_object_get(stream, field->key);
    case IN_PICTURE: return json_object_get(json_object_get(stream, "video"), field->key);
    case IN_SOUND: return json_object_get(json_object_get(stream, "audio"), field->key);
    }
    return NULL;
}

// "mov,mp4,m4a" is each of them.
static bool has_word(const char *list, const char *word)
{
    const size_t bytes = strlen(word);
    for (const char *at = list;; at++) {
        const size_t one = strcspn(at, ",");
        if (one == bytes && strncmp(at, word, bytes) == 0)
            return true;
        at += one;
        if (*at == '\0')
            return false;
    }
}

static bool number_of(const struct field *field, const json_t *value, double *ret)
{
    struct media_rational rate;
    if (field->unit != AS_RATE) {
        *ret = json_number_value(value);
        return json_is_number(value);
    }
    if (!json_is_string(value) || !quantity_rate(json_string_value(value), &rate))
        return false;
    *ret = (double)rate.num / (double)rate.den;
    return true;
}

bool batch_where_holds(const struct batch_where *where, const json_t *probe)
{
    const struct field *const field = &fields[where->field];
    const json_t *const value = find_value(field, probe);
    double number;
    if (where->is_text) {
        const char *const text = json_string_value(value);
        const bool is_equal = text && has_word(text, where->text);
        return is_equal == (where->relation == EQUAL);
    }
    if (!number_of(field, value, &number))
        return where->relation == DIFFERENT;
    switch ((enum relation)where->relation) {
    case EQUAL: return number == where->number;
    case DIFFERENT: return number != where->number;
    case LESS: return number < where->number;
    case AT_MOST: return number <= where->number;
    case MORE: return number > where->number;
    case AT_LEAST: return number >= where->number;
    }
    return false;
}
