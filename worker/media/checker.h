/* SPDX-License-Identifier: Apache-2.0
 *
 * checker.h - the decode-back: a second decoder fed with the encoder's packets as they come. Checks
 * count, pts, size, no error, and a 32x18 luma thumbnail within 8 levels (8-bit scale) of what
 * was encoded: fewer cells where they would be less than a macroblock, whose mean is all that a
 * coarse encoder keeps. One thread.
 */
#ifndef WORKER_MEDIA_CHECKER_H
#define WORKER_MEDIA_CHECKER_H

#include "worker/media/encoder.h"

#define CHECKER_THUMB_WIDTH  32
#define CHECKER_THUMB_HEIGHT 18
#define CHECKER_CELL_MIN     16 /* pixels a side */
#define CHECKER_TOLERANCE    8

struct media_checker;

int media_checker_open(struct media_checker **out, struct media_encoder *encoder, struct err *err);
void media_checker_free(struct media_checker *checker);
AUTO_DEFINE(media_checker, struct media_checker *, media_checker_free)
/* What will be encoded, in presentation order. Takes its thumbnail and pts. */
void media_checker_expect(struct media_checker *checker, const struct media_frame *frame);
/* A packet as it was encoded; NULL at the end: then all must have come. ERR_INTERNAL names the
 * frame and what differs. */
int media_checker_feed(struct media_checker *checker, const struct media_packet *packet,
                       struct err *err);
int64_t media_checker_frames(const struct media_checker *checker);
#endif
