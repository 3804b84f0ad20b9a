/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"

struct mix { /* two blocks and the share of the second, in 16ths */
    int a, b, share;
};

/* Between the middles of blocks. */
static struct mix mix_at(int cell, int blocks)
{
    int at = 2 * cell + 1 - FLOW_BLOCK, a = at < 0 ? 0 : at / (2 * FLOW_BLOCK);
    struct mix mix = { a, a + 1, at < 0 ? 0 : at % (2 * FLOW_BLOCK) };

    if (mix.a > blocks - 1)
        mix.a = blocks - 1;
    if (mix.b > blocks - 1)
        mix.b = blocks - 1;
    return mix;
}

static uint32_t mixed(uint32_t a, uint32_t b, int share)
{
    return (a * (uint32_t)(2 * FLOW_BLOCK - share) + b * (uint32_t)share) / (2 * FLOW_BLOCK);
}

void cue_motion(uint16_t *out, uint8_t *sure, const struct cue_view *view)
{
    const struct motion_grid *m = view->motion;
    int w = view->half->width, h = view->half->height;

    for (int y = 0; y < h; y++) {
        struct mix down = mix_at(y, m->rows);
        const uint16_t *near0 = m->near + down.a * m->cols, *near1 = m->near + down.b * m->cols;
        const uint8_t *sure0 = m->sure + down.a * m->cols, *sure1 = m->sure + down.b * m->cols;

        for (int x = 0; x < w; x++, out++, sure++) {
            struct mix across = mix_at(x, m->cols);

            *out =
                (uint16_t)mixed(mixed(near0[across.a], near0[across.b], across.share),
                                mixed(near1[across.a], near1[across.b], across.share), down.share);
            *sure =
                (uint8_t)mixed(mixed(sure0[across.a], sure0[across.b], across.share),
                               mixed(sure1[across.a], sure1[across.b], across.share), down.share);
        }
    }
}
