// A pattern becomes a program whose steps all run side by side over the text (Thompson's way), so
// nothing is tried twice.
#include "statemachine/asl_pattern.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 40, RANGES_MAX = 64, REPEAT_MAX = 1000 };

enum op { OP_CHAR, OP_ANY, OP_CLASS, OP_SPLIT, OP_JUMP, OP_START, OP_END, OP_MATCH };

struct step {
    enum op op;
    uint32_t character;
    int first,
        second;  // where to go on, counted from here: so that a block can be moved and copied
    size_t class;
};

struct range {
    uint32_t from, to;
};

struct class
{
    bool negated;
    size_t count;
    struct range ranges[RANGES_MAX];
};

struct asl_pattern {
    bool ignore_case;
    size_t count, class_count;
    struct step steps[ASL_PATTERN_STEPS_MAX];
    struct class *classes;
};

struct parser {
    const char *at, *end;
    struct asl_pattern *pattern;
    size_t depth;
    struct sr_err *err;
};

void asl_pattern_free(struct asl_pattern *pattern)
{
    if (!pattern)
        return;
    free(pattern->classes);
    free(pattern);
}

static bool fail(struct parser *parser, const char *what)
{
    return sr_fail(parser->err, SR_ERR_INVALID, "a pattern with %s", what);
}

static bool emit(struct parser *parser, struct step step)
{
    struct asl_pattern *pattern = parser->pattern;
    if (pattern->count == ASL_PATTERN_STEPS_MAX)
        return sr_fail(parser->err, SR_ERR_TOO_LARGE, "a pattern of more than %d steps",
                       ASL_PATTERN_STEPS_MAX);
    pattern->steps[pattern->count++] = step;
    return true;
}

// Makes room for one step in front of a block.
static bool insert(struct parser *parser, size_t at, struct step step)
{
    struct asl_pattern *pattern = parser->pattern;
    if (!emit(parser, step))
        return false;
    memmove(&pattern->steps[at + 1], &pattern->steps[at],
            (pattern->count - 1 - at) * sizeof(struct step));
    pattern->steps[at] = step;
    return true;
}

static uint32_t fold(const struct asl_pattern *pattern, uint32_t c)
{
    return pattern->ignore_case && c < 0x80 ? (uint32_t)tolower((int)c) : c;
}

// The next code point; a byte that is no UTF-8 stands for itself.
static uint32_t next_character(const char **at, const char *end)
{
    const unsigned char *c = (const unsigned char *)*at;
    const size_t left = (size_t)(end - *at);
    const size_t bytes = c[0] < 0xc0 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    if (bytes == 1 || left < bytes) {
        (*at)++;
        return c[0];
    }
    uint32_t value = c[0] & (0xffu >> (bytes + 1));
    for (size_t i = 1; i < bytes; i++)
        value = value << 6 | (c[i] & 0x3f);
    *at += bytes;
    return value;
}

// --- classes ---

static bool add_range(struct parser *parser, struct class *class, uint32_t from, uint32_t to)
{
    if (from > to)
        return fail(parser, "a range that runs backwards");
    if (class->count == RANGES_MAX)
        return sr_fail(parser->err, SR_ERR_TOO_LARGE, "a class of more than %d ranges", RANGES_MAX);
    class->ranges[class->count++] = (struct range){ from, to };
    return true;
}

static bool add_named(struct parser *parser, struct class *class, char name)
{
    switch (tolower((unsigned char)name)) {
    case 'd': return add_range(parser, class, '0', '9');
    case 'w':
        return add_range(parser, class, '0', '9') && add_range(parser, class, 'a', 'z') &&
               add_range(parser, class, 'A', 'Z') && add_range(parser, class, '_', '_');
    default: return add_range(parser, class, '\t', '\r') && add_range(parser, class, ' ', ' ');
    }
}

