// make conformance CASES=DIR: runs the files of recorded cases that a folder holds.
#include "tests/conformance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/jx.h"

void conformance_say(struct sr_str *why, const char *format, ...)
{
    struct sr_err err = { 0 };
    va_list args;
    va_start(args, format);
    if (!sr_str_vaddf(why, &err, format, args))
        abort();
    va_end(args);
}

void conformance_say_json(struct sr_str *why, const char *what, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    conformance_say(why, "; %s %.400s", what, text ? text : "(none)");
    free(text);
}

static bool equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    if (json_is_object(a) && json_is_object(b)) {
        const char *key;
        json_t *value;
        if (json_object_size(a) != json_object_size(b))
            return false;
        json_object_foreach((json_t *)(uintptr_t)a, key, value)
        {
            if (!equal(value, json_object_get(b, key)))
                return false;
        }
        return true;
    }
    if (json_is_array(a) && json_is_array(b)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        for (size_t i = 0; i < json_array_size(a); i++) {
            if (!equal(json_array_get(a, i), json_array_get(b, i)))
                return false;
        }
        return true;
    }
    return a && b ? json_equal(a, b) : a == b;
}

// Puts null in the place that a JSON pointer names, if it is there.
static void blank(json_t *value, const char *pointer)
{
    char part[256];
    while (value && *pointer == '/') {
        size_t n = 0;
        for (pointer++; *pointer && *pointer != '/' && n + 1 < sizeof part; pointer++) {
            const bool escaped = pointer[0] == '~' && (pointer[1] == '0' || pointer[1] == '1');
            part[n++] = !escaped ? *pointer : pointer[1] == '0' ? '~' : '/';
            pointer += escaped;
        }
        part[n] = '\0';
        json_t *next = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
                                            : json_object_get(value, part);
        if (!*pointer && next && json_is_object(value))
            json_object_set_new(value, part, json_null());
        else if (!*pointer && next)
            json_array_set_new(value, strtoul(part, NULL, 10), json_null());
        value = next;
    }
}

bool conformance_equal(const json_t *want, const json_t *got, const json_t *ignore,
                       const char *root)
{
    sr_auto(json) json_t *a = json_deep_copy(want);
    sr_auto(json) json_t *b = json_deep_copy(got);
    const size_t bytes = strlen(root);
    size_t i;
    json_t *pointer;
    json_array_foreach(ignore, i, pointer)
    {
        const char *text = json_string_value(pointer);
        if (!text || strncmp(text, root, bytes) != 0)
            continue;
        if (!text[bytes])
            return (want != NULL) == (got != NULL);
        blank(a, text + bytes);
        blank(b, text + bytes);
    }
    return equal(a, b);
}

struct tally {
    size_t count[3];
};

static void run_case(const struct conformance_file *file, const json_t *item, bool verbose,
                     struct tally *tally)
{
    sr_auto(sr_str) struct sr_str why = { 0 };
    const enum conformance_result result = file->run(item, &why);
    const char *id = json_string_value(json_object_get(item, file->id_key));
    tally->count[result]++;
    if (verbose && result == CONFORMANCE_FAIL)
        printf("  FAIL %s: %s\n", id ? id : "?", sr_str_text(&why));
    else if (verbose && result == CONFORMANCE_PASS && why.bytes)
        printf("  note %s: %s\n", id ? id : "?", why.text);
}

// One JSON value a line.
static bool run_lines(const struct conformance_file *file, char *text, bool verbose,
                      struct tally *tally)
{
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        json_error_t error;
        if (!*line)
            continue;
        sr_auto(json) json_t *item = json_loads(line, JSON_ALLOW_NUL, &error);
        if (!item)
            return fprintf(stderr, "%s: %s\n", file->name, error.text) < 0;
        run_case(file, item, verbose, tally);
    }
    return true;
}

// One document with "tests".
static bool run_document(const struct conformance_file *file, const char *text, bool verbose,
                         struct tally *tally)
{
    json_error_t error;
    sr_auto(json) json_t *document = json_loads(text, JSON_ALLOW_NUL, &error);
    if (!document)
        return fprintf(stderr, "%s: %s\n", file->name, error.text) < 0;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(document, "tests"), i, item)
    {
        run_case(file, item, verbose, tally);
    }
    return true;
}

static bool run_file(const struct conformance_file *file, const char *folder, bool verbose,
                     bool *ret_failed)
{
    struct sr_err err = { 0 };
    struct tally tally = { 0 };
    size_t bytes;
    sr_auto(char) char *path = sr_strf(&err, "%s/%s", folder, file->name);
    sr_auto(char) char *text = NULL;
    if (!path || !sr_file_load(path, (size_t)64 << 20, &text, &bytes, &err)) {
        if (err.code == SR_ERR_NOT_FOUND)
            return true;
        fprintf(stderr, "%s\n", err.message);
        return false;
    }
    const size_t length = strlen(file->name);
    const bool lines = length > 6 && strcmp(file->name + length - 6, ".jsonl") == 0;
    if (lines ? !run_lines(file, text, verbose, &tally)
              : !run_document(file, text, verbose, &tally))
        return false;
    printf("%s: %zu passed, %zu failed, %zu skipped\n", file->name, tally.count[CONFORMANCE_PASS],
           tally.count[CONFORMANCE_FAIL], tally.count[CONFORMANCE_SKIP]);
    *ret_failed = *ret_failed || tally.count[CONFORMANCE_FAIL] > 0;
    return true;
}

int main(int argc, char **argv)
{
    static const struct conformance_file *const files[] = {
        &conformance_asl,   &conformance_validation, &conformance_teststate, &conformance_api,
        &conformance_sigv4, &conformance_events,     &conformance_jsonpath,  &conformance_json
    };
    const bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    if (argc != 2 + verbose) {
        fprintf(stderr, "usage: conformance [-v] FOLDER\n");
        return 2;
    }
    bool failed = false;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!run_file(files[i], argv[1 + verbose], verbose, &failed))
            return 2;
    }
    return 0;
}
