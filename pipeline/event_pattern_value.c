// The operators: what a value may be.
#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "base/str.h"
#include "pipeline/event_pattern_priv.h"

// Numbers ----------------------------------------------------------------------------------------

// Spec: EventBridge "Numeric matching": six digits to the right of the decimal point.
#define NUMBER_MAX 5e11
static bool number_key(const json_t *value, int64_t *ret_key)
{
    if (!json_is_number(value))
        return false;
    const double number = json_number_value(value);
    if (!(number >= -NUMBER_MAX && number <= NUMBER_MAX))
        return false;
    *ret_key = (int64_t)round(number * 1e6);  // at most 5e17
    return true;
}

// Addresses --------------------------------------------------------------------------------------

static bool read_address(const char *text, uint8_t bytes[16], size_t *ret_count)
{
    if (inet_pton(AF_INET, text, bytes) == 1)
        *ret_count = 4;
    else if (strspn(text, "0123456789abcdefABCDEF:") == strlen(text) &&
             inet_pton(AF_INET6, text, bytes) == 1)
        *ret_count = 16;
    else
        return false;
    return true;
}

static bool address_passes(const struct event_address *range, const json_t *value)
{
    uint8_t bytes[16];
    size_t count;
    return json_is_string(value) && read_address(json_string_value(value), bytes, &count) &&
           count == range->bytes && memcmp(bytes, range->low, count) >= 0 &&
           memcmp(bytes, range->high, count) <= 0;
}

// From the address as it is written to the last one of its network, as AWS does.
static bool parse_cidr(const struct jx *at, struct faults *faults, struct event_test *test,
                       struct sr_err *err)
{
    const char *const text = json_string_value(at->value);
    char address[64];
    if (!text)
        return faults_add(faults, at, err, "prefix match pattern must be a string");
    const char *const slash = strchr(text, '/');
    if (!slash || !slash[1] || strchr(slash + 1, '/'))
        return faults_add(faults, at, err, "Malformed CIDR, one '/' required");
    char *end;
    const long bits = strtol(slash + 1, &end, 10);
    if (*end || !strchr("+-0123456789", slash[1]))
        return faults_add(faults, at, err, "Malformed CIDR, mask bits must be an integer");
    if (bits < 0)
        return faults_add(faults, at, err, "Malformed CIDR, mask bits must not be negative");
    if (!sr_format(address, sizeof address, "%.*s", (int)(slash - text < 64 ? slash - text : 64),
                   text) ||
        !read_address(address, test->address.low, &test->address.bytes))
        return faults_add(faults, at, err, "Nonstandard IP address: %.*s", (int)(slash - text),
                          text);
    const size_t bytes = test->address.bytes;
    if (bits >= (long)bytes * 8)
        return faults_add(faults, at, err, "IPv%d mask bits must be < %zu", bytes == 4 ? 4 : 6,
                          bytes * 8);
    memcpy(test->address.high, test->address.low, bytes);
    for (size_t bit = (size_t)bits; bit < bytes * 8; bit++)
        test->address.high[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    return true;
}

// Text -------------------------------------------------------------------------------------------

// The next character, or byte where there is none, so that upper and lower case are the same.
static wint_t next_folded(locale_t cases, const char **at)
{
    const unsigned char *const s = (const unsigned char *)*at;
    const size_t bytes = sr_utf8_character(*at, strlen(*at) < 4 ? strlen(*at) : 4);
    wint_t c = s[0];
    if (bytes == 2)
        c = (s[0] & 0x1fU) << 6 | (s[1] & 0x3fU);
    else if (bytes == 3)
        c = (s[0] & 0x0fU) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU);
    else if (bytes == 4)
        c = (s[0] & 0x07U) << 18 | (s[1] & 0x3fU) << 12 | (s[2] & 0x3fU) << 6 | (s[3] & 0x3fU);
    *at += bytes ? bytes : 1;
    if (!cases)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return towlower_l(towupper_l(c, cases), cases);
}

// Whether `text` begins with `prefix`; *ret_rest is what is behind it.
static bool begins_any_case(locale_t cases, const char *text, const char *prefix,
                            const char **ret_rest)
{
    while (*prefix) {
        if (!*text || next_folded(cases, &text) != next_folded(cases, &prefix))
            return false;
    }
    *ret_rest = text;
    return true;
}

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

static bool ends_any_case(locale_t cases, const char *text, const char *suffix)
{
    const size_t have = count_characters(text), want = count_characters(suffix);
    const char *rest;
    for (size_t skip = have > want ? have - want : 0; skip; skip--)
        (void)next_folded(cases, &text);
    return have >= want && begins_any_case(cases, text, suffix, &rest) && !*rest;
}

