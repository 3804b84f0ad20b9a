/* SPDX-License-Identifier: Apache-2.0
 *
 * image.h - planes as the worker's rooms pass them: 4:2:0 YUV, 8 bit in uint8_t or 10 bit in
 * native-endian uint16_t (low bits), and single planes. Plain values; who owns the memory is said
 * where they are handed over. Strides are bytes. Chroma planes are ceil(width/2) x ceil(height/2);
 * only a packed anaglyph may have full_chroma.
 */
#ifndef WORKER_IMAGE_H
#define WORKER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
    uint8_t *plane[3];
    ptrdiff_t stride[3];
    int width, height; /* of luma, >= 2 */
    int bit_depth;     /* 8 or 10 */
    bool full_chroma;  /* 4:4:4 */
};

struct plane16 { /* depth: 0 = far, 65535 = near */
    uint16_t *px;
    int width, height;
    ptrdiff_t stride;
};
#endif
