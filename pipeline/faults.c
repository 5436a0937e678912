#include "pipeline/faults.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static void fault_done(struct fault *fault)
{
    free(fault->file);
    free(fault->place);
    free(fault->message);
    *fault = (struct fault){ 0 };
}
SR_DEFINE_AUTO_VALUE(fault, struct fault, fault_done);

// Takes the message.
static bool add(struct faults *faults, const char *place, char *message, struct sr_err *err)
{
    sr_auto(fault) struct fault fault = { .message = message };
    if (!message)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a fault");
    if (faults->count == FAULTS_MAX) {
        faults->truncated = true;
        return true;
    }
    fault.file = sr_str_dup(faults->file ? faults->file : "", err);
    fault.place = fault.file ? sr_str_dup(place, err) : NULL;
    if (!fault.place)
        return false;
    struct fault *more = realloc(faults->items, (faults->count + 1) * sizeof *more);
    if (!more)
        return sr_fail(err, SR_ERR_NO_MEMORY, "faults");
    faults->items = more;
    faults->items[faults->count++] = fault;
    fault = (struct fault){ 0 };
    return true;
}

bool faults_add(struct faults *faults, const struct jx *at, struct sr_err *err, const char *format,
                ...)
{
    char place[512];
    sr_auto(sr_str) struct sr_str message = { 0 };
    va_list args;
    va_start(args, format);
    const bool told = sr_str_vaddf(&message, err, format, args);
    va_end(args);
    jx_path(at, place, sizeof place);
    return told && add(faults, place, sr_str_take(&message), err);
}

bool faults_add_unknown(struct faults *faults, const struct jx *at, const char *const *known,
                        struct sr_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)at->value, key, value)
    {
        const struct jx member = jx_get(at, key);
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        const char *const near = known[i] ? NULL : jx_nearest(key, known);
        if (!known[i] &&
            !faults_add(faults, &member, err, "there is no such key; the nearest is %s",
                        near ? near : known[0]))
            return false;
    }
    return true;
}

bool faults_fail(const struct faults *faults, struct sr_err *err)
{
    assert(faults->count > 0);
    const struct fault *const first = &faults->items[0];
    return sr_fail(err, SR_ERR_INVALID, "%s%s%s: %s", first->file, *first->file ? ": " : "",
                   first->place, first->message);
}

void faults_done(struct faults *faults)
{
    for (size_t i = 0; i < faults->count; i++)
        fault_done(&faults->items[i]);
    free(faults->items);
    *faults = (struct faults){ 0 };
}
