/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h - a job in a fresh folder: a film made by ffmpeg, its plan, attempts at its segments, and
 * the frames that came out.
 */
#ifndef TESTS_WORKER_CONVERT_WORLD_H
#define TESTS_WORKER_CONVERT_WORLD_H

#include "tests/worker/convert/pictures.h"
#include "worker/job.h"

struct world {
    char folder[64];    /* holds film.*, depth.*, work/ */
    char *film;         /* owned; its path */
    struct job job;     /* of the attempt made last */
    struct record plan; /* what plan_run answered */
    volatile sig_atomic_t should_stop;
};

/* ffmpeg_args: all between "ffmpeg" and the output's name, which is folder/name. */
void world_open(struct world *world, const char *name, const char *ffmpeg_args);
void world_clear(struct world *world);
/* Another film in the same folder. Caller frees the path. */
char *world_make_film(struct world *world, const char *name, const char *ffmpeg_args);
/* Empties the work store and plans anew, segments as long as given. The spec may be changed before
 * that; it is world->job.spec. */
void world_plan(struct world *world, double segment_seconds);
/* One attempt, in this process. */
int world_convert(struct world *world, uint32_t index, uint32_t attempt, struct record *record,
                  struct err *err);
/* All segments by their records, decoded: sha256 of each frame's planes, in order. Caller frees. */
struct world_frame {
    int64_t pts;
    char hash[HASH_HEX_SIZE];
    int luma; /* of the middle pixel */
} * world_frames(struct world *world, size_t *count);
/* How many files are below work/segments, hidden ones too. */
int world_files(const struct world *world);
#endif
