/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/encoder.h"
#include "worker/plan/draft.h"

#include <stdio.h>
#include <string.h>

#define NEAR_MOST 1. /* percent of the width before the screen that eyes bear for long */
#define FAR_MOST  2. /* and behind it */
#define SLACK     .005

static void add(char *out, size_t size, const char *text)
{
    size_t used = strlen(out);

    if (used + strlen(text) + 2 <= size)
        (void)snprintf(out + used, size - used, "%s%s", used ? "\n" : "", text);
}

static void say_colour(char *out, size_t size, const struct plan *plan, const struct job_spec *spec)
{
    char text[200];

    if (!layout_is_anaglyph(spec->layout) || *spec->pix_fmt ||
        media_encoder_takes_full_chroma(plan->codec))
        return;
    (void)snprintf(text, sizeof(text),
                   "The encoder %s is given no 4:4:4: the anaglyph's colours have half the "
                   "resolution, and red edges smear.",
                   plan->codec);
    add(out, size, text);
}

bool plan_stereo_is_comfortable(double front, double behind)
{
    return front <= NEAR_MOST + SLACK && behind <= FAR_MOST + SLACK;
}

/* Depth 1 lies in front of the screen by what is left of the divergence above the convergence. */
static void say_comfort(char *out, size_t size, const struct job_spec *spec)
{
    double front = spec->divergence * (1 - spec->convergence) + spec->ipd_offset;
    double back = spec->divergence * spec->convergence - spec->ipd_offset;
    char text[300];

    if (spec->layout == LAYOUT_DEPTH || spec->layout == LAYOUT_RGBD ||
        plan_stereo_is_comfortable(front, back))
        return;
    (void)snprintf(text, sizeof(text),
                   "The depth may tire the eyes: it reaches %.1f %% of the width before the "
                   "screen and %.1f %% behind it; up to %.0f %% and %.0f %% are comfortable.",
                   front, back, NEAR_MOST, FAR_MOST);
    add(out, size, text);
}

void plan_warning_stereo(char *out, size_t size, const struct plan *plan,
                         const struct job_spec *spec)
{
    say_colour(out, size, plan, spec);
    say_comfort(out, size, spec);
}
