/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h - a work folder, a job whose worker follows a script (fake_worker.c), and the turns of
 * the local cluster. A failure ends the test.
 */
#ifndef TESTS_OPERATOR_WORLD_H
#define TESTS_OPERATOR_WORLD_H

#include "tests/common/check.h"

#include "operator/cluster/local/local.h"
#include "operator/pods/pods.h"
#include "operator/reconcile/reconcile.h"
#include "operator/track/server.h"

#define WORLD_TOKEN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct world {
    char *root, *work; /* owned: a temporary folder, the work folder in it */
    cJSON *job;        /* owned; what is wanted */
    const char *build;
    struct cluster_local *local;
    struct track_server *server;
    struct track *track;
    struct track_job *watch;
    struct job_status status;
    int64_t wake_ms; /* when the last step or turn wanted to be called again; 0 = never */
};

void world_init(struct world *world, const char *script);
void world_script(const struct world *world, const char *script);
void world_clear(struct world *world); /* closes and removes the folder */
int world_try_open(struct world *world, struct err *err);
void world_open(struct world *world);
void world_close(struct world *world);
/* With Redis, if there is one to be had; skips nothing. */
void world_track(struct world *world);

/* A pod of this slot by hand: its name is written into name. */
void world_create(struct world *world, const struct attempt_id *id, cJSON *change,
                  char name[NAME_POD_SIZE]);
const cJSON *world_pod(struct world *world, const char *name); /* NULL: absent */
/* Steps until the pod's phase is this one, for at most 10 s. */
void world_until(struct world *world, const char *name, const char *phase);
void world_view(struct world *world, const char *name, struct pod_view *view);
/* Waits for something to do, at most this long, and does it. */
void world_step(struct world *world, int wait_ms);
/* reconcile and step until the job's phase is this one; fails after limit_ms. */
void world_run(struct world *world, enum phase phase, int limit_ms);
int world_turn(struct world *world, struct err *err); /* waits, then steps and reconciles */
/* The writes of a cluster that answers at once: 0, or -1 and why. */
int now_create(struct cluster *cluster, const cJSON *manifest, struct err *err);
int now_annotate(struct cluster *cluster, const char *name, const char *key, const char *value,
                 struct err *err);
int now_delete(struct cluster *cluster, const char *name, struct err *err);
int now_release(struct cluster *cluster, const char *name, struct err *err);
int now_status(struct cluster *cluster, const cJSON *status, struct err *err);
int world_pid(const struct world *world,
              const char *kind); /* last line of pid-KIND, waits for it */
bool world_process_lives(int pid);
#endif
