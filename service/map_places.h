// service/map_places.h - where the readers and writers of distributed maps may go: workspaces of
// jobs, in folders of this machine and in object stores.
#pragma once

#include <stdbool.h>

#include "base/err.h"

// A place is a folder ("/srv/jobs") or what the keys of a bucket begin with ("s3://bucket/jobs/",
// "s3://bucket"); all below it is in it. A Bucket with a slash in front is a folder of this
// machine, any other a bucket of a store. `places` ends with NULL.

// Whether a bucket's object is in one of them, by its name. Pure.
bool map_places_has_object(const char *const *places, const char *bucket, const char *key);
// Whether a folder's file is, wherever links lead; it need not be there yet.
// Errors: DENIED, and those of looking.
SR_MUST_USE bool map_places_check_file(const char *const *places, const char *folder,
                                       const char *name, struct sr_err *err);
// The path without links in what there is of it; the rest stands behind that as it is. The caller
// frees it. Errors: DENIED: a link in it leads nowhere now, and anywhere later.
SR_MUST_USE bool map_places_resolve(const char *path, char **ret_path, struct sr_err *err);
