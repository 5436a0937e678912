// transcode/encode_priv.h - what encode.c and its table of codecs share.
#pragma once

#include <libavutil/dict.h>

#include "base/auto.h"

SR_DEFINE_AUTO_P(av_dict, AVDictionary, av_dict_free);
