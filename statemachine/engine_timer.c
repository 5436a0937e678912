#include "statemachine/engine_timer.h"

#include <stdlib.h>

// Equal times go by execution and op, so that the order is the same in every run.
static bool sooner(const struct engine_timer *a, const struct engine_timer *b)
{
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us;
    if (a->execution != b->execution)
        return a->execution < b->execution;
    return a->op != b->op ? a->op < b->op : a->due < b->due;
}

static void swap(struct engine_timer *a, struct engine_timer *b)
{
    const struct engine_timer kept = *a;
    *a = *b;
    *b = kept;
}

bool engine_timers_add(struct engine_timers *timers, struct engine_timer timer, struct sr_err *err)
{
    if (timers->count == timers->room) {
        const size_t room = timers->room ? timers->room * 2 : 64;
        struct engine_timer *items = realloc(timers->items, room * sizeof *items);
        if (!items)
            return sr_fail(err, SR_ERR_NO_MEMORY, "timers");
        timers->items = items;
        timers->room = room;
    }
    size_t at = timers->count++;
    timers->items[at] = timer;
    for (; at && sooner(&timers->items[at], &timers->items[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&timers->items[at], &timers->items[(at - 1) / 2]);
    return true;
}

bool engine_timers_take(struct engine_timers *timers, int64_t now_us,
                        struct engine_timer *ret_timer)
{
    if (!timers->count || timers->items[0].at_us > now_us)
        return false;
    *ret_timer = timers->items[0];
    timers->items[0] = timers->items[--timers->count];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < timers->count; child++) {
            if (sooner(&timers->items[child], &timers->items[least]))
                least = child;
        }
        if (least == at)
            return true;
        swap(&timers->items[at], &timers->items[least]);
        at = least;
    }
}

int64_t engine_timers_next_us(const struct engine_timers *timers)
{
    return timers->count ? timers->items[0].at_us : INT64_MAX;
}

void engine_timers_done(struct engine_timers *timers)
{
    free(timers->items);
    *timers = (struct engine_timers){ 0 };
}
