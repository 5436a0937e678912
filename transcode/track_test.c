#include "transcode/track.h"

#include "base/test.h"

static struct track_part two_fragments(void)
{
    struct track_part part = {
        .kind = MEDIA_VIDEO,
        .timescale = 12800,
        .start_pts = 1024,
        .end_pts = 2560,
        .shift_ticks = 1024,
        .frame_count = 3,
        .init_bytes = 700,
        .fragment_count = 2,
        .sample_count = 3,
    };
    memset(part.init_sha256, 'a', 64);
    part.fragments = calloc(2, sizeof(*part.fragments));
    part.samples = calloc(3, sizeof(*part.samples));
    assert_non_null(part.fragments);
    assert_non_null(part.samples);
    part.fragments[0] = (struct track_fragment){ 700, 300, 900, 1024, 0, 2 };
    part.fragments[1] = (struct track_fragment){ 1000, 150, 1100, 2048, 2, 1 };
    part.samples[0] = (struct track_sample){ 1024, 0, 60, 0xffffffff, true };
    part.samples[1] = (struct track_sample){ 1536, 512, 40, 0, false };
    part.samples[2] = (struct track_sample){ 2048, 1024, 50, 77, true };
    part.account = (struct track_account){
        .packets = 4, .shown = 2, .hidden = 1, .damaged = 1, .damage_count = 1
    };
    part.account.damage[0].pts = INT64_MIN;
    strcpy(part.account.damage[0].reason, "lost slice");
    return part;
}

static json_t *written(void)
{
    struct sr_err err;
    sr_auto(track_part) struct track_part part = two_fragments();
    json_t *json = NULL;
    sr_assert_ok(track_part_json(&part, &json, &err), err);
    return json;
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    struct sr_err err;
    sr_auto(json) json_t *json = written();
    char *text = NULL;
    sr_assert_ok(jx_dump(json, false, &text, &err), err);
    sr_auto(json) json_t *again = NULL;
    sr_assert_ok(jx_parse(text, strlen(text), false, &again, &err), err);
    free(text);

    sr_auto(track_part) struct track_part want = two_fragments();
    sr_auto(track_part) struct track_part got = { 0 };
    sr_assert_ok(track_part_parse(again, &got, &err), err);
    assert_int_equal(got.kind, want.kind);
    assert_int_equal(got.timescale, want.timescale);
    assert_int_equal(got.start_pts, want.start_pts);
    assert_int_equal(got.end_pts, want.end_pts);
    assert_int_equal(got.shift_ticks, want.shift_ticks);
    assert_int_equal(got.frame_count, want.frame_count);
    assert_int_equal(got.init_bytes, want.init_bytes);
    assert_string_equal(got.init_sha256, want.init_sha256);
    assert_int_equal(got.fragment_count, 2);
    assert_int_equal(got.sample_count, 3);
    for (size_t i = 0; i < 2; i++)
        assert_memory_equal(&got.fragments[i], &want.fragments[i], sizeof(want.fragments[i]));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(got.samples[i].pts, want.samples[i].pts);
        assert_int_equal(got.samples[i].dts, want.samples[i].dts);
        assert_int_equal(got.samples[i].bytes, want.samples[i].bytes);
        assert_int_equal(got.samples[i].crc32, want.samples[i].crc32);
        assert_int_equal(got.samples[i].is_key, want.samples[i].is_key);
    }
    assert_int_equal(got.account.packets, 4);
    assert_int_equal(got.account.damaged, 1);
    assert_int_equal(got.account.damage[0].pts, INT64_MIN);
    assert_string_equal(got.account.damage[0].reason, "lost slice");
}

// One change to a good document, and what the refusal says.
struct bad_row {
    const char *name;
    const char *object;  // NULL: the root
    const char *key;
    const char *value;  // JSON; NULL: the member is taken away
    const char *says;
};

