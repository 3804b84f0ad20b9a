/* SPDX-License-Identifier: Apache-2.0
 *
 * depth_video.h - the depth provider `video`: a depth film made elsewhere. Its luma is the depth
 * (white = near), scaled to at most 512 wide. Its frames belong to the film's by their time from
 * the start. Knows no neighbours: look-ahead and R are 0.
 */
#ifndef WORKER_CONVERT_DEPTH_VIDEO_H
#define WORKER_CONVERT_DEPTH_VIDEO_H

#include "common/contract/plan.h"
#include "worker/depth/depth.h"

struct depth_video;

/* For the frames of segment. Errors: ERR_INPUT: not a film, fewer frames than the film's, other
 * times; ERR_CONFIG: not there. Free by depth_free(depth_video_base()). */
int depth_video_new(struct depth_video **out, const char *uri, const struct plan *plan,
                    const struct plan_segment *segment, struct err *err);
struct depth *depth_video_base(struct depth_video *video);
/* The pts of the frame that is pushed next, in the film's time base. pts ascend. */
void depth_video_at(struct depth_video *video, int64_t pts);
#endif
