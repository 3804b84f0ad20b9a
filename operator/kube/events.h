/* SPDX-License-Identifier: Apache-2.0
 *
 * events.h - events.k8s.io/v1 as kubectl describe shows them. Repeats (same object, type, reason,
 * action, note) become a series: the second patches, later ones are counted and written at most
 * every 30 min, and at the end after 6 min idle. A queue of 1000, dropped when full; 12 tries 10 s
 * apart; never in anybody's way. Loop thread only.
 */
#ifndef OPERATOR_KUBE_EVENTS_H
#define OPERATOR_KUBE_EVENTS_H

#include "operator/kube/client.h"

struct kube_events;

struct kube_events_opts {
    struct kube_client *client; /* borrowed */
    const char *controller;     /* reportingController, "stereojob.io/operator"; copied */
    const char *instance;       /* reportingInstance, the pod's name; copied */
    /* New events (no repeats) about one object at first, then one in five minutes; the others are
     * dropped. 0: no limit. */
    uint32_t burst;
};
int kube_events_open(struct kube_events **out, const struct kube_events_opts *opts,
                     struct err *err);
/* about: an object with apiVersion, kind, metadata (borrowed for the call). reason and action are
 * CamelCase, at most 128 bytes; note is cut at 1024. */
void kube_events_emit(struct kube_events *events, const cJSON *about, bool warning,
                      const char *reason, const char *action, const char *note);
/* What is queued is sent once each, at most timeout_ms; then done. */
void kube_events_flush(struct kube_events *events, uint32_t timeout_ms, void (*done)(void *ctx),
                       void *ctx);
void kube_events_close(struct kube_events *events); /* NULL is fine */
uint64_t kube_events_dropped(const struct kube_events *events);
#endif
