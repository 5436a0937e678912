// What `doctor` looks at in a store: whether it can be reached, listed, and, where that was asked
// for, written to; and how far its clock is from ours.
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/str.h"
#include "cli/doctor.h"
#include "cli/store_verb.h"
#include "net/http.h"
#include "net/url.h"
#include "storage/s3_xml.h"

enum {
    SKEW_S_WARN = 60,
    SKEW_S_MAX = 900,  // Spec: Signature Version 4: requests older than 15 minutes are refused
    PROBE_BYTES = 64,
};
static const char clock_remedy[] = "set the clock: `timedatectl set-ntp true`, or chrony";

// A reply with any status has a Date.
static bool take_any(void *self, const struct http_response *response, struct sr_err *err)
{
    (void)self;
    (void)response;
    (void)err;
    return true;
}

// Of the server at `url`, asked without a key; 0: it does not tell.
static bool ask_time(struct doctor *doctor, const char *url, int64_t *ret_us, struct sr_err *err)
{
    sr_auto(url) struct url parts = { 0 };
    sr_auto(sr_str) struct sr_str authority = { 0 };
    sr_auto(http) struct http *http = NULL;
    sr_auto(http_response) struct http_response response = { 0 };
    struct http_params params = http_params_default();
    params.policy.allow_private = true;  // the operator's own words
    params.attempts_max = 2;
    if (!url_parse(url, &parts, err) || !url_add_authority(&parts, &authority, err))
        return false;
    sr_auto(char) char *root = sr_strf(err, "%s://%s/", parts.scheme, sr_str_text(&authority));
    const struct http_request request = {
        .method = "HEAD", .url = root, .judge = take_any, .cancel = doctor->cli->stop
    };
    if (!root || !http_new(&params, &http, err) || !http_run(http, &request, &response, err))
        return false;
    const char *const date = http_response_header(&response, "date");
    *ret_us = date ? s3_xml_time(date) : 0;
    return true;
}

static bool check_clock(struct doctor *doctor, const char *url, struct sr_err *err)
{
    struct sr_err why = { 0 };
    int64_t their_us = 0;
    if (!ask_time(doctor, url, &their_us, &why) || their_us == 0)
        return true;  // that it cannot be reached is told by who asks for more
    const int64_t ahead_s = (sr_clock_wall_us(sr_clock_system()) - their_us) / 1000000;
    const int64_t off_s = ahead_s < 0 ? -ahead_s : ahead_s;
    const char *const side = ahead_s < 0 ? "behind" : "ahead of";
    if (off_s >= SKEW_S_MAX)
        return doctor_add(doctor, DOCTOR_FAIL, "clock", clock_remedy, err,
                          "this machine is %" PRId64 " s %s the store: signed requests are refused",
                          off_s, side);
    if (off_s >= SKEW_S_WARN)
        return doctor_add(doctor, DOCTOR_WARN, "clock", clock_remedy, err,
                          "this machine is %" PRId64 " s %s the store", off_s, side);
    return doctor_add(doctor, DOCTOR_OK, "clock", NULL, err, "the store's, within %" PRId64 " s",
                      off_s + 1);
}

// An error that a store gave, as a finding. `what`: what it was asked for.
static bool add_failure(struct doctor *doctor, const char *url, const char *what,
                        const struct sr_err *why, struct sr_err *err)
{
    const char *const advice = store_call_advice(url, why);
    char shown[256];
    url_redact(url, shown, sizeof shown);
    return doctor_add(doctor, DOCTOR_FAIL, "store",
                      advice ? advice : "docs/storage.md tells how stores are reached", err,
                      "%s: %s: %s", shown, what, why->message);
}