static bool ends_with(const char *text, const char *suffix)
{
    const size_t have = strlen(text), want = strlen(suffix);
    return have >= want && memcmp(text + have - want, suffix, want) == 0;
}

// In time that grows with text times wildcard: only the last star is ever tried again.
static bool fits_wildcard(const char *text, const char *wildcard)
{
    const char *star = NULL, *from = NULL;
    while (*text) {
        const bool escaped = *wildcard == '\\';
        if (*wildcard == '*') {
            star = ++wildcard;
            from = text;
        } else if (*wildcard && wildcard[escaped] == *text) {
            wildcard += 1 + escaped;
            text++;
        } else if (star) {
            wildcard = star;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*wildcard == '*')
        wildcard++;
    return !*wildcard;
}

static bool check_wildcard(const struct jx *at, struct faults *faults, struct sr_err *err)
{
    const char *const text = json_string_value(at->value);
    size_t stars = 0;
    // Positions count the quote in front, as AWS's do.
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '\\') {
            if (text[i + 1] != '*' && text[i + 1] != '\\')
                return faults_add(faults, at, err, "Invalid escape character at pos %zu", i + 1);
            i++;
        } else if (text[i] == '*') {
            stars++;
            if (text[i + 1] == '*')
                return faults_add(faults, at, err, "Consecutive wildcard characters at pos %zu",
                                  i + 1);
        }
    }
    if (stars > EVENT_PATTERN_STARS_MAX)
        return faults_add(faults, at, err,
                          "Rule is too complex - try using fewer wildcard characters or fewer "
                          "repeating character sequences after a wildcard character");
    return true;
}

// Reading ----------------------------------------------------------------------------------------

static const char *only_key(const struct jx *at)
{
    return json_object_iter_key(json_object_iter((json_t *)(uintptr_t)at->value));
}

static bool only_one(const struct jx *at, struct faults *faults, struct sr_err *err)
{
    return json_object_size(at->value) == 1 ||
           faults_add(faults, at, err, "Only one key allowed in match expression");
}

static bool parse_number(const struct jx *at, struct faults *faults, const char *what,
                         int64_t *ret_key, struct sr_err *err)
{
    if (!json_is_number(at->value))
        return faults_add(faults, at, err, "Value of %s must be numeric", what);
    if (!number_key(at->value, ret_key))
        return faults_add(faults, at, err, "Value must be between -5.0E11 and 5.0E11, inclusive");
    return true;
}

// ["<", 5], [">=", 0, "<", 5]
static bool parse_numeric(const struct jx *at, struct faults *faults, struct event_test *test,
                          struct sr_err *err)
{
    static const char *const words[] = { "=", "<", "<=", ">", ">=" };
    const size_t count = json_array_size(at->value), before = faults->count;
    if (!json_is_array(at->value))
        return faults_add(faults, at, err, "Value of numeric must be an array.");
    const struct jx first = jx_at(at, 0), second = jx_at(at, 1), third = jx_at(at, 2);
    if (!json_is_string(first.value))
        return faults_add(faults, at, err, "Invalid member in numeric match: want an operator");
    const char *const word = json_string_value(first.value);
    size_t op = 0;
    while (op < 5 && strcmp(word, words[op]) != 0)
        op++;
    if (op == 5)
        return faults_add(faults, &first, err, "Unrecognized numeric range operator: %s", word);
    int64_t number = 0, top = 0;
    if (!parse_number(count > 1 ? &second : at, faults, op ? word : "equals", &number, err))
        return false;
    test->low = op == 0 || op == 4 ? number : op == 3 ? number + 1 : INT64_MIN;
    test->high = op == 0 || op == 2 ? number : op == 1 ? number - 1 : INT64_MAX;
    if (count <= 2)
        return true;
    if (op < 3)
        return faults_add(faults, at, err, "Too many elements in numeric expression");
    const char *const until = json_string_value(third.value);
    if (!until)
        return faults_add(faults, &third, err, "Bad value in numeric range: want < or <=");
    if (strcmp(until, "<") != 0 && strcmp(until, "<=") != 0)
        return faults_add(faults, &third, err, "Bad numeric range operator: %s", until);
    const struct jx fourth = jx_at(at, 3);
    if (!parse_number(count > 3 ? &fourth : at, faults, until, &top, err))
        return false;
    if (faults->count > before)
        return true;
    if (count > 4)
        return faults_add(faults, at, err, "Too many terms in numeric range expression");
    if (top <= number)
        return faults_add(faults, at, err, "Bottom must be less than top");
    test->high = until[1] ? top : top - 1;
    return true;
}

