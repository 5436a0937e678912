// The parser row by row, and against the published schema: documents changed leaf by leaf get the
// same verdict from both.
#include "base/test.h"

#include <regex.h>

#include "base/io.h"
#include "base/str.h"
#include "pipeline/manifest.h"

static const struct row {
    const char *name;
    const char *text;
    enum sr_err_code code;
    const char *says;  // part of the message
} rows[] = {
    { "smallest", "{'version':1,'input':'a.mov','output':'b.mp4'}", SR_OK, NULL },
    { "comments", "{'version':1,/* here */'input':'a.mov','output':'b.mp4'}", SR_OK, NULL },
    { "template", "{'version':1,'input':'a.mov','output':'b/','template':'hls-1080p'}", SR_OK,
      NULL },
    { "to a pipe", "{'version':1,'input':'a.mov','output':'-'}", SR_OK, NULL },
    { "file url", "{'version':1,'input':'file:///a.mov','output':'b.mp4'}", SR_OK, NULL },
    { "not JSON", "{'version':1,", SR_ERR_INVALID, "line 1" },
    { "not an object", "[]", SR_ERR_INVALID, "$: want an object" },
    { "no version", "{'input':'a.mov','output':'b.mp4'}", SR_ERR_INVALID, "$.version" },
    { "version of the future", "{'version':2,'input':'a','output':'b.mp4'}", SR_ERR_INVALID,
      "$.version" },
    { "unknown key", "{'version':1,'imput':'a','output':'b.mp4'}", SR_ERR_INVALID,
      "$.imput: is not known, the nearest known key is \"input\"" },
    { "the same key twice", "{'version':1,'input':'a','input':'b','output':'b.mp4'}",
      SR_ERR_INVALID, "input" },
    { "no output", "{'version':1,'input':'a'}", SR_ERR_INVALID, "$.output" },
    { "another scheme", "{'version':1,'input':'gs://b/a.mov','output':'b.mp4'}", SR_ERR_UNSUPPORTED,
      "there are paths, s3://, http:// and https://" },
    { "output to the web", "{'version':1,'input':'a','output':'https://h/b.mp4'}",
      SR_ERR_UNSUPPORTED, "can only be read" },
    { "no bucket", "{'version':1,'input':'s3:///a.mov','output':'b.mp4'}", SR_ERR_INVALID,
      "names no bucket" },
    { "composed", "{'version':1,'input':'a.mov','output':'b.mp4','layout':'composed'}", SR_OK,
      NULL },
    { "another layout", "{'version':1,'input':'a.mov','output':'b.mp4','layout':'x'}",
      SR_ERR_INVALID, "$.layout: want one of \"progressive\", \"composed\"" },
    { "unknown extension", "{'version':1,'input':'a','output':'b.avi'}", SR_ERR_INVALID,
      ".mp4 or .m4a" },
    { "no such template", "{'version':1,'input':'a','output':'b/','template':'hls'}",
      SR_ERR_INVALID, "hls-1080p" },
    { "template and renditions",
      "{'version':1,'input':'a','output':'b/','template':'mp4','renditions':[]}", SR_ERR_INVALID,
      "$.template" },
    { "notification of nobody", "{'version':1,'input':'a','output':'b.mp4','notifications':[{}]}",
      SR_ERR_INVALID, "$.notifications[0]" },
    { "notification by mail",
      "{'version':1,'input':'a','output':'b.mp4','notifications':[{'url':'mailto:a@b'}]}",
      SR_ERR_INVALID, "$.notifications[0].url" },
    { "notification of another scheme",
      "{'version':1,'input':'a','output':'b.mp4','notifications':[{'url':'ftp://a/b'}]}",
      SR_ERR_INVALID, "$.notifications[0].url: want http:// or https://" },
    { "notification with a password",
      "{'version':1,'input':'a','output':'b.mp4','notifications':[{'url':'http://u:p@a/'}]}",
      SR_ERR_INVALID, "$.notifications[0].url" },
    { "notification of an unknown event",
      "{'version':1,'input':'a','output':'b.mp4','notifications':[{'url':'http://a/','events':['DONE']}]}",
      SR_ERR_INVALID, "$.notifications[0].events[0]: want \"SUCCEEDED\"" },
    { "a correlation with a space",
      "{'version':1,'input':'a.mov','output':'b.mp4','correlation':'a b'}", SR_ERR_INVALID,
      "$.correlation: want 1..128 visible" },
    { "a correlation of nothing", "{'version':1,'input':'a.mov','output':'b.mp4','correlation':''}",
      SR_ERR_INVALID, "$.correlation: want 1..128 visible" },
    { "a trace of zeros",
      "{'version':1,'input':'a.mov','output':'b.mp4',"
      "'traceparent':'00-00000000000000000000000000000000-00f067aa0ba902b7-01'}",
      SR_ERR_INVALID, "$.traceparent: want a traceparent" },
    { "notification of no event",
      "{'version':1,'input':'a','output':'b.mp4','notifications':[{'url':'http://a/','events':[]}]}",
      SR_ERR_INVALID, "$.notifications[0].events" },
    { "notification of an event twice",
      "{'version':1,'input':'a','output':'b.mp4','notifications':[{'url':'http://a/','events':['FAILED','FAILED']}]}",
      SR_ERR_INVALID, "$.notifications[0].events[1]" },
    { "notification with a secret in it",
      "{'version':1,'input':'a','output':'b.mp4','notifications':[{'url':'http://a/','secret_env':'not a name'}]}",
      SR_ERR_INVALID, "$.notifications[0].secret_env" },
    { "notifications, too many",
      "{'version':1,'input':'a','output':'b.mp4','notifications':[{'url':'http://a/'},{'url':'http://a/'},"
      "{'url':'http://a/'},{'url':'http://a/'},{'url':'http://a/'},{'url':'http://a/'},{'url':'http://a/'},"
      "{'url':'http://a/'},{'url':'http://a/'}]}",
      SR_ERR_INVALID, "$.notifications: want at most 8" },
    { "rotation by a third", "{'version':1,'input':{'url':'a','rotate':120},'output':'b.mp4'}",
      SR_ERR_INVALID, "$.input.rotate" },
    { "audio by language",
      "{'version':1,'input':{'url':'a','streams':{'audio':['eng',2,'a:1'],'video':'none'}},'output':'b.mp4'}",
      SR_OK, NULL },
    { "audio stream below zero",
      "{'version':1,'input':{'url':'a','streams':{'audio':[-1]}},'output':'b.mp4'}", SR_ERR_INVALID,
      "$.input.streams.audio[0]" },
    { "audio from none",
      "{'version':1,'input':{'url':'a','streams':{'audio':[]}},'output':'b.mp4'}", SR_ERR_INVALID,
      "$.input.streams.audio" },
    { "segment of nothing", "{'version':1,'input':'a','output':'b.mp4','segments':{'target':'0s'}}",
      SR_ERR_INVALID, "$.segments.target" },
    { "no renditions", "{'version':1,'input':'a','output':'b.mp4','renditions':[]}", SR_ERR_INVALID,
      "$.renditions" },
    { "crf too high",
      "{'version':1,'input':'a','output':'b.mp4','renditions':[{'id':'v','codec':'h264','crf':52}]}",
      SR_ERR_INVALID, "$.renditions[0].crf" },
    { "video bitrate",
      "{'version':1,'input':'a','output':'b.mp4','renditions':[{'id':'v','codec':'h264','bitrate':'3M'}]}",
      SR_ERR_UNSUPPORTED, "crf" },
    { "id that climbs",
      "{'version':1,'input':'a','output':'b.mp4','renditions':[{'id':'../v','codec':'h264'}]}",
      SR_ERR_INVALID, "$.renditions[0].id" },
    { "two with one id",
      "{'version':1,'input':'a','output':'b.mp4','renditions':[{'id':'v','codec':'h264'},{'id':'v','codec':'aac'}]}",
      SR_ERR_INVALID, "taken" },
    { "bufsize alone",
      "{'version':1,'input':'a','output':'b.mp4','renditions':[{'id':'v','codec':'h264','bufsize':'3M'}]}",
      SR_ERR_INVALID, "maxrate" },
    { "copy that changes",
      "{'version':1,'input':'a','output':'b.mp4','renditions':[{'id':'v','codec':'copy','channels':2}]}",
      SR_ERR_INVALID, "$.renditions[0]" },
    { "two videos in one file",
      "{'version':1,'input':'a','output':'b.mp4','renditions':[{'id':'v','codec':'h264'},{'id':'w','codec':'h264'}]}",
      SR_ERR_INVALID, "do not fit" },
    { "only video for audio",
      "{'version':1,'input':'a','output':'b.m4a','renditions':[{'id':'v','codec':'h264'}]}",
      SR_ERR_INVALID, "audio alone" },
    { "sprite",
      "{'version':1,'input':'a','output':'b/','renditions':[{'id':'v','codec':'h264'}],'outputs':[{'type':'sprite','path':'t/'}]}",
      SR_ERR_UNSUPPORTED, "$.outputs[0].type" },
    { "output that climbs",
      "{'version':1,'input':'a','output':'b/','renditions':[{'id':'v','codec':'h264'}],'outputs':[{'type':'mp4','path':'../x.mp4','use':['v']}]}",
      SR_ERR_INVALID, "$.outputs[0].path" },
    { "absolute output",
      "{'version':1,'input':'a','output':'b/','renditions':[{'id':'v','codec':'h264'}],'outputs':[{'type':'mp4','path':'/etc/x.mp4','use':['v']}]}",
      SR_ERR_INVALID, "absolute" },
    { "unknown place in a path",
      "{'version':1,'input':'a','output':'b/','renditions':[{'id':'v','codec':'h264'}],'outputs':[{'type':'mp4','path':'{date}.mp4','use':['v']}]}",
      SR_ERR_INVALID, "{name} and {id}" },
    { "use of the unknown",
      "{'version':1,'input':'a','output':'b/','renditions':[{'id':'v','codec':'h264'}],'outputs':[{'type':'mp4','path':'x.mp4','use':['w']}]}",
      SR_ERR_INVALID, "$.outputs[0].use[0]" },
    { "segment length of an mp4",
      "{'version':1,'input':'a','output':'b/','renditions':[{'id':'v','codec':'h264'}],'outputs':[{'type':'mp4','path':'x.mp4','use':['v'],'segment':2}]}",
      SR_ERR_INVALID, "$.outputs[0].segment" },
    { "metadata that nests", "{'version':1,'input':'a','output':'b.mp4','metadata':{'a':{}}}",
      SR_ERR_INVALID, "$.metadata.a" },
};

