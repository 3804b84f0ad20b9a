/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/local_world.h"

#include "cli/worker_program.h"

#include <stdio.h>
#include <string.h>

enum { OPERATOR_KEY_BYTES = 32, REREAD_MS = 1000, BEAT_MS = 1000 };

static void token_make(struct local_world *world)
{
    const char *uid = cluster_local_uid(world->local);
    unsigned char key[OPERATOR_KEY_BYTES];

    hash_random(key, sizeof(key));
    hash_hmac(world->token, key, sizeof(key), uid, strlen(uid));
    explicit_bzero(key, sizeof(key));
}

/* Tracking is a help, never a need: without a redis-server the conversion runs Degraded. */
static int tracking_open(struct local_world *world, struct view *view, struct err *err)
{
    struct track_opts opts = { .reread_ms = REREAD_MS };
    struct err why;
    char text[600];

    if (track_server_start(&world->server, &why) < 0) {
        (void)snprintf(text, sizeof(text), "running Degraded, without live progress: %s", why.msg);
        view->ops->note(view, text);
        cluster_local_secret(world->local, "", "", world->token);
        return 0;
    }
    opts.url = track_server_url(world->server);
    opts.password = track_server_password(world->server);
    cluster_local_secret(world->local, opts.url, opts.password ? opts.password : "", world->token);
    if (track_open(&world->track, &opts, err) < 0)
        return -1;
    world->watch = track_watch(world->track, cluster_local_uid(world->local), world->token);
    return 0;
}

static void event_note(void *ctx, const char *reason, const char *message)
{
    struct view *view = ctx;
    enum phase phase;
    char text[600];

    /* The views show phases themselves, and the end tells dead letters with their logs. */
    if (phase_of_name(&phase, reason) == 0 || strcmp(reason, "DeadLetter") == 0)
        return;
    (void)snprintf(text, sizeof(text), "%s: %s", reason, message);
    view->ops->note(view, text);
}

int local_world_open(struct local_world *world, const cJSON *job, const char *work_dir,
                     struct view *view, struct err *err)
{
    struct cluster_local_opts opts = { .work_dir = work_dir, .job = job, .keep_logs = true };

    *world = (struct local_world){ 0 };
    if (worker_program_find(&world->worker, err) < 0 ||
        worker_program_build(&world->build, world->worker, err) < 0)
        return -1;
    opts.worker = world->worker;
    opts.build = world->build;
    if (cluster_local_open(&world->local, &opts, err) < 0)
        return -1;
    token_make(world);
    if (tracking_open(world, view, err) < 0)
        return -1;
    world->reconcile = (struct reconcile_opts){
        .cluster = cluster_local_base(world->local),
        .track = world->watch,
        .tracking_wanted = true,
        .token_hex = world->token,
        .pods = { .image = "local",
                  .work_uri = work_dir,
                  .build = world->build,
                  .secret = "track",
                  .beat_ms = BEAT_MS,
                  .tracking = world->track != NULL },
        .event = event_note,
        .ctx = view,
    };
    return 0;
}

void local_world_close(struct local_world *world)
{
    cluster_local_free(world->local);
    track_free(world->track);
    track_server_free(world->server);
    free(world->worker);
    free(world->build);
    explicit_bzero(world->token, sizeof(world->token));
    *world = (struct local_world){ 0 };
}
