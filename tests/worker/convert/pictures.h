/* SPDX-License-Identifier: Apache-2.0
 *
 * pictures.h - frames made by arithmetic, an encoder for them, and a work store in a fresh folder.
 */
#ifndef TESTS_WORKER_CONVERT_PICTURES_H
#define TESTS_WORKER_CONVERT_PICTURES_H

#include "tests/common/check.h"
#include "worker/media/encoder.h"
#include "worker/store/store.h"

struct pictures {
    const char *codec, *preset;
    int crf;
    int width, height, bit_depth;
    enum layout layout;
    struct ratio time_base;
};

/* Picture n: a moving gradient with a moving square and some noise. Never fails. */
struct media_frame *pictures_frame(const struct pictures *p, int n, int64_t pts);
/* Opens the encoder for them; fails the test when it cannot. */
struct media_encoder *pictures_encoder(const struct pictures *p);
/* What /bin/sh makes of it: 0 when it succeeded. */
int shell(const char *command);
/* A folder below /tmp and the store in it. */
struct store *pictures_store(char folder[64]);
void pictures_store_remove(struct store *store, const char *folder);
#endif