// C strings are full of quotes; the rows are written with single ones.
static char *quoted(const char *text)
{
    char *const copy = strdup(text);
    assert_non_null(copy);
    for (char *c = copy; *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return copy;
}

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(char) char *text = quoted(row->text);
    const struct manifest_params params = { .text = text, .bytes = strlen(text) };
    if (row->code == SR_OK) {
        sr_assert_ok(manifest_parse(&params, &manifest, &err), err);
        assert_true(manifest->output_count >= 1);
        return;
    }
    sr_assert_fails(manifest_parse(&params, &manifest, &err), row->code, err);
    sr_assert_contains(err.message, row->says);
    assert_null(manifest);
}

static const char whole[] =
    "{'version':1,'idempotency_key':'k','metadata':{'asset':'42'},'priority':50,'correlation':'order-42',"
    "'traceparent':'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',"
    "'notifications':[{'url':'https://app.example/hook','events':['FAILED'],'secret_env':'HOOK_SECRET'}],'layout':'composed',"
    "'input':{'url':'dir/a.mov','format':'mov','rotate':90,'deinterlace':'auto','streams':{'video':0,'audio':[1,'eng','a:0']}},"
    "'output':'out/','segments':{'mode':'grid','target':'10s'},"
    "'renditions':[{'id':'1080p','codec':'h264','width':1920,'height':1080,'crf':21,'preset':'fast','tune':'film',"
    "'profile':'high','maxrate':'6M','bufsize':'12M','fps':'30000/1001','pixel_format':'yuv420p','deinterlace':false,"
    "'if_larger':'drop'},{'id':'aac','codec':'aac','bitrate':'128k','sample_rate':48000,'channels':2,'track':1},"
    "{'id':'original','codec':'copy','track':2}],"
    "'outputs':[{'type':'hls','path':'hls/','use':['1080p','aac'],'segment':'6s'},"
    "{'type':'mp4','path':'{name}_{id}.mp4','use':['1080p','aac','original'],'layout':'progressive'}]}";

