#include "cli/doctor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "net/http_fake.h"
#include "statemachine/store_sqlite.h"

static struct sr_cancel never;

// A doctor that keeps its findings, with a configuration of its own.
struct world {
    struct cli cli;
    struct config config;
    struct doctor doctor;
};

static void world_init(struct world *world)
{
    struct sr_err err = { 0 };
    sr_cancel_init(&never, NULL, NULL, INT64_MAX);
    *world = (struct world){ .cli = { .stop = &never } };
    sr_assert_ok(config_init(&world->config, &err), err);
    world->doctor = (struct doctor){
        .cli = &world->cli, .config = &world->config, .json = true, .findings = json_array()
    };
}

static void world_done(struct world *world)
{
    config_done(&world->config);
    json_decref(world->doctor.findings);
}

static const char *text_of(const json_t *finding, const char *key)
{
    const char *const text = json_string_value(json_object_get(finding, key));
    return text ? text : "";
}

// The last finding.
static void assert_found(const struct world *world, const char *check, const char *verdict,
                         const char *part)
{
    const json_t *const list = world->doctor.findings;
    const json_t *const last = json_array_get(list, json_array_size(list) - 1);
    assert_string_equal(text_of(last, "check"), check);
    sr_assert_contains(text_of(last, "found"), part);
    assert_string_equal(text_of(last, "verdict"), verdict);
    assert_int_equal(strcmp(verdict, "ok") == 0, *text_of(last, "remedy") == '\0');
}

static void set_text(char **place, const char *text)
{
    struct sr_err err = { 0 };
    free(*place);
    *place = sr_str_dup(text, &err);
    assert_non_null(*place);
}

static void codecs(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    world_init(&world);
    sr_assert_ok(doctor_codecs(&world.doctor, &err), err);
    assert_found(&world, "codecs", "ok", "x264");
    world_done(&world);
}

static void keys(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    world_init(&world);
    sr_assert_ok(doctor_keys(&world.doctor, &err), err);
    assert_found(&world, "keys", "ok", "none");
    set_text(&world.config.listen, "0.0.0.0:8083");
    sr_assert_ok(doctor_keys(&world.doctor, &err), err);
    assert_found(&world, "keys", "fail", "0.0.0.0:8083");
    sr_assert_ok(auth_add(world.config.auth, "AKID1", "a-secret-of-24-letters..", &err), err);
    sr_assert_ok(doctor_keys(&world.doctor, &err), err);
    assert_found(&world, "keys", "ok", "signed");
    world_done(&world);
}

static void ports(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof address;
    char text[32];
    world_init(&world);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, bytes), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(address.sin_port));
    set_text(&world.config.listen, text);
    sr_assert_ok(doctor_port(&world.doctor, &err), err);
    assert_found(&world, "port", "warn", "is taken");
    close(fd);
    sr_assert_ok(doctor_port(&world.doctor, &err), err);
    assert_found(&world, "port", "ok", "is free");
    set_text(&world.config.listen, "192.0.2.1:8083");  // of nobody (RFC 5737)
    sr_assert_ok(doctor_port(&world.doctor, &err), err);
    assert_found(&world, "port", "fail", "192.0.2.1");
    world_done(&world);
}

