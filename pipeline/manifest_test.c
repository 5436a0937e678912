// The parser row by row.
#include "pipeline/manifest.h"

#include "base/str.h"
#include "pipeline/manifest_whole.h"

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

static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(manifest) struct manifest *manifest = NULL;
    sr_auto(char) char *text = strdup(row->text);
    assert_non_null(text);
    sr_test_quotes(text);
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

static void everything_is_carried(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(manifest) struct manifest *m = NULL;
    sr_assert_ok(manifest_take(manifest_whole(), NULL, NULL, &m, &err), err);
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
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 3];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(everything_is_carried);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(defaults);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(too_large);
    return sr_test_run(__FILE__, tests, count);
}
