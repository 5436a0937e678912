#include "service/problem.h"

#include <string.h>

#include "base/str.h"

static const char *title_of(int status)
{
    const char *const text = server_status_text(status);
    return text ? text : "Error";
}

static bool answer(struct server_call *call, int status, const char *content_type,
                   const char *allow, const struct sr_str *body, bool made)
{
    // Without memory for words the status has to do.
    return server_answer(call, &(struct server_answer){ .status = status,
                                                        .content_type = content_type,
                                                        .body = made ? sr_str_text(body) : "{}",
                                                        .size = made ? body->bytes : 2,
                                                        .allow = allow });
}

bool problem_answer(struct server_call *call, int status, const char *detail, const char *aws_type,
                    const char *allow)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str body = { 0 };
    bool made = sr_str_addf(&body, &err,
                            "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                            title_of(status), status) &&
                sr_str_add_json(&body, detail, strlen(detail), &err);
    if (made && aws_type)
        made = sr_str_addf(&body, &err, ",\"__type\":\"%s\",\"message\":", aws_type) &&
               sr_str_add_json(&body, detail, strlen(detail), &err);
    made = made && sr_str_add(&body, "}\n", &err);
    return answer(call, status, "application/problem+json", allow, &body, made);
}

bool problem_answer_at(struct server_call *call, int status, const char *detail, const char *path)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str body = { 0 };
    bool made = sr_str_addf(&body, &err,
                            "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                            title_of(status), status) &&
                sr_str_add_json(&body, detail, strlen(detail), &err);
    if (made && path)
        made = sr_str_add(&body, ",\"path\":", &err) &&
               sr_str_add_json(&body, path, strlen(path), &err);
    made = made && sr_str_add(&body, "}\n", &err);
    return answer(call, status, "application/problem+json", NULL, &body, made);
}

bool problem_answer_aws(struct server_call *call, int status, const char *type, const char *message)
{
    struct sr_err err = { 0 };
    sr_auto(sr_str) struct sr_str body = { 0 };
    const bool made = sr_str_addf(&body, &err, "{\"__type\":\"%s\",\"message\":", type) &&
                      sr_str_add_json(&body, message, strlen(message), &err) &&
                      sr_str_add(&body, "}", &err);
    return answer(call, status, "application/x-amz-json-1.0", NULL, &body, made);
}