static json_t *whole_document(void)
{
    struct sr_err err = { 0 };
    json_t *document = NULL;
    sr_auto(char) char *text = quoted(whole);
    sr_assert_ok(jx_parse(text, strlen(text), false, &document, &err), err);
    return document;
}

static void everything_is_carried(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(manifest) struct manifest *m = NULL;
    sr_assert_ok(manifest_take(whole_document(), NULL, NULL, &m, &err), err);
    assert_string_equal(m->input, "dir/a.mov");
    assert_string_equal(m->format, "mov");
    assert_int_equal(m->rotate, 90);
    assert_int_equal(m->video, MANIFEST_PICKED);
    assert_int_equal(m->video_pick.stream_index, 0);
    assert_int_equal(m->audio_pick_count, 3);
    assert_int_equal(m->audio_picks[0].stream_index, 1);
    assert_string_equal(m->audio_picks[1].language, "eng");
    assert_int_equal(m->audio_picks[2].ordinal, 0);
    assert_int_equal(m->mode, SEGMENT_GRID);
    assert_int_equal(m->target_us, 10000000);
    const struct rendition *const video = &m->renditions[0].asked;
    assert_true(m->renditions[0].drops_if_larger);
    assert_int_equal(video->height, 1080);
    assert_true(video->crf == 21);
    assert_int_equal(video->maxrate_bps, 6000000);
    assert_int_equal(video->bufsize_bits, 12000000);
    assert_int_equal(video->fps.num, 30000);
    assert_string_equal(video->tune, "film");
    assert_int_equal(m->renditions[1].asked.bitrate_bps, 128000);
    assert_int_equal(m->renditions[1].asked.track, 1);
    assert_int_equal(m->output_count, 2);
    assert_int_equal(m->outputs[0].type, MANIFEST_HLS);
    assert_int_equal(m->outputs[0].segment_us, 6000000);
    assert_int_equal(m->outputs[1].use_count, 3);
    assert_true(m->is_composed);  // of outputs that say nothing
    assert_false(m->outputs[1].is_composed);
    assert_string_equal(m->idempotency_key, "k");
    assert_int_equal(m->priority, 50);
    assert_string_equal(m->correlation, "order-42");
    assert_string_equal(m->traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert_int_equal(m->notification_count, 1);
    assert_string_equal(m->notifications[0].url, "https://app.example/hook");
    assert_string_equal(m->notifications[0].secret_env, "HOOK_SECRET");
    assert_true(m->notifications[0].wants[MANIFEST_FAILED]);
    assert_false(m->notifications[0].wants[MANIFEST_SUCCEEDED]);
    assert_false(m->notifications[0].wants[MANIFEST_CANCELLED]);
    assert_string_equal(json_string_value(json_object_get(m->metadata, "asset")), "42");
}

static void defaults(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(manifest) struct manifest *m = NULL;
    static const char text[] = "{\"version\":1}";
    const struct manifest_params params = {
        .text = text, .bytes = strlen(text), .input = "-\xff 'x'.mov", .output = "-y.mp4"
    };
    sr_assert_ok(manifest_parse(&params, &m, &err), err);
    assert_string_equal(m->input, "-\xff 'x'.mov");
    assert_string_equal(m->outputs[0].path, "-y.mp4");
    assert_false(m->output_is_folder);
    assert_int_equal(m->rendition_count, 2);
    assert_true(m->renditions[0].asked.crf < 0);
    assert_int_equal(m->renditions[1].asked.track, -1);
    assert_int_equal(m->rotate, -1);
    assert_int_equal(m->mode, SEGMENT_AUTO);
    assert_int_equal(m->audio, MANIFEST_ALL);
}

static void paths_stay_inside(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct {
        const char *pattern, *name, *want;
    } cases[] = {
        { "{name}_{id}.mp4", "film", "film_1080p.mp4" },
        { "a/{id}/b.mp4", "film", "a/1080p/b.mp4" },
        { "hls/", "film", "hls" },
        { ".", "film", "." },
        { "{name}.mp4", "100% \"{id}\"", "100% \"{id}\".mp4" },  // a value is not a pattern
        { "{name}/x.mp4", "..", NULL },
        { "a/../x.mp4", "film", NULL },
        { "a//x.mp4", "film", NULL },
        { ".hidden/x.mp4", "film", NULL },
        { "/x.mp4", "film", NULL },
        { "{x}", "film", NULL },
        { "{", "film", NULL },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(char) char *path = NULL;
        if (cases[i].want) {
            sr_assert_ok(manifest_path(cases[i].pattern, cases[i].name, "1080p", &path, &err), err);
            assert_string_equal(path, cases[i].want);
        } else {
            sr_assert_fails(manifest_path(cases[i].pattern, cases[i].name, "1080p", &path, &err),
                            SR_ERR_INVALID, err);
        }
    }
}

static void names_of_inputs(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const char *const cases[][2] = {
        { "a.mov", "a" },           { "dir.x/a.b.mov", "a.b" }, { "dir/noext", "noext" },
        { "/x/.hidden", "hidden" }, { "..", "output" },         { "dir/", "output" },
        { "-dash.mov", "-dash" },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(char) char *name = NULL;
        sr_assert_ok(manifest_input_name(cases[i][0], &name, &err), err);
        assert_string_equal(name, cases[i][1]);
    }
}

// A validator of the part of JSON Schema that our schema uses; any other keyword fails the test.
static bool valid(const json_t *schema, const json_t *value, const json_t *root);

static bool matches(const char *pattern, const char *text)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    const bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static bool has_type(const char *type, const json_t *value)
{
    static const struct {
        const char *name;
        json_type types[2];
    } known[] = {
        { "object", { JSON_OBJECT, JSON_OBJECT } }, { "array", { JSON_ARRAY, JSON_ARRAY } },
        { "string", { JSON_STRING, JSON_STRING } }, { "integer", { JSON_INTEGER, JSON_INTEGER } },
        { "number", { JSON_INTEGER, JSON_REAL } },  { "boolean", { JSON_TRUE, JSON_FALSE } },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(known); i++) {
        if (strcmp(type, known[i].name) == 0)
            return json_typeof(value) == known[i].types[0] ||
                   json_typeof(value) == known[i].types[1];
    }
    fail_msg("type %s", type);
    return false;
}

static bool valid_members(const json_t *schema, const json_t *value, const json_t *root)
{
    const json_t *const properties = json_object_get(schema, "properties");
    const json_t *const other = json_object_get(schema, "additionalProperties");
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member)
    {
        const json_t *const known = json_object_get(properties, key);
        if (known
                ? !valid(known, member, root)
                : (json_is_false(other) || (json_is_object(other) && !valid(other, member, root))))
            return false;
    }
    const json_t *const required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        if (!json_object_get(value, json_string_value(json_array_get(required, i))))
            return false;
    }
    return true;
}

