/* SPDX-License-Identifier: Apache-2.0
 *
 * joints.h - which packets are decoded to see that the decoder runs through every joint: from the
 * last keyframe before it to a few frames after it. Told of the packets as they are written. Pure.
 */
#ifndef WORKER_ASSEMBLE_JOINTS_H
#define WORKER_ASSEMBLE_JOINTS_H

#include "worker/media/readback.h"

#define JOINT_LEAD_MAX 300 /* packets; a longer group of pictures is not decoded once more */
#define JOINT_TAIL     8   /* packets after the joint */

struct joints;

struct joints *joints_new(uint32_t segments);
void joints_free(struct joints *joints);
AUTO_DEFINE(joints, struct joints *, joints_free)
/* Packets in decode order; starts: the first of a segment. */
void joints_packet(struct joints *joints, bool key, bool starts);
/* After the last packet: ascending, disjoint. Borrowed. */
const struct media_window *joints_windows(struct joints *joints, size_t *count);
#endif
