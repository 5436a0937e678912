#include "statemachine/engine_items.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static const char *setting(const json_t *config, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(config, key));
    return text ? text : otherwise;
}

static size_t items_max(const json_t *config)
{
    const json_int_t given = json_integer_value(json_object_get(config, "MaxItems"));
    return given > 0 && given < ENGINE_ITEMS_MAX ? (size_t)given : ENGINE_ITEMS_MAX;
}

// --- JSON ---

static const json_t *pointed(const json_t *value, const char *pointer)
{
    while (value && *pointer == '/') {
        char part[256];
        size_t n = 0;
        for (pointer++; *pointer && *pointer != '/' && n + 1 < sizeof part; pointer++) {
            const bool escaped = pointer[0] == '~' && (pointer[1] == '0' || pointer[1] == '1');
            part[n++] = !escaped ? *pointer : pointer[1] == '0' ? '~' : '/';
            pointer += escaped;
        }
        part[n] = '\0';
        value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
                                     : json_object_get(value, part);
    }
    return value;
}

// Spec: the members of an object become items with Key and Value.
static bool pairs(const json_t *object, json_t *items, struct sr_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (!jx_append(items, json_pack("{s:s, s:O}", "Key", key, "Value", value), err))
            return false;
    }
    return true;
}

static bool parse_json(const char *text, size_t bytes, const json_t *config, json_t *items,
                       struct sr_err *err)
{
    sr_auto(json) json_t *document = NULL;
    if (!jx_parse(text, bytes, false, &document, err))
        return false;
    const json_t *value = pointed(document, setting(config, "ItemsPointer", ""));
    if (json_is_object(value))
        return pairs(value, items, err);
    if (!json_is_array(value))
        return sr_fail(err, SR_ERR_INVALID, "the items are neither an array nor an object");
    size_t i;
    json_t *item;
    const size_t max = items_max(config);
    json_array_foreach(value, i, item)
    {
        if (i == max)
            return true;
        if (!jx_append(items, json_incref(item), err))
            return false;
    }
    return true;
}

static bool parse_lines(const char *text, size_t bytes, const json_t *config, json_t *items,
                        struct sr_err *err)
{
    const char *end = text + bytes;
    size_t number = 1;
    for (const size_t max = items_max(config); text < end && json_array_size(items) < max;
         number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const size_t length = (size_t)((newline ? newline : end) - text);
        json_t *item = NULL;
        if (strspn(text, " \t\r") < length) {
            if (!jx_parse(text, length, false, &item, err))
                return sr_err_wrap(err, "line %zu", number);
            if (!jx_append(items, item, err))
                return false;
        }
        text += length + 1;
    }
    return true;
}

// --- CSV ---

struct csv {
    const char *at, *end;
    char delimiter;
    size_t row;
};

// One field; *ret_last: the row ends behind it.
static bool csv_field(struct csv *csv, struct sr_str *field, bool *ret_last, struct sr_err *err)
{
    const bool quoted = csv->at < csv->end && *csv->at == '"';
    csv->at += quoted;
    for (;; csv->at++) {
        if (csv->at == csv->end) {
            if (quoted)
                return sr_fail(err, SR_ERR_INVALID, "row %zu: a quoted field has no end", csv->row);
            break;
        }
        const char c = *csv->at;
        if (quoted && c == '"') {
            csv->at++;
            if (csv->at == csv->end || *csv->at != '"')
                break;
        } else if (!quoted && (c == csv->delimiter || c == '\n' || c == '\r')) {
            break;
        }
        if (!sr_str_add_bytes(field, csv->at, 1, err))
            return false;
    }
    if (csv->at < csv->end && *csv->at == '\r')
        csv->at++;
    *ret_last = csv->at == csv->end || *csv->at == '\n';
    if (!*ret_last && *csv->at != csv->delimiter)
        return sr_fail(err, SR_ERR_INVALID, "row %zu: something behind a quoted field", csv->row);
    csv->at += csv->at < csv->end;
    return true;
}

