/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void view_init(struct view *view, bool json, const char *in, const char *out, const char *layout)
{
    const char *term = getenv("TERM");
    bool terminal = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;

    *view = (struct view){ .in = in, .out = out, .layout = layout };
    view->ops = json ? &view_json : terminal ? &view_tty : &view_plain;
}

void view_duration(char out[24], int64_t seconds)
{
    if (seconds < 0)
        (void)snprintf(out, 24, "-");
    else if (seconds < 3600)
        (void)snprintf(out, 24, "%d:%02d", (int)(seconds / 60), (int)(seconds % 60));
    else
        (void)snprintf(out, 24, "%" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds % 3600 / 60),
                       (int)(seconds % 60));
}

int view_percent(const struct progress *progress)
{
    if (progress->phase == PHASE_COMPLETED)
        return 100;
    if (progress->frames_total <= 0)
        return 0;
    return (int)(progress->frames_done * 99 / progress->frames_total);
}

void view_work(char out[32], const struct attempt_id *id)
{
    if (id->stage == STAGE_CONVERT)
        (void)snprintf(out, 32, "segment %" PRIu32, id->index);
    else
        (void)snprintf(out, 32, "%s", stage_name(id->stage));
}
