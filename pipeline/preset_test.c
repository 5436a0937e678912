#include "base/test.h"

#include "pipeline/manifest.h"
#include "pipeline/preset.h"

static void every_template_makes_a_manifest(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    size_t count = 0;
    for (const char *const *name = preset_names(); *name; name++, count++) {
        sr_auto(manifest) struct manifest *manifest = NULL;
        json_t *const document = json_pack("{s:i,s:s,s:s,s:s}", "version", 1, "input", "in.mov",
                                           "output", "out/", "template", *name);
        sr_assert_ok(manifest_take(document, NULL, NULL, &manifest, &err), err);
        assert_true(manifest->output_is_folder);
        assert_true(manifest->rendition_count >= 2);
        assert_int_equal(manifest->outputs[0].use_count,
                         manifest->rendition_count);  // nothing is encoded in vain
    }
    assert_int_equal(count, 3);
}

static void an_unknown_one_names_all(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    json_t *preset = NULL;
    sr_assert_fails(preset_find("hls-4k", &preset, &err), SR_ERR_INVALID, err);
    for (const char *const *name = preset_names(); *name; name++)
        sr_assert_contains(err.message, *name);
    assert_null(preset);
}

static void ladders_fall(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const char *const names[] = { "hls-1080p", "hls-720p" };
    for (size_t i = 0; i < SR_TEST_COUNT(names); i++) {
        sr_auto(json) json_t *preset = NULL;
        sr_assert_ok(preset_find(names[i], &preset, &err), err);
        json_int_t above = 1 << 20;
        const json_t *const list = json_object_get(preset, "renditions");
        for (size_t r = 0; r < json_array_size(list); r++) {
            const json_t *const rung = json_array_get(list, r);
            const json_t *const height = json_object_get(rung, "height");
            if (!height)
                continue;
            assert_true(json_integer_value(height) < above);
            above = json_integer_value(height);
            assert_string_equal(json_string_value(json_object_get(rung, "if_larger")), "drop");
        }
        assert_true(above < 1 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_template_makes_a_manifest),
        cmocka_unit_test(an_unknown_one_names_all),
        cmocka_unit_test(ladders_fall),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
