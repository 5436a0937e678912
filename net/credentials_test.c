#include "net/credentials.h"

#include <stdatomic.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/str.h"
#include "base/test.h"
#include "net/http_fake.h"
#include "net/sigv4.h"

enum { VARIABLES_MAX = 12 };

// An environment, files and a metadata service of the test's own.
struct scene {
    char folder[64];
    char *names[VARIABLES_MAX], *values[VARIABLES_MAX];
    size_t count;
    struct http_fake *fake;
    struct sr_clock_fake clock;
    atomic_uint requests;
    unsigned age;  // which keys the service gives
    bool broken;
    bool roleless;
    const char *container_url;  // of the client that asks
};

static const char *env(void *self, const char *name)
{
    const struct scene *scene = self;
    for (size_t i = scene->count; i-- > 0;) {
        if (strcmp(scene->names[i], name) == 0)
            return scene->values[i];
    }
    return NULL;
}

static void set_env(struct scene *scene, const char *name, const char *value)
{
    assert_true(scene->count < VARIABLES_MAX);
    scene->names[scene->count] = strdup(name);
    scene->values[scene->count++] = strdup(value);
}

static void write_file(const struct scene *scene, const char *name, const char *text)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *path = sr_strf(&err, "%s/%s", scene->folder, name);
    sr_assert_ok(sr_file_store(path, text, strlen(text), &err), err);
}

static const char *header(const struct http_fake_request *request, const char *name)
{
    const char *value = http_header_find(request->headers, request->header_count, name);
    return value ? value : "";
}

static void answer_keys(const struct scene *scene, const char *token_name,
                        struct http_fake_reply *reply)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *text = sr_strf(
        &err,
        "{\"Code\":\"Success\",\"AccessKeyId\":\"AK%u\",\"SecretAccessKey\":\"secret%u\",\"%s\":\"token\","
        "\"Expiration\":\"2026-01-01T%02u:00:00Z\"}",
        scene->age, scene->age, token_name, scene->age);
    http_fake_text(reply, 200, text);
}

// The token service believes a request that is signed with one of the sources' keys.
static bool signed_by(const struct http_fake_request *request, const char *secret)
{
    struct sr_err err = { 0 };
    uint8_t digest[SR_SHA256_BYTES];
    char hash[SR_SHA256_HEX];
    sr_assert_ok(sr_sha256(request->body, request->body_bytes, digest, &err), err);
    sr_hex(digest, sizeof(digest), hash);
    const struct sigv4_request as_sent = { request->method,  request->target,       NULL,
                                           request->headers, request->header_count, hash };
    const struct sigv4_params params = {
        .key = { .secret = secret },
        .scope = { .region = "eu-north-1", .service = "sts", .path_normal = true },
        .wall_us = 1767225600LL * 1000000,
    };
    struct sigv4_claim claim;
    return sigv4_parse(&as_sent, &claim, &err) && sigv4_verify(&params, &as_sent, &claim, &err);
}

static void answer_role(const struct http_fake_request *request, struct http_fake_reply *reply)
{
    const bool first = strstr(request->body, "role%2Fr") != NULL;
    const bool good = first ? signed_by(request, "s=s") || signed_by(request, "secret6")
                            : signed_by(request, "s-r");
    http_fake_text(
        reply, good ? 200 : 403,
        first
            ? "<R><Credentials><AccessKeyId>AKR</AccessKeyId><SecretAccessKey>s-r</SecretAccessKey>"
              "<SessionToken>t-r</SessionToken></Credentials></R>"
            : "<R><Credentials><AccessKeyId>AKC</AccessKeyId><SecretAccessKey>s-c</SecretAccessKey>"
              "<SessionToken>t-c</SessionToken></Credentials></R>");
}

