/* SPDX-License-Identifier: Apache-2.0
 *
 * preview.h - contact sheets to choose the depth by: a few frames of a film over a grid of
 * divergence x convergence, as PNG in a folder.
 *
 *     NN-anaglyph.png, NN-sbs.png   of each frame: a row for each divergence, a column for each
 *                                   convergence, the values under each picture
 *     depth.png                     all frames: the film's picture and its depth
 */
#ifndef WORKER_PREVIEW_H
#define WORKER_PREVIEW_H

#include "common/contract/spec.h"
#include "common/json.h"
#include "worker/preview/shot.h"

#include <signal.h>
#include <stdbool.h>

#define PREVIEW_FRAMES_MAX 16
#define PREVIEW_VALUES_MAX 8
#define PREVIEW_TILE_MIN   64
#define PREVIEW_TILE_MAX   1920

struct preview_opts {
    char folder[4096];
    int frames; /* 1..PREVIEW_FRAMES_MAX; spread over the film where times are not given */
    bool timed;
    double times[PREVIEW_FRAMES_MAX]; /* seconds from the film's first frame */
    double divergences[PREVIEW_VALUES_MAX];
    double convergences[PREVIEW_VALUES_MAX]; /* NAN: auto, at most once */
    int divergence_count, convergence_count;
    int tile; /* width of one view in samples */
    bool overwrite;
};

/* From {"folder", "frames" or "times", "divergences", "convergences", "tile", "overwrite"}; a
 * convergence may be "auto". ERR_CONFIG names the key. */
int preview_opts_read(struct preview_opts *out, const char *text, struct err *err);
/* Prints one JSON object to stdout: film, pictures (path, kind, seconds) and cells (seconds,
 * divergence, convergence, convergenceMode, frontPercent, behindPercent, comfortable). What it
 * wrote is taken away again when it fails. spec: borrowed; its segment length and convergenceMode
 * are changed. */
int preview_run(struct job_spec *spec, const struct preview_opts *opts,
                const volatile sig_atomic_t *should_stop, struct err *err);
#endif
