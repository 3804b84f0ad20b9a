/* SPDX-License-Identifier: Apache-2.0
 *
 * The right eye of a scene whose right view is known, beside the two cheapest ways to make one.
 */
#include "tests/common/check.h"
#include "tests/worker/stereo/scene.h"
#include "worker/stereo/warp.h"

#include <math.h>

#define WIDTH  480
#define HEIGHT 270

static struct image *ours(const struct scene *scene, const struct plane16 *depth)
{
    struct warp_opts opts = { .width = WIDTH,
                              .height = HEIGHT,
                              .bit_depth = 8,
                              .layout = LAYOUT_RIGHT,
                              .synthetic = SYNTHETIC_RIGHT,
                              .divergence = scene->divergence,
                              .convergence = scene->convergence };
    AUTO(warp) struct warp *warp = NULL;
    struct image *out = picture_new(WIDTH, HEIGHT, 8);
    struct err err;

    CHECK_OK(warp_new(&warp, &opts, &err), err);
    warp_frame(warp, out, scene->left, depth);
    return out;
}

static double depth_near(const struct plane16 *depth, double x, double y)
{
    int ix = (int)(x * depth->width / WIDTH), iy = (int)(y * depth->height / HEIGHT);

    return *depth_at(depth, ix, iy) / 65535.;
}

/* R(x) = L(x + p(x)), the depth read where the pixel goes. */
static struct image *backward(const struct scene *scene, const struct plane16 *depth)
{
    struct image *out = picture_new(WIDTH, HEIGHT, 8);

    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            double p =
                scene->divergence / 100 * WIDTH * (depth_near(depth, x, y) - scene->convergence);
            double at = fmin(fmax(x + p, 0), WIDTH - 1.001);
            int i = (int)at;

            picture_set(out, 0, x, y,
                        (int)lround(picture_get(scene->left, 0, i, y) * (1 - (at - i)) +
                                    picture_get(scene->left, 0, i + 1, y) * (at - i)));
        }
    return out;
}

struct score {
    double psnr, ssim, edges;
};

static struct score score_of(const char *name, const struct scene *scene, const struct image *out)
{
    struct score s = { picture_psnr(out, scene->right), picture_ssim(out, scene->right),
                       picture_edges(out, scene->right) };

    print_message("%-28s %6.2f dB  SSIM %.3f  edges %.3f\n", name, s.psnr, s.ssim, s.edges);
    return s;
}

static void check_better(struct score a, struct score b, double by_db)
{
    if (a.psnr < b.psnr + by_db || a.ssim <= b.ssim || a.edges <= b.edges)
        fail_msg("%.2f dB is not %.1f dB better than %.2f, or SSIM or edges are not better", a.psnr,
                 by_db, b.psnr);
}

static void the_right_eye_is_near_the_true_one(void **state)
{
    struct scene *scene = scene_new(WIDTH, HEIGHT, 1);
    struct plane16 *coarse = scene_coarse_depth(scene, 4);
    struct image *exact = ours(scene, scene->depth), *rough = ours(scene, coarse);
    struct image *naive = backward(scene, scene->depth), *naive_rough = backward(scene, coarse);
    struct score identity = score_of("identity", scene, scene->left);
    struct score s_exact = score_of("ours, exact depth", scene, exact);
    struct score s_rough = score_of("ours, quarter depth", scene, rough);
    struct score s_naive = score_of("backward, exact depth", scene, naive);
    struct score s_naive_rough = score_of("backward, quarter depth", scene, naive_rough);

    (void)state;
    check_better(s_exact, identity, 10);
    check_better(s_exact, s_naive, 4);
    check_better(s_rough, identity, 6);
    check_better(s_rough, s_naive_rough, 1.5);
    picture_free(exact);
    picture_free(rough);
    picture_free(naive);
    picture_free(naive_rough);
    depth_release(coarse);
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_right_eye_is_near_the_true_one) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
