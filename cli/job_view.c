#include "cli/job_view.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 80, CELLS_MAX = 64, CELLS_MIN = 8 };

static const char *text_of(const json_t *job, const char *key)
{
    const char *const text = json_string_value(json_object_get(job, key));
    return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
    const json_int_t number = json_integer_value(json_object_get(object, key));
    return number > 0 ? number : 0;
}

static bool has_ended(const json_t *job)
{
    static const char *const ends[] = { "SUCCEEDED", "FAILED", "CANCELLED" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (strcmp(text_of(job, "state"), ends[i]) == 0)
            return true;
    }
    return false;
}

int job_view_status(const json_t *job)
{
    const char *const state = text_of(job, "state");
    if (strcmp(state, "SUCCEEDED") == 0)
        return 0;
    if (strcmp(state, "FAILED") != 0)
        return 1;
    const int status = sr_err_row(sr_err_of_flow(text_of(job, "error")))->exit_status;
    return status == 130 ? 1 : status;  // it was not this process that was interrupted
}

// Done from the left, then what runs: which of them it is does not show.
static bool add_bar(const json_t *segments, size_t cells, struct sr_str *out, struct sr_err *err)
{
    const json_int_t count = number_of(segments, "count"), done = number_of(segments, "done");
    const json_int_t running = number_of(segments, "running"),
                     failed = number_of(segments, "failed");
    if (count <= 0 || count > INT32_MAX || done > count || running > count - done ||
        failed > count - done - running)
        return true;
    if ((json_int_t)cells > count)
        cells = (size_t)count;
    if (!sr_str_add(out, " [", err))
        return false;
    for (size_t i = 0; i < cells; i++) {
        // The last segment of the cell: a cell counts when all of it does.
        const json_int_t last = (json_int_t)(i + 1) * count / (json_int_t)cells;
        const char *const sign = last <= done                      ? "#"
                                 : last <= done + running          ? ">"
                                 : last <= done + running + failed ? "!"
                                                                   : ".";
        if (!sr_str_add(out, sign, err))
            return false;
    }
    return sr_str_add(out, "]", err);
}

static bool add_segments(const json_t *segments, struct sr_str *out, struct sr_err *err)
{
    const json_int_t running = number_of(segments, "running"),
                     failed = number_of(segments, "failed");
    return sr_str_addf(out, err, " segments %lld/%lld", (long long)number_of(segments, "done"),
                       (long long)number_of(segments, "count")) &&
           (!running || sr_str_addf(out, err, " (%lld running)", (long long)running)) &&
           (!failed || sr_str_addf(out, err, " (%lld failed)", (long long)failed));
}

bool job_view_line(const json_t *job, size_t columns, struct sr_str *out, struct sr_err *err)
{
    const json_t *const progress = json_object_get(job, "progress");
    const json_t *const segments = json_object_get(progress, "segments");
    const json_t *const eta = json_object_get(progress, "eta_s");
    const json_int_t attempt = number_of(job, "attempt");
    const bool runs = !has_ended(job);
    if (!sr_str_addf(out, err, "%-10s%3d%%", text_of(job, "state"),
                     (int)number_of(progress, "percent")) ||
        (segments && !add_segments(segments, out, err)) ||
        (attempt > 1 && !sr_str_addf(out, err, " attempt %lld", (long long)attempt)))
        return false;
    if (runs && json_is_integer(eta)) {
        const long long seconds = (long long)number_of(progress, "eta_s");
        if (!sr_str_addf(out, err, " ETA %lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60,
                         seconds % 60))
            return false;
    }
    if (*text_of(job, "error") &&
        !sr_str_addf(out, err, " %s: %s", text_of(job, "error"), text_of(job, "cause")))
        return false;
    const size_t room = columns > out->bytes + 4 ? columns - out->bytes - 4 : 0;
    return room < CELLS_MIN || !segments || !runs ||
           add_bar(segments, room < CELLS_MAX ? room : CELLS_MAX, out, err);
}

static size_t columns_of(FILE *file)
{
    struct winsize size;
    return ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                          : COLUMNS_DEFAULT;
}

// What a terminal would take for a command of its own.
static void blank_controls(struct sr_str *line)
{
    for (size_t i = 0; i < line->bytes; i++) {
        if ((unsigned char)line->text[i] < ' ' || line->text[i] == 127)
            line->text[i] = ' ';
    }
}

static bool write_line(struct job_view *view, const json_t *job, struct sr_err *err)
{
    const bool is_bar = view->kind == PROGRESS_BAR;
    const bool ended = has_ended(job);
    const size_t columns = is_bar ? columns_of(view->file) : 0;
    sr_auto(sr_str) struct sr_str line = { 0 };
    if (view->kind == PROGRESS_JSON ? !jx_dump_add(job, &line, err)
                                    : !job_view_line(job, columns, &line, err))
        return false;
    blank_controls(&line);
    const int written =
        !is_bar ? fprintf(view->file, "%s\n", sr_str_text(&line))
        : ended ? fprintf(view->file, "\r\033[K%s\n", sr_str_text(&line))
                : fprintf(view->file, "\r\033[K%.*s", (int)columns - 1, sr_str_text(&line));
    view->is_open = is_bar && !ended;
    return (written >= 0 && fflush(view->file) == 0) || sr_fail_errno(err, errno, "the view");
}

bool job_view_show(struct job_view *view, const json_t *job, int64_t now_us, struct sr_err *err)
{
    const char *const state = text_of(job, "state");
    const bool is_new = strncmp(state, view->state, sizeof view->state - 1) != 0;
    if (view->kind == PROGRESS_AUTO)
        view->kind = isatty(fileno(view->file)) ? PROGRESS_BAR : PROGRESS_PLAIN;
    if (view->kind == PROGRESS_NONE ||
        (view->kind == PROGRESS_PLAIN && !is_new && now_us - view->shown_us < JOB_VIEW_PLAIN_US))
        return true;
    view->shown_us = now_us;
    (void)snprintf(view->state, sizeof view->state, "%s", state);  // cut: only to compare
    return write_line(view, job, err);
}

void job_view_end(struct job_view *view)
{
    if (view->is_open)
        (void)fputc('\n', view->file);  // whoever cannot read it has seen the rest
    view->is_open = false;
}
