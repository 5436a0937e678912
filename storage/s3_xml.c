#include "storage/s3_xml.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/url.h"
#include "net/xml.h"

int64_t s3_xml_time(const char *text)
{
    struct tm tm = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end) {
        tm = (struct tm){ 0 };
        end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    return end ? (int64_t)timegm(&tm) * 1000000 : 0;
}

static const char *leaf_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is(const char *path, const char *tail)
{
    const size_t path_bytes = strlen(path), tail_bytes = strlen(tail);
    return path_bytes > tail_bytes && path[path_bytes - tail_bytes - 1] == '/' &&
           strcmp(path + path_bytes - tail_bytes, tail) == 0;
}

// Errors -----------------------------------------------------------------------------------------

static bool take_error(void *self, const char *path, const char *text, struct sr_err *err)
{
    struct s3_error *error = self;
    (void)err;
    // what is too long is cut, it is only shown
    if (strcmp(path, "Error/Code") == 0 || strcmp(path, "ErrorResponse/Error/Code") == 0)
        (void)!sr_format(error->code, sizeof(error->code), "%s", text);
    else if (strcmp(path, "Error/Message") == 0)
        (void)!sr_format(error->message, sizeof(error->message), "%s", text);
    else if (strcmp(path, "Error/Region") == 0)
        (void)!sr_format(error->region, sizeof(error->region), "%s", text);
    return true;
}

struct s3_error s3_xml_error(const char *text, size_t bytes)
{
    struct s3_error error = { 0 };
    struct sr_err err = { 0 };
    const struct xml_visitor visitor = { .end = take_error, .self = &error };
    if (!xml_parse(text, bytes, &visitor, &err))
        error = (struct s3_error){ 0 };
    return error;
}

// One value --------------------------------------------------------------------------------------

struct wanted {
    const char *name;
    char *value;
    size_t capacity;
    bool found;
};

static bool take_wanted(void *self, const char *path, const char *text, struct sr_err *err)
{
    struct wanted *wanted = self;
    if (wanted->found || strcmp(leaf_of(path), wanted->name) != 0)
        return true;
    wanted->found = true;
    return sr_format(wanted->value, wanted->capacity, "%s", text) ||
           sr_fail(err, SR_ERR_INVALID, "%s in the reply is too long", wanted->name);
}

bool s3_xml_value(const char *text, size_t bytes, const char *name, char *value, size_t capacity,
                  struct sr_err *err)
{
    struct wanted wanted = { .name = name, .value = value, .capacity = capacity };
    const struct xml_visitor visitor = { .end = take_wanted, .self = &wanted };
    if (!xml_parse(text, bytes, &visitor, err))
        return false;
    return wanted.found || sr_fail(err, SR_ERR_INVALID, "the reply has no %s", name);
}

// Listings ---------------------------------------------------------------------------------------

struct page_reader {
    struct blob_page *page;
    bool encoded;  // EncodingType url: keys are percent-encoded
    bool truncated;
};

static bool begin_entry(void *self, const char *path, struct sr_err *err)
{
    struct page_reader *reader = self;
    struct blob_entry *entry;
    const bool folder = strcmp(path, "ListBucketResult/CommonPrefixes") == 0;
    if (!folder && strcmp(path, "ListBucketResult/Contents") != 0)
        return true;
    return blob_page_add(reader->page, "", folder, &entry, err);
}

static bool take_entry(void *self, const char *path, const char *text, struct sr_err *err)
{
    struct page_reader *reader = self;
    struct blob_page *page = reader->page;
    if (strcmp(path, "ListBucketResult/EncodingType") == 0) {
        reader->encoded = strcmp(text, "url") == 0;
    } else if (strcmp(path, "ListBucketResult/IsTruncated") == 0) {
        page->more = strcmp(text, "true") == 0;
    } else if (strcmp(path, "ListBucketResult/NextContinuationToken") == 0) {
        free(page->next);
        page->next = sr_str_dup(text, err);
        return page->next != NULL;
    } else if (page->count && (is(path, "Contents/Key") || is(path, "CommonPrefixes/Prefix"))) {
        struct blob_entry *entry = &page->item[page->count - 1];
        free(entry->key);
        entry->key = sr_str_dup(text, err);
        return entry->key != NULL;
    } else if (page->count && is(path, "Contents/Size")) {
        page->item[page->count - 1].bytes = strtoull(text, NULL, 10);
    } else if (page->count && is(path, "Contents/LastModified")) {
        page->item[page->count - 1].modified_us = s3_xml_time(text);
    } else if (page->count && is(path, "Contents/ETag")) {
        struct blob_entry *entry = &page->item[page->count - 1];
        return sr_format(entry->etag, sizeof(entry->etag), "%s", text) ||
               sr_fail(err, SR_ERR_INVALID, "an ETag of a listing is too long");
    }
    return true;
}

