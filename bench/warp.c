/* SPDX-License-Identifier: Apache-2.0
 *
 * warp.c - bench_warp: frames a second of the warp by layout, of the classical depth, and the same
 * bytes through memcpy, by the CPU time of one thread. Prints rows "what, ours, peer, ratio, goal"
 * by tabs.
 */
#include "worker/stereo/warp.h"
#include "common/mem.h"
#include "worker/depth/depth.h"
#include "worker/stereo/ops.h"
#include "worker/stereo/pack.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECONDS_US 1500000

/* Of this thread, so that other work on the machine does not count. */
static int64_t cpu_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

struct scene {
    struct image view;
    struct plane16 depth;
};

static struct image image_new(int width, int height, int bit_depth)
{
    size_t bytes = bit_depth == 8 ? 1 : 2;
    struct image image = { .width = width, .height = height, .bit_depth = bit_depth };

    for (int i = 0; i < 3; i++) {
        size_t w = (size_t)(i ? chroma_size(width) : width);
        size_t h = (size_t)(i ? chroma_size(height) : height);

        image.stride[i] = (ptrdiff_t)(w * bytes);
        image.plane[i] = xcalloc(w * h, bytes);
    }
    return image;
}

static void image_clear(struct image *image)
{
    for (int i = 0; i < 3; i++)
        free(image->plane[i]);
}

/* A ramp with discs on it, in luma and in depth, so that there are edges, folds and holes. */
static int near_at(int x, int y, int w, int h)
{
    int cell = w / 8, dx = x % cell - cell / 2, dy = y % cell - cell / 2;

    return dx * dx + dy * dy < cell * cell / 9 ? 200 : 40 + 100 * y / h;
}

static struct scene scene_new(int width, int height, int bit_depth)
{
    struct scene scene = { .view = image_new(width, height, bit_depth) };
    int dw = 480, dh = 480 * height / width;

    for (int i = 0; i < 3; i++)
        for (int y = 0; y < (i ? chroma_size(height) : height); y++)
            for (int x = 0; x < (i ? chroma_size(width) : width); x++) {
                int v = near_at(x << !!i, y << !!i, width, height) + (x * 7 + y * 13) % 24;
                uint8_t *row = scene.view.plane[i] + y * scene.view.stride[i];

                if (bit_depth == 8)
                    row[x] = (uint8_t)v;
                else
                    ((uint16_t *)(void *)row)[x] = (uint16_t)(v * 4);
            }
    scene.depth = (struct plane16){ xcalloc((size_t)(dw * dh), 2), dw, dh, dw * 2 };
    for (int i = 0; i < dw * dh; i++)
        scene.depth.px[i] = (uint16_t)(near_at(i % dw, i / dw, dw, dh) * 256);
    return scene;
}

static size_t frame_bytes(const struct image *image)
{
    size_t total = 0;

    for (int i = 0; i < 3; i++)
        total +=
            (size_t)image->stride[i] * (size_t)(i ? chroma_size(image->height) : image->height);
    return total;
}

static double copies_per_second(size_t bytes)
{
    uint8_t *from = xcalloc(bytes, 1), *to = xcalloc(bytes, 1);
    int64_t start = cpu_us(), now = start;
    int n = 0;

    memset(from, 1, bytes);
    for (; now - start < SECONDS_US / 4; n++, now = cpu_us()) {
        memcpy(to, from, bytes);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
    free(from);
    free(to);
    return n * 1e6 / (double)(now - start);
}

static void bench_warp(const char *size, const struct scene *scene, enum layout layout,
                       const struct stereo_ops *ops, const char *goal)
{
    struct warp_opts opts = { .width = scene->view.width,
                              .height = scene->view.height,
                              .bit_depth = scene->view.bit_depth,
                              .layout = layout,
                              .divergence = 2,
                              .convergence = .5,
                              .ops = ops };
    struct warp *warp;
    struct image out;
    struct err err;
    int64_t start, now;
    int n = 0, w, h;
    double fps, copies;

    layout_packed_size(layout, opts.width, opts.height, &w, &h);
    out = image_new(w, h, opts.bit_depth);
    if (warp_new(&warp, &opts, &err) < 0) {
        fprintf(stderr, "bench_warp: %s\n", err.msg);
        exit(70);
    }
    warp_frame(warp, &out, &scene->view, &scene->depth);
    for (start = now = cpu_us(); now - start < SECONDS_US; n++, now = cpu_us())
        warp_frame(warp, &out, &scene->view, &scene->depth);
    fps = n * 1e6 / (double)(now - start);
    copies = copies_per_second(frame_bytes(&out));
    printf("warp %s %d bit %s (%s), one core\t%.1f fps\tmemcpy of the frame %.0f fps\t%.3f\t%s\n",
           size, opts.bit_depth, layout_flag(layout), ops->name, fps, copies, fps / copies, goal);
    fflush(stdout);
    warp_free(warp);
    image_clear(&out);
}

static void bench_depth(const char *size, const struct scene *scene)
{
    AUTO(depth) struct depth *depth = NULL;
    struct plane16 out;
    struct err err;
    int64_t start = cpu_us(), now = start;
    int n = 0;
    double fps, copies = copies_per_second(frame_bytes(&scene->view));

    if (depth_classical_new(&depth, scene->view.width, scene->view.height, scene->view.bit_depth,
                            &err) < 0)
        exit(70);
    out = (struct plane16){ xcalloc((size_t)(depth->width * depth->height), 2), depth->width,
                            depth->height, depth->width * 2 };
    for (; now - start < SECONDS_US; n++, now = cpu_us()) {
        bool ready;

        if (depth->ops->push(depth, &scene->view, &err) < 0 ||
            depth->ops->pop(depth, &out, &ready, &err) < 0)
            exit(70);
    }
    fps = n * 1e6 / (double)(now - start);
    printf("classical depth %s %d bit, one core\t%.1f fps\tmemcpy of the frame %.0f fps\t%.3f\t-\n",
           size, scene->view.bit_depth, fps, copies, fps / copies);
    free(out.px);
}

int main(void)
{
    static const struct {
        const char *name, *goal;
        int width, height, bit_depth;
    } sizes[] = {
        { "1080p", ">= 30 fps, stretch 60", 1920, 1080, 8 },
        { "1080p", "-", 1920, 1080, 10 },
        { "2160p", "-", 3840, 2160, 8 },
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct scene scene = scene_new(sizes[i].width, sizes[i].height, sizes[i].bit_depth);

        if (stereo_ops_best() != stereo_ops_c())
            bench_warp(sizes[i].name, &scene, LAYOUT_FULL_SBS, stereo_ops_c(), "-");
        for (int layout = LAYOUT_FULL_SBS; layout < LAYOUT_COUNT; layout++)
            if (sizes[i].bit_depth == 8 || layout == LAYOUT_FULL_SBS)
                bench_warp(sizes[i].name, &scene, layout, stereo_ops_best(),
                           layout == LAYOUT_FULL_SBS ? sizes[i].goal : "-");
        bench_depth(sizes[i].name, &scene);
        image_clear(&scene.view);
        free(scene.depth.px);
    }
    return 0;
}
