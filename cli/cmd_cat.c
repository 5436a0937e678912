// `splitreel cat`: an object's bytes, or some of them, on standard output.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/store_verb.h"
#include "pipeline/quantity.h"
#include "storage/blob_tools.h"

enum { ID_RANGE };

static const struct option_row rows[] = {
    { "range", "FROM-TO", ID_RANGE,
      "bytes from 0, both ends included: 0-99; 100- from there on; -100 the last hundred" },
    STORE_VERB_ROWS,
};

// A number between two places of a text; false when it is none.
static bool number_of(const char *from, const char *to, uint64_t *ret)
{
    char text[24];
    int64_t value;
    if (to <= from || (size_t)(to - from) >= sizeof(text))
        return false;
    memcpy(text, from, (size_t)(to - from));
    text[to - from] = '\0';
    if (!quantity_count(text, INT64_MAX - 1, &value))
        return false;
    *ret = (uint64_t)value;
    return true;
}

static bool set(void *self, int id, const char *value, struct sr_err *err)
{
    (void)id;
    struct blob_cat_params *params = self;
    const char *const dash = strchr(value, '-');
    const char *const end = value + strlen(value);
    uint64_t first = 0, last = 0;
    const bool has_first = dash && number_of(value, dash, &first);
    const bool has_last = dash && number_of(dash + 1, end, &last);
    const bool good = dash && (has_first || dash == value) && (has_last || dash + 1 == end) &&
                      (has_first || has_last) && (!has_first || !has_last || first <= last) &&
                      (has_first || last > 0);
    if (!good)
        return sr_fail(err, SR_ERR_INVALID, "--range %.60s: want 0-99, 100- or -100", value);
    params->offset = first;
    params->last_bytes = has_first ? 0 : last;
    params->bytes = has_first && has_last ? last - first + 1 : BLOB_TO_END;
    return true;
}

static bool run(void *self, struct store_call *call, struct sr_err *err)
{
    struct blob_cat_params *params = self;
    sr_auto(sr_writer) struct sr_writer out = { 0 };
    params->cancel = call->cli->stop;
    if (call->json)
        return sr_fail(err, SR_ERR_INVALID, "--json: cat gives the bytes as they are");
    if (!sr_fd_writer_open(STDOUT_FILENO, &out, err))
        return false;
    for (size_t i = 0; i < call->operand_count; i++) {
        const char *const url = call->operands[i];
        sr_auto(blob_place) struct blob_place place = { 0 };
        if (!blob_stores_open(call->stores, url, BLOB_PLACE_READ, &place, err) ||
            !blob_cat(&place, params, &out, err))
            return store_call_fail(call, url, err);
    }
    return true;
}

int cmd_cat(const struct cli *cli)
{
    struct blob_cat_params params = { .bytes = BLOB_TO_END };
    const struct store_verb verb = {
        .help =
            "splitreel cat URL... [options] - the bytes of objects on standard output\n\n"
            "  splitreel cat s3://bucket/film.mov > film.mov\n"
            "  splitreel cat --range 0-1023 https://host/film.mov | xxd\n\n"
            "Reads ahead by several ranges at once. An object that changes meanwhile fails it.\n\n"
            "Exit status: 0, 1 an object has changed, 2 wrong usage, 3 no such object, 4 store or network; 130 or 143\n"
            "interrupted.\n",
        .rows = rows,
        .wants = "an object to read",
        .operands_min = 1,
        .operands_max = STORE_VERB_OPERANDS_MAX,
        .set = set,
        .run = run,
        .self = &params,
    };
    return store_verb_main(cli, &verb);
}
