#include "service/config_jobs.h"

#include <string.h>
#include <strings.h>

#include "net/url.h"

enum { TEXT_MAX = 1024, KEEP_DAYS = 7 };

void config_jobs_init(struct config_jobs *jobs)
{
    *jobs = (struct config_jobs){ .keep_days = KEEP_DAYS };
}

const char *config_jobs_wrong_workspace(const char *text)
{
    const bool is_store = strncasecmp(text, "s3://", 5) == 0 && text[5] && text[5] != '/';
    return strlen(text) <= TEXT_MAX && (*text == '/' || is_store)
               ? NULL
               : "want the absolute path of a folder, or an s3:// URL";
}

const char *config_jobs_wrong_root(const char *text)
{
    return *text == '/' && strlen(text) <= TEXT_MAX ? NULL : "want the absolute path of a folder";
}

const char *config_jobs_wrong_address(const char *text)
{
    static const char *const schemes[] = { "s3://", "https://", "http://" };
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct sr_err ignored = { 0 };
        sr_auto(url) struct url url = { 0 };
        const size_t bytes = strlen(schemes[i]);
        if (strncasecmp(text, schemes[i], bytes) != 0 || strlen(text) > TEXT_MAX)
            continue;
        if (strcmp(text + bytes, "*") == 0 ||
            (i == 0 ? text[bytes] && !strchr("/*", text[bytes])
                    : !strpbrk(text, "*?#") && url_parse(text, &url, &ignored)))
            return NULL;
    }
    return "want s3://bucket, https://host or http://host, with or without a path, or s3://*, ...";
}
