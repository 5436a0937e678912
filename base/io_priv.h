// base/io_priv.h - what io.c and io_write.c share.
#pragma once

#include "base/err.h"

// Makes the entry `path` of its folder durable.
SR_MUST_USE bool sr_sync_folder_of(const char *path, struct sr_err *err);
