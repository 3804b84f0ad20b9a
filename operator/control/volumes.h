/* SPDX-License-Identifier: Apache-2.0
 *
 * volumes.h - inside control: the claims a job names, and whether its workers can share them. Pure.
 */
#ifndef OPERATOR_CONTROL_VOLUMES_H
#define OPERATOR_CONTROL_VOLUMES_H

#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

#define VOLUMES_MAX 4 /* source, output, work, depth */

struct volume_claim {
    char name[254];
    bool written; /* else only read */
};
/* Each claim once. Returns how many. */
int volumes_of(struct volume_claim out[VOLUMES_MAX], const cJSON *job);
/* claim: the PersistentVolumeClaim, or NULL when there is none. 0, or -1 with why in words (size
 * bytes): several workers need a claim that several nodes may mount. */
int volumes_judge(char *why, size_t size, const struct volume_claim *wanted, const cJSON *claim,
                  int64_t parallelism);
#endif