static struct class *new_class(struct parser *parser)
{
    struct asl_pattern *pattern = parser->pattern;
    struct class *classes = realloc(pattern->classes, (pattern->class_count + 1) * sizeof *classes);
    if (!classes) {
        (void)sr_fail(parser->err, SR_ERR_NO_MEMORY, "a pattern");
        return NULL;
    }
    pattern->classes = classes;
    classes[pattern->class_count] = (struct class){ 0 };
    return &classes[pattern->class_count++];
}

static uint32_t escaped(char c)
{
    return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : (unsigned char)c;
}

static bool class_item(struct parser *parser, struct class *class)
{
    if (*parser->at == '\\') {
        if (++parser->at == parser->end)
            return fail(parser, "a backslash at its end");
        if (strchr("dwsDWS", *parser->at)) {
            if (isupper((unsigned char)*parser->at))
                return fail(parser, "\\D, \\W or \\S inside brackets");
            return add_named(parser, class, *parser->at++);
        }
        const uint32_t c = escaped(*parser->at++);
        return add_range(parser, class, c, c);
    }
    const uint32_t from = next_character(&parser->at, parser->end);
    uint32_t to = from;
    if (parser->end - parser->at >= 2 && parser->at[0] == '-' && parser->at[1] != ']') {
        parser->at++;
        if (*parser->at == '\\' && parser->end - parser->at >= 2)
            parser->at++;
        to = next_character(&parser->at, parser->end);
    }
    return add_range(parser, class, from, to);
}

static bool parse_class(struct parser *parser)
{
    struct class *class = new_class(parser);
    if (!class)
        return false;
    const size_t index = parser->pattern->class_count - 1;
    class->negated = parser->at < parser->end && *parser->at == '^';
    parser->at += class->negated;
    do {
        if (parser->at == parser->end)
            return fail(parser, "brackets without an end");
        if (!class_item(parser, class))
            return false;
    } while (parser->at == parser->end || *parser->at != ']');
    parser->at++;
    return emit(parser, (struct step){ .op = OP_CLASS, .class = index });
}

// --- the grammar ---

static bool parse_choice(struct parser *parser);

static bool parse_escape(struct parser *parser)
{
    if (parser->at == parser->end)
        return fail(parser, "a backslash at its end");
    const char c = *parser->at++;
    if (strchr("dwsDWS", c)) {
        struct class *class = new_class(parser);
        if (!class)
            return false;
        class->negated = isupper((unsigned char)c) != 0;
        return add_named(parser, class, c) &&
               emit(parser,
                    (struct step){ .op = OP_CLASS, .class = parser->pattern->class_count - 1 });
    }
    if (isdigit((unsigned char)c) || (isalpha((unsigned char)c) && !strchr("ntr", c)))
        return fail(parser, "an escape that is not supported");
    return emit(parser,
                (struct step){ .op = OP_CHAR, .character = fold(parser->pattern, escaped(c)) });
}

static bool parse_group(struct parser *parser)
{
    if (parser->end - parser->at >= 2 && parser->at[0] == '?') {
        if (parser->at[1] != ':')
            return fail(parser, "a group that is not supported");
        parser->at += 2;
    }
    if (++parser->depth > DEPTH_MAX)
        return fail(parser, "groups nested too deeply");
    if (!parse_choice(parser))
        return false;
    parser->depth--;
    if (parser->at == parser->end || *parser->at != ')')
        return fail(parser, "a group without an end");
    parser->at++;
    return true;
}

static bool parse_atom(struct parser *parser)
{
    const char c = *parser->at;
    if (strchr("*+?{", c))
        return fail(parser, "a repeat of nothing");
    if (strchr("([\\.^$", c))
        parser->at++;
    switch (c) {
    case '(': return parse_group(parser);
    case '[': return parse_class(parser);
    case '\\': return parse_escape(parser);
    case '.': return emit(parser, (struct step){ .op = OP_ANY });
    case '^': return emit(parser, (struct step){ .op = OP_START });
    case '$': return emit(parser, (struct step){ .op = OP_END });
    default:
        return emit(parser,
                    (struct step){ .op = OP_CHAR,
                                   .character = fold(parser->pattern,
                                                     next_character(&parser->at, parser->end)) });
    }
}

