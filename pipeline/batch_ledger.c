#include "pipeline/batch_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "pipeline/remote.h"

struct batch_ledger {
    int fd;
    char *path;
    uint64_t bytes;  // of whole lines
    json_t *made;    // output: {"source", "version", "settings"} of the last run that made it
    json_t *times;   // output: when it was made last
    double seconds, source_bytes;
};

static const char *text_of(const json_t *record, const char *key)
{
    const char *const text = json_string_value(json_object_get(record, key));
    return text ? text : "";
}

// Takes a reference to the record; a failed run takes back that it was begun.
static bool learn(struct batch_ledger *ledger, json_t *record, struct sr_err *err)
{
    const char *const output = text_of(record, "output");
    if (strcmp(text_of(record, "status"), "failed") == 0) {
        (void)json_object_del(ledger->made, output);  // it may not be there
        return true;
    }
    if (strcmp(text_of(record, "status"), "done") == 0) {
        ledger->seconds += json_number_value(json_object_get(record, "seconds"));
        ledger->source_bytes += json_number_value(json_object_get(record, "bytes"));
        if (!jx_put(ledger->times, output, json_string(text_of(record, "time")), err))
            return false;
    }
    return json_object_set(ledger->made, output, record) == 0 ||
           sr_fail(err, SR_ERR_NO_MEMORY, "a batch's records");
}

static bool read_line(struct batch_ledger *ledger, const char *line, size_t bytes, size_t number,
                      struct sr_err *err)
{
    sr_auto(json) json_t *record = NULL;
    const char *source, *output, *status, *version, *settings;
    struct sr_err why = { 0 };
    if (!jx_parse(line, bytes, false, &record, &why))
        return why.code == SR_ERR_NO_MEMORY
                   ? sr_fail(err, SR_ERR_NO_MEMORY, "a batch's records")
                   : sr_fail(err, SR_ERR_INVALID, "%s: line %zu is no batch's record: %s",
                             ledger->path, number, why.message);
    const struct jx root = jx_root(record);
    if (!json_is_object(record) || !jx_text(&root, "source", &source, &why) ||
        !jx_text(&root, "output", &output, &why) || !jx_text(&root, "status", &status, &why) ||
        !jx_text(&root, "version", &version, &why) || !jx_text(&root, "settings", &settings, &why))
        return sr_fail(err, SR_ERR_INVALID, "%s: line %zu is no batch's record: %s", ledger->path,
                       number, why.message);
    return learn(ledger, record, err);
}

static bool read_lines(struct batch_ledger *ledger, struct sr_err *err)
{
    sr_auto(char) char *text = NULL;
    size_t bytes, number = 0;
    if (!sr_file_load(ledger->path, BATCH_LEDGER_BYTES_MAX, &text, &bytes, err))
        return false;
    for (char *line = text, *end; (end = memchr(line, '\n', bytes - (size_t)(line - text)));
         line = end + 1) {
        if (!read_line(ledger, line, (size_t)(end - line), ++number, err))
            return false;
        ledger->bytes = (uint64_t)(end + 1 - text);
    }
    if (ledger->bytes == 0 && bytes > 0 && text[0] != '{')
        return sr_fail(err, SR_ERR_INVALID, "%s: line 1 is no batch's record", ledger->path);
    return ledger->bytes == bytes || ftruncate(ledger->fd, (off_t)ledger->bytes) == 0 ||
           sr_fail_errno(err, errno, "%s", ledger->path);
}

