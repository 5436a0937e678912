// Path templates of outputs, and the names of inputs that fill them.
#include "base/str.h"
#include "base/test.h"
#include "pipeline/manifest.h"

static void paths_stay_inside(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct {
        const char *pattern, *name, *want;
    } cases[] = {
        { "{name}_{id}.mp4", "film", "film_1080p.mp4" },
        { "a/{id}/b.mp4", "film", "a/1080p/b.mp4" },
        { "hls/", "film", "hls" },
        { ".", "film", "." },
        { "{name}.mp4", "100% \"{id}\"", "100% \"{id}\".mp4" },  // a value is not a pattern
        { "{name}/x.mp4", "..", NULL },
        { "a/../x.mp4", "film", NULL },
        { "a//x.mp4", "film", NULL },
        { ".hidden/x.mp4", "film", NULL },
        { "/x.mp4", "film", NULL },
        { "{x}", "film", NULL },
        { "{", "film", NULL },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(char) char *path = NULL;
        if (cases[i].want) {
            sr_assert_ok(manifest_path(cases[i].pattern, cases[i].name, "1080p", &path, &err), err);
            assert_string_equal(path, cases[i].want);
        } else {
            sr_assert_fails(manifest_path(cases[i].pattern, cases[i].name, "1080p", &path, &err),
                            SR_ERR_INVALID, err);
        }
    }
}

static void names_of_inputs(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const char *const cases[][2] = {
        { "a.mov", "a" },           { "dir.x/a.b.mov", "a.b" }, { "dir/noext", "noext" },
        { "/x/.hidden", "hidden" }, { "..", "output" },         { "dir/", "output" },
        { "-dash.mov", "-dash" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(char) char *name = NULL;
        sr_assert_ok(manifest_input_name(cases[i][0], &name, &err), err);
        assert_string_equal(name, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_stay_inside),
        cmocka_unit_test(names_of_inputs),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
