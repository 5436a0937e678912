#include "net/xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct parser {
    const char *at;
    const char *end;
    const struct xml_visitor *visitor;
    char path[XML_PATH_BYTES];
    size_t path_bytes;
    size_t starts[XML_DEPTH_MAX];  // where each level's name begins in the path
    struct sr_str texts[XML_DEPTH_MAX];
    size_t depth;
};

static bool malformed(struct sr_err *err, const char *what)
{
    return sr_fail(err, SR_ERR_INVALID, "XML: %s", what);
}

static const char *find(const struct parser *parser, const char *what)
{
    return memmem(parser->at, (size_t)(parser->end - parser->at), what, strlen(what));
}

static bool begins(const struct parser *parser, const char *what)
{
    const size_t bytes = strlen(what);
    return (size_t)(parser->end - parser->at) >= bytes && memcmp(parser->at, what, bytes) == 0;
}

static bool skip_past(struct parser *parser, const char *what, struct sr_err *err)
{
    const char *found = find(parser, what);
    if (!found)
        return malformed(err, "unexpected end");
    parser->at = found + strlen(what);
    return true;
}

static bool add_utf8(struct sr_str *out, unsigned long c, struct sr_err *err)
{
    char bytes[4];
    size_t count = 0;
    if (c < 0x80) {
        bytes[count++] = (char)c;
    } else if (c < 0x800) {
        bytes[count++] = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        bytes[count++] = (char)(0xe0 | c >> 12);
        bytes[count++] = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        bytes[count++] = (char)(0xf0 | c >> 18);
        bytes[count++] = (char)(0x80 | (c >> 12 & 0x3f));
        bytes[count++] = (char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80)
        bytes[count++] = (char)(0x80 | (c & 0x3f));
    return sr_str_add_bytes(out, bytes, count, err);
}

static const struct {
    const char *name, *text;
} entities[] = { { "lt", "<" }, { "gt", ">" }, { "amp", "&" }, { "quot", "\"" }, { "apos", "'" } };

// `at` is behind the '&'; gives the place behind the ';'.
static const char *add_entity(const char *at, const char *end, struct sr_str *out,
                              struct sr_err *err)
{
    const char *semicolon = memchr(at, ';', (size_t)(end - at));
    const size_t bytes = semicolon ? (size_t)(semicolon - at) : 0;
    if (bytes == 0 || bytes > 8) {
        (void)malformed(err, "bad entity");
        return NULL;
    }
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        if (strlen(entities[i].name) == bytes && memcmp(entities[i].name, at, bytes) == 0)
            return sr_str_add(out, entities[i].text, err) ? semicolon + 1 : NULL;
    }
    char *stop;
    const bool hex = at[0] == '#' && at[1] == 'x';
    const unsigned long c = at[0] == '#' ? strtoul(at + 1 + hex, &stop, hex ? 16 : 10) : 0;
    const bool surrogate = c >= 0xd800 && c <= 0xdfff;
    if (c == 0 || stop != semicolon || c > 0x10ffff || surrogate) {
        (void)malformed(err, "bad entity");
        return NULL;
    }
    return add_utf8(out, c, err) ? semicolon + 1 : NULL;
}

static bool take_text(struct parser *parser, struct sr_err *err)
{
    const char *stop = memchr(parser->at, '<', (size_t)(parser->end - parser->at));
    if (!stop)
        stop = parser->end;
    struct sr_str *out = parser->depth ? &parser->texts[parser->depth - 1] : NULL;
    while (parser->at < stop) {
        const char *amp = memchr(parser->at, '&', (size_t)(stop - parser->at));
        const char *plain = amp ? amp : stop;
        if (!out) {  // around the root only white space
            for (const char *c = parser->at; c < plain; c++) {
                if (!strchr(" \t\r\n", *c) || !*c)
                    return malformed(err, "text outside the root");
            }
        } else if (!sr_str_add_bytes(out, parser->at, (size_t)(plain - parser->at), err)) {
            return false;
        }
        parser->at = plain;
        if (amp && !out)
            return malformed(err, "text outside the root");
        if (amp && !(parser->at = add_entity(amp + 1, stop, out, err)))
            return false;
    }
    return true;
}

static bool close_element(struct parser *parser, struct sr_err *err)
{
    struct sr_str *text = &parser->texts[parser->depth - 1];
    const struct xml_visitor *visitor = parser->visitor;
    if (visitor->end && !visitor->end(visitor->self, parser->path, sr_str_text(text), err))
        return false;
    sr_str_done(text);
    parser->depth--;
    parser->path_bytes = parser->starts[parser->depth];
    parser->path_bytes -= parser->path_bytes > 0;  // the slash in front
    parser->path[parser->path_bytes] = '\0';
    return true;
}

