/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"

#include <inttypes.h>
#include <stdio.h>

enum { EVERY_US = 10000000 };

static void begin(struct view *view)
{
    (void)printf("%s -> %s%s%s (%s)\n", view->in, view->out, view->right ? " and " : "",
                 view->right ? view->right : "", view->layout);
    (void)fflush(stdout);
}

static void totals(const struct progress *p)
{
    char eta[24];

    view_duration(eta, p->eta_s);
    (void)printf(
        "%s: %" PRIu32 "/%" PRIu32 " segments, %" PRId64 "/%" PRId64 " frames, %.1f fps, ETA %s\n",
        phase_name(p->phase), p->done, p->segments, p->frames_done, p->frames_total, p->fps, eta);
}

static void update(struct view *view, const struct progress *p, int64_t now_us)
{
    bool phase_is_new = !view->phase_shown || view->phase != p->phase;

    if (phase_is_new && p->segments == 0)
        (void)printf("%s\n", phase_name(p->phase));
    else if (phase_is_new || p->done != view->done || now_us - view->shown_us >= EVERY_US)
        totals(p);
    else
        return;
    (void)fflush(stdout);
    view->phase_shown = true;
    view->phase = p->phase;
    view->done = p->done;
    view->shown_us = now_us;
}

static void note(struct view *view, const char *text)
{
    (void)view;
    (void)printf("note: %s\n", text);
    (void)fflush(stdout);
}

static void end(struct view *view, const struct progress *progress)
{
    (void)view;
    (void)progress;
}

const struct view_ops view_plain = { begin, update, note, end };