static bool csv_row(struct csv *csv, json_t **ret_fields, struct sr_err *err)
{
    sr_auto(json) json_t *fields = json_array();
    if (!jx_made(fields, err))
        return false;
    csv->row++;
    for (bool last = false; !last;) {
        sr_auto(sr_str) struct sr_str field = { 0 };
        if (json_array_size(fields) == ENGINE_COLUMNS_MAX)
            return sr_fail(err, SR_ERR_LIMIT, "row %zu: more than %d columns", csv->row,
                           ENGINE_COLUMNS_MAX);
        if (!csv_field(csv, &field, &last, err))
            return false;
        json_t *text = json_string(sr_str_text(&field));
        if (!text)
            return sr_fail(err, SR_ERR_INVALID, "row %zu: not UTF-8", csv->row);
        if (!jx_append(fields, text, err))
            return false;
    }
    *ret_fields = sr_take(fields);
    return true;
}

static char csv_delimiter(const json_t *config)
{
    static const struct {
        const char *name;
        char c;
    } rows[] = {
        { "COMMA", ',' }, { "PIPE", '|' }, { "SEMICOLON", ';' }, { "SPACE", ' ' }, { "TAB", '\t' }
    };
    const char *name = setting(config, "CSVDelimiter", "COMMA");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].c;
    }
    return ',';
}

static bool csv_item(const json_t *headers, const json_t *fields, json_t *items, struct sr_err *err)
{
    json_t *item = json_object();
    for (size_t i = 0; item && i < json_array_size(headers); i++) {
        const char *name = json_string_value(json_array_get(headers, i));
        json_t *field = json_array_get(fields, i);
        if (json_object_set_new(item, name ? name : "",
                                field ? json_incref(field) : json_string("")) != 0) {
            json_decref(item);
            return sr_fail(err, SR_ERR_NO_MEMORY, "items");
        }
    }
    return jx_append(items, item, err);
}

static bool parse_csv(const char *text, size_t bytes, const json_t *config, json_t *items,
                      struct sr_err *err)
{
    struct csv csv = { .at = text, .end = text + bytes, .delimiter = csv_delimiter(config) };
    sr_auto(json) json_t *headers = NULL;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        csv.at += 3;
    if (strcmp(setting(config, "CSVHeaderLocation", "FIRST_ROW"), "GIVEN") == 0) {
        headers = json_incref(json_object_get(config, "CSVHeaders"));
        if (!headers)
            return sr_fail(err, SR_ERR_INVALID,
                           "CSVHeaderLocation is GIVEN, but there are no CSVHeaders");
    } else if (csv.at < csv.end && !csv_row(&csv, &headers, err)) {
        return false;
    }
    for (const size_t max = items_max(config); csv.at < csv.end && json_array_size(items) < max;) {
        sr_auto(json) json_t *fields = NULL;
        if (*csv.at == '\n' || *csv.at == '\r') {  // an empty line is no row
            csv.at++;
            continue;
        }
        if (!csv_row(&csv, &fields, err) || !csv_item(headers, fields, items, err))
            return false;
    }
    return true;
}

bool engine_items_parse(const char *text, size_t bytes, const json_t *config, json_t **ret_items,
                        struct sr_err *err)
{
    static const struct {
        const char *type;
        bool (*parse)(const char *text, size_t bytes, const json_t *config, json_t *items,
                      struct sr_err *err);
    } rows[] = { { "JSON", parse_json }, { "JSONL", parse_lines }, { "CSV", parse_csv } };
    const char *type = setting(config, "InputType", "JSON");
    sr_auto(json) json_t *items = json_array();
    if (!jx_made(items, err))
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].type, type) != 0)
            continue;
        if (!rows[i].parse(text, bytes, config, items, err))
            return false;
        *ret_items = sr_take(items);
        return true;
    }
    return sr_fail(err, SR_ERR_UNSUPPORTED, "InputType %s", type);
}
