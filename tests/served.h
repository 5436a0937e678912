// tests/served.h - the workflow service as a process of its own, on a clock and a file system that
// the test holds in its hands. It can be killed and started again.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/jx.h"
#include "net/http.h"
#include "tests/flows.h"

#define SERVED_PREFIX "arn:aws:states:eu-west-1:123456789012"

struct served {
    char folder[64];
    struct sr_clock_fake *clock;  // both processes'
    pid_t pid;                    // 0: it does not run
    char said[300];               // its URL, or "!" and why it did not start
    struct http *http;
};

// The faulty file system must be installed and shared.
void served_make(struct served *served);  // a folder of its own
void served_remove(struct served *served);
// False: it was killed while it started, or did not start: `said` tells then. Functions
// are those of flows.h; tokens that are handed over can be read from the file "tokens" of the
// folder, a line each.
bool served_start(struct served *served);
void served_kill(struct served *served);  // -9, or finds it dead
// Waits for its end; fails the test when that was not a kill.
void served_bury(struct served *served);

struct served_answer {
    int status;  // of HTTP; 0: there was none
    json_t *body;
};
void served_answer_done(struct served_answer *answer);
SR_DEFINE_AUTO_VALUE(served_answer, struct served_answer, served_answer_done);
// Takes `request`. Threads: any.
void served_call(struct served *served, const char *op, json_t *request,
                 struct served_answer *ret_answer);
// Any other call; `body` is JSON, or NULL.
void served_ask(struct served *served, const char *method, const char *path, const char *body,
                struct served_answer *ret_answer);
int served_get(struct served *served, const char *path);  // the status; 0: there was no answer
