// statemachine/engine_folder.h - readers and writers of distributed maps over a folder: Bucket is a
// folder in it, Key a file.
#pragma once

#include "base/auto.h"
#include "statemachine/engine.h"

struct engine_folder;

enum { ENGINE_FOLDER_LISTING_MAX = 100000 };

// Owns:    the caller frees it after the last round and before the engine: its thread answers the engine until then.
// Threads: reading and writing happen on a thread of its own.
SR_MUST_USE bool engine_folder_new(const char *root, struct engine_folder **ret_folder,
                                   struct sr_err *err);
void engine_folder_free(struct engine_folder *folder);
SR_DEFINE_AUTO(engine_folder, struct engine_folder, engine_folder_free);
// Whom to answer; before the engine's first round.
void engine_folder_attach(struct engine_folder *folder, struct engine *engine);

// Rows for the engine's table: s3:getObject and s3:listObjectsV2 for ItemReader, s3:putObject for
// ResultWriter.
enum { ENGINE_FOLDER_RESOURCES = 3 };
void engine_folder_resources(struct engine_folder *folder,
                             struct engine_resource rows[ENGINE_FOLDER_RESOURCES]);

// Whether a Bucket or Key stays inside the folder: relative, without "." and "..".
bool engine_folder_name_ok(const char *name);
