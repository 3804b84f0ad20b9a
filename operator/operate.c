/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/operate.h"

#include "common/clock.h"
#include "common/contract/class.h"
#include "common/log.h"
#include "common/mem.h"
#include "operator/api/fit.h"
#include "operator/control/control.h"
#include "operator/drain/drain.h"
#include "operator/kube/lease.h"
#include "operator/serve/names.h"
#include "operator/serve/serve.h"
#include "version.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SYNC_MAX_MS = 120000, /* caches that are not there by then never will be */
    FLUSH_MS = 5000,
    STOP_MAX_MS = 30000,
    REREAD_MS = 10000,
    PASSES_AT_ONCE = 64,
    EVENTS_BURST = 25, /* as clients of Kubernetes have it */
};
#define DEAF_US      INT64_C(600000000)
#define UNRENEWED_US INT64_C(20000000)
#define CONTROLLER   "stereojob.io/operator"
#define USER_AGENT   "stereo-operator/" STEREO_VERSION " (linux) " STEREO_COMMIT

struct operate {
    const struct operator_config *config;
    uv_loop_t loop;
    uv_signal_t term, interrupt;
    uv_timer_t patience; /* for the first sync, then for the end */
    struct kube_config *kube;
    struct kube_client *client;
    struct kube_events *events;
    struct kube_lease *lease;
    struct track *track;
    struct control *control;
    struct serve *serve;
    struct names *names; /* owned: the metrics */
    struct pods_cluster pods;
    char *redis_url, *worker_redis_url; /* owned: with their users */
    bool leads, working, stopping;
    int code;
};

/* The end, step by step -------------------------------------------------------------------------*/

static void end_all(struct operate *op)
{
    kube_lease_close(op->lease);
    kube_events_close(op->events);
    control_close(op->control);
    serve_close(op->serve);
    kube_client_close(op->client);
    uv_close((uv_handle_t *)&op->term, NULL);
    uv_close((uv_handle_t *)&op->interrupt, NULL);
    uv_close((uv_handle_t *)&op->patience, NULL);
}

static void released(void *ctx)
{
    log_info("stopped");
    end_all(ctx);
}

static void flushed(void *ctx)
{
    struct operate *op = ctx;

    if (op->lease)
        kube_lease_release(op->lease, released, op);
    else
        released(op);
}

static void idle(void *ctx)
{
    struct operate *op = ctx;

    kube_events_flush(op->events, FLUSH_MS, flushed, op);
}

/* Passes that do not end are cut off by the end of the process: every step is repeated safely. */
static void out_of_patience(uv_timer_t *timer)
{
    struct operate *op = timer->data;

    if (!op->stopping)
        log_error("the caches were not filled within %d s", SYNC_MAX_MS / 1000);
    else
        log_warn("passes were still under way after %d s", STOP_MAX_MS / 1000);
    _exit(op->stopping ? op->code : class_exit_code(CLASS_DEPENDENCY));
}

static void stop(struct operate *op, const char *why)
{
    if (op->stopping)
        return;
    log_info("stopping: %s", why);
    op->stopping = true;
    (void)uv_timer_start(&op->patience, out_of_patience, STOP_MAX_MS, 0);
    control_stop(op->control, idle, op);
}

