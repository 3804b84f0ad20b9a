/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/scene_cut.h"

#include "worker/depth/low.h"

#include <stdlib.h>
#include <string.h>

#define ONE         65536
#define SCORE_MIN   (ONE * 30 / 100)
#define OVER_MEDIAN 3

void scene_cut_histogram(uint32_t bins[SCENE_CUT_BINS], const uint16_t *luma, int n)
{
    memset(bins, 0, SCENE_CUT_BINS * sizeof(*bins));
    for (int i = 0; i < n; i++)
        bins[luma[i] * SCENE_CUT_BINS / 4096]++;
}

uint32_t scene_cut_score(const uint32_t before[SCENE_CUT_BINS],
                         const uint32_t after[SCENE_CUT_BINS], const uint16_t *luma_before,
                         const uint16_t *luma_after, int n)
{
    uint64_t chi2 = 0, change = 0;

    for (int b = 0; b < SCENE_CUT_BINS; b++) {
        int64_t d = (int64_t)before[b] - after[b];

        if (d)
            chi2 += (uint64_t)(d * d) * ONE / (before[b] + after[b]);
    }
    for (int i = 0; i < n; i++)
        change += (uint64_t)abs(luma_before[i] - luma_after[i]);
    return (uint32_t)(chi2 / (uint64_t)n / 2 + change * ONE / (uint64_t)n / LOW_MAX / 2);
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

bool scene_cut_is(const uint32_t *scores, int count, int at)
{
    uint32_t sorted[2 * SCENE_CUT_REACH + 1];

    if (scores[at] <= SCORE_MIN)
        return false;
    memcpy(sorted, scores, (size_t)count * sizeof(*sorted));
    qsort(sorted, (size_t)count, sizeof(*sorted), ascending);
    return scores[at] / OVER_MEDIAN > sorted[(count - 1) / 2];
}