static bool number(struct parser *parser, int *ret)
{
    int value = 0;
    if (parser->at == parser->end || !isdigit((unsigned char)*parser->at))
        return fail(parser, "a count that is none");
    for (; parser->at < parser->end && isdigit((unsigned char)*parser->at); parser->at++) {
        value = value * 10 + (*parser->at - '0');
        if (value > REPEAT_MAX)
            return fail(parser, "too many repeats");
    }
    *ret = value;
    return true;
}

// "{m}", "{m,}" (max -1), "{m,n}"
static bool parse_counts(struct parser *parser, int *min, int *max)
{
    if (!number(parser, min))
        return false;
    *max = *min;
    if (parser->at < parser->end && *parser->at == ',') {
        parser->at++;
        *max = -1;
        if (parser->at < parser->end && *parser->at != '}' && !number(parser, max))
            return false;
    }
    if (parser->at == parser->end || *parser->at != '}' || (*max >= 0 && *max < *min))
        return fail(parser, "a count that is none");
    parser->at++;
    return true;
}

// The block from `start` to the end of the program, min to max times (max -1: without end).
static bool repeat(struct parser *parser, size_t start, int min, int max)
{
    struct asl_pattern *pattern = parser->pattern;
    const size_t bytes = pattern->count - start;
    const int length = (int)bytes;
    struct step *block = malloc((bytes + 1) * sizeof *block);
    if (!block)
        return sr_fail(parser->err, SR_ERR_NO_MEMORY, "a pattern");
    memcpy(block, &pattern->steps[start], bytes * sizeof *block);
    pattern->count = start;
    bool done = true;
    const bool again =
        max < 0 && min > 0;  // the last of those that must be there is the one that repeats
    for (int i = 0; done && i < (again ? min : max < 0 ? 1 : max); i++) {
        const bool loop = max < 0 && !again;
        if (i >= min)
            done = emit(parser,
                        (struct step){ .op = OP_SPLIT, .first = 1, .second = length + 1 + loop });
        for (size_t s = 0; done && s < bytes; s++)
            done = emit(parser, block[s]);
        if (loop && done)
            done = emit(parser, (struct step){ .op = OP_JUMP, .first = -(length + 1) });
    }
    if (again && done)
        done = emit(parser, (struct step){ .op = OP_SPLIT, .first = -length, .second = 1 });
    free(block);
    return done;
}

static bool parse_repeated(struct parser *parser)
{
    const size_t start = parser->pattern->count;
    if (!parse_atom(parser))
        return false;
    while (parser->at < parser->end && *parser->at && strchr("*+?{", *parser->at)) {
        const char c = *parser->at++;
        int min = c == '+', max = c == '?' ? 1 : -1;
        if (c == '{' && !parse_counts(parser, &min, &max))
            return false;
        if (!repeat(parser, start, min, max))
            return false;
        if (parser->at < parser->end &&
            *parser->at == '?')  // how much it takes makes no difference to a whole match
            parser->at++;
    }
    return true;
}

static bool parse_choice(struct parser *parser)
{
    const size_t start = parser->pattern->count;
    while (parser->at < parser->end && *parser->at != '|' && *parser->at != ')') {
        if (!parse_repeated(parser))
            return false;
    }
    if (parser->at == parser->end || *parser->at != '|')
        return true;
    parser->at++;
    const int left = (int)(parser->pattern->count - start);
    if (!insert(parser, start, (struct step){ .op = OP_SPLIT, .first = 1, .second = left + 2 }))
        return false;
    const size_t jump = parser->pattern->count;
    if (++parser->depth > DEPTH_MAX)
        return fail(parser, "too many choices");
    if (!emit(parser, (struct step){ .op = OP_JUMP }) || !parse_choice(parser))
        return false;
    parser->depth--;
    parser->pattern->steps[jump].first = (int)(parser->pattern->count - jump);
    return true;
}

