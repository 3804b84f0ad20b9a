/* SPDX-License-Identifier: Apache-2.0
 *
 * lease.h - leader election by a coordination.k8s.io/v1 Lease: 15 s lease, 10 s renew deadline, 2 s
 * retry with jitter 1.2; expiry by our own monotonic clock since the record last changed; renewals
 * by PUT with the version seen; a request that is not answered in half the renew deadline is
 * cancelled. Once lost or released it asks for nothing any more. Callbacks come from the loop and
 * may release or close. Loop thread only.
 */
#ifndef OPERATOR_KUBE_LEASE_H
#define OPERATOR_KUBE_LEASE_H

#include "operator/kube/client.h"

struct kube_lease;

struct kube_lease_opts {
    struct kube_client *client;            /* borrowed */
    const char *space, *name, *identity;   /* copied; identity is unique for each process */
    uint32_t lease_ms, renew_ms, retry_ms; /* 0 = 15000, 10000, 2000; lease > renew > retry x 1.2 */
    /* A holder must not take the lease while this annotation is on it (a drain); may be NULL. */
    const char *closed_annotation;
    void (*started)(void *ctx); /* we lead from now on */
    /* We do not lead any more (not renewed in time, or taken): stop all writes and exit. */
    void (*lost)(void *ctx);
    /* The closed annotation appeared while we lead: stop work, then kube_lease_release. */
    void (*closed)(void *ctx);
    void (*holder)(void *ctx,
                   const char *identity); /* another leads, "" when nobody; may be NULL */
    void *ctx;
};
int kube_lease_open(struct kube_lease **out, const struct kube_lease_opts *opts, struct err *err);
/* Held, and renewed within renew_ms: false before lost() comes, should the loop have stood still.
 */
bool kube_lease_is_held(const struct kube_lease *lease);
/* mono us of the last renewal; for the liveness check */
int64_t kube_lease_renewed_us(const struct kube_lease *lease);
/* After work has stopped: holderIdentity empty, leaseDurationSeconds 1; conflicts are retried for
 * at most 5 s. done comes once; then close. */
void kube_lease_release(struct kube_lease *lease, void (*done)(void *ctx), void *ctx);
void kube_lease_close(struct kube_lease *lease); /* without release; NULL is fine */
#endif
