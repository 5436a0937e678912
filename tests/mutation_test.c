// The verifier works: what chance, a disk or a bug could do to a segment's result is caught when it
// is joined (nothing is published, the segment is named), or the result is made again.
#include <libavutil/crc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "tests/title.h"

#define WORDS "--segment-mode keyframe --segment 2s --keep"
enum { SEGMENTS = 5, VICTIM = 2, SAMPLES_MAX = 4096 };  // VICTIM counts from 0

static char good[TITLE_PATH_BYTES], kept[TITLE_PATH_BYTES];  // output and workspace of a good run

// One result: its document and its bytes.
struct result {
    char document_path[TITLE_PATH_BYTES], data_path[TITLE_PATH_BYTES];
    json_t *document, *part;
    uint8_t *data;
    size_t bytes;
};

static uint8_t *load(const char *path, size_t *ret_bytes)
{
    FILE *const file = fopen(path, "rb");
    struct stat status;
    assert_true(file && fstat(fileno(file), &status) == 0);
    uint8_t *const data = malloc((size_t)status.st_size + 1);
    assert_true(data && fread(data, 1, (size_t)status.st_size, file) == (size_t)status.st_size);
    fclose(file);
    *ret_bytes = (size_t)status.st_size;
    return data;
}

static void store(const char *path, const void *data, size_t bytes)
{
    FILE *const file = fopen(path, "wb");
    assert_true(file && fwrite(data, 1, bytes, file) == bytes);
    assert_int_equal(fclose(file), 0);
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}
static void set(json_t *object, const char *key, json_int_t value)
{
    assert_int_equal(json_object_set_new(object, key, json_integer(value)), 0);
}
static void add(json_t *object, const char *key, json_int_t value)
{
    set(object, key, number(object, key) + value);
}
static json_int_t item(const json_t *object, const char *key, size_t index)
{
    return json_integer_value(json_array_get(json_object_get(object, key), index));
}
static void set_item(json_t *object, const char *key, size_t index, json_int_t value)
{
    assert_int_equal(json_array_set_new(json_object_get(object, key), index, json_integer(value)),
                     0);
}

static int by_start(const void *a, const void *b)
{
    const struct result *const left = a, *const right = b;
    const json_int_t x = number(left->part, "start_pts"), y = number(right->part, "start_pts");
    return (x > y) - (x < y);
}

// A column of samples is a text of numbers; for the mutations it is an array.
static const char *const columns[] = { "pts", "dts", "bytes", "crc32" };
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static void unpack(json_t *samples)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        json_t *const array = json_array();
        const char *text = json_string_value(json_object_get(samples, columns[i]));
        assert_non_null(text);
        while (*text) {
            char *end = NULL;
            json_array_append_new(array, json_integer(strtoll(text, &end, 10)));
            text = *end ? end + 1 : end;
        }
        json_object_set_new(samples, columns[i], array);
    }
}

static void pack(json_t *samples)
{
    struct sr_err err = { 0 };
    for (size_t i = 0; i < COLUMNS; i++) {
        sr_auto(sr_str) struct sr_str text = { 0 };
        const json_t *const array = json_object_get(samples, columns[i]);
        for (size_t k = 0; k < json_array_size(array); k++)
            sr_assert_ok(sr_str_addf(&text, &err, "%s%lld", k ? " " : "",
                                     (long long)json_integer_value(json_array_get(array, k))),
                         err);
        json_object_set_new(samples, columns[i], json_string(sr_str_text(&text)));
    }
}

// The results of one kind in a workspace, in the title's order.
static size_t open_results(const char *workspace, const char *kind, struct result *results)
{
    char text[TITLE_PATH_BYTES * 2], line[TITLE_PATH_BYTES];
    size_t count = 0;
    snprintf(text, sizeof(text), "ls '%s' | grep -E '^[0-9a-f]{64}[.]json$'", workspace);
    FILE *const names = popen(text, "r");
    assert_non_null(names);
    while (fgets(line, sizeof(line), names)) {
        struct result result = { 0 };
        json_error_t error;
        line[strcspn(line, ".")] = '\0';
        snprintf(result.document_path, sizeof(result.document_path), "%.300s/%.80s.json", workspace,
                 line);
        snprintf(result.data_path, sizeof(result.data_path), "%.300s/%.80s.m4s", workspace, line);
        result.document = json_load_file(result.document_path, 0, &error);
        assert_non_null(result.document);
        result.part = json_object_get(result.document, "part");
        if (strcmp(json_string_value(json_object_get(result.part, "kind")), kind) != 0) {
            json_decref(result.document);
            continue;
        }
        unpack(json_object_get(result.part, "samples"));
        result.data = load(result.data_path, &result.bytes);
        assert_true(count < SEGMENTS);
        results[count++] = result;
    }
    pclose(names);
    qsort(results, count, sizeof(results[0]), by_start);
    return count;
}

