/* SPDX-License-Identifier: Apache-2.0
 *
 * reflector.h - a cache of one resource, kept true by list and watch: streaming list with fallback,
 * pages, bookmarks, resourceVersion rules, 410 in both forms, backoff 0.8 s x 2 to 30 s with
 * jitter, random timeouts of 300 to 600 s, short watches as errors (reference: client rules L1 to
 * L23). Only what keep() leaves of an object is stored. Loop thread only.
 */
#ifndef OPERATOR_KUBE_REFLECTOR_H
#define OPERATOR_KUBE_REFLECTOR_H

#include "operator/kube/client.h"

struct kube_reflector;

enum kube_event {
    KUBE_ADDED,
    KUBE_MODIFIED,
    KUBE_DELETED, /* object: the last state known, its final one may be another */
};

struct kube_reflector_opts {
    struct kube_client *client; /* borrowed */
    struct kube_resource resource;
    const char *space;    /* NULL: all namespaces */
    const char *selector; /* labelSelector, or NULL; not encoded; copied */
    /* All that is read of an object, borrowed; NULL: everything. Of it must be apiVersion, kind and
     * metadata with namespace, name, uid, resourceVersion and annotations. */
    const struct json_pick *wanted;
    /* Slims an object in place before it is stored (managedFields are gone already); may be NULL.
     */
    void (*keep)(void *ctx, cJSON *object);
    /* The cache has changed; object is borrowed for the call. In a relist the differences come. A
     * same name with another uid comes as DELETED and ADDED. It may look, put and close. */
    void (*changed)(void *ctx, enum kube_event event, const cJSON *object);
    void (*synced)(void *ctx); /* once: the first list is complete */
    /* For metrics; may be NULL: reason is "expired", "network", "server", "short", "end". */
    void (*reconnected)(void *ctx, const char *reason, bool relist);
    void *ctx;
    uint32_t watch_min_s;   /* 0 = 300; the deadline is random in [min, 2 x min] */
    bool no_streaming_list; /* for tests and old servers */
};
int kube_reflector_open(struct kube_reflector **out, const struct kube_reflector_opts *opts,
                        struct err *err);
void kube_reflector_close(struct kube_reflector *reflector); /* no callback comes; NULL is fine */

bool kube_reflector_is_synced(const struct kube_reflector *reflector);
/* Made from the stored text, five times its size: do not get thousands in one turn of the loop.
 * Borrowed until the loop runs again, whatever becomes of the object. NULL when absent. */
const cJSON *kube_reflector_get(const struct kube_reflector *reflector, const char *space,
                                const char *name);
/* The resourceVersion of an object, as cheap as a look into a table; borrowed until the cache
 * changes. NULL when absent. */
const char *kube_reflector_version_of(const struct kube_reflector *reflector, const char *space,
                                      const char *name);
/* Every object, borrowed for the call of each; what is put meanwhile may be left out. */
void kube_reflector_each(const struct kube_reflector *reflector,
                         void (*each)(void *ctx, const cJSON *object), void *ctx);
size_t kube_reflector_count(const struct kube_reflector *reflector);
/* The newest resourceVersion seen, by list, event or bookmark; "" before the first. */
const char *kube_reflector_version(const struct kube_reflector *reflector);
int64_t kube_reflector_heard_us(
    const struct kube_reflector *reflector); /* mono; last sign of life */
/* An answer to our own write: taken into the cache if it is newer, so that no decision is made on
 * less than our last write. Tells changed(). A deleted object is not taken back: neither one whose
 * end was seen, nor one that is older than the cache and not in it. */
void kube_reflector_put(struct kube_reflector *reflector, const cJSON *object);
/* An answer that told of its end: it leaves the cache, unless its name is another's by now. */
void kube_reflector_gone(struct kube_reflector *reflector, const char *space, const char *name,
                         const char *uid);
#endif
