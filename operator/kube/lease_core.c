/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/lease_core.h"

#include "common/mem.h"
#include "operator/kube/microtime.h"

#include <string.h>

enum { JITTER_PERCENT = 20, CONFLICTS_AT_ONCE = 10 };
#define RELEASE_US       INT64_C(5000000)
#define RELEASE_RETRY_US INT64_C(200000)
#define DURATION_MAX_S   86400.0

void lease_core_clear(struct lease_core *core)
{
    cJSON_Delete(core->seen);
    free(core->holder);
    core->seen = NULL;
    core->holder = NULL;
}

/* The record -----------------------------------------------------------------------------------*/

static bool is_ours(const struct lease_core *core)
{
    return strcmp(json_text(core->seen, "spec.holderIdentity"), core->identity) == 0;
}

static bool is_closed(const struct lease_core *core)
{
    const cJSON *notes = json_path(core->seen, "metadata.annotations");

    return core->closed_annotation &&
           cJSON_GetObjectItemCaseSensitive(notes, core->closed_annotation) != NULL;
}

/* Free, ours, or not renewed for as long as its holder said. */
static bool may_take(const struct lease_core *core, int64_t now_us)
{
    const cJSON *seconds = json_path(core->seen, "spec.leaseDurationSeconds");
    int64_t lease_us = core->lease_us;

    if (cJSON_IsNumber(seconds) && seconds->valuedouble >= 0 &&
        seconds->valuedouble <= DURATION_MAX_S)
        lease_us = (int64_t)(seconds->valuedouble * 1e6);
    return !json_text(core->seen, "spec.holderIdentity")[0] || is_ours(core) ||
           now_us >= core->changed_us + lease_us;
}

static void forget(struct lease_core *core)
{
    cJSON_Delete(core->seen);
    core->seen = NULL;
}

/* A change of its spec is a sign of life of its holder, whatever its clock says; a change of notes
 * on it is none. What was forgotten counts as changed. */
static void observe(struct lease_core *core, int64_t now_us, const cJSON *record)
{
    const char *holder;

    if (!core->seen ||
        !cJSON_Compare(json_path(core->seen, "spec"), json_path(record, "spec"), true))
        core->changed_us = now_us;
    cJSON_Delete(core->seen);
    core->seen = cJSON_Duplicate(record, true);
    holder = json_text(core->seen, "spec.holderIdentity");
    if (core->holder && strcmp(core->holder, holder) == 0)
        return;
    free(core->holder);
    core->holder = xstrdup(holder);
    core->news |= LEASE_HOLDER;
}

static cJSON *record_build(const struct lease_core *core, int64_t unix_ms, bool frees)
{
    cJSON *doc = core->seen ? cJSON_Duplicate(core->seen, true) : cJSON_CreateObject();
    const cJSON *transitions = json_path(doc, "spec.leaseTransitions");
    double count = cJSON_IsNumber(transitions) ? transitions->valuedouble : 0;
    char now[KUBE_MICROTIME_SIZE];

    kube_microtime(now, unix_ms);
    json_path_set(doc, "apiVersion", cJSON_CreateString("coordination.k8s.io/v1"));
    json_path_set(doc, "kind", cJSON_CreateString("Lease"));
    json_path_set(doc, "metadata.name", cJSON_CreateString(core->name));
    json_path_set(doc, "metadata.namespace", cJSON_CreateString(core->space));
    json_path_set(doc, "spec.holderIdentity", cJSON_CreateString(frees ? "" : core->identity));
    json_path_set(doc, "spec.leaseDurationSeconds",
                  cJSON_CreateNumber(frees ? 1 : (double)((core->lease_us + 999999) / 1000000)));
    json_path_set(doc, "spec.renewTime", cJSON_CreateString(now));
    if (frees || !is_ours(core))
        json_path_set(doc, "spec.acquireTime", cJSON_CreateString(now));
    if (!frees && !is_ours(core))
        json_path_set(doc, "spec.leaseTransitions", cJSON_CreateNumber(count + !!core->seen));
    return doc;
}

/* States ---------------------------------------------------------------------------------------*/

/* Replicas that started together do not ask together. */
static void plan_later(struct lease_core *core, int64_t now_us, enum lease_ask plan)
{
    int64_t more_us = core->retry_us * JITTER_PERCENT / 100;

    core->plan = plan;
    core->next_us =
        now_us + (core->releasing ? RELEASE_RETRY_US : core->retry_us + core->draw % (more_us + 1));
}

static void plan_now(struct lease_core *core, int64_t now_us, enum lease_ask plan)
{
    core->plan = plan;
    core->next_us = now_us;
}

static void end(struct lease_core *core, unsigned news)
{
    core->held = false;
    core->over = true;
    core->news |= news;
}

static void lose(struct lease_core *core, int64_t now_us)
{
    core->held = false;
    if (core->releasing)
        plan_now(core, now_us, LEASE_GET); /* perhaps it is still ours to give up */
    else
        end(core, LEASE_LOST);
}

static void closed_tell(struct lease_core *core)
{
    if (core->held && !core->closed && !core->releasing)
        core->news |= LEASE_CLOSED;
    core->closed = core->held;
}

