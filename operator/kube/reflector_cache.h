/* SPDX-License-Identifier: Apache-2.0
 *
 * reflector_cache.h - inside of operator/kube/reflector: which news about an object is taken, and
 * what is told of it. Versions that are decimal numbers are compared, others are only equal or not.
 * One thread.
 */
#ifndef OPERATOR_KUBE_REFLECTOR_CACHE_H
#define OPERATOR_KUBE_REFLECTOR_CACHE_H

#include "operator/kube/reflector.h"
#include "operator/kube/reflector_graves.h"
#include "operator/kube/reflector_store.h"

struct cache {
    const struct kube_reflector_opts *user; /* borrowed */
    struct store *live;                     /* owned; what everybody sees */
    struct store *staged;                   /* owned; a list that is not complete yet */
    struct graves graves;
    char *version; /* owned; of the newest list, event or bookmark; "" before */
    bool synced, muted;
};
void cache_init(struct cache *cache, const struct kube_reflector_opts *user);
void cache_clear(struct cache *cache);

void cache_set_version(struct cache *cache, const char *version);

/* An event of a watch. object is the cache's to change, the caller's to free. False: no object. */
bool cache_event(struct cache *cache, int64_t now_us, enum kube_event event, cJSON *object);
/* An answer to a write of our own. */
bool cache_put(struct cache *cache, int64_t now_us, const cJSON *object);
/* An answer to one said that this object has ended. */
void cache_gone(struct cache *cache, int64_t now_us, const char *space, const char *name,
                const char *uid);

/* For a list on its way; as cache_event, but nobody sees it. */
bool cache_stage(struct cache *cache, enum kube_event event, cJSON *object);
/* The staged list, as of version, takes the place of what was there; the differences are told.
 * newest: the list is known to be no older than anything we have seen. */
void cache_swap(struct cache *cache, int64_t now_us, const char *version, bool newest);
#endif