static const struct bad_row bad_rows[] = {
    { "version of tomorrow", NULL, "version", "3", "$.version" },
    { "unknown key", NULL, "kinds", "1", "kinds" },
    { "kind of subtitles", NULL, "kind", "\"subtitle\"", "$.kind" },
    { "no timescale", NULL, "timescale", NULL, "timescale" },
    { "timescale of zero", NULL, "timescale", "0", "$.timescale" },
    { "end before start", NULL, "end_pts", "1023", "$.end_pts" },
    { "negative shift", NULL, "shift_ticks", "-1", "$.shift_ticks" },
    { "short hash", NULL, "init_sha256", "\"ab\"", "$.init_sha256" },
    { "samples is a list", NULL, "samples", "[]", "$.samples" },
    { "columns differ", "samples", "dts", "\"0 512\"", "\"dts\", number 2" },
    { "a column too long", "samples", "dts", "\"0 512 1024 1536\"", "more than 3" },
    { "a column of values", "samples", "dts", "[0, 512, 1024]", "$.samples.dts" },
    { "two spaces", "samples", "pts", "\"1024  1536 2048\"", "\"pts\", number 1" },
    { "text among times", "samples", "pts", "\"1024 x 2048\"", "\"pts\", number 1" },
    { "time beyond limit", "samples", "pts", "\"1024 1536 9223372036854775807\"",
      "\"pts\", number 2" },
    { "size over 32 bits", "samples", "bytes", "\"60 40 4294967296\"", "\"bytes\", number 2" },
    { "negative size", "samples", "bytes", "\"-1 40 50\"", "\"bytes\", number 0" },
    { "key out of range", "samples", "keys", "\"0 3\"", "\"keys\", number 1" },
    { "keys fall", "samples", "keys", "\"2 0\"", "\"keys\", number 1" },
    { "samples longer than fragment", "samples", "bytes", "\"60 41 50\"", "longer" },
    { "fragment in the init segment", "fragments", "offset", "[699, 1000]", "overlaps" },
    { "fragments overlap", "fragments", "offset", "[700, 999]", "overlaps" },
    { "data before its fragment", "fragments", "data_offset", "[699, 1100]", "inside" },
    { "data behind its fragment", "fragments", "data_offset", "[1001, 1100]", "inside" },
    { "samples outside all fragments", "fragments", "sample_count", "[1, 1]", "2 samples in" },
    { "more samples than listed", "fragments", "sample_count", "[2, 2]", "more samples" },
    { "empty fragment", "fragments", "sample_count", "[2, 0]", "sample_count[1]" },
    { "negative count", "account", "shown", "-1", "$.account.shown" },
    { "damage without a time", "account", "damage", "[{\"reason\": \"x\"}]", "pts" },
    { "damage is a number", "account", "damage", "[1]", "$.account.damage[0]" },
};

static void bad_is_refused(void **state)
{
    const struct bad_row *row = *state;
    struct sr_err err;
    sr_auto(json) json_t *json = written();
    json_t *object = row->object ? json_object_get(json, row->object) : json;
    if (row->value)
        json_object_set_new(object, row->key, json_loads(row->value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(object, row->key);
    struct track_part part = { 0 };
    sr_assert_fails(track_part_parse(json, &part, &err), SR_ERR_INVALID, err);
    sr_assert_contains(err.message, row->says);
    assert_null(part.samples);
}

static void too_much_damage_is_refused(void **state)
{
    (void)state;
    struct sr_err err;
    sr_auto(json) json_t *json = written();
    json_t *damage = json_object_get(json_object_get(json, "account"), "damage");
    for (int i = 0; i < TRACK_DAMAGE_MAX; i++)
        json_array_append(damage, json_array_get(damage, 0));
    struct track_part part = { 0 };
    sr_assert_fails(track_part_parse(json, &part, &err), SR_ERR_INVALID, err);
}

static void empty_part_is_a_part(void **state)
{
    (void)state;
    struct sr_err err;
    struct track_part part = { .kind = MEDIA_AUDIO, .timescale = 48000 };
    memset(part.init_sha256, '0', 64);
    sr_auto(json) json_t *json = NULL;
    sr_assert_ok(track_part_json(&part, &json, &err), err);
    sr_auto(track_part) struct track_part got = { 0 };
    sr_assert_ok(track_part_parse(json, &got, &err), err);
    assert_int_equal(got.kind, MEDIA_AUDIO);
    assert_int_equal(got.sample_count, 0);
}

static void subtitles_have_no_part(void **state)
{
    (void)state;
    struct sr_err err;
    struct track_part part = { .kind = MEDIA_SUBTITLE, .timescale = 1000 };
    json_t *json = NULL;
    sr_assert_fails(track_part_json(&part, &json, &err), SR_ERR_INVALID, err);
    assert_null(json);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(bad_rows) + 4];
    size_t count = SR_TEST_ADD(tests, bad_rows, bad_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(comes_back_as_it_was);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_much_damage_is_refused);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(empty_part_is_a_part);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(subtitles_have_no_part);
    return sr_test_run(__FILE__, tests, count);
}
