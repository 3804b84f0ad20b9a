/* SPDX-License-Identifier: Apache-2.0
 *
 * pgm.h - grey pictures in files; failures end the program.
 */
#ifndef BENCH_QUALITY_PGM_H
#define BENCH_QUALITY_PGM_H

#include <stdint.h>

void pgm_write(const char *path, const uint8_t *px, int width, int height);
void pgm_write16(const char *path, const uint16_t *px, int width, int height);
void pgm_read(const char *path, uint8_t *px, int width, int height);
#endif