// A process of its own: what it takes away does not come back.
static void limits(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    struct rlimit old;
    world_init(&world);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    sr_assert_ok(doctor_limits(&world.doctor, &err), err);
    assert_int_equal(world.doctor.counts[DOCTOR_FAIL], 0);
    world.config.worker.slots = CONFIG_WORKER_SLOTS_MAX;
    world.config.worker.memory_bytes = INT64_C(1) << 44;
    world.config.worker.processes = CONFIG_WORKER_PROCESSES_MAX;
    const struct rlimit small = { .rlim_cur = 1 << 30, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    world.config.limits.connection_max = 100000;
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    const bool is_low = files.rlim_max < 100256;
    sr_assert_ok(doctor_limits(&world.doctor, &err), err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(world.doctor.counts[DOCTOR_FAIL], 1);
    assert_true(world.doctor.counts[DOCTOR_WARN] >= 1u + is_low);
    sr_auto(char) char *all = NULL;
    sr_assert_ok(jx_dump(world.doctor.findings, false, &all, &err), err);
    sr_assert_contains(all, "no file may grow beyond 1073741824 bytes");
    sr_assert_contains(all, "fewer worker.slots");
    world_done(&world);
}

static void folders(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    char folder[64], path[96];
    world_init(&world);
    sr_test_folder(folder);
    sr_assert_ok(doctor_folder(&world.doctor, "temporary", folder, &err), err);
    assert_found(&world, "temporary", "ok", folder);
    snprintf(path, sizeof path, "%s/a/b", folder);
    sr_assert_ok(doctor_folder(&world.doctor, "maps", path, &err), err);
    assert_found(&world, "maps", "ok", "will be made");
    snprintf(path, sizeof path, "%s/file", folder);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    sr_assert_ok(doctor_folder(&world.doctor, "maps", path, &err), err);
    assert_found(&world, "maps", "fail", "no folder");
    snprintf(path, sizeof path, "%s/file/below", folder);
    sr_assert_ok(doctor_folder(&world.doctor, "maps", path, &err), err);
    assert_found(&world, "maps", "fail", "no folder");
    // Not even root writes there; it has no room to speak of, too.
    sr_assert_ok(doctor_folder(&world.doctor, "maps", "/proc", &err), err);
    assert_int_equal(world.doctor.counts[DOCTOR_OK], 2);
    snprintf(path, sizeof path, "ls -A %s | grep -v '^file$'", folder);
    assert_int_not_equal(system(path), 0);  // nothing is left
    sr_test_folder_done(folder);
    world_done(&world);
}

// The state folder as it will be, as it is, open to others, of a newer version, damaged.
static void states(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct world world;
    struct store store = { 0 };
    char folder[64], path[96], command[160];
    world_init(&world);
    sr_test_folder(folder);
    snprintf(path, sizeof path, "%s/states.db", folder);
    set_text(&world.config.state, folder);
    sr_assert_ok(store_sqlite_open(path, &store, &err), err);
    store_close(&store);
    char *roots[] = { folder, NULL };
    world.config.jobs.roots = (struct config_texts){ roots, 1 };
    sr_assert_ok(doctor_folders(&world.doctor, &err), err);
    assert_int_equal(world.doctor.counts[DOCTOR_FAIL], 0);
    const size_t warned = world.doctor.counts[DOCTOR_WARN];
    world.config.jobs.roots = (struct config_texts){ 0 };  // every job would be refused
    sr_assert_ok(doctor_folders(&world.doctor, &err), err);
    assert_int_equal(world.doctor.counts[DOCTOR_WARN], 2 * warned + 1);
    world.config.jobs.roots = (struct config_texts){ roots, 1 };
    assert_int_equal(chmod(folder, 0755), 0);
    const size_t before = world.doctor.counts[DOCTOR_WARN];
    sr_assert_ok(doctor_folders(&world.doctor, &err), err);
    assert_int_equal(world.doctor.counts[DOCTOR_WARN], before + 1 + warned);
    assert_int_equal(chmod(folder, 0700), 0);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "no database at all", 18, 0), 18);
    close(fd);
    sr_assert_ok(doctor_folders(&world.doctor, &err), err);
    assert_int_equal(world.doctor.counts[DOCTOR_FAIL], 1);
    set_text(&world.config.rules, "/nonexistent/rules");
    snprintf(command, sizeof command, "rm %s", path);
    assert_int_equal(system(command), 0);
    sr_assert_ok(doctor_folders(&world.doctor, &err), err);
    assert_found(&world, "rules", "fail", "/nonexistent/rules");
    world.config.jobs.roots = (struct config_texts){ 0 };
    sr_test_folder_done(folder);
    world_done(&world);
}

// A server whose clock is off by so many seconds.
static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    const int64_t *const off_s = self;
    const time_t now = time(NULL) + (time_t)*off_s;
    struct tm tm;
    http_fake_text(reply, strcmp(request->target, "/there") == 0 ? 200 : 404, "");
    gmtime_r(&now, &tm);
    if (*off_s != INT32_MAX)
        strftime(reply->headers, sizeof reply->headers,
                 "Date: %a, %d %b %Y %H:%M:%S GMT\r\nETag: \"1\"\r\n", &tm);
}

static void clocks(void **state)
{
    (void)state;
    static const struct {
        int64_t off_s;
        const char *verdict, *part;
    } tries[] = {
        { 0, "ok", "within" },          { -90, "warn", "ahead of" },
        { 120, "warn", "behind" },      { 1000, "fail", "behind the store" },
        { -86400, "fail", "ahead of" }, { INT32_MAX, NULL, NULL },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(tries); i++) {
        struct sr_err err = { 0 };
        struct world world;
        int64_t off_s = tries[i].off_s;
        sr_auto(http_fake) struct http_fake *fake = NULL;
        sr_auto(blob_stores) struct blob_stores *stores = NULL;
        const struct blob_stores_params params = { .clock = sr_clock_system(),
                                                   .allow_private = true };
        world_init(&world);
        sr_assert_ok(http_fake_new(answer, &off_s, &fake, &err), err);
        sr_assert_ok(blob_stores_new(&params, &stores, &err), err);
        world.doctor.stores = stores;
        sr_auto(char) char *url = sr_strf(&err, "%s/there", http_fake_url(fake));
        sr_assert_ok(doctor_store(&world.doctor, url, &err), err);
        assert_found(&world, "store", "ok", "/there can be read");
        assert_int_equal(json_array_size(world.doctor.findings), tries[i].verdict ? 2 : 1);
        if (tries[i].verdict) {
            assert_int_equal(json_array_remove(world.doctor.findings, 1), 0);
            assert_found(&world, "clock", tries[i].verdict, tries[i].part);
        }
        sr_auto(char) char *absent = sr_strf(&err, "%s/absent?token=secret", http_fake_url(fake));
        sr_assert_ok(doctor_store(&world.doctor, absent, &err), err);
        assert_found(&world, "store", "fail", "/absent");
        const json_t *const last =
            json_array_get(world.doctor.findings, json_array_size(world.doctor.findings) - 1);
        assert_null(strstr(text_of(last, "found"), "secret"));
        world_done(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs),  cmocka_unit_test(keys),   cmocka_unit_test(ports),
        cmocka_unit_test(folders), cmocka_unit_test(states), cmocka_unit_test(clocks),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