static size_t name_bytes(const struct parser *parser)
{
    size_t bytes = 0;
    while (parser->at + bytes < parser->end && parser->at[bytes] &&
           !strchr(" \t\r\n/>", parser->at[bytes]))
        bytes++;
    return bytes;
}

static bool open_element(struct parser *parser, struct sr_err *err)
{
    size_t bytes = name_bytes(parser);
    const char *name = parser->at;
    parser->at += bytes;
    const char *colon = memchr(name, ':', bytes);
    if (colon) {
        bytes -= (size_t)(colon + 1 - name);
        name = colon + 1;
    }
    if (bytes == 0)
        return malformed(err, "bad tag");
    if (parser->depth == XML_DEPTH_MAX || parser->path_bytes + bytes + 2 > sizeof(parser->path))
        return malformed(err, "too deep");
    if (parser->depth)
        parser->path[parser->path_bytes++] = '/';
    parser->starts[parser->depth] = parser->path_bytes;
    memcpy(parser->path + parser->path_bytes, name, bytes);
    parser->path_bytes += bytes;
    parser->path[parser->path_bytes] = '\0';
    parser->depth++;
    const struct xml_visitor *visitor = parser->visitor;
    if (visitor->begin && !visitor->begin(visitor->self, parser->path, err))
        return false;
    while (parser->at < parser->end && *parser->at != '>') {  // attributes; quotes may hold a '>'
        const char c = *parser->at++;
        if (c == '"' || c == '\'') {
            const char *quote = memchr(parser->at, c, (size_t)(parser->end - parser->at));
            if (!quote)
                return malformed(err, "unexpected end");
            parser->at = quote + 1;
        }
    }
    if (parser->at == parser->end)
        return malformed(err, "unexpected end");
    const bool empty = parser->at[-1] == '/';
    parser->at++;
    return !empty || close_element(parser, err);
}

static bool end_tag(struct parser *parser, struct sr_err *err)
{
    size_t bytes = name_bytes(parser);
    const char *name = parser->at;
    const char *colon = memchr(name, ':', bytes);
    if (colon) {
        bytes -= (size_t)(colon + 1 - name);
        name = colon + 1;
    }
    if (parser->depth == 0)
        return malformed(err, "an end without a beginning");
    const char *open = parser->path + parser->starts[parser->depth - 1];
    if (strlen(open) != bytes || memcmp(open, name, bytes) != 0)
        return malformed(err, "tags do not match");
    return skip_past(parser, ">", err) && close_element(parser, err);
}

static bool cdata(struct parser *parser, struct sr_err *err)
{
    parser->at += strlen("<![CDATA[");
    const char *stop = find(parser, "]]>");
    if (!stop || parser->depth == 0)
        return malformed(err, "bad CDATA");
    if (!sr_str_add_bytes(&parser->texts[parser->depth - 1], parser->at,
                          (size_t)(stop - parser->at), err))
        return false;
    parser->at = stop + 3;
    return true;
}

static bool markup(struct parser *parser, struct sr_err *err)
{
    if (begins(parser, "<?"))
        return skip_past(parser, "?>", err);
    if (begins(parser, "<!--"))
        return skip_past(parser, "-->", err);
    if (begins(parser, "<![CDATA["))
        return cdata(parser, err);
    if (begins(parser, "<!"))
        return malformed(err, "a document type is not allowed");
    if (begins(parser, "</")) {
        parser->at += 2;
        return end_tag(parser, err);
    }
    parser->at++;
    return open_element(parser, err);
}

bool xml_parse(const char *text, size_t bytes, const struct xml_visitor *visitor,
               struct sr_err *err)
{
    struct parser parser = { .at = text, .end = text + bytes, .visitor = visitor };
    bool done = true, root = false;
    while (done && parser.at < parser.end) {
        if (*parser.at == '<') {
            const size_t depth = parser.depth;
            const bool element = !begins(&parser, "<?") && !begins(&parser, "<!");
            if (depth == 0 && root && element)
                done = malformed(err, "more than one root");
            else
                done = markup(&parser, err);
            root |= element;
        } else {
            done = take_text(&parser, err);
        }
    }
    if (done && (parser.depth || !root))
        done = malformed(err, "unexpected end");
    for (size_t i = 0; i < XML_DEPTH_MAX; i++)
        sr_str_done(&parser.texts[i]);
    return done;
}

bool xml_escape(const char *text, struct sr_str *out, struct sr_err *err)
{
    for (const char *c = text; *c; c++) {
        bool done = false, found = false;
        for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
            if (*entities[i].text == *c) {
                found = true;
                done = sr_str_addf(out, err, "&%s;", entities[i].name);
            }
        }
        if (!found)
            done = (unsigned char)*c < 0x20 ? sr_str_addf(out, err, "&#%d;", *c)
                                            : sr_str_add_bytes(out, c, 1, err);
        if (!done)
            return false;
    }
    return true;
}
