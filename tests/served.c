#include "tests/served.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "service/config.h"
#include "service/service.h"
#include "statemachine/engine.h"

#define WALL_US 1767225600000000

// --- in the service's process ---

static struct engine *the_engine;
static int tokens_fd = -1;

static void attach(void *self, struct engine *engine)
{
    (void)self;
    the_engine = engine;
}

static bool add(void *self, const struct engine_task *task, struct sr_err *err)
{
    char text[32];
    (void)self;
    return flows_add(task->payload, text)
               ? engine_answer(the_engine, task->ref, text, err)
               : engine_answer_failed(the_engine, task->ref, "E", "not yet", err);
}

static bool hand_over(void *self, const struct engine_task *task, struct sr_err *err)
{
    char line[512];
    (void)self;
    const int bytes = snprintf(line, sizeof line, "%s\n", task->token);
    if (bytes < 0 || write(tokens_fd, line, (size_t)bytes) != bytes)
        return sr_fail(err, SR_ERR_STORAGE, "the token cannot be written");
    return engine_answer(the_engine, task->ref, "{}", err);
}

static const struct engine_resource resources[] = {
    { "arn:aws:lambda:*", add, NULL, NULL },
    { "arn:aws:states:::sqs:*", hand_over, NULL, NULL },
};

static bool open_service(const struct served *served, const struct config *config,
                         struct service **ret_service, struct sr_err *err)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/tokens", served->folder);
    tokens_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)snprintf(path, sizeof path, "%s/state", served->folder);
    const struct service_params params = {
        .config = config,
        .folder = path,
        .clock = &served->clock->clock,
        .resources = { .rows = resources, .count = SR_TEST_COUNT(resources), .attach = attach }
    };
    return service_open(&params, ret_service, err);
}

static bool set(char **place, const char *text, struct sr_err *err)
{
    free(*place);
    *place = sr_str_dup(text, err);
    return *place != NULL;
}

// Says its address, or "!" and why there is none.
static void serve(const struct served *served, int say_fd)
{
    struct sr_err err = { 0 };
    struct config config = { 0 };
    struct service *service = NULL;
    struct sr_cancel never;
    char said[sizeof served->said];
    sr_cancel_init(&never, NULL, NULL, INT64_MAX);
    const bool opened = config_init(&config, &err) && set(&config.listen, "127.0.0.1:0", &err) &&
                        set(&config.region, "eu-west-1", &err) &&
                        open_service(served, &config, &service, &err);
    const int bytes = snprintf(said, sizeof said, "%s%s", opened ? "" : "!",
                               opened ? service_url(service) : err.message);
    if (write(say_fd, said, (size_t)bytes) != bytes || close(say_fd) != 0)
        _exit(3);
    if (!opened)
        _exit(4);
    sr_ignore(service_run(service, &never, &err));  // until it is killed
    _exit(5);
}

// --- in the test's ---

void served_make(struct served *served)
{
    *served = (struct served){ 0 };
    // In memory where there is such a place: a killed process loses nothing of it either.
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(served->folder, sizeof served->folder, "%s/splitreel-served-XXXXXX", place);
    assert_non_null(mkdtemp(served->folder));
    served->clock = mmap(NULL, sizeof *served->clock, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(served->clock != MAP_FAILED);
    sr_clock_fake_init(served->clock, WALL_US);
}

void served_remove(struct served *served)
{
    char command[128];
    served_kill(served);
    assert_int_equal(munmap(served->clock, sizeof *served->clock), 0);
    assert_non_null(strstr(served->folder, "/splitreel-served-"));
    (void)snprintf(command, sizeof command, "rm -rf -- '%s'", served->folder);
    assert_int_equal(system(command), 0);
}

static void read_all(int fd, char *text, size_t room)
{
    size_t bytes = 0;
    for (ssize_t n; bytes + 1 < room && (n = read(fd, text + bytes, room - 1 - bytes)) > 0;)
        bytes += (size_t)n;
    text[bytes] = '\0';
}

bool served_start(struct served *served)
{
    struct sr_err err = { 0 };
    int ends[2];
    char said[sizeof served->said];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    served->pid = fork();
    assert_true(served->pid >= 0);
    if (served->pid == 0) {
        (void)close(ends[0]);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);  // it never outlives a test that fails
        serve(served, ends[1]);
    }
    assert_int_equal(close(ends[1]), 0);
    read_all(ends[0], said, sizeof said);
    assert_int_equal(close(ends[0]), 0);
    memcpy(served->said, said, sizeof said);
    if (*said == '!') {
        assert_int_equal(waitpid(served->pid, NULL, 0), served->pid);
        served->pid = 0;
    }
    if (*said != 'h') {
        served_bury(served);
        return false;
    }
    struct http_params params = http_params_default();
    params.policy.allow_private = true;
    params.attempts_max = 1;
    sr_assert_ok(http_new(&params, &served->http, &err), err);
    return true;
}

