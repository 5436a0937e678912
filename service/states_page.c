// Pages of lists: opaque tokens, each good for the request that it was given for.
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "service/states_priv.h"

enum { PAGE_SIZE = 100, MARK_HEX = 2 * SR_SHA256_BYTES };

static size_t page_size(const struct states_call *call)
{
    const int64_t asked = states_int(call, "maxResults", 0);
    return asked > 0 ? (size_t)asked : PAGE_SIZE;
}

// A digest over the operation, the request and the position, so that a token of one list does not
// move about in another.
static bool mark(const struct states_call *call, const char *position, char hex[MARK_HEX + 1],
                 struct sr_err *err)
{
    uint8_t digest[SR_SHA256_BYTES];
    sr_auto(json) json_t *request = json_copy(call->request);
    if (!jx_made(request, err))
        return false;
    (void)json_object_del(request, "nextToken");  // either may be absent
    (void)json_object_del(request, "maxResults");
    char *dumped = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);
    sr_auto(char) char *text =
        dumped ? sr_strf(err, "%s\n%s\n%s", call->op->name, dumped, position) : NULL;
    free(dumped);
    if (!text)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a page");
    if (!sr_sha256(text, strlen(text), digest, err))
        return false;
    sr_hex(digest, sizeof digest, hex);
    return true;
}

// The position that nextToken holds ("": there is none), on the heap; else NULL, and it is refused.
// A token is "MARK POSITION" in base 64.
static char *page_start(struct states_call *call)
{
    struct sr_err err = { 0 };
    const char *token = states_text(call, "nextToken");
    uint8_t *data = NULL;
    size_t bytes;
    char hex[MARK_HEX + 1];
    char *position = token ? NULL : sr_str_dup("", &err);
    if (token && sr_base64_decode(token, &data, &bytes, &err) && bytes > MARK_HEX &&
        !memchr(data, 0, bytes)) {
        position = strndup((const char *)data + MARK_HEX, bytes - MARK_HEX);
        if (position && (!mark(call, position, hex, &err) || memcmp(hex, data, MARK_HEX) != 0)) {
            free(position);
            position = NULL;
        }
    }
    free(data);
    if (!position && err.code == SR_ERR_NO_MEMORY)
        (void)states_refuse_err(call, &err);
    else if (!position)
        (void)states_refuse(call, "InvalidToken", STATES_INVALID_TOKEN);
    return position;
}

static bool put_next(struct states_call *call, json_t *result, const char *position,
                     struct sr_err *err)
{
    char hex[MARK_HEX + 1];
    if (!mark(call, position, hex, err))
        return false;
    sr_auto(char) char *text = sr_strf(err, "%s%s", hex, position);
    sr_auto(char) char *token = text ? sr_base64(text, strlen(text), err) : NULL;
    return token && jx_put(result, "nextToken", json_string(token), err);
}

// --- lists ---

void states_list_done(struct states_list *list)
{
    json_decref(list->items);
    free(list->last);
}

bool states_list_add(struct states_list *list, json_t *entry, const char *position,
                     struct sr_err *err)
{
    if (json_array_size(list->items) == list->size) {
        json_decref(entry);
        list->more = true;
        return sr_fail(err, SR_ERR_LIMIT, "the page is full");
    }
    free(list->last);
    list->last = sr_str_dup(position, err);
    if (!list->last) {
        json_decref(entry);
        return false;
    }
    return jx_append(list->items, entry, err);
}

enum states_next states_list(struct states_call *call, const char *member, states_list_fn read)
{
    struct sr_err err = { 0 };
    sr_auto(states_list) struct states_list list = { .call = call,
                                                     .items = json_array(),
                                                     .size = page_size(call) };
    sr_auto(char) char *start = page_start(call);
    if (!start)
        return STATES_ANSWER;
    const struct store *reader = states_reader_lock(call->api);
    const bool read_all = read(reader, &list, start, &err);
    states_reader_unlock(call->api);
    json_t *result = json_object();
    const bool done = (read_all || list.more) &&
                      jx_put(result, member, json_incref(list.items), &err) &&
                      (!list.more || put_next(call, result, list.last, &err));
    if (done)
        return states_result(call, result);
    json_decref(result);
    if (!call->error)
        (void)states_refuse_err(call, &err);
    return STATES_ANSWER;
}
