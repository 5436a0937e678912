#include "transcode/media_libs.h"

#include <dlfcn.h>
#include <libavcodec/version_major.h>
#include <libavfilter/version_major.h>
#include <libavformat/version_major.h>
#include <libavutil/version.h>
#include <libswresample/version_major.h>
#include <libswscale/version_major.h>

// A name holds the major version that we were compiled for.
static const char *const names[] = {
    "libavutil.so." SR_STRINGIFY(LIBAVUTIL_VERSION_MAJOR),
    "libswresample.so." SR_STRINGIFY(LIBSWRESAMPLE_VERSION_MAJOR),
    "libswscale.so." SR_STRINGIFY(LIBSWSCALE_VERSION_MAJOR),
    "libavcodec.so." SR_STRINGIFY(LIBAVCODEC_VERSION_MAJOR),
    "libavformat.so." SR_STRINGIFY(LIBAVFORMAT_VERSION_MAJOR),
    "libavfilter.so." SR_STRINGIFY(LIBAVFILTER_VERSION_MAJOR),
    NULL,
};

const char *const *media_libs_names(void)
{
    return names;
}

bool media_libs_load(struct sr_err *err)
{
    for (size_t i = 0; names[i]; i++) {
        // never closed: the program calls into them to its end
        if (!dlopen(names[i], RTLD_LAZY | RTLD_GLOBAL))
            return sr_fail(err, SR_ERR_UNSUPPORTED, "libav: %s", dlerror());
    }
    return true;
}
