/* SPDX-License-Identifier: Apache-2.0
 *
 * Each cue, and what cues are found with, on small planes whose answer is known.
 */
#include "common/mem.h"
#include "tests/common/check.h"
#include "worker/depth/cues.h"
#include "worker/depth/frame.h"
#include "worker/depth/refine.h"
#include "worker/depth/steady.h"

#include <stdlib.h>

#define W      128
#define H      96
#define N      (W * H)
#define COLS   (W / FLOW_BLOCK)
#define ROWS   (H / FLOW_BLOCK)
#define BLOCKS (COLS * ROWS)

struct bench { /* a cue with all it needs, over one picture of W x H cells */
    struct low *low, *half;
    uint16_t fine[N], plane[N], scratch[N], out[N];
    uint32_t sums[W];
    uint8_t sure[N], motion_sure[BLOCKS];
    uint16_t motion_near[BLOCKS];
    struct motion_grid motion;
    struct cue_space space;
    struct cue_view view;
};

static struct bench *bench_new(void)
{
    struct bench *b = xcalloc(1, sizeof(*b));
    struct err err;

    CHECK_OK(low_new(&b->low, 2 * W, 2 * H, &err), err);
    CHECK_OK(low_half_new(&b->half, b->low, &err), err);
    CHECK_INT("half", b->half->width, W);
    CHECK_OK(regions_new(&b->space.regions, b->half, &err), err);
    b->space.plane = b->plane;
    b->space.scratch = b->scratch;
    b->space.sums = b->sums;
    b->motion = (struct motion_grid){
        .cols = COLS, .rows = ROWS, .near = b->motion_near, .sure = b->motion_sure
    };
    b->view = (struct cue_view){ b->half, b->fine, 0, H, H / 3, &b->motion, &b->space };
    for (int i = 0; i < N; i++) {
        b->half->luma[i] = 2000;
        b->half->cb[i] = b->half->cr[i] = LOW_CENTRE;
    }
    for (int i = 0; i < 4 * N; i++) {
        b->low->luma[i] = 2000;
        b->low->cb[i] = b->low->cr[i] = LOW_CENTRE;
    }
    return b;
}

static void bench_free(struct bench *b)
{
    low_free(b->low);
    low_free(b->half);
    regions_free(b->space.regions);
    free(b);
}

static int hash(int x, int y)
{
    uint32_t h = (uint32_t)x * 2654435761u ^ (uint32_t)y * 2246822519u;

    h = (h ^ (h >> 15)) * 3266489917u;
    return (int)((h ^ (h >> 13)) & 2047);
}

static int blobs(int u, int v, int size)
{
    int cx = u / size, cy = v / size, fx = u % size * 64 / size, fy = v % size * 64 / size;
    int top = hash(cx, cy) * (64 - fx) + hash(cx + 1, cy) * fx;
    int bottom = hash(cx, cy + 1) * (64 - fx) + hash(cx + 1, cy + 1) * fx;

    return (top * (64 - fy) + bottom * fy) / 4096;
}

/* Large shapes with small ones on them, moved by (dx, dy) 1/16 cells. */
static uint16_t texture(int x, int y, int dx, int dy)
{
    int u = 16 * x - dx + 16000, v = 16 * y - dy + 16000;

    return (uint16_t)(1000 + (blobs(u, v, 200) + blobs(u, v, 64)) / 2);
}

static void a_shift_is_found_to_a_fraction_of_a_cell(void **state)
{
    static const int shifts[][2] = { { 0, 0 }, { 16, 0 }, { -88, 40 }, { 6, -6 }, { 150, 20 } };
    AUTO_FREE uint16_t *a = xcalloc(N, 2), *b = xcalloc(N, 2);
    struct flow_vector ways[BLOCKS], coarse[BLOCKS];
    struct pyramid from, to;

    (void)state;
    assert_true(pyramid_init(&from, W, H) && pyramid_init(&to, W, H));
    CHECK_INT("levels", from.levels, 3);
    for (size_t s = 0; s < COUNT(shifts); s++) {
        int good = 0, trusted = 0;

        for (int i = 0; i < N; i++) {
            a[i] = texture(i % W, i / W, 0, 0);
            b[i] = texture(i % W, i / W, shifts[s][0], shifts[s][1]);
        }
        pyramid_load(&from, a);
        pyramid_load(&to, b);
        flow_find(ways, coarse, &from, &to);
        for (int i = 0; i < BLOCKS; i++) {
            int off = abs(ways[i].x - shifts[s][0]) + abs(ways[i].y - shifts[s][1]);

            trusted += ways[i].trust >= 64;
            good += ways[i].trust >= 64 && off <= 12;
        }
        assert_in_range(trusted, BLOCKS / 8, BLOCKS);
        assert_in_range(good, trusted * 8 / 10, trusted);
    }
    pyramid_clear(&from);
    pyramid_clear(&to);
}

