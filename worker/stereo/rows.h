/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h - the plain C rows of ops.h. These files are compiled once for any machine and, where the
 * compiler can, once more with wider vectors; ROWS_SUFFIX keeps the two apart.
 */
#ifndef WORKER_STEREO_ROWS_H
#define WORKER_STEREO_ROWS_H

#include "worker/stereo/ops.h"

#ifndef ROWS_SUFFIX
#define ROWS_SUFFIX c
#endif
#define ROWS_GLUE_(name, suffix) name##_##suffix
#define ROWS_GLUE(name, suffix)  ROWS_GLUE_(name, suffix)
#define ROWS(name)               ROWS_GLUE(name, ROWS_SUFFIX)

#define rows_lerp_row   ROWS(lerp_row)
#define rows_shift_row  ROWS(shift_row)
#define rows_mesh_row   ROWS(mesh_row)
#define rows_chroma_row ROWS(chroma_row)
#define rows_sample8    ROWS(sample8)
#define rows_sample10   ROWS(sample10)
#define rows_widen8     ROWS(widen8)
#define rows_widen10    ROWS(widen10)
#define rows_halve8     ROWS(halve8)
#define rows_halve10    ROWS(halve10)
#define rows_mix8       ROWS(mix8)
#define rows_mix10      ROWS(mix10)

void rows_lerp_row(uint16_t *out, const uint16_t *a, const uint16_t *b, int n, int frac_q8);
void rows_shift_row(int32_t *shift, const uint16_t *depth, int n, struct parallax parallax);
void rows_mesh_row(int32_t *map, const int32_t *shift, int n, int sign);
void rows_chroma_row(int32_t *out, const int32_t *map0, const int32_t *map1, int n, int sign);
void rows_sample8(uint8_t *out, const uint16_t *src, const int32_t *map, int n);
void rows_sample10(uint16_t *out, const uint16_t *src, const int32_t *map, int n);
void rows_widen8(uint16_t *out, const uint8_t *in, int n);
void rows_widen10(uint16_t *out, const uint16_t *in, int n);
void rows_halve8(uint8_t *out, const uint8_t *in, int n_out, int n_in);
void rows_halve10(uint16_t *out, const uint16_t *in, int n_out, int n_in);
void rows_mix8(uint8_t *out, const uint8_t *const in[4], int n);
void rows_mix10(uint16_t *out, const uint16_t *const in[4], int n);

#define ROWS_TABLE(text)                                                                           \
    {                                                                                              \
        .name = (text), .lerp_row = rows_lerp_row, .shift_row = rows_shift_row,                    \
        .mesh_row = rows_mesh_row, .chroma_row = rows_chroma_row, .sample8 = rows_sample8,         \
        .sample10 = rows_sample10, .widen8 = rows_widen8, .widen10 = rows_widen10,                 \
        .halve8 = rows_halve8, .halve10 = rows_halve10, .mix8 = rows_mix8, .mix10 = rows_mix10,    \
    }
#endif
