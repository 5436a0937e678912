#include <stdio.h>
#include <string.h>

#include "net/url.h"
#include "storage/blob_s3_priv.h"

static bool add_parameter(struct sr_str *query, const char *name, const char *value,
                          struct sr_err *err)
{
    return sr_str_addf(query, err, "%s%s=", query->bytes ? "&" : "", name) &&
           url_encode(value, strlen(value), "", query, err);
}

bool blob_s3_list(void *self, const struct blob_list *list, struct blob_page *ret,
                  struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str query = { 0 };
    char count[24];
    snprintf(count, sizeof(count), "%zu", list->count_max);
    if (!add_parameter(&query, "list-type", "2", err) ||
        !add_parameter(&query, "encoding-type", "url", err) ||
        !add_parameter(&query, "max-keys", count, err) ||
        !add_parameter(&query, "prefix", list->prefix, err) ||
        (list->delimiter && !add_parameter(&query, "delimiter", list->delimiter, err)) ||
        (list->after && !add_parameter(&query, "start-after", list->after, err)) ||
        (list->token && !add_parameter(&query, "continuation-token", list->token, err)))
        return false;
    struct blob_s3_call call = { .method = "GET", .query = query.text };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_auto(blob_page) struct blob_page page = { 0 };
    if (!blob_s3_run(self, &call, &reply, err) ||
        !s3_xml_page(reply.body, reply.body_bytes, &page, err))
        return false;
    *ret = page;
    page = (struct blob_page){ 0 };
    return true;
}

static bool remove_one(struct blob_s3 *s3, const char *key, struct sr_err *err)
{
    struct blob_s3_call call = { .method = "DELETE", .key = key };
    sr_auto(http_response) struct http_response reply = { 0 };
    return blob_s3_run(s3, &call, &reply, err) || err->code == SR_ERR_NOT_FOUND;
}

bool blob_s3_remove(void *self, const char *const *keys, size_t count, struct sr_err *err)
{
    if (count == 0)
        return true;
    if (count == 1)
        return remove_one(self, keys[0], err);
    sr_auto(sr_str) struct sr_str body = { 0 };
    if (!s3_xml_add_delete(&body, keys, count, err))
        return false;
    struct blob_s3_call call = {
        .method = "POST",
        .query = "delete=",
        .body = body.text,
        .body_bytes = body.bytes,
        .with_md5 = true,
        .error_in_200 = true,
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    if (!blob_s3_run(self, &call, &reply, err))
        return false;
    // with Quiet only failures are listed
    char code[64], key[256];
    struct sr_err none = { 0 };
    if (!s3_xml_value(reply.body, reply.body_bytes, "Code", code, sizeof(code), &none))
        return true;
    if (!s3_xml_value(reply.body, reply.body_bytes, "Key", key, sizeof(key), &none))
        key[0] = '\0';
    return sr_fail(err, strcmp(code, "AccessDenied") == 0 ? SR_ERR_DENIED : SR_ERR_STORAGE,
                   "deleting %.100s: %s", key, code);
}

bool blob_s3_tags_get(void *self, const char *key, struct blob_pairs *ret, struct sr_err *err)
{
    struct blob_s3_call call = { .method = "GET", .key = key, .query = "tagging=" };
    sr_auto(http_response) struct http_response reply = { 0 };
    sr_auto(blob_pairs) struct blob_pairs tags = { 0 };
    if (!blob_s3_run(self, &call, &reply, err)) {
        // some servers answer so to an object that has no tags
        return err->code == SR_ERR_NOT_FOUND && strstr(err->message, "NoSuchTagSet");
    }
    if (!s3_xml_tags(reply.body, reply.body_bytes, &tags, err))
        return false;
    *ret = tags;
    tags = (struct blob_pairs){ 0 };
    return true;
}

bool blob_s3_tags_set(void *self, const char *key, const struct blob_pairs *tags,
                      struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str body = { 0 };
    if (!s3_xml_add_tags(&body, tags, err))
        return false;
    struct blob_s3_call call = {
        .method = "PUT",
        .key = key,
        .query = "tagging=",
        .body = body.text,
        .body_bytes = body.bytes,
        .with_md5 = true,
    };
    sr_auto(http_response) struct http_response reply = { 0 };
    return blob_s3_run(self, &call, &reply, err);
}