static void flat_blocks_are_not_trusted(void **state)
{
    AUTO_FREE uint16_t *flat = xcalloc(N, 2);
    struct flow_vector ways[BLOCKS], coarse[BLOCKS];
    struct pyramid p;

    (void)state;
    assert_true(pyramid_init(&p, W, H));
    pyramid_load(&p, flat);
    flow_find(ways, coarse, &p, &p);
    for (int i = 0; i < BLOCKS; i++)
        CHECK_INT("trust", ways[i].trust, 0);
    pyramid_clear(&p);
}

static void chains_follow_what_they_chain(void **state)
{
    struct flow_vector sum[BLOCKS], step[BLOCKS];

    (void)state;
    for (int i = 0; i < BLOCKS; i++) /* block 0 goes to block 2, block 2 goes down one */
        step[i] = i % COLS == 2 ? (struct flow_vector){ 0, 128, 99 }
                                : (struct flow_vector){ 256, 0, 200 };
    motion_start(sum, BLOCKS);
    motion_chain(sum, step, COLS, ROWS);
    motion_chain(sum, step, COLS, ROWS);
    CHECK_INT("x", sum[0].x, 256);
    CHECK_INT("y", sum[0].y, 128);
    CHECK_INT("the least of trust", sum[0].trust, 99);
    CHECK_INT("clamped at the border", sum[COLS - 1].x, 512);
}

/* near of two rows of blocks, and of what moves alone. */
static enum motion_kind moved(struct bench *b, int (*x_of)(int c, int r), int (*y_of)(int c, int r))
{
    struct flow_vector ways[BLOCKS];
    int32_t figures[2 * BLOCKS];

    for (int i = 0; i < BLOCKS; i++)
        ways[i] = (struct flow_vector){ (int16_t)x_of(i % COLS, i / COLS),
                                        (int16_t)y_of(i % COLS, i / COLS), 255 };
    return motion_near(&b->motion, ways, figures);
}

static int none(int c, int r)
{
    (void)c, (void)r;
    return 0;
}
static int pan(int c, int r)
{
    (void)c, (void)r;
    return -300;
}
static bool in_object(int c, int r)
{
    return c >= 4 && c < 7 && r >= 3 && r < 7;
}
static int object(int c, int r)
{
    return in_object(c, r) ? -40 : 0;
}
static int panned_object(int c, int r)
{
    return in_object(c, r) ? 0 : 200;
}
static int ground(int c, int r)
{
    (void)c;
    return 20 + 10 * r;
}
static int orbit(int c, int r)
{
    return 200 - ground(c, r);
}
static int away_x(int c, int r)
{
    return (2 * c + 1 - COLS) * (r < ROWS / 2 ? 4 : 8);
}
static int away_y(int c, int r)
{
    (void)c;
    return (2 * r + 1 - ROWS) * (r < ROWS / 2 ? 4 : 8);
}

#define AT(c, r) ((r)*COLS + (c))

