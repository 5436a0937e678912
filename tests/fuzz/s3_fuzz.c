// Any reply of a store: the readers of its XML, and URLs. The first byte picks one.
#include <string.h>

#include "base/str.h"
#include "net/url.h"
#include "storage/s3_xml.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "s3";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void read_lists(char which, const char *text, size_t bytes)
{
    struct sr_err err = { 0 };
    sr_auto(blob_page) struct blob_page page = { 0 };
    sr_auto(blob_uploads) struct blob_uploads uploads = { 0 };
    sr_auto(blob_parts) struct blob_parts parts = { 0 };
    sr_auto(blob_pairs) struct blob_pairs tags = { 0 };
    bool more, done;
    switch (which) {
    case 'l':
        done = s3_xml_page(text, bytes, &page, &err);
        for (size_t i = 1; done && i < page.count; i++)
            FUZZ_CHECK(strcmp(page.item[i - 1].key, page.item[i].key) <= 0);
        break;
    case 'u': done = s3_xml_uploads(text, bytes, &uploads, &err); break;
    case 'p': done = s3_xml_parts(text, bytes, &parts, &more, &err); break;
    default: done = s3_xml_tags(text, bytes, &tags, &err); break;
    }
    FUZZ_CHECK(done || (err.code != SR_OK && err.message[0] != '\0'));
}

// What was taken apart and put together again is the same URL.
static void read_url(const char *data, size_t bytes)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = sr_strf(&err, "%.*s", (int)bytes, data);
    sr_auto(url) struct url url = { 0 };
    sr_auto(url) struct url again = { 0 };
    sr_auto(sr_str) struct sr_str once = { 0 };
    sr_auto(sr_str) struct sr_str twice = { 0 };
    char shown[64];
    url_redact(text, shown, sizeof(shown));
    FUZZ_CHECK(!strchr(shown, '?'));
    if (!url_parse(text, &url, &err))
        return;
    FUZZ_CHECK(url_add_text(&url, &once, &err));
    if (once.bytes > URL_BYTES_MAX)
        return;  // encoding made it too long
    FUZZ_CHECK(url_parse(once.text, &again, &err) && url_add_text(&again, &twice, &err));
    FUZZ_CHECK(strcmp(once.text, twice.text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    const char *text = (const char *)data + 1;
    struct sr_err err = { 0 };
    char value[64];
    if (data[0] == 'x') {
        read_url(text, bytes - 1);
    } else if (data[0] == 'e') {
        const struct s3_error error = s3_xml_error(text, bytes - 1);
        FUZZ_CHECK(strlen(error.message) < sizeof(error.message));
    } else if (data[0] == 'v') {
        FUZZ_CHECK(s3_xml_value(text, bytes - 1, "ETag", value, sizeof(value), &err) ||
                   err.code != SR_OK);
    } else {
        read_lists((char)data[0], text, bytes - 1);
    }
    return 0;
}
