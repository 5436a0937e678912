#include "cli/batch_work.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/batch_child.h"
#include "cli/store_verb.h"
#include "pipeline/remote.h"

enum { PROBE_BYTES_MAX = 16 << 20, WORDS_MAX = 8 };

void batch_works_done(struct batch_works *works)
{
    for (size_t i = 0; i < works->count; i++)
        free(works->item[i].output);
    free(works->item);
    batch_items_done(&works->items);
    batch_ledger_free(works->ledger);
    blob_stores_free(works->stores);
}

bool batch_work_add_name(struct sr_str *out, const struct batch_work *work, struct sr_err *err)
{
    sr_auto(char) char *shown = remote_shown(work->item->source, err);
    return shown && store_verb_add_name(out, shown, err);
}

static bool select_items(struct batch_works *works, struct sr_err *err)
{
    const struct batch_options *const options = works->options;
    const struct batch_filter filter = {
        .include = options->include_count ? options->include : NULL,
        .exclude = options->exclude_count ? options->exclude : NULL,
        .newer_than_us = options->newer_than_us,
    };
    for (size_t i = 0; i < options->source_count; i++) {
        if (!batch_select(works->stores, options->sources[i], &filter, works->stop, &works->items,
                          err))
            return false;
    }
    return true;
}

// Our own outputs, when they lie among the sources: what earlier batches made, and what is below
// the folder that the pattern begins with, unless a source itself is below it.
static bool is_own(const struct batch_works *works, const struct batch_item *item)
{
    const char *const pattern = works->options->output;
    size_t bytes = strcspn(pattern, "{");
    while (bytes > 0 && pattern[bytes - 1] != '/')
        bytes--;
    for (size_t i = 0; i < works->options->source_count; i++) {
        if (strncmp(works->options->sources[i], pattern, bytes) == 0)
            bytes = 0;
    }
    return (bytes > 0 && strncmp(item->source, pattern, bytes) == 0) ||
           batch_ledger_has_made(works->ledger, item->source);
}

static bool add_works(struct batch_works *works, struct sr_err *err)
{
    works->item = calloc(works->items.count + 1, sizeof(*works->item));
    if (!works->item)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a list of work");
    for (size_t i = 0; i < works->items.count; i++) {
        const struct batch_item *const item = &works->items.item[i];
        if (is_own(works, item))
            continue;
        struct batch_work *const work = &works->item[works->count];
        if (!batch_output(works->options->output, item, &work->output, err))
            return false;
        work->item = item;
        works->count++;
    }
    return true;
}

static int by_output(const void *a, const void *b)
{
    const struct batch_work *const *const one = a, *const *const other = b;
    const int order = strcmp((*one)->output, (*other)->output);
    return order ? order : (*one > *other) - (*one < *other);  // what was said first comes first
}

static bool fail_both(const struct batch_work *one, const struct batch_work *other,
                      struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str first = { 0 }, second = { 0 };
    return batch_work_add_name(&first, one, err) && batch_work_add_name(&second, other, err) &&
           sr_fail(err, SR_ERR_INVALID,
                   "%s: %s and %s would both go there; {path} in -o keeps them apart", one->output,
                   sr_str_text(&first), sr_str_text(&second));
}

// Two sources for one output are refused; one that was said twice, as by itself and with its
// folder, is done once: the second loses its output.
static bool compare_outputs(struct batch_work *const *sorted, size_t count, struct sr_err *err)
{
    const struct batch_work *first = sorted[0];
    for (size_t i = 1; i < count; i++) {
        if (strcmp(first->output, sorted[i]->output) != 0) {
            first = sorted[i];
            continue;
        }
        if (strcmp(first->item->source, sorted[i]->item->source) != 0)
            return fail_both(first, sorted[i], err);
        free(sorted[i]->output);
        sorted[i]->output = NULL;
    }
    return true;
}

static bool drop_doubles(struct batch_works *works, struct sr_err *err)
{
    struct batch_work **const sorted = calloc(works->count + 1, sizeof(*sorted));
    size_t count = 0;
    if (!sorted)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a list of outputs");
    for (size_t i = 0; i < works->count; i++)
        sorted[i] = &works->item[i];
    qsort(sorted, works->count, sizeof(*sorted), by_output);
    const bool done = compare_outputs(sorted, works->count, err);
    free(sorted);
    for (size_t i = 0; done && i < works->count; i++) {
        if (works->item[i].output)
            works->item[count++] = works->item[i];
    }
    works->count = done ? count : works->count;
    return done;
}

