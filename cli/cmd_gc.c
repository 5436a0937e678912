// `splitreel gc`: aborts uploads that crashes left open, removes encoded parts that nobody wants.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/store_verb.h"
#include "pipeline/quantity.h"
#include "pipeline/workspace_gc.h"
#include "storage/blob_gc.h"

enum { ID_OLDER, ID_PARTS, ID_DRY_RUN };
enum { PARTS_DAYS = 7 };
#define DAY_US (86400 * INT64_C(1000000))

static const struct option_row rows[] = {
    { "older", "AGE", ID_OLDER, "than this: 24h (unless said), 90m, 7d, 0 for all of them" },
    { "parts", NULL, ID_PARTS, "of a shared workspace: encoded parts, older than 7d unless said" },
    { "dry-run", NULL, ID_DRY_RUN, "only show them" },
    STORE_VERB_ROWS,
};

struct gc {
    int64_t older_us;  // -1: not said
    bool parts;
    bool dry_run;
    struct store_call *call;
};

// quantity_us() and days.
static bool set_older(struct gc *gc, const char *value, struct sr_err *err)
{
    const size_t bytes = strlen(value);
    if (bytes > 1 && bytes < 12 && value[bytes - 1] == 'd') {
        char digits[12];
        int64_t days;
        memcpy(digits, value, bytes - 1);
        digits[bytes - 1] = '\0';
        if (quantity_count(digits, 36500, &days)) {
            gc->older_us = days * DAY_US;
            return true;
        }
    }
    return quantity_us(value, &gc->older_us) ||
           sr_fail(err, SR_ERR_INVALID, "--older %.40s: want an age as 24h, 90m or 7d", value);
}

static bool set(void *self, int id, const char *value, struct sr_err *err)
{
    struct gc *gc = self;
    if (id == ID_OLDER)
        return set_older(gc, value, err);
    if (id == ID_PARTS)
        gc->parts = true;
    else
        gc->dry_run = true;
    return true;
}