static void motion_tells_near_from_far(void **state)
{
    struct bench *b = bench_new();

    (void)state;
    CHECK_INT("a still", moved(b, none, none), MOTION_NONE);
    CHECK_INT("a camera that turns", moved(b, pan, none), MOTION_NONE);
    CHECK_INT("is not sure", b->motion_sure[AT(5, 5)], 0);
    CHECK_INT("an object", moved(b, object, none), MOTION_OBJECTS);
    assert_true(b->motion_near[AT(5, 5)] > 60000 && b->motion_near[AT(12, 5)] < 100);
    assert_true(b->motion_sure[AT(5, 5)] > 150);
    CHECK_INT("one that is followed", moved(b, panned_object, none), MOTION_OBJECTS);
    assert_true(b->motion_near[AT(5, 5)] > 60000 && b->motion_near[AT(12, 5)] < 100);
    CHECK_INT("travel", moved(b, ground, none), MOTION_TRAVEL);
    assert_true(b->motion_near[AT(5, 10)] > b->motion_near[AT(5, 5)] + 10000);
    assert_true(b->motion_near[AT(5, 5)] > b->motion_near[AT(5, 1)] + 10000);
    CHECK_INT("travel that turns", moved(b, orbit, none), MOTION_TRAVEL);
    assert_true(b->motion_near[AT(5, 10)] > b->motion_near[AT(5, 5)] + 10000);
    CHECK_INT("dolly", moved(b, away_x, away_y), MOTION_DOLLY);
    assert_true(b->motion_near[AT(1, 10)] > b->motion_near[AT(1, 1)] + 20000);
    bench_free(b);
}

static void the_cue_lies_between_blocks(void **state)
{
    struct bench *b = bench_new();

    (void)state;
    b->motion_near[AT(4, 4)] = 64000;
    b->motion_sure[AT(4, 4)] = 240;
    cue_motion(b->out, b->sure, &b->view);
    assert_in_range(b->out[(4 * 8 + 3) * W + 4 * 8 + 3], 55000, 64000);
    assert_in_range(b->out[(4 * 8 + 3) * W + 5 * 8], 20000, 34000);
    CHECK_INT("elsewhere", b->out[(7 * 8) * W + 5 * 8], 0);
    CHECK_INT("nor sure", b->sure[(7 * 8) * W + 5 * 8], 0);
    bench_free(b);
}

/* A box from row 20 down to row 63, on ground below row 32. */
static void an_object_is_as_near_as_its_foot(void **state)
{
    struct bench *b = bench_new();
    int foot, head = 22 * W + 60;

    (void)state;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            b->half->luma[y * W + x] = (uint16_t)(x >= 50 && x < 70 && y >= 20 && y < 64 ? 3500
                                                  : y < 32                               ? 2400
                                                                                         : 1000);
    cue_contact(b->out, b->sure, &b->view);
    foot = cue_ground(&b->view, 61);
    assert_in_range(b->out[head], foot - 3000, foot + 3000);
    CHECK_INT("the whole of it", b->out[60 * W + 60], b->out[head]);
    CHECK_INT("sure", b->sure[head], CUE_SURE);
    CHECK_INT("the ground does not stand", b->sure[90 * W + 10], 0);
    assert_true(b->sure[4 * W + 4] < 64);
    CHECK_INT("above the horizon", b->out[4 * W + 4], 0);
    bench_free(b);
}

static void position_follows_the_horizon(void **state)
{
    struct bench *b = bench_new();

    (void)state;
    CHECK_INT("at the horizon", cue_ground(&b->view, H / 3), 0);
    CHECK_INT("at the foot", cue_ground(&b->view, H - 1), 65535);
    b->view.bottom = H - 10;
    CHECK_INT("above a bar", cue_ground(&b->view, H - 11), 65535);
    cue_prior(b->out, b->sure, &b->view);
    assert_true(b->out[80 * W + 64] > b->out[50 * W + 64] + 15000);
    assert_true(b->out[50 * W + 64] > b->out[10 * W + 64] + 5000);
    bench_free(b);
}

/* The same steps of two cells on both sides; on the right their edges are blurred. */
static void sharp_is_near(void **state)
{
    struct bench *b = bench_new();

    (void)state;
    for (int y = 0; y < 2 * H; y++)
        for (int x = 0; x < 2 * W; x++)
            b->low->luma[y * 2 * W + x] =
                x < W ? (uint16_t)(1000 + hash(x, y)) : texture(x, y, 0, 0);
    low_halve(b->half, b->low);
    low_fine(b->fine, b->half, b->low);
    cue_focus(b->out, b->sure, &b->view);
    assert_true(b->out[40 * W + 30] > b->out[40 * W + 100] + 8000);
    assert_true(b->sure[40 * W + 30] > 200);
    bench_free(b);
    b = bench_new();
    cue_focus(b->out, b->sure, &b->view);
    CHECK_INT("nothing to see", b->sure[40 * W + 30], 0);
    bench_free(b);
}

