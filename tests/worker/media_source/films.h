/* SPDX-License-Identifier: Apache-2.0
 *
 * films.h - what tests of sources and plans share: the films made by make_films, frames as the
 * ffmpeg tool sees them, pictures as fingerprints.
 */
#ifndef TESTS_WORKER_FILMS_H
#define TESTS_WORKER_FILMS_H

#include "worker/media/decoder.h"
#include "worker/plan/draft.h"

#include <stddef.h>
#include <stdint.h>

#define FILM_PATH_SIZE 512

#define TOOL_KNOWS_NOT INT64_MIN /* "N/A": a film's last frame in AVI, MPEG-PS */

/* In the folder of films; ends the test when it is not there. */
void film_path(char out[FILM_PATH_SIZE], const char *name);
/* The pts of every frame as `ffprobe -show_frames` lists them (best effort). Caller frees *out.
 * options go before the input, or "". */
size_t film_probe(int64_t **out, const char *name, const char *options, int stream);

struct picture {
    int64_t pts;
    uint32_t crc; /* of all three planes */
};
uint32_t picture_crc(const struct media_frame *frame);
/* Every frame with pts < end. Caller frees *out. */
size_t film_decode(struct picture **out, struct media_decoder *decoder, int64_t end);

/* A spec with nothing asked for but these. */
struct job_spec *film_spec(const char *uri, double segment_seconds, enum depth_kind depth);
#endif
