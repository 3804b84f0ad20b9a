/* SPDX-License-Identifier: Apache-2.0
 *
 * objects.h - inside control: the small objects and patches it writes, as JSON. Pure.
 */
#ifndef OPERATOR_CONTROL_OBJECTS_H
#define OPERATOR_CONTROL_OBJECTS_H

#include "common/hash.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>

#define NAME_JOB_FINALIZER "stereojob.io/clean"

/* Hex of HMAC-SHA256(operator key, uid). */
void objects_token(char out[HASH_HEX_SIZE], const void *key, size_t key_len, const char *uid);
/* What the track Secret of a job says; all borrowed. */
struct objects_track {
    const char *url, *password; /* or NULL */
    const char *token;
};
/* "<job>-track-<8 digits>", of what it says and of the operator key: whoever finds the name taken
 * finds this very Secret, and no tenant's own has it. Caller frees. */
char *objects_secret_name(const char *job_name, const void *key, size_t key_len,
                          const struct objects_track *track);
/* Caller owns. Owned by the job, immutable. */
cJSON *objects_secret(const cJSON *job, const char *name, const struct objects_track *track);
bool objects_has_finalizer(const cJSON *object, const char *finalizer);
/* Merge patches that hold only for the object as it was seen (uid, resourceVersion). NULL when
 * nothing is to be changed. Caller owns. */
cJSON *objects_finalizer_add(const cJSON *object, const char *finalizer);
cJSON *objects_finalizer_remove(const cJSON *object, const char *finalizer);
#endif
