// Where jobs write, so that nothing of it starts another.
#include <string.h>

#include "base/str.h"
#include "pipeline/hls_priv.h"
#include "pipeline/job_store_priv.h"

bool job_store_add_output(struct job_store *store, const char *place, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db, "INSERT INTO output(place) VALUES(?1) ON CONFLICT DO NOTHING",
                       &stmt, err))
        return false;
    sr_db_bind_text(stmt, 1, place);
    return sr_db_run(stmt, err);
}

static bool has(struct job_store *store, const char *place, bool *ret_has, struct sr_err *err)
{
    sr_auto(sr_db_stmt) struct sr_db_stmt *stmt = NULL;
    if (!sr_db_prepare(store->db, "SELECT 1 FROM output WHERE place = ?1", &stmt, err))
        return false;
    sr_db_bind_text(stmt, 1, place);
    return sr_db_step(stmt, ret_has, err);
}

// Whether a track's folder of an HLS output has files of this name.
static bool is_of_track(const char *name)
{
    static const char segment[] = "seg_", ending[] = ".m4s";
    if (strcmp(name, HLS_INIT) == 0 || strcmp(name, HLS_MEDIA) == 0)
        return true;
    if (strncmp(name, segment, sizeof segment - 1) != 0)
        return false;
    const char *const number = name + sizeof segment - 1;
    const size_t digits = strspn(number, "0123456789");
    return digits >= 5 && strcmp(number + digits, ending) == 0;
}

// "ABOVE/" or "ABOVE/*".
static bool has_above(struct job_store *store, const char *above, const char *what, bool *ret_has,
                      struct sr_err *err)
{
    sr_auto(char) char *place = sr_strf(err, "%s/%s", above, what);
    return place && has(store, place, ret_has, err);
}

bool job_store_has_output(struct job_store *store, const char *place, bool *ret_has,
                          struct sr_err *err)
{
    const char *const scheme = strstr(place, "://"), *const slash = strrchr(place, '/');
    const size_t root = scheme ? (size_t)(scheme - place) + 3 : 0;
    const bool is_track = slash && is_of_track(slash + 1);
    sr_auto(char) char *above = sr_str_dup(place, err);
    *ret_has = false;
    if (!above || !has(store, above, ret_has, err))
        return false;
    for (unsigned up = 1; !*ret_has; up++) {
        char *const end = strrchr(above + root, '/');
        if (!end)
            return true;
        *end = '\0';
        if (!has_above(store, above, "", ret_has, err) ||
            (!*ret_has && up == 2 && is_track && !has_above(store, above, "*", ret_has, err)))
            return false;
    }
    return true;
}