// An object of our own, written, read and removed, and an upload that is given up.
static bool try_writing(const struct blob_place *place, struct sr_err *err)
{
    char id[SR_ID_TEXT], etag[BLOB_ETAG_BYTES], read[PROBE_BYTES];
    size_t bytes;
    sr_auto(blob_upload) struct blob_upload upload = { 0 };
    if (!sr_id_new(sr_clock_system(), id, err))
        return false;
    const char *const slash = *place->key && place->key[strlen(place->key) - 1] != '/' ? "/" : "";
    sr_auto(char) char *key = sr_strf(err, "%s%s.splitreel-doctor-%s", place->key, slash, id);
    const struct blob_put put = { .key = key, .data = id, .bytes = strlen(id) };
    const struct blob_attrs attrs = { .if_absent = false };
    if (!key || !blob_put(&place->blob, &put, etag, err))
        return false;
    const char *const keys[] = { key };
    const bool done = blob_get_bytes(&place->blob, key, NULL, 0, read, sizeof read, &bytes, err) &&
                      ((bytes == strlen(id) && memcmp(read, id, bytes) == 0) ||
                       sr_fail(err, SR_ERR_STORAGE, "what was read is not what was written")) &&
                      blob_upload_begin(&place->blob, key, &attrs, &upload, err) &&
                      blob_upload_abort(&place->blob, &upload, err);
    struct sr_err of_removal = { 0 };
    const bool removed = blob_remove(&place->blob, keys, 1, done ? err : &of_removal);
    return done && removed;
}

static bool check_writing(struct doctor *doctor, const char *url, const struct blob_place *place,
                          struct sr_err *err)
{
    struct sr_err why = { 0 };
    if (!try_writing(place, &why))
        return add_failure(doctor, url, "an object cannot be put, read and removed", &why, err);
    return doctor_add(doctor, DOCTOR_OK, "store", NULL, err,
                      "%s: objects can be put, read and removed", url);
}

static bool is_http(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static bool check_reading(struct doctor *doctor, const char *url, const struct blob_place *place,
                          struct sr_err *err)
{
    struct sr_err why = { 0 };
    sr_auto(blob_info) struct blob_info info = { 0 };
    sr_auto(blob_page) struct blob_page page = { 0 };
    const struct blob_list list = { .prefix = place->key, .count_max = 1 };
    char shown[256];
    url_redact(url, shown, sizeof shown);
    if (is_http(url) ? !blob_head(&place->blob, place->key, &info, &why)
                     : !blob_list(&place->blob, &list, &page, &why))
        return add_failure(doctor, url, is_http(url) ? "cannot be read" : "cannot be listed", &why,
                           err);
    return doctor_add(doctor, DOCTOR_OK, "store", NULL, err, "%s can be %s", shown,
                      is_http(url) ? "read" : "listed");
}

static bool check_place(struct doctor *doctor, const char *url, const struct blob_place *place,
                        struct sr_err *err)
{
    struct sr_err why = { 0 };
    sr_auto(char) char *presigned = NULL;
    const size_t failed = doctor->counts[DOCTOR_FAIL];
    // Where an S3 store is stands in the URLs that it signs.
    const bool tells = is_http(url) || blob_presign(&place->blob, "GET", "x", 60, &presigned, &why);
    if ((tells && !check_clock(doctor, presigned ? presigned : url, err)) ||
        !check_reading(doctor, url, place, err))
        return false;
    if (!doctor->write || is_http(url) || doctor->counts[DOCTOR_FAIL] > failed)
        return true;
    return check_writing(doctor, url, place, err);
}

bool doctor_store(struct doctor *doctor, const char *url, struct sr_err *err)
{
    struct sr_err why = { 0 };
    const enum blob_place_use use = is_http(url) ? BLOB_PLACE_READ : BLOB_PLACE_LIST;
    sr_auto(blob_place) struct blob_place place = { 0 };
    if (!strstr(url, "://"))
        return doctor_folder(doctor, "folder", url, err);
    if (!blob_stores_open(doctor->stores, url, use, &place, &why))
        return add_failure(doctor, url, "cannot be opened", &why, err);
    return check_place(doctor, url, &place, err);
}
