/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { SEGMENTS = 3, FRAMES = 100, SECOND_US = 1000000 };

struct world {
    struct progress_state state;
    struct job_status status;
    struct progress progress;
};

static void world_init(struct world *world)
{
    *world = (struct world){ .state = { .segments = SEGMENTS } };
    world->state.segment_frames = xcalloc(SEGMENTS, sizeof(int64_t));
    for (int i = 0; i < SEGMENTS; i++)
        world->state.segment_frames[i] = FRAMES;
    world->status.phase = PHASE_CONVERTING;
    world->status.planned = true;
    world->status.plan.segments = SEGMENTS;
    world->status.plan.frames = SEGMENTS * FRAMES;
    world->status.completed = xcalloc(SEGMENTS, 1);
    world->status.failed = xcalloc(SEGMENTS, 1);
}

static void world_clear(struct world *world)
{
    progress_state_clear(&world->state);
    job_status_clear(&world->status);
}

static void look(struct world *world, int64_t now_us)
{
    progress_look(&world->progress, &world->state, "/nowhere", &world->status, NULL, NULL, now_us);
}

/* A resumed run must not count what an earlier run did as its own speed. */
static void speed_counts_this_run_only(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    world.status.completed[0] = 1;
    look(&world, 1 * SECOND_US);
    assert_int_equal(world.progress.frames_done, FRAMES);
    assert_int_equal(world.progress.eta_s, -1);
    world.status.completed[1] = 1;
    look(&world, 11 * SECOND_US);
    assert_int_equal(world.progress.done, 2);
    assert_int_equal((int)(world.progress.fps * 10), 100);
    assert_int_equal(world.progress.eta_s, 10);
    world_clear(&world);
}

static void percent_reaches_hundred_only_when_completed(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    for (int i = 0; i < SEGMENTS; i++)
        world.status.completed[i] = 1;
    look(&world, SECOND_US);
    assert_int_equal(view_percent(&world.progress), 99);
    world.status.phase = PHASE_COMPLETED;
    look(&world, SECOND_US);
    assert_int_equal(view_percent(&world.progress), 100);
    world_clear(&world);
}

static void durations_read_as_people_write_them(void **state)
{
    char text[24];

    (void)state;
    view_duration(text, -1);
    assert_string_equal(text, "-");
    view_duration(text, 62);
    assert_string_equal(text, "1:02");
    view_duration(text, 3723);
    assert_string_equal(text, "1:02:03");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speed_counts_this_run_only),
        cmocka_unit_test(percent_reaches_hundred_only_when_completed),
        cmocka_unit_test(durations_read_as_people_write_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
