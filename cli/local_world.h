/* SPDX-License-Identifier: Apache-2.0
 *
 * local_world.h - what one conversion on this machine needs around it: the local cluster, a private
 * redis-server, the tracking thread, and the reconcile pass that joins them. One thread.
 */
#ifndef CLI_LOCAL_WORLD_H
#define CLI_LOCAL_WORLD_H

#include "cli/view.h"
#include "common/hash.h"
#include "operator/cluster/local/local.h"
#include "operator/reconcile/reconcile.h"
#include "operator/track/server.h"

struct local_world {
    struct cluster_local *local; /* owned */
    struct track_server *server; /* owned; NULL: no redis-server here */
    struct track *track;         /* owned; NULL with it */
    struct track_job *watch;     /* of track; NULL with it */
    char *build;                 /* owned */
    char *worker;                /* owned */
    char token[HASH_HEX_SIZE];   /* HMAC(this run's 32 random bytes, job UID) */
    struct reconcile_opts reconcile;
};

/* job: checked and defaulted, borrowed while opening. work_dir is borrowed for the world's life.
 * Notes go to view. Errors: as cluster_local_open; ERR_CONFIG without a worker. */
int local_world_open(struct local_world *world, const cJSON *job, const char *work_dir,
                     struct view *view, struct err *err);
void local_world_close(struct local_world *world); /* kills what still runs */
#endif
