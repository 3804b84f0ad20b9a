/* SPDX-License-Identifier: Apache-2.0
 *
 * barcode.h - a frame number that survives encoding, a small parallax and half-size layouts: two
 * rows of 28 blocks, each a 32nd of the picture wide. White, black, 24 bits (high first), parity of
 * the even bits, parity of the odd bits. The second row is mirrored. film_gen paints what film_read
 * reads.
 */
#ifndef TESTS_MEDIA_BARCODE_H
#define TESTS_MEDIA_BARCODE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BARCODE_GRID = 32, /* blocks across the picture */
    BARCODE_START = 2, /* the first block */
    BARCODE_BITS = 24,
    BARCODE_BLOCKS = BARCODE_BITS + 4,
    BARCODE_ROWS = 12, /* the picture's height in barcode rows */
    BARCODE_TOP = 1,   /* of those: where the two stand */
    BARCODE_BOTTOM = 9,
    BARCODE_WHITE = 212, /* of 8-bit luma */
    BARCODE_BLACK = 36,
};

static inline unsigned barcode_parity(uint32_t bits)
{
    return (unsigned)__builtin_popcount(bits) & 1;
}

/* Block i of number n: white? */
static inline bool barcode_block(uint32_t n, int i)
{
    if (i < 2)
        return i == 0;
    if (i < 2 + BARCODE_BITS)
        return n >> (BARCODE_BITS - 1 - (i - 2)) & 1;
    /* counted odd, so that a picture of one colour is no number */
    return !barcode_parity(n & (i == 2 + BARCODE_BITS ? 0x555555u : 0xaaaaaau));
}
#endif