static void close_results(struct result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(results[i].document);
        free(results[i].data);
    }
}

static void save(const struct result *result)
{
    pack(json_object_get(json_object_get(result->document, "part"), "samples"));
    assert_int_equal(json_dump_file(result->document, result->document_path, JSON_COMPACT), 0);
    store(result->data_path, result->data, result->bytes);
}

// Samples of a result's first fragment ------------------------------------------------------------
struct sample {
    uint8_t *data;
    size_t bytes;
};

static size_t take_samples(const struct result *result, struct sample *list)
{
    const json_t *const fragments = json_object_get(result->part, "fragments");
    const json_t *const samples = json_object_get(result->part, "samples");
    const size_t count = (size_t)item(fragments, "sample_count", 0);
    size_t offset = (size_t)item(fragments, "data_offset", 0);
    assert_true(count <= SAMPLES_MAX);
    for (size_t i = 0; i < count; i++) {
        list[i].bytes = (size_t)item(samples, "bytes", i);
        list[i].data = malloc(list[i].bytes);
        assert_non_null(list[i].data);
        memcpy(list[i].data, result->data + offset, list[i].bytes);
        offset += list[i].bytes;
    }
    return count;
}

// Writes them back one behind the other, with a document that agrees or not.
static void put_samples(struct result *result, const struct sample *list, size_t count,
                        bool document_too)
{
    const json_t *const fragments = json_object_get(result->part, "fragments");
    json_t *const samples = json_object_get(result->part, "samples");
    size_t offset = (size_t)item(fragments, "data_offset", 0);
    const size_t end = (size_t)(item(fragments, "offset", 0) + item(fragments, "bytes", 0));
    for (size_t i = 0; i < count && offset + list[i].bytes <= end; i++) {
        memcpy(result->data + offset, list[i].data, list[i].bytes);
        offset += list[i].bytes;
        if (!document_too)
            continue;
        const uint32_t crc =
            av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), UINT32_MAX, list[i].data, list[i].bytes) ^
            UINT32_MAX;
        set_item(samples, "bytes", i, (json_int_t)list[i].bytes);
        set_item(samples, "crc32", i, (json_int_t)crc);
    }
}

static void free_samples(struct sample *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i].data);
}

// The last sample of the document is gone; its bytes stay as slack of the fragment.
static void drop_last(struct result *result)
{
    json_t *const fragments = json_object_get(result->part, "fragments");
    json_t *const samples = json_object_get(result->part, "samples");
    const size_t last_fragment = json_array_size(json_object_get(fragments, "offset")) - 1;
    const size_t last = json_array_size(json_object_get(samples, "pts")) - 1;
    for (size_t i = 0; i < COLUMNS; i++)
        assert_int_equal(json_array_remove(json_object_get(samples, columns[i]), last), 0);
    set_item(fragments, "sample_count", last_fragment,
             item(fragments, "sample_count", last_fragment) - 1);
}

// Mutations ---------------------------------------------------------------------------------------
static void drop_all_agree(struct result *results)
{
    json_t *const part = results[VICTIM].part, *const account = json_object_get(part, "account");
    drop_last(&results[VICTIM]);
    add(part, "frame_count", -1);
    add(account, "shown", -1);
    add(account, "packets", -1);
}

// The worst liar: the packet is called discarded, so that the sum closes.
static void drop_called_discarded(struct result *results)
{
    json_t *const part = results[VICTIM].part, *const account = json_object_get(part, "account");
    drop_last(&results[VICTIM]);
    add(part, "frame_count", -1);
    add(account, "shown", -1);
    add(account, "discarded", 1);
}

static void drop_counts_stay(struct result *results)
{
    drop_last(&results[VICTIM]);
}

static void drop_half_said(struct result *results)
{
    json_t *const samples = json_object_get(results[VICTIM].part, "samples");
    assert_int_equal(json_array_remove(json_object_get(samples, "pts"), 5), 0);
}

