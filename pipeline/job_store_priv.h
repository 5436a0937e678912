// pipeline/job_store_priv.h - what the files of the store share.
#pragma once

#include "base/db.h"
#include "pipeline/job_store.h"

struct job_store {
    struct sr_db *db;
};