bool batch_ledger_open(const char *path, struct batch_ledger **ret_ledger, struct sr_err *err)
{
    sr_auto(batch_ledger) struct batch_ledger *ledger = calloc(1, sizeof(*ledger));
    if (!ledger)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a batch's records");
    ledger->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (ledger->fd < 0)
        return sr_fail_errno(err, errno, "%s", path);
    if (flock(ledger->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? sr_fail(err, SR_ERR_BUSY, "%s: another batch works with it", path)
                   : sr_fail_errno(err, errno, "%s", path);
    ledger->path = sr_str_dup(path, err);
    ledger->made = json_object();
    ledger->times = json_object();
    if (!ledger->path || !jx_made(ledger->made, err) || !jx_made(ledger->times, err) ||
        !read_lines(ledger, err))
        return false;
    *ret_ledger = sr_take(ledger);
    return true;
}

void batch_ledger_free(struct batch_ledger *ledger)
{
    if (!ledger)
        return;
    if (ledger->fd >= 0)
        (void)close(ledger->fd);  // every line is on the disk
    json_decref(ledger->made);
    json_decref(ledger->times);
    free(ledger->path);
    free(ledger);
}

// An object's ETag says it; of a file its size and time have to.
bool batch_item_version(const struct batch_item *item, char **ret_version, struct sr_err *err)
{
    *ret_version = item->etag[0]
                       ? sr_strf(err, "%" PRIu64 " %s", item->bytes, item->etag)
                       : sr_strf(err, "%" PRIu64 " %" PRId64, item->bytes, item->modified_us);
    return *ret_version != NULL;
}

static bool put_end(json_t *json, const struct batch_record *record, struct sr_err *err)
{
    const char *const status = record->has_begun ? "begun" : record->error ? "failed" : "done";
    if (!jx_put(json, "status", json_string(status), err))
        return false;
    if (record->has_begun)
        return true;
    return (!record->error || jx_put(json, "error", jx_string(record->error), err)) &&
           (!record->job || !*record->job || jx_put(json, "job", json_string(record->job), err)) &&
           jx_put(json, "exit_status", json_integer(record->exit_status), err) &&
           jx_put(json, "bytes", json_integer((json_int_t)record->item->bytes), err) &&
           jx_put(json, "seconds", json_real((double)record->elapsed_us / 1e6), err);
}

bool batch_record_json(const struct batch_record *record, json_t **ret, struct sr_err *err)
{
    sr_auto(json) json_t *json = json_object();
    sr_auto(char) char *version = NULL;
    sr_auto(char) char *shown = remote_shown(record->item->source, err);
    if (!shown || !jx_made(json, err) || !batch_item_version(record->item, &version, err) ||
        !jx_put(json, "source", jx_string(shown), err) ||
        !jx_put(json, "output", jx_string(record->output), err) || !put_end(json, record, err) ||
        !jx_put(json, "time", json_string(record->time), err) ||
        !jx_put(json, "version", jx_string(version), err) ||
        !jx_put(json, "settings", json_string(record->settings), err))
        return false;
    *ret = sr_take(json);
    return true;
}

static bool write_all(struct batch_ledger *ledger, const char *text, size_t bytes,
                      struct sr_err *err)
{
    size_t done = 0;
    while (done < bytes) {
        const ssize_t ret =
            pwrite(ledger->fd, text + done, bytes - done, (off_t)(ledger->bytes + done));
        if (ret < 0 && errno == EINTR)
            continue;
        if (ret < 0)
            return sr_fail_errno(err, errno, "%s", ledger->path);
        done += (size_t)ret;
    }
    if (fdatasync(ledger->fd) != 0)
        return sr_fail_errno(err, errno, "%s", ledger->path);
    ledger->bytes += bytes;
    return true;
}

bool batch_ledger_add(struct batch_ledger *ledger, const struct batch_record *record,
                      struct sr_err *err)
{
    sr_auto(json) json_t *json = NULL;
    sr_auto(char) char *text = NULL;
    sr_auto(char) char *line = NULL;
    if (!batch_record_json(record, &json, err) || !jx_dump(json, false, &text, err))
        return false;
    line = sr_strf(err, "%s\n", text);
    return line && write_all(ledger, line, strlen(line), err) && learn(ledger, json, err);
}

bool batch_ledger_is_done(const struct batch_ledger *ledger, const struct batch_item *item,
                          const char *output, const char *settings)
{
    struct sr_err ignored;  // without memory it is made again
    sr_auto(char) char *version = NULL;
    sr_auto(char) char *shown = remote_shown(item->source, &ignored);
    const json_t *const record = json_object_get(ledger->made, output);
    return shown && record && strcmp(text_of(record, "status"), "done") == 0 &&
           batch_item_version(item, &version, &ignored) &&
           strcmp(text_of(record, "source"), shown) == 0 &&
           strcmp(text_of(record, "version"), version) == 0 &&
           strcmp(text_of(record, "settings"), settings) == 0;
}

bool batch_ledger_has_made(const struct batch_ledger *ledger, const char *output)
{
    return json_object_get(ledger->made, output) || json_object_get(ledger->times, output);
}

const char *batch_ledger_made_time(const struct batch_ledger *ledger, const char *output)
{
    return text_of(ledger->times, output);
}

double batch_ledger_seconds_per_byte(const struct batch_ledger *ledger)
{
    return ledger->source_bytes > 0 ? ledger->seconds / ledger->source_bytes : 0;
}
