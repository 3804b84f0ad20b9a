/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"

#include <string.h>

#define MIDDLE 32768

/* bench/depth says what each is worth. */
const struct cue cues[] = {
    { "prior", cue_prior, 72 },   { "contact", cue_contact, 84 },   { "motion", cue_motion, 100 },
    { "colour", cue_colour, 16 }, { "contrast", cue_contrast, 16 }, { "focus", cue_focus, 16 },
};
const int cues_count = sizeof(cues) / sizeof(cues[0]);

/* Sums stay below 2^32: the weights add up to less than 512, times 255 (sure) times 2^15. */
static void add(uint32_t *sums, uint32_t *weights, int n, int weight, const uint16_t *one,
                const uint8_t *sure)
{
    for (int i = 0; i < n; i++) {
        uint32_t w = (uint32_t)weight * sure[i];

        sums[i] += w * (one[i] >> 1);
        weights[i] += w;
    }
}

void cues_fuse(uint16_t *out, uint32_t mask, uint16_t *one, uint8_t *sure, uint32_t *sums,
               const struct cue_view *view)
{
    int n = view->half->width * view->half->height;
    uint32_t *weights = sums + n;

    memset(sums, 0, 2 * (size_t)n * sizeof(*sums));
    for (int c = 0; c < cues_count; c++)
        if (mask & 1u << c) {
            cues[c].fn(one, sure, view);
            add(sums, weights, n, cues[c].weight, one, sure);
        }
    for (int i = 0; i < n; i++)
        out[i] = (uint16_t)(weights[i] ? 2 * (sums[i] / weights[i]) : MIDDLE);
}
