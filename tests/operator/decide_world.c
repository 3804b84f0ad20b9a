/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/operator/decide_world.h"

#include "tests/common/check.h"

#include "operator/decide/status.h"

#include <inttypes.h>
#include <stdlib.h>

#define GRACE_MS 10000

static uint32_t slot_of(const struct attempt_id *id)
{
    return id->stage == STAGE_PLAN ? 0 : id->stage == STAGE_ASSEMBLE ? 1 : 2 + id->index;
}

bool world_is_terminal(const struct world_pod *pod)
{
    return pod->phase == POD_SUCCEEDED || pod->phase == POD_FAILED;
}

/* The truth as the test sees it, written again and not called from decide. */
static bool is_over(const struct world *world, const struct world_pod *pod)
{
    if (world_is_terminal(pod))
        return true;
    if (!pod->deletion_ms)
        return false;
    return (pod->phase == POD_PENDING && pod->waiting == POD_UNSCHEDULABLE) ||
           world->now_ms >= pod->deletion_ms + GRACE_MS + 30000;
}

static enum attempt_class class_of(const struct world_pod *pod)
{
    if (world_is_terminal(pod) && pod->has_record)
        return CLASS_DONE;
    if (pod->has_verdict)
        return pod->verdict;
    if (!world_is_terminal(pod))
        return CLASS_INTERRUPTED;
    return pod->phase == POD_SUCCEEDED ? CLASS_INTERNAL : pod->cls;
}

static bool is_counted(enum attempt_class cls)
{
    return cls != CLASS_DONE && cls != CLASS_INTERRUPTED;
}

static bool is_active(enum phase phase)
{
    return phase != PHASE_COMPLETED && phase != PHASE_FAILED && phase != PHASE_CANCELLED &&
           phase != PHASE_SUSPENDED;
}

void world_note(struct world *world, const char *fmt, ...)
{
    struct world_trace *trace = world->trace;
    va_list args;

    va_start(args, fmt);
    vsnprintf(trace->step[trace->count % WORLD_TRACE], sizeof(trace->step[0]), fmt, args);
    va_end(args);
    trace->count++;
}

void world_broken(const struct world *world, const char *fmt, ...)
{
    const struct world_trace *trace = world->trace;
    unsigned from = trace->count > WORLD_TRACE ? trace->count - WORLD_TRACE : 0;
    char text[300];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    for (unsigned i = from; i < trace->count; i++)
        fprintf(stderr, "  %3u %s\n", i, trace->step[i % WORLD_TRACE]);
    fprintf(stderr, "  phase %s %s: %s\n", phase_name(world->stored.phase), world->stored.reason,
            world->stored.message);
    fail_msg("%s", text);
    abort();
}

void world_init(struct world *world, uint32_t segments, uint32_t parallelism,
                struct world_trace *trace)
{
    memset(world, 0, sizeof(*world));
    world->now_ms = 1700000000000;
    world->up_ms = world->now_ms - 1000;
    world->segments = segments;
    world->trace = trace;
    world->spec.parallelism = parallelism;
    world->spec.backoff_limit_per_index = 1;
    world->spec.stall_s = 120;
    world->spec.pod_retention = 1;
    world->spec.pending_deadline_s = (struct spec_opt){ true, 600 };
}

void world_copy(struct world *to, const struct world *from)
{
    *to = *from;
    job_status_copy(&to->stored, &from->stored);
}

void world_clear(struct world *world)
{
    job_status_clear(&world->stored);
}

static void mix(uint64_t *hash, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        *hash = (*hash ^ (value & 0xFF)) * UINT64_C(1099511628211);
        value >>= 8;
    }
}

/* Ages beyond every limit of the policy are one age. */
static void mix_time(uint64_t *hash, const struct world *world, int64_t at_ms)
{
    int64_t age = world->now_ms - at_ms;

    mix(hash, at_ms == 0 ? UINT64_MAX : age > 4000000 ? 4000000 : (uint64_t)age);
}

