/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"
#include "worker/preview/pictures.h"
#include "worker/stereo/shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 100 };

/* Depth from `far` to `near`, a while at both, and one column at each side that is anything. */
static struct plane16 ramp(double far, double near)
{
    struct plane16 depth = { malloc(SIDE * SIDE * sizeof(uint16_t)), SIDE, SIDE,
                             SIDE * (ptrdiff_t)sizeof(uint16_t) };

    for (int i = 0; i < SIDE * SIDE; i++) {
        double part = fmin(fmax((i % SIDE - 10) / 80., 0), 1);

        depth.px[i] = (uint16_t)(65535 * (far + (near - far) * part));
        if (i % SIDE == 0 || i % SIDE == SIDE - 1)
            depth.px[i] = i % 2 ? 65535 : 0;
    }
    return depth;
}

static void near_to(const char *what, double is, double want)
{
    if (fabs(is - want) > .05)
        fail_msg("%s: %.3f, want %.3f", what, is, want);
}

/* By warp.h: p = divergence * (depth - convergence), in percent of the width. */
static struct cell cell_at(struct plane16 depth, double divergence, double convergence,
                           const struct job_spec *spec)
{
    const struct shot_screen screen = { .convergence = convergence };
    const struct shot shot = { .depth = { depth }, .convergence = { convergence } };

    return cell_of(&shot, &screen, 0, divergence, spec);
}

static void a_cell_says_how_far_its_depth_reaches(void **state)
{
    struct plane16 depth = ramp(.2, .8);
    struct job_spec spec = { .divergence = 9 };
    struct cell cell = cell_at(depth, 4, .5, &spec);

    (void)state;
    near_to("front", cell.front, 4 * .3);
    near_to("behind", cell.behind, 4 * .3);
    assert_false(cell.comfortable);
    cell = cell_at(depth, 4, .9, &spec);
    near_to("all behind, front", cell.front, 0);
    near_to("all behind", cell.behind, 4 * .7);
    assert_false(cell.comfortable);
    spec.ipd_offset = .25;
    cell = cell_at(depth, 2, .5, &spec);
    near_to("moved nearer, front", cell.front, .6 + .25);
    near_to("moved nearer, behind", cell.behind, .6 - .25);
    assert_true(cell.comfortable);
    spec.ipd_offset = 0;
    cell = cell_at(depth, 0, .5, &spec);
    near_to("flat", cell.front + cell.behind, 0);
    assert_true(cell.comfortable);
    free(depth.px);
}

/* What the curve makes of the depths is what eyes see: a convex one takes both ends back. */
static void a_cell_knows_the_curve(void **state)
{
    struct plane16 depth = ramp(.2, .8);
    const struct job_spec plain = { .divergence = 2 }, bent = { .foreground_scale = 1 };
    struct cell was = cell_at(depth, 4, .5, &plain), is = cell_at(depth, 4, .5, &bent);

    (void)state;
    near_to("front", is.front, 4 * (shape_bend(1, (uint16_t)lround(.8 * 65535)) / 65535. - .5));
    near_to("behind", is.behind, 4 * (.5 - shape_bend(1, (uint16_t)lround(.2 * 65535)) / 65535.));
    assert_true(is.front > 0 && is.front < was.front - .2 && is.behind > was.behind + .2);
    free(depth.px);
}

static void orders_are_read_or_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"folder\":\"d\",\"frames\":0,\"divergences\":[1],\"convergences\":[0],\"tile\":64,"
        "\"overwrite\":false}",
        "{\"folder\":\"d\",\"frames\":1,\"divergences\":[11],\"convergences\":[0],\"tile\":64,"
        "\"overwrite\":false}",
        "{\"folder\":\"d\",\"frames\":1,\"divergences\":[],\"convergences\":[0],\"tile\":64,"
        "\"overwrite\":false}",
        "{\"folder\":\"d\",\"times\":[-1],\"divergences\":[1],\"convergences\":[0],\"tile\":64,"
        "\"overwrite\":false}",
        "{\"folder\":\"d\",\"frames\":1,\"divergences\":[1],\"convergences\":[\"0\"],\"tile\":64,"
        "\"overwrite\":false}",
        "{\"folder\":\"d\",\"frames\":1,\"divergences\":[1],"
        "\"convergences\":[\"auto\",.5,\"auto\"],\"tile\":64,\"overwrite\":false}",
        "{\"folder\":\"d\",\"frames\":1,\"divergences\":[\"auto\"],\"convergences\":[0],"
        "\"tile\":64,\"overwrite\":false}",
        "{\"folder\":\"d\",\"frames\":1,\"divergences\":[1,1,1,1,1,1,1,1,1],\"convergences\":[0],"
        "\"tile\":64,\"overwrite\":false}",
    };
    struct preview_opts opts;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (preview_opts_read(&opts, bad[i], &err) == 0 || err.code != ERR_CONFIG)
            fail_msg("taken: %s", bad[i]);
    CHECK_OK(preview_opts_read(&opts,
                               "{\"folder\":\"d\",\"times\":[1.5,3],\"divergences\":[1,2],"
                               "\"convergences\":[0.5],\"tile\":64,\"overwrite\":true}",
                               &err),
             err);
    assert_true(opts.timed && opts.overwrite);
    CHECK_INT("frames", opts.frames, 2);
    CHECK_INT("divergences", opts.divergence_count, 2);
    CHECK_STR("folder", opts.folder, "d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_says_how_far_its_depth_reaches),
        cmocka_unit_test(a_cell_knows_the_curve),
        cmocka_unit_test(orders_are_read_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
