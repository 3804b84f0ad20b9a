/* SPDX-License-Identifier: Apache-2.0
 *
 * screen.h - where the screen plane lies when it follows the film (--convergence auto): on what the
 * middle of the picture shows, which is where people look. Of each frame a weighted median, of the
 * frames of a shot around it their mean: a bounded window, so that it glides within a shot, steps
 * at a cut, and does not depend on how the film was cut into segments. iw3's auto convergence takes
 * the depth of salient objects from a network and smooths it without a bound; this needs neither.
 */
#ifndef WORKER_DEPTH_SCREEN_H
#define WORKER_DEPTH_SCREEN_H

#include "worker/depth/depth.h"

#include <stdint.h>

#define SCREEN_REACH 14 /* frames on each side that a provider asks, of the same shot */

/* The weighted median of width x height samples, stride samples apart: a sample weighs most in the
 * middle and falls off evenly to all four sides. To 1/1024 of the range. */
uint16_t screen_middle(const uint16_t *plane, int width, int height, int stride);
/* count >= 1. */
uint16_t screen_mean(const uint16_t *middles, int count);
/* The screen plane of a frame that shows depth in its middle. */
uint16_t screen_follow(const struct depth *depth, uint16_t middle);
#endif
