/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - bench_depth: what the classical depth is worth, on films whose depth is known. Prints a
 * table: a constant plane, position alone, everything, and everything less one part each.
 *   bench_depth [DIR]     DIR: the middle frame, its true depth and ours beside each other, as PGM
 */
#include "bench/depth/scene.h"
#include "common/auto.h"
#include "common/mem.h"
#include "worker/depth/classical.h"
#include "worker/depth/cues.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS      2000
#define FIRST      4 /* frames that are scored: FIRST, FIRST + STEP ... */
#define STEP       4
#define EDGE_SPAN  2   /* cells on each side between which an edge rises */
#define EDGE_RISE  .12 /* of the range */
#define EDGE_NEAR  2   /* cells an edge may be off */
#define SAME_DEPTH .03 /* pairs nearer to each other than this are not asked about */
#define AT_REST    .01 /* change of true nearness that is none */

struct film { /* one scene, rendered once */
    struct image frame[SCENE_FRAMES];
    float *near[SCENE_FRAMES]; /* of the depth's size; negative: no picture */
    int width, height;
};

struct score { /* means over frames */
    double order, spearman, pearson, edges, flicker, flat;
    int frames, flat_frames;
};

enum { PLANE = -1 };

struct variant {
    char name[32];
    int constant; /* PLANE, or 0 */
    struct classical_parts parts;
};

static void die(const struct err *err)
{
    (void)fprintf(stderr, "bench_depth: %s\n", err->msg);
    exit(1);
}

static struct image image_new(void)
{
    struct image image = { .width = SCENE_WIDTH, .height = SCENE_HEIGHT, .bit_depth = 8 };

    for (int i = 0; i < 3; i++) {
        size_t w = i ? SCENE_WIDTH / 2 : SCENE_WIDTH, h = i ? SCENE_HEIGHT / 2 : SCENE_HEIGHT;

        image.plane[i] = xcalloc(w, h);
        image.stride[i] = (ptrdiff_t)w;
    }
    return image;
}

static void film_make(struct film *film, const struct scene *scene)
{
    float *near = xcalloc((size_t)SCENE_WIDTH * SCENE_HEIGHT, sizeof(*near));
    int factor = (SCENE_WIDTH + DEPTH_MAX_WIDTH - 1) / DEPTH_MAX_WIDTH;

    film->width = SCENE_WIDTH / factor;
    film->height = SCENE_HEIGHT / factor;
    for (int t = 0; t < SCENE_FRAMES; t++) {
        film->frame[t] = image_new();
        film->near[t] = xcalloc((size_t)film->width * (size_t)film->height, sizeof(float));
        scene_render(&film->frame[t], near, scene, t);
        for (int y = 0; y < film->height; y++)
            for (int x = 0; x < film->width; x++)
                film->near[t][y * film->width + x] =
                    near[(y * factor + factor / 2) * SCENE_WIDTH + x * factor + factor / 2];
    }
    free(near);
}

static void film_clear(struct film *film)
{
    for (int t = 0; t < SCENE_FRAMES; t++) {
        for (int i = 0; i < 3; i++)
            free(film->frame[t].plane[i]);
        free(film->near[t]);
    }
}

