/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_CELLS = 24, WIDTH_DEFAULT = 80, LINE_MAX_BYTES = 512, REDRAW_US = 200000 };

static int screen_width(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        return size.ws_col;
    return WIDTH_DEFAULT;
}

static void block_clear(struct view *view)
{
    if (view->lines > 0)
        (void)printf("\r\033[%dA\033[J", view->lines);
    view->lines = 0;
}

/* One line of the block, cut to the screen's width (in characters of UTF-8). */
__attribute__((format(printf, 2, 3))) static void line(struct view *view, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES];
    int left = screen_width() - 1;
    size_t len = 0;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    for (; text[len]; len++) {
        if (((unsigned char)text[len] & 0xC0) != 0x80 && left-- == 0)
            break;
    }
    (void)printf("%.*s\n", (int)len, text);
    view->lines++;
}

static void bar(char *out, size_t size, int percent)
{
    int full = percent * BAR_CELLS / 100;
    size_t len = 0;

    for (int i = 0; i < BAR_CELLS && len + 4 < size; i++) {
        const char *cell = i < full ? "█" : "░";

        memcpy(out + len, cell, strlen(cell));
        len += strlen(cell);
    }
    out[len] = '\0';
}

static void totals(struct view *view, const struct progress *p)
{
    char cells[BAR_CELLS * 3 + 4], eta[24];
    uint32_t left = p->segments - p->done - p->failed;

    bar(cells, sizeof(cells), view_percent(p));
    view_duration(eta, p->eta_s);
    line(view, "%-10s %s %3d%%   ETA %s", phase_name(p->phase), cells, view_percent(p), eta);
    if (p->segments == 0)
        return;
    left = left > p->active ? left - p->active : 0;
    line(view,
         "segments   %" PRIu32 " done, %" PRIu32 " active, %" PRIu32 " left%s   frames %" PRId64
         "/%" PRId64 "   %.1f fps",
         p->done, p->active, left, p->failed ? ", some failed" : "", p->frames_done,
         p->frames_total, p->fps);
}

static void begin(struct view *view)
{
    (void)printf("%s\n  -> %s  (%s)\n", view->in, view->out, view->layout);
    if (view->right)
        (void)printf("  -> %s\n", view->right);
}

static void update(struct view *view, const struct progress *progress, int64_t now_us)
{
    if (view->phase_shown && view->phase == progress->phase && now_us - view->shown_us < REDRAW_US)
        return;
    block_clear(view);
    totals(view, progress);
    if (progress->degraded)
        line(view, "degraded   tracking is away; work goes on, counted more slowly");
    for (uint32_t i = 0; i < progress->worker_count; i++) {
        const struct progress_worker *worker = &progress->workers[i];
        char work[32];

        view_work(work, &worker->id);
        if (worker->frames_total > 0)
            line(view, "  %-12s %-10s %" PRId64 "/%" PRId64, work, worker->step,
                 worker->frames_done, worker->frames_total);
        else
            line(view, "  %-12s %s", work, worker->step);
    }
    (void)fflush(stdout);
    view->phase_shown = true;
    view->phase = progress->phase;
    view->shown_us = now_us;
}

static void note(struct view *view, const char *text)
{
    block_clear(view);
    (void)printf("note: %s\n", text);
    (void)fflush(stdout);
    view->shown_us = 0;
}

static void end(struct view *view, const struct progress *progress)
{
    (void)progress;
    block_clear(view);
    (void)fflush(stdout);
}

const struct view_ops view_tty = { begin, update, note, end };
