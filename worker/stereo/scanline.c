/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/rows.h"

#include <stdbool.h>
#include <stdlib.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#define CUT_Q8  SURFACE_STEP_Q8
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

#ifdef __AVX2__
/* Segments i to i + 7 when every one of them covers one target, each the next one's: their sources
 * are then one vector. False when they do not; nothing is done then. */
static inline __attribute__((always_inline)) bool mesh_eight(int32_t *map, const int32_t *shift,
                                                             int i, int sign)
{
    __m256i count = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), up = _mm256_set1_epi32(255);
    __m256i base = _mm256_slli_epi32(_mm256_add_epi32(_mm256_set1_epi32(i), count), 8);
    __m256i move = _mm256_loadu_si256((const void *)(shift + i));
    __m256i after = _mm256_loadu_si256((const void *)(shift + i + 1));
    __m256i at, next, x, length, wrong, off, part, old;
    int32_t len[8], x0 = i + ((sign * shift[i] + 255) >> 8);

    if (sign > 0) {
        at = _mm256_add_epi32(base, move);
        length = _mm256_sub_epi32(after, move);
    } else {
        at = _mm256_sub_epi32(base, move);
        length = _mm256_sub_epi32(move, after);
    }
    length = _mm256_add_epi32(length, _mm256_set1_epi32(256));
    next = _mm256_add_epi32(at, length);
    x = _mm256_add_epi32(_mm256_set1_epi32(x0), count);
    wrong = _mm256_xor_si256(_mm256_srai_epi32(_mm256_add_epi32(at, up), 8), x);
    off = _mm256_sub_epi32(_mm256_srai_epi32(_mm256_add_epi32(next, up), 8), x);
    wrong = _mm256_or_si256(wrong, _mm256_xor_si256(off, _mm256_set1_epi32(1)));
    off = _mm256_abs_epi32(_mm256_sub_epi32(length, _mm256_set1_epi32(256)));
    wrong = _mm256_or_si256(wrong, _mm256_cmpgt_epi32(off, _mm256_set1_epi32(CUT_Q8)));
    if (!_mm256_testz_si256(wrong, wrong))
        return false;
    _mm256_storeu_si256((void *)len, length);
    part = _mm256_setr_epi32(inverse[len[0]], inverse[len[1]], inverse[len[2]], inverse[len[3]],
                             inverse[len[4]], inverse[len[5]], inverse[len[6]], inverse[len[7]]);
    off = _mm256_sub_epi32(_mm256_slli_epi32(x, 8), at);
    part = _mm256_add_epi32(_mm256_mullo_epi32(off, part), _mm256_set1_epi32(1 << 15));
    part = _mm256_add_epi32(base, _mm256_srai_epi32(part, 16));
    old = _mm256_loadu_si256((const void *)(map + x0));
    part = sign > 0 ? _mm256_min_epi32(old, part) : _mm256_max_epi32(old, part);
    _mm256_storeu_si256((void *)(map + x0), part);
    return true;
}
#else
static inline bool mesh_eight(int32_t *map, const int32_t *shift, int i, int sign)
{
    (void)map, (void)shift, (void)i, (void)sign;
    return false;
}
#endif

static inline __attribute__((always_inline)) void mesh(int32_t *restrict map,
                                                       const int32_t *restrict shift, int n,
                                                       int sign)
{
    int32_t at = sign * shift[0];

    put_half(map, 0, at, false, sign);
    for (int i = 0; i < n - 1; i++) {
        while (i + 8 < n && mesh_eight(map, shift, i, sign)) {
            i += 8;
            at = i * 256 + sign * shift[i];
        }
        if (i == n - 1)
            break;
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
