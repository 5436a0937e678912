#include "service/route.h"

#include <stdio.h>
#include <string.h>

#include "service/problem.h"

static bool has_method(const struct route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static bool has_path(const struct route *route, const char *path)
{
    const size_t bytes = strlen(route->path);
    return route->path[bytes - 1] == '*' ? strncmp(route->path, path, bytes - 1) == 0
                                         : strcmp(route->path, path) == 0;
}

// "GET, HEAD, POST" of a path; false: there is no such path.
static bool list_methods(const struct route *routes, const char *path, char *list, size_t room)
{
    size_t at = 0;
    list[0] = '\0';
    for (const struct route *route = routes; route->method; route++) {
        if (!has_path(route, path))
            continue;
        const int bytes = snprintf(list + at, room - at, "%s%s%s", at ? ", " : "", route->method,
                                   strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
        at += bytes > 0 && (size_t)bytes < room - at ? (size_t)bytes : 0;
    }
    return at > 0;
}

void *route_handle(const struct route *routes, void *self, struct server_call *call,
                   const struct server_request *request)
{
    char allow[64];
    for (const struct route *route = routes; route->method; route++) {
        if (has_path(route, request->path) && has_method(route, request->method) &&
            (route->takes_refused || !request->refused_status))
            return route->handle(self, call, request);
    }
    // That the client may be gone by now is its own affair: nothing was promised.
    if (request->refused_status)
        sr_ignore(
            problem_answer(call, request->refused_status, request->refused.message, NULL, NULL));
    else if (list_methods(routes, request->path, allow, sizeof allow))
        sr_ignore(problem_answer(call, 405, "this path does not take that method", NULL, allow));
    else
        sr_ignore(problem_answer(call, 404, "there is nothing at this path", NULL, NULL));
    return NULL;
}
