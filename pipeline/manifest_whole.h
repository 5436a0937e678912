// pipeline/manifest_whole.h - for tests: a manifest with every member, but "template", which
// excludes others.
#pragma once

#include "base/jx.h"
#include "base/str.h"
#include "base/test.h"

// Quoted as sr_test_quotes() takes it.
static const char manifest_whole_text[] =
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

static inline json_t *manifest_whole(void)
{
    struct sr_err err = { 0 };
    json_t *document = NULL;
    sr_auto(char) char *text = strdup(manifest_whole_text);
    assert_non_null(text);
    sr_test_quotes(text);
    sr_assert_ok(jx_parse(text, strlen(text), false, &document, &err), err);
    return document;
}
