// Definitions in memory: parsed once for all executions of a revision, and kept for a while when
// none is left.
#include <stdlib.h>
#include <string.h>

#include "base/jx.h"
#include "statemachine/asl_parse.h"
#include "statemachine/engine_priv.h"

static bool read_row(void *self, const struct store_machine *machine, struct sr_err *err)
{
    struct engine_def *def = self;
    sr_auto(json) json_t *json = NULL;
    def->bytes = strlen(machine->definition);
    def->machine = strdup(machine->arn);
    def->name = strdup(machine->name);
    def->role = machine->role ? strdup(machine->role) : NULL;
    if (!def->machine || !def->name || (machine->role && !def->role))
        return sr_fail(err, SR_ERR_NO_MEMORY, "a definition");
    return jx_parse(machine->definition, def->bytes, false, &json, err) &&
           asl_parse(json, &def->def, err);
}

static void def_free(struct engine_def *def)
{
    asl_def_free(def->def);
    free(def->machine);
    free(def->name);
    free(def->role);
    free(def);
}

static void put_first(struct engine *engine, struct engine_def *def)
{
    def->next = engine->defs;
    engine->defs = def;
    def->users++;
}

bool engine_def_get(struct engine *engine, int64_t revision, struct engine_def **ret_def,
                    struct sr_err *err)
{
    for (struct engine_def **place = &engine->defs; *place; place = &(*place)->next) {
        struct engine_def *def = *place;
        if (def->revision != revision)
            continue;
        engine->idle_def_bytes -= def->users ? 0 : def->bytes;
        *place = def->next;
        put_first(engine, def);
        *ret_def = def;
        return true;
    }
    struct engine_def *def = calloc(1, sizeof *def);
    if (!def)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a definition");
    def->revision = revision;
    if (!engine->store->ops->revision_get(engine->store->self, revision, read_row, def, err)) {
        def_free(def);
        return false;
    }
    put_first(engine, def);
    *ret_def = def;
    return true;
}

void engine_defs_shrink(struct engine *engine, size_t idle_bytes_max)
{
    while (engine->idle_def_bytes > idle_bytes_max) {
        struct engine_def **last = NULL;  // the one whose last use is the longest ago
        for (struct engine_def **place = &engine->defs; *place; place = &(*place)->next)
            last = (*place)->users ? last : place;
        struct engine_def *def = *last;
        *last = def->next;
        engine->idle_def_bytes -= def->bytes;
        def_free(def);
    }
}

void engine_def_release(struct engine *engine, struct engine_def *def)
{
    if (--def->users)
        return;
    engine->idle_def_bytes += def->bytes;
    engine_defs_shrink(engine, ENGINE_DEFS_IDLE_BYTES_MAX);
}