/* All depths of the film. Caller frees each. */
static void depths_of(uint16_t *out[SCENE_FRAMES], const struct film *film,
                      const struct variant *variant)
{
    AUTO(depth) struct depth *depth = NULL;
    size_t cells = (size_t)film->width * (size_t)film->height;
    struct err err;
    int popped = 0;

    if (classical_new(&depth, SCENE_WIDTH, SCENE_HEIGHT, 8, variant->parts, &err) < 0)
        die(&err);
    for (int t = 0; t < SCENE_FRAMES; t++)
        out[t] = xcalloc(cells, sizeof(uint16_t));
    if (variant->constant == PLANE)
        return;
    for (int t = 0; t <= SCENE_FRAMES; t++) {
        bool ready = true;

        if (t < SCENE_FRAMES ? depth->ops->push(depth, &film->frame[t], &err) < 0
                             : depth->ops->flush(depth, &err) < 0)
            die(&err);
        while (popped < SCENE_FRAMES && ready) {
            struct plane16 plane = { out[popped], film->width, film->height, film->width * 2 };

            if (depth->ops->pop(depth, &plane, &ready, &err) < 0)
                die(&err);
            popped += ready;
        }
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Of pairs of places that are clearly not equally far, those that ours has in the true order; equal
 * counts half. */
static double order_of(const float *truth, const uint16_t *ours, int n, double range)
{
    uint32_t state = 1;
    double right = 0;
    int pairs = 0;

    for (int tries = 0; pairs < PAIRS && tries < 50 * PAIRS; tries++) {
        int a = (int)(next_random(&state) % (uint32_t)n);
        int b = (int)(next_random(&state) % (uint32_t)n);

        if (truth[a] < 0 || truth[b] < 0 || fabs(truth[a] - truth[b]) < SAME_DEPTH * range)
            continue;
        pairs++;
        right += ours[a] == ours[b] ? .5 : (truth[a] > truth[b]) == (ours[a] > ours[b]);
    }
    return pairs ? right / pairs : .5;
}

static double correlation(const double *a, const double *b, int n)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;

    for (int i = 0; i < n; i++) {
        ma += a[i] / n;
        mb += b[i] / n;
    }
    for (int i = 0; i < n; i++) {
        ab += (a[i] - ma) * (b[i] - mb);
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

struct valued {
    double value;
    int at;
};

static int by_value(const void *a, const void *b)
{
    double x = ((const struct valued *)a)->value, y = ((const struct valued *)b)->value;

    return (x > y) - (x < y);
}

/* Values become their ranks; equal ones share theirs. */
static void rank(double *values, int n)
{
    struct valued *v = xcalloc((size_t)n, sizeof(*v));

    for (int i = 0; i < n; i++)
        v[i] = (struct valued){ values[i], i };
    qsort(v, (size_t)n, sizeof(*v), by_value);
    for (int i = 0, j; i < n; i = j) {
        for (j = i; j < n && v[j].value <= v[i].value; j++)
            ;
        for (int k = i; k < j; k++)
            values[v[k].at] = (i + j - 1) / 2.;
    }
    free(v);
}

static void correlate(struct score *score, const float *truth, const uint16_t *ours, int n)
{
    double *a = xcalloc((size_t)n, sizeof(*a)), *b = xcalloc((size_t)n, sizeof(*b));
    int count = 0;

    for (int i = 0; i < n; i++)
        if (truth[i] >= 0) {
            a[count] = truth[i];
            b[count++] = ours[i];
        }
    score->pearson += correlation(a, b, count);
    rank(a, count);
    rank(b, count);
    score->spearman += correlation(a, b, count);
    free(a);
    free(b);
}

/* 1 where values rise steeply across the cell; 2 beside what is no picture. */
static void mark_edges(uint8_t *out, const double *v, const float *truth, int w, int h, double rise)
{
    memset(out, 0, (size_t)w * (size_t)h);
    for (int y = EDGE_SPAN; y < h - EDGE_SPAN; y++)
        for (int x = EDGE_SPAN; x < w - EDGE_SPAN; x++) {
            int i = y * w + x, l = i - EDGE_SPAN, r = i + EDGE_SPAN, u = i - EDGE_SPAN * w,
                d = i + EDGE_SPAN * w;

            if (truth[l] < 0 || truth[r] < 0 || truth[u] < 0 || truth[d] < 0)
                continue;
            out[i] = fabs(v[l] - v[r]) > rise || fabs(v[u] - v[d]) > rise;
        }
}

static bool edge_near(const uint8_t *edges, int w, int h, int x, int y)
{
    for (int v = y - EDGE_NEAR; v <= y + EDGE_NEAR; v++)
        for (int u = x - EDGE_NEAR; u <= x + EDGE_NEAR; u++)
            if (u >= 0 && v >= 0 && u < w && v < h && edges[v * w + u])
                return true;
    return false;
}

/* Share of the edges of a that b has too. */
static double found_in(const uint8_t *a, const uint8_t *b, int w, int h)
{
    int all = 0, found = 0;

    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            if (a[y * w + x]) {
                all++;
                found += edge_near(b, w, h, x, y);
            }
    return all ? (double)found / all : 0;
}

static double range_of(const double *v, const float *truth, int n)
{
    double *sorted = xcalloc((size_t)n, sizeof(*sorted)), range;
    int count = 0;

    for (int i = 0; i < n; i++)
        if (truth[i] >= 0)
            sorted[count++] = v[i];
    rank(sorted, count); /* ranks tell which is the 2nd and the 98th per cent */
    range = 0;
    for (int pass = 0; pass < 2; pass++) {
        double want = (pass ? .98 : .02) * count, best = 1e9, value = 0;

        for (int i = 0, k = 0; i < n; i++)
            if (truth[i] >= 0) {
                if (fabs(sorted[k] - want) < best) {
                    best = fabs(sorted[k] - want);
                    value = v[i];
                }
                k++;
            }
        range = pass ? value - range : value;
    }
    free(sorted);
    return range;
}

static double edges_of(const float *truth, const uint16_t *ours, int w, int h, double range)
{
    int n = w * h;
    uint8_t *a = xcalloc((size_t)n, 1), *b = xcalloc((size_t)n, 1);
    double *v = xcalloc((size_t)n, sizeof(*v)), recall, precision;

    for (int i = 0; i < n; i++)
        v[i] = truth[i];
    mark_edges(a, v, truth, w, h, EDGE_RISE * range);
    for (int i = 0; i < n; i++)
        v[i] = ours[i];
    mark_edges(b, v, truth, w, h, EDGE_RISE * range_of(v, truth, n));
    recall = found_in(a, b, w, h);
    precision = found_in(b, a, w, h);
    free(a);
    free(b);
    free(v);
    return recall + precision > 0 ? 2 * recall * precision / (recall + precision) : 0;
}

/* Mean change of depth where there is none, in thousandths of the whole range. */
static double flicker_of(const float *before, const float *now, const uint16_t *ours_before,
                         const uint16_t *ours, int n)
{
    double sum = 0;
    int count = 0;

    for (int i = 0; i < n; i++)
        if (before[i] >= 0 && now[i] >= 0 && fabsf(before[i] - now[i]) <= (float)AT_REST * now[i]) {
            sum += abs(ours_before[i] - ours[i]);
            count++;
        }
    return count ? sum / count / 65.535 : 0;
}

/* Of the cells without a picture (bars, subtitles), those on the screen plane. */
static void flat_of(struct score *score, const float *truth, const uint16_t *ours, int n)
{
    int all = 0, flat = 0;

    for (int i = 0; i < n; i++)
        if (truth[i] < 0) {
            all++;
            flat += abs(ours[i] - 32768) < 655;
        }
    if (all) {
        score->flat += (double)flat / all;
        score->flat_frames++;
    }
}

static void score_film(struct score *score, const struct film *film, uint16_t *ours[SCENE_FRAMES])
{
    int w = film->width, h = film->height, n = w * h;
    double *v = xcalloc((size_t)n, sizeof(*v));

    for (int t = FIRST; t < SCENE_FRAMES; t += STEP) {
        const float *truth = film->near[t];
        double range;

        for (int i = 0; i < n; i++)
            v[i] = truth[i];
        range = range_of(v, truth, n);
        score->order += order_of(truth, ours[t], n, range);
        score->edges += edges_of(truth, ours[t], w, h, range);
        correlate(score, truth, ours[t], n);
        score->flicker += flicker_of(film->near[t - 1], truth, ours[t - 1], ours[t], n);
        flat_of(score, truth, ours[t], n);
        score->frames++;
    }
    free(v);
}

static void write_picture(const char *dir, const struct scene *scene, const struct film *film,
                          uint16_t *ours[SCENE_FRAMES])
{
    AUTO_FREE char *path = xasprintf("%s/%s.pgm", dir, scene->name);
    FILE *out = fopen(path, "wb");
    int t = SCENE_FRAMES / 2 - 2, w = film->width, h = film->height, factor = SCENE_WIDTH / w;
    double most = 0;

    if (!out) {
        perror(path);
        exit(1);
    }
    for (int i = 0; i < w * h; i++)
        most = fmax(most, film->near[t][i]);
    (void)fprintf(out, "P5\n%d %d\n255\n", 3 * w, h);
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++)
            (void)fputc(film->frame[t].plane[0][y * factor * SCENE_WIDTH + x * factor], out);
        for (int x = 0; x < w; x++)
            (void)fputc((int)(255 * pow(fmax(film->near[t][y * w + x], 0) / most, .5)), out);
        for (int x = 0; x < w; x++)
            (void)fputc(ours[t][y * w + x] >> 8, out);
    }
    (void)fclose(out);
}

static int list_variants(struct variant *out)
{
    struct classical_parts all = CLASSICAL_ALL, one = all;
    int n = 0;

    one.cues = 1;
    out[n++] = (struct variant){ "constant plane", PLANE, all };
    out[n++] = (struct variant){ "position alone", 0, one };
    out[n++] = (struct variant){ "all", 0, all };
    for (int c = 0; c < cues_count; c++) {
        one = all;
        one.cues &= ~(1u << c);
        out[n] = (struct variant){ "", 0, one };
        (void)snprintf(out[n++].name, sizeof(out->name), "all less %s", cues[c].name);
    }
    out[n++] = (struct variant){ "all less steadying", 0, { all.cues, false, true } };
    out[n++] = (struct variant){ "all less refinement", 0, { all.cues, true, false } };
    return n;
}

static void print_scores(const struct variant *variants, int count, const struct score *scores)
{
    printf("\n| | order, %% | Spearman | Pearson | edge F1 | flicker, ppt "
           "|\n|---|---|---|---|---|---|\n");
    for (int v = 0; v < count; v++) {
        const struct score *s = &scores[v];
        int n = s->frames;

        printf("| %s | %.1f | %.3f | %.3f | %.3f | %.2f |\n", variants[v].name, 100 * s->order / n,
               s->spearman / n, s->pearson / n, s->edges / n, s->flicker / n);
    }
    if (scores[2].flat_frames)
        printf("\nBars and subtitles on the screen plane: %.1f %% of their cells.\n",
               100 * scores[2].flat / scores[2].flat_frames);
}

int main(int argc, char **argv)
{
    struct variant variants[16];
    struct score sums[16] = { 0 };
    int count = list_variants(variants);

    printf("| order, %% |");
    for (int v = 0; v < count; v++)
        printf(" %s |", variants[v].name);
    printf("\n|---|");
    for (int v = 0; v < count; v++)
        printf("---|");
    for (int s = 0; s < scenes_count; s++) {
        struct film film;

        film_make(&film, &scenes[s]);
        printf("\n| %s |", scenes[s].name);
        for (int v = 0; v < count; v++) {
            uint16_t *ours[SCENE_FRAMES];
            double before = sums[v].order;
            int frames = sums[v].frames;

            depths_of(ours, &film, &variants[v]);
            score_film(&sums[v], &film, ours);
            printf(" %.1f |", 100 * (sums[v].order - before) / (sums[v].frames - frames));
            (void)fflush(stdout);
            if (v == 2 && argc > 1)
                write_picture(argv[1], &scenes[s], &film, ours);
            for (int t = 0; t < SCENE_FRAMES; t++)
                free(ours[t]);
        }
        film_clear(&film);
    }
    printf("\n");
    print_scores(variants, count, sums);
    return 0;
}
