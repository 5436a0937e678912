#include "storage/s3_event.h"

#include "base/io.h"
#include "base/jx.h"
#include "base/test.h"

#define ODD_KEY "a b/\xc3\xbc+&= %41.mp4"
#define RECORD(source, name, key)                                                                  \
    "{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"" source                            \
    "\",\"awsRegion\":\"eu-central-1\","                                                           \
    "\"eventTime\":\"2026-11-22T10:19:01.456Z\",\"eventName\":\"" name                             \
    "\",\"s3\":{\"bucket\":{\"name\":"                                                             \
    "\"incoming\"},\"object\":{\"key\":\"" key                                                     \
    "\",\"size\":3000,\"eTag\":\"3531fcc4\",\"versionId\":\"v1\","                                 \
    "\"sequencer\":\"0055AE\"}}}]}"

// The shapes that the services document or send; the object's name shows who encodes.
static const struct row {
    const char *name;
    const char *text;
    enum s3_event_kind kind;
    const char *key;
} rows[] = {
    { "AWS", RECORD("aws:s3", "ObjectCreated:Put", "a+b/%C3%BC%2B%26%3D+%2541.mp4"),
      S3_EVENT_CREATED, ODD_KEY },
    { "Ceph", RECORD("ceph:s3", "ObjectCreated:CompleteMultipartUpload", ODD_KEY), S3_EVENT_CREATED,
      ODD_KEY },
    { "MinIO", RECORD("minio:s3", "s3:ObjectCreated:Put", "a+b%2F%C3%BC%2B%26%3D+%2541.mp4"),
      S3_EVENT_CREATED, ODD_KEY },
    { "s3rver, which calls itself AWS", RECORD("aws:s3", "ObjectCreated:Put", ODD_KEY),
      S3_EVENT_CREATED, ODD_KEY },
    { "Ceph, a key that looks encoded", RECORD("ceph:s3", "ObjectCreated:Put", "a+b%41"),
      S3_EVENT_CREATED, "a+b%41" },
    { "removed", RECORD("aws:s3", "ObjectRemoved:Delete", "x"), S3_EVENT_REMOVED, "x" },
    { "something else", RECORD("aws:s3", "ObjectTagging:Put", "x"), S3_EVENT_OTHER, "x" },
    { "EventBridge",
      "{\"version\":\"0\",\"detail-type\":\"Object Created\",\"source\":\"aws.s3\",\"time\":\"2026-11-22T10:19:01Z\","
      "\"region\":\"eu-central-1\",\"detail\":{\"bucket\":{\"name\":\"incoming\"},\"object\":{\"key\":\"" ODD_KEY
      "\",\"size\":3000,\"etag\":\"3531fcc4\",\"version-id\":\"v1\",\"sequencer\":\"0055AE\"}}}",
      S3_EVENT_CREATED, ODD_KEY },
};

static void assert_event(const struct s3_event *event, const struct row *row)
{
    assert_int_equal(event->kind, row->kind);
    assert_string_equal(event->bucket, "incoming");
    assert_string_equal(event->key, row->key);
    assert_string_equal(event->version, "v1");
    assert_string_equal(event->sequencer, "0055AE");
    assert_string_equal(event->etag, "3531fcc4");
    assert_string_equal(event->region, "eu-central-1");
    assert_int_equal(event->bytes, 3000);
    assert_int_equal(event->time_us / 1000000, 1795342741);
}

// Puts a text into {"KEY": "text"} inside a prefix and suffix.
static char *wrap(const char *before, const char *text, const char *after)
{
    struct sr_err err = { 0 };
    sr_auto(json) json_t *string = json_string(text);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY);
    char *all = sr_strf(&err, "%s%s%s", before, quoted, after);
    assert_non_null(all);
    free(quoted);
    return all;
}