static void mix_pod(uint64_t *hash, const struct world *world, const struct world_pod *pod)
{
    mix(hash, pod->id.stage | (uint64_t)pod->id.index << 8 | (uint64_t)pod->id.epoch << 16 |
                  (uint64_t)pod->id.attempt << 32);
    mix(hash, pod->phase | (uint64_t)pod->waiting << 8 | (uint64_t)pod->cls << 16 |
                  (uint64_t)pod->verdict << 24 | (uint64_t)pod->has_verdict << 32 |
                  (uint64_t)pod->has_record << 33 | (uint64_t)pod->has_finalizer << 34 |
                  (uint64_t)pod->silent << 35);
    mix(hash, pod->failures | (uint64_t)pod->interruptions << 16 |
                  (uint64_t)pod->memory_percent << 32 | (uint64_t)pod->storage_percent << 48);
    mix_time(hash, world, pod->created_ms);
    mix_time(hash, world, pod->started_ms);
    mix_time(hash, world, pod->finished_ms);
    mix_time(hash, world, pod->deletion_ms);
    mix_time(hash, world, pod->progress_ms);
}

uint64_t world_hash(const struct world *world)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    const struct job_status *stored = &world->stored;

    for (size_t i = 0; i < world->pod_count; i++)
        mix_pod(&hash, world, &world->pods[i]);
    for (uint32_t i = 0; i < WORLD_SLOTS; i++)
        mix(&hash, world->committed[i] | (uint64_t)world->tracked[i] << 1);
    for (uint32_t i = 0; stored->planned && i < world->segments; i++)
        mix(&hash, stored->completed[i] | (uint64_t)stored->failed[i] << 1);
    mix(&hash, stored->phase | (uint64_t)stored->epoch << 8 | (uint64_t)stored->dead_count << 24 |
                   (uint64_t)stored->planned << 40 | (uint64_t)stored->assembled << 41 |
                   (uint64_t)world->spec.suspend << 42 | (uint64_t)world->spec.cancel << 43 |
                   (uint64_t)world->discard << 44 | (uint64_t)world->deleted << 45 |
                   (uint64_t)world->spec.parallelism << 46);
    mix(&hash, stored->settled_failed_pods | (uint64_t)stored->settled_interrupted_pods << 16 |
                   (uint64_t)world->retries << 32 | (uint64_t)strlen(stored->reason) << 48);
    mix_time(&hash, world, world->up_ms);
    mix_time(&hash, world, world->away_ms);
    return hash;
}

static void view_of(struct pod_view *view, const struct world_pod *pod)
{
    memset(view, 0, sizeof(*view));
    view->id = pod->id;
    name_pod(view->name, "film", "11112222-3333", &pod->id);
    view->phase = pod->phase;
    view->waiting = pod->waiting;
    view->created_ms = view->waiting_since_ms = pod->created_ms;
    view->started_ms = pod->started_ms;
    view->finished_ms = pod->finished_ms;
    view->deletion_ms = pod->deletion_ms;
    view->progress_ms = pod->progress_ms;
    view->grace_ms = GRACE_MS;
    view->has_finalizer = pod->has_finalizer;
    view->has_record = pod->has_record;
    view->cls = pod->cls;
    view->has_verdict = pod->has_verdict;
    view->verdict = pod->verdict;
    view->failures = pod->failures;
    view->interruptions = pod->interruptions;
    view->memory_percent = pod->memory_percent;
    view->storage_percent = pod->storage_percent;
}

static void record_of(struct record *record, const struct world *world, struct attempt_id id)
{
    record->id = id;
    record->segments = world->segments;
}

struct sight { /* what the operator sees */
    struct observed seen;
    struct pod_view pods[WORLD_MAX_PODS];
    struct record done[WORLD_SLOTS];
    char retry[16];
};

static void look(struct sight *sight, const struct world *world, bool stale)
{
    const struct world_pod *pods = stale ? world->old : world->pods;
    struct observed *seen = &sight->seen;

    memset(seen, 0, sizeof(*seen));
    memset(sight->done, 0, sizeof(sight->done));
    seen->now_ms = world->now_ms;
    seen->deleted = world->deleted;
    seen->discard = world->discard;
    snprintf(sight->retry, sizeof(sight->retry), "r%u", world->retries);
    seen->retry = world->retries ? sight->retry : NULL;
    seen->tracking_wanted = true;
    seen->tracking_up_ms = world->up_ms;
    seen->tracking_away_ms = world->away_ms;
    seen->tracking_away_grace_ms = 5000;
    seen->pods = sight->pods;
    seen->pod_count = stale ? world->old_count : world->pod_count;
    for (size_t i = 0; i < seen->pod_count; i++) {
        view_of(&sight->pods[i], &pods[i]);
        record_of(&sight->pods[i].record, world, pods[i].id);
    }
    seen->done = sight->done;
    for (uint32_t k = 0; world->up_ms && k < 2 + world->segments; k++) {
        enum stage stage = k == 0 ? STAGE_PLAN : k == 1 ? STAGE_ASSEMBLE : STAGE_CONVERT;

        if (world->tracked[k])
            record_of(&sight->done[seen->done_count++], world,
                      (struct attempt_id){ .stage = stage, .index = k < 2 ? 0 : k - 2 });
    }
}

