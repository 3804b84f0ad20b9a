/* SPDX-License-Identifier: Apache-2.0
 *
 * commit.h - how the result of a segment becomes the job's, once: the file under the attempt's own
 * key, then the record under the segment's, which only one attempt can create. Where the store
 * races (plan) records are the attempts' own, too: then several may be there, and all stay.
 */
#ifndef WORKER_CONVERT_COMMIT_H
#define WORKER_CONVERT_COMMIT_H

#include "worker/job.h"

/* The record of this segment, if it is there. ERR_INTERNAL: it is of another plan, or its file is
 * gone; ERR_CONFIG: of another job. */
int commit_find(const struct job *job, const struct plan *plan, struct record *out, bool *found,
                struct err *err);
/* encoder.json is made, or says the same as facts (ERR_GPU when not). */
int commit_facts(const struct job *job, const struct encoder_facts *facts, struct err *err);
/* The file this attempt writes. An earlier life of the same attempt may have left one without a
 * record: it is replaced. */
int commit_open_file(const struct job *job, const char *key, struct store_writer **out,
                     struct err *err);
/* Commits file and creates the record. On success *record is the segment's: ours, completed with
 * bytes and checksums, or that of the attempt that was first; then our file is removed. */
int commit_segment(const struct job *job, const struct plan *plan, struct store_writer *file,
                   struct record *record, struct err *err);
#endif
