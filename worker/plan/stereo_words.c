/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/encoder.h"
#include "worker/plan/draft.h"
#include "worker/stereo/comfort.h"

#include <stdio.h>
#include <string.h>

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

/* Depth 1 lies in front of the screen by what is left of the divergence above the convergence;
 * where the screen follows the film it keeps to what the provider's depths can be. */
static void say_comfort(char *out, size_t size, const struct job_spec *spec)
{
    struct depth_span depths = { 0, 1 }, screen = { spec->convergence, spec->convergence };
    double front, back;
    char text[300];

    if (spec->convergence_mode == CONVERGENCE_AUTO) {
        depths = comfort_depths(spec);
        screen = comfort_screen(spec, depths);
    }
    front = spec->divergence * (depths.nearest - screen.farthest) + spec->ipd_offset;
    back = spec->divergence * (screen.nearest - depths.farthest) - spec->ipd_offset;
    if (spec->layout == LAYOUT_DEPTH || spec->layout == LAYOUT_RGBD || comfort_is_kept(front, back))
        return;
    (void)snprintf(text, sizeof(text),
                   "The depth may tire the eyes: it reaches %.1f %% of the width before the "
                   "screen and %.1f %% behind it; up to %.0f %% and %.0f %% are comfortable.",
                   front, back, COMFORT_FRONT, COMFORT_BEHIND);
    add(out, size, text);
}

void plan_warning_stereo(char *out, size_t size, const struct plan *plan,
                         const struct job_spec *spec)
{
    say_colour(out, size, plan, spec);
    say_comfort(out, size, spec);
}
