// pipeline/activity_source.h - for tests: a folder of the program's own with a source of four
// seconds in it, pictures and sound, made once for all tests.
#pragma once

#include "base/test.h"
#include "transcode/media_log.h"

static char folder[64];  // of this program, with in.mp4

static inline int make_source(void **state)
{
    (void)state;
    media_log_init();
    sr_test_folder(folder);
    sr_test_command(
        "ffmpeg -v error -nostdin -f lavfi -i testsrc2=s=96x64:r=25:d=4 -f lavfi -i "
        "sine=d=4 -c:v libx264 -preset ultrafast -g 25 -bf 2 -threads 1 -c:a aac '%s/in.mp4'",
        folder);
    return 0;
}

static inline int remove_source(void **state)
{
    (void)state;
    sr_test_folder_done(folder);
    return 0;
}
