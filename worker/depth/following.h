/* SPDX-License-Identifier: Apache-2.0
 *
 * following.h - a screen plane that follows the film (screen.h) over depths that come from
 * elsewhere, such as a depth film: they pass unchanged, some frames later.
 */
#ifndef WORKER_DEPTH_FOLLOWING_H
#define WORKER_DEPTH_FOLLOWING_H

#include "worker/depth/depth.h"

/* R, in frames. */
uint32_t depth_following_support(void);
/* Takes *inner, whose look_ahead is 0; on failure it is freed as well. Frames of width x height, as
 * for the inner one. ERR_NOMEM. Caller owns *out and sets follows and its bounds. */
int depth_following_new(struct depth **out, struct depth *inner, int width, int height,
                        struct err *err);
#endif
