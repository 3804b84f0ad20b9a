/* SPDX-License-Identifier: Apache-2.0
 *
 * clean.h - inside control: what a deleted job still needs. Pure: the pods that clean its work
 * store, and the time, in; the next step out. The job's own pods are over when this is asked.
 */
#ifndef OPERATOR_CONTROL_CLEAN_H
#define OPERATOR_CONTROL_CLEAN_H

#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLEAN_TRIES           3
#define CLEAN_BACKOFF_MS      10000
#define CLEAN_PENDING_MAX_MS  300000 /* no node, no image, no Secret: given up */
#define CLEAN_CONFIG_ERROR_MS 60000

enum clean_step {
    CLEAN_WAIT,   /* look again at wake_ms, or when a pod changes */
    CLEAN_CREATE, /* the pod of `attempt` */
    CLEAN_FINISH, /* the work is gone, or there was none */
    CLEAN_GIVE_UP /* `why` says what is left for people */
};
struct clean_decision {
    enum clean_step step;
    uint32_t attempt;
    int64_t wake_ms; /* 0: when a pod changes */
    char why[300];
};

/* begun: the job ever had a pod, so that there may be something to clean. pods: borrowed Pod
 * objects of the clean stage. */
void clean_decide(struct clean_decision *out, bool begun, const cJSON *const *pods, size_t count,
                  int64_t now_ms);
#endif