bool asl_pattern_parse(const char *text, size_t bytes, bool ignore_case,
                       struct asl_pattern **ret_pattern, struct sr_err *err)
{
    if (bytes > ASL_PATTERN_BYTES_MAX)
        return sr_fail(err, SR_ERR_TOO_LARGE, "a pattern of more than %d bytes",
                       ASL_PATTERN_BYTES_MAX);
    sr_auto(asl_pattern) struct asl_pattern *pattern = calloc(1, sizeof *pattern);
    if (!pattern)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a pattern");
    pattern->ignore_case = ignore_case;
    struct parser parser = { .at = text, .end = text + bytes, .pattern = pattern, .err = err };
    if (!parse_choice(&parser))
        return false;
    if (parser.at != parser.end)
        return fail(&parser, "a bracket too many");
    if (!emit(&parser, (struct step){ .op = OP_MATCH }))
        return false;
    *ret_pattern = sr_take(pattern);
    return true;
}

// --- matching ---

struct crowd {
    size_t count;
    uint16_t steps[ASL_PATTERN_STEPS_MAX];
    bool is_in[ASL_PATTERN_STEPS_MAX];
};

// Adds a step and all that can be reached from it without reading.
static void add(const struct asl_pattern *pattern, struct crowd *crowd, size_t first, bool at_start,
                bool at_end)
{
    uint16_t stack[2 * ASL_PATTERN_STEPS_MAX];  // a step is entered once and pushes at most two
    size_t depth = 0;
    stack[depth++] = (uint16_t)first;
    while (depth) {
        const size_t at = stack[--depth];
        const struct step *step = &pattern->steps[at];
        if (crowd->is_in[at])
            continue;
        crowd->is_in[at] = true;
        crowd->steps[crowd->count++] = (uint16_t)at;
        if (step->op == OP_SPLIT) {
            stack[depth++] = (uint16_t)((int)at + step->second);
            stack[depth++] = (uint16_t)((int)at + step->first);
        } else if (step->op == OP_JUMP) {
            stack[depth++] = (uint16_t)((int)at + step->first);
        } else if ((step->op == OP_START && at_start) || (step->op == OP_END && at_end)) {
            stack[depth++] = (uint16_t)(at + 1);
        }
    }
}

static bool in_class(const struct asl_pattern *pattern, const struct class *class, uint32_t c)
{
    bool found = false;
    for (size_t i = 0; !found && i < class->count; i++) {
        const struct range *range = &class->ranges[i];
        found = (c >= range->from && c <= range->to);
        if (!found && pattern->ignore_case && c < 0x80) {
            const uint32_t lower = (uint32_t)tolower((int)c), upper = (uint32_t)toupper((int)c);
            found = (lower >= range->from && lower <= range->to) ||
                    (upper >= range->from && upper <= range->to);
        }
    }
    return found != class->negated;
}

static bool takes(const struct asl_pattern *pattern, const struct step *step, uint32_t c)
{
    switch (step->op) {
    case OP_CHAR: return step->character == fold(pattern, c);
    case OP_ANY: return c != '\n' && c != '\r';
    case OP_CLASS: return in_class(pattern, &pattern->classes[step->class], c);
    default: return false;
    }
}

bool asl_pattern_matches(const struct asl_pattern *pattern, const char *text)
{
    const size_t bytes = strlen(text);
    const char *at = text, *end = text + bytes;
    struct crowd crowds[2];
    if (bytes > ASL_PATTERN_SUBJECT_MAX)
        return false;
    memset(crowds, 0, sizeof crowds);
    struct crowd *now = &crowds[0], *next = &crowds[1];
    add(pattern, now, 0, true, bytes == 0);
    while (at < end && now->count) {
        const uint32_t c = next_character(&at, end);
        for (size_t i = 0; i < now->count; i++) {
            const size_t step = now->steps[i];
            if (takes(pattern, &pattern->steps[step], c))
                add(pattern, next, step + 1, false, at == end);
            now->is_in[step] = false;
        }
        now->count = 0;
        struct crowd *const swapped = now;
        now = next;
        next = swapped;
    }
    return at == end && now->is_in[pattern->count - 1];
}
