/* SPDX-License-Identifier: Apache-2.0
 *
 * decide_walk_test.c - decide lives in a small world in which anything may happen at any time:
 * every state near some starting points, then long random lives. The world checks each step.
 * DECIDE_WALK_DEPTH and DECIDE_WALK_LIVES look further than a test run has time for.
 */
#include "tests/common/check.h"
#include "tests/operator/decide_world.h"

#include "common/clock.h"

#include <inttypes.h>
#include <stdlib.h>

enum kind { /* what happens to one pod, then what happens to all */
            MOVE_START,
            MOVE_UNSCHEDULABLE,
            MOVE_COMMIT, /* the record is in the store and in Redis, the pod still runs */
            MOVE_SUCCEED,
            MOVE_EMPTY, /* exit 0 and no record */
            MOVE_INPUT,
            MOVE_INTERNAL,
            MOVE_DEPENDENCY,
            MOVE_OOM,
            MOVE_SPACE,
            MOVE_INTERRUPT,
            MOVE_SILENT, /* its node goes away */
            MOVE_EVICT,  /* somebody else deletes it */
            MOVE_VANISH, /* object and finalizer are gone */
            MOVE_POD_COUNT,
            MOVE_NOTHING = MOVE_POD_COUNT,
            MOVE_TICK,
            MOVE_WAKE, /* sleep until decide asked to be woken */
            MOVE_LONG,
            MOVE_AWAY,
            MOVE_BACK,
            MOVE_FLUSH,
            MOVE_SUSPEND, /* on or off */
            MOVE_PARALLELISM,
            MOVE_RETRY,
            MOVE_CANCEL,
            MOVE_DISCARD,
            MOVE_DELETE,
            MOVE_COUNT,
};

static const char *const move_names[MOVE_COUNT] = {
    "starts",        "is unschedulable", "commits",
    "succeeds",      "ends empty",       "ends Input",
    "ends Internal", "ends Dependency",  "is OOMKilled",
    "ends Space",    "is interrupted",   "goes silent",
    "is evicted",    "vanishes",         "nothing",
    "1 s",           "until woken",      "700 s",
    "tracking away", "tracking back",    "flush",
    "suspend",       "parallelism",      "retry",
    "cancel",        "discard",          "delete",
};

static bool pod_may(const struct world *world, const struct world_pod *pod, enum kind kind)
{
    bool fresh = pod->phase == POD_PENDING && !pod->deletion_ms;

    if (kind == MOVE_VANISH)
        return true;
    if (kind == MOVE_INTERRUPT) /* also how a silent node's pods are cleaned up at last */
        return !world_is_terminal(pod) && (pod->phase == POD_RUNNING || pod->deletion_ms);
    if (world_is_terminal(pod) || pod->silent)
        return false;
    switch (kind) {
    case MOVE_START:
        return fresh;
    case MOVE_UNSCHEDULABLE:
        return fresh && pod->waiting == POD_WAITING_NONE;
    case MOVE_EVICT:
        return !pod->deletion_ms;
    case MOVE_COMMIT:
        return pod->phase == POD_RUNNING && pod->id.stage != STAGE_ASSEMBLE;
    case MOVE_SUCCEED:
        /* no assembly publishes without its segments: the worker reads the commit records */
        if (pod->id.stage == STAGE_ASSEMBLE) {
            for (uint32_t i = 0; i < world->segments; i++) {
                if (!world->committed[2 + i])
                    return false;
            }
        }
        return pod->phase == POD_RUNNING;
    default:
        return pod->phase == POD_RUNNING;
    }
}

static bool world_may(const struct world *world, enum kind kind)
{
    switch (kind) {
    case MOVE_WAKE:
        return world->wake_ms > world->now_ms;
    case MOVE_AWAY:
    case MOVE_FLUSH:
        return world->up_ms > 0;
    case MOVE_BACK:
        return world->up_ms == 0;
    case MOVE_RETRY:
        return world->retries < 3;
    case MOVE_CANCEL:
        return !world->spec.cancel;
    case MOVE_DISCARD:
        return !world->discard;
    case MOVE_DELETE:
        return !world->deleted;
    default:
        return true;
    }
}