static bool check_outputs(const struct batch_works *works, struct sr_err *err)
{
    for (size_t i = 0; i < works->count; i++) {
        const struct batch_work *const work = &works->item[i];
        if (strcmp(work->output, work->item->source) == 0)
            return sr_fail(err, SR_ERR_INVALID, "%s: the output would take the source's place",
                           work->output);
    }
    return true;
}

bool batch_works_is_there(const struct batch_works *works, const char *output, bool *ret,
                          struct sr_err *err)
{
    const size_t bytes = strlen(output);
    sr_auto(char) char *name =
        sr_strf(err, "%s%s", output, output[bytes - 1] == '/' ? "report.json" : "");
    sr_auto(blob_place) struct blob_place place = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    struct sr_err why = { 0 };
    if (!name)
        return false;
    *ret = blob_stores_open(works->stores, name, BLOB_PLACE_READ, &place, &why) &&
           blob_head(&place.blob, place.key, &info, &why);
    if (*ret || why.code == SR_ERR_NOT_FOUND)
        return true;
    *ret = works->way->is_afar && why.code != SR_ERR_CANCELLED && why.code != SR_ERR_NO_MEMORY;
    if (*ret)
        return true;
    *err = why;
    return sr_err_wrap(err, "%s", name);
}

static bool probe(const struct batch_works *works, const char *source, json_t **ret,
                  struct sr_err *err)
{
    const struct batch_options *const options = works->options;
    const char *argv[2 * BATCH_WORDS_MAX + WORDS_MAX] = { "splitreel", "probe", "--json" };
    size_t count = 3, bytes = 0;
    sr_auto(char) char *text = NULL;
    for (size_t i = 0; i < options->run_word_count; i++) {
        if (options->is_store_word[i])
            argv[count++] = options->run_words[i];
    }
    argv[count++] = "--";
    argv[count] = source;
    return batch_child_output(argv, PROBE_BYTES_MAX, works->stop, &text, &bytes, err) &&
           jx_parse(text, bytes, false, ret, err);
}

// What cannot be probed cannot be said to miss a condition: its run tells what is wrong with it.
static bool meets(const struct batch_works *works, const struct batch_work *work, bool *ret,
                  struct sr_err *err)
{
    const struct batch_options *const options = works->options;
    sr_auto(json) json_t *found = NULL;
    *ret = true;
    if (options->where_count == 0)
        return true;
    if (!probe(works, work->item->source, &found, err)) {
        const bool is_its_own = err->code == SR_ERR_INPUT || err->code == SR_ERR_INVALID;
        if (is_its_own)
            *err = (struct sr_err){ 0 };
        return is_its_own;
    }
    for (size_t i = 0; i < options->where_count; i++)
        *ret &= batch_where_holds(&options->where[i], found);
    return true;
}

// Puts those that are to be done to the front.
static bool choose(struct batch_works *works, struct sr_err *err)
{
    for (size_t i = 0; i < works->count; i++) {
        const struct batch_work work = works->item[i];
        bool is_made = batch_ledger_is_done(works->ledger, work.item, work.output, works->settings);
        bool is_met = true;
        // what somebody has removed is made again
        if (is_made && !batch_works_is_there(works, work.output, &is_made, err))
            return false;
        if (!is_made && !meets(works, &work, &is_met, err))
            return false;
        works->skipped_count += is_made;
        works->unmet_count += !is_made && !is_met;
        if (is_made || !is_met)
            continue;
        works->item[i] = works->item[works->todo_count];
        works->item[works->todo_count++] = work;
    }
    return true;
}

// Everything but source and output that decides what is made.
static bool digest_settings(struct batch_works *works, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str words = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    for (size_t i = 0; i < works->options->run_word_count; i++) {
        if (!sr_str_add_bytes(&words, works->options->run_words[i],
                              strlen(works->options->run_words[i]) + 1, err))
            return false;
    }
    if (!sr_sha256(sr_str_text(&words), words.bytes, digest, err))
        return false;
    sr_hex(digest, sizeof(digest), works->settings);
    return true;
}

bool batch_works_find(struct batch_works *ret, struct sr_err *err)
{
    struct blob_stores_params params = { .clock = sr_clock_system(), .cancel = ret->stop };
    return store_options_params(&ret->options->stores, &params, err) &&
           blob_stores_new(&params, &ret->stores, err) && select_items(ret, err) &&
           batch_ledger_open(ret->options->report, &ret->ledger, err) && add_works(ret, err) &&
           drop_doubles(ret, err) && check_outputs(ret, err) && digest_settings(ret, err) &&
           choose(ret, err);
}
