/* SPDX-License-Identifier: Apache-2.0
 *
 * memo.h - the pods of one job as they were read last, so that a pass reads only those that have
 * changed since: reading one costs more than deciding about it. Loop thread only.
 */
#ifndef OPERATOR_RECONCILE_MEMO_H
#define OPERATOR_RECONCILE_MEMO_H

#include "operator/cluster/cluster.h"
#include "operator/decide/decide.h"

struct memo;

struct memo *memo_new(void);
void memo_free(struct memo *memo); /* NULL is fine */
/* All pods of the job as they are now, without progress_ms. Borrowed until the next call, and may
 * be written to. A pod that is not to be understood is left out. cluster: one that has each_pod;
 * token_hex: the same at each call. */
struct pod_view *memo_read(struct memo *memo, struct cluster *cluster, const char *token_hex,
                           size_t *count);
#endif