static bool actions_equal(const struct decision *a, const struct decision *b)
{
    if (a->action_count != b->action_count || a->wake_ms != b->wake_ms)
        return false;
    for (size_t i = 0; i < a->action_count; i++) {
        const struct action *x = &a->actions[i], *y = &b->actions[i];

        if (x->kind != y->kind || memcmp(&x->id, &y->id, sizeof(x->id)) != 0 ||
            strcmp(x->pod, y->pod) != 0 || x->failures != y->failures ||
            x->interruptions != y->interruptions || x->has_verdict != y->has_verdict ||
            x->together != y->together)
            return false;
    }
    return true;
}

/* The same input gives the same answer; the stored answer asks for the same actions. */
static void check_pure(const struct world *world, const struct sight *sight,
                       const struct decision *first)
{
    struct decision again;

    decide(&again, &world->spec, &world->stored, &sight->seen);
    if (!job_status_equal(&first->status, &again.status) || !actions_equal(first, &again))
        world_broken(world, "the same input, another answer");
    decision_clear(&again);
    decide(&again, &world->spec, &first->status, &sight->seen);
    if (again.status_changed)
        world_broken(world, "the status that was just written is changed again");
    if (!actions_equal(first, &again))
        world_broken(world, "a crash after the status write changes what is done next");
    decision_clear(&again);
}

static bool is_absorbed(const struct world *world, const struct job_status *was)
{
    if (was->phase == PHASE_COMPLETED || was->phase == PHASE_CANCELLED)
        return true;
    if (was->phase != PHASE_FAILED)
        return false;
    if (strcmp(was->reason, "Discarded") == 0)
        return true;
    return world->retries == 0 || strtol(was->observed_retry + 1, NULL, 10) == (long)world->retries;
}

static void check_status(const struct world *world, const struct job_status *now)
{
    const struct job_status *was = &world->stored;
    uint32_t completed = 0;

    if (is_absorbed(world, was) && (now->phase != was->phase || now->epoch != was->epoch))
        world_broken(world, "%s does not absorb: %s", phase_name(was->phase),
                     phase_name(now->phase));
    if (now->epoch < was->epoch || now->epoch > was->epoch + 1)
        world_broken(world, "epoch from %u to %u", was->epoch, now->epoch);
    if (was->planned && !now->planned)
        world_broken(world, "the plan is forgotten");
    for (uint32_t i = 0; now->planned && i < world->segments; i++) {
        if (was->planned && was->completed[i] && !now->completed[i])
            world_broken(world, "segment %u is not done any more", i);
        if (now->completed[i] && !world->committed[2 + i])
            world_broken(world, "segment %u counts and is not committed", i);
        if (now->completed[i] && now->failed[i])
            world_broken(world, "segment %u is done and failed", i);
        completed += now->completed[i];
    }
    if ((now->phase == PHASE_ASSEMBLING || now->phase == PHASE_COMPLETED) &&
        completed != world->segments)
        world_broken(world, "%s with %u of %u segments", phase_name(now->phase), completed,
                     world->segments);
    if (now->phase == PHASE_COMPLETED && !world->committed[1])
        world_broken(world, "Completed without an output");
    if (!world->void_accounts && !world->recanted && now->failed_pods < was->failed_pods)
        world_broken(world, "failed pods from %u to %u", was->failed_pods, now->failed_pods);
}

/* An active job has somebody at work or knows when to look again. */
static void check_alive(const struct world *world, const struct decision *decision)
{
    if (decision->wake_ms && decision->wake_ms <= world->now_ms)
        world_broken(world, "wakes in the past");
    if (!is_active(decision->status.phase) || world->deleted || decision->action_count > 0 ||
        decision->wake_ms)
        return;
    for (size_t i = 0; i < world->pod_count; i++) {
        if (!is_over(world, &world->pods[i]))
            return;
    }
    world_broken(world, "nobody works, nothing is asked for, no time to look again");
}

static struct world_pod *pod_find(struct world *world, const struct action *action)
{
    for (size_t i = 0; i < world->pod_count; i++) {
        if (memcmp(&world->pods[i].id, &action->id, sizeof(action->id)) == 0)
            return &world->pods[i];
    }
    return NULL;
}