static void pod_move(struct world *world, struct world_pod *pod, enum kind kind)
{
    static const enum attempt_class classes[MOVE_POD_COUNT] = {
        [MOVE_SUCCEED] = CLASS_DONE,          [MOVE_INPUT] = CLASS_INPUT,
        [MOVE_INTERNAL] = CLASS_INTERNAL,     [MOVE_DEPENDENCY] = CLASS_DEPENDENCY,
        [MOVE_OOM] = CLASS_OOM_KILLED,        [MOVE_SPACE] = CLASS_SPACE,
        [MOVE_INTERRUPT] = CLASS_INTERRUPTED,
    };

    switch (kind) {
    case MOVE_START:
        world_pod_start(world, pod);
        break;
    case MOVE_UNSCHEDULABLE:
        pod->waiting = POD_UNSCHEDULABLE;
        break;
    case MOVE_COMMIT:
        world_pod_commit(world, pod);
        break;
    case MOVE_EMPTY:
        pod->phase = POD_SUCCEEDED;
        pod->finished_ms = world->now_ms;
        break;
    case MOVE_SILENT:
        pod->silent = true;
        break;
    case MOVE_EVICT:
        pod->deletion_ms = world->now_ms;
        break;
    case MOVE_VANISH:
        world->void_accounts = true;
        world_pod_remove(world, pod);
        break;
    default:
        world_pod_end(world, pod, classes[kind]);
        break;
    }
}

static void world_move(struct world *world, enum kind kind)
{
    switch (kind) {
    case MOVE_TICK:
        world->now_ms += 1000;
        break;
    case MOVE_WAKE:
        world->now_ms = world->wake_ms;
        break;
    case MOVE_LONG:
        world->now_ms += 700000;
        break;
    case MOVE_AWAY:
        world->up_ms = 0;
        world->away_ms = world->now_ms;
        break;
    case MOVE_BACK:
        world->up_ms = world->now_ms;
        world->away_ms = 0;
        break;
    case MOVE_FLUSH:
        memset(world->tracked, 0, sizeof(world->tracked));
        break;
    case MOVE_SUSPEND:
        world->spec.suspend = !world->spec.suspend;
        break;
    case MOVE_PARALLELISM:
        world->spec.parallelism = 3 - world->spec.parallelism;
        break;
    case MOVE_RETRY:
        world->retries++;
        break;
    case MOVE_CANCEL:
        world->spec.cancel = true;
        break;
    case MOVE_DISCARD:
        world->discard = true;
        break;
    case MOVE_DELETE:
        world->deleted = true;
        break;
    default:
        break;
    }
}

static bool move(struct world *world, enum kind kind, size_t pod)
{
    if (kind >= MOVE_POD_COUNT) {
        if (!world_may(world, kind))
            return false;
        world_note(world, "%s", move_names[kind]);
        world_move(world, kind);
        return true;
    }
    if (pod >= world->pod_count || !pod_may(world, &world->pods[pod], kind))
        return false;
    world_note(world, "pod %u/%u/%u/%u %s", world->pods[pod].id.stage, world->pods[pod].id.index,
               world->pods[pod].id.epoch, world->pods[pod].id.attempt, move_names[kind]);
    pod_move(world, &world->pods[pod], kind);
    return true;
}

/* Left alone in health, and taken up again by its user, every film is converted in the end. */
static void check_lives_happily(const struct world *world)
{
    struct world after;

    world_copy(&after, world);
    world_note(&after, "the world heals");
    if (after.up_ms == 0)
        world_move(&after, MOVE_BACK);
    world_settle(&after);
    if (!after.deleted && after.stored.phase == PHASE_SUSPENDED) {
        world_note(&after, "resume");
        after.spec.suspend = false;
        world_settle(&after);
    }
    if (!after.deleted && after.stored.phase == PHASE_FAILED && !after.discard &&
        !after.spec.cancel) {
        world_note(&after, "resume and retry");
        after.spec.suspend = false;
        after.retries++;
        world_settle(&after);
    }
    if (!after.deleted && after.stored.phase != PHASE_COMPLETED &&
        after.stored.phase != PHASE_CANCELLED && !after.discard && !after.spec.cancel)
        world_broken(&after, "lived on and ended in %s", phase_name(after.stored.phase));
    world_clear(&after);
}