static bool decode_key(char **key, struct sr_err *err)
{
    sr_auto(sr_str) struct sr_str plain = { 0 };
    if (!url_decode(*key, strlen(*key), true, &plain, err))
        return false;
    char *text = sr_str_take(&plain);
    if (!text)
        return sr_fail(err, SR_ERR_NO_MEMORY, "key");
    free(*key);
    *key = text;
    return true;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct blob_entry *)a)->key, ((const struct blob_entry *)b)->key);
}

bool s3_xml_page(const char *text, size_t bytes, struct blob_page *page, struct sr_err *err)
{
    struct page_reader reader = { .page = page };
    const struct xml_visitor visitor = { begin_entry, take_entry, &reader };
    if (!xml_parse(text, bytes, &visitor, err))
        return sr_err_wrap(err, "listing");
    for (size_t i = 0; reader.encoded && i < page->count; i++) {
        if (!decode_key(&page->item[i].key, err))
            return false;
    }
    if (page->count)  // objects and folders come apart
        qsort(page->item, page->count, sizeof(page->item[0]), by_key);
    return !page->more || page->next ||
           sr_fail(err, SR_ERR_STORAGE, "the listing goes on without saying where");
}

struct uploads_reader {
    struct blob_uploads *uploads;
    struct blob_upload now;
    bool encoded;
};

static bool take_upload(void *self, const char *path, const char *text, struct sr_err *err)
{
    struct uploads_reader *reader = self;
    struct blob_upload *now = &reader->now;
    if (is(path, "EncodingType")) {
        reader->encoded = strcmp(text, "url") == 0;
    } else if (is(path, "IsTruncated")) {
        reader->uploads->more = strcmp(text, "true") == 0;
    } else if (is(path, "Upload/Key")) {
        free(now->key);
        now->key = sr_str_dup(text, err);
        return now->key != NULL;
    } else if (is(path, "Upload/UploadId")) {
        free(now->id);
        now->id = sr_str_dup(text, err);
        return now->id != NULL;
    } else if (is(path, "Upload/Initiated")) {
        now->started_us = s3_xml_time(text);
    } else if (is(path, "Upload")) {
        if (!now->key || !now->id)
            return sr_fail(err, SR_ERR_INVALID, "an upload in a listing has no key or id");
        const bool added =
            blob_uploads_add(reader->uploads, now->key, now->id, now->started_us, err);
        blob_upload_done(now);
        return added;
    }
    return true;
}

bool s3_xml_uploads(const char *text, size_t bytes, struct blob_uploads *uploads,
                    struct sr_err *err)
{
    struct uploads_reader reader = { .uploads = uploads };
    const struct xml_visitor visitor = { .end = take_upload, .self = &reader };
    const bool done = xml_parse(text, bytes, &visitor, err);
    blob_upload_done(&reader.now);
    for (size_t i = 0; done && reader.encoded && i < uploads->count; i++) {
        if (!decode_key(&uploads->item[i].key, err))
            return false;
    }
    return done || sr_err_wrap(err, "listing of uploads");
}

struct parts_reader {
    struct blob_parts *parts;
    struct blob_part now;
    bool more;
};