void world_pod_remove(struct world *world, struct world_pod *pod)
{
    size_t at = (size_t)(pod - world->pods);

    memmove(pod, pod + 1, (world->pod_count - at - 1) * sizeof(*pod));
    world->pod_count--;
}

static void collect(struct world *world, struct world_pod *pod)
{
    bool runs_nowhere =
        world_is_terminal(pod) || (pod->phase == POD_PENDING && pod->waiting == POD_UNSCHEDULABLE);

    if (pod->deletion_ms && !pod->has_finalizer && runs_nowhere)
        world_pod_remove(world, pod);
}

static void check_create(const struct world *world, const struct action *action, bool stale)
{
    const struct world_chain *chain = &world->chains[slot_of(&action->id)];
    const struct job_status *stored = &world->stored;
    uint32_t live = 0, slot = slot_of(&action->id);

    if (!is_active(stored->phase) || world->deleted || action->id.epoch != stored->epoch)
        world_broken(world, "a pod is made in %s, epoch %u", phase_name(stored->phase),
                     action->id.epoch);
    for (size_t i = 0; i < world->pod_count; i++) {
        const struct world_pod *pod = &world->pods[i];

        if (slot_of(&pod->id) == slot && !is_over(world, pod))
            world_broken(world, "two live pods of slot %u", slot);
        live += pod->id.stage == STAGE_CONVERT && !is_over(world, pod);
    }
    if (!stale && action->id.stage == STAGE_CONVERT && live >= world->spec.parallelism)
        world_broken(world, "more than %u live converts", world->spec.parallelism);
    if (action->id.stage == STAGE_CONVERT &&
        (stored->completed[action->id.index] || stored->failed[action->id.index]))
        world_broken(world, "segment %u is done or given up", action->id.index);
    for (uint32_t i = 0; action->id.stage == STAGE_ASSEMBLE && i < world->segments; i++) {
        if (!stored->completed[i] || !world->committed[2 + i])
            world_broken(world, "assembly without segment %u", i);
    }
    if (world->void_accounts)
        return;
    if (chain->attempts == 0 || chain->epoch != action->id.epoch) {
        if (action->id.attempt || action->failures || action->interruptions)
            world_broken(world, "a new chain starts at attempt %u, failures %u", action->id.attempt,
                         action->failures);
        return;
    }
    if (action->id.attempt != chain->attempts)
        world_broken(world, "attempt %u, not %u", action->id.attempt, chain->attempts);
    if (action->failures > world->spec.backoff_limit_per_index)
        world_broken(world, "retried after %u failures", action->failures);
}

/* The successor carries exactly what its predecessor had and how that ended. */
static void check_carried(struct world *world, const struct action *action, bool stale)
{
    const struct world_pod *pods = stale ? world->old : world->pods, *last = NULL;
    enum attempt_class cls;

    for (size_t i = 0; i < (stale ? world->old_count : world->pod_count); i++) {
        const struct attempt_id *id = &pods[i].id;

        if (slot_of(id) == slot_of(&action->id) && id->epoch == action->id.epoch &&
            id->attempt + 1 == action->id.attempt)
            last = &pods[i];
    }
    if (action->id.attempt == 0 || world->void_accounts)
        return;
    if (!last)
        world_broken(world, "the predecessor of slot %u is gone", slot_of(&action->id));
    cls = class_of(last);
    if (cls == CLASS_DONE || cls == CLASS_INPUT || cls == CLASS_CONFIG)
        world_broken(world, "retried after %s", class_name(cls));
    if (action->failures != last->failures + is_counted(cls) ||
        action->interruptions != last->interruptions + (cls == CLASS_INTERRUPTED))
        world_broken(world, "failures %u after %u and %s", action->failures, last->failures,
                     class_name(cls));
}

static void act_create(struct world *world, const struct action *action, bool stale)
{
    struct world_chain *chain = &world->chains[slot_of(&action->id)];

    if (pod_find(world, action))
        return; /* AlreadyExists: somebody did it */
    check_create(world, action, stale);
    check_carried(world, action, stale);
    if (chain->epoch != action->id.epoch)
        *chain = (struct world_chain){ .epoch = action->id.epoch };
    chain->attempts = action->id.attempt + 1;
    if (world->pod_count == WORLD_MAX_PODS)
        world_broken(world, "more than %d pods", WORLD_MAX_PODS);
    world->pods[world->pod_count++] = (struct world_pod){
        .id = action->id,
        .has_finalizer = true,
        .created_ms = world->now_ms,
        .failures = action->failures,
        .interruptions = action->interruptions,
        .memory_percent = action->memory_percent,
        .storage_percent = action->storage_percent,
    };
}

