// pipeline/remote.h - the object stores that a job reads from and writes to, opened when the first
// URL asks for one, and the memory that its readers and writers share.
#pragma once

#include "base/jx.h"
#include "pipeline/correlation.h"
#include "storage/blob_stores.h"

struct remote;

struct remote_params {
    const struct blob_stores_params *stores;  // NULL: as the environment says; borrowed
    const struct sr_cancel *cancel;           // ends every request; NULL: never
    const struct sr_log *log;
    size_t reader_count;  // that read at once, when all of the job is done here: the cache has room
                          // for each, and for more where there is memory; 0: two, of one task
    // For remote_mark(): of the job. NULL or "": nothing is known. Borrowed, and read whenever
    // something is written.
    const char *job, *correlation;
};

// Owns:    the caller frees *ret_remote, after all readers and writers from it.
// Threads: any. Errors: NO_MEMORY. Nothing is opened yet: for a job on paths alone it costs nothing.
SR_MUST_USE bool remote_new(const struct remote_params *params, struct remote **ret_remote,
                            struct sr_err *err);
void remote_free(struct remote *remote);
SR_DEFINE_AUTO(remote, struct remote, remote_free);

// Whether it is a URL of a store and not a path: s3://, http://, https://.
bool remote_is_url(const char *place);
// Of an http URL without query and fragment, which may be secret: for messages. The caller frees
// it.
char *remote_shown(const char *place, struct sr_err *err);

// Owns: *ret_place is the remote's. Errors: as blob_stores_open().
SR_MUST_USE bool remote_open(struct remote *remote, const char *url, enum blob_place_use use,
                             const struct blob_place **ret_place, struct sr_err *err);
// The client that reads http(s) inputs, for what else goes to addresses that a job names. It is the
// remote's.
// Errors: NO_MEMORY, UNSUPPORTED (a process that reaches stores through another).
SR_MUST_USE bool remote_http(struct remote *remote, struct http **ret_http, struct sr_err *err);
// An object to read by range, through the cache. `known`: what blob_head() told; NULL: it is asked.
// Errors: as blob_read_open().
SR_MUST_USE bool remote_reader(struct remote *remote, const struct blob *blob, const char *key,
                               const struct blob_info *known, struct sr_reader *ret_reader,
                               struct sr_err *err);
// An object to write: parts go up while it is written, all writers within one budget.
// Errors: as blob_write_open().
SR_MUST_USE bool remote_writer(struct remote *remote, const struct blob *blob, const char *key,
                               const struct blob_attrs *attrs, struct sr_writer *ret_writer,
                               struct sr_err *err);

// The metadata of everything that a job writes into a store: which job's it is, so that an upload
// event of it starts nothing, and the job's correlation.
struct remote_mark {
    char texts[4][CORRELATION_BYTES_MAX + 1];
    struct blob_pair pair[2];
    struct blob_pairs pairs;
};
// Lives as long as `mark`. `remote` NULL: no job's in particular.
const struct blob_pairs *remote_mark(const struct remote *remote, struct remote_mark *mark);

// What a process may spend on blocks of objects that so many tasks of whole jobs read. Pure.
uint64_t remote_cache_bytes(size_t reader_count);

// {"requests", "retries", "received_bytes", "sent_bytes", "cache": {"requests", "bytes", "hits",
// "bytes_peak"}}; null when no store was opened. Errors: NO_MEMORY.
SR_MUST_USE bool remote_stats(struct remote *remote, json_t **ret_json, struct sr_err *err);