static bool any_valid(const json_t *list, const json_t *value, const json_t *root, bool by_equality)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const one = json_array_get(list, i);
        if (by_equality ? json_equal(one, value) : valid(one, value, root))
            return true;
    }
    return false;
}

static bool all_differ(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        for (size_t j = 0; j < i; j++) {
            if (json_equal(json_array_get(list, i), json_array_get(list, j)))
                return false;
        }
    }
    return true;
}

static bool valid_keyword(const char *word, const json_t *rule, const json_t *schema,
                          const json_t *value, const json_t *root)
{
    const double number = json_number_value(value), limit = json_number_value(rule);
    const json_int_t whole_limit = json_integer_value(rule);
    if (strcmp(word, "$ref") == 0) {
        const char *const name = strrchr(json_string_value(rule), '/') + 1;
        const json_t *const target = json_object_get(json_object_get(root, "$defs"), name);
        assert_non_null(target);
        return valid(target, value, root);
    }
    if (strcmp(word, "type") == 0)
        return has_type(json_string_value(rule), value);
    if (strcmp(word, "const") == 0)
        return json_equal(rule, value);
    if (strcmp(word, "enum") == 0)
        return any_valid(rule, value, root, true);
    if (strcmp(word, "anyOf") == 0)
        return any_valid(rule, value, root, false);
    if (strcmp(word, "minimum") == 0)
        return !json_is_number(value) || number >= limit;
    if (strcmp(word, "exclusiveMinimum") == 0)
        return !json_is_number(value) || number > limit;
    if (strcmp(word, "maximum") == 0)
        return !json_is_number(value) || number <= limit;
    if (strcmp(word, "minLength") == 0)
        return !json_is_string(value) || (json_int_t)json_string_length(value) >= whole_limit;
    if (strcmp(word, "maxLength") == 0)
        return !json_is_string(value) || (json_int_t)json_string_length(value) <= whole_limit;
    if (strcmp(word, "minItems") == 0)
        return !json_is_array(value) || (json_int_t)json_array_size(value) >= whole_limit;
    if (strcmp(word, "maxItems") == 0)
        return !json_is_array(value) || (json_int_t)json_array_size(value) <= whole_limit;
    if (strcmp(word, "uniqueItems") == 0)
        return !json_is_array(value) || all_differ(value);
    if (strcmp(word, "maxProperties") == 0)
        return !json_is_object(value) || (json_int_t)json_object_size(value) <= whole_limit;
    if (strcmp(word, "pattern") == 0)
        return !json_is_string(value) || matches(json_string_value(rule), json_string_value(value));
    if (strcmp(word, "items") == 0) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (!valid(rule, json_array_get(value, i), root))
                return false;
        }
        return true;
    }
    if (strcmp(word, "properties") == 0)
        return !json_is_object(value) || valid_members(schema, value, root);
    if (strcmp(word, "additionalProperties") == 0 || strcmp(word, "required") == 0)
        return !json_is_object(value) || json_object_get(schema, "properties") ||
               valid_members(schema, value, root);
    if (strcmp(word, "description") == 0 || strcmp(word, "title") == 0 ||
        strcmp(word, "$schema") == 0 || strcmp(word, "$defs") == 0)
        return true;
    fail_msg("the schema uses \"%s\", which this test does not know", word);
    return false;
}

