/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/shots.h"

#include <stdbool.h>

void shots_push(struct shots *shots, const uint16_t *luma, const uint16_t *before, int n)
{
    int parity = (int)(shots->pushed & 1);

    scene_cut_histogram(shots->bins[parity], luma, n);
    shots->scores[shots->pushed % SHOTS_KEPT] =
        before ? scene_cut_score(shots->bins[!parity], shots->bins[parity], before, luma, n) : 0;
    shots->pushed++;
}

static bool is_cut(const struct shots *shots, int64_t t)
{
    uint32_t scores[2 * SCENE_CUT_REACH + 1];
    int count = 0, at = 0;

    for (int64_t u = t - SCENE_CUT_REACH; u <= t + SCENE_CUT_REACH; u++) {
        if (u < 1 || u >= shots->pushed)
            continue;
        if (u == t)
            at = count;
        scores[count++] = shots->scores[u % SHOTS_KEPT];
    }
    return scene_cut_is(scores, count, at);
}

struct shot shots_around(const struct shots *shots, int64_t t, int reach)
{
    struct shot shot = { t, t };

    while (shot.first > 0 && shot.first > t - reach && !is_cut(shots, shot.first))
        shot.first--;
    while (shot.last + 1 < shots->pushed && shot.last < t + reach && !is_cut(shots, shot.last + 1))
        shot.last++;
    return shot;
}

struct shot shot_within(struct shot shot, int64_t t, int reach)
{
    shot.first = shot.first < t - reach ? t - reach : shot.first;
    shot.last = shot.last > t + reach ? t + reach : shot.last;
    return shot;
}