static void answer(void *self, const struct http_fake_request *request,
                   struct http_fake_reply *reply)
{
    struct scene *scene = self;
    atomic_fetch_add(&scene->requests, 1);
    const bool session = strcmp(header(request, "X-aws-ec2-metadata-token"), "session") == 0;
    if (scene->broken)
        http_fake_text(reply, 404, "not here");
    else if (strcmp(request->target, "/latest/api/token") == 0 &&
             strcmp(request->method, "PUT") == 0 &&
             *header(request, "X-aws-ec2-metadata-token-ttl-seconds"))
        http_fake_text(reply, 200, "session");
    else if (strcmp(request->target, "/latest/meta-data/iam/security-credentials/") == 0 && session)
        http_fake_text(reply, scene->roleless ? 404 : 200, "my-role\n");
    else if (strcmp(request->target, "/latest/meta-data/iam/security-credentials/my-role") == 0 &&
             session)
        answer_keys(scene, "Token", reply);
    else if (strcmp(request->target, "/container") == 0 &&
             strcmp(header(request, "Authorization"), "pass") == 0)
        answer_keys(scene, "Token", reply);
    else if (strcmp(request->target, "/sts") == 0 && strstr(request->body, "Action=AssumeRole&"))
        answer_role(request, reply);
    else if (strcmp(request->target, "/sts") == 0 && strcmp(request->method, "POST") == 0 &&
             strstr(request->body, "Action=AssumeRoleWithWebIdentity") &&
             strstr(request->body, "WebIdentityToken=jwt.token") &&
             strstr(request->body, "RoleArn=arn%3Aaws"))
        http_fake_text(
            reply, 200,
            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
            "<AccessKeyId>AKWEB</AccessKeyId><SecretAccessKey>s&amp;s</SecretAccessKey><SessionToken>t"
            "</SessionToken><Expiration>2026-01-01T10:00:00Z</Expiration></Credentials>"
            "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
    else
        http_fake_text(reply, 401, "who are you?");
}

static void begin(struct scene *scene)
{
    struct sr_err err = { 0 };
    *scene = (struct scene){ .age = 6 };
    sr_test_folder(scene->folder);
    sr_assert_ok(http_fake_new(answer, scene, &scene->fake, &err), err);
    sr_clock_fake_init(&scene->clock, 1767225600LL * 1000000);  // 2026-01-01
    set_env(scene, "HOME", "/nowhere");
    set_env(scene, "AWS_EC2_METADATA_SERVICE_ENDPOINT", http_fake_url(scene->fake));
}

static void end(struct scene *scene)
{
    http_fake_free(scene->fake);
    for (size_t i = 0; i < scene->count; i++) {
        free(scene->names[i]);
        free(scene->values[i]);
    }
    sr_test_folder_done(scene->folder);
}

// "@" in the config is the scene's folder.
static void use_files(struct scene *scene, const char *config, const char *shared)
{
    struct sr_err err = { 0 };
    sr_auto(char) char *config_path = sr_strf(&err, "%s/config", scene->folder);
    sr_auto(char) char *shared_path = sr_strf(&err, "%s/credentials", scene->folder);
    sr_auto(sr_str) struct sr_str filled = { 0 };
    for (const char *at = config; *at; at++)
        sr_assert_ok(sr_str_addf(&filled, &err, "%.*s", *at != '@', at) &&
                         (*at != '@' || sr_str_add(&filled, scene->folder, &err)),
                     err);
    write_file(scene, "config", sr_str_text(&filled));
    write_file(scene, "credentials", shared);
    set_env(scene, "AWS_CONFIG_FILE", config_path);
    set_env(scene, "AWS_SHARED_CREDENTIALS_FILE", shared_path);
}

static struct credentials *make(struct scene *scene, const char *profile)
{
    struct sr_err err = { 0 };
    struct credentials *c = NULL;
    const struct credentials_params params = {
        .profile = profile,
        .env = env,
        .env_self = scene,
        .container_url = scene->container_url,
        .clock = &scene->clock.clock,
    };
    sr_assert_ok(credentials_new(&params, &c, &err), err);
    return c;
}

static void assert_keys(struct scene *scene, const char *profile, const char *access_key,
                        const char *secret, const char *token, const char *source)
{
    struct sr_err err = { 0 };
    sr_auto(credentials) struct credentials *c = make(scene, profile);
    struct credentials_keys keys;
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_string_equal(keys.access_key, access_key);
    assert_string_equal(keys.secret, secret);
    assert_string_equal(keys.token, token);
    assert_string_equal(keys.source, source);
}

static void assert_failure(struct scene *scene, const char *profile, enum sr_err_code code)
{
    struct sr_err err = { 0 };
    sr_auto(credentials) struct credentials *c = make(scene, profile);
    struct credentials_keys keys;
    sr_assert_fails(credentials_get(c, &keys, &err), code, err);
    assert_null(strstr(err.message, "hush"));
}

static const char config_text[] =
    "# a comment\n[default]\nregion = eu-north-1\ns3 =\n  addressing_style = path\n"
    "[profile process]\ncredential_process = echo '{\"Version\":1,\"AccessKeyId\":\"AKP\",\"SecretAccessKey\":\"sp\"}'\n"
    "[profile failing]\ncredential_process = exit 3\n"
    "[profile garbage]\ncredential_process = echo hush\n"
    "[profile endless]\ncredential_process = yes hush\n"
    "[ profile   spaced ]\naws_access_key_id=AKS\naws_secret_access_key= s=s \n"
    "[profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = spaced\nexternal_id = x/1\n"
    "[profile chained]\nrole_arn = arn:aws:iam::1:role/s\nsource_profile = role\n"
    "[profile own]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = own\naws_access_key_id = AKS\n"
    "aws_secret_access_key = s=s\n"
    "[profile circle]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = round\n"
    "[profile round]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = circle\n"
    "[profile named]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Ec2InstanceMetadata\n"
    "[profile nowhere]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Moon\n"
    "[profile sourceless]\nrole_arn = arn:aws:iam::1:role/r\n"
    "[profile web]\nrole_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = @/jwt\n"
    "[profile short]\ncredential_process = cat @/process\n"
    "[profile typed]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = spaced\nmfa_serial = 1\n"
    "[notprofile]\naws_access_key_id = no\n";
static const char shared_text[] =
    "[default]\naws_access_key_id = AKD\naws_secret_access_key = sd\naws_session_token = td\n"
    "[other]\naws_access_key_id = AKO\naws_secret_access_key = so\n";

static void environment_first(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    use_files(&scene, config_text, shared_text);
    assert_keys(&scene, NULL, "AKD", "sd", "td", "profile");
    set_env(&scene, "AWS_ACCESS_KEY_ID", "AKE");
    assert_failure(&scene, NULL, SR_ERR_INVALID);
    set_env(&scene, "AWS_SECRET_ACCESS_KEY", "se");
    assert_keys(&scene, NULL, "AKE", "se", "", "environment");
    set_env(&scene, "AWS_SESSION_TOKEN", "te");
    assert_keys(&scene, NULL, "AKE", "se", "te", "environment");
    assert_keys(&scene, "other", "AKO", "so", "", "profile");  // asked for by name
    assert_int_equal(scene.requests, 0);
    end(&scene);
}

static void profiles(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    use_files(&scene, config_text, shared_text);
    assert_keys(&scene, "process", "AKP", "sp", "", "profile");
    assert_keys(&scene, "spaced", "AKS", "s=s", "", "profile");
    assert_failure(&scene, "failing", SR_ERR_INVALID);
    assert_failure(&scene, "garbage", SR_ERR_INVALID);
    assert_failure(&scene, "endless", SR_ERR_INVALID);
    struct credentials *none = NULL;
    struct credentials_params params = { .profile = "absent", .env = env, .env_self = &scene };
    sr_assert_fails(credentials_new(&params, &none, &err), SR_ERR_NOT_FOUND, err);
    params.profile = "notprofile";
    sr_assert_fails(credentials_new(&params, &none, &err), SR_ERR_NOT_FOUND, err);
    set_env(&scene, "AWS_PROFILE", "process");
    assert_keys(&scene, NULL, "AKP", "sp", "", "profile");
    end(&scene);
}

// A role is assumed with another profile's keys, through as many profiles as it takes.
static void roles(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    use_files(&scene, config_text, shared_text);
    sr_auto(char) char *url = sr_strf(&err, "%s/sts", http_fake_url(scene.fake));
    set_env(&scene, "AWS_ENDPOINT_URL_STS", url);
    set_env(&scene, "AWS_REGION", "eu-north-1");
    assert_keys(&scene, "role", "AKR", "s-r", "t-r", "profile");
    assert_keys(&scene, "own", "AKR", "s-r", "t-r", "profile");
    assert_keys(&scene, "chained", "AKC", "s-c", "t-c", "profile");
    assert_keys(&scene, "named", "AKR", "s-r", "t-r", "profile");
    assert_failure(&scene, "circle", SR_ERR_INVALID);
    assert_failure(&scene, "nowhere", SR_ERR_INVALID);
    assert_failure(&scene, "sourceless", SR_ERR_INVALID);
    assert_failure(&scene, "typed", SR_ERR_UNSUPPORTED);
    end(&scene);
}

static void regions(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    char region[65];
    sr_auto(credentials) struct credentials *bare = make(&scene, NULL);
    sr_assert_ok(credentials_region(bare, region, &err), err);
    assert_string_equal(region, "us-east-1");
    use_files(&scene, config_text, shared_text);
    sr_auto(credentials) struct credentials *c = make(&scene, NULL);
    sr_assert_ok(credentials_region(c, region, &err), err);
    assert_string_equal(region, "eu-north-1");
    set_env(&scene, "AWS_DEFAULT_REGION", "ap-1");
    sr_assert_ok(credentials_region(c, region, &err), err);
    assert_string_equal(region, "ap-1");
    set_env(&scene, "AWS_REGION", "eu-1");
    sr_assert_ok(credentials_region(c, region, &err), err);
    assert_string_equal(region, "eu-1");
    end(&scene);
}

static void web_identity(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    write_file(&scene, "jwt", "jwt.token\n");
    sr_auto(char) char *file = sr_strf(&err, "%s/jwt", scene.folder);
    sr_auto(char) char *url = sr_strf(&err, "%s/sts", http_fake_url(scene.fake));
    set_env(&scene, "AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
    set_env(&scene, "AWS_WEB_IDENTITY_TOKEN_FILE", file);
    set_env(&scene, "AWS_ENDPOINT_URL_STS", url);
    assert_keys(&scene, NULL, "AKWEB", "s&s", "t", "web identity");
    write_file(&scene, "jwt", "hush\n");
    assert_failure(&scene, NULL, SR_ERR_DENIED);
    end(&scene);
}

// The same from a profile, whose file is read again each time.
static void web_identity_of_a_profile(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    use_files(&scene, config_text, shared_text);
    sr_auto(char) char *url = sr_strf(&err, "%s/sts", http_fake_url(scene.fake));
    set_env(&scene, "AWS_ENDPOINT_URL_STS", url);
    assert_failure(&scene, "web", SR_ERR_NOT_FOUND);
    write_file(&scene, "jwt", "jwt.token\n");
    assert_keys(&scene, "web", "AKWEB", "s&s", "t", "profile");
    end(&scene);
}

// What a process gives lasts as long as it says; then it is run again.
static void process_is_run_again(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    use_files(&scene, config_text, shared_text);
    struct credentials_keys keys;
    sr_auto(credentials) struct credentials *c = make(&scene, "short");
    write_file(
        &scene, "process",
        "{\"Version\":1,\"AccessKeyId\":\"A1\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\","
        "\"Expiration\":\"2026-01-01T01:00:00Z\"}");
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_string_equal(keys.access_key, "A1");
    assert_string_equal(keys.token, "t");
    write_file(&scene, "process",
               "{\"Version\":1,\"AccessKeyId\":\"A2\",\"SecretAccessKey\":\"s\"}");
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_string_equal(keys.access_key, "A1");
    sr_clock_fake_advance(&scene.clock, 56 * 60 * INT64_C(1000000));
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_string_equal(keys.access_key, "A2");
    assert_true(keys.expires_us == INT64_MAX);
    end(&scene);
}

// The pass may lie in a file, which is read each time: orchestrators change it.
static void container_with_a_file(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    sr_auto(char) char *url = sr_strf(&err, "%s/container", http_fake_url(scene.fake));
    sr_auto(char) char *file = sr_strf(&err, "%s/pass", scene.folder);
    set_env(&scene, "AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    set_env(&scene, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "hush");  // the file goes first
    set_env(&scene, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file);
    assert_failure(&scene, NULL, SR_ERR_NOT_FOUND);
    write_file(&scene, "pass", "old\n");
    assert_failure(&scene, NULL, SR_ERR_DENIED);
    write_file(&scene, "pass", "pass\n");
    assert_keys(&scene, NULL, "AK6", "secret6", "token", "container");
    end(&scene);
}

static void container(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    sr_auto(char) char *url = sr_strf(&err, "%s/container", http_fake_url(scene.fake));
    set_env(&scene, "AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    set_env(&scene, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "pass");
    assert_keys(&scene, NULL, "AK6", "secret6", "token", "container");
    set_env(&scene, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "hush");
    assert_failure(&scene, NULL, SR_ERR_DENIED);
    set_env(&scene, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/keys");
    const unsigned before = scene.requests;
    assert_failure(&scene, NULL, SR_ERR_DENIED);
    assert_int_equal(scene.requests, before);
    end(&scene);
}

// Spec: AWS SDK "Container credential provider": a relative URI is behind http://169.254.170.2 and
//       goes before a full one
static void container_by_relative_uri(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    scene.container_url = http_fake_url(scene.fake);
    set_env(&scene, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/nobody");
    set_env(&scene, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/container");
    assert_failure(&scene, NULL, SR_ERR_DENIED);  // it wants the pass
    set_env(&scene, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "pass");
    assert_keys(&scene, NULL, "AK6", "secret6", "token", "container");
    set_env(&scene, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/elsewhere");
    assert_failure(&scene, NULL, SR_ERR_DENIED);
    // no way to make another host of it
    static const char *const tricks[] = { "@example.com/keys", ".example.com/keys", "keys" };
    scene.container_url = NULL;
    const unsigned before = scene.requests;
    for (size_t i = 0; i < SR_TEST_COUNT(tricks); i++) {
        set_env(&scene, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", tricks[i]);
        sr_auto(credentials) struct credentials *credentials = make(&scene, NULL);
        struct credentials_keys keys;
        assert_false(credentials_get(credentials, &keys, &err));
        print_message("%s: %s\n", tricks[i], err.message);
        assert_true(err.code == SR_ERR_DENIED || err.code == SR_ERR_INVALID);
    }
    assert_int_equal(scene.requests, before);
    end(&scene);
}

static void instance(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    assert_keys(&scene, NULL, "AK6", "secret6", "token", "instance metadata");
    assert_int_equal(scene.requests, 3);
    scene.roleless = true;
    assert_failure(&scene, NULL, SR_ERR_NOT_FOUND);
    scene.broken = true;
    assert_failure(&scene, NULL, SR_ERR_NOT_FOUND);
    const unsigned before = scene.requests;
    set_env(&scene, "AWS_EC2_METADATA_DISABLED", "true");
    assert_failure(&scene, NULL, SR_ERR_NOT_FOUND);
    assert_int_equal(scene.requests, before);
    end(&scene);
}

// Asked again shortly before they expire, not before; a failure then is no harm while the old ones
// last.
static void refreshed_in_time(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    struct scene scene;
    begin(&scene);
    sr_auto(credentials) struct credentials *c = make(&scene, NULL);
    struct credentials_keys keys;
    const int64_t hour_us = 3600LL * 1000000, minute_us = 60LL * 1000000;
    for (int i = 0; i < 3; i++)
        sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_int_equal(scene.requests, 3);
    scene.age = 12;
    sr_clock_fake_advance(&scene.clock, 6 * hour_us - 6 * minute_us);
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_string_equal(keys.access_key, "AK6");
    sr_clock_fake_advance(&scene.clock, 2 * minute_us);
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_string_equal(keys.access_key, "AK12");
    assert_int_equal(scene.requests, 6);
    scene.broken = true;
    sr_clock_fake_advance(&scene.clock, 6 * hour_us);
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_string_equal(keys.access_key, "AK12");
    sr_clock_fake_advance(&scene.clock, 10 * minute_us);
    sr_assert_fails(credentials_get(c, &keys, &err), SR_ERR_NOT_FOUND, err);
    scene.broken = false;
    scene.age = 18;
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_string_equal(keys.access_key, "AK18");
    const unsigned before = scene.requests;
    credentials_forget(c, "AK12");  // somebody is late with old news
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_int_equal(scene.requests, before);
    credentials_forget(c, "AK18");
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_int_equal(scene.requests, before + 3);
    end(&scene);
}

static void given(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    sr_auto(credentials) struct credentials *c = NULL;
    struct credentials_keys keys;
    sr_assert_fails(credentials_new_static("", "s", NULL, &c, &err), SR_ERR_INVALID, err);
    sr_assert_ok(credentials_new_static("A", "s", NULL, &c, &err), err);
    credentials_forget(c, "A");
    sr_assert_ok(credentials_get(c, &keys, &err), err);
    assert_string_equal(keys.access_key, "A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(environment_first),
        cmocka_unit_test(profiles),
        cmocka_unit_test(regions),
        cmocka_unit_test(roles),
        cmocka_unit_test(web_identity),
        cmocka_unit_test(web_identity_of_a_profile),
        cmocka_unit_test(process_is_run_again),
        cmocka_unit_test(container),
        cmocka_unit_test(container_with_a_file),
        cmocka_unit_test(container_by_relative_uri),
        cmocka_unit_test(instance),
        cmocka_unit_test(refreshed_in_time),
        cmocka_unit_test(given),
    };
    return sr_test_run(__FILE__, tests, SR_TEST_COUNT(tests));
}
