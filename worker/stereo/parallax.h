/* SPDX-License-Identifier: Apache-2.0
 *
 * parallax.h - strength and screen plane as fixed point. conversion 2.1 for the equations.
 */
#ifndef WORKER_STEREO_PARALLAX_H
#define WORKER_STEREO_PARALLAX_H

#include "worker/stereo/ops.h"
#include "worker/stereo/warp.h"

/* The shift of one synthetic eye: half of the parallax when both eyes are made. gain and zero
 * are 0 when nothing moves. */
struct parallax parallax_from(const struct warp_opts *opts);
/* How many columns from each border on the shift falls to 0. */
int parallax_taper_px(const struct warp_opts *opts);
#endif