// Plain, through SNS, through SQS, and through SNS into SQS: the same event.
static void each_row(void **state)
{
    const struct row *row = *state;
    struct sr_err err = { 0 };
    sr_auto(char) char *sns = wrap("{\"Type\":\"Notification\",\"Message\":", row->text, "}");
    sr_auto(char) char *lambda =
        wrap("{\"Records\":[{\"eventSource\":\"aws:sqs\",\"body\":", row->text, "}]}");
    sr_auto(char) char *sqs = wrap("{\"MessageId\":\"1\",\"Body\":", sns, "}");
    sr_auto(char) char *topic =
        wrap("{\"Records\":[{\"EventSource\":\"aws:sns\",\"Sns\":{\"Message\":", row->text, "}}]}");
    const char *const texts[] = { row->text, sns, lambda, sqs, topic };
    sr_auto(sr_str) struct sr_str first = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(texts); i++) {
        sr_auto(s3_events) struct s3_events events = { 0 };
        sr_assert_ok(s3_event_parse(texts[i], strlen(texts[i]), &events, &err), err);
        assert_int_equal(events.count, 1);
        assert_event(&events.item[0], row);
        sr_auto(sr_str) struct sr_str identity = { 0 };
        sr_assert_ok(s3_event_add_identity(&events.item[0], &identity, &err), err);
        if (i == 0)
            sr_assert_ok(sr_str_add(&first, identity.text, &err), err);
        assert_string_equal(identity.text, first.text);
    }
}

static void without_an_object(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const char test[] =
        "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Bucket\":\"incoming\"}";
    static const char confirm[] =
        "{\"Type\":\"SubscriptionConfirmation\",\"SubscribeURL\":\"https://sns.eu-1.amazonaws.com/?Action=C\"}";
    sr_auto(s3_events) struct s3_events one = { 0 };
    sr_auto(s3_events) struct s3_events two = { 0 };
    sr_assert_ok(s3_event_parse(test, sizeof(test) - 1, &one, &err), err);
    assert_int_equal(one.item[0].kind, S3_EVENT_TEST);
    assert_string_equal(one.item[0].bucket, "incoming");
    sr_assert_ok(s3_event_parse(confirm, sizeof(confirm) - 1, &two, &err), err);
    assert_int_equal(two.item[0].kind, S3_EVENT_SUBSCRIPTION);
    assert_string_equal(two.item[0].url, "https://sns.eu-1.amazonaws.com/?Action=C");
}

static void mistakes(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static const struct {
        const char *text;
        enum sr_err_code code;
    } cases[] = {
        { "", SR_ERR_INVALID },
        { "[]", SR_ERR_INVALID },
        { "{}", SR_ERR_INVALID },
        { "{\"Records\":{}}", SR_ERR_INVALID },
        { "{\"Records\":[1]}", SR_ERR_INVALID },
        { "{\"Records\":[{\"s3\":{\"bucket\":{},\"object\":{}}}]}", SR_ERR_INVALID },
        { "{\"Records\":[{\"s3\":{\"bucket\":{\"name\":7},\"object\":{\"key\":\"x\"}}}]}",
          SR_ERR_INVALID },
        { "{\"Records\":[{\"s3\":{\"bucket\":{},\"object\":{\"key\":\"x\",\"size\":-1}}}]}",
          SR_ERR_INVALID },
        { RECORD("aws:s3", "ObjectCreated:Put", "a%00b"), SR_ERR_INVALID },
        { "{\"Type\":\"Notification\",\"Message\":\"no json\"}", SR_ERR_INVALID },
        { "{\"Type\":\"Notification\"}", SR_ERR_INVALID },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        struct s3_events events;
        sr_assert_fails(s3_event_parse(cases[i].text, strlen(cases[i].text), &events, &err),
                        cases[i].code, err);
    }
    struct s3_events events;
    sr_auto(char) char *deep = sr_str_dup(rows[0].text, &err);
    for (int i = 0; i <= S3_EVENT_WRAPS_MAX; i++) {
        char *deeper = wrap("{\"Body\":", deep, "}");
        free(deep);
        deep = deeper;
    }
    sr_assert_fails(s3_event_parse(deep, strlen(deep), &events, &err), SR_ERR_LIMIT, err);
    sr_assert_fails(s3_event_parse("x", S3_EVENT_BYTES_MAX + 1, &events, &err), SR_ERR_TOO_LARGE,
                    err);
}