void served_bury(struct served *served)
{
    int status = 0;
    http_free(served->http);
    served->http = NULL;
    if (!served->pid)
        return;
    assert_int_equal(waitpid(served->pid, &status, 0), served->pid);
    served->pid = 0;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("the service ended with status 0x%x", status);
}

void served_kill(struct served *served)
{
    if (served->pid)
        assert_int_equal(kill(served->pid, SIGKILL), 0);
    served_bury(served);
}

// Whatever the status is: it is an answer.
static bool accept_all(void *self, const struct http_response *response, struct sr_err *err)
{
    (void)self;
    (void)response;
    (void)err;
    return true;
}

void served_answer_done(struct served_answer *answer)
{
    json_decref(answer->body);
}

void served_call(struct served *served, const char *op, json_t *request,
                 struct served_answer *ret_answer)
{
    char target[96];
    struct sr_err err = { 0 };
    json_error_t error;
    sr_auto(http_response) struct http_response response = { 0 };
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    assert_non_null(text);
    (void)snprintf(target, sizeof target, "AWSStepFunctions.%s", op);
    const struct http_header headers[] = { { "Content-Type", "application/x-amz-json-1.0" },
                                           { "X-Amz-Target", target } };
    const struct http_request post = { .method = "POST",
                                       .url = served->said,
                                       .headers = headers,
                                       .header_count = SR_TEST_COUNT(headers),
                                       .body = text,
                                       .body_bytes = strlen(text),
                                       .judge = accept_all };
    *ret_answer = (struct served_answer){ 0 };
    if (http_run(served->http, &post, &response, &err)) {
        ret_answer->status = response.status;
        ret_answer->body = json_loadb(response.body, response.body_bytes, 0, &error);
    }
    free(text);
}

void served_ask(struct served *served, const char *method, const char *path, const char *body,
                struct served_answer *ret_answer)
{
    char url[400];
    struct sr_err err = { 0 };
    json_error_t error;
    sr_auto(http_response) struct http_response response = { 0 };
    (void)snprintf(url, sizeof url, "%s%s", served->said, path);
    const struct http_header headers[] = { { "Content-Type", "application/json" } };
    const struct http_request request = { .method = method,
                                          .url = url,
                                          .headers = headers,
                                          .header_count = SR_TEST_COUNT(headers),
                                          .body = body,
                                          .body_bytes = body ? strlen(body) : 0,
                                          .judge = accept_all };
    *ret_answer = (struct served_answer){ 0 };
    if (http_run(served->http, &request, &response, &err)) {
        ret_answer->status = response.status;
        ret_answer->body = json_loadb(response.body, response.body_bytes, 0, &error);
    }
}

int served_get(struct served *served, const char *path)
{
    char url[400];
    struct sr_err err = { 0 };
    sr_auto(http_response) struct http_response response = { 0 };
    (void)snprintf(url, sizeof url, "%s%s", served->said, path);
    const struct http_request get = { .method = "GET", .url = url, .judge = accept_all };
    return http_run(served->http, &get, &response, &err) ? response.status : 0;
}
