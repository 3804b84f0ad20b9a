/* SPDX-License-Identifier: Apache-2.0
 *
 * shape.h - depth before it becomes parallax: a curve that gives more of the range to what is near
 * (or far), and near things made a little larger. Both keep 0 and 65535.
 */
#ifndef WORKER_STEREO_SHAPE_H
#define WORKER_STEREO_SHAPE_H

#include "worker/image.h"

/* scale -3..3; 0 is the identity, whole levels are softplus curves, below 0 their inverses, and
 * between two levels the mean of both by distance. */
void shape_curve(uint16_t curve[65536], double scale);
/* One value of the curve, and the least depth that it bends to this or above. */
uint16_t shape_bend(double scale, uint16_t depth);
uint16_t shape_unbend(double scale, uint16_t depth);
/* The highest depth within radius columns and rows. out has width * height samples without gaps,
 * scratch as many; in may not be out. */
struct plane16 shape_dilate(uint16_t *out, uint16_t *scratch, const struct plane16 *in, int radius);
/* A row of shifts (Q8 px, grows towards the viewer): where two surfaces meet, the farther one's
 * sample beside the edge goes with the nearer one. Its colour is a mix of both, and left behind it
 * would stand as a line in what the nearer one uncovers. */
void shape_edges(int32_t *shift, int n);
#endif