// Other content, version or place is another event.
static void identities_differ(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    static char a[] = "a", b[] = "b", none[] = "", with_line[] = "a\nb", only_line[] = "b";
    struct s3_event events[] = {
        { .bucket = a, .key = a, .version = none, .sequencer = a, .etag = a },
        { .bucket = b, .key = a, .version = none, .sequencer = a, .etag = a },
        { .bucket = a, .key = b, .version = none, .sequencer = a, .etag = a },
        { .bucket = a, .key = a, .version = b, .sequencer = a, .etag = a },
        { .bucket = a, .key = a, .version = none, .sequencer = b, .etag = a },
        { .bucket = a, .key = a, .version = none, .sequencer = none, .etag = b },
        { .bucket = a, .key = with_line, .version = none, .sequencer = none, .etag = none },
        { .bucket = a, .key = a, .version = only_line, .sequencer = none, .etag = none },
    };
    char *texts[SR_TEST_COUNT(events)];
    for (size_t i = 0; i < SR_TEST_COUNT(events); i++) {
        sr_auto(sr_str) struct sr_str text = { 0 };
        events[i].source = events[i].time = none;
        sr_assert_ok(s3_event_add_identity(&events[i], &text, &err), err);
        texts[i] = sr_str_take(&text);
        for (size_t j = 0; j < i; j++) {
            // without a sequencer the etag stands in its place
            if (!(i == 5 && j == 4))
                assert_string_not_equal(texts[i], texts[j]);
        }
    }
    for (size_t i = 0; i < SR_TEST_COUNT(events); i++)
        free(texts[i]);
}

// Two topics of Ceph tell of one upload: the sequencer is each one's own, the time the object's.
static void told_by_two_topics(void **state)
{
    (void)state;
    static char ceph[] = "ceph:s3", aws[] = "aws:s3", a[] = "a", b[] = "b", none[] = "",
                first[] = "2026-11-22T10:19:01.456099Z", later[] = "2026-11-22T10:19:01.456100Z";
    static const struct {
        struct s3_event event;
        bool is_same;
    } others[] = {
        { { .source = ceph, .sequencer = b, .etag = a, .time = first }, true },
        { { .source = ceph, .sequencer = a, .etag = a, .time = later }, false },
        { { .source = ceph, .sequencer = a, .etag = b, .time = first }, false },
        { { .source = ceph, .sequencer = a, .etag = a, .time = none }, false },
        { { .source = aws, .sequencer = b, .etag = a, .time = first }, false },
    };
    struct sr_err err = { 0 };
    const struct s3_event one = { .source = ceph,
                                  .bucket = a,
                                  .key = a,
                                  .version = none,
                                  .sequencer = a,
                                  .etag = a,
                                  .time = first };
    sr_auto(sr_str) struct sr_str identity = { 0 };
    sr_assert_ok(s3_event_add_identity(&one, &identity, &err), err);
    for (size_t i = 0; i < SR_TEST_COUNT(others); i++) {
        struct s3_event other = others[i].event;
        sr_auto(sr_str) struct sr_str text = { 0 };
        other.bucket = other.key = a;
        other.version = none;
        sr_assert_ok(s3_event_add_identity(&other, &text, &err), err);
        assert_int_equal(strcmp(text.text, identity.text) == 0, others[i].is_same);
    }
    sr_auto(sr_str) struct sr_str old = { 0 };
    sr_assert_ok(s3_event_add_old_identity(&one, &old, &err), err);
    assert_string_equal(old.text, "a\na\n\na");
}

// Whoever sends it, rules see one shape.
static void as_eventbridge_has_it(void **state)
{
    (void)state;
    struct sr_err err = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(rows); i++) {
        sr_auto(s3_events) struct s3_events events = { 0 };
        sr_auto(json) json_t *json = NULL;
        sr_assert_ok(s3_event_parse(rows[i].text, strlen(rows[i].text), &events, &err), err);
        sr_assert_ok(s3_event_json(&events.item[0], "id-1", "111122223333", &json, &err), err);
        const char *key, *bucket, *etag, *version, *sequencer, *source, *type, *time, *arn;
        json_int_t size;
        json_error_t error;
        assert_int_equal(
            json_unpack_ex(json, &error, 0, "{ss,ss,ss,s[s],s{s{ss},s{ss,sI,ss,ss,ss}}}", "source",
                           &source, "detail-type", &type, "time", &time, "resources", &arn,
                           "detail", "bucket", "name", &bucket, "object", "key", &key, "size",
                           &size, "etag", &etag, "version-id", &version, "sequencer", &sequencer),
            0);
        assert_string_equal(source, "aws.s3");
        assert_string_equal(key, rows[i].key);
        assert_string_equal(bucket, "incoming");
        assert_string_equal(arn, "arn:aws:s3:::incoming");
        assert_string_equal(time, "2026-11-22T10:19:01Z");
        assert_string_equal(etag, "3531fcc4");
        assert_string_equal(version, "v1");
        assert_string_equal(sequencer, "0055AE");
        assert_int_equal(size, 3000);
        assert_string_equal(type, rows[i].kind == S3_EVENT_CREATED   ? "Object Created"
                                  : rows[i].kind == S3_EVENT_REMOVED ? "Object Deleted"
                                                                     : "Object Event");
    }
}

