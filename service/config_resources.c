#include "service/config_resources.h"

#include <stdlib.h>

#include "base/str.h"
#include "service/resources.h"
#include "statemachine/engine_folder.h"
#include "storage/blob_config.h"

struct config_resources {
    struct resources *resources;
    struct engine_folder *folder;  // NULL: none
    struct resources_lambda *lambdas;
    struct resources_connection *connections;
    struct blob_config stores;
    char *workspace;          // of jobs
    const char **map_places;  // it, and the configuration's
    struct engine_resource rows[RESOURCES_ROWS + ENGINE_FOLDER_RESOURCES];
    size_t row_count;
};

static bool copy_tables(const struct config *config, struct config_resources *made,
                        struct sr_err *err)
{
    made->lambdas = calloc(config->lambda_count + 1, sizeof *made->lambdas);
    made->connections = calloc(config->connection_count + 1, sizeof *made->connections);
    if (!made->lambdas || !made->connections)
        return sr_fail(err, SR_ERR_NO_MEMORY, "resources");
    for (size_t i = 0; i < config->lambda_count; i++)
        made->lambdas[i] = (struct resources_lambda){ .name = config->lambdas[i].name,
                                                      .url = config->lambdas[i].url };
    for (size_t i = 0; i < config->connection_count; i++)
        made->connections[i] =
            (struct resources_connection){ .arn = config->connections[i].arn,
                                           .header = config->connections[i].header,
                                           .value = config->connections[i].value };
    return true;
}

// Stores are reached as workers of this configuration reach them.
static bool load_stores(const struct config *config, struct config_resources *made,
                        struct sr_err *err)
{
    const char *const path =
        config->worker.stores ? config->worker.stores : getenv("SPLITREEL_STORES");
    return !path || !*path || blob_config_load(path, &made->stores, err);
}

static bool choose_places(const struct config *config, const char *folder,
                          struct config_resources *made, struct sr_err *err)
{
    made->workspace = config->jobs.workspace ? sr_str_dup(config->jobs.workspace, err)
                                             : sr_strf(err, "%s/jobs", folder);
    made->map_places = calloc(config->map_places.count + 2, sizeof *made->map_places);
    if (!made->workspace || !made->map_places)
        return sr_fail(err, SR_ERR_NO_MEMORY, "resources");
    made->map_places[0] = made->workspace;
    for (size_t i = 0; i < config->map_places.count; i++)
        made->map_places[i + 1] = config->map_places.list[i];
    return true;
}

static bool open_folder(const struct config *config, struct config_resources *made,
                        struct sr_err *err)
{
    if (!config->maps)
        return true;
    if (!engine_folder_new(config->maps, &made->folder, err))
        return sr_err_wrap(err, "maps");
    engine_folder_resources(made->folder, made->rows + RESOURCES_ROWS);
    made->row_count += ENGINE_FOLDER_RESOURCES;
    return true;
}

bool config_resources_new(const struct config *config, const char *folder,
                          const struct sr_clock *clock, const struct sr_log *log,
                          struct config_resources **ret, struct sr_err *err)
{
    sr_auto(config_resources) struct config_resources *made = calloc(1, sizeof *made);
    if (!made)
        return sr_fail(err, SR_ERR_NO_MEMORY, "resources");
    made->row_count = RESOURCES_ROWS;
    if (!copy_tables(config, made, err) || !load_stores(config, made, err) ||
        !choose_places(config, folder, made, err) || !open_folder(config, made, err))
        return false;
    const struct blob_stores_params stores = { .store = made->stores.store,
                                               .store_count = made->stores.store_count };
    const struct resources_params params = {
        .clock = clock,
        .log = log,
        .lambdas = made->lambdas,
        .lambda_count = config->lambda_count,
        .lambda_url = config->lambda_url,
        .region = config->region,
        .http_allow = (const char *const *)config->http_allow.list,
        .http_plain = config->http_plain,
        .connections = made->connections,
        .connection_count = config->connection_count,
        .map_places = made->map_places,
        .stores = &stores,
        .others = made->rows + RESOURCES_ROWS,
        .other_count = made->row_count - RESOURCES_ROWS,
    };
    if (!resources_new(&params, &made->resources, err))
        return false;
    resources_rows(made->resources, made->rows);
    *ret = sr_take(made);
    return true;
}

static void attach(void *self, struct engine *engine)
{
    struct config_resources *const made = self;
    resources_attach(made->resources, engine);
    if (made->folder)
        engine_folder_attach(made->folder, engine);
}

// Their threads end here.
static void detach(void *self)
{
    struct config_resources *const made = self;
    resources_free(sr_take(made->resources));
    engine_folder_free(sr_take(made->folder));
}

void config_resources_free(struct config_resources *made)
{
    if (!made)
        return;
    detach(made);
    free(made->lambdas);
    free(made->connections);
    blob_config_done(&made->stores);
    free(made->map_places);
    free(made->workspace);
    free(made);
}

struct service_resources config_resources_table(struct config_resources *made)
{
    return (struct service_resources){ .rows = made->rows,
                                       .count = made->row_count,
                                       .attach = attach,
                                       .detach = detach,
                                       .self = made };
}