/* How far the operator gets before it dies. */
static const struct crash {
    const char *name;
    bool runs, write;
    size_t acts;
} crashes[] = {
    { "pass", true, true, WORLD_ALL },
    { "pass dies after the status", true, true, 0 },
    { "pass dies after one act", true, true, 1 },
    { "no pass", false, false, 0 },
};

static void crash_pass(struct world *world, const struct crash *crash)
{
    world_note(world, "%s", crash->name);
    if (crash->runs)
        (void)world_pass(world, crash->write, crash->acts);
}

/* States that were seen, by hash, each with the depth that was left below it. */
#define SEEN_SIZE (1u << 21)
struct search {
    uint64_t *hash;
    uint8_t *left;
    uint64_t states, used;
};

static bool is_known(struct search *search, uint64_t hash, unsigned left)
{
    uint64_t at = hash % SEEN_SIZE;

    while (search->hash[at] && search->hash[at] != hash)
        at = (at + 1) % SEEN_SIZE;
    if (search->hash[at] && search->left[at] >= left)
        return true;
    if (!search->hash[at] && search->used < SEEN_SIZE / 2) {
        search->used++;
        search->hash[at] = hash;
    }
    if (search->hash[at])
        search->left[at] = (uint8_t)left;
    return false;
}

static void explore(struct search *search, const struct world *world, unsigned left)
{
    for (unsigned kind = 0; kind < MOVE_COUNT; kind++) {
        size_t pods = kind < MOVE_POD_COUNT ? world->pod_count : 1;

        if (kind == MOVE_VANISH)
            continue; /* random walks do that: it makes the accounts void */
        for (size_t pod = 0; pod < pods; pod++) {
            for (size_t c = 0; c < COUNT(crashes); c++) {
                struct world next;
                unsigned before = world->trace->count;

                world_copy(&next, world);
                if (move(&next, (enum kind)kind, pod)) {
                    crash_pass(&next, &crashes[c]);
                    search->states++;
                    if (!is_known(search, world_hash(&next), left - 1)) {
                        if (left > 1)
                            explore(search, &next, left - 1);
                        else
                            check_lives_happily(&next);
                    }
                }
                world_clear(&next);
                world->trace->count = before;
            }
        }
    }
}

/* Starting points: how many rounds of health from a new job. */
static void start_at(struct world *world, uint32_t segments, uint32_t parallelism, enum phase phase,
                     struct world_trace *trace)
{
    world_init(world, segments, parallelism, trace);
    world_note(world, "%u segments, parallelism %u, to %s", segments, parallelism,
               phase_name(phase));
    for (int i = 0; i < 50; i++) {
        (void)world_pass(world, true, WORLD_ALL);
        for (size_t p = 0; p < world->pod_count; p++) {
            if (world->pods[p].phase == POD_PENDING)
                (void)move(world, MOVE_START, p);
        }
        if (world->stored.phase == phase)
            return;
        for (size_t p = world->pod_count; p-- > 0;)
            (void)move(world, MOVE_SUCCEED, p);
    }
    world_broken(world, "never came to %s", phase_name(phase));
}

static unsigned depth_from_environment(unsigned usual)
{
    const char *text = getenv("DECIDE_WALK_DEPTH");

    return text ? (unsigned)strtoul(text, NULL, 10) : usual;
}