static void a_long_edge_is_the_horizon(void **state)
{
    struct bench *b = bench_new();

    (void)state;
    CHECK_INT("flat", frame_horizon(b->half, 0, H), FRAME_HORIZON_DEFAULT);
    for (int i = 0; i < N; i++)
        b->half->luma[i] = (uint16_t)(i / W < 48 ? 3000 : 1500);
    assert_in_range(frame_horizon(b->half, 0, H), 480, 520);
    assert_in_range(frame_horizon(b->half, 8, H - 8), 480, 520);
    for (int i = 0; i < N; i++)
        b->half->luma[i] = (uint16_t)(i / W < 48 && i % W < 60 ? 3000 : 1500);
    CHECK_INT("half an edge", frame_horizon(b->half, 0, H), FRAME_HORIZON_DEFAULT);
    bench_free(b);
}

static void fill(struct low *low, int x0, int y0, int x1, int y1, int luma)
{
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            low->luma[y * low->width + x] = (uint16_t)luma;
}

static void bars_are_black_on_both_sides(void **state)
{
    struct bench *b = bench_new();
    struct frame_bars bars;
    int w = 2 * W, h = 2 * H;

    (void)state;
    assert_true(frame_bars_find(&bars, b->low));
    CHECK_INT("no bars", bars.top + bars.bottom + bars.left + bars.right, 0);
    fill(b->low, 0, 0, w, 20, 256);
    assert_true(frame_bars_find(&bars, b->low));
    CHECK_INT("a dark sky", bars.top, 0);
    fill(b->low, 0, h - 20, w, h, 256);
    assert_true(frame_bars_find(&bars, b->low));
    CHECK_INT("top", bars.top, 20);
    CHECK_INT("bottom", bars.bottom, 20);
    fill(b->low, 80, h - 12, 160, h - 6, 3700);
    assert_true(frame_bars_find(&bars, b->low));
    CHECK_INT("a subtitle in the bar", bars.bottom, 20);
    fill(b->low, 0, 0, 30, h, 256);
    fill(b->low, w - 30, 0, w, h, 256);
    assert_true(frame_bars_find(&bars, b->low));
    CHECK_INT("left", bars.left, 30);
    CHECK_INT("right", bars.right, 30);
    fill(b->low, 0, 0, w, h, 256);
    assert_false(frame_bars_find(&bars, b->low));
    CHECK_INT("black", bars.top, 0);
    bench_free(b);
}

static void letters_are_found_and_grass_is_not(void **state)
{
    struct bench *b = bench_new();
    AUTO_FREE uint8_t *text = xcalloc((size_t)text_blocks(2 * W), (size_t)text_blocks(2 * H));
    int cols = text_blocks(2 * W), found = 0;

    (void)state;
    for (int y = 0; y < 2 * H; y++) /* fine and strong, but nowhere white on black */
        for (int x = 0; x < 2 * W; x++)
            b->low->luma[y * 2 * W + x] = (uint16_t)(1300 + texture(4 * x, 4 * y, 0, 0) / 2);
    frame_text(text, b->low);
    for (int i = 0; i < cols * text_blocks(2 * H); i++)
        found += text[i];
    CHECK_INT("grass", found, 0);
    for (int x = 80; x < 180; x++)
        fill(b->low, x, 161, x + 1, 173, x % 4 < 2 ? 3700 : 300);
    frame_text(text, b->low);
    for (int x = 80; x + 8 <= 180; x += 8)
        CHECK_INT("line", text[161 / 8 * cols + x / 8], 1);
    CHECK_INT("left of it", text[161 / 8 * cols + 5], 0);
    CHECK_INT("above it", text[150 / 8 * cols + 12], 0);
    for (int i = 0; i < 4 * N; i++)
        b->low->cr[i] = LOW_CENTRE + 900;
    frame_text(text, b->low);
    CHECK_INT("red is no letter", text[161 / 8 * cols + 12], 0);
    bench_free(b);
}

