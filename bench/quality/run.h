/* SPDX-License-Identifier: Apache-2.0
 *
 * run.h - every method on every frame of one film, with one kind of depth.
 */
#ifndef BENCH_QUALITY_RUN_H
#define BENCH_QUALITY_RUN_H

#include "bench/quality/methods.h"
#include "bench/quality/score.h"

#define RUN_OTHERS 4                      /* pictures that other programs made */
#define RUN_ROWS   (METHODS + RUN_OTHERS) /* methods first */
#define CROP_W     88
#define CROP_H     66

struct crop { /* where a method was farthest from the truth in a film */
    double squares;
    int frame, x, y;
    uint8_t right[CROP_W * CROP_H];
    uint8_t made[RUN_ROWS][CROP_W * CROP_H];
};

struct run {
    const char *name, *says;
    struct score score[RUN_ROWS];
    struct score joint[RUN_ROWS]; /* only flicker, into the first frame of the second segment */
    struct crop worst[RUN_ROWS];
    long joint_differs;
};

struct other {
    char name[64];
    const char *dir;
};

struct run_opts {
    int width, height;
    const char *dump; /* NULL, or where left views and depths go */
    struct other other[RUN_OTHERS];
    int others;
};

/* DIR/KIND/FILM-FRAME.WHAT.pgm, as --dump writes and --other reads. */
void run_film(struct run *out, const struct run_opts *opts, const struct film *film,
              enum given kind);
#endif
