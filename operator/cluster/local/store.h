/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h - WORK/job.json: the StereoJob as it is (metadata with its UID and build, spec, status)
 * and, under "pods", its pods. Whole or absent at any moment.
 */
#ifndef OPERATOR_LOCAL_STORE_H
#define OPERATOR_LOCAL_STORE_H

#include "common/json.h"
#include "operator/cluster/local/local.h"

#define LOCAL_ANNOTATION_BUILD "stereojob.io/build"

struct local_store {
    char *path;  /* owned */
    cJSON *job;  /* owned; without the pods */
    cJSON *pods; /* owned; a list */
    bool dirty;  /* differs from the file in what must be durable */
};

/* Reads or makes job.json for opts; ERR_CONFIG: other options, another build, or broken. On
 * success *out is the caller's to clear. */
int local_store_open(struct local_store *out, const struct cluster_local_opts *opts, int64_t now_ms,
                     struct err *err);
void local_store_clear(struct local_store *store);
int local_store_save(struct local_store *store, struct err *err); /* nothing when not dirty */
cJSON *local_store_find(const struct local_store *store, const char *pod); /* NULL: absent */
/* Replaces (or with NULL removes) an item of an object of the job and saves; as it was on failure.
 * Takes value. */
int local_store_put(struct local_store *store, cJSON *object, const char *key, cJSON *value,
                    struct err *err);
#endif
