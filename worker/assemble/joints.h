/* SPDX-License-Identifier: Apache-2.0
 *
 * joints.h - which packets are decoded to see that the decoder runs through every joint: the first
 * ones of the group of pictures that ends there, then a few behind the joint, by one decoder. What
 * lies between is left out: a segment starts with a keyframe that refers to nothing before it, so
 * all that comes from there is a decoder that is at work; and convert has decoded every frame.
 * Told of the packets as they are written. Pure.
 */
#ifndef WORKER_ASSEMBLE_JOINTS_H
#define WORKER_ASSEMBLE_JOINTS_H

#include "worker/media/readback.h"

#define JOINT_LEAD 8 /* packets of the group before the joint */
#define JOINT_TAIL 8 /* packets after the joint */

struct joints;

struct joints *joints_new(uint32_t segments);
void joints_free(struct joints *joints);
AUTO_DEFINE(joints, struct joints *, joints_free)
/* Packets in decode order; starts: the first of a segment. */
void joints_packet(struct joints *joints, bool key, bool starts);
/* After the last packet: ascending, disjoint. Borrowed. */
const struct media_window *joints_windows(struct joints *joints, size_t *count);
#endif
