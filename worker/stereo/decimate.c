/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/rows.h"

/* [1 3 3 1] / 8 lies between two samples, so that both halves stay where they were. */
static inline __attribute__((always_inline)) int low_pass(int a, int b, int c, int d)
{
    return (a + 3 * (b + c) + d + 4) >> 3;
}

static inline __attribute__((always_inline)) int at_end(int i, int n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

#define HALVE(name, type)                                                                          \
    static type name##_end(const type *in, int i, int n)                                           \
    {                                                                                              \
        return (type)low_pass(in[at_end(i - 1, n)], in[at_end(i, n)], in[at_end(i + 1, n)],        \
                              in[at_end(i + 2, n)]);                                               \
    }                                                                                              \
    void name(type *out, const type *in, int n_out, int n_in)                                      \
    {                                                                                              \
        int inner = (n_in - 1) / 2 < n_out ? (n_in - 1) / 2 : n_out;                               \
                                                                                                   \
        for (int x = 1; x < inner; x++)                                                            \
            out[x] = (type)low_pass(in[2 * x - 1], in[2 * x], in[2 * x + 1], in[2 * x + 2]);       \
        for (int x = inner < 1 ? 1 : inner; x < n_out; x++)                                        \
            out[x] = name##_end(in, 2 * x, n_in);                                                  \
        out[0] = name##_end(in, 0, n_in);                                                          \
    }
HALVE(rows_halve8, uint8_t)
HALVE(rows_halve10, uint16_t)

#define MIX(name, type)                                                                            \
    void name(type *out, const type *const in[4], int n)                                           \
    {                                                                                              \
        const type *a = in[0], *b = in[1], *c = in[2], *d = in[3];                                 \
                                                                                                   \
        for (int x = 0; x < n; x++)                                                                \
            out[x] = (type)low_pass(a[x], b[x], c[x], d[x]);                                       \
    }
MIX(rows_mix8, uint8_t)
MIX(rows_mix10, uint16_t)