// Bodies as they were captured or are documented; they are the fuzzer's first inputs, too.
static void recorded_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *file, *source, *name, *bucket, *key;
    } cases[] = {
        { "ceph-object-created", "ceph:s3", "ObjectCreated:Put", "incoming", ODD_KEY },
        { "ceph-object-created-copy", "ceph:s3", "ObjectCreated:Copy", "incoming", "copy.mp4" },
        { "ceph-object-created-multipart", "ceph:s3", "ObjectCreated:CompleteMultipartUpload",
          "incoming", "multi.mp4" },
        { "s3rver-object-created", "aws:s3", "ObjectCreated:Put", "evb", ODD_KEY },
        { "aws-s3-object-created", "aws:s3", "ObjectCreated:Put", "incoming", ODD_KEY },
        { "aws-eventbridge-object-created", "aws.s3", "Object Created", "incoming", ODD_KEY },
        { "minio-object-created", "minio:s3", "s3:ObjectCreated:Put", "incoming", ODD_KEY },
        { "aws-s3-test-event", "", "s3:TestEvent", "incoming", "" },
    };
    struct sr_err err = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        char path[128];
        size_t bytes;
        sr_auto(char) char *text = NULL;
        sr_auto(s3_events) struct s3_events events = { 0 };
        snprintf(path, sizeof(path), "tests/fuzz/corpus/event/%s.json", cases[i].file);
        sr_assert_ok(sr_file_load(path, S3_EVENT_BYTES_MAX, &text, &bytes, &err), err);
        sr_assert_ok(s3_event_parse(text, bytes, &events, &err), err);
        assert_int_equal(events.count, 1);
        assert_string_equal(events.item[0].source, cases[i].source);
        assert_string_equal(events.item[0].name, cases[i].name);
        assert_string_equal(events.item[0].bucket, cases[i].bucket);
        assert_string_equal(events.item[0].key, cases[i].key);
    }
}

static void marks(void **state)
{
    (void)state;
    static const struct {
        const char *object, *mark;
    } cases[] = {
        { "\"metadata\":[{\"key\":\"x-amz-meta-splitreel-job\",\"val\":\"j1\"}]", "j1" },
        { "\"metadata\":[{\"key\":\"x-amz-meta-foo\",\"val\":\"j1\"}]", "" },
        { "\"userMetadata\":{\"X-Amz-Meta-Splitreel-Job\":\"j2\"}", "j2" },
        { "\"userMetadata\":{\"X-Amz-Meta-Splitreel-Job\":7}", "" },
        { "\"metadata\":{},\"userMetadata\":[]", "" },
    };
    struct sr_err err = { 0 };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        sr_auto(s3_events) struct s3_events events = { 0 };
        sr_auto(char) char *text = sr_strf(
            &err,
            "{\"Records\":[{\"eventSource\":\"ceph:s3\",\"s3\":{\"bucket\":{\"name\":\"b\"},"
            "\"object\":{\"key\":\"k\",%s}}}]}",
            cases[i].object);
        sr_assert_ok(s3_event_parse(text, strlen(text), &events, &err), err);
        assert_string_equal(events.item[0].mark, cases[i].mark);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 7];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(without_an_object);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(mistakes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(identities_differ);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(told_by_two_topics);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(as_eventbridge_has_it);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(recorded_bodies);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(marks);
    return sr_test_run(__FILE__, tests, count);
}
