// service/route.h - which handler a request goes to: a table of method, path, handler.
#pragma once

#include "service/server.h"

struct route {                  // a table ends with a NULL method
    const char *method, *path;  // a path that ends with '*': whatever begins so
    // It hears of requests that the server refuses, too (`refused_status`), and answers those.
    bool takes_refused;
    void *(*handle)(void *self, struct server_call *call, const struct server_request *request);
};

// Hands the request to its row's handler, or answers it: 404, 405 with Allow, or the server's
// refusal. GET rows answer HEAD, too.
// Owns: gives what the handler gives, NULL when there was none.
void *route_handle(const struct route *routes, void *self, struct server_call *call,
                   const struct server_request *request);
