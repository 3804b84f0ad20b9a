/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"

#include <string.h>

#define WEIGHTS_SUM 256

/* The weights add up to WEIGHTS_SUM. */
static const struct cue {
    cue_fn *fn;
    int weight;
} cues[] = {
    { cue_prior, 144 },
    { cue_colour, 56 },
    { cue_contrast, 56 },
};

void cues_fuse(uint16_t *out, uint16_t *one, const struct low *low, const struct cue_space *space)
{
    int n = low->width * low->height;

    memset(out, 0, (size_t)n * sizeof(*out));
    for (size_t c = 0; c < sizeof(cues) / sizeof(cues[0]); c++) {
        int weight = cues[c].weight;

        cues[c].fn(one, low, space);
        for (int i = 0; i < n; i++)
            out[i] = (uint16_t)(out[i] + one[i] * weight / WEIGHTS_SUM);
    }
}