static bool valid(const json_t *schema, const json_t *value, const json_t *root)
{
    const char *word;
    json_t *rule;
    json_object_foreach((json_t *)schema, word, rule)
    {
        if (!valid_keyword(word, rule, schema, value, root))
            return false;
    }
    return true;
}

static json_t *load_schema(void)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = NULL;
    size_t bytes;
    json_t *schema = NULL;
    sr_assert_ok(sr_file_load("pipeline/manifest.schema.json", 1 << 20, &text, &bytes, &err), err);
    sr_assert_ok(jx_parse(text, bytes, false, &schema, &err), err);
    return schema;
}

struct walk {
    const json_t *schema;
    json_t *document;
    size_t compared, refused;
};

// Refusals for which a schema has no words: a length's range in a string, what refers to something
// else, places.
static bool is_semantic(const struct sr_err *err)
{
    static const char *const parts[] = { "want a length from",
                                         "want bits as",
                                         "want frames per second",
                                         "there is no rendition",
                                         "is taken by",
                                         "several outputs need",
                                         "needs \"maxrate\"",
                                         "want a file's name",
                                         ".path: ",
                                         "a stream's index",
                                         "video renditions give",
                                         "audio renditions only",
                                         "is used twice",
                                         "brings its own",
                                         "\"outputs\"",
                                         "there are paths",
                                         "can only be read",
                                         "names no bucket",
                                         "no rendition fits",
                                         "output \"",
                                         "\"renditions\" is missing",
                                         "want 1 to 4096 bytes" };
    for (size_t i = 0; i < SR_TEST_COUNT(parts); i++) {
        if (strstr(err->message, parts[i]))
            return true;
    }
    return false;
}

