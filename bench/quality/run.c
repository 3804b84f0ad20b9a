/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quality/run.h"

#include "bench/quality/pgm.h"
#include "common/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CROP_STEP 22

struct work { /* of one film and kind */
    const struct run_opts *opts;
    const struct film *film;
    enum given kind;
    struct size size;
    int rows;
    uint8_t *made[RUN_ROWS];
    float *error[RUN_ROWS], *error_before[RUN_ROWS];
    float *parallax, *dilated;
};

static void work_init(struct work *w)
{
    size_t n = (size_t)w->size.width * (size_t)w->size.height;

    for (int i = 0; i < w->rows; i++) {
        w->made[i] = xcalloc(n, 1);
        w->error[i] = xcalloc(n, sizeof(float));
        w->error_before[i] = xcalloc(n, sizeof(float));
    }
    w->parallax = xcalloc(n, sizeof(float));
    w->dilated = xcalloc(n, sizeof(float));
}

static void work_clear(struct work *w)
{
    for (int i = 0; i < w->rows; i++) {
        free(w->made[i]);
        free(w->error[i]);
        free(w->error_before[i]);
    }
    free(w->parallax);
    free(w->dilated);
}

static char *path_of(const struct work *w, const char *dir, int t, const char *what)
{
    return xasprintf("%s/%s/%s-%d%s.pgm", dir, given_names[w->kind], w->film->name, t, what);
}

static void dump(const struct work *w, int t, const struct plane16 *depth)
{
    AUTO_FREE char *dir = xasprintf("%s/%s", w->opts->dump, given_names[w->kind]);
    AUTO_FREE char *left = path_of(w, w->opts->dump, t, ".left");
    AUTO_FREE char *plane = path_of(w, w->opts->dump, t, ".depth");
    AUTO_FREE char *facts = xasprintf("%s/%s.txt", dir, w->film->name);
    FILE *file;

    (void)mkdir(w->opts->dump, 0777);
    (void)mkdir(dir, 0777);
    pgm_write(left, w->film->left[t].plane[0], w->size.width, w->size.height);
    pgm_write16(plane, depth->px, depth->width, depth->height);
    file = fopen(facts, "w");
    if (!file) {
        perror(facts);
        exit(1);
    }
    (void)fprintf(file, "%.9f %.9f\n", w->film->divergence, w->film->convergence);
    (void)fclose(file);
}

/* Everybody's picture of frame t. */
static void make_all(struct work *w, struct maker *maker, int t, const struct plane16 *depth)
{
    struct plane16 grown = depth_dilated(depth);
    struct view view = { &w->film->left[t], depth, w->parallax, w->dilated };

    parallax_of(w->parallax, w->film, depth);
    parallax_of(w->dilated, w->film, &grown);
    free(grown.px);
    for (int m = 0; m < METHODS; m++)
        maker_make(maker, w->made[m], (enum method)m, &view);
    for (int i = 0; i < w->opts->others; i++) {
        AUTO_FREE char *path = path_of(w, w->opts->other[i].dir, t, "");

        pgm_read(path, w->made[METHODS + i], w->size.width, w->size.height);
    }
}

static void crop_copy(uint8_t *out, const uint8_t *px, int stride, int x, int y)
{
    for (int i = 0; i < CROP_H; i++)
        memcpy(out + (size_t)i * CROP_W, px + (size_t)(y + i) * (size_t)stride + x, CROP_W);
}

static double crop_squares(const float *error, int stride, int x, int y)
{
    double sum = 0;

    for (int j = y; j < y + CROP_H; j++)
        for (int i = x; i < x + CROP_W; i++)
            sum += error[j * stride + i] * error[j * stride + i];
    return sum;
}

/* Beside the borders, beyond which nobody saw anything. */
static void find_worst(struct crop *worst, const struct work *w, int row, int t)
{
    int width = w->size.width, edge = width / 40, found = 0;

    for (int y = 0; y + CROP_H <= w->size.height; y += CROP_STEP)
        for (int x = edge; x + CROP_W <= width - edge; x += CROP_STEP) {
            double sum = crop_squares(w->error[row], width, x, y);

            if (sum > worst->squares) {
                *worst = (struct crop){ .squares = sum, .frame = t, .x = x, .y = y };
                found = 1;
            }
        }
    if (!found)
        return;
    crop_copy(worst->right, w->film->truth[t - FILM_FIRST].right, width, worst->x, worst->y);
    for (int i = 0; i < w->rows; i++)
        crop_copy(worst->made[i], w->made[i], width, worst->x, worst->y);
}

static void score_frame(struct run *out, struct work *w, int t)
{
    const struct truth *truth = &w->film->truth[t - FILM_FIRST];
    int n = w->size.width * w->size.height;

    for (int r = 0; r < w->rows; r++) {
        float *swap = w->error[r];

        w->error[r] = w->error_before[r];
        w->error_before[r] = swap;
        for (int i = 0; i < n; i++)
            w->error[r][i] = (float)(w->made[r][i] - truth->right[i]);
        score_add(&out->score[r], w->size, w->made[r], truth->right, w->film->left[t].plane[0],
                  truth->sight);
        if (t > FILM_FIRST)
            score_add_flicker(t == WORLD_JOINT ? &out->joint[r] : &out->score[r], w->size,
                              w->error[r], w->error_before[r], truth->before_x, truth->before_y);
        find_worst(&out->worst[r], w, r, t);
    }
}

void run_film(struct run *out, const struct run_opts *opts, const struct film *film,
              enum given kind)
{
    struct work w = { .opts = opts,
                      .film = film,
                      .kind = kind,
                      .size = { film->width, film->height },
                      .rows = METHODS + opts->others };
    AUTO(maker) struct maker *first = maker_new(film);
    AUTO(maker) struct maker *second = maker_new(film);
    struct depths depths;

    *out = (struct run){ .name = film->name, .says = film->says };
    work_init(&w);
    depths_make(&depths, film, kind);
    out->joint_differs = depths.joint_differs;
    for (int t = FILM_FIRST; t < FILM_FIRST + FILM_SCORED; t++) {
        const struct plane16 *depth = &depths.plane[t - FILM_FIRST];

        if (opts->dump)
            dump(&w, t, depth);
        make_all(&w, t < WORLD_JOINT ? first : second, t, depth);
        score_frame(out, &w, t);
    }
    depths_clear(&depths);
    work_clear(&w);
}