static void signalled(uv_signal_t *handle, int number)
{
    stop(handle->data, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* Leading ---------------------------------------------------------------------------------------*/

static void work_if_ready(struct operate *op)
{
    if (op->working || op->stopping || !op->leads || !control_is_synced(op->control))
        return;
    op->working = true;
    log_info("leading: working on StereoJobs");
    control_lead(op->control);
}

static void lease_started(void *ctx)
{
    struct operate *op = ctx;

    op->leads = true;
    work_if_ready(op);
}

/* Another may write from now on: nothing of ours may follow, not even what is under way. */
static void lease_lost(void *ctx)
{
    (void)ctx;
    log_error("the Lease was lost; ending at once");
    _exit(1);
}

static void lease_closed(void *ctx)
{
    stop(ctx, "the Lease was closed for a drain");
}

static void lease_holder(void *ctx, const char *identity)
{
    (void)ctx;
    log_info("leader: %s", identity[0] ? identity : "nobody");
}

static void synced(void *ctx)
{
    struct operate *op = ctx;

    if (!control_is_synced(op->control))
        return;
    log_info("caches are filled");
    if (!op->stopping)
        (void)uv_timer_stop(&op->patience);
    work_if_ready(op);
}

/* What others see of us -------------------------------------------------------------------------*/

/* Standing by is healthy; a leader that cannot renew, or caches that hear nothing, are not. */
static int is_healthy(void *ctx, struct err *err)
{
    const struct operate *op = ctx;
    int64_t now_us = clock_mono_us();

    if (op->control && control_is_synced(op->control) &&
        now_us - control_heard_us(op->control) > DEAF_US)
        return err_set(err, ERR_DEPENDENCY, "a cache has heard nothing for %lld s",
                       (long long)((now_us - control_heard_us(op->control)) / 1000000));
    if (op->lease && kube_lease_is_held(op->lease) &&
        now_us - kube_lease_renewed_us(op->lease) > UNRENEWED_US)
        return err_set(err, ERR_DEPENDENCY, "the Lease was not renewed in time");
    return 0;
}

static int is_ready(void *ctx, struct err *err)
{
    const struct operate *op = ctx;

    if (op->stopping)
        return err_set(err, ERR_DEPENDENCY, "stopping");
    if (!op->control || !control_is_synced(op->control))
        return err_set(err, ERR_DEPENDENCY, "the caches are not filled yet");
    return 0;
}

static void collect(void *ctx)
{
    struct operate *op = ctx;
    struct names *names = op->names;
    struct control_counts counts;
    struct work_stats work;

    if (!op->control)
        return;
    control_counts(op->control, &counts);
    control_work_stats(op->control, &work);
    for (int i = 0; i < PHASE_COUNT; i++)
        metric_set(names->jobs, (double)counts.jobs[i], METRIC_VALUES(phase_name((enum phase)i)));
    metric_set(names->pods, (double)counts.pods, NULL);
    metric_set(names->cache_age, (double)(clock_mono_us() - control_heard_us(op->control)) / 1e6,
               METRIC_VALUES("all"));
    metric_set(names->redis_up, track_is_up(op->track) ? 1 : 0, NULL);
    metric_set(names->events_dropped, (double)kube_events_dropped(op->events), NULL);
    names_work(names, &work, PASSES_AT_ONCE);
    names_leader(names, op->config->lease_name, op->leads);
    names_process(names);
}

static void passed(void *ctx, int rc, enum err_code code, bool later, double seconds)
{
    struct operate *op = ctx;

    names_reconciled(op->names, rc, code, rc < 0 || later, later, seconds);
}

static void reconnected(void *ctx, const char *resource, const char *reason, bool relist)
{
    struct operate *op = ctx;

    names_reconnected(op->names, resource, reason, relist);
}

static int serve_begin(struct operate *op, struct err *err)
{
    const struct serve_opts opts = { .loop = &op->loop,
                                     .host = op->config->listen_host,
                                     .port = op->config->listen_port,
                                     .healthy = is_healthy,
                                     .ready = is_ready,
                                     .metrics = op->names->metrics,
                                     .collect = collect,
                                     .ctx = op };

    if (serve_open(&op->serve, &opts, err) < 0)
        return -1;
    log_info("listening on %s, port %d", op->config->listen_host, serve_port(op->serve));
    return 0;
}

/* The beginning ---------------------------------------------------------------------------------*/

static void handle_init(struct operate *op)
{
    (void)uv_loop_init(&op->loop);
    (void)uv_signal_init(&op->loop, &op->term);
    (void)uv_signal_init(&op->loop, &op->interrupt);
    (void)uv_timer_init(&op->loop, &op->patience);
    op->term.data = op->interrupt.data = op->patience.data = op;
    (void)uv_signal_start(&op->term, signalled, SIGTERM);
    (void)uv_signal_start(&op->interrupt, signalled, SIGINT);
    (void)uv_timer_start(&op->patience, out_of_patience, SYNC_MAX_MS, 0);
}

static int client_open(struct operate *op, struct err *err)
{
    const struct operator_config *config = op->config;
    struct kube_client_opts client = { .loop = &op->loop,
                                       .user_agent = USER_AGENT,
                                       .in_flight_max = (uint32_t)config->in_flight };
    struct kube_events_opts events = { .controller = CONTROLLER, .instance = config->pod_name };

    if (kube_config_load(&op->kube, config->kubeconfig, config->context, err) < 0)
        return -1;
    log_info("API server: %s (%s)", op->kube->server, op->kube->origin);
    op->names = names_new(op->kube->server);
    client.config = op->kube;
    client.observed = names_request;
    client.ctx = op->names;
    if (kube_client_open(&op->client, &client, err) < 0)
        return -1;
    events.client = op->client;
    events.burst = EVENTS_BURST;
    return kube_events_open(&op->events, &events, err);
}

/* Helm does not upgrade CRDs: what an older one does not know is dropped without a word. */
static void kind_read(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    static const char remedy[] = "kubectl apply --server-side --force-conflicts -f crds/";
    struct err err;

    (void)ctx;
    if (status->code == 404)
        log_error("this cluster does not know StereoJobs: %s", remedy);
    else if (status->code != 200)
        log_warn("the StereoJob kind could not be checked: %s", status->message);
    else if (fit_check(doc, &err) < 0)
        log_error("%s; what is written there is lost: %s", err.msg, remedy);
}

static void kind_check(struct operate *op)
{
    const struct kube_request request = { .method = "GET", .path = FIT_PATH, .done = kind_read };

    kube_call_start(op->client, &request, NULL);
}

static int track_begin(struct operate *op, struct err *err)
{
    const struct operator_config *config = op->config;
    struct track_opts opts = { .password = config->redis_password.data, .reread_ms = REREAD_MS };

    op->redis_url = operator_config_redis_url(config->redis_url, config->redis_user);
    op->worker_redis_url =
        operator_config_redis_url(config->worker_redis_url, config->worker_redis_user);
    opts.url = op->redis_url;
    return track_open(&op->track, &opts, err);
}

static int control_begin(struct operate *op, struct err *err)
{
    const struct operator_config *config = op->config;
    struct control_opts opts = {
        .loop = &op->loop,
        .client = op->client,
        .events = op->events,
        .track = op->track,
        .spaces = (const char *const *)config->spaces,
        .key = config->key.data,
        .key_len = config->key.len,
        .worker_redis_url = op->worker_redis_url,
        .worker_redis_password = config->worker_redis_password.data,
        .worker_image = config->worker_image,
        .pods = &op->pods,
        .resync_ms = config->resync_ms,
        .synced = synced,
        .passed = passed,
        .reconnected = reconnected,
        .ctx = op,
    };

    op->pods = (struct pods_cluster){
        .pull_policy = config->pull_policy,
        .pull_secrets = (const char *const *)config->pull_secrets,
        .http_proxy = config->proxy_http,
        .https_proxy = config->proxy_https,
        .no_proxy = config->no_proxy,
        .ca_config_map = config->ca_configmap,
        .service_account = config->worker_account,
    };
    return control_open(&op->control, &opts, err);
}

static int lease_begin(struct operate *op, struct err *err)
{
    const struct operator_config *config = op->config;
    const struct kube_lease_opts opts = {
        .client = op->client,
        .space = config->lease_space ? config->lease_space : op->kube->space,
        .name = config->lease_name,
        .identity = config->pod_name,
        .closed_annotation = DRAIN_ANNOTATION,
        .started = lease_started,
        .lost = lease_lost,
        .closed = lease_closed,
        .holder = lease_holder,
        .ctx = op,
    };

    if (!config->leader_elect) {
        op->leads = true;
        return 0;
    }
    return kube_lease_open(&op->lease, &opts, err);
}

static void operate_free(struct operate *op)
{
    track_free(op->track);
    kube_config_free(op->kube);
    names_free(op->names);
    free(op->redis_url);
    free(op->worker_redis_url);
}

int operate(const struct operator_config *config)
{
    struct operate op = { .config = config };
    struct err err;

    handle_init(&op);
    if (client_open(&op, &err) < 0 || serve_begin(&op, &err) < 0 || track_begin(&op, &err) < 0 ||
        control_begin(&op, &err) < 0 || lease_begin(&op, &err) < 0) {
        log_error("%s", err.msg);
        op.code = class_exit_code(class_of_err(err.code));
        end_all(&op);
    }
    if (op.control)
        kind_check(&op);
    (void)uv_run(&op.loop, UV_RUN_DEFAULT);
    operate_free(&op);
    (void)uv_loop_close(&op.loop);
    return op.code;
}