static void every_state_near_the_start_is_sound(void **state)
{
    static const struct {
        uint32_t segments, parallelism;
        enum phase phase;
        unsigned depth;
    } starts[] = {
        { 1, 1, PHASE_PENDING, 3 },    { 1, 1, PHASE_CONVERTING, 3 }, { 2, 2, PHASE_CONVERTING, 3 },
        { 3, 1, PHASE_CONVERTING, 2 }, { 1, 1, PHASE_ASSEMBLING, 3 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(starts); i++) {
        struct world_trace trace = { .count = 0 };
        struct search search = { calloc(SEEN_SIZE, 8), calloc(SEEN_SIZE, 1), 0, 0 };
        struct world world;
        int64_t begin_us = clock_mono_us();
        unsigned depth = depth_from_environment(starts[i].depth);

        assert_true(search.hash && search.left);
        start_at(&world, starts[i].segments, starts[i].parallelism, starts[i].phase, &trace);
        explore(&search, &world, depth);
        print_message("%u segments, parallelism %u, from %s, depth %u: %" PRIu64 " steps, %" PRIu64
                      " states, %.1f s\n",
                      starts[i].segments, starts[i].parallelism, phase_name(starts[i].phase), depth,
                      search.states, search.used, (double)(clock_mono_us() - begin_us) / 1e6);
        world_clear(&world);
        free(search.hash);
        free(search.left);
    }
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

/* Which moves a random life has how often, of 100; the rest is at random. */
static enum kind draw_kind(uint64_t *seed, bool calm)
{
    static const enum kind good[] = { MOVE_START, MOVE_START, MOVE_SUCCEED, MOVE_COMMIT,
                                      MOVE_WAKE,  MOVE_TICK,  MOVE_NOTHING };
    static const enum kind bad[] = { MOVE_UNSCHEDULABLE, MOVE_EMPTY,       MOVE_INTERNAL,
                                     MOVE_DEPENDENCY,    MOVE_OOM,         MOVE_SPACE,
                                     MOVE_INTERRUPT,     MOVE_INTERRUPT,   MOVE_SILENT,
                                     MOVE_EVICT,         MOVE_AWAY,        MOVE_BACK,
                                     MOVE_FLUSH,         MOVE_PARALLELISM, MOVE_LONG,
                                     MOVE_INPUT,         MOVE_SUSPEND,     MOVE_SUSPEND };
    uint32_t chance = draw(seed, 100);

    if (chance < (calm ? 70u : 40u))
        return good[draw(seed, COUNT(good))];
    if (chance < 99)
        return bad[draw(seed, COUNT(bad))];
    return (enum kind)draw(seed, MOVE_COUNT);
}

static void live_once(uint64_t number, bool by_force)
{
    struct world_trace trace = { .count = 0 };
    struct world world;
    uint64_t seed = number * UINT64_C(0x9E3779B97F4A7C15) + 1;
    unsigned steps = 20 + draw(&seed, 300);
    bool calm = draw(&seed, 2);

    world_init(&world, 1 + draw(&seed, WORLD_MAX_SEGMENTS), 1 + draw(&seed, 2), &trace);
    world.spec.backoff_limit_per_index = draw(&seed, 4);
    world_note(&world, "life %" PRIu64, number);
    for (unsigned i = 0; i < steps; i++) {
        enum kind kind = draw_kind(&seed, calm);
        size_t pod = world.pod_count ? draw(&seed, (uint32_t)world.pod_count) : 0;

        if (kind == MOVE_VANISH && !by_force)
            continue;
        (void)move(&world, kind, pod);
        crash_pass(&world, &crashes[draw(&seed, 8) % COUNT(crashes)]);
        if (draw(&seed, 8) == 0) {
            world_note(&world, "pass on an old cache");
            world_pass_stale(&world);
        }
        if (draw(&seed, 2))
            crash_pass(&world, &crashes[0]);
    }
    check_lives_happily(&world);
    world_clear(&world);
}

static void long_random_lives_are_sound(void **state)
{
    const char *text = getenv("DECIDE_WALK_LIVES");
    uint64_t lives = text ? strtoull(text, NULL, 10) : 3000;
    int64_t begin_us = clock_mono_us();

    (void)state;
    for (uint64_t i = 0; i < lives; i++)
        live_once(i, i % 4 == 3);
    print_message("%" PRIu64 " lives, %.1f s\n", lives, (double)(clock_mono_us() - begin_us) / 1e6);
}

/* A film of which nothing goes wrong: no more passes and pods than there is work. */
static void a_healthy_life_is_short(void **state)
{
    struct world_trace trace = { .count = 0 };
    struct world world;

    (void)state;
    world_init(&world, 3, 2, &trace);
    world_settle(&world);
    assert_int_equal(world.stored.phase, PHASE_COMPLETED);
    assert_int_equal(world.stored.failed_pods, 0);
    assert_int_equal(world.stored.epoch, 0);
    assert_int_equal(world.pod_count, 0);
    world_clear(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_life_is_short),
        cmocka_unit_test(every_state_near_the_start_is_sound),
        cmocka_unit_test(long_random_lives_are_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