/* Depth's edge is two cells left of luma's. */
static void an_edge_of_depth_moves_to_luma(void **state)
{
    struct bench *b = bench_new();
    AUTO_FREE uint16_t *out = xcalloc((size_t)4 * N, 2);
    AUTO_FREE int32_t *space = xcalloc((size_t)5 * N, sizeof(*space));
    int at = H * 2 * W;

    (void)state;
    for (int i = 0; i < N; i++)
        b->plane[i] = (uint16_t)(i % W < 62 ? 20000 : 50000);
    refine_depth(out, b->plane, b->half, b->low->luma, 2 * W, 2 * H, space);
    assert_in_range(out[at + 20], 19900, 20100);
    assert_in_range(out[at + 200], 49900, 50100);
    for (int i = 0; i < N; i++)
        b->half->luma[i] = (uint16_t)(i % W < 64 ? 800 : 3200);
    for (int i = 0; i < 4 * N; i++)
        b->low->luma[i] = (uint16_t)(i % (2 * W) < 128 ? 800 : 3200);
    refine_depth(out, b->plane, b->half, b->low->luma, 2 * W, 2 * H, space);
    assert_true(out[at + 128] > out[at + 127] + 8000);
    assert_true(out[at + 125] < out[at + 124] + 1000);
    bench_free(b);
}

static void means_go_along_what_moves(void **state)
{
    static uint32_t near[N], weight[N];
    static uint16_t here[N], there[N], depth_here[N], depth_there[N], out[N];
    struct steady s = { W, H, near, weight };
    struct flow_vector ways[BLOCKS];

    (void)state;
    for (int i = 0; i < N; i++) { /* a bright bar that was 16 cells to the right */
        here[i] = i % W >= 40 && i % W < 56 ? 3500 : 500;
        there[i] = i % W >= 56 && i % W < 72 ? 3500 : 500;
        depth_here[i] = 30000;
        depth_there[i] = i % W >= 56 && i % W < 72 ? 40000 : 10000;
    }
    for (int i = 0; i < BLOCKS; i++)
        ways[i] = (struct flow_vector){ i % COLS >= 5 && i % COLS < 7 ? 256 : 0, 0, 255 };
    steady_start(&s);
    steady_add(&s, depth_here, here, here, NULL);
    steady_end(out, &s);
    CHECK_INT("alone", out[48], 30000);
    steady_add(&s, depth_there, here, there, ways);
    steady_end(out, &s);
    CHECK_INT("the bar", out[30 * W + 48], 35000);
    CHECK_INT("the rest", out[30 * W + 20], 20000);
    CHECK_INT("what looks different does not count", out[30 * W + 60], 30000);
}

static void cues_count_by_weight_and_sureness(void **state)
{
    struct bench *b = bench_new();
    AUTO_FREE uint32_t *sums = xcalloc((size_t)2 * N, sizeof(*sums));
    uint16_t one[N];

    (void)state;
    cues_fuse(b->out, 0, one, b->sure, sums, &b->view);
    CHECK_INT("nothing said", b->out[0], 32768);
    cue_prior(b->plane, b->sure, &b->view);
    cues_fuse(b->out, 1, one, b->sure, sums, &b->view);
    assert_in_range(b->out[80 * W + 3], b->plane[80 * W + 3] - 2, b->plane[80 * W + 3]);
    cues_fuse(b->out, 1 | 4, one, b->sure, sums, &b->view);
    assert_in_range(b->out[80 * W + 3], b->plane[80 * W + 3] - 2, b->plane[80 * W + 3]);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shift_is_found_to_a_fraction_of_a_cell),
        cmocka_unit_test(flat_blocks_are_not_trusted),
        cmocka_unit_test(chains_follow_what_they_chain),
        cmocka_unit_test(motion_tells_near_from_far),
        cmocka_unit_test(the_cue_lies_between_blocks),
        cmocka_unit_test(an_object_is_as_near_as_its_foot),
        cmocka_unit_test(position_follows_the_horizon),
        cmocka_unit_test(sharp_is_near),
        cmocka_unit_test(a_long_edge_is_the_horizon),
        cmocka_unit_test(bars_are_black_on_both_sides),
        cmocka_unit_test(letters_are_found_and_grass_is_not),
        cmocka_unit_test(an_edge_of_depth_moves_to_luma),
        cmocka_unit_test(means_go_along_what_moves),
        cmocka_unit_test(cues_count_by_weight_and_sureness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
