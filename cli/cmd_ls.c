// `splitreel ls`: what is in a folder or below a key.
#include <stdio.h>

#include "base/str.h"
#include "cli/store_verb.h"
#include "storage/blob_tools.h"

enum { ID_RECURSIVE };

static const struct option_row rows[] = {
    { "recursive", NULL, ID_RECURSIVE, "all that is below, not folded at /" },
    { "r", NULL, ID_RECURSIVE, NULL },
    STORE_VERB_ROWS,
};

struct ls {
    bool recursive;
    struct store_call *call;
    uint64_t count;
};

static bool set(void *self, int id, const char *value, struct sr_err *err)
{
    (void)id;
    (void)value;
    (void)err;
    ((struct ls *)self)->recursive = true;
    return true;
}

static bool print_json(const struct blob_entry *entry, struct sr_err *err)
{
    char time[32];
    store_verb_time(entry->modified_us, false, time);
    sr_auto(json) json_t *line = json_object();
    if (!jx_made(line, err) || !jx_put(line, "key", jx_string(entry->key), err))
        return false;
    if (entry->folder) {
        if (!jx_put(line, "folder", json_true(), err))
            return false;
    } else if (!jx_put(line, "bytes", json_integer((json_int_t)entry->bytes), err) ||
               (*time && !jx_put(line, "modified", json_string(time), err)) ||
               (*entry->etag && !jx_put(line, "etag", jx_string(entry->etag), err))) {
        return false;
    }
    sr_auto(char) char *text = NULL;
    return jx_dump(line, false, &text, err) &&
           (printf("%s\n", text) >= 0 || sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

static bool print(void *self, const struct blob_entry *entry, struct sr_err *err)
{
    struct ls *ls = self;
    ls->count++;
    if (ls->call->json)
        return print_json(entry, err);
    sr_auto(sr_str) struct sr_str name = { 0 };
    char time[32];
    store_verb_time(entry->modified_us, true, time);
    if (!store_verb_add_name(&name, entry->key, err))
        return false;
    const int wrote = entry->folder ? printf("%19s %14s %s\n", "", "-", sr_str_text(&name))
                                    : printf("%19s %14llu %s\n", time,
                                             (unsigned long long)entry->bytes, sr_str_text(&name));
    return wrote >= 0 || sr_fail(err, SR_ERR_STORAGE, "standard output");
}

static bool run(void *self, struct store_call *call, struct sr_err *err)
{
    struct ls *ls = self;
    ls->call = call;
    for (size_t i = 0; i < call->operand_count; i++) {
        const char *const url = call->operands[i];
        sr_auto(blob_place) struct blob_place place = { 0 };
        ls->count = 0;
        if (!blob_stores_open(call->stores, url, BLOB_PLACE_LIST, &place, err) ||
            !blob_ls(&place, ls->recursive, print, ls, call->cli->stop, err))
            return store_call_fail(call, url, err);
        if (ls->count == 0 && *place.key) {
            (void)sr_fail_native(err, SR_ERR_NOT_FOUND, 404, "there is nothing");
            return store_call_fail(call, url, err);
        }
    }
    return true;
}

int cmd_ls(const struct cli *cli)
{
    struct ls ls = { 0 };
    const struct store_verb verb = {
        .help =
            "splitreel ls URL... [options] - what is in a folder, or below a key\n\n"
            "  splitreel ls s3://bucket/clips/\n"
            "  splitreel ls -r s3://bucket/clips/2026-1 --json\n"
            "  splitreel ls films/\n\n"
            "What stands behind the last / of a URL is the beginning of names. Time (UTC), bytes, key.\n\n"
            "Exit status: 0, 2 wrong usage, 3 nothing is there, 4 store or network; 130 or 143 interrupted.\n",
        .rows = rows,
        .wants = "a bucket, a key or a folder to list",
        .operands_min = 1,
        .operands_max = STORE_VERB_OPERANDS_MAX,
        .set = set,
        .run = run,
        .self = &ls,
    };
    return store_verb_main(cli, &verb);
}
