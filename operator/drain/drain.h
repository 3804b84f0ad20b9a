/* SPDX-License-Identifier: Apache-2.0
 *
 * drain.h - `stereo-operator drain`, run before the operator is uninstalled: the Lease is closed,
 * the leader stands down, and every finalizer of ours is taken off, so that nothing that is left
 * ever hangs on an operator that is not there. Jobs and pods stay; a new operator goes on with
 * them.
 */
#ifndef OPERATOR_DRAIN_H
#define OPERATOR_DRAIN_H

#include "operator/kube/sync.h"

#define DRAIN_ANNOTATION "stereojob.io/drain" /* on the Lease: nobody takes it */

struct drain_opts {
    const char *lease_space, *lease_name;
    const char *const *spaces; /* NULL-terminated namespaces; empty: all */
    int64_t wait_ms;           /* for the leader at most */
};
/* Prints what it does on stdout. */
int drain_run(struct kube_sync *sync, const struct drain_opts *opts, struct err *err);
#endif