/* The old cache still shows it given up for lost: what it said since then is found in the store. */
static bool was_lost(const struct world *world, const struct world_pod *pod)
{
    for (size_t i = 0; i < world->old_count; i++) {
        if (memcmp(&world->old[i].id, &pod->id, sizeof(pod->id)) == 0)
            return !world_is_terminal(&world->old[i]) && is_over(world, &world->old[i]);
    }
    return false;
}

/* Nothing that only the pod knows may be lost with it. */
static void act_release(struct world *world, const struct action *action, bool stale)
{
    struct world_pod *pod = pod_find(world, action);
    const struct job_status *stored = &world->stored;
    bool known, carried = false;

    if (!pod)
        return;
    if (!is_over(world, pod))
        world_broken(world, "a live pod of slot %u is released", slot_of(&pod->id));
    known = slot_of(&pod->id) == 0   ? stored->planned
            : slot_of(&pod->id) == 1 ? stored->assembled
                                     : stored->planned && stored->completed[pod->id.index];
    if (is_active(stored->phase) && !world->deleted && !known) {
        for (uint32_t i = 0; i < stored->dead_count; i++)
            known = known || slot_of(&stored->dead[i].id) == slot_of(&pod->id);
        for (size_t i = 0; i < world->pod_count; i++) {
            const struct attempt_id *id = &world->pods[i].id;

            carried = carried || (slot_of(id) == slot_of(&pod->id) && id->epoch == pod->id.epoch &&
                                  id->attempt > pod->id.attempt);
        }
        if ((class_of(pod) == CLASS_DONE && !(stale && was_lost(world, pod))) ||
            (!known && !carried && pod->id.epoch == stored->epoch))
            world_broken(world, "slot %u is released before it is counted", slot_of(&pod->id));
    }
    pod->has_finalizer = false;
    collect(world, pod);
}

static void act_delete(struct world *world, const struct action *action, bool half, bool stale)
{
    struct world_pod *pod = pod_find(world, action);

    if (!pod)
        return;
    if (pod->deletion_ms && stale)
        return; /* the API server has it already */
    if (pod->deletion_ms)
        world_broken(world, "deleted twice");
    if (action->has_verdict) {
        pod->has_verdict = true;
        pod->verdict = action->verdict;
        if (half)
            return;
    }
    pod->deletion_ms = world->now_ms;
    collect(world, pod);
}

static void act(struct world *world, const struct decision *decision, size_t acts, bool stale)
{
    for (size_t i = 0; i < decision->action_count && i < acts; i++) {
        const struct action *action = &decision->actions[i];

        if (i > 0 &&
            (action->kind == ACTION_RELEASE  ? decision->actions[i - 1].kind != ACTION_RELEASE
             : action->kind == ACTION_DELETE ? decision->actions[i - 1].kind == ACTION_CREATE
                                             : false))
            world_broken(world, "actions out of order");
        if (action->kind == ACTION_CREATE)
            act_create(world, action, stale);
        else if (action->kind == ACTION_RELEASE)
            act_release(world, action, stale);
        else
            act_delete(world, action, i + 1 == acts, stale);
    }
}

static bool is_asked(const struct decision *decision, enum action_kind kind,
                     const struct attempt_id *id)
{
    for (size_t i = 0; i < decision->action_count; i++) {
        const struct action *action = &decision->actions[i];

        if (action->kind == kind && memcmp(&action->id, id, sizeof(*id)) == 0)
            return true;
    }
    return false;
}

/* A delete by segment and phase, after the releases: it takes no pod that was not to go, and none
 * that is to be read yet. */
static void check_together(const struct world *world, const struct decision *decision)
{
    for (size_t i = 0; i < decision->action_count; i++) {
        const struct action *action = &decision->actions[i];

        for (size_t k = 0; action->together && k < world->pod_count; k++) {
            const struct world_pod *pod = &world->pods[k];

            if (pod->id.stage != action->id.stage || pod->id.index != action->id.index ||
                pod->phase != POD_SUCCEEDED || pod->deletion_ms)
                continue;
            if (!is_asked(decision, ACTION_DELETE, &pod->id))
                world_broken(world, "a pod that stays is deleted with others");
            if (pod->has_finalizer && !is_asked(decision, ACTION_RELEASE, &pod->id))
                world_broken(world, "a pod is deleted with others before it is released");
        }
    }
}

