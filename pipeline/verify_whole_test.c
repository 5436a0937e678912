// Files that end where their boxes say, and files that do not.
#include "pipeline/verify_whole.h"

#include "base/test.h"

#define FTYP "\0\0\0\014ftypisom"
#define MDAT "\0\0\0\014mdatabcd"
#define LARGE "\0\0\0\1mdat\0\0\0\0\0\0\0\022ab"
#define TEXT(text) .data = (text), .bytes = sizeof(text) - 1

static const struct row {
    const char *name, *data;
    size_t bytes;
    const char *words;  // of the finding; NULL: there is none
} rows[] = {
    { "whole", TEXT(FTYP MDAT), NULL },
    { "whole, 64 bits", TEXT(FTYP LARGE), NULL },
    { "to the end", TEXT(FTYP "\0\0\0\0mdatabcd"), NULL },
    { "without its last byte", TEXT(FTYP "\0\0\0\014mdatabc"),
      "the file ends within \"mdat\": 1 bytes are missing" },
    { "a head alone", TEXT(FTYP "\0\0\0\014mdat"), "4 bytes are missing" },
    { "64 bits, without the last two", TEXT(FTYP "\0\0\0\1mdat\0\0\0\0\0\0\0\022"),
      "2 bytes are missing" },
    { "64 bits, without an end", TEXT(FTYP "\0\0\0\1mdat\377\377\377\377\377\377\377\377ab"),
      "are missing" },
    { "an index", TEXT(FTYP MDAT "\0\0\0\077moovabcd"), "within \"moov\"" },
    { "something of one's own behind it", TEXT(FTYP MDAT "\0\0\0\077mineabcd"), NULL },
    { "some bytes behind it", TEXT(FTYP MDAT "abc"), NULL },
    { "no MP4", TEXT("\0\0\0\077mdatabcd"), NULL },
    { "nothing", TEXT(""), NULL },
};

static void each_row(void **state)
{
    const struct row *const row = *state;
    struct sr_err err = { 0 };
    sr_auto(sr_reader) struct sr_reader file = { 0 };
    struct verify_result *const result = calloc(1, sizeof(*result));
    assert_non_null(result);
    sr_assert_ok(sr_memory_reader_open(row->data, row->bytes, &file, &err), err);
    sr_assert_ok(verify_whole(&file, result, &err), err);
    assert_int_equal(result->finding_count, row->words ? 1 : 0);
    assert_int_equal(result->verdict, row->words ? VERIFY_FAIL : VERIFY_PASS);
    if (row->words)
        sr_assert_contains(result->findings[0].message, row->words);
    free(result);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows)];
    const size_t count = SR_TEST_ADD(tests, rows, each_row);
    return sr_test_run(__FILE__, tests, count);
}