static void exchange(struct result *results, bool document_too)
{
    static struct sample list[SAMPLES_MAX];
    const size_t count = take_samples(&results[VICTIM], list);
    const struct sample kept_sample = list[3];
    list[3] = list[4];
    list[4] = kept_sample;
    put_samples(&results[VICTIM], list, count, document_too);
    free_samples(list, count);
}
static void swap_in_data(struct result *results)
{
    exchange(results, false);
}

// Takes the place of the longer neighbour, so that it fits.
static void duplicate(struct result *results, bool document_too)
{
    static struct sample list[SAMPLES_MAX];
    const size_t count = take_samples(&results[VICTIM], list);
    const size_t from = list[5].bytes <= list[6].bytes ? 5 : 6, to = 11 - from;
    free(list[to].data);
    list[to] = list[from];
    put_samples(&results[VICTIM], list, count, document_too);
    list[to].data = NULL;
    free_samples(list, count);
}
static void duplicate_in_data(struct result *results)
{
    duplicate(results, false);
}

static void duplicate_time(struct result *results)
{
    json_t *const samples = json_object_get(results[VICTIM].part, "samples");
    set_item(samples, "pts", 6, item(samples, "pts", 5));
}

static void swap_times(struct result *results)
{
    json_t *const samples = json_object_get(results[VICTIM].part, "samples");
    const json_int_t pts = item(samples, "pts", 5);
    set_item(samples, "pts", 5, item(samples, "pts", 4));
    set_item(samples, "pts", 4, pts);
}

static void corrupt_data(struct result *results)
{
    results[VICTIM].data[results[VICTIM].bytes - 30] ^= 0x40;
}

static void corrupt_header(struct result *results)
{
    results[VICTIM].data[number(results[VICTIM].part, "init_bytes") - 5] ^= 1;
}

static void cut_data(struct result *results)
{
    results[VICTIM].bytes -= 1;
}

// Another segment's result under this one's name, with all that can be made to agree.
static void another_segment(struct result *results)
{
    struct result *const to = &results[VICTIM], *const from = &results[VICTIM + 1];
    json_object_set_new(from->document, "key",
                        json_string(json_string_value(json_object_get(to->document, "key"))));
    free(to->data);
    to->data = malloc(from->bytes);
    assert_non_null(to->data);
    memcpy(to->data, from->data, from->bytes);
    to->bytes = from->bytes;
    json_object_set(to->document, "part", from->part);
}

static void another_key(struct result *results)
{
    json_object_set(results[VICTIM].document, "part", results[VICTIM + 1].part);
}

static void shift(struct result *results, json_int_t ticks, size_t from_sample)
{
    json_t *const part = results[0].part;
    json_t *const fragments = json_object_get(part, "fragments");
    json_t *const samples = json_object_get(part, "samples");
    const size_t count = json_array_size(json_object_get(samples, "pts"));
    for (size_t i = from_sample; i < count; i++) {
        set_item(samples, "pts", i, item(samples, "pts", i) + ticks);
        set_item(samples, "dts", i, item(samples, "dts", i) + ticks);
    }
    if (from_sample > 0)
        return;
    add(part, "start_pts", ticks);
    add(part, "end_pts", ticks);
    for (size_t i = 0; i < json_array_size(json_object_get(fragments, "start_pts")); i++)
        set_item(fragments, "start_pts", i, item(fragments, "start_pts", i) + ticks);
}
static void shift_sound(struct result *results)
{
    shift(results, 1024, 0);
}
static void shift_half_the_sound(struct result *results)
{
    shift(results, 1024, 100);
}
static void priming_is_heard(struct result *results)
{
    add(results[0].part, "priming_samples", -1024);
    add(results[0].part, "frame_count", 1024);
}
static void corrupt_sound(struct result *results)
{
    results[0].data[results[0].bytes - 30] ^= 0x40;
}

