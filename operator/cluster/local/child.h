/* SPDX-License-Identifier: Apache-2.0
 *
 * child.h - one pod as a child process: its environment, folders and words.
 *
 *   WORK/logs/POD.log      stdout and stderr        WORK/pods/POD.message   termination message
 *   WORK/pods/POD/         its emptyDir
 */
#ifndef OPERATOR_LOCAL_CHILD_H
#define OPERATOR_LOCAL_CHILD_H

#include "common/json.h"
#include "operator/spawn/spawn.h"

#include <stdint.h>

/* What secretKeyRef answers; never stored. */
struct local_secret {
    char *url, *password, *token; /* owned; NULL: not known yet */
};
void local_secret_clear(struct local_secret *secret);

struct local_place { /* borrowed */
    const char *work_dir, *worker;
    const struct local_secret *secret;
};

struct local_child {
    struct spawn process;
    cJSON *pod;          /* borrowed from the store */
    int64_t deadline_us; /* monotonic; 0 = none */
    int64_t kill_us;     /* monotonic; 0 = not asked to stop yet */
    bool killed;
    const char *reason;  /* why we stop it, as the pod's reason; static; NULL: no reason of ours */
    const char *message; /* static */
};

/* Errors: ERR_NOT_FOUND (a key of the Secret is not known: CreateContainerConfigError), ERR_CONFIG
 * (the worker cannot be executed: StartError), ERR_DEPENDENCY, ERR_SPACE (try again). */
int local_child_start(struct local_child *out, const struct local_place *place, cJSON *pod,
                      struct err *err);
/* Writes its end into the pod and removes its folder. */
void local_child_finish(struct local_child *child, const struct local_place *place,
                        const struct spawn_end *end, int64_t now_ms);
/* The folder and message of a pod that ended, if any. */
void local_child_sweep(const struct local_place *place, const char *pod);
char *local_child_log(const struct local_place *place, const char *pod); /* path; caller frees */
#endif