/* The record is known: what follows from it. */
static void judge(struct lease_core *core, int64_t now_us)
{
    bool closed = is_closed(core);

    if (core->releasing) {
        if (is_ours(core))
            plan_now(core, now_us, LEASE_PUT);
        else
            end(core, LEASE_RELEASED);
        return;
    }
    if (closed)
        closed_tell(core);
    if (core->held && !is_ours(core))
        lose(core, now_us); /* another took it: we were not heard for too long */
    else if ((core->held || !closed) && may_take(core, now_us))
        plan_now(core, now_us, LEASE_PUT);
    else
        plan_later(core, now_us, LEASE_GET);
}

static void read_answered(struct lease_core *core, int64_t now_us, int code, const cJSON *doc)
{
    if (code == 200) {
        observe(core, now_us, doc);
        judge(core, now_us);
    } else if (code == 404) {
        forget(core);
        if (core->releasing)
            end(core, LEASE_RELEASED);
        else
            plan_now(core, now_us, LEASE_POST);
    } else {
        plan_later(core, now_us, LEASE_GET);
    }
}

/* It is ours since it was asked for; an answer that took longer than we may hold it is no news. */
static void taken(struct lease_core *core, int64_t now_us, const cJSON *doc)
{
    observe(core, now_us, doc);
    core->renewed_us = core->asked_us;
    if (core->releasing) {
        plan_now(core, now_us, LEASE_PUT);
        return;
    }
    plan_later(core, core->asked_us, LEASE_PUT);
    if (now_us >= core->asked_us + core->renew_us)
        return; /* lost, when it was held; else not begun: the next renewal says */
    if (!core->held)
        core->news |= LEASE_STARTED;
    core->held = true;
}

static void write_answered(struct lease_core *core, int64_t now_us, int code, const cJSON *doc)
{
    bool was_post = core->under_way == LEASE_POST;

    if (code / 100 == 2 && core->frees) {
        end(core, LEASE_RELEASED);
    } else if (code / 100 == 2) {
        core->conflicts = 0;
        taken(core, now_us, doc);
    } else if (!was_post && (code == 409 || code == 404) &&
               ++core->conflicts <= CONFLICTS_AT_ONCE) {
        plan_now(core, now_us, LEASE_GET); /* somebody wrote: read it before the next try */
    } else {
        /* Not known whether it was written: what is written next must be what we know of. */
        plan_later(core, now_us, core->held && code != 409 && code != 404 ? LEASE_PUT : LEASE_GET);
        if (core->conflicts > CONFLICTS_AT_ONCE)
            core->conflicts = 0;
    }
}

void lease_core_answer(struct lease_core *core, int64_t now_us, int code, const cJSON *doc)
{
    if (core->under_way == LEASE_GET)
        read_answered(core, now_us, code, doc);
    else
        write_answered(core, now_us, code, doc);
    core->under_way = LEASE_NOTHING;
    core->frees = false;
}

bool lease_core_is_late(struct lease_core *core, int64_t now_us)
{
    if (!core->under_way || now_us < core->asked_us + core->renew_us / 2)
        return false;
    lease_core_answer(core, now_us, 0, NULL);
    core->next_us = now_us; /* it has waited long enough */
    return true;
}

static enum lease_ask request_make(struct lease_core *core, int64_t now_us, int64_t unix_ms,
                                   cJSON **body)
{
    core->under_way = core->plan ? core->plan : LEASE_GET;
    core->frees = core->releasing && core->under_way == LEASE_PUT;
    core->asked_us = now_us;
    *body = core->under_way == LEASE_GET ? NULL : record_build(core, unix_ms, core->frees);
    return core->under_way;
}

enum lease_ask lease_core_next(struct lease_core *core, int64_t now_us, int64_t unix_ms,
                               cJSON **body)
{
    *body = NULL;
    if (core->held && now_us >= core->renewed_us + core->renew_us)
        lose(core, now_us);
    if (core->releasing && !core->over && now_us >= core->release_end_us)
        end(core, LEASE_RELEASED);
    if (core->over || core->under_way || now_us < core->next_us)
        return LEASE_NOTHING;
    return request_make(core, now_us, unix_ms, body);
}

void lease_core_release(struct lease_core *core, int64_t now_us)
{
    core->releasing = true;
    core->release_end_us = now_us + RELEASE_US;
    if (core->over)
        core->news |= LEASE_RELEASED;
    else if (core->held)
        plan_now(core, now_us, LEASE_PUT);
    else if (core->under_way != LEASE_PUT && core->under_way != LEASE_POST)
        end(core, LEASE_RELEASED); /* else what is under way may make it ours: it is waited for */
}

int64_t lease_core_wake_us(const struct lease_core *core)
{
    int64_t wake_us = core->under_way ? core->asked_us + core->renew_us / 2 : core->next_us;

    if (core->over)
        return 0;
    if (core->held && core->renewed_us + core->renew_us < wake_us)
        wake_us = core->renewed_us + core->renew_us;
    if (core->releasing && core->release_end_us < wake_us)
        wake_us = core->release_end_us;
    return wake_us;
}

unsigned lease_core_news(struct lease_core *core)
{
    unsigned news = core->news;

    core->news = 0;
    return news;
}

bool lease_core_is_held(const struct lease_core *core, int64_t now_us)
{
    return core->held && !core->releasing && now_us < core->renewed_us + core->renew_us;
}
