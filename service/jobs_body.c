#include "service/jobs_body.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

enum jobs_body_kind jobs_body_kind(const char *content_type)
{
    static const struct row {
        const char *type;
        enum jobs_body_kind kind;
    } rows[] = {
        { "application/json", JOBS_BODY_JSON },
        { "application/jsonl", JOBS_BODY_LINES },
        { "application/x-ndjson", JOBS_BODY_LINES },
    };
    const size_t bytes = content_type ? strcspn(content_type, "; \t") : 0;
    for (size_t i = 0; content_type && i < sizeof rows / sizeof *rows; i++) {
        if (strlen(rows[i].type) == bytes && strncasecmp(rows[i].type, content_type, bytes) == 0)
            return rows[i].kind;
    }
    return JOBS_BODY_NONE;
}

void jobs_body_done(struct jobs_body *body)
{
    for (size_t i = 0; body->is_many && i < body->count; i++) {
        free((char *)(uintptr_t)body->items[i].manifest);
        free((char *)(uintptr_t)body->items[i].place);
    }
    free(body->items);
    *body = (struct jobs_body){ 0 };
}

static bool new_items(struct jobs_body *ret, size_t count, struct sr_err *err)
{
    if (count == 0 || count > JOBS_MANY_MAX)
        return sr_fail(err, SR_ERR_INVALID, "$.jobs: want 1 to %d manifests", JOBS_MANY_MAX);
    ret->items = calloc(count, sizeof *ret->items);
    return ret->items || sr_fail(err, SR_ERR_NO_MEMORY, "manifests");
}

// Takes both texts.
static bool add_item(struct jobs_body *ret, const struct job_submit *common, char *text,
                     char *place, struct sr_err *err)
{
    struct job_submit *const item = &ret->items[ret->count++];
    *item = *common;
    item->manifest = text;
    item->place = place;
    item->bytes = text ? strlen(text) : 0;
    return (text && place) || sr_fail(err, SR_ERR_NO_MEMORY, "manifests");
}

static bool take_list(struct jobs_body *ret, const struct job_submit *common, const json_t *root,
                      struct sr_err *err)
{
    static const char *const known[] = { "jobs", NULL };
    const struct jx at = jx_root(root);
    struct jx list;
    ret->is_many = true;
    if (!jx_only(&at, known, err) || !jx_array(&at, "jobs", &list, err) ||
        !new_items(ret, json_array_size(list.value), err))
        return false;
    for (size_t i = 0; i < json_array_size(list.value); i++) {
        char *text = NULL;
        const struct jx row = jx_at(&list, i);
        if (!json_is_object(row.value))
            return jx_fail(&row, err, "want an object");
        if (!jx_dump(row.value, false, &text, err) ||
            !add_item(ret, common, text, sr_strf(err, "$.jobs[%zu]", i), err))
            return false;
    }
    return true;
}

static bool is_blank(const char *line, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (!strchr(" \t\r", line[i]))
            return false;
    }
    return true;
}

static bool take_lines(struct jobs_body *ret, const struct job_submit *common, const char *body,
                       size_t size, struct sr_err *err)
{
    size_t count = 0, number = 0;
    ret->is_many = true;
    if (memchr(body, '\0', size))
        return sr_fail(err, SR_ERR_INVALID, "a NUL in JSON Lines");
    for (const char *at = body; *at; at += strcspn(at, "\n"), at += *at == '\n')
        count += !is_blank(at, strcspn(at, "\n"));
    if (!new_items(ret, count, err))
        return false;
    for (const char *at = body; *at; at += *at == '\n') {
        const size_t bytes = strcspn(at, "\n");
        number++;
        if (!is_blank(at, bytes) && !add_item(ret, common, sr_strf(err, "%.*s", (int)bytes, at),
                                              sr_strf(err, "line %zu: $", number), err))
            return false;
        at += bytes;
    }
    return true;
}

bool jobs_body_read(struct jobs_body *ret, enum jobs_body_kind kind,
                    const struct job_submit *common, const char *body, size_t size,
                    struct sr_err *err)
{
    sr_auto(json) json_t *root = NULL;
    if (kind == JOBS_BODY_LINES)
        return take_lines(ret, common, body, size, err);
    if (!jx_parse(body, size, true, &root, err))
        return false;
    if (json_object_get(root, "jobs"))
        return take_list(ret, common, root, err);
    if (!new_items(ret, 1, err))
        return false;
    ret->items[0] = *common;
    ret->items[0].manifest = body;
    ret->items[0].bytes = size;
    ret->count = 1;
    return true;
}