static void compare(struct walk *walk, const char *what)
{
    struct sr_err err = { 0 };
    sr_auto(manifest) struct manifest *manifest = NULL;
    const bool schema_takes = valid(walk->schema, walk->document, walk->schema);
    const bool parser_takes =
        manifest_take(json_deep_copy(walk->document), NULL, NULL, &manifest, &err);
    walk->compared++;
    walk->refused += !parser_takes;
    if (schema_takes != parser_takes && !(schema_takes && is_semantic(&err))) {
        sr_auto(char) char *text = json_dumps(walk->document, JSON_COMPACT);
        fail_msg("%s: the schema %s, the parser %s (%s): %s", what,
                 schema_takes ? "takes" : "refuses", parser_takes ? "takes" : "refuses",
                 err.message, text);
    }
}

// Every value a leaf is changed to: wrong types, edges of ranges, strings of each kind.
static json_t *changed(size_t i)
{
    static const char *const texts[] = { "",    "x",          "auto", "none", "all",    "10s",
                                         "6M",  "30000/1001", "../x", "v:0",  "a:0",    "en",
                                         "hls", "mp4",        "h264", "aac",  "copy",   "-1",
                                         "a b", "grid",       "mp4-", "0",    "medium", "1e9" };
    static const json_int_t numbers[] = {
        -1,   0,    1,    2,      16,     17,         51,         52,
        90,   100,  101,  127,    128,    999,        1000,       1001,
        8000, 8192, 8193, 192000, 192001, 2000000000, 2000000001, 9007199254740993
    };
    const size_t text_count = SR_TEST_COUNT(texts), number_count = SR_TEST_COUNT(numbers);
    if (i < text_count)
        return json_string(texts[i]);
    i -= text_count;
    if (i < number_count)
        return json_integer(numbers[i]);
    i -= number_count;
    switch (i) {
    case 0: return json_null();
    case 1: return json_true();
    case 2: return json_false();
    case 3: return json_object();
    case 4: return json_array();
    case 5: return json_real(0.5);
    case 6: return json_real(51.5);
    case 7: return json_pack("{s:i}", "a", 1);
    case 8: return json_pack("[s]", "x");
    default: return NULL;
    }
}

