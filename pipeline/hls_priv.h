// pipeline/hls_priv.h - names of an HLS output's files.
#pragma once

#include "base/str.h"
#include "pipeline/hls.h"

#define HLS_MASTER "master.m3u8"
#define HLS_MEDIA "media.m3u8"
#define HLS_INIT "init.mp4"
#define HLS_SEGMENT "seg_%05zu.m4s"  // from 1