bool world_pass(struct world *world, bool write, size_t acts)
{
    static struct sight sight; /* large; one thread */
    struct decision decision;
    bool changed;

    look(&sight, world, false);
    decide(&decision, &world->spec, &world->stored, &sight.seen);
    check_pure(world, &sight, &decision);
    check_status(world, &decision.status);
    check_alive(world, &decision);
    check_together(world, &decision);
    changed = decision.status_changed || decision.action_count > 0;
    world->wake_ms = decision.wake_ms;
    if (write) {
        job_status_clear(&world->stored);
        job_status_copy(&world->stored, &decision.status);
        world->recanted = false;
        memcpy(world->old, world->pods, sizeof(world->old));
        world->old_count = world->pod_count;
        world->old_epoch = world->stored.epoch;
        world->old_ms = world->now_ms;
        act(world, &decision, acts, false);
    }
    decision_clear(&decision);
    return changed;
}

void world_pass_stale(struct world *world)
{
    static struct sight sight;
    struct decision decision;

    if (world->old_epoch != world->stored.epoch || world->now_ms - world->old_ms > 10000 ||
        world->void_accounts)
        return;
    look(&sight, world, true);
    decide(&decision, &world->spec, &world->stored, &sight.seen);
    if (decision.status.epoch == world->old_epoch) {
        check_pure(world, &sight, &decision);
        world->recanted = true; /* what an old cache counts may be less than what was counted */
        check_status(world, &decision.status);
        job_status_clear(&world->stored);
        job_status_copy(&world->stored, &decision.status);
        act(world, &decision, WORLD_ALL, true);
    }
    decision_clear(&decision);
}

void world_pod_start(struct world *world, struct world_pod *pod)
{
    pod->phase = POD_RUNNING;
    pod->waiting = POD_WAITING_NONE;
    pod->started_ms = pod->progress_ms = world->now_ms;
}

void world_pod_commit(struct world *world, struct world_pod *pod)
{
    world->committed[slot_of(&pod->id)] = true;
    if (world->up_ms)
        world->tracked[slot_of(&pod->id)] = true;
}

void world_pod_end(struct world *world, struct world_pod *pod, enum attempt_class cls)
{
    world->recanted = world->recanted || is_over(world, pod);
    pod->phase = cls == CLASS_DONE ? POD_SUCCEEDED : POD_FAILED;
    pod->has_record = cls == CLASS_DONE;
    if (cls == CLASS_DONE)
        world->committed[slot_of(&pod->id)] = true;
    pod->cls = cls;
    pod->finished_ms = world->now_ms;
    collect(world, pod);
}

/* One round of a world in which everything works. True when something changed. */
static bool live_round(struct world *world)
{
    bool changed = false;

    for (size_t i = world->pod_count; i-- > 0;) {
        struct world_pod *pod = &world->pods[i];

        if (world_is_terminal(pod) || (pod->silent && pod->deletion_ms == 0 && !world->up_ms))
            continue;
        if (pod->silent && pod->deletion_ms == 0 && pod->phase == POD_RUNNING)
            continue; /* hangs until it is judged */
        if (pod->deletion_ms) {
            if (pod->silent)
                continue;
            world_pod_end(world, pod, CLASS_INTERRUPTED);
        } else if (pod->phase == POD_PENDING) {
            world_pod_start(world, pod);
        } else {
            world_pod_commit(world, pod);
            world_pod_end(world, pod, CLASS_DONE);
        }
        changed = true;
    }
    return changed;
}

void world_settle(struct world *world)
{
    for (int round = 0; round < 500; round++) {
        bool changed = world_pass(world, true, WORLD_ALL);

        changed = live_round(world) || changed;
        if (changed)
            continue;
        if (!world->wake_ms)
            break;
        world->now_ms = world->wake_ms;
        if (round == 499)
            world_broken(world, "does not come to rest");
    }
    for (size_t i = 0; i < world->pod_count; i++) {
        if (world->pods[i].has_finalizer)
            world_broken(world, "slot %u epoch %u attempt %u keeps our finalizer at rest",
                         slot_of(&world->pods[i].id), world->pods[i].id.epoch,
                         world->pods[i].id.attempt);
    }
    if (is_active(world->stored.phase) && !world->deleted)
        world_broken(world, "at rest in %s", phase_name(world->stored.phase));
}
