/* SPDX-License-Identifier: Apache-2.0
 *
 * job.h - one attempt's order, read once from the environment by main (all problems at once), and
 * the verbs. A verb returns 0 with *record filled, or -1. should_stop is set by SIGTERM/SIGINT;
 * verbs look at it between frames and end with ERR_INTERRUPTED.
 */
#ifndef WORKER_JOB_H
#define WORKER_JOB_H

#include "common/contract/record.h"
#include "common/contract/spec.h"
#include "worker/report/report.h"
#include "worker/store/store.h"

#include <signal.h>

struct job {
    char uid[NAME_UID_SIZE];
    char name[64];
    struct attempt_id id;
    struct job_spec *spec; /* owned */
    char *work_uri;        /* owned */
    char *build;           /* owned; "" when not given */
    char *token_hex;       /* owned; "" when not given */
    char *scratch;         /* owned; "" when not given */
    struct store *store;   /* owned: the work store */
    struct report *report; /* owned */
    const volatile sig_atomic_t *should_stop;
};

int plan_run(struct job *job, struct record *record, struct err *err);     /* worker/plan */
int convert_run(struct job *job, struct record *record, struct err *err);  /* worker/convert */
int assemble_run(struct job *job, struct record *record, struct err *err); /* worker/assemble */
int clean_run(struct job *job, struct record *record, struct err *err);    /* worker/clean */

/* plan.json of this job, parsed. ERR_DEPENDENCY while it is missing. */
int job_load_plan(const struct job *job, struct plan **out, struct err *err);
/* The commit record of segment index. Where the store races (plan) that of the lowest epoch and
 * attempt. ERR_NOT_FOUND: there is none. */
int job_find_record(struct record *out, struct store *store, const struct plan *plan,
                    uint32_t index, struct err *err);
/* "stereo-worker 0.1.0 (abc123) libavcodec 59.37.100 libx264 164": what makes results comparable.
 */
const char *job_build(void);
#endif
