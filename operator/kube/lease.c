/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/lease.h"

#include "common/clock.h"
#include "common/hash.h"
#include "common/mem.h"
#include "operator/kube/microtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEASE_MS = 15000, RENEW_MS = 10000, RETRY_MS = 2000, JITTER_PERCENT = 20 };
#define RELEASE_US INT64_C(5000000)

static const struct kube_resource leases = { "coordination.k8s.io", "v1", "leases", "Lease" };

struct kube_lease {
    struct kube_lease_opts opts;
    char *space, *name, *identity, *closed_annotation; /* owned */
    uv_timer_t timer;
    struct kube_call *call; /* under way */

    cJSON *seen;     /* owned: the record as it was last read; NULL: none */
    int64_t seen_us; /* when it last changed, by our clock */
    bool held, told_closed;
    int64_t renewed_us; /* when the renewal that succeeded was begun */
    int64_t tried_us;
    char *told_holder; /* owned */
    void (*released)(void *ctx);
    void *released_ctx;
    int64_t release_until_us;
};

static const char *text_at(const cJSON *doc, const char *path)
{
    const cJSON *item = json_path(doc, path);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static void turn(struct kube_lease *lease);

static void timer_fired(uv_timer_t *timer)
{
    turn(timer->data);
}

/* Replicas that started together do not ask together. */
static void wait_retry(struct kube_lease *lease)
{
    uint32_t draw, retry_ms = lease->opts.retry_ms;

    hash_random(&draw, sizeof(draw));
    (void)uv_timer_start(&lease->timer, timer_fired,
                         retry_ms + draw % (retry_ms * JITTER_PERCENT / 100 + 1), 0);
}

static void holder_tell(struct kube_lease *lease)
{
    const char *holder = text_at(lease->seen, "spec.holderIdentity");

    if (lease->told_holder && strcmp(lease->told_holder, holder) == 0)
        return;
    free(lease->told_holder);
    lease->told_holder = xstrdup(holder);
    if (lease->opts.holder)
        lease->opts.holder(lease->opts.ctx, holder);
}

/* What changed in it is a sign of life of its holder, whatever its clock says. */
static void observe(struct kube_lease *lease, const cJSON *record)
{
    const char *version = text_at(record, "metadata.resourceVersion");

    if (!lease->seen || strcmp(version, text_at(lease->seen, "metadata.resourceVersion")) != 0)
        lease->seen_us = clock_mono_us();
    cJSON_Delete(lease->seen);
    lease->seen = cJSON_Duplicate(record, true);
    holder_tell(lease);
}

static bool is_ours(const struct kube_lease *lease)
{
    return strcmp(text_at(lease->seen, "spec.holderIdentity"), lease->identity) == 0;
}

static bool is_closed(const struct kube_lease *lease)
{
    const cJSON *notes = json_path(lease->seen, "metadata.annotations");

    return lease->closed_annotation &&
           cJSON_GetObjectItemCaseSensitive(notes, lease->closed_annotation) != NULL;
}

/* Free, ours, or not renewed for as long as its holder said. */
static bool may_take(const struct kube_lease *lease)
{
    const cJSON *seconds = json_path(lease->seen, "spec.leaseDurationSeconds");
    int64_t lease_us = cJSON_IsNumber(seconds) ? (int64_t)(seconds->valuedouble * 1e6)
                                               : lease->opts.lease_ms * INT64_C(1000);

    return !text_at(lease->seen, "spec.holderIdentity")[0] || is_ours(lease) ||
           clock_mono_us() >= lease->seen_us + lease_us;
}

static cJSON *record_build(const struct kube_lease *lease, bool release)
{
    cJSON *doc = lease->seen ? cJSON_Duplicate(lease->seen, true) : cJSON_CreateObject();
    const cJSON *transitions = json_path(doc, "spec.leaseTransitions");
    int64_t count = cJSON_IsNumber(transitions) ? (int64_t)transitions->valuedouble : 0;
    char now[KUBE_MICROTIME_SIZE];

    kube_microtime(now, clock_unix_ms());
    json_path_set(doc, "apiVersion", cJSON_CreateString("coordination.k8s.io/v1"));
    json_path_set(doc, "kind", cJSON_CreateString("Lease"));
    json_path_set(doc, "metadata.name", cJSON_CreateString(lease->name));
    json_path_set(doc, "metadata.namespace", cJSON_CreateString(lease->space));
    json_path_set(doc, "spec.holderIdentity", cJSON_CreateString(release ? "" : lease->identity));
    json_path_set(doc, "spec.leaseDurationSeconds",
                  cJSON_CreateNumber(release ? 1 : (lease->opts.lease_ms + 999) / 1000));
    json_path_set(doc, "spec.renewTime", cJSON_CreateString(now));
    if (!release && !is_ours(lease)) {
        json_path_set(doc, "spec.acquireTime", cJSON_CreateString(now));
        json_path_set(doc, "spec.leaseTransitions",
                      cJSON_CreateNumber((double)(count + (lease->seen != NULL))));
    }
    return doc;
}

static void start(struct kube_lease *lease, const char *method, cJSON *body,
                  void (*done)(void *, const struct kube_status *, const cJSON *))
{
    bool is_post = strcmp(method, "POST") == 0;
    AUTO_FREE char *path =
        kube_path(&leases, lease->space, is_post ? NULL : lease->name, NULL, NULL);
    const struct kube_request request = {
        .method = method, .path = path, .body = body, .done = done, .ctx = lease
    };

    lease->tried_us = clock_mono_us();
    kube_call_start(lease->opts.client, &request, &lease->call);
    cJSON_Delete(body);
}

static void lost(struct kube_lease *lease)
{
    lease->held = false;
    lease->opts.lost(lease->opts.ctx);
}

static void forget(struct kube_lease *lease)
{
    cJSON_Delete(lease->seen);
    lease->seen = NULL;
}

static void taken(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct kube_lease *lease = ctx;
    bool was_held = lease->held;

    lease->call = NULL;
    wait_retry(lease);
    if (status->code / 100 == 2) {
        lease->renewed_us = lease->tried_us;
        lease->held = true;
        observe(lease, doc);
        if (!was_held)
            lease->opts.started(lease->opts.ctx);
    } else if (status->code == 409 || status->code == 404) {
        forget(lease); /* somebody wrote: read it before the next try */
        turn(lease);
    }
}

static void closed_tell(struct kube_lease *lease)
{
    if (!lease->held || lease->told_closed)
        return;
    lease->told_closed = true;
    if (lease->opts.closed)
        lease->opts.closed(lease->opts.ctx);
}

static void take(struct kube_lease *lease)
{
    if (is_closed(lease)) {
        closed_tell(lease);
        if (!lease->held)
            return;
    }
    if (may_take(lease))
        start(lease, "PUT", record_build(lease, false), taken);
    else if (lease->held)
        lost(lease); /* another took it: we were not heard for too long */
}

static void read_done(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct kube_lease *lease = ctx;

    lease->call = NULL;
    wait_retry(lease);
    if (status->code == 200) {
        observe(lease, doc);
        take(lease);
    } else if (status->code == 404 && !lease->held) {
        forget(lease);
        start(lease, "POST", record_build(lease, false), taken);
    }
}

/* Held: renewed with the version we wrote. Else: read, and taken when it may be. A record that is
 * ours is also read now and then through the conflict that a change of it brings. */
static void turn(struct kube_lease *lease)
{
    int64_t now_us = clock_mono_us();

    wait_retry(lease);
    if (lease->held && now_us > lease->renewed_us + lease->opts.renew_ms * INT64_C(1000)) {
        if (lease->call)
            kube_call_cancel(lease->call);
        lease->call = NULL;
        lost(lease);
        return;
    }
    if (lease->call || lease->released)
        return;
    if (lease->held && lease->seen)
        start(lease, "PUT", record_build(lease, false), taken);
    else
        start(lease, "GET", NULL, read_done);
}

int kube_lease_open(struct kube_lease **out, const struct kube_lease_opts *opts, struct err *err)
{
    struct kube_lease *lease;
    uv_loop_t *loop = kube_client_loop(opts->client);
    struct kube_lease_opts real = *opts;

    real.lease_ms = opts->lease_ms ? opts->lease_ms : LEASE_MS;
    real.renew_ms = opts->renew_ms ? opts->renew_ms : RENEW_MS;
    real.retry_ms = opts->retry_ms ? opts->retry_ms : RETRY_MS;
    if (real.lease_ms <= real.renew_ms ||
        real.renew_ms <= real.retry_ms + real.retry_ms * JITTER_PERCENT / 100)
        return err_set(err, ERR_CONFIG, "lease: %u > %u > %u x 1.2 ms does not hold", real.lease_ms,
                       real.renew_ms, real.retry_ms);
    lease = xcalloc(1, sizeof(*lease));
    lease->opts = real;
    lease->space = xstrdup(opts->space);
    lease->name = xstrdup(opts->name);
    lease->identity = xstrdup(opts->identity);
    lease->closed_annotation = opts->closed_annotation ? xstrdup(opts->closed_annotation) : NULL;
    (void)uv_timer_init(loop, &lease->timer);
    lease->timer.data = lease;
    (void)uv_timer_start(&lease->timer, timer_fired, 0, 0);
    *out = lease;
    return 0;
}

bool kube_lease_is_held(const struct kube_lease *lease)
{
    return lease->held;
}

int64_t kube_lease_renewed_us(const struct kube_lease *lease)
{
    return lease->renewed_us;
}

static void release_end(struct kube_lease *lease)
{
    void (*released)(void *ctx) = lease->released;

    lease->held = false;
    (void)uv_timer_stop(&lease->timer);
    released(lease->released_ctx);
}

static void release_try(struct kube_lease *lease);

static void release_read(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct kube_lease *lease = ctx;

    lease->call = NULL;
    if (status->code != 200) {
        release_end(lease);
        return;
    }
    observe(lease, doc);
    release_try(lease);
}

static void release_done(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct kube_lease *lease = ctx;

    (void)doc;
    lease->call = NULL;
    if (status->code == 409 && clock_mono_us() < lease->release_until_us)
        start(lease, "GET", NULL, release_read);
    else
        release_end(lease);
}

static void release_try(struct kube_lease *lease)
{
    if (lease->seen && is_ours(lease))
        start(lease, "PUT", record_build(lease, true), release_done);
    else
        release_end(lease);
}

void kube_lease_release(struct kube_lease *lease, void (*done)(void *ctx), void *ctx)
{
    lease->released = done;
    lease->released_ctx = ctx;
    lease->release_until_us = clock_mono_us() + RELEASE_US;
    if (lease->call)
        kube_call_cancel(lease->call);
    lease->call = NULL;
    if (lease->held)
        start(lease, "GET", NULL, release_read);
    else
        release_end(lease);
}

static void closed(uv_handle_t *handle)
{
    struct kube_lease *lease = handle->data;

    cJSON_Delete(lease->seen);
    free(lease->space);
    free(lease->name);
    free(lease->identity);
    free(lease->closed_annotation);
    free(lease->told_holder);
    free(lease);
}

void kube_lease_close(struct kube_lease *lease)
{
    if (!lease)
        return;
    if (lease->call)
        kube_call_cancel(lease->call);
    uv_close((uv_handle_t *)&lease->timer, closed);
}
