/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/rows.h"

#include <stdbool.h>
#include <stdlib.h>

/* Neighbours that move apart by more than this (Q8 px) lie on two surfaces. Below 256, so that
 * within a surface the target coordinate always grows and nothing folds. */
#define CUT_Q8  192
#define HALF_Q8 128

/* inverse[length] = 256 * 65536 / length, so that a part of a segment becomes a fraction without a
 * division. Lengths are 256 - CUT_Q8 .. 256 + CUT_Q8. */
#define INV1(n)   ((n) ? ((256 << 16) + (n) / 2) / ((n) ? (n) : 1) : 0)
#define INV4(n)   INV1(n), INV1((n) + 1), INV1((n) + 2), INV1((n) + 3)
#define INV16(n)  INV4(n), INV4((n) + 4), INV4((n) + 8), INV4((n) + 12)
#define INV64(n)  INV16(n), INV16((n) + 16), INV16((n) + 32), INV16((n) + 48)
#define INV256(n) INV64(n), INV64((n) + 64), INV64((n) + 128), INV64((n) + 192)
static const int32_t inverse[512] = { INV256(0), INV256(256) };

/* Larger parallax wins. Since target = source + sign * parallax, at one target that is the larger
 * source coordinate for the right eye and the smaller one for the left: no z buffer is needed. */
static inline __attribute__((always_inline)) void put(int32_t *map, int32_t x, int32_t source,
                                                      int sign)
{
    if (sign > 0 ? source < map[x] : source > map[x])
        map[x] = source;
}

/* The free end of a surface reaches half a pixel beyond its last pixel, at that pixel's depth. */
static inline __attribute__((always_inline)) void put_half(int32_t *map, int32_t i, int32_t at,
                                                           bool to_right, int sign)
{
    int32_t x = to_right ? (at + 255) >> 8 : at >> 8;
    int32_t off = x * 256 - at;

    if (abs(off) <= HALF_Q8)
        put(map, x, i * 256 + off, sign);
}

static inline __attribute__((always_inline)) void mesh(int32_t *restrict map,
                                                       const int32_t *restrict shift, int n,
                                                       int sign)
{
    int32_t at = sign * shift[0];

    put_half(map, 0, at, false, sign);
    for (int i = 0; i < n - 1; i++) {
        int32_t next = (i + 1) * 256 + sign * shift[i + 1];
        int32_t length = next - at;
        int32_t x = (at + 255) >> 8;

        if ((uint32_t)(length - (256 - CUT_Q8)) > 2 * CUT_Q8) {
            put_half(map, i, at, true, sign);
            put_half(map, i + 1, next, false, sign);
        } else {
            int32_t inv = inverse[length];

            for (int32_t off = x * 256 - at; off < length; off += 256, x++)
                put(map, x, i * 256 + ((off * inv + (1 << 15)) >> 16), sign);
        }
        at = next;
    }
    put_half(map, n - 1, at, true, sign);
}

void rows_mesh_row(int32_t *map, const int32_t *shift, int n, int sign)
{
    for (int x = 0; x < n; x++)
        map[x] = MAP_HOLE(sign);
    if (sign > 0)
        mesh(map, shift, n, 1);
    else
        mesh(map, shift, n, -1);
}
