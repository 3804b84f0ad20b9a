/* SPDX-License-Identifier: Apache-2.0
 *
 * pictures.h - the sheets of a preview: what is in them and where. Draws, writes nothing.
 */
#ifndef WORKER_PREVIEW_PICTURES_H
#define WORKER_PREVIEW_PICTURES_H

#include "worker/media/sheet.h"
#include "worker/preview/preview.h"

struct cell {  /* one pair of values, as one frame shows them */
    int depth; /* which of the shot's */
    bool follows;
    double divergence, convergence;
    double front, behind; /* % of the width that its depth reaches, but for its outermost 2 % */
    bool comfortable;
};

/* What the frame comes to with this divergence and screens[depth]. spec: ipdOffset and
 * foregroundScale. */
struct cell cell_of(const struct shot *shot, const struct shot_screen *screens, int depth,
                    double divergence, const struct job_spec *spec);

struct pictures { /* all borrowed */
    const struct plan *plan;
    const struct job_spec *spec;
    const struct preview_opts *opts;
};
/* The frame in this layout at every divergence (down) and convergence (across), labelled with its
 * cells [divergence_count * convergence_count]. ERR_NOMEM, ERR_CONFIG (too large). */
int pictures_grid(struct media_sheet **out, const struct pictures *pictures,
                  const struct shot *shot, const struct cell *cells, enum layout layout,
                  struct err *err);
/* Every frame beside its depth, one below the other, at these seconds. */
int pictures_depth(struct media_sheet **out, const struct pictures *pictures,
                   const struct shot *shots, const double *seconds, int count, struct err *err);
#endif