static const struct row {
    const char *name, *kind;
    void (*mutate)(struct result *results);
    enum { CAUGHT, MADE_AGAIN } want;
    const char *says;
} rows[] = {
    { "a frame dropped, all counts agree", "video", drop_all_agree, CAUGHT, "segment" },
    { "a frame dropped, called discarded", "video", drop_called_discarded, CAUGHT, "segment 3" },
    { "a frame dropped, the counts stay", "video", drop_counts_stay, CAUGHT, "segment 3" },
    { "a frame dropped from one column", "video", drop_half_said, MADE_AGAIN, NULL },
    { "two frames swapped", "video", swap_in_data, CAUGHT, "segment 3" },
    { "a frame duplicated", "video", duplicate_in_data, CAUGHT, "segment 3" },
    { "a time duplicated", "video", duplicate_time, CAUGHT, "segment 3" },
    { "two times swapped", "video", swap_times, CAUGHT, "segment 3" },
    { "a byte of a fragment corrupted", "video", corrupt_data, CAUGHT, "segment 3" },
    { "a byte of the header corrupted", "video", corrupt_header, MADE_AGAIN, NULL },
    { "a byte cut off", "video", cut_data, MADE_AGAIN, NULL },
    { "another segment's result", "video", another_segment, CAUGHT, "segment" },
    { "another result's document", "video", another_key, MADE_AGAIN, NULL },
    { "sound a codec frame late", "audio", shift_sound, CAUGHT,
      "segment 1 of audio: its sound begins" },
    { "sound a codec frame late from the middle on", "audio", shift_half_the_sound, CAUGHT,
      "segment 1" },
    { "priming that is heard", "audio", priming_is_heard, CAUGHT, "segment 1 of audio:" },
    { "a byte of the sound corrupted", "audio", corrupt_sound, CAUGHT, "segment 1" },
};

static void mutate(const struct row *row, const char *workspace)
{
    struct result results[SEGMENTS] = { 0 };
    const size_t count = open_results(workspace, row->kind, results);
    assert_int_equal(count, strcmp(row->kind, "video") == 0 ? SEGMENTS : 1);
    row->mutate(results);
    save(&results[strcmp(row->kind, "video") == 0 ? VICTIM : 0]);
    close_results(results, count);
}

static void each_row(void **state)
{
    const struct row *const row = *state;
    sr_auto(title) struct title *title = title_new("closed-gop.mp4");
    char workspace[TITLE_PATH_BYTES], output[TITLE_PATH_BYTES], report[TITLE_PATH_BYTES];
    snprintf(workspace, sizeof(workspace), "%s/mutant.mp4.work", title_scratch());
    snprintf(output, sizeof(output), "%s/mutant.mp4", title_scratch());
    sr_test_command("rm -rf '%s'* && cp -r '%s' '%s'", output, kept, workspace);
    snprintf(report, sizeof(report), "%s/mutant.report.json", title_scratch());
    (void)unlink(report);
    mutate(row, workspace);
    sr_auto(title_run) struct title_run run = { 0 };
    title_run(title->path, "mutant.mp4", WORDS, &run);
    if (row->want == MADE_AGAIN) {
        if (!run.done)
            fail_msg("not made again: %s", run.err.message);
        title_assert_same_bytes(good, output);
        return;
    }
    if (run.done)
        fail_msg("not caught");
    if (run.err.code != SR_ERR_VERIFY)
        fail_msg("%s (%s), want VERIFY", run.err.message, sr_err_row(run.err.code)->name);
    sr_assert_contains(run.err.message, row->says);
    assert_int_not_equal(access(output, F_OK), 0);
    assert_int_not_equal(access(report, F_OK), 0);
}

// What is there is used when nothing is wrong with it: else the rows above would prove nothing.
static void untouched(void **state)
{
    (void)state;
    sr_auto(title) struct title *title = title_new("closed-gop.mp4");
    sr_auto(title_run) struct title_run run = { 0 };
    char workspace[TITLE_PATH_BYTES];
    snprintf(workspace, sizeof(workspace), "%s/mutant.mp4.work", title_scratch());
    sr_test_command("rm -rf '%s' && cp -r '%s' '%s'", workspace, kept, workspace);
    sr_test_command("cd '%s' && ls -i *.m4s > ../before.txt", workspace);
    title_run_ok(title->path, "mutant.mp4", WORDS, &run);
    sr_test_command("cd '%s' && ls -i *.m4s > ../after.txt && cmp ../before.txt ../after.txt",
                    workspace);
    title_assert_same_bytes(good, run.output);
}

static int make_good(void **state)
{
    (void)state;
    sr_auto(title) struct title *title = title_new("closed-gop.mp4");
    sr_auto(title_run) struct title_run run = { 0 };
    title_run_ok(title->path, "good.mp4", WORDS, &run);
    assert_int_equal(run.segment_count, SEGMENTS);
    snprintf(good, sizeof(good), "%s", run.output);
    snprintf(kept, sizeof(kept), "%s", run.workspace);
    return 0;
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(untouched);
    if (getenv("ONLY"))
        cmocka_set_test_filter(getenv("ONLY"));
    const int failed = _cmocka_run_group_tests(__FILE__, tests, count, make_good, NULL);
    title_scratch_done();
    return failed;
}
