#include "storage/blob_range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool blob_range_text(const struct blob_get *get, char text[BLOB_RANGE_TEXT])
{
    const bool to_end = get->bytes > UINT64_MAX - get->offset;
    if (to_end)
        snprintf(text, BLOB_RANGE_TEXT, "bytes=%" PRIu64 "-", get->offset);
    else
        snprintf(text, BLOB_RANGE_TEXT, "bytes=%" PRIu64 "-%" PRIu64, get->offset,
                 get->offset + get->bytes - 1);
    return get->offset > 0 || !to_end;
}

// "bytes 0-99/1234"
static bool parse_content_range(const char *text, uint64_t *first, uint64_t *last, uint64_t *total)
{
    return text &&
           sscanf(text, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, first, last, total) == 3 &&
           *first <= *last && *last < *total;
}

bool blob_range_accept(struct blob_range *range, const struct http_response *head, const char *etag,
                       struct sr_err *err)
{
    const struct blob_get *get = range->get;
    uint64_t first = 0, last = 0, total = 0;
    if (head->status == 206) {
        if (!parse_content_range(http_response_header(head, "content-range"), &first, &last,
                                 &total) ||
            first != get->offset || last - first >= get->bytes)
            return sr_fail(err, SR_ERR_STORAGE, "the reply holds another range than was asked for");
        range->total_bytes = total;
        range->expect_bytes = last - first + 1;
        const uint64_t left = total - first;
        if (range->expect_bytes != (get->bytes < left ? get->bytes : left))
            return sr_fail(err, SR_ERR_NETWORK, "the reply holds less than was asked for");
    } else {
        const char *length = http_response_header(head, "content-length");
        if (!length)
            return sr_fail(err, SR_ERR_UNSUPPORTED, "the reply has no Content-Length");
        range->total_bytes = range->expect_bytes = strtoull(length, NULL, 10);
        if (get->offset > 0 || range->total_bytes > get->bytes)
            return sr_fail(err, SR_ERR_UNSUPPORTED, "the server does not answer to ranges");
    }
    return !get->if_match || !*etag || strcmp(etag, get->if_match) == 0 ||
           sr_fail(err, SR_ERR_CONFLICT, "%s has changed", get->key);
}

bool blob_range_complete(struct blob_range *range, const struct http_response *reply,
                         const char *etag, struct sr_err *err)
{
    if (reply->status == 416)
        return true;
    if (reply->received_bytes == 0 && !blob_range_accept(range, reply, etag, err))
        return false;  // no body, so nobody has looked
    return reply->received_bytes == range->expect_bytes ||
           sr_fail(err, SR_ERR_NETWORK, "%s: %" PRIu64 " bytes came instead of %" PRIu64,
                   range->get->key, reply->received_bytes, range->expect_bytes);
}