// A text, or {"equals-ignore-case": text}; behind prefix and suffix.
static bool parse_edge(const struct jx *at, struct faults *faults, const char *word,
                       struct event_test *test, struct sr_err *err)
{
    if (!json_is_object(at->value)) {
        test->operand = at->value;
        return json_is_string(at->value) ||
               faults_add(faults, at, err, "%s match pattern must be a string", word);
    }
    const char *const key = only_key(at);
    if (!key)
        return faults_add(faults, at, err, "%s expression name not found",
                          *word == 'p' ? "Prefix" : "Suffix");
    if (strcmp(key, "equals-ignore-case") != 0)
        return faults_add(faults, at, err, "Unsupported %s pattern: %s", word, key);
    const struct jx inner = jx_get(at, key);
    test->operand = inner.value;
    test->any_case = true;
    if (!json_is_string(inner.value))
        return faults_add(faults, &inner, err, "equals-ignore-case match pattern must be a string");
    return only_one(at, faults, err);
}

static bool parse_text(const struct jx *at, struct faults *faults, const char *word,
                       struct event_test *test, struct sr_err *err)
{
    test->operand = at->value;
    return json_is_string(at->value) ||
           faults_add(faults, at, err, "%s match pattern must be a string", word);
}

// One of the texts or numbers behind "anything-but".
static bool parse_but_value(const struct jx *at, struct faults *faults,
                            const struct event_test *test, struct sr_err *err)
{
    int64_t number;
    const bool is_text = json_is_string(at->value);
    switch (test->op) {
    case EVENT_OP_PREFIX:
    case EVENT_OP_SUFFIX:
        if (!is_text)
            return faults_add(faults, at, err, "prefix/suffix match pattern must be a string");
        return *json_string_value(at->value) ||
               faults_add(faults, at, err, "Null prefix/suffix not allowed");
    case EVENT_OP_WILDCARD:
        if (!is_text)
            return faults_add(faults, at, err, "wildcard match pattern must be a string");
        return check_wildcard(at, faults, err);
    case EVENT_OP_EQUALS:
        return is_text || faults_add(faults, at, err,
                                     "Inside anything-but/equals-ignore-case list, "
                                     "number|start|null|boolean is not supported.");
    default:
        if (is_text)
            return true;
        if (!json_is_number(at->value))
            return faults_add(faults, at, err,
                              "Inside anything but list, start|null|boolean is not supported.");
        return parse_number(at, faults, "anything-but", &number, err);
    }
}

static bool parse_but_list(const struct jx *at, struct faults *faults,
                           const struct event_test *test, struct sr_err *err)
{
    size_t numbers = 0, texts = 0;
    const size_t count = json_array_size(at->value);
    for (size_t i = 0; i < count; i++) {
        const struct jx item = jx_at(at, i);
        numbers += json_is_number(item.value);
        texts += json_is_string(item.value);
        if (!parse_but_value(&item, faults, test, err))
            return false;
    }
    if (count == 0 || (numbers && texts && test->op == EVENT_OP_SAME))
        return faults_add(faults, at, err,
                          "Inside anything but list, either all values are number or string, mixed "
                          "type is not supported");
    return true;
}

static bool parse_but(const struct jx *at, struct faults *faults, struct event_test *test,
                      struct sr_err *err)
{
    static const struct {
        const char *word;
        enum event_op op;
    } rows[] = { { "prefix", EVENT_OP_PREFIX },
                 { "suffix", EVENT_OP_SUFFIX },
                 { "wildcard", EVENT_OP_WILDCARD },
                 { "equals-ignore-case", EVENT_OP_EQUALS } };
    enum { ROWS = sizeof rows / sizeof *rows };
    struct jx inner = *at;
    test->but = true;
    if (json_is_object(at->value)) {
        const char *const key = only_key(at);
        if (!key)
            return faults_add(faults, at, err, "Anything-But expression name not found");
        size_t i = 0;
        while (i < ROWS && strcmp(key, rows[i].word) != 0)
            i++;
        if (i == ROWS)
            return faults_add(faults, at, err, "Unsupported anything-but pattern: %s", key);
        test->op = rows[i].op;
        test->any_case = test->op == EVENT_OP_EQUALS;
        inner = jx_get(at, key);
    }
    test->operand = inner.value;
    if (json_is_array(inner.value)) {
        if (!parse_but_list(&inner, faults, test, err))
            return false;
    } else if (!json_is_string(inner.value) && !json_is_number(inner.value)) {
        return faults_add(faults, &inner, err,
                          "Value of anything-but must be an array or single string/number value.");
    } else if (!parse_but_value(&inner, faults, test, err)) {
        return false;
    }
    return !json_is_object(at->value) || only_one(at, faults, err);
}