static void walk_value(struct walk *walk, json_t *value, const char *name);

static void change_member(struct walk *walk, json_t *object, const char *key)
{
    sr_auto(json) json_t *was = json_incref(json_object_get(object, key));
    json_t *now;
    for (size_t i = 0; (now = changed(i)); i++) {
        assert_int_equal(json_object_set_new(object, key, now), 0);
        compare(walk, key);
    }
    assert_int_equal(json_object_del(object, key), 0);
    compare(walk, key);
    assert_int_equal(json_object_set(object, key, was), 0);
    walk_value(walk, was, key);
}

static void walk_value(struct walk *walk, json_t *value, const char *name)
{
    if (json_is_object(value)) {
        const char *keys[64];
        size_t count = 0;
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member)
        {
            keys[count++] = strdup(key);
        }
        for (size_t i = 0; i < count; i++) {
            change_member(walk, value, keys[i]);
            free((char *)keys[i]);
        }
        assert_int_equal(json_object_set_new(value, "unknown_key", json_integer(1)), 0);
        compare(walk, name);
        assert_int_equal(json_object_del(value, "unknown_key"), 0);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        sr_auto(json) json_t *was = json_incref(json_array_get(value, i));
        json_t *now;
        for (size_t j = 0; (now = changed(j)); j++) {
            assert_int_equal(json_array_set_new(value, i, now), 0);
            compare(walk, name);
        }
        assert_int_equal(json_array_set(value, i, was), 0);
        walk_value(walk, was, name);
    }
}

