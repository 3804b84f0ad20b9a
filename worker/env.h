/* SPDX-License-Identifier: Apache-2.0
 *
 * env.h - a worker's orders out of its environment: all problems found at once, each as
 * "NAME: why". Secrets are taken out of the environment once read.
 */
#ifndef WORKER_ENV_H
#define WORKER_ENV_H

#include "worker/job.h"

#define ENV_MAX_PROBLEMS 16

struct env_problems {
    char text[ENV_MAX_PROBLEMS][512];
    int count;
};

struct env {                          /* what of it is no part of the job */
    char *track_url, *track_password; /* owned; NULL when absent */
    const char *termination_path;     /* borrowed from the environment */
    uint32_t beat_ms;
};

/* Fills job (but for store, report, should_stop) and env; both are the caller's to clear, whatever
 * the result. 0, or -1 and the problems. */
int env_read(struct job *job, struct env *env, enum stage stage, struct env_problems *problems);
/* The spec alone, as for `estimate`: job->spec is the caller's to free. */
int env_read_spec(struct job *job, struct env_problems *problems);
void env_clear(struct env *env);
void job_clear(struct job *job);
#endif