// {"prefix": "x"} and its like.
static bool parse_expression(const struct jx *at, struct faults *faults, struct event_test *test,
                             struct sr_err *err)
{
    const char *const key = only_key(at);
    if (!key)
        return faults_add(faults, at, err, "Match expression name not found");
    const struct jx inner = jx_get(at, key);
    const size_t before = faults->count;
    bool done;
    if (strcmp(key, "prefix") == 0 || strcmp(key, "suffix") == 0) {
        test->op = *key == 'p' ? EVENT_OP_PREFIX : EVENT_OP_SUFFIX;
        done = parse_edge(&inner, faults, key, test, err);
    } else if (strcmp(key, "exactly") == 0) {
        done = parse_text(&inner, faults, "exact", test, err);
    } else if (strcmp(key, "equals-ignore-case") == 0) {
        test->op = EVENT_OP_EQUALS;
        test->any_case = true;
        done = parse_text(&inner, faults, key, test, err);
    } else if (strcmp(key, "wildcard") == 0) {
        test->op = EVENT_OP_WILDCARD;
        done = parse_text(&inner, faults, key, test, err) &&
               (!json_is_string(inner.value) || check_wildcard(&inner, faults, err));
    } else if (strcmp(key, "numeric") == 0) {
        test->op = EVENT_OP_NUMERIC;
        done = parse_numeric(&inner, faults, test, err);
    } else if (strcmp(key, "cidr") == 0) {
        test->op = EVENT_OP_CIDR;
        done = parse_cidr(&inner, faults, test, err);
    } else if (strcmp(key, "anything-but") == 0) {
        done = parse_but(&inner, faults, test, err);
    } else if (strcmp(key, "exists") == 0) {
        test->op = json_is_true(inner.value) ? EVENT_OP_EXISTS : EVENT_OP_ABSENT;
        done =
            json_is_boolean(inner.value) ||
            faults_add(faults, &inner, err, "exists match pattern must be either true or false.");
    } else {
        return faults_add(faults, at, err, "Unrecognized match type %s", key);
    }
    return done && (faults->count > before || only_one(at, faults, err));
}

bool event_test_parse(const struct jx *at, struct faults *faults, struct event_test *ret_test,
                      struct sr_err *err)
{
    struct event_test test = { .op = EVENT_OP_SAME, .operand = at->value };
    if (json_is_object(at->value)) {
        if (!parse_expression(at, faults, &test, err))
            return false;
    } else if (json_is_array(at->value)) {
        return faults_add(faults, at, err,
                          "Match value must be String, number, true, false, or null");
    } else if (json_is_string(at->value) &&
               read_address(json_string_value(at->value), test.address.low, &test.address.bytes)) {
        memcpy(test.address.high, test.address.low, test.address.bytes);
    }
    *ret_test = test;
    return true;
}

// Matching ---------------------------------------------------------------------------------------

static bool is_same(const struct event_test *test, const json_t *want, const json_t *value)
{
    int64_t a, b;
    if (test->address.bytes)
        return address_passes(&test->address, value);
    if (json_is_number(want) && number_key(want, &a) && number_key(value, &b))
        return a == b;
    return json_equal(want, value);
}

static bool text_passes(const struct event_test *test, locale_t cases, const char *want,
                        const char *text)
{
    const char *rest;
    switch (test->op) {
    case EVENT_OP_PREFIX:
        return test->any_case ? begins_any_case(cases, text, want, &rest)
                              : strncmp(text, want, strlen(want)) == 0;
    case EVENT_OP_SUFFIX:
        return test->any_case ? ends_any_case(cases, text, want) : ends_with(text, want);
    case EVENT_OP_WILDCARD: return fits_wildcard(text, want);
    default: return begins_any_case(cases, text, want, &rest) && !*rest;
    }
}

static bool value_passes(const struct event_test *test, locale_t cases, const json_t *want,
                         const json_t *value)
{
    if (test->op == EVENT_OP_SAME)
        return is_same(test, want, value);
    return json_is_string(value) &&
           text_passes(test, cases, json_string_value(want), json_string_value(value));
}

bool event_test_passes(const struct event_test *test, locale_t cases, const json_t *value)
{
    int64_t number;
    switch (test->op) {
    case EVENT_OP_EXISTS: return true;
    case EVENT_OP_ABSENT: return false;
    case EVENT_OP_CIDR: return address_passes(&test->address, value);
    case EVENT_OP_NUMERIC:
        return number_key(value, &number) && number >= test->low && number <= test->high;
    default: break;
    }
    bool any = false;
    if (test->but && json_is_array(test->operand)) {
        for (size_t i = 0; i < json_array_size(test->operand) && !any; i++)
            any = value_passes(test, cases, json_array_get(test->operand, i), value);
    } else {
        any = value_passes(test, cases, test->operand, value);
    }
    return any != test->but;
}
