/* SPDX-License-Identifier: Apache-2.0
 *
 * sums.h - the SHA-256 of every segment file against its commit record, on a thread of its own and
 * never far ahead of the one that joins, whose reads it warms.
 */
#ifndef WORKER_ASSEMBLE_SUMS_H
#define WORKER_ASSEMBLE_SUMS_H

#include "worker/assemble/parts.h"

struct sums;

/* store and parts are borrowed. */
int sums_start(struct sums **out, struct store *store, const struct parts *parts, struct err *err);
void sums_free(struct sums *sums); /* stops the thread */
AUTO_DEFINE(sums, struct sums *, sums_free)
void sums_reached(struct sums *sums, uint32_t part); /* the joining thread has come to this one */
/* Waits for the last one. ERR_INTERNAL: a file is not what was committed (names it). */
int sums_finish(struct sums *sums, struct err *err);
#endif
