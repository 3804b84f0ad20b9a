/* SPDX-License-Identifier: Apache-2.0
 *
 * pipeline.h - one segment from film to file: four threads with bounded queues between them.
 *
 *     decode --decoded--> depth --deep--> warp --warped--> encode, check, write
 *
 * Frames outside of [start, end) feed only the depth's windows; what is warped and encoded is
 * exactly what the segment owns. Full frames wait for the look-ahead in a ring of the depth stage.
 * The first error wins and ends all.
 */
#ifndef WORKER_CONVERT_PIPELINE_H
#define WORKER_CONVERT_PIPELINE_H

#include "worker/convert/depth_video.h"
#include "worker/convert/queue.h"
#include "worker/convert/repair.h"
#include "worker/depth/depth.h"
#include "worker/job.h"
#include "worker/media/checker.h"
#include "worker/media/decoder.h"
#include "worker/media/encoder.h"
#include "worker/media/segment.h"
#include "worker/stereo/warp.h"

#include <pthread.h>
#include <stdatomic.h>

#define PIPELINE_QUEUE_FRAMES 4 /* in each queue; worker/plan/memory.c counts on it */

enum pipeline_stage { AT_DECODE, AT_DEPTH, AT_WARP, AT_ENCODE };
#define PIPELINE_STAGES 4

struct pipeline_clock { /* of one thread */
    int64_t wall_us, waited_us, cpu_us;
};

struct pipeline {
    const struct job *job;              /* borrowed */
    const struct plan *plan;            /* borrowed */
    const struct plan_segment *segment; /* borrowed, of plan */
    bool repairing;                     /* frames that do not come are made up: see repair.h */

    struct store_reader *film; /* owned, as is what follows */
    struct media_source *source;
    struct media_decoder *decoder;
    struct depth *depth;
    struct depth_video *depth_film; /* depth's own, when it comes from a film; else NULL */
    struct warp *warp;
    int films;                                       /* that the job makes: 1 or 2 */
    struct media_encoder *encoder[LAYOUT_FILMS_MAX]; /* of each film */
    struct media_checker *checker[LAYOUT_FILMS_MAX];
    struct store_writer *file;
    struct segment_writer *writer;
    struct queue *decoded; /* of struct media_frame */
    struct queue *deep;    /* of struct deep_frame */
    struct queue *warped;  /* of struct media_frame */

    atomic_bool stop;     /* set with failed: stages end between frames */
    pthread_mutex_t lock; /* over what follows, while threads run */
    pthread_cond_t ended;
    int running;
    bool failed;
    struct err err; /* the first */

    struct repair repair; /* the decode stage's, when repairing */
    int64_t damaged;      /* the decode stage's: frames of the segment */
    /* the warp stage's: where the screen lay; low > high: not yet */
    uint16_t screen_low, screen_high;
    bool incomplete; /* frames did not come that the plan has: the segment wants repairing */

    /* the encode stage's, read when all have ended */
    int64_t frames, first_pts, last_pts;
    int64_t gap_pts, gap; /* the frame before the widest step, and the step */
    uint32_t pts_crc;
    struct pipeline_clock clocks[PIPELINE_STAGES];
};

struct deep_frame {
    struct media_frame *frame; /* owned */
    struct plane16 depth;      /* px owned */
    uint16_t screen;           /* of the depths, the one that lies on the screen */
};
void deep_frame_free(struct deep_frame *deep);
AUTO_DEFINE(deep_frame, struct deep_frame *, deep_frame_free)

/* Opens the film, the depth and the encoders; writes nothing. Zero the pipeline and set the
 * borrowed pointers first; clear it whatever this answers. */
int pipeline_open(struct pipeline *pipeline, struct err *err);
/* file is taken over. */
int pipeline_open_output(struct pipeline *pipeline, struct store_writer *file, struct err *err);
/* Runs to the end. The file is written, not committed; its frames are exactly the plan's.
 * ERR_INTERRUPTED soon after job->should_stop. */
int pipeline_run(struct pipeline *pipeline, struct err *err);
void pipeline_clear(struct pipeline *pipeline);

/* A stage's work, for pipeline.c: 0 when it came to its end or the others did, -1 when it failed.
 */
int stage_decode(struct pipeline *pipeline, struct pipeline_clock *clock, struct err *err);
int stage_depth(struct pipeline *pipeline, struct pipeline_clock *clock, struct err *err);
int stage_warp(struct pipeline *pipeline, struct pipeline_clock *clock, struct err *err);
int stage_encode(struct pipeline *pipeline, struct pipeline_clock *clock, struct err *err);

/* queue_push and queue_pop that keep account of the time waited. */
int pipeline_give(struct pipeline_clock *clock, struct queue *queue, void *item);
int pipeline_take(struct pipeline_clock *clock, struct queue *queue, void **item);
#endif
