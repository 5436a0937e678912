// A hash table from (execution, op) to something: open addressing.
#include <stdlib.h>

#include "statemachine/engine_priv.h"

static size_t place(const struct engine_table *table, int64_t execution, uint64_t op)
{
    uint64_t h = (uint64_t)execution * 0x9e3779b97f4a7c15u ^ op * 0xc2b2ae3d27d4eb4fu;
    h ^= h >> 29;
    return (size_t)(h * 0xbf58476d1ce4e5b9u >> 20) & (table->room - 1);
}

static struct engine_slot *find(const struct engine_table *table, int64_t execution, uint64_t op)
{
    if (!table->room)
        return NULL;
    size_t at = place(table, execution, op);
    while (table->slots[at].execution &&
           (table->slots[at].execution != execution || table->slots[at].op != op))
        at = (at + 1) & (table->room - 1);
    return &table->slots[at];
}

void *engine_table_get(const struct engine_table *table, int64_t execution, uint64_t op)
{
    const struct engine_slot *slot = find(table, execution, op);
    return slot ? slot->value : NULL;
}

bool engine_table_put(struct engine_table *table, int64_t execution, uint64_t op, void *value,
                      struct sr_err *err)
{
    if (2 * (table->count + 1) > table->room) {
        struct engine_table bigger = { .room = table->room ? table->room * 2 : 64 };
        bigger.slots = calloc(bigger.room, sizeof *bigger.slots);
        if (!bigger.slots)
            return sr_fail(err, SR_ERR_NO_MEMORY, "a table of %zu", bigger.room);
        for (size_t i = 0; i < table->room; i++) {
            if (table->slots[i].execution)
                *find(&bigger, table->slots[i].execution, table->slots[i].op) = table->slots[i];
        }
        free(table->slots);
        table->slots = bigger.slots;
        table->room = bigger.room;
    }
    struct engine_slot *slot = find(table, execution, op);
    table->count += slot->execution == 0;
    *slot = (struct engine_slot){ execution, op, value };
    return true;
}

void *engine_table_take(struct engine_table *table, int64_t execution, uint64_t op)
{
    struct engine_slot *slot = find(table, execution, op);
    if (!slot || !slot->execution)
        return NULL;
    void *value = slot->value;
    *slot = (struct engine_slot){ 0 };
    table->count--;
    const size_t mask = table->room - 1;
    for (size_t at = ((size_t)(slot - table->slots) + 1) & mask; table->slots[at].execution;
         at = (at + 1) & mask) {
        const struct engine_slot moved = table->slots[at];
        table->slots[at] = (struct engine_slot){ 0 };
        *find(table, moved.execution, moved.op) = moved;
    }
    return value;
}
