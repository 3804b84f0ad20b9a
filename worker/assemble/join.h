/* SPDX-License-Identifier: Apache-2.0
 *
 * join.h - all segments, one open at a time, into one output file (of the job's films, one); then
 * the file read back. One thread (checksums have their own).
 */
#ifndef WORKER_ASSEMBLE_JOIN_H
#define WORKER_ASSEMBLE_JOIN_H

#include "worker/assemble/done.h"
#include "worker/assemble/parts.h"
#include "worker/job.h"

struct join_opts {
    struct job *job; /* borrowed, as all here */
    const struct plan *plan;
    const struct parts *parts;
    const char *container; /* "mp4", "mov", "matroska" */
    const char *uri;       /* where it goes */
    int film;              /* which stream of the segments */
    struct store *scratch; /* where to write instead; or NULL */
};

/* Writes and verifies; *out is to be committed. The moov is written again with more room should
 * its bound ever be too small. Errors: ERR_INTERRUPTED, ERR_INPUT (the source changed, or a copied
 * stream cannot be written), ERR_INTERNAL, the store's. */
int join_run(struct store_writer **out, struct done *done, const struct join_opts *opts,
             struct err *err);
#endif