static bool take_part(void *self, const char *path, const char *text, struct sr_err *err)
{
    struct parts_reader *reader = self;
    if (is(path, "IsTruncated")) {
        reader->more = strcmp(text, "true") == 0;
    } else if (is(path, "Part/PartNumber")) {
        reader->now.number = (uint32_t)strtoul(text, NULL, 10);
    } else if (is(path, "Part/Size")) {
        reader->now.bytes = strtoull(text, NULL, 10);
    } else if (is(path, "Part/ETag")) {
        if (!sr_format(reader->now.etag, sizeof(reader->now.etag), "%s", text))
            return sr_fail(err, SR_ERR_INVALID, "an ETag of a part is too long");
    } else if (strncmp(leaf_of(path), "ChecksumType", 12) != 0 &&
               strncmp(leaf_of(path), "Checksum", 8) == 0) {  // an upload has one kind
        if (!sr_format(reader->now.checksum, sizeof(reader->now.checksum), "%s", text))
            return sr_fail(err, SR_ERR_INVALID, "a checksum of a part is too long");
    } else if (is(path, "Part")) {
        const bool added = blob_parts_add(reader->parts, &reader->now, err);
        reader->now = (struct blob_part){ 0 };
        return added;
    }
    return true;
}

bool s3_xml_parts(const char *text, size_t bytes, struct blob_parts *parts, bool *ret_more,
                  struct sr_err *err)
{
    struct parts_reader reader = { .parts = parts };
    const struct xml_visitor visitor = { .end = take_part, .self = &reader };
    if (!xml_parse(text, bytes, &visitor, err))
        return sr_err_wrap(err, "listing of parts");
    *ret_more = reader.more;
    return true;
}

struct tags_reader {
    struct blob_pairs *tags;
    char *name;
};

static bool take_tag(void *self, const char *path, const char *text, struct sr_err *err)
{
    struct tags_reader *reader = self;
    if (is(path, "Tag/Key")) {
        free(reader->name);
        reader->name = sr_str_dup(text, err);
        return reader->name != NULL;
    }
    return !is(path, "Tag/Value") || !reader->name ||
           blob_pairs_add(reader->tags, reader->name, text, err);
}

bool s3_xml_tags(const char *text, size_t bytes, struct blob_pairs *tags, struct sr_err *err)
{
    struct tags_reader reader = { .tags = tags };
    const struct xml_visitor visitor = { .end = take_tag, .self = &reader };
    const bool done = xml_parse(text, bytes, &visitor, err);
    free(reader.name);
    return done || sr_err_wrap(err, "tags");
}

// What we send -----------------------------------------------------------------------------------

#define NAMESPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static bool add_checksum(struct sr_str *out, const char *name, const char *value,
                         struct sr_err *err)
{
    return !name || !*value ||
           (sr_str_addf(out, err, "<%s>", name) && xml_escape(value, out, err) &&
            sr_str_addf(out, err, "</%s>", name));
}

bool s3_xml_add_complete(struct sr_str *out, const struct blob_parts *parts, const char *checksum,
                         struct sr_err *err)
{
    if (!sr_str_add(out, "<CompleteMultipartUpload" NAMESPACE ">", err))
        return false;
    for (size_t i = 0; i < parts->count; i++) {
        if (!sr_str_addf(out, err, "<Part><PartNumber>%u</PartNumber><ETag>",
                         parts->item[i].number) ||
            !xml_escape(parts->item[i].etag, out, err) || !sr_str_add(out, "</ETag>", err) ||
            !add_checksum(out, checksum, parts->item[i].checksum, err) ||
            !sr_str_add(out, "</Part>", err))
            return false;
    }
    return sr_str_add(out, "</CompleteMultipartUpload>", err);
}

bool s3_xml_add_delete(struct sr_str *out, const char *const *keys, size_t count,
                       struct sr_err *err)
{
    if (!sr_str_add(out, "<Delete" NAMESPACE "><Quiet>true</Quiet>", err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!sr_str_add(out, "<Object><Key>", err) || !xml_escape(keys[i], out, err) ||
            !sr_str_add(out, "</Key></Object>", err))
            return false;
    }
    return sr_str_add(out, "</Delete>", err);
}

bool s3_xml_add_tags(struct sr_str *out, const struct blob_pairs *tags, struct sr_err *err)
{
    if (!sr_str_add(out, "<Tagging" NAMESPACE "><TagSet>", err))
        return false;
    for (size_t i = 0; i < tags->count; i++) {
        if (!sr_str_add(out, "<Tag><Key>", err) || !xml_escape(tags->item[i].name, out, err) ||
            !sr_str_add(out, "</Key><Value>", err) || !xml_escape(tags->item[i].value, out, err) ||
            !sr_str_add(out, "</Value></Tag>", err))
            return false;
    }
    return sr_str_add(out, "</TagSet></Tagging>", err);
}
