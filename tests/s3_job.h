// tests/s3_job.h - whole jobs between files and a real S3 server (Ceph's), also through a proxy
// that spoils connections; what several test programs share.
#pragma once

#include "pipeline/run.h"
#include "tests/fault_proxy.h"
#include "tests/s3_server.h"

#define S3_JOB_ACCESS "splitreelaccess"
#define S3_JOB_SECRET "splitreelsecretkey"
#define S3_JOB_BUCKET "s3://splitreel-test/"

struct s3_job {
    struct s3_server server;
    struct s3_client direct;    // of the bucket, without the proxy
    struct fault_proxy *proxy;  // in front of the server
};
// Starts them. Gives -1, or what main() is to return: the server is not installed, or does not
// start.
int s3_job_begin(void);
void s3_job_end(void);
struct s3_job *s3_job(void);
// The server's keys, as an environment.
const char *s3_job_env(void *self, const char *name);

struct s3_job_how {
    const char *input, *output;             // paths or URLs
    const char *template_name;              // NULL: one file
    const char *endpoint;                   // NULL: the server itself
    const struct blob_store_config *store;  // NULL: one for every bucket, at `endpoint`
    size_t store_count;
    const char *(*env)(void *self, const char *name);  // NULL: s3_job_env
    const char *workspace;  // below the scratch folder, a path, or a URL; NULL: "ws"
    const char *rendition;  // of the video, with single quotes
    const char *correlation;
    bool overwrite, keep, gives_up, is_composed;
    struct run_progress *progress;
    const struct sr_cancel *stop;
};
bool s3_job_run(const struct s3_job_how *how, struct run_result *result, struct sr_err *err);
void s3_job_run_ok(const struct s3_job_how *how);
// A film of which a part is some MiB.
#define S3_JOB_LARGE "{'id':'v','codec':'h264','preset':'ultrafast','crf':1}"

// What fails in these fails the test.
char *s3_job_scratch(const char *name);  // a path of the test's own; the caller frees it
char *s3_job_fixture(const char *name);  // a path; the caller frees it
void s3_job_put_file(const char *path, const char *key);
void s3_job_assert_same(const char *path, const char *key);
// Each file of the folder is there under the prefix, and nothing else; reports are not compared.
// Gives how many there are.
size_t s3_job_assert_same_tree(const char *folder, const char *prefix);
bool s3_job_is_there(const char *key);
size_t s3_job_open_uploads(void);
size_t s3_job_count_below(const char *prefix);  // at most a page of a listing
void s3_job_clear(const char *prefix);          // objects and uploads
