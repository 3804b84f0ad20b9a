/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/rows.h"

#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Catmull-Rom at n/256 between taps 1 and 2, Q12. Numerators are over 2^25; the taps are rounded
 * and the larger middle one takes what is left, so that a row sums to 4096 and row 256-n is row n
 * backwards. */
#define ONE      4096
#define ROUND(x) (((x) >= 0 ? (x) + 4096 : (x)-4096) / 8192)
#define OUT0(n)  ROUND(-(n) * (n) * (n) + 512 * (n) * (n)-65536 * (n))
#define IN1(n)   ROUND(3 * (n) * (n) * (n)-1280 * (n) * (n) + 33554432)
#define OUT3(n)  OUT0(256 - (n))
#define IN2(n)   IN1(256 - (n))
#define TAP1(n)  ((n) <= 128 ? ONE - OUT0(n) - IN2(n) - OUT3(n) : IN1(n))
#define TAP2(n)  TAP1(256 - (n))
#define CUBIC1(n)                                                                                  \
    {                                                                                              \
        OUT0(n), TAP1(n), TAP2(n), OUT3(n)                                                         \
    }
#define CUBIC4(n)  CUBIC1(n), CUBIC1((n) + 1), CUBIC1((n) + 2), CUBIC1((n) + 3)
#define CUBIC16(n) CUBIC4(n), CUBIC4((n) + 4), CUBIC4((n) + 8), CUBIC4((n) + 12)
#define CUBIC64(n) CUBIC16(n), CUBIC16((n) + 16), CUBIC16((n) + 32), CUBIC16((n) + 48)
static const int16_t cubic[256][4] = { CUBIC64(0), CUBIC64(64), CUBIC64(128), CUBIC64(192) };

static inline __attribute__((always_inline)) int sample(const uint16_t *src, int32_t at, int top)
{
    const uint16_t *s = src + (at >> 8) - 1;
    const int16_t *w = cubic[at & 255];
    int v = (s[0] * w[0] + s[1] * w[1] + s[2] * w[2] + s[3] * w[3] + ONE / 2) >> 12;

    v = v < 0 ? 0 : v;
    return v > top ? top : v;
}

#if defined(__AVX2__)
static inline __attribute__((always_inline)) __m128i taps(const uint16_t *s, const int32_t *at)
{
    return _mm_unpacklo_epi64(_mm_loadl_epi64((const void *)(s + (at[0] >> 8))),
                              _mm_loadl_epi64((const void *)(s + (at[1] >> 8))));
}

static inline __attribute__((always_inline)) __m128i weights(const int32_t *at)
{
    return _mm_unpacklo_epi64(_mm_loadl_epi64((const void *)cubic[at[0] & 255]),
                              _mm_loadl_epi64((const void *)cubic[at[1] & 255]));
}

/* Four pixels: the four taps of each, times their weights, added in pairs. Loads one by one: many
 * CPUs gather slower than that. */
static inline __attribute__((always_inline)) __m256i pairs(const uint16_t *src, const int32_t *at)
{
    return _mm256_madd_epi16(_mm256_set_m128i(taps(src - 1, at + 2), taps(src - 1, at)),
                             _mm256_set_m128i(weights(at + 2), weights(at)));
}

/* Eight pixels as 32 bit, in the order 0 1 4 5 2 3 6 7. */
static inline __attribute__((always_inline)) __m256i sums(const uint16_t *src, const int32_t *at)
{
    __m256i sum = _mm256_hadd_epi32(pairs(src, at), pairs(src, at + 4));

    return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(ONE / 2)), 12);
}

/* Eight pixels as 16 bit, not clamped. */
static inline __attribute__((always_inline)) __m128i eight(const uint16_t *src, const int32_t *at)
{
    __m256i v = _mm256_permute4x64_epi64(sums(src, at), 0xd8);

    return _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}
#elif defined(__SSE2__)
/* Two pixels: the four taps of each side by side, times their weights, added in pairs. */
static inline __attribute__((always_inline)) __m128i pairs(const uint16_t *src, const int32_t *at)
{
    const uint16_t *s = src - 1;
    __m128i taps = _mm_unpacklo_epi64(_mm_loadl_epi64((const void *)(s + (at[0] >> 8))),
                                      _mm_loadl_epi64((const void *)(s + (at[1] >> 8))));
    __m128i weights = _mm_unpacklo_epi64(_mm_loadl_epi64((const void *)cubic[at[0] & 255]),
                                         _mm_loadl_epi64((const void *)cubic[at[1] & 255]));

    return _mm_madd_epi16(taps, weights);
}

