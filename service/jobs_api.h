// service/jobs_api.h - the Jobs API: /v1 over HTTP. docs/jobs.md explains it.
#pragma once

#include "service/audit.h"
#include "service/auth.h"
#include "service/config_jobs.h"
#include "service/job_follow.h"
#include "service/jobs.h"
#include "service/server.h"

struct jobs_api {  // all borrowed
    struct jobs *jobs;
    struct job_follow *follow;
    const struct config_jobs *config;
    const struct auth *auth;
    struct audit *audit;  // NULL: nothing is written down
    const struct sr_clock *clock;
    const struct sr_log *log;
};

// Any request whose path begins with "/v1/". Answered at once or later.
// Threads: the server's.
void jobs_api_handle(const struct jobs_api *api, struct server_call *call,
                     const struct server_request *request);

// Whether the request may be served: it shows one of our keys, or is signed with one; without any
// keys, it comes from this machine and not from a web page. `ret_who` as for auth_check().
bool jobs_api_may(const struct jobs_api *api, const struct server_request *request,
                  char ret_who[AUTH_ACCESS_KEY_MAX + 1], struct auth_refusal *ret_refusal);

// The table of routes, to compare: "GET", "/v1/jobs/{id}/log", "GetJobLog". False: past its end.
bool jobs_api_route(size_t index, const char **ret_method, char path[64],
                    const char **ret_operation);
