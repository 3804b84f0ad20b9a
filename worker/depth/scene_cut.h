/* SPDX-License-Identifier: Apache-2.0
 *
 * scene_cut.h - how different a frame is from the one before it, and whether that is a cut.
 */
#ifndef WORKER_DEPTH_SCENE_CUT_H
#define WORKER_DEPTH_SCENE_CUT_H

#include <stdbool.h>
#include <stdint.h>

#define SCENE_CUT_BINS  64
#define SCENE_CUT_REACH 4 /* frames on each side whose scores make the local median */

/* Luma is 12 bit, n samples. */
void scene_cut_histogram(uint32_t bins[SCENE_CUT_BINS], const uint16_t *luma, int n);
/* Q16: half the chi-square distance of the histograms plus half the mean change of luma. */
uint32_t scene_cut_score(const uint32_t before[SCENE_CUT_BINS],
                         const uint32_t after[SCENE_CUT_BINS], const uint16_t *luma_before,
                         const uint16_t *luma_after, int n);
/* scores: count <= 2 * SCENE_CUT_REACH + 1 neighbours, among them scores[at]. */
bool scene_cut_is(const uint32_t *scores, int count, int at);
#endif
