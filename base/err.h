// base/err.h - what went wrong, in a fixed-size value, and the one table that says what follows
// from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum sr_err_code {
    SR_OK,
    SR_ERR_INVALID,      // the request (arguments, manifest, definition) is wrong
    SR_ERR_EXISTS,       // the output is there already
    SR_ERR_INPUT,        // the source cannot be read or decoded
    SR_ERR_UNSUPPORTED,  // the source or the setting is fine, but we cannot do it
    SR_ERR_NOT_FOUND,    // a named thing does not exist
    SR_ERR_DENIED,       // not allowed
    SR_ERR_CONFLICT,     // somebody else changed it
    SR_ERR_STORAGE,      // a disk or store failed
    SR_ERR_NETWORK,      // a connection failed
    SR_ERR_BUSY,         // try again later
    SR_ERR_TIMEOUT,      // a deadline passed
    SR_ERR_VERIFY,       // the output is not what the source demands
    SR_ERR_LIMIT,        // a named limit was met
    SR_ERR_TOO_LARGE,    // a size does not fit
    SR_ERR_NO_MEMORY,
    SR_ERR_CANCELLED,  // stopped on request
    SR_ERR_INTERNAL,   // our own bug, or a library's that we cannot name better
    SR_ERR_CODE_COUNT,
};

struct sr_err {
    enum sr_err_code code;  // ours: decides retry, exit status, HTTP status, by the table
    int native;  // theirs: errno, AVERROR, CURLcode, SQLite, HTTP status; 0 when there is none
    const char *origin;  // "file.c:line" where it was raised; a literal
    char message[256];   // outermost context first: "segment 4: upload part 3: HTTP 503 SlowDown"
};

// What follows from a code.
struct sr_err_row {
    const char *name;  // "INVALID"
    bool retry;        // the same call may succeed later
    int exit_status;   // of the process
    int http_status;
    const char *flow_error;  // how a state machine is told of it; NULL: of OK
};

const struct sr_err_row *sr_err_row(enum sr_err_code code);
// The code that a flow_error stands for, of ours or of who watches a task (LIMIT: it used up its
// time); INTERNAL when it is neither.
enum sr_err_code sr_err_of_flow(const char *flow_error);

// Sets the error and gives false, so that a failing function can end with `return sr_fail(...)`.
// Overwrites what was there. Needs no memory. The message is cut, on a character's edge, if too
// long.
#define sr_fail(err, code, ...) sr_fail_at(err, code, 0, SR_HERE, __VA_ARGS__)
#define sr_fail_native(err, code, native, ...) sr_fail_at(err, code, native, SR_HERE, __VA_ARGS__)
// As sr_fail for an errno value: picks the code (ENOENT: NOT_FOUND, ENOMEM: NO_MEMORY, EACCES:
// DENIED, EMFILE: LIMIT, EAGAIN: BUSY, ENOSPC and the rest: STORAGE) and appends ": " and its text.
#define sr_fail_errno(err, number, ...) sr_fail_errno_at(err, number, SR_HERE, __VA_ARGS__)

// Puts "context: " before the message and gives false.
bool sr_err_wrap(struct sr_err *err, const char *format, ...) SR_PRINTF(2, 3);

bool sr_fail_at(struct sr_err *err, enum sr_err_code code, int native, const char *origin,
                const char *format, ...) SR_PRINTF(5, 6);
bool sr_fail_errno_at(struct sr_err *err, int number, const char *origin, const char *format, ...)
    SR_PRINTF(4, 5);

#define SR_STRINGIFY_(x) #x
#define SR_STRINGIFY(x) SR_STRINGIFY_(x)
#define SR_HERE __FILE__ ":" SR_STRINGIFY(__LINE__)
