#include "transcode/media_libs.h"

#include <dlfcn.h>

#include "base/test.h"

// This program names libav's libraries itself, so those of our list must be loaded already: else a
// name is wrong, or of another version than the headers.
static void the_names_are_those_we_are_linked_with(void **state)
{
    (void)state;
    size_t count = 0;
    for (const char *const *name = media_libs_names(); *name; name++, count++) {
        void *const library = dlopen(*name, RTLD_LAZY | RTLD_NOLOAD);
        if (!library)
            fail_msg("%s is not loaded", *name);
        dlclose(library);
    }
    assert_int_equal(count, 6);
}

static void loads_as_often_as_one_likes(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_assert_ok(media_libs_load(&err), err);
    sr_assert_ok(media_libs_load(&err), err);
    assert_non_null(dlsym(RTLD_DEFAULT, "avformat_open_input"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_names_are_those_we_are_linked_with),
        cmocka_unit_test(loads_as_often_as_one_likes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
