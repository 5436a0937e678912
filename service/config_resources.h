// service/config_resources.h - from the configuration to the rows of the engine's table of
// resources.
#pragma once

#include "service/config.h"
#include "service/service.h"

struct config_resources;

// Lambda functions, HTTP requests, and the readers and writers of distributed maps: in workspaces
// of jobs, in the configuration's map_places, and in its folder for maps.
// Owns:   `config` is borrowed for its life. The caller frees it, before or after the service.
//         `folder`, of the service's state, is read during the call only.
// Errors: those of resources_new(), engine_folder_new() and, with a stores file,
//         blob_config_load().
SR_MUST_USE bool config_resources_new(const struct config *config, const char *folder,
                                      const struct sr_clock *clock, const struct sr_log *log,
                                      struct config_resources **ret, struct sr_err *err);
void config_resources_free(struct config_resources *made);
SR_DEFINE_AUTO(config_resources, struct config_resources, config_resources_free);
// For service_open().
struct service_resources config_resources_table(struct config_resources *made);
