#include "transcode/media_err.h"

#include <libavutil/error.h>
#include <stdarg.h>
#include <stdio.h>

// What libav's numbers mean to us; anything not listed is the input's fault.
static const struct {
    int averror;
    enum sr_err_code code;
} rows[] = {
    { AVERROR(ENOMEM), SR_ERR_NO_MEMORY },
    { AVERROR_EXIT, SR_ERR_CANCELLED },
    { AVERROR(ETIMEDOUT), SR_ERR_TIMEOUT },
    { AVERROR(EIO), SR_ERR_STORAGE },
    { AVERROR(ENOSPC), SR_ERR_STORAGE },
    { AVERROR(EDQUOT), SR_ERR_STORAGE },
    { AVERROR(EFBIG), SR_ERR_STORAGE },
    { AVERROR(EROFS), SR_ERR_STORAGE },
    { AVERROR(EPIPE), SR_ERR_STORAGE },
    { AVERROR(EBADF), SR_ERR_STORAGE },
    { AVERROR(ESPIPE), SR_ERR_STORAGE },
    { AVERROR(EMFILE), SR_ERR_STORAGE },
    { AVERROR(ENFILE), SR_ERR_STORAGE },
    { AVERROR(EACCES), SR_ERR_DENIED },
    { AVERROR_DECODER_NOT_FOUND, SR_ERR_UNSUPPORTED },
    { AVERROR_DEMUXER_NOT_FOUND, SR_ERR_UNSUPPORTED },
    { AVERROR_ENCODER_NOT_FOUND, SR_ERR_UNSUPPORTED },
    { AVERROR_MUXER_NOT_FOUND, SR_ERR_UNSUPPORTED },
    { AVERROR_FILTER_NOT_FOUND, SR_ERR_UNSUPPORTED },
    { AVERROR_BSF_NOT_FOUND, SR_ERR_UNSUPPORTED },
    { AVERROR_PROTOCOL_NOT_FOUND, SR_ERR_UNSUPPORTED },
    { AVERROR_STREAM_NOT_FOUND, SR_ERR_INPUT },
    { AVERROR_PATCHWELCOME, SR_ERR_UNSUPPORTED },
    { AVERROR_EXPERIMENTAL, SR_ERR_UNSUPPORTED },
    { AVERROR(ENOSYS), SR_ERR_UNSUPPORTED },
    { AVERROR_BUG, SR_ERR_INTERNAL },
    { AVERROR_BUG2, SR_ERR_INTERNAL },
    { AVERROR_OPTION_NOT_FOUND, SR_ERR_INTERNAL },
};

static enum sr_err_code code_of(int averror)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].averror == averror)
            return rows[i].code;
    }
    return SR_ERR_INPUT;
}

bool media_fail_at(struct sr_err *err, int averror, const char *origin, const char *format, ...)
{
    char context[sizeof(err->message)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(context, sizeof(context), format, args);  // a message too long is cut
    va_end(args);

    char text[AV_ERROR_MAX_STRING_SIZE];
    if (averror == AVERROR_EOF)  // libav's "End of file" reads like a success
        (void)snprintf(text, sizeof(text), "ends too early");
    else if (averror == AVERROR(EPERM))  // the -1 of old decoders: libav opens no files for us
        (void)av_strerror(AVERROR_INVALIDDATA, text, sizeof(text));
    else
        (void)av_strerror(averror, text, sizeof(text));  // writes a text for any number
    return sr_fail_at(err, code_of(averror), averror, origin, "%s: %s", context, text);
}