static bool show(void *self, const struct blob_upload *upload, struct sr_err *err)
{
    const struct gc *gc = self;
    char time[32];
    store_verb_time(upload->started_us, !gc->call->json, time);
    if (!gc->call->json) {
        sr_auto(sr_str) struct sr_str name = { 0 };
        return store_verb_add_name(&name, upload->key, err) &&
               (printf("%19s %s\n", time, sr_str_text(&name)) >= 0 ||
                sr_fail(err, SR_ERR_STORAGE, "standard output"));
    }
    sr_auto(json) json_t *line = json_object();
    sr_auto(char) char *text = NULL;
    return jx_made(line, err) && jx_put(line, "key", jx_string(upload->key), err) &&
           jx_put(line, "upload", jx_string(upload->id), err) &&
           (!*time || jx_put(line, "started", json_string(time), err)) &&
           jx_put(line, "aborted", json_boolean(!gc->dry_run), err) &&
           jx_dump(line, false, &text, err) &&
           (printf("%s\n", text) >= 0 || sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

static bool show_part(void *self, const struct blob_entry *entry, struct sr_err *err)
{
    const struct gc *gc = self;
    char time[32];
    store_verb_time(entry->modified_us, !gc->call->json, time);
    if (!gc->call->json) {
        sr_auto(sr_str) struct sr_str name = { 0 };
        return store_verb_add_name(&name, entry->key, err) &&
               (printf("%19s %12llu %s\n", time, (unsigned long long)entry->bytes,
                       sr_str_text(&name)) >= 0 ||
                sr_fail(err, SR_ERR_STORAGE, "standard output"));
    }
    sr_auto(json) json_t *line = json_object();
    sr_auto(char) char *text = NULL;
    return jx_made(line, err) && jx_put(line, "key", jx_string(entry->key), err) &&
           jx_put(line, "bytes", json_integer((json_int_t)entry->bytes), err) &&
           (!*time || jx_put(line, "modified", json_string(time), err)) &&
           jx_put(line, "removed", json_boolean(!gc->dry_run), err) &&
           jx_dump(line, false, &text, err) &&
           (printf("%s\n", text) >= 0 || sr_fail(err, SR_ERR_STORAGE, "standard output"));
}

static int64_t before_us(int64_t older_us)
{
    return older_us ? sr_clock_wall_us(sr_clock_system()) - older_us : INT64_MAX;
}

static bool collect_parts(struct gc *gc, const struct blob_place *place, const char *url,
                          struct sr_err *err)
{
    const struct workspace_gc_params params = {
        .blob = &place->blob,
        .prefix = place->key,
        .before_us = before_us(gc->older_us < 0 ? PARTS_DAYS * DAY_US : gc->older_us),
        .dry_run = gc->dry_run,
        .each = show_part,
        .self = gc,
        .cancel = gc->call->cli->stop,
    };
    struct workspace_gc_result result;
    if (!workspace_gc(&params, &result, err))
        return false;
    if (!gc->call->json)
        (void)fprintf(stderr, "%s: %llu %s, %llu bytes, %llu younger\n", url,
                      (unsigned long long)result.stale,
                      gc->dry_run ? "would be removed" : "removed",
                      (unsigned long long)result.stale_bytes, (unsigned long long)result.left);
    return true;
}

static bool collect_uploads(struct gc *gc, const struct blob_place *place, const char *url,
                            struct sr_err *err)
{
    const struct blob_gc_params params = {
        .prefix = place->key,
        .before_us = before_us(gc->older_us < 0 ? DAY_US : gc->older_us),
        .dry_run = gc->dry_run,
        .each = show,
        .self = gc,
        .cancel = gc->call->cli->stop,
    };
    struct blob_gc_result result;
    if (!blob_gc(&place->blob, &params, &result, err))
        return false;
    if (!gc->call->json)
        (void)fprintf(stderr, "%s: %llu %s, %llu younger\n", url, (unsigned long long)result.stale,
                      gc->dry_run ? "would be aborted" : "aborted",
                      (unsigned long long)result.left);
    return true;
}

static bool run(void *self, struct store_call *call, struct sr_err *err)
{
    struct gc *gc = self;
    gc->call = call;
    for (size_t i = 0; i < call->operand_count; i++) {
        const char *const url = call->operands[i];
        sr_auto(blob_place) struct blob_place place = { 0 };
        if (!blob_stores_open(call->stores, url, BLOB_PLACE_LIST, &place, err) ||
            !(gc->parts ? collect_parts(gc, &place, url, err)
                        : collect_uploads(gc, &place, url, err)))
            return store_call_fail(call, url, err);
    }
    return true;
}

int cmd_gc(const struct cli *cli)
{
    struct gc gc = { .older_us = -1 };
    const struct store_verb verb = {
        .help =
            "splitreel gc URL... [options] - aborts uploads that crashes left open\n\n"
            "  splitreel gc s3://bucket --dry-run\n"
            "  splitreel gc s3://bucket/renditions/ --older 2h\n"
            "  splitreel gc --parts s3://bucket/.splitreel/ --older 14d\n\n"
            "An upload in parts that never ended is not seen as an object, but its parts are kept, and paid\n"
            "for. Younger uploads may be somebody's who is at work: they are left alone.\n"
            "With --parts it removes encoded parts from a workspace that jobs share\n"
            "(--workspace s3://bucket/.splitreel/), and nothing else that lies there.\n\n"
            "Exit status: 0, 2 wrong usage, 3 no such bucket or folder, 4 store, disk or network; 130 or 143 interrupted.\n",
        .rows = rows,
        .wants = "a bucket, a key or a folder",
        .operands_min = 1,
        .operands_max = STORE_VERB_OPERANDS_MAX,
        .set = set,
        .run = run,
        .self = &gc,
    };
    return store_verb_main(cli, &verb);
}