static void parser_and_schema_agree(void **state)
{
    (void)state;
    sr_auto(json) json_t *schema = load_schema();
    sr_auto(json) json_t *document = whole_document();
    struct walk walk = { .schema = schema, .document = document };
    compare(&walk, "whole");
    assert_int_equal(walk.refused, 0);
    walk_value(&walk, document, "root");
    assert_true(walk.compared > 2000);
    assert_true(walk.refused > 1500 && walk.refused < walk.compared);
}

// Every property that the schema names is one that the parser knows, and the document above holds
// them all.
static void collect(const json_t *schema, json_t *names)
{
    const char *key;
    json_t *value;
    if (json_is_object(schema)) {
        json_object_foreach((json_t *)schema, key, value)
        {
            if (strcmp(key, "properties") == 0) {
                const char *name;
                json_t *ignored;
                json_object_foreach(value, name, ignored)
                {
                    json_object_set_new(names, name, json_true());
                }
            }
            collect(value, names);
        }
    }
    for (size_t i = 0; i < json_array_size(schema); i++)
        collect(json_array_get(schema, i), names);
}

static void collect_keys(const json_t *document, json_t *names)
{
    const char *key;
    json_t *value;
    if (json_is_object(document)) {
        json_object_foreach((json_t *)document, key, value)
        {
            json_object_set_new(names, key, json_true());
            collect_keys(value, names);
        }
    }
    for (size_t i = 0; i < json_array_size(document); i++)
        collect_keys(json_array_get(document, i), names);
}

static void the_walk_meets_every_property(void **state)
{
    (void)state;
    sr_auto(json) json_t *schema = load_schema();
    sr_auto(json) json_t *document = whole_document();
    sr_auto(json) json_t *of_schema = json_object();
    sr_auto(json) json_t *of_document = json_object();
    collect(schema, of_schema);
    collect_keys(document, of_document);
    json_object_set_new(of_document, "template", json_true());  // excludes others: a row of its own
    const char *key;
    json_t *value;
    json_object_foreach(of_schema, key, value)
    {
        if (!json_object_get(of_document, key))
            fail_msg("no document tries \"%s\"", key);
    }
}

static void too_large(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(manifest) struct manifest *manifest = NULL;
    const struct manifest_params params = { .text = "", .bytes = MANIFEST_BYTES_MAX + 1 };
    sr_assert_fails(manifest_parse(&params, &manifest, &err), SR_ERR_TOO_LARGE, err);
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 7];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(everything_is_carried);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(defaults);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(paths_stay_inside);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(names_of_inputs);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(parser_and_schema_agree);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(the_walk_meets_every_property);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_large);
    return sr_test_run(__FILE__, tests, count);
}
