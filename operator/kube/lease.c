/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/lease.h"

#include "common/clock.h"
#include "common/hash.h"
#include "common/mem.h"
#include "operator/kube/lease_core.h"

#include <stdlib.h>

enum { LEASE_MS = 15000, RENEW_MS = 10000, RETRY_MS = 2000 };

static const struct kube_resource leases = { "coordination.k8s.io", "v1", "leases", "Lease" };

struct kube_lease {
    struct kube_lease_opts opts;
    char *space, *name, *identity, *closed_annotation; /* owned */
    struct lease_core core;
    uv_timer_t timer;
    struct kube_call *call; /* under way */
    bool turning, again, closing;
    void (*released)(void *ctx);
    void *released_ctx;
};

static void turn(struct kube_lease *lease);

static void timer_fired(uv_timer_t *timer)
{
    turn(timer->data);
}

static void timer_set(struct kube_lease *lease, int64_t due_us)
{
    int64_t now_us = clock_mono_us();

    (void)uv_timer_stop(&lease->timer);
    if (!due_us)
        return;
    uv_update_time(kube_client_loop(lease->opts.client));
    (void)uv_timer_start(&lease->timer, timer_fired,
                         due_us > now_us ? (uint64_t)(due_us - now_us + 999) / 1000 : 0, 0);
}

static void answered(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct kube_lease *lease = ctx;
    bool is_whole = cJSON_IsObject(doc);

    lease->call = NULL;
    lease_core_answer(&lease->core, clock_mono_us(),
                      status->code / 100 == 2 && !is_whole ? 0 : status->code, doc);
    turn(lease);
}

static void ask_send(struct kube_lease *lease, enum lease_ask ask, const cJSON *body)
{
    static const char *const methods[] = {
        [LEASE_GET] = "GET", [LEASE_POST] = "POST", [LEASE_PUT] = "PUT"
    };
    AUTO_FREE char *path =
        kube_path(&leases, lease->space, ask == LEASE_POST ? NULL : lease->name, NULL, NULL);
    /* A thousand pods that are being created must not cost the leadership. */
    const struct kube_request request = { .method = methods[ask],
                                          .path = path,
                                          .body = body,
                                          .urgent = true,
                                          .done = answered,
                                          .ctx = lease };

    kube_call_start(lease->opts.client, &request, &lease->call);
}

static void cancel(struct kube_lease *lease)
{
    if (lease->call)
        kube_call_cancel(lease->call);
    lease->call = NULL;
}

/* Each may release or close the lease. */
static void tell(struct kube_lease *lease)
{
    const struct kube_lease_opts *opts = &lease->opts;
    unsigned news = lease_core_news(&lease->core);
    void (*released)(void *ctx) = lease->released;

    if (news & LEASE_LOST)
        opts->lost(opts->ctx);
    if ((news & LEASE_HOLDER) && opts->holder && !lease->closing)
        opts->holder(opts->ctx, lease->core.holder);
    if ((news & LEASE_STARTED) && !lease->closing)
        opts->started(opts->ctx);
    if ((news & LEASE_CLOSED) && opts->closed && !lease->closing)
        opts->closed(opts->ctx);
    if ((news & LEASE_RELEASED) && released && !lease->closing) {
        lease->released = NULL;
        released(lease->released_ctx);
    }
}

/* What a callback asks for comes in this turn, not in a deeper one. */
static void turn(struct kube_lease *lease)
{
    lease->again = true;
    if (lease->turning)
        return;
    lease->turning = true;
    while (lease->again && !lease->closing) {
        AUTO(cJSON) cJSON *body = NULL;
        enum lease_ask ask;

        lease->again = false;
        hash_random(&lease->core.draw, sizeof(lease->core.draw));
        if (lease_core_is_late(&lease->core, clock_mono_us()))
            cancel(lease);
        ask = lease_core_next(&lease->core, clock_mono_us(), clock_unix_ms(), &body);
        if (lease->core.over)
            cancel(lease);
        if (ask)
            ask_send(lease, ask, body);
        tell(lease);
    }
    lease->turning = false;
    if (!lease->closing)
        timer_set(lease, lease_core_wake_us(&lease->core));
}

int kube_lease_open(struct kube_lease **out, const struct kube_lease_opts *opts, struct err *err)
{
    struct kube_lease *lease;
    struct kube_lease_opts real = *opts;

    real.lease_ms = opts->lease_ms ? opts->lease_ms : LEASE_MS;
    real.renew_ms = opts->renew_ms ? opts->renew_ms : RENEW_MS;
    real.retry_ms = opts->retry_ms ? opts->retry_ms : RETRY_MS;
    if (real.lease_ms <= real.renew_ms || real.renew_ms <= real.retry_ms + real.retry_ms / 5)
        return err_set(err, ERR_CONFIG, "lease: %u > %u > %u x 1.2 ms does not hold", real.lease_ms,
                       real.renew_ms, real.retry_ms);
    lease = xcalloc(1, sizeof(*lease));
    lease->opts = real;
    lease->space = xstrdup(opts->space);
    lease->name = xstrdup(opts->name);
    lease->identity = xstrdup(opts->identity);
    lease->closed_annotation = opts->closed_annotation ? xstrdup(opts->closed_annotation) : NULL;
    lease->core = (struct lease_core){ .space = lease->space,
                                       .name = lease->name,
                                       .identity = lease->identity,
                                       .closed_annotation = lease->closed_annotation,
                                       .lease_us = real.lease_ms * INT64_C(1000),
                                       .renew_us = real.renew_ms * INT64_C(1000),
                                       .retry_us = real.retry_ms * INT64_C(1000) };
    (void)uv_timer_init(kube_client_loop(opts->client), &lease->timer);
    lease->timer.data = lease;
    timer_set(lease, clock_mono_us());
    *out = lease;
    return 0;
}

bool kube_lease_is_held(const struct kube_lease *lease)
{
    return lease_core_is_held(&lease->core, clock_mono_us());
}

int64_t kube_lease_renewed_us(const struct kube_lease *lease)
{
    return lease->core.renewed_us;
}

void kube_lease_release(struct kube_lease *lease, void (*done)(void *ctx), void *ctx)
{
    lease->released = done;
    lease->released_ctx = ctx;
    lease_core_release(&lease->core, clock_mono_us());
    lease->again = true; /* done is not called from within */
    if (!lease->turning)
        timer_set(lease, clock_mono_us());
}

static void closed(uv_handle_t *handle)
{
    struct kube_lease *lease = handle->data;

    lease_core_clear(&lease->core);
    free(lease->space);
    free(lease->name);
    free(lease->identity);
    free(lease->closed_annotation);
    free(lease);
}

void kube_lease_close(struct kube_lease *lease)
{
    if (!lease)
        return;
    lease->closing = true;
    cancel(lease);
    uv_close((uv_handle_t *)&lease->timer, closed);
}