static inline __attribute__((always_inline)) __m128i four(const uint16_t *src, const int32_t *at)
{
    __m128 low = _mm_castsi128_ps(pairs(src, at)), high = _mm_castsi128_ps(pairs(src, at + 2));
    __m128i sum = _mm_add_epi32(_mm_castps_si128(_mm_shuffle_ps(low, high, 0x88)),
                                _mm_castps_si128(_mm_shuffle_ps(low, high, 0xdd)));

    return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(ONE / 2)), 12);
}

/* Eight pixels as 16 bit, not clamped. */
static inline __attribute__((always_inline)) __m128i eight(const uint16_t *src, const int32_t *at)
{
    return _mm_packs_epi32(four(src, at), four(src, at + 4));
}
#endif

#ifdef __SSE2__
static int sample8_eights(uint8_t *out, const uint16_t *src, const int32_t *map, int n)
{
    int x = 0;

    for (; x + 8 <= n; x += 8) {
        __m128i v = eight(src, map + x);

        _mm_storel_epi64((void *)(out + x), _mm_packus_epi16(v, v));
    }
    return x;
}

static int sample10_eights(uint16_t *out, const uint16_t *src, const int32_t *map, int n)
{
    __m128i top = _mm_set1_epi16(1023);
    int x = 0;

    for (; x + 8 <= n; x += 8) {
        __m128i v = _mm_max_epi16(eight(src, map + x), _mm_setzero_si128());

        _mm_storeu_si128((void *)(out + x), _mm_min_epi16(v, top));
    }
    return x;
}
#else
static int sample8_eights(uint8_t *out, const uint16_t *src, const int32_t *map, int n)
{
    (void)out, (void)src, (void)map, (void)n;
    return 0;
}

static int sample10_eights(uint16_t *out, const uint16_t *src, const int32_t *map, int n)
{
    (void)out, (void)src, (void)map, (void)n;
    return 0;
}
#endif

void rows_sample8(uint8_t *out, const uint16_t *src, const int32_t *map, int n)
{
    for (int x = sample8_eights(out, src, map, n); x < n; x++)
        out[x] = (uint8_t)sample(src, map[x], 255);
}

void rows_sample10(uint16_t *out, const uint16_t *src, const int32_t *map, int n)
{
    for (int x = sample10_eights(out, src, map, n); x < n; x++)
        out[x] = (uint16_t)sample(src, map[x], 1023);
}

static void repeat_ends(uint16_t *out, int n)
{
    for (int i = 1; i <= ROW_PAD; i++) {
        out[-i] = out[0];
        out[n - 1 + i] = out[n - 1];
    }
}

void rows_widen8(uint16_t *out, const uint8_t *in, int n)
{
    for (int x = 0; x < n; x++)
        out[x] = in[x];
    repeat_ends(out, n);
}

void rows_widen10(uint16_t *out, const uint16_t *in, int n)
{
    memcpy(out, in, (size_t)n * sizeof(*out));
    repeat_ends(out, n);
}

/* One chroma coordinate from the 2x2 luma coordinates over it, brought to the first column: their
 * mean on one surface, else that of the nearest surface. */
static inline __attribute__((always_inline)) int32_t chroma(int32_t a, int32_t b, int32_t c,
                                                            int32_t d, int sign)
{
    int32_t low_ab = a < b ? a : b, low_cd = c < d ? c : d;
    int32_t high_ab = a < b ? b : a, high_cd = c < d ? d : c;
    int32_t low = low_ab < low_cd ? low_ab : low_cd;
    int32_t high = high_ab > high_cd ? high_ab : high_cd;
    int32_t mean = (a + b + c + d + 2) >> 2;
    int32_t nearest = sign > 0 ? low : high;

    return (high - low > 256 ? nearest : mean) >> 1;
}

void rows_chroma_row(int32_t *out, const int32_t *map0, const int32_t *map1, int n, int sign)
{
    for (int x = 0; x < n / 2; x++)
        out[x] =
            chroma(map0[2 * x], map0[2 * x + 1] - 256, map1[2 * x], map1[2 * x + 1] - 256, sign);
    if (n & 1)
        out[n / 2] = chroma(map0[n - 1], map0[n - 1], map1[n - 1], map1[n - 1], sign);
}

void rows_lerp_row(uint16_t *out, const uint16_t *a, const uint16_t *b, int n, int frac_q8)
{
    for (int x = 0; x < n; x++)
        out[x] = (uint16_t)((a[x] * (256 - frac_q8) + b[x] * frac_q8 + 128) >> 8);
}

void rows_shift_row(int32_t *shift, const uint16_t *depth, int n, struct parallax p)
{
    for (int x = 0; x < n; x++)
        shift[x] = parallax_shift(depth[x], p);
}
